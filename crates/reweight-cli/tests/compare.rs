//! `reweight compare` as a user runs it, on a table small enough to train in a second.

#![allow(clippy::unwrap_used, reason = "a helper of tests fails as the tests do")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// 120 rows of two numbers and a category; every tenth is `rare`, and lies apart but for some noise.
fn table() -> String {
    let mut text = "x,y,site,label\n".to_owned();
    for row in 0..120_u32 {
        let rare = row % 10 == 3;
        let wave = f64::from((row * 37) % 101) / 50.0 - 1.0;
        let x = wave + if rare { 0.8 } else { 0.0 };
        let label = if rare { "rare" } else { "common" };
        let site = ["north", "south", "?"][row as usize % 3];
        writeln!(text, "{x},{},{site},{label}", wave * wave).unwrap();
    }
    text
}

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("data.csv"), table()).unwrap();
    folder
}

const SMALL: [&str; 9] = ["data.csv", "--folds", "2", "--repeats", "2", "--epochs", "4", "--hidden", "4"];

fn compare(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reweight"));
    command.current_dir(folder).arg("compare").args(arguments).output().unwrap()
}

#[track_caller]
fn done(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[track_caller]
fn refused(output: &Output) -> String {
    let message = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(!message.contains("panicked"), "{message}");
    message
}

#[test]
fn neither_the_hour_nor_the_threads_change_a_byte() {
    let folder = folder();
    let mut files = Vec::new();
    for (index, threads) in ["1", "1", "2"].into_iter().enumerate() {
        let json = format!("{index}.json");
        done(&compare(folder.path(), &[&SMALL[..], &["--threads", threads, "--json", &json]].concat()));
        files.push(fs::read(folder.path().join(json)).unwrap());
    }
    assert!(files[0] == files[1], "repeated");
    assert!(files[0] == files[2], "two threads");
    let other = [&SMALL[..], &["--seed", "9", "--json", "9.json"]].concat();
    done(&compare(folder.path(), &other));
    assert!(files[0] != fs::read(folder.path().join("9.json")).unwrap(), "the seed matters");
}

#[test]
fn a_recorded_comparison_is_repeated_to_the_bit_or_said_not_to_be() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    done(&compare(folder.path(), &[&SMALL[..], &["--json", "run.json"]].concat()));
    let text = done(&compare(folder.path(), &["--repeat", "run.json", "--json", "again.json", "--threads", "2"]));
    assert!(text.contains("Repeated to the bit: all 24 networks"), "{text}");
    let run = fs::read_to_string(path("run.json")).unwrap();
    assert!(fs::read_to_string(path("again.json")).unwrap() == run);
    let slower = run.replace("\"learning_rate\": 0.003", "\"learning_rate\": 0.002");
    assert_ne!(slower, run);
    fs::write(path("slower.json"), slower).unwrap();
    let output = compare(folder.path(), &["--repeat", "slower.json"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stdout).unwrap().contains("24 of 24 networks differ"));
    #[cfg(not(feature = "cuda"))]
    {
        let elsewhere = run.replace("\"device\": \"cpu\"", "\"device\": \"cuda\"");
        assert_ne!(elsewhere, run);
        fs::write(path("cuda.json"), elsewhere).unwrap();
        assert!(refused(&compare(folder.path(), &["--repeat", "cuda.json"])).contains("built without CUDA"));
    }
    fs::write(path("data.csv"), table() + "0,0,north,common\n").unwrap();
    assert!(refused(&compare(folder.path(), &["--repeat", "run.json"])).contains("data.csv: the data has changed"));
    assert!(refused(&compare(folder.path(), &["--repeat", "data.csv"])).contains("data.csv: not a comparison"));
    refused(&compare(folder.path(), &["--repeat", "run.json", "--epochs", "3"]));
}

