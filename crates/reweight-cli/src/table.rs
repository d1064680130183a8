//! A table of a user's own: read from a CSV, its columns understood, its labels found, its features made numbers.
//!
//! The data's way: bytes → [`read`](mod@read) (text cells with their lines) → [`column`](mod@column) (numbers or categories)
//! and [`target`] (classes) → a [`Table`] → [`encode`] (standardised on a training part) → the network's rows.

pub mod column;
pub mod encode;
pub mod error;
pub mod read;
pub mod target;

use std::path::Path;

pub use column::Column;
pub use encode::Encoder;
pub use error::TableError;
pub use read::Header;
pub use target::{Binary, Target};

/// How to read a table; the default finds everything out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// Whether the first row names the columns.
    pub header: Header,
    /// The byte between cells; `None` finds it out.
    pub delimiter: Option<u8>,
    /// The target column by name or 1-based number; `None` is the last.
    pub target: Option<String>,
    /// Columns to leave out, by name or 1-based number.
    pub drop: Vec<String>,
    /// Columns whose numbers are names of categories, by name or 1-based number.
    pub categorical: Vec<String>,
}

/// A table whose columns are understood: features and a target, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// What messages and reports call it: the file's path, or the data set's name.
    pub name: String,
    /// The feature columns that are used, in the table's order; all of the same length.
    pub columns: Vec<Column>,
    /// The class of each row.
    pub target: Target,
    /// What was decided on the way and should be told, one sentence each.
    pub notes: Vec<String>,
}

impl Table {
    /// Reads a CSV file.
    ///
    /// # Errors
    ///
    /// [`TableError`], which says what is wrong, where, and how to mend it.
    pub fn from_csv(path: &Path, options: &ReadOptions) -> Result<Self, TableError> {
        let bytes = std::fs::read(path).map_err(|source| TableError::from_io(path, source))?;
        Self::from_bytes(&path.display().to_string(), &bytes, options)
    }

    /// Reads a CSV's bytes; `name` is what messages call them.
    ///
    /// # Errors
    ///
    /// As [`Table::from_csv`].
    pub fn from_bytes(name: &str, bytes: &[u8], options: &ReadOptions) -> Result<Self, TableError> {
        let mut raw = read::read(name, bytes, options)?;
        let target_column = match &options.target {
            Some(selector) => raw.find(selector)?,
            None => raw.names.len() - 1,
        };
        let select = |selectors: &[String]| selectors.iter().map(|s| raw.find(s)).collect::<Result<Vec<_>, _>>();
        let dropped = select(&options.drop)?;
        let categorical = select(&options.categorical)?;
        let mut notes = std::mem::take(&mut raw.notes);
        let (target, rows) = Target::understand(&raw, target_column, &mut notes)?;
        let mut columns = Vec::new();
        for index in 0..raw.names.len() {
            if index != target_column && !dropped.contains(&index) {
                let forced = categorical.contains(&index);
                columns.extend(column::understand(&raw, index, &rows, forced, &mut notes)?);
            }
        }
        if columns.is_empty() {
            return Err(TableError::NoFeatures {
                name: name.to_owned(),
                columns: raw.names.len(),
                target: raw.names[target_column].clone(),
                notes: notes.join("; "),
            });
        }
        Ok(Self { name: name.to_owned(), columns, target, notes })
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.target.classes.len()
    }
}

#[cfg(test)]
mod tests;
