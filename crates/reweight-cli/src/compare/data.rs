//! The data of a comparison: how it is read, what was found in it, and a hash that tells it from other data.

use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::arguments::{CompareArguments, HeaderChoice};
use crate::problem::Problem;
use crate::table::{Column, Header, ReadOptions, Table, TableError};
use crate::wine::{self, WineTask};

/// Which data, and how it is read: enough to read it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSettings {
    /// The CSV file; none for the red wines that come with the program.
    pub file: Option<String>,
    /// Whether the first row names the columns.
    pub header: HeaderChoice,
    /// The byte between cells; none where it was found out.
    pub delimiter: Option<u8>,
    /// The target column, as asked for.
    pub target: Option<String>,
    /// Columns left out.
    pub drop: Vec<String>,
    /// Columns whose numbers are names.
    pub categorical: Vec<String>,
    /// The positive label, as asked for.
    pub positive: Option<String>,
    /// Whether all labels are told apart.
    pub multiclass: bool,
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
    /// What was decided on the way.
    pub notes: Vec<String>,
}

/// A feature column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Feature {
    /// Its name.
    pub name: String,
    /// `numeric` or `categorical`.
    pub kind: &'static str,
}

impl DataSettings {
    /// What the command line says.
    #[must_use]
    pub fn new(arguments: &CompareArguments) -> Self {
        Self {
            file: arguments.data.as_ref().map(|path| path.display().to_string()),
            header: arguments.reading.header,
            delimiter: arguments.reading.delimiter.map(|delimiter| delimiter.0),
            target: arguments.task.target.clone(),
            drop: arguments.reading.drop.clone(),
            categorical: arguments.reading.categorical.clone(),
            positive: arguments.task.positive.clone(),
            multiclass: arguments.task.multiclass,
        }
    }

    fn read_options(&self) -> ReadOptions {
        ReadOptions {
            header: match self.header {
                HeaderChoice::Auto => Header::Detect,
                HeaderChoice::Yes => Header::Yes,
                HeaderChoice::No => Header::No,
            },
            delimiter: self.delimiter,
            target: self.target.clone(),
            drop: self.drop.clone(),
            categorical: self.categorical.clone(),
        }
    }

    /// Reads the data for a cross-validation of `folds` folds.
    ///
    /// # Errors
    ///
    /// [`TableError`], which says what is wrong, where, and how to mend it.
    pub fn load(&self, folds: usize) -> Result<(Problem, DataSummary), TableError> {
        let (table, sha256) = match &self.file {
            Some(file) => {
                let path = Path::new(file);
                let bytes = std::fs::read(path).map_err(|source| TableError::from_io(path, source))?;
                (Table::from_bytes(file, &bytes, &self.read_options())?, hex_sha256(&bytes))
            }
            None => {
                let task = if self.multiclass { WineTask::Multiclass } else { WineTask::Binary };
                let table = wine::table(task);
                let sha256 = hex_sha256(&values(&table));
                (table, sha256)
            }
        };
        let problem = if self.multiclass {
            Problem::multiclass(table)
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
    let feature = |column: &Column| match column {
        Column::Numeric { name, .. } => Feature { name: name.clone(), kind: "numeric" },
        Column::Categorical { name, .. } => Feature { name: name.clone(), kind: "categorical" },
    };
    let mut notes = table.notes.clone();
    if let Some(binary) = problem.binary.as_ref().filter(|binary| binary.chosen_as_rarest) {
        notes.push(format!(
            "`{}` is the rarest label and was taken as the positive one; --positive chooses another",
            binary.positive
        ));
    }
    DataSummary {
        name: table.name.clone(),
        sha256,
        rows: table.rows(),
        features: table.columns.iter().map(feature).collect(),
        target: table.target.name.clone(),
        labels: table.target.labels.iter().cloned().zip(table.target.counts.iter().copied()).collect(),
        positive: problem.binary.as_ref().map(|binary| binary.positive.clone()),
        notes,
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
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