#[test]
fn the_json_holds_every_network_and_setting() {
    let folder = folder();
    fs::write(folder.path().join("own.toml"), "objective = \"bce\"\n[[weighter]]\nkind = \"focal\"\ngamma = 0.0\n")
        .unwrap();
    let more = ["--strategy", "own=own.toml", "--positive", "rare", "--json", "all.json"];
    let text = done(&compare(folder.path(), &[&SMALL[..], &more].concat()));
    let all: Value = serde_json::from_slice(&fs::read(folder.path().join("all.json")).unwrap()).unwrap();
    assert_eq!((&all["format"], &all["partial"]), (&Value::from("reweight-comparison"), &Value::from(false)));
    let names: Vec<&str> = all["results"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["plain CE", "α-balance", "focal", "α·focal", "GHM", "focal·GHM", "own"]);
    names.iter().for_each(|name| assert!(text.contains(name), "{name}"));
    let runs = all["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 7 * 4);
    assert!(runs.iter().all(|run| run["epoch_losses"].as_array().unwrap().len() == 4));
    // γ = 0 is plain cross entropy, from the same weights on the same batches: the very same networks.
    for fold in runs.chunks(7) {
        let bits = |run: &Value| run["logits_sha256"].clone();
        assert_eq!(bits(&fold[0]), bits(&fold[6]));
        assert_ne!(bits(&fold[0]), bits(&fold[2]));
    }
    assert_eq!(all["results"][6]["figures"][0]["to_baseline"]["mean"], 0.0);
    assert_eq!(all["settings"]["training"]["seeds"], serde_json::json!([0, 1]));
    assert_eq!(all["settings"]["strategies"][6]["loss"]["weighter"][0]["gamma"], 0.0);
    assert_eq!(all["data"]["labels"], serde_json::json!([["common", 108], ["rare", 12]]));
    assert_eq!(all["data"]["sha256"].as_str().unwrap().len(), 64);
    // The command that it names does the same again.
    let command = all["command"].as_str().unwrap();
    let words: Vec<&str> = command.split(' ').skip(2).chain(["--json", "again.json"]).collect();
    done(&compare(folder.path(), &words));
    assert!(fs::read(folder.path().join("again.json")).unwrap() == fs::read(folder.path().join("all.json")).unwrap());
}

#[test]
fn many_classes_are_told_apart() {
    let folder = folder();
    let more = ["--target", "site", "--multiclass", "--json", "all.json"];
    let text = done(&compare(folder.path(), &[&SMALL[..], &more].concat()));
    assert!(text.contains("macro F1") && text.contains("worst class's recall"), "{text}");
    let all: Value = serde_json::from_slice(&fs::read(folder.path().join("all.json")).unwrap()).unwrap();
    assert_eq!(all["figures"].as_array().unwrap().len(), 4);
}

#[test]
fn quiet_leaves_the_table_and_the_verdict() {
    let folder = folder();
    let loud = done(&compare(folder.path(), &SMALL));
    let quiet = done(&compare(folder.path(), &[&SMALL[..], &["--quiet"]].concat()));
    assert!(loud.contains("Repeat it with:") && !quiet.contains("Repeat it with:"));
    assert!(quiet.lines().all(|line| loud.contains(line)) && quiet.contains("hardest positives"), "{quiet}");
}

#[test]
fn strategies_that_cannot_be_used() {
    let folder = folder();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("softmax.toml", "objective = \"softmax-ce\"");
    write("none.toml", "objective = \"bce\"\nreduction = \"none\"");
    write(
        "three.toml",
        "objective = \"bce\"\n[[weighter]]\nkind = \"alpha-balance\"\nclass_weights = [1.0, 2.0, 3.0]\n",
    );
    write("gamma.toml", "objective = \"bce\"\n[[weighter]]\nkind = \"focal\"\ngamma = -1.0\n");
    write("good.toml", "objective = \"bce\"");
    for (strategies, expected) in [
        (vec!["a=softmax.toml"], "the objective is \"softmax-ce\", but telling one label from the rest needs \"bce\""),
        (vec!["a=none.toml"], "the reduction \"none\" gives no single loss"),
        (vec!["a=three.toml"], "strategy `a` (three.toml): "),
        (vec!["a=gamma.toml"], "`gamma` is -1"),
        (vec!["a=nowhere.toml"], "nowhere.toml: the config cannot be read"),
        (vec!["a=good.toml", "a=good.toml"], "strategy `a` is given twice"),
        (vec!["plain-ce=good.toml"], "is what the others are compared with"),
    ] {
        let options = strategies.iter().flat_map(|strategy| ["--strategy", strategy]);
        let arguments: Vec<&str> = SMALL.into_iter().chain(options).collect();
        let message = refused(&compare(folder.path(), &arguments));
        assert!(message.contains(expected), "{message}");
    }
    let unwritable = [&SMALL[..], &["--json", "nowhere/all.json"]].concat();
    assert!(refused(&compare(folder.path(), &unwritable)).contains("nowhere/all.json: cannot be written"));
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let folder = folder();
    let mut command = Command::new(env!("CARGO_BIN_EXE_reweight"));
    command.current_dir(folder.path()).arg("compare").args(SMALL);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // As `| head` does: the pipe's other end is closed before anything is written.
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn numbers_that_are_none_are_refused_with_their_place() {
    let folder = tempfile::tempdir().unwrap();
    for (cell, expected) in [("NaN", None), ("inf", Some("line 7")), ("1e999", Some("line 7")), ("abc", Some("line 7"))]
    {
        let text = table().lines().enumerate().fold(String::new(), |text, (index, line)| {
            let line = if index == 6 { format!("{cell},{}", line.split_once(',').unwrap().1) } else { line.to_owned() };
            text + &line + "\n"
        });
        fs::write(folder.path().join("data.csv"), text).unwrap();
        let output = compare(folder.path(), &SMALL);
        match expected {
            Some(place) => assert!(refused(&output).contains(place), "{cell}"),
            // A missing value, as in many files.
            None => drop(done(&output)),
        }
    }
}

/// Ctrl-C after the first folds: what is finished is shown, with the exit code that shells give to an interruption.
#[cfg(unix)]
#[test]
fn an_interruption_shows_what_is_finished() {
    let folder = folder();
    // Far more than is trained before the signal, in folds that are short beside the wait; the program ends itself by it.
    let endless = ["data.csv", "--folds", "2", "--repeats", "1000", "--epochs", "40", "--hidden", "4", "-q"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_reweight"));
    command.current_dir(folder.path()).arg("compare").args(endless).args(["--json", "part.json"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(130), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("INTERRUPTED"), "{text}");
    let part: Value = serde_json::from_slice(&fs::read(folder.path().join("part.json")).unwrap()).unwrap();
    assert_eq!(part["partial"], Value::Bool(true));
}

#[test]
fn presets_by_name_are_trained_shown_and_repeated() {
    let folder = folder();
    let names = ["logit-adjustment", "ldam", "asl", "poly-1", "gce", "hard-examples"];
    let named: Vec<&str> = names.iter().flat_map(|name| ["--strategy", name]).collect();
    let more = ["--no-presets", "--json", "run.json", "--report", "run.html"];
    let text = done(&compare(folder.path(), &[&SMALL[..], &named, &more].concat()));
    let run: Value = serde_json::from_slice(&fs::read(folder.path().join("run.json")).unwrap()).unwrap();
    let results = run["results"].as_array().unwrap();
    let shown = ["plain CE", "logit adjustment", "LDAM", "ASL", "Poly-1", "GCE", "hard examples"];
    for (result, name) in results.iter().zip(shown) {
        assert!(result["name"] == name && text.contains(name), "{name}");
    }
    // Each trains otherwise than plain cross entropy.
    let logits = |strategy: usize| run["runs"].as_array().unwrap()[strategy]["logits_sha256"].clone();
    (1..shown.len()).for_each(|strategy| assert_ne!(logits(strategy), logits(0), "{}", shown[strategy]));
    let again = done(&compare(folder.path(), &["--repeat", "run.json"]));
    assert!(again.contains("Repeated to the bit: all 28 networks"), "{again}");

    let message = refused(&compare(folder.path(), &[&SMALL[..], &["--multiclass", "--strategy", "asl"]].concat()));
    assert!(message.contains("strategy `ASL` (built in)"), "{message}");
}
