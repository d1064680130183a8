//! `reweight tune` as a user runs it, on tables small enough to be searched in seconds.

#![allow(clippy::unwrap_used, reason = "a helper of tests fails as the tests do")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// A number in [−1, 1) that no other row's or column's tells anything of.
fn noise(row: u32, column: u32) -> f64 {
    let mut word = u64::from(row) << 32 | u64::from(column) | 1 << 63;
    // SplitMix64's finaliser.
    for (shift, factor) in [(30, 0xbf58_476d_1ce4_e5b9), (27, 0x94d0_49bb_1331_11eb)] {
        word = (word ^ (word >> shift)).wrapping_mul(factor);
    }
    ((word ^ (word >> 31)) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

/// About normal, with a deviation of 1: twelve uniform numbers' sum, halved.
fn normal(row: u32, column: u32) -> f64 {
    (0..12).map(|part| noise(row, 100 * column + part)).sum::<f64>() / 2.0
}

/// Three classes, the rarest 5 %. It stands apart in x, but so do a few far-off rows of the most frequent one: a linear model that
/// counts rows alone turns away from x for their sake, one that balances the classes does not. No threshold makes up for that.
fn planted() -> String {
    let mut text = "x,y,z,class\n".to_owned();
    for row in 0..1200_u32 {
        let (x, y, z, class) = match row % 20 {
            0 => (3.0 + 0.5 * normal(row, 0), normal(row, 1) + 0.5, normal(row, 2), "rare"),
            1..6 => (0.5 * normal(row, 0), normal(row, 1), normal(row, 2) + 4.0, "some"),
            6 => (12.0 + normal(row, 0), normal(row, 1), normal(row, 2), "many"),
            _ => (0.5 * normal(row, 0), normal(row, 1), normal(row, 2), "many"),
        };
        writeln!(text, "{x:.4},{y:.4},{z:.4},{class}").unwrap();
    }
    text
}

/// Two classes whose log odds are linear in x and y: a linear model under plain cross entropy has nothing to be helped with.
fn plain() -> String {
    let mut text = "x,y,class\n".to_owned();
    for row in 0..500_u32 {
        let (shift, class) = if row % 10 == 0 { (1.2, "yes") } else { (0.0, "no") };
        writeln!(text, "{:.4},{:.4},{class}", normal(row, 0) + shift, normal(row, 1) - shift).unwrap();
    }
    text
}

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("planted.csv"), planted()).unwrap();
    fs::write(folder.path().join("plain.csv"), plain()).unwrap();
    folder
}

/// Two outer folds, few epochs.
const SMALL: [&str; 12] = [
    "plain.csv",
    "--folds",
    "2",
    "--repeats",
    "1",
    "--epochs",
    "4",
    "--learner",
    "linear",
    "--trials",
    "12",
    "--budget=none",
];

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reweight"));
    command.current_dir(folder).arg("tune").args(arguments);
    command
}

