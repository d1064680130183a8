//! What is known of a column before its cells are read: its name, what the file declares of it, and how its numbers are written.

use std::collections::HashSet;

use super::error::{TableError, listing};
use super::missing::Missing;
use super::number::{Decimal, parse};
use super::unit::{Mixed, Unit};
use crate::text::excerpt;

/// What a file's header declares of a column's cells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Declared {
    /// Nothing.
    #[default]
    Nothing,
    /// That they are numbers.
    Numbers,
    /// The names of which each is one.
    Names(HashSet<String>),
}

/// A column's name, and what the file's form says of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ColumnHead {
    /// Its name; `column 3` where there is none.
    pub name: String,
    /// Whether the header leaves its name out, as for an index.
    pub(crate) is_unnamed: bool,
    /// Whether its name says that it holds labels as they are spelled, none of them missing.
    pub is_exact: bool,
    /// Whether it is of Weka's predictions: labels behind their numbers (`1:no`), and a star at the largest score.
    pub(crate) is_wekas: bool,
    /// What the header says of its cells.
    pub(crate) declared: Declared,
    /// Whether the header names the columns to learn from, and this is none of them.
    pub(crate) is_no_input: bool,
    /// What stands before its decimals.
    pub decimal: Decimal,
    /// What stands beside each of its numbers.
    pub(crate) unit: Option<Unit>,
    /// Why its numbers cannot be compared.
    pub(crate) mixed: Option<Mixed>,
}

impl ColumnHead {
    /// A column of which nothing else is known.
    pub(crate) fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Whether its values are names, as the file declares.
    pub(crate) fn is_nominal(&self) -> bool {
        matches!(self.declared, Declared::Names(_))
    }

    /// The number that a bare cell holds.
    pub fn number(&self, cell: &str) -> Option<f64> {
        let cell = if self.is_wekas { cell.strip_prefix('*').unwrap_or(cell) } else { cell };
        match &self.unit {
            None => parse(cell, self.decimal),
            Some(unit) => unit.number(cell, self.decimal),
        }
    }

    /// Whether a bare cell says that its value is missing: what a header declares as a name is one, also `None`.
    pub fn is_missing(&self, missing: &Missing, cell: &str) -> bool {
        if self.is_exact {
            return cell.is_empty();
        }
        missing.is(cell) && !matches!(&self.declared, Declared::Names(names) if names.contains(cell))
    }

    /// The label that a bare cell holds.
    pub fn label<'a>(&self, cell: &'a str) -> &'a str {
        let behind = |cell: &'a str| {
            let (number, label) = cell.split_once(':')?;
            (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(label)
        };
        if self.is_wekas { behind(cell).unwrap_or(cell) } else { cell }
    }

    /// That a bare cell, which is not missing, is what the header declares; else what that is.
    pub(crate) fn check(&self, cell: &str) -> Result<(), String> {
        match &self.declared {
            Declared::Numbers if self.number(cell).is_none() => Err("a number".to_owned()),
            Declared::Names(names) if !names.contains(cell) => {
                let mut names: Vec<&String> = names.iter().collect();
                names.sort_unstable();
                Err(format!("one of {}", listing(names.into_iter().map(|name| format!("`{}`", excerpt(name))), 20)))
            }
            _ => Ok(()),
        }
    }

    /// That its numbers can be compared; `column` counts from 0, `cure` is what else may be done.
    ///
    /// # Errors
    ///
    /// [`TableError`] where some have a unit and some none, or another.
    pub fn check_units(&self, table: &str, column: usize, cure: &str) -> Result<(), TableError> {
        let Some(Mixed { one, with, other, without, line }) = &self.mixed else { return Ok(()) };
        Err(TableError::MixedUnits {
            name: table.to_owned(),
            column: column + 1,
            column_name: excerpt(&self.name),
            found: format!("{one} {with} of its numbers and {other} {without} (first on line {line})"),
            cure: cure.to_owned(),
        })
    }
}
