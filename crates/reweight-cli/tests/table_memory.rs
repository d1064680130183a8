//! What `reweight compare` takes of memory to read a table, and what it says where there is none. Alone in its process, which counts
//! the largest child.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a helper of tests fails as the tests do")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use nix::sys::resource::{UsageWho, getrusage};
use tempfile::TempDir;

/// A table of a number and a label, four bytes a row.
fn narrow(rows: usize) -> (TempDir, i64) {
    let folder = tempfile::tempdir().unwrap();
    let row = |row: usize| format!("{},{}\n", row * 7 % 10, u8::from(row.is_multiple_of(10)));
    let text: String = std::iter::once("x,y\n".to_owned()).chain((0..rows).map(row)).collect();
    fs::write(folder.path().join("a.csv"), &text).unwrap();
    (folder, text.len() as i64)
}

/// Runs a line of a shell; `reweight` is the program.
fn shell(folder: &Path, line: &str) -> Output {
    let line = line.replace("reweight ", &format!("'{}' ", env!("CARGO_BIN_EXE_reweight")));
    Command::new("bash").current_dir(folder).args(["-o", "pipefail", "-c", &line]).output().unwrap()
}

#[track_caller]
fn fails(folder: &Path, line: &str, expected: &[&str]) {
    let output = shell(folder, line);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{line}: {message}");
    assert!(!message.contains("panicked"), "{line}: {message}");
    assert!(expected.iter().all(|part| message.contains(part)), "{line}: {message}");
}

/// The most that a child has had so far, in bytes.
fn most() -> i64 {
    getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss() * 1024
}

#[test]
fn a_table_takes_few_times_its_files_memory_and_says_where_there_is_none() {
    fails(narrow(1000).0.path(), "reweight compare a.csv --positive none", &["no row"]);
    let program = most();
    let (folder, bytes) = narrow(1 << 20);
    fails(folder.path(), "reweight compare a.csv --positive none", &["no row"]);
    // Of a row of four bytes: a number and a class take eight each, cells, their lengths and the row's place the rest.
    let taken = most() - program;
    assert!(taken < 9 * bytes, "{taken} bytes for {bytes}");
    // What the program maps before it reads anything is not the same everywhere, so that the limit is raised until it begins.
    let said = (60..1000).step_by(20).find_map(|mebibytes| {
        let line = format!("ulimit -v {}; timeout 60 reweight compare a.csv --threads 1", mebibytes << 10);
        let message = String::from_utf8_lossy(&shell(folder.path(), &line).stderr).into_owned();
        message.contains("error: a.csv").then_some(message)
    });
    let message = said.unwrap();
    assert!(message.contains("no memory for") && message.contains("shuf -n"), "{message}");
}