fn tune(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
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

fn json(folder: &Path, name: &str) -> Value {
    serde_json::from_slice(&fs::read(folder.join(name)).unwrap()).unwrap()
}

#[test]
fn neither_the_hour_nor_the_threads_change_a_byte() {
    let folder = folder();
    let file = |threads: &str, name: &str, seed: &str| {
        let more =
            ["--threads", threads, "--seed", seed, "--json", name, "--write", "loss.toml", "--report", "tune.html"];
        done(&tune(folder.path(), &[&SMALL[..], &more].concat()));
        ["loss.toml", "tune.html", name].map(|name| fs::read(folder.path().join(name)).unwrap())
    };
    let one = file("1", "1.json", "0");
    assert!(one == file("2", "2.json", "0"), "two threads");
    assert!(one == file("5", "5.json", "0"), "five threads");
    assert!(one[2] != file("2", "9.json", "9")[2], "the seed matters");
}

#[test]
fn a_rule_that_helps_is_found_and_what_is_written_can_be_trained_with() {
    let folder = folder();
    let training =
        ["--learner", "linear", "--folds", "5", "--repeats", "2", "--epochs", "30", "--learning-rate", "0.03"];
    let more = [
        "planted.csv",
        "--multiclass",
        "--trials",
        "8",
        "--budget",
        "none",
        "--write",
        "loss.toml",
        "--json",
        "tune.json",
    ];
    let text = done(&tune(folder.path(), &[&more[..], &training].concat()));
    let tuned = json(folder.path(), "tune.json");
    assert!(tuned["is_better"] == true && text.contains("\nUse "), "{text}");
    let main = &tuned["judged"][0];
    assert_eq!(main["title"], "balanced accuracy, tuned threshold");
    assert!(main["paired"]["mean"].as_f64().unwrap() > 0.03, "points, not thousandths: {main}");
    // The written loss is the recommended one, with the whole table's counts, and `compare` trains with it.
    let toml = fs::read_to_string(folder.path().join("loss.toml")).unwrap();
    assert!(toml.starts_with("# Written by reweight") && toml.contains("counts = [840, 60, 300]"), "{toml}");
    let mut compare = Command::new(env!("CARGO_BIN_EXE_reweight"));
    compare.current_dir(folder.path()).args(["compare", "planted.csv", "--multiclass", "--no-presets", "--strategy"]);
    let text = done(&compare.arg("tuned=loss.toml").args(training).args(["-q"]).output().unwrap());
    assert!(text.contains("tuned"), "{text}");
}

#[test]
fn where_nothing_helps_the_verdict_is_to_keep_plain_cross_entropy() {
    let folder = folder();
    let training =
        ["--learner", "linear", "--folds", "3", "--repeats", "2", "--epochs", "30", "--learning-rate", "0.03"];
    for goal in ["ap", "hardest"] {
        let more = [
            "plain.csv",
            "--goal",
            goal,
            "--trials",
            "12",
            "--budget",
            "none",
            "--write",
            "loss.toml",
            "--json",
            "tune.json",
        ];
        let text = done(&tune(folder.path(), &[&more[..], &training].concat()));
        let tuned = json(folder.path(), "tune.json");
        assert!(tuned["is_better"] == false && text.contains("\nKeep plain CE"), "{text}");
        let toml = fs::read_to_string(folder.path().join("loss.toml")).unwrap();
        assert!(
            toml.contains("# Keep plain CE") && toml.ends_with("objective = \"bce\"\nreduction = \"mean\"\n"),
            "{toml}"
        );
        // The best of several is flattered on the folds that it was chosen by.
        let [inner, outer] = [0, 1].map(|which| tuned["gain_inner_outer"][which].as_f64().unwrap());
        assert!(inner >= outer, "{inner} {outer}");
    }
}

/// kill −9 in the middle, then the same command: nothing that was finished is trained again, and the end is the same to the byte.
#[cfg(unix)]
#[test]
fn a_killed_search_goes_on_where_it_was() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let long = [
        "plain.csv",
        "--folds",
        "2",
        "--repeats",
        "2",
        "--epochs",
        "12",
        "--learner",
        "linear",
        "--trials",
        "24",
        "--budget=none",
    ];
    let run = |journal: &'static str, out: &'static str| {
        command(folder.path(), &[&long[..], &["-q", "--resume", journal, "--json", out]].concat())
    };
    done(&run("whole.journal", "whole.json").output().unwrap());
    let whole = fs::read_to_string(path("whole.journal")).unwrap();
    let mut killed = run("killed.journal", "killed.json").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // As soon as a tenth is there; a journal that never grows fails below.
    for _ in 0..600 {
        std::thread::sleep(Duration::from_millis(20));
        let lines = fs::read_to_string(path("killed.journal")).map_or(0, |text| text.lines().count());
        if lines * 10 > whole.lines().count() {
            break;
        }
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(!path("killed.json").exists(), "it was killed before its end");
    let before = fs::read(path("killed.journal")).unwrap();
    // A kill in the middle of a line.
    fs::write(path("killed.journal"), [&before[..], b"{\"figures\":{\"bal"].concat()).unwrap();
    done(&run("killed.journal", "killed.json").output().unwrap());
    let text = fs::read_to_string(path("killed.journal")).unwrap();
    let finished = &before[..before.iter().rposition(|&byte| byte == b'\n').unwrap() + 1];
    assert!(text.as_bytes().starts_with(finished), "what was written stays");
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&text), sorted(&whole), "each model once");
    assert!(fs::read(path("whole.json")).unwrap() == fs::read(path("killed.json")).unwrap(), "the same verdict");
    // All of it is known: nothing is trained, nothing added.
    done(&run("killed.journal", "again.json").output().unwrap());
    assert_eq!(fs::read_to_string(path("killed.journal")).unwrap(), text);
    // More trials go on from there, and are those of a search that asked for them at once.
    let more = [&long[..10], &["32", "--budget=none", "-q"]].concat();
    done(&tune(folder.path(), &[&more[..], &["--resume", "killed.journal", "--json", "more.json"]].concat()));
    done(&tune(folder.path(), &[&more[..], &["--json", "fresh.json"]].concat()));
    assert!(fs::read(path("more.json")).unwrap() == fs::read(path("fresh.json")).unwrap());
}

