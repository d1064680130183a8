//! What `reweight compare` takes of memory to read a table, and what it says where there is none. Alone in its process, which counts
//! the largest child.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a helper of tests fails as the tests do")]

use common::{fails, narrow, shell};
use nix::sys::resource::{UsageWho, getrusage};

#[path = "common/shell.rs"]
mod common;

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
