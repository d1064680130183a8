//! A batch in a folder, as `reweight eval` takes it, for the tests of several files.

#![allow(dead_code, reason = "no file of tests needs all of it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ndarray::{Array, ArrayD, Dimension};
use ndarray_npy::{NpzReader, WritableElement, write_npy};
use serde_json::Value;
use tempfile::TempDir;

/// A folder with a batch in it.
pub(crate) struct Batch {
    pub(crate) folder: TempDir,
}

impl Batch {
    pub(crate) fn new(config: &str) -> Self {
        let batch = Self { folder: tempfile::tempdir().unwrap() };
        fs::write(batch.path("loss.toml"), config).unwrap();
        batch
    }

    pub(crate) fn with<T: WritableElement, D: Dimension>(self, name: &str, array: &Array<T, D>) -> Self {
        write_npy(self.path(&format!("{name}.npy")), array).unwrap();
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The command with every array that is there.
    pub(crate) fn command(&self, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_reweight"));
        command.current_dir(self.folder.path()).args(["eval", "--config", "loss.toml"]);
        for name in ["logits", "targets", "valid", "sample-weight"] {
            let file = format!("{name}.npy");
            if self.path(&file).exists() {
                command.args([format!("--{name}"), file]);
            }
        }
        command.args(more);
        command
    }

    pub(crate) fn run(&self, more: &[&str]) -> Output {
        self.command(more).output().unwrap()
    }

    pub(crate) fn object(&self, more: &[&str]) -> Value {
        let output = self.run(more);
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{message}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    pub(crate) fn refusal(&self, more: &[&str]) -> String {
        let output = self.run(more);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(output.stdout.is_empty() && !message.contains("panicked"), "{message}");
        message
    }
}

/// The array `name` of an .npz, as f64.
pub(crate) fn read(path: &Path, name: &str) -> ArrayD<f64> {
    NpzReader::new(fs::File::open(path).unwrap()).unwrap().by_name(name).unwrap()
}

#[track_caller]
pub(crate) fn close(found: &ArrayD<f64>, expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= tolerance * expected.abs().max(1.0), "{found} instead of {expected}");
    }
}
