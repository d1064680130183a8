//! The journal: each model's figures on a line of its own, on the disk before the search goes on, so that a kill loses none.
//!
//! The first line says of which data, settings and program it is. A kill may leave the last line unfinished; it is cut off.

use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use reweight::LossConfig;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::TuneError;
use super::goal::Figures;
use super::search::{Job, Kind, Outcome, Search};
use super::settings::TuneSettings;
use crate::files::WriteError;
use crate::versions::Versions;

const FORMAT: &str = "reweight-tune-journal";
const VERSION: u32 = 2;

/// Letters of the data's SHA-256.
const HASH: usize = 64;

/// What tells a model from every other.
#[derive(Debug, Serialize)]
struct Key<'a> {
    seed: u64,
    /// The outer fold; none for the search over all rows.
    outer: Option<usize>,
    stage: &'static str,
    fold: Option<usize>,
    decision: Option<f64>,
    loss: &'a LossConfig,
}

#[derive(Debug, Serialize, Deserialize)]
struct Line {
    model: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    figures: Option<Figures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<String>,
}

/// Models that were trained, and where further ones are written down.
#[derive(Debug, Default)]
pub(super) struct Journal {
    known: HashMap<String, Outcome>,
    file: Option<File>,
    /// Why nothing more can be written; told at the end, after what was found.
    fault: Option<io::Error>,
}

impl Journal {
    /// The journal at `path`, begun where there is none.
    pub(super) fn open(path: &Path, settings: &TuneSettings, sha256: &str) -> Result<Self, TuneError> {
        let name = || path.display().to_string();
        let unreadable = |source| TuneError::Unreadable { path: name(), source };
        let head = head(settings, sha256);
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .map_err(|source| WriteError::new(path, source))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(TuneError::InUse { path: name() }),
            // Where files cannot be locked, nobody can be kept out.
            Err(TryLockError::Error(_)) | Ok(()) => {}
        }
        // What is no journal may be of any size: its first bytes tell, as far as a kill let them be written.
        let (before, after) = ("{\"data\":\"", format!("\",\"format\":\"{FORMAT}\""));
        let mut first = Vec::new();
        (&file).take((before.len() + HASH + after.len()) as u64).read_to_end(&mut first).map_err(unreadable)?;
        let (begin, rest) = first.split_at(first.len().min(before.len()));
        let end = rest.get(HASH..).unwrap_or_default();
        if !before.as_bytes().starts_with(begin) || !after.as_bytes().starts_with(end) {
            return Err(TuneError::NotAJournal { path: name() });
        }
        file.rewind().map_err(unreadable)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(unreadable)?;
        let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        if whole < text.len() {
            file.set_len(whole as u64).map_err(|source| WriteError::new(path, source))?;
        }
        let mut journal = Self { file: Some(file), ..Self::default() };
        let mut lines = text[..whole].split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        match lines.next() {
            None => journal.write(&head).map_err(|source| WriteError::new(path, source))?,
            Some(line) => {
                let found: Value = serde_json::from_slice(line).map_err(|_| TuneError::NotAJournal { path: name() })?;
                if let Some(what) = differs(&found, &head) {
                    return Err(TuneError::OtherJournal { path: name(), what });
                }
            }
        }
        for (index, line) in lines.enumerate() {
            let line: Line =
                serde_json::from_slice(line).map_err(|_| TuneError::Damaged { path: name(), line: index + 2 })?;
            let outcome = match (line.figures, line.failed) {
                (Some(figures), None) => Ok(figures),
                (None, Some(why)) => Err(why),
                _ => return Err(TuneError::Damaged { path: name(), line: index + 2 }),
            };
            journal.known.insert(line.model.to_string(), outcome);
        }
        Ok(journal)
    }

    /// How a model came out in an earlier run.
    pub(super) fn known(&self, search: &Search, job: Job) -> Option<Outcome> {
        if self.known.is_empty() {
            return None;
        }
        self.known.get(&key(search, job).to_string()).cloned()
    }

    /// Writes a model down.
    pub(super) fn note(&mut self, search: &Search, job: Job, outcome: &Outcome) {
        if self.file.is_none() || self.fault.is_some() {
            return;
        }
        let (figures, failed) = (outcome.as_ref().ok().cloned(), outcome.as_ref().err().cloned());
        let line = serde_json::to_value(Line { model: key(search, job), figures, failed });
        self.fault = line.map_err(io::Error::from).and_then(|line| self.write(&line)).err();
    }

    fn write(&mut self, line: &Value) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        // In one piece, so that nothing but its end can be missing.
        file.write_all(format!("{line}\n").as_bytes())?;
        file.sync_data()
    }

    /// That everything could be written down.
    pub(super) fn close(self, path: Option<&Path>) -> Result<(), WriteError> {
        match (self.fault, path) {
            (Some(fault), Some(path)) => Err(WriteError::new(path, fault)),
            _ => Ok(()),
        }
    }
}

fn key(search: &Search, job: Job) -> Value {
    let (stage, fold, decision) = match job.kind {
        Kind::Quarter => ("quarter", Some(0), None),
        Kind::Inner(fold) => ("inner", Some(fold), None),
        Kind::Outer(decision) => ("outer", None, Some(decision)),
    };
    let loss = &search.candidates[job.candidate].strategy.loss;
    serde_json::to_value(Key { seed: search.seed, outer: search.outer, stage, fold, decision, loss })
        .unwrap_or_default()
}

fn head(settings: &TuneSettings, sha256: &str) -> Value {
    json!({ "format": FORMAT, "version": VERSION, "data": sha256, "settings": settings, "program": Versions::current() })
}

/// Which part of the head is another.
fn differs(found: &Value, expected: &Value) -> Option<&'static str> {
    let parts = [
        ("version", "version of the program"),
        ("data", "data"),
        ("settings", "settings"),
        ("program", "version of the program or processor"),
    ];
    parts.into_iter().find(|(part, _)| found.get(part) != expected.get(part)).map(|(_, what)| what)
}