/// Ctrl-C: what was found is shown and written, with the exit code that shells give to an interruption.
#[cfg(unix)]
#[test]
fn an_interruption_keeps_what_was_found() {
    let folder = folder();
    let endless = [
        "plain.csv",
        "--folds",
        "2",
        "--repeats",
        "1",
        "--epochs",
        "2",
        "--learner",
        "linear",
        "--trials",
        "10000",
        "--budget=none",
    ];
    let more = ["-q", "--json", "part.json", "--write", "loss.toml", "--resume", "journal"];
    let child = command(folder.path(), &[&endless[..], &more].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Until enough is trained for three searches' first rounds.
    for _ in 0..1500 {
        std::thread::sleep(Duration::from_millis(20));
        if fs::read_to_string(folder.path().join("journal")).is_ok_and(|text| text.lines().count() > 200) {
            break;
        }
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(130), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("Ended early: "), "{text}");
    let part = json(folder.path(), "part.json");
    assert!(part["partial"] == true && part["trials_done"].as_u64().unwrap() >= 16);
    assert!(folder.path().join("loss.toml").exists());
}

#[test]
fn the_reports_figures_are_the_jsons() {
    let folder = folder();
    done(&tune(folder.path(), &[&SMALL[..], &["--json", "tune.json", "--report", "tune.html"]].concat()));
    let (tuned, html) =
        (json(folder.path(), "tune.json"), fs::read_to_string(folder.path().join("tune.html")).unwrap());
    let charts = reweight_cli::report::read_charts(&html).unwrap();
    let ids: Vec<&str> = charts.as_array().unwrap().iter().map(|chart| chart["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["promises", "front", "course"]);
    let points = &charts[0]["plot"]["data"][1];
    for (which, axis) in [(0, "x"), (1, "y")] {
        let gains: Vec<&Value> = tuned["outer"].as_array().unwrap().iter().map(|fold| &fold["gains"][which]).collect();
        assert_eq!(points[axis].as_array().unwrap().iter().collect::<Vec<_>>(), gains);
    }
    // Hovering over a loss of the front gives its TOML.
    for (point, choice) in charts[1]["plot"]["data"].as_array().unwrap().iter().zip(tuned["front"].as_array().unwrap())
    {
        assert_eq!(point["x"][0], choice["cost"]);
        let text = point["text"][0].as_str().unwrap();
        assert!(text.contains("objective = \"bce\"<br>reduction = \"mean\""), "{text}");
    }
    assert!(html.contains(tuned["command"].as_str().unwrap()));
}

#[test]
fn what_cannot_be_searched_is_refused_by_a_sentence_that_helps() {
    let folder = folder();
    fs::write(folder.path().join("few.csv"), "x,y\n".to_owned() + &"1,a\n2,b\n".repeat(2) + &"3,a\n".repeat(40))
        .unwrap();
    fs::write(folder.path().join("mine.txt"), "do not touch\n").unwrap();
    let run = |arguments: &str| refused(&tune(folder.path(), &arguments.split(' ').collect::<Vec<_>>()));
    let cases = [
        ("planted.csv --multiclass --goal ap", "--goal balanced-accuracy"),
        ("few.csv --folds 2", "class `b` has 2 rows, but a search within each of 2 folds needs 6"),
        ("plain.csv --learner linear --hidden 8", "leave one of the two out"),
        ("plain.csv --resume mine.txt", "not a journal of `reweight tune`, and so not touched"),
        ("plain.csv --resume plain.csv", "would replace the data"),
        ("plain.csv --write a --json a", "the same file"),
        ("plain.csv --budget 5", "is no time"),
        ("plain.csv --budget 0s", "a second to a year"),
        ("missing.csv", "missing.csv"),
        ("plain.csv --budget 1s --epochs 100000", "the budget of 1s was over after 0 models"),
    ];
    for (arguments, expected) in cases {
        let message = run(arguments);
        assert!(message.contains(expected), "{arguments}: {message}");
    }
    assert_eq!(fs::read_to_string(folder.path().join("mine.txt")).unwrap(), "do not touch\n");
    // A journal is of one data set, one seed, one set of settings.
    done(&tune(folder.path(), &[&SMALL[..], &["--resume", "journal"]].concat()));
    let small = SMALL.join(" ");
    assert!(run(&format!("{small} --resume journal --seed 1")).contains("begun with another settings"));
    assert!(
        run(&small.replace("plain.csv", "planted.csv --goal ap --resume journal")).contains("begun with another data")
    );
    let text = fs::read_to_string(folder.path().join("journal")).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines[3] = "{}";
    fs::write(folder.path().join("journal"), lines.join("\n") + "\n").unwrap();
    assert!(run(&format!("{small} --resume journal")).contains("line 4 is damaged"));
}
