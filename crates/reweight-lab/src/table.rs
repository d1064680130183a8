//! A table of a user's own: read from a text, its columns understood, its labels found, its features made numbers.
//!
//! The data's way: bytes → `input` (unpacked, other formats refused) → `form` (delimiter, header, number marks) →
//! `records` (cells with their lines) → `column` (numbers or categories) and `choose`, `target` (classes) → a `Table` →
//! `encode` (standardised on a training part) → the network's rows. `inspect` reads scores through the first three as well.
//! Whatever is found out on the way is a `guess`.

pub mod cell;
pub mod cells;
pub mod choose;
pub mod column;
pub mod encode;
pub mod error;
pub mod form;
pub mod guess;
pub mod head;
pub mod input;
pub mod label;
pub mod missing;
pub mod names;
pub mod number;
pub mod positive;
pub mod records;
pub mod target;
pub mod unit;

use std::io::Cursor;
use std::path::Path;

pub use column::Column;
pub use encode::Encoder;
pub use error::TableError;
pub use form::{FormOptions, Header};
pub use guess::{Guess, Guesses};
pub use missing::Missing;
pub use number::Decimal;
pub use target::{Binary, Target};

use crate::text::{counted, excerpt};
use cells::Cells;
use form::Source;
use head::ColumnHead;
use records::Stream;

/// How to read a table; the default finds everything out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// The form of the file.
    pub form: FormOptions,
    /// The target column by name or 1-based number; `None` finds it out.
    pub target: Option<String>,
    /// Columns to leave out, by name or 1-based number.
    pub drop: Vec<String>,
    /// Columns to keep that would be left out, by name or 1-based number.
    pub keep: Vec<String>,
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
    /// What was found out and should be told.
    pub guesses: Guesses,
}

/// All cells of a table, before its columns are understood.
#[derive(Debug)]
pub struct RawTable {
    pub(crate) name: String,
    pub(crate) columns: Vec<ColumnHead>,
    pub(crate) cells: Cells,
    pub(crate) missing: Missing,
    pub(crate) exact_labels: bool,
}

impl RawTable {
    /// An empty list with room for as many values as rows.
    pub(crate) fn list<T>(&self, rows: usize) -> Result<Vec<T>, TableError> {
        let mut list = Vec::new();
        list.try_reserve_exact(rows).map_err(|_| {
            let what = format!("what {} become", counted(rows as u64, "row"));
            TableError::NoMemory { name: self.name.clone(), what }
        })?;
        Ok(list)
    }
}

impl Table {
    /// Reads a file, or standard input as `-`.
    ///
    /// # Errors
    ///
    /// [`TableError`], which says what is wrong, where, and how to mend it.
    pub fn from_file(path: &Path, options: &ReadOptions) -> Result<Self, TableError> {
        let (name, stream) = input::open(path)?;
        Self::from_stream(&name, stream, options, &mut Guesses::default())
    }

    /// Reads a file's bytes; `name` is what messages call them.
    ///
    /// # Errors
    ///
    /// As [`Table::from_file`].
    pub fn from_bytes(name: &str, bytes: Vec<u8>, options: &ReadOptions) -> Result<Self, TableError> {
        Self::from_stream(name, Box::new(Cursor::new(bytes)), options, &mut Guesses::default())
    }

    /// Reads a stream's bytes; what was found out before an error is left in `guesses`.
    ///
    /// # Errors
    ///
    /// As [`Table::from_file`].
    pub fn from_stream(
        name: &str,
        bytes: Stream,
        options: &ReadOptions,
        guesses: &mut Guesses,
    ) -> Result<Self, TableError> {
        let mut source = Source::open(name, bytes, &options.form, guesses)?;
        let select = |selectors: &[String]| {
            selectors.iter().map(|selector| source.find(selector)).collect::<Result<Vec<_>, _>>()
        };
        let asked = options.target.as_deref().map(|selector| source.find(selector)).transpose()?;
        let (dropped, kept, categorical) =
            (select(&options.drop)?, select(&options.keep)?, select(&options.categorical)?);
        let mut cells = Cells::default();
        let width = source.form.columns.len();
        while let Some(row) = source.next_row()? {
            let line = row.line;
            cells.push(row.cells().take(width), line).map_err(|full| full.at(name, line, cells.rows()))?;
        }
        let Source { mut form, missing, .. } = source;
        let exact_labels = options.form.exact_labels;
        let columns = std::mem::take(&mut form.columns);
        let raw = RawTable { name: name.to_owned(), columns, cells, missing, exact_labels };
        if raw.cells.rows() == 0 {
            return Err(TableError::NoRows { name: raw.name });
        }
        let target_column = match asked {
            Some(column) => column,
            None => choose::target(&raw, &form.declared_targets, guesses)?,
        };
        let (target, rows) = Target::understand(&raw, target_column, guesses)?;
        let is_other =
            |index: usize| raw.columns[index].is_no_input && index != target_column && !kept.contains(&index);
        let others: Vec<usize> = (0..width).filter(|&index| is_other(index)).collect();
        if !others.is_empty() {
            let names = others.iter().map(|&index| format!("`{}`", excerpt(&raw.columns[index].name)));
            let text = format!("{}, since the file's header names other inputs", error::listing(names, 8));
            guesses.guess("left out", text, "--keep COL");
        }
        let is_feature = |index: &usize| *index != target_column && !dropped.contains(index) && !is_other(*index);
        let features: Vec<usize> = (0..width).filter(is_feature).collect();
        let measured = features.iter().filter(|index| !categorical.contains(index)).map(|&index| &raw.columns[index]);
        form::tell_units(measured, Some("--categorical COL"), guesses);
        let columns = column::understand_all(&raw, features, &rows, &kept, &categorical, guesses)?;
        if columns.is_empty() {
            return Err(TableError::NoFeatures {
                name: raw.name,
                columns: width,
                target: raw.columns[target_column].name.clone(),
                why: guesses.about("left out"),
            });
        }
        Ok(Self { name: raw.name, columns, target, guesses: guesses.clone() })
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.target.classes.len()
    }

    /// The same table with the rows `rows` alone, whose classes `target` says.
    #[must_use]
    pub(crate) fn select(mut self, rows: &[usize], target: Target) -> Self {
        self.columns = self.columns.into_iter().map(|column| column.select(rows)).collect();
        self.target = target;
        self
    }
}

#[cfg(test)]
mod tests;
