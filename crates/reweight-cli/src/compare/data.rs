//! The data of a comparison: how it is read, what was found in it, and a hash that tells it from other data.

mod hashed;

use std::io;
use std::path::Path;

use reweight_lab::problem::{Problem, RareClasses};
use reweight_lab::table::{Column, Decimal, Guess, Guesses, ReadOptions, Table, TableError, guess, input};
use reweight_lab::text::excerpt;
use reweight_lab::wine::{self, WineTask};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use hashed::Hashed;

use crate::arguments::{Delimiter, HeaderChoice, ReadingArguments, TaskArguments, form_options};
use crate::terminal::width;

/// Which data, and how it is read: enough to read it again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSettings {
    /// The CSV file; none for the red wines that come with the program.
    pub file: Option<String>,
    /// Whether the first row names the columns.
    pub header: HeaderChoice,
    /// The byte between cells; none where it was found out.
    pub delimiter: Option<u8>,
    /// What stands before decimals; none where it was found out.
    #[serde(default)]
    pub decimal: Option<Decimal>,
    /// Cells that are missing; empty for the usual words.
    #[serde(default)]
    pub missing: Vec<String>,
    /// Whether labels in several spellings stay apart.
    #[serde(default)]
    pub exact_labels: bool,
    /// The target column, as asked for.
    pub target: Option<String>,
    /// Columns left out.
    pub drop: Vec<String>,
    /// Columns kept that would have been left out.
    #[serde(default)]
    pub keep: Vec<String>,
    /// Columns whose numbers are names.
    pub categorical: Vec<String>,
    /// The positive label, as asked for.
    pub positive: Option<String>,
    /// Whether all labels are told apart.
    pub multiclass: bool,
    /// What becomes of classes that have fewer rows than there are folds.
    #[serde(default)]
    pub rare: RareClasses,
}

/// What was found in the data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DataSummary {
    /// What messages call it.
    pub name: String,
    /// SHA-256 of the file's bytes; for the red wines, of their values.
    pub sha256: String,
    /// Rows with a label.
    pub rows: usize,
    /// The feature columns.
    pub features: Vec<Feature>,
    /// The target column.
    pub target: String,
    /// The labels, and how many rows have each.
    pub labels: Vec<(String, usize)>,
    /// The positive label; none if all labels are told apart.
    pub positive: Option<String>,
    /// How the file was read: what was found out, and the option that changes it.
    pub guesses: Vec<Guess>,
}

/// A feature column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Feature {
    /// Its name.
    pub name: String,
    /// `numeric` or `categorical`.
    pub kind: &'static str,
    /// Rows whose value is missing.
    pub missing: usize,
}

impl DataSettings {
    /// What the command line says.
    #[must_use]
    pub fn new(data: Option<&Path>, task: &TaskArguments, reading: &ReadingArguments) -> Self {
        Self {
            file: data.map(|path| path.display().to_string()),
            header: reading.form.header,
            delimiter: reading.form.delimiter.map(|delimiter| delimiter.0),
            decimal: reading.form.decimal,
            missing: reading.form.missing.clone(),
            exact_labels: reading.form.exact_labels,
            target: task.target.clone(),
            drop: reading.drop.clone(),
            keep: reading.keep.clone(),
            categorical: reading.categorical.clone(),
            positive: task.positive.clone(),
            multiclass: task.multiclass,
            rare: match (task.merge_rare, task.drop_rare) {
                (true, _) => RareClasses::Merge,
                (_, true) => RareClasses::Drop,
                _ => RareClasses::Refuse,
            },
        }
    }

    fn read_options(&self) -> ReadOptions {
        let delimiter = self.delimiter.map(Delimiter);
        ReadOptions {
            form: form_options(self.header, delimiter, self.decimal, &self.missing, self.exact_labels),
            target: self.target.clone(),
            drop: self.drop.clone(),
            keep: self.keep.clone(),
            categorical: self.categorical.clone(),
        }
    }

    /// Reads the data for a cross-validation of `folds` folds.
    ///
    /// # Errors
    ///
    /// [`TableError`], which says what is wrong, where, and how to mend it.
    pub fn load(&self, folds: usize) -> Result<(Problem, DataSummary), TableError> {
        let mut guesses = Guesses::default();
        let loaded = self.load_telling(folds, &mut guesses);
        if let Err(error) = &loaded {
            // What was taken for what may be why it failed.
            let is_said = |guess: &Guess| matches!(error, TableError::NoFeatures { .. }) && guess.about == "left out";
            let others: Vec<Guess> = guesses.as_slice().iter().filter(|guess| !is_said(guess)).cloned().collect();
            let _ = guess::show(&mut io::stderr(), &others, width());
        }
        loaded
    }

    fn load_telling(&self, folds: usize, guesses: &mut Guesses) -> Result<(Problem, DataSummary), TableError> {
        let (table, sha256) = match &self.file {
            Some(file) => {
                let (name, stream) = input::open(Path::new(file))?;
                let bytes = Hashed::new(stream);
                let table = Table::from_stream(&name, Box::new(bytes.clone()), &self.read_options(), guesses)?;
                (table, bytes.sha256().map_err(|source| TableError::unreadable(&name, source))?)
            }
            None => {
                let task = if self.multiclass { WineTask::Multiclass } else { WineTask::Binary };
                let table = wine::table(task);
                let sha256 = hex_sha256(&values(&table));
                (table, sha256)
            }
        };
        let problem = if self.multiclass {
            Problem::multiclass(table, folds, self.rare)?
        } else {
            // Of the wines the label is known, and need not be called the rarest.
            let positive = if self.file.is_none() { Some(wine::POSITIVE) } else { self.positive.as_deref() };
            Problem::binary(table, positive, folds)?
        };
        let summary = summary(&problem, sha256);
        Ok((problem, summary))
    }
}

fn summary(problem: &Problem, sha256: String) -> DataSummary {
    let table = &problem.table;
    let feature = |column: &Column| {
        let kind = if matches!(column, Column::Numeric { .. }) { "numeric" } else { "categorical" };
        Feature { name: column.name().to_owned(), kind, missing: column.missing() }
    };
    let mut guesses = table.guesses.clone();
    if let Some(binary) = &problem.binary {
        let positive = excerpt(&binary.positive);
        if let Some(why) = &binary.why {
            guesses.guess("positive", format!("`{positive}`, {why}"), "--positive LABEL");
        }
        if let Some(rest) = table.target.rest(&binary.positive) {
            guesses.guess("the rest", rest, "--multiclass tells all apart");
        }
    }
    DataSummary {
        name: table.name.clone(),
        sha256,
        rows: table.rows(),
        features: table.columns.iter().map(feature).collect(),
        target: table.target.name.clone(),
        labels: table.target.labels.iter().cloned().zip(table.target.counts.iter().copied()).collect(),
        positive: problem.binary.as_ref().map(|binary| binary.positive.clone()),
        guesses: guesses.as_slice().to_vec(),
    }
}

/// A built-in table's numbers and classes as bytes.
fn values(table: &Table) -> Vec<u8> {
    let mut bytes = Vec::new();
    for column in &table.columns {
        if let Column::Numeric { values, .. } = column {
            values.iter().for_each(|value| bytes.extend(value.to_le_bytes()));
        }
    }
    table.target.classes.iter().for_each(|&class| bytes.extend((class as u64).to_le_bytes()));
    bytes
}

/// SHA-256 in hexadecimal.
#[must_use]
pub fn hex_sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Bytes in hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
