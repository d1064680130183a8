//! What becomes of files and of standard output: earlier results are kept, and success is said only of what happened.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a helper of tests fails as the tests do")]

#[path = "batch/batch.rs"]
mod batch;

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use batch::{Batch, read};
use ndarray::{Array1, array};
use serde_json::Value;
use tempfile::TempDir;

const GHM: &str = "objective = \"bce\"\n[[weighter]]\nkind = \"ghm\"\nbins = 5\nmomentum = 0.75\n";
const SMALL: &str = "compare data.csv --folds 2 --repeats 1 --epochs 2 --hidden none";

/// A table, scores, a loss, and the earlier result `old`.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (mut data, mut scores) = ("x,label\n".to_owned(), "label,score\n".to_owned());
    for row in 0..40_u32 {
        writeln!(data, "{},{}", (row * 7) % 13, ["common", "rare"][usize::from(row % 5 == 0)]).unwrap();
        writeln!(scores, "{},0.{}", u8::from(row % 5 == 0), (row * 7) % 10).unwrap();
    }
    for (name, text) in
        [("data.csv", &*data), ("scores.csv", &scores), ("loss.toml", "objective = \"bce\"\n"), ("old", "old")]
    {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// Runs a line of a shell; `reweight` is the program.
fn shell(folder: &Path, line: &str) -> Output {
    let line = line.replace("reweight ", &format!("'{}' ", env!("CARGO_BIN_EXE_reweight")));
    // Of a pipeline the program's own exit code counts.
    Command::new("bash").current_dir(folder).args(["-o", "pipefail", "-c", &line]).output().unwrap()
}

#[track_caller]
fn fails(folder: &Path, line: &str) -> String {
    let output = shell(folder, line);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{line}: {message}");
    assert!(!message.contains("panicked"), "{line}: {message}");
    message
}

#[track_caller]
fn succeeds(folder: &Path, line: &str) -> String {
    let output = shell(folder, line);
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Every file's name and contents.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let file = |entry: std::io::Result<fs::DirEntry>| {
        let entry = entry.unwrap();
        (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
    };
    let mut all: Vec<_> = fs::read_dir(folder).unwrap().map(file).collect();
    all.sort();
    all
}

#[test]
fn nothing_that_is_read_or_written_is_overwritten() {
    let folder = folder();
    let path = folder.path();
    for name in ["logits.npy", "targets.npy", "weights.npy"] {
        ndarray_npy::write_npy(path.join(name), &array![1_u8, 0]).unwrap();
    }
    fs::write(path.join("ghm.toml"), GHM).unwrap();
    succeeds(path, &format!("reweight {SMALL} --json run.json"));
    succeeds(path, "reweight eval --config ghm.toml --logits logits.npy --targets targets.npy --state-out state.json");
    symlink("data.csv", path.join("soft.csv")).unwrap();
    fs::hard_link(path.join("data.csv"), path.join("hard.csv")).unwrap();
    symlink("loss.toml", path.join("soft.svg")).unwrap();
    let before = contents(path);
    let eval = "reweight eval --config loss.toml --logits logits.npy --targets targets.npy";
    for line in [
        &format!("reweight {SMALL} --json data.csv")[..],
        &format!("reweight {SMALL} --report ./soft.csv"),
        &format!("reweight {SMALL} --scores hard.csv"),
        &format!("reweight {SMALL} --json \"$PWD/../$(basename \"$PWD\")/data.csv\""),
        &format!("reweight {SMALL} --strategy mine=loss.toml --json loss.toml"),
        &format!("reweight {SMALL} --json new --report ./new"),
        &format!("reweight {SMALL} --json old --scores old"),
        &format!("reweight {SMALL} --json -"),
        "reweight compare --repeat run.json --json run.json",
        "reweight compare --repeat run.json --json data.csv",
        "reweight inspect scores.csv --suggest scores.csv",
        "reweight inspect - --json scores.csv < scores.csv",
        "reweight inspect scores.csv --json new --suggest new",
        "reweight inspect scores.csv --strategy mine=loss.toml --suggest loss.toml",
        "reweight inspect scores.csv --report -",
        "reweight plot weights --config loss.toml --out soft.svg",
        "reweight plot weights --config ghm.toml --state-in state.json --out state.json",
        &format!("{eval} --out logits.npy"),
        &format!("{eval} --state-out loss.toml"),
        &format!("{eval} --state-out targets.npy"),
        &format!("{eval} --sample-weight weights.npy --out weights.npy"),
        &format!("{eval} --out new --state-out ./new"),
        "reweight eval --config ghm.toml --logits logits.npy --targets targets.npy --state-in state.json --out state.json",
    ] {
        let message = fails(path, line);
        assert!(message.contains("a file of its own") || message.contains("./-"), "{line}: {message}");
        assert_eq!(contents(path), before, "{line}");
    }
    // What the shell has opened for the program's words.
    for line in ["reweight inspect scores.csv --json new >> new", "reweight inspect scores.csv --report new 2>> new"] {
        let output = shell(path, line);
        assert_eq!(output.status.code(), Some(2), "{line}");
        fs::remove_file(path.join("new")).unwrap();
    }
    // A state may go on in its own file, and what is thrown away may be thrown away twice.
    succeeds(
        path,
        "reweight eval --config ghm.toml --logits logits.npy --targets targets.npy --state-in state.json --state-out state.json",
    );
    succeeds(path, "reweight inspect scores.csv --json /dev/null --report /dev/null");
}

#[test]
fn weights_beyond_all_measure_are_an_error_everywhere() {
    let folder = folder();
    for (weight, strategy) in [("1.7e308", "its weights, of up to 1.7e308"), ("3e38", "the loss became inf")] {
        let loss =
            format!("objective = \"bce\"\n[[weighter]]\nkind = \"alpha-balance\"\nclass_weights = [1.0, {weight}]\n");
        fs::write(folder.path().join("loss.toml"), loss).unwrap();
        for out in ["", "--out a.svg", "--out a.png"] {
            let message = fails(folder.path(), &format!("reweight plot weights --config loss.toml {out}"));
            assert!(message.contains("too large to be drawn"), "{message}");
        }
        let line = if weight == "3e38" { SMALL } else { "inspect scores.csv --json a.json" };
        let message = fails(folder.path(), &format!("reweight {line} --strategy mine=loss.toml"));
        assert!(message.contains("`mine`") && message.contains(strategy) && message.contains("`scale`"), "{message}");
    }
    assert!(!["a.svg", "a.png", "a.json"].iter().any(|name| folder.path().join(name).exists()));
}

#[test]
fn ctrl_c_before_anything_is_finished_leaves_earlier_results() {
    let folder = folder();
    let before = contents(folder.path());
    // One network takes minutes.
    let line = ["compare", "data.csv", "--folds", "2", "--repeats", "1", "--epochs", "100000", "--hidden", "512,512"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_reweight"));
    command.current_dir(folder.path()).args(line).args(["--json", "old", "--report", "a.html", "--scores", "a.csv"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(130), "{text}");
    assert!(text.contains("nothing to show") && text.replace('\n', " ").contains("no file was written"), "{text}");
    assert_eq!(contents(folder.path()), before);
}

#[test]
fn a_part_never_takes_the_place_of_an_earlier_result() {
    let folder = folder();
    let path = folder.path();
    fs::write(path.join("old.csv"), "earlier scores").unwrap();
    fs::write(path.join("empty.html"), "").unwrap();
    // In two seconds some dozens of the two thousand folds are finished.
    let line = ["compare", "data.csv", "--folds", "2", "--repeats", "1000", "--epochs", "4", "--hidden", "64"];
    for (json, parts) in [("old", ["old.part", "old.part.csv"]), ("old", ["old.part2", "old.part2.csv"])] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_reweight"));
        command.current_dir(path).args(line).args(["--json", json, "--report", "empty.html", "--scores", "old.csv"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_secs(2));
        assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(output.status.code(), Some(130), "{text}");
        assert_eq!(fs::read_to_string(path.join("old")).unwrap(), "old");
        assert_eq!(fs::read_to_string(path.join("old.csv")).unwrap(), "earlier scores");
        for part in parts {
            let sentence =
                format!("holds an earlier result, which a part does not replace: what was finished is in {part}.");
            assert!(path.join(part).exists() && text.contains(&sentence), "{part}: {text}");
        }
        let run: Value = serde_json::from_slice(&fs::read(path.join(parts[0])).unwrap()).unwrap();
        assert_eq!(run["partial"], true);
    }
    // Nothing is lost where nothing was, at the first.
    assert!(fs::metadata(path.join("empty.html")).unwrap().len() > 0 && path.join("empty.part.html").exists());
}

#[test]
fn the_largest_file_that_may_be_is_an_error_and_no_end() {
    let many = Array1::from_shape_fn(20_000, |index| index as f64 / 2e4);
    let batch = Batch::new(GHM).with("logits", &many).with("targets", &many.mapv(|x| u8::from(x > 0.5)));
    let path = batch.folder.path();
    fs::write(path.join("state.json"), "as it was").unwrap();
    let eval = "reweight eval --config loss.toml --logits logits.npy --targets targets.npy";
    let message = fails(path, &format!("ulimit -f 8; {eval} --out out.npz --state-out state.json"));
    assert!(message.contains("out.npz: cannot be written; it would be larger than files may be there"), "{message}");
    assert_eq!(fs::read_to_string(path.join("state.json")).unwrap(), "as it was");
    assert!(!contents(path).iter().any(|(name, _)| name == "out.npz" || name.contains("unfinished")));
    let scores = folder();
    let message = fails(scores.path(), "ulimit -f 8; reweight inspect scores.csv --report r.html --json j.json");
    assert!(message.contains("r.html: cannot be written"), "{message}");
}

#[test]
fn what_fails_names_the_users_files_alone() {
    let folder = folder();
    let path = folder.path();
    for line in [
        &format!("reweight {SMALL} --json nowhere/a.json")[..],
        "reweight inspect scores.csv --suggest nowhere/a.toml",
        "reweight plot weights --out nowhere/a.svg",
    ] {
        let message = fails(path, line);
        assert!(message.contains("there is no such folder") && !message.contains("unfinished"), "{message}");
    }
    // What was written before standard output failed is there, and it is said.
    for (line, files) in [
        (
            &format!("reweight {SMALL} -q --json a.json --scores a.csv > /dev/full")[..],
            "a.json, a.csv were written all the same",
        ),
        ("reweight inspect scores.csv --json b.json > /dev/full", "b.json was written all the same"),
    ] {
        let message = fails(path, line);
        assert!(message.contains("standard output cannot be written to") && message.contains(files), "{message}");
    }
    assert!(
        ["a.json", "b.json"]
            .iter()
            .all(|name| serde_json::from_slice::<Value>(&fs::read(path.join(name)).unwrap()).is_ok())
    );
}

#[test]
fn a_reader_that_leaves_takes_no_file_away() {
    let folder = folder();
    let path = folder.path();
    for (line, file) in [
        (&format!("reweight {SMALL} --json a.json --scores a.csv")[..], "a.csv"),
        ("reweight inspect scores.csv --suggest b.toml --report b.html", "b.html"),
        ("reweight inspect scores.csv --json - --suggest c.toml", "c.toml"),
    ] {
        // The reader has left before the program begins.
        let output = shell(path, &format!("{{ sleep 0.5; {line}; }} | true"));
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(path.join(file).exists(), "{line}");
    }
    let batch = Batch::new(GHM).with("logits", &array![0.5, -2.0]).with("targets", &array![1_u8, 0]);
    let eval = "reweight eval --config loss.toml --logits logits.npy --targets targets.npy";
    succeeds(batch.folder.path(), &format!("{{ sleep 0.5; {eval} --out out.npz --state-out state.json; }} | true"));
    assert!(batch.path("out.npz").exists() && batch.path("state.json").exists());
}

#[test]
fn what_cannot_be_said_is_a_failure_and_counts_no_batch() {
    let batch = Batch::new(GHM).with("logits", &array![0.5, -2.0]).with("targets", &array![1_u8, 0]);
    let path = batch.folder.path();
    let eval = "reweight eval --config loss.toml --logits logits.npy --targets targets.npy --out out.npz --state-out state.json";
    for (place, expected) in [("> /dev/full", "No space left"), (">&-", "closed before the program began")] {
        let message = fails(path, &format!("{eval} {place}"));
        assert!(message.contains("standard output cannot be written to") && message.contains(expected), "{message}");
        assert!(!batch.path("state.json").exists() && !batch.path("out.npz").exists());
    }
    let folder = folder();
    for line in [
        SMALL,
        "inspect scores.csv",
        "inspect scores.csv --json -",
        "plot weights",
        "completions bash",
        "--help",
        "--version",
        "eval --help",
    ] {
        for place in ["> /dev/full", ">&-"] {
            assert!(
                fails(folder.path(), &format!("reweight {line} {place}")).contains("standard output"),
                "{line} {place}"
            );
        }
        // Thrown away on purpose, in whatever way it was opened.
        for place in ["> /dev/null", "1<> /dev/null"] {
            succeeds(folder.path(), &format!("reweight {line} {place}"));
        }
    }
    // Nothing is said, so nothing is missing.
    succeeds(folder.path(), "reweight plot weights --out a.svg >&-");
}

#[test]
fn a_named_pipe_whose_reader_leaves_is_a_failure() {
    // More than a pipe holds on its own.
    let many = Array1::from_shape_fn(100_000, |index| index as f64 / 1e5);
    let batch = Batch::new(GHM).with("logits", &many).with("targets", &many.mapv(|x| u8::from(x > 0.5)));
    let path = batch.folder.path();
    let eval = "reweight eval --config loss.toml --logits logits.npy --targets targets.npy --dtype f64";
    let message =
        fails(path, &format!("mkfifo pipe; head -c 10 pipe > head & {eval} --out pipe --state-out state.json"));
    assert!(message.contains("pipe: cannot be written; its reader left"), "{message}");
    assert!(!batch.path("state.json").exists(), "the state is the last");
    // One that stays gets it all, and so does a link to it.
    symlink("pipe", path.join("link")).unwrap();
    succeeds(path, &format!("cat pipe > whole.npz & {eval} --out link && wait"));
    assert_eq!(read(&batch.path("whole.npz"), "grad").len(), 100_000);
    succeeds(path, &format!("cat pipe > whole.json & {eval} --state-out pipe && wait"));
    succeeds(path, &format!("{eval} --state-out /dev/stdout --quiet | sed 1d > piped.json"));
    assert_eq!(fs::read(batch.path("piped.json")).unwrap(), fs::read(batch.path("whole.json")).unwrap());
    let state: Value = serde_json::from_slice(&fs::read(batch.path("whole.json")).unwrap()).unwrap();
    assert_eq!(state["format"], "reweight-state");
    // Arrays come through pipes too.
    let whole = succeeds(path, eval);
    let piped = succeeds(
        path,
        "reweight eval --config loss.toml --logits <(cat logits.npy) --targets <(cat targets.npy) --dtype f64",
    );
    assert_eq!(piped, whole);
}

#[test]
fn a_kept_file_keeps_its_mode_and_a_link_stays_one() {
    let folder = folder();
    let path = folder.path();
    fs::set_permissions(path.join("old"), fs::Permissions::from_mode(0o600)).unwrap();
    symlink("old", path.join("link")).unwrap();
    symlink("made", path.join("to-nothing")).unwrap();
    succeeds(path, "umask 022; reweight inspect scores.csv --json link --suggest to-nothing");
    let mode = |name: &str| fs::metadata(path.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("old"), mode("made")), (0o600, 0o644));
    assert!(["link", "to-nothing"].iter().all(|name| fs::symlink_metadata(path.join(name)).unwrap().is_symlink()));
    assert!(serde_json::from_slice::<Value>(&fs::read(path.join("old")).unwrap()).is_ok());
}

#[test]
fn what_a_kill_leaves_is_taken_away_by_the_next_run() {
    let folder = folder();
    let path = folder.path();
    let left = path.join(".reweight-Zx81Qp.unfinished");
    for line in [
        &format!("reweight {SMALL} --json a.json")[..],
        "reweight inspect scores.csv --suggest a.toml",
        "reweight plot weights --out a.svg",
    ] {
        fs::write(&left, "half").unwrap();
        succeeds(path, line);
        assert!(!left.exists(), "{line}");
    }
    let unfinished = contents(path).into_iter().filter(|(name, _)| name.contains("unfinished")).count();
    assert_eq!(unfinished, 0);
}
