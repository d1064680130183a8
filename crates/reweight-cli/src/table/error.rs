//! What can be wrong with a table: every message says what, where, and how to mend it.

use std::io;
use std::path::Path;

use crate::folds::fewer_folds;

/// Why a table could not be used. `name` is the file's path; lines and columns count from 1.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the message beside each variant says what its fields mean")]
pub enum TableError {
    #[error("{name}: there is no such file; check the path (it is taken from the folder you are in)")]
    NotFound { name: String },
    #[error("{name}: cannot be read")]
    Unreadable { name: String, source: io::Error },
    #[error("{name}: the file is empty; it needs one row a sample and one column a feature, and a target column")]
    Empty { name: String },
    #[error("{name}: there is a header but no row beneath it; if the first row is data, say --header no")]
    NoRows { name: String },
    #[error("{name}: line {line}, byte {column}: not UTF-8{hint}; save the file as UTF-8 text")]
    NotUtf8 { name: String, line: u64, column: usize, hint: &'static str },
    #[error(
        "{name}: line {line} has {actual} cell(s), the lines before it have {expected}; look there for a missing or \
         doubled delimiter or quote (the delimiter was taken to be {delimiter}; --delimiter sets another)"
    )]
    Ragged { name: String, line: u64, expected: u64, actual: u64, delimiter: String },
    #[error("{name}: line {line}: a quoted cell that begins here is never closed; add the missing \"")]
    OpenQuote { name: String, line: u64 },
    #[error("{name}: cannot be read as CSV")]
    Csv { name: String, source: csv::Error },
    #[error("{name}: there is no column `{selector}`; choose one of {known}, by name or by number")]
    ColumnNotFound { name: String, selector: String, known: String },
    #[error("{name}: columns {numbers} are all named `{selector}`; choose one by its number")]
    ColumnAmbiguous { name: String, selector: String, numbers: String },
    #[error(
        "{name}: line {line}, column {column} (`{column_name}`): `{value}` is not a finite number; leave the cell empty if \
         the value is missing, or leave the column out with --drop {column}"
    )]
    NotFinite { name: String, line: u64, column: usize, column_name: String, value: String },
    #[error(
        "{name}: line {line}, column {column} (`{column_name}`): `{value}` is not a number, while {numbers} of the column's \
         {cells} cells are; mend it, leave it empty, or say --categorical {column}"
    )]
    NotANumber {
        name: String,
        line: u64,
        column: usize,
        column_name: String,
        value: String,
        numbers: usize,
        cells: usize,
    },
    #[error("{name}: no feature column is left of {columns} column(s) beside the target `{target}`{}", after_colon(.notes))]
    NoFeatures { name: String, columns: usize, target: String, notes: String },
    #[error("{name}: every row of the target column `{column_name}` is empty; choose another with --target")]
    NoLabels { name: String, column_name: String },
    #[error(
        "{name}: all {rows} rows of the target column `{column_name}` are `{label}`; there is nothing to tell apart, choose \
         another column with --target"
    )]
    OneClass { name: String, column_name: String, label: String, rows: usize },
    #[error(
        "{name}: the target column `{column_name}` has {classes} different labels in {rows} rows, at most {most} are taken; \
         it looks like a measurement or an identifier: choose another column with --target"
    )]
    TooManyClasses { name: String, column_name: String, classes: usize, rows: usize, most: usize },
    #[error("{name}: no row of the target column `{column_name}` is labelled `{positive}`; the labels are {known}")]
    PositiveNotFound { name: String, column_name: String, positive: String, known: String },
    #[error(
        "{name}: only {positives} row(s) are labelled `{positive}`, fewer than the {folds} folds; {}choose another label \
         with --positive (the labels are {known})",
        fewer_folds(*.positives)
    )]
    TooFewPositives { name: String, positive: String, positives: usize, folds: usize, known: String },
}

impl TableError {
    /// The error of a file that could not be read.
    pub(crate) fn from_io(path: &Path, source: io::Error) -> Self {
        let name = path.display().to_string();
        match source.kind() {
            io::ErrorKind::NotFound => Self::NotFound { name },
            _ => Self::Unreadable { name, source },
        }
    }
}

fn after_colon(notes: &str) -> String {
    if notes.is_empty() { String::new() } else { format!(": {notes}") }
}

/// `items` as a sentence's list, the first `most` of them.
pub(crate) fn listing(items: impl ExactSizeIterator<Item = String>, most: usize) -> String {
    let count = items.len();
    let mut text = items.take(most).collect::<Vec<_>>().join(", ");
    if count > most {
        text.push_str(&format!(" and {} more", count - most));
    }
    text
}
