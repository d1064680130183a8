//! The program itself on bad input: exit code 2, a message that says what and where, never a backtrace.

use std::process::{Command, Output};

fn reweight(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_reweight")).args(arguments).output().expect("the binary can be run")
}

fn refusal(arguments: &[&str]) -> String {
    let output = reweight(arguments);
    let message = String::from_utf8(output.stderr).expect("messages are text");
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
    assert!(!message.contains("panicked") && !message.contains("backtrace"), "{message}");
    message
}

#[test]
fn tables_that_cannot_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let good = write("good.csv", "x,y\n1,a\n5,b\n3,a\n4,b\n9,a\n");
    let ragged = write("ragged.csv", "x,y\n1,a\n5\n");
    let folder = folder.path().display().to_string();
    for (arguments, expected) in [
        (vec!["compare", "nowhere.csv"], "error: nowhere.csv: there is no such file"),
        (vec!["compare", &folder], "cannot be read"),
        (vec!["compare", &ragged], "line 3 has 1 cell,"),
        (vec!["compare", &good, "--target", "z"], "there is no column `z`; choose one of 1 `x`, 2 `y`"),
        (vec!["compare", &good, "--positive", "c", "--folds", "2"], "the labels are `b` (2 rows), `a` (3 rows)"),
        (vec!["compare", &good, "--positive", "b"], "only 2 rows are labelled `b`, fewer than the 5 folds"),
        (vec!["compare", &good, "--folds", "1"], "--folds"),
        (vec!["eval"], "--config"),
    ] {
        let message = refusal(&arguments);
        assert!(message.contains(expected), "{arguments:?}: {message}");
    }
}

#[cfg(not(feature = "cuda"))]
#[test]
fn a_build_without_cuda_says_how_to_get_one() {
    let files = ["--config", "none.toml", "--logits", "none.npy", "--targets", "none.npy"];
    for (arguments, instead) in [
        ([&["eval", "--backend", "dfdx-cuda"], &files[..]].concat(), "another --backend"),
        (vec!["compare", "--device", "cuda"], "--device cpu"),
    ] {
        let message = refusal(&arguments);
        assert!(message.contains("cargo build --release -p reweight-cli --features cuda"), "{message}");
        assert!(message.contains(instead), "{message}");
    }
}

fn words(subcommand: &str) -> Vec<&str> {
    subcommand.split(' ').chain(["--help"]).collect()
}

#[test]
fn help_has_examples() {
    for subcommand in ["compare", "tune", "inspect", "eval", "plot weights", "completions"] {
        let output = reweight(&words(subcommand));
        assert!(output.status.success());
        assert!(String::from_utf8(output.stdout).unwrap().contains("Example"), "{subcommand}");
    }
}

#[test]
fn help_texts() {
    let whole = String::from_utf8(reweight(&["--help"]).stdout).unwrap();
    insta::assert_snapshot!("help", whole);
    for subcommand in ["compare", "tune", "inspect", "eval", "plot weights", "completions"] {
        let help = String::from_utf8(reweight(&words(subcommand)).stdout).unwrap();
        insta::assert_snapshot!(format!("help_{}", subcommand.replace(' ', "_")), help);
    }
}
