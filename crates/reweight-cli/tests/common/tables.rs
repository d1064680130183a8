//! What the tests of tables and of scores share: a table without a source of chance, and the program run on it.

#![allow(clippy::unwrap_used, reason = "a helper of tests fails as the tests do")]
#![allow(dead_code, reason = "each test takes what it needs")]
#![allow(unreachable_pub, reason = "a module of tests has no crate around it")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

pub fn reweight(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_reweight")).current_dir(folder).args(arguments).output().unwrap()
}

pub fn folder(text: impl AsRef<[u8]>) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.csv"), text).unwrap();
    folder
}

#[track_caller]
pub fn done(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[track_caller]
pub fn refused(output: &Output) -> String {
    let message = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(!message.contains("panicked") && message.len() < 10_000, "{message:.10000}");
    message
}

/// What `compare` says in its JSON of the data `a.csv` in `folder`.
#[track_caller]
pub fn compared(folder: &Path, more: &[&str]) -> Value {
    let small = ["compare", "a.csv", "--folds", "2", "--repeats", "1", "--epochs", "1", "--hidden", "none", "-q"];
    done(&reweight(folder, &[&small[..], &["--json", "run.json"], more].concat()));
    let all: Value = serde_json::from_slice(&fs::read(folder.join("run.json")).unwrap()).unwrap();
    has_options("compare", &all["data"]);
    all["data"].clone()
}

#[track_caller]
pub fn inspected(folder: &Path, more: &[&str]) -> Value {
    let all =
        serde_json::from_str(&done(&reweight(folder, &[&["inspect", "a.csv", "--json", "-"], more].concat()))).unwrap();
    has_options("inspect", &all);
    all
}

/// That a command has the options which its guesses name.
#[track_caller]
fn has_options(command: &'static str, all: &Value) {
    static HELP: [OnceLock<String>; 2] = [OnceLock::new(), OnceLock::new()];
    let help =
        HELP[usize::from(command == "inspect")].get_or_init(|| done(&reweight(Path::new("."), &[command, "--help"])));
    for guess in all["guesses"].as_array().unwrap() {
        let option = guess["option"].as_str().unwrap_or("").split([' ', '=']).next().unwrap();
        assert!(
            option.is_empty() || help.contains(&format!("{option} ")) || help.contains(&format!("{option}\n")),
            "{guess}"
        );
    }
}

/// What the guesses about something say.
pub fn said(all: &Value, about: &str) -> String {
    let guesses = all["guesses"].as_array().unwrap().iter().filter(|guess| guess["about"] == about);
    guesses
        .map(|guess| format!("{} ({})", guess["taken"].as_str().unwrap(), guess["option"]))
        .collect::<Vec<_>>()
        .join("; ")
}

pub fn names(all: &Value) -> Vec<&str> {
    all["features"].as_array().unwrap().iter().map(|feature| feature["name"].as_str().unwrap()).collect()
}

/// 60 rows of two numbers between −4 and 4 and whether they are rare, every sixth.
pub fn rows() -> impl Iterator<Item = (f64, f64, bool)> {
    (0..60_u32).map(|row| {
        let rare = row % 6 == 1;
        let wave = f64::from((row * 37) % 59) / 10.0 - 3.0;
        (wave + if rare { 1.03 } else { 0.05 }, f64::from((row * 23) % 53) / 7.0 - 3.3, rare)
    })
}

/// These rows, each written by `line` beneath `head`.
pub fn table(head: &str, line: impl Fn(usize, f64, f64, bool) -> String) -> String {
    let mut text = head.to_owned();
    rows().enumerate().for_each(|(row, (a, b, rare))| writeln!(text, "{}", line(row, a, b, rare)).unwrap());
    text
}

pub fn bit(rare: bool) -> u8 {
    u8::from(rare)
}

pub fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

/// The area under the ROC curve of the first number for the rare rows, pair by pair.
pub fn area() -> f64 {
    let of = |wanted: bool| rows().filter(move |row| row.2 == wanted).map(|row| row.0);
    let won = |p: f64, n: f64| if p > n { 1.0 } else { 0.5 * f64::from(u8::from(p == n)) };
    of(true).flat_map(|p| of(false).map(move |n| won(p, n))).sum::<f64>() / 500.0
}

#[track_caller]
pub fn same_area(all: &Value) {
    let found = all["area_under_roc"].as_f64().unwrap();
    // Scores are printed to six digits, which parts or joins no two of these rows.
    assert!((found - area()).abs() < 1e-12, "{found}, not {}", area());
}
