//! `reweight plot` and what all commands share: pictures, completions, colours, a reader that leaves.

#![allow(clippy::unwrap_used, reason = "a helper of tests fails as the tests do")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn reweight(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reweight"));
    command.current_dir(folder).args(arguments);
    command
}

#[track_caller]
fn done(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

const FOCAL: &str = "objective = \"bce\"\n[[weighter]]\nkind = \"focal\"\ngamma = 2.0\n";
const GHM: &str = "objective = \"bce\"\n[[weighter]]\nkind = \"ghm\"\nbins = 5\n";

#[test]
fn pictures_are_the_same_each_time_and_have_a_curve_a_loss() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("<own>.toml"), FOCAL).unwrap();
    for (ending, marks) in [("svg", "<polyline"), ("png", "PNG")] {
        let name = |index: u8| format!("{index}.{ending}");
        for index in [0, 1] {
            let drawn = ["plot", "weights", "--gamma", "0,1", "--config", "<own>.toml", "--size", "500x300", "--out"];
            done(&reweight(path, &[&drawn[..], &[name(index).as_str()]].concat()).output().unwrap());
        }
        let [first, second] = [0, 1].map(|index| fs::read(path.join(name(index))).unwrap());
        assert!(first == second, "{ending}");
        let text = String::from_utf8_lossy(&first);
        assert!(text.contains(marks) && text.contains("1.000, 1.000, 1.000"), "{ending}");
        if ending == "svg" {
            // Three curves in each panel, and their marks in the legend.
            assert!(text.matches("<polyline").count() >= 9 && text.contains("&lt;own&gt;") && !text.contains("<own>"));
        }
    }
}

#[test]
fn figures_that_cannot_be_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("ghm.toml"), GHM).unwrap();
    let many = (0..20).map(|gamma| gamma.to_string()).collect::<Vec<_>>().join(",");
    for (arguments, expected) in [
        (vec!["--config", "ghm.toml"], "ghm.toml: this loss weighs by what it has counted in batches"),
        (vec!["--config", "ghm.toml", "--state-in", "ghm.toml"], "ghm.toml: not a state file"),
        (vec!["--config", "nowhere.toml"], "nowhere.toml: the config cannot be read"),
        (vec!["--out", "a.jpg"], "a.jpg: the ending says neither .svg nor .png"),
        (vec!["--out", "nowhere/a.svg"], "nowhere/a.svg: cannot be written"),
        (vec!["--gamma", &many], "20 curves cannot be told apart; draw at most 16"),
        (vec!["--gamma", "-1"], "--gamma"),
        (vec!["--out", "a.svg", "--size", "7x7"], "as in 1000x440"),
    ] {
        let output = reweight(path, &[&["plot", "weights"], &arguments[..]].concat()).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && message.contains(expected), "{arguments:?}: {message}");
    }
}

#[test]
fn ghm_is_drawn_from_a_saved_state() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("ghm.toml"), GHM).unwrap();
    // A state as `eval --state-out` writes it: fewer easy samples would weigh more.
    let state = r#"{"format":"reweight-state","version":1,"objective":"bce","state":{"chain":[{"record":{"kind":"ghm","version":1,
        "settings":{"bins":5,"momentum":0.0,"preset":"mmdet"},
        "data":{"density":{"steps":1,"averages":[8.0,4.0,2.0,1.0,1.0],"updates":[1,1,1,1,1]},"weights":[0.4,0.8,1.6,3.2,3.2]}}}]}}"#;
    fs::write(path.join("state.json"), state).unwrap();
    let drawn = ["plot", "weights", "--config", "ghm.toml", "--state-in", "state.json", "--out", "a.svg"];
    done(&reweight(path, &drawn).output().unwrap());
    assert!(fs::read_to_string(path.join("a.svg")).unwrap().contains("of ghm: 3.200, 1.600, 0.400"));
}

#[test]
fn colours_are_used_where_they_are_asked_for_only() {
    let folder = tempfile::tempdir().unwrap();
    let run = |set: Option<(&str, &str)>| {
        let mut command = reweight(folder.path(), &["plot", "weights"]);
        command.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE").envs(set);
        done(&command.output().unwrap())
    };
    let plain = run(None);
    assert!(!plain.contains('\u{1b}'), "no colours in a pipe");
    assert_eq!(run(Some(("NO_COLOR", "1"))), plain);
    let coloured = run(Some(("CLICOLOR_FORCE", "1")));
    assert!(coloured.contains('\u{1b}'));
    assert_eq!(console::strip_ansi_codes(&coloured), plain);
}

#[test]
fn a_reader_that_leaves_is_no_error_whatever_is_written() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.csv"), "label,score\n1,0.5\n0,0.25\n").unwrap();
    for arguments in [
        &["inspect", "a.csv"][..],
        &["inspect", "a.csv", "--json", "-"],
        &["plot", "weights"],
        &["completions", "bash"],
        &["--help"],
    ] {
        let mut child =
            reweight(folder.path(), arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // As `| head` does: the pipe's other end is closed before anything is written.
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && message.is_empty(), "{arguments:?}: {message}");
    }
}

#[test]
fn completions_know_every_command() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = done(&reweight(folder.path(), &["completions", shell]).output().unwrap());
        let words = ["compare", "inspect", "eval", "plot", "completions", "suggest", "verbose"];
        assert!(words.iter().all(|word| script.contains(word)), "{shell}");
    }
}

#[test]
fn verbose_says_what_with_and_how_long_on_standard_error() {
    let folder = tempfile::tempdir().unwrap();
    let quiet = reweight(folder.path(), &["plot", "weights"]).output().unwrap();
    let verbose = reweight(folder.path(), &["plot", "weights", "--verbose"]).output().unwrap();
    assert!(quiet.stderr.is_empty() && quiet.stdout == verbose.stdout);
    let said = String::from_utf8(verbose.stderr).unwrap();
    assert!(said.starts_with("reweight ") && said.ends_with(" s\n"), "{said}");
    assert_eq!(reweight(folder.path(), &["plot", "weights", "-q", "-v"]).output().unwrap().status.code(), Some(2));
}
