//! What the tests of limits share: a table of few bytes a row, and a shell's line that fails.

#![allow(clippy::unwrap_used, reason = "a helper of tests fails as the tests do")]
#![allow(unreachable_pub, reason = "a module of tests has no crate around it")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

/// A table of a number and a label, four bytes a row.
pub fn narrow(rows: usize) -> (TempDir, i64) {
    let folder = tempfile::tempdir().unwrap();
    let row = |row: usize| format!("{},{}\n", row * 7 % 10, u8::from(row.is_multiple_of(10)));
    let text: String = std::iter::once("x,y\n".to_owned()).chain((0..rows).map(row)).collect();
    fs::write(folder.path().join("a.csv"), &text).unwrap();
    (folder, text.len() as i64)
}

/// Runs a line of a shell; `reweight` is the program.
pub fn shell(folder: &Path, line: &str) -> Output {
    let line = line.replace("reweight ", &format!("'{}' ", env!("CARGO_BIN_EXE_reweight")));
    Command::new("bash").current_dir(folder).args(["-o", "pipefail", "-c", &line]).output().unwrap()
}

#[track_caller]
pub fn fails(folder: &Path, line: &str, expected: &[&str]) {
    let output = shell(folder, line);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{line}: {message}");
    assert!(!message.contains("panicked"), "{line}: {message}");
    assert!(expected.iter().all(|part| message.contains(part)), "{line}: {message}");
}
