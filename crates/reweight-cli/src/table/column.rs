//! From cells to a column: numbers or categories, or nothing worth keeping.

use std::collections::BTreeMap;

use super::error::TableError;
use super::read::{RawTable, bare, is_missing};

/// Most categories of one column that get an input of their own; the rarer ones share one.
pub const MOST_LEVELS: usize = 50;

/// Share of a column's cells that must be numbers before one that is not counts as a mistake.
const MOSTLY_NUMBERS: f64 = 0.9;

/// A feature column.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// Numbers, each finite or missing.
    Numeric {
        /// The column's name.
        name: String,
        /// One value a row; NaN where it is missing.
        values: Vec<f64>,
    },
    /// Names of categories.
    Categorical {
        /// The column's name.
        name: String,
        /// The categories, sorted; the rare ones of a column with too many share the last, `(other)`.
        levels: Vec<String>,
        /// One index into `levels` a row; `None` where it is missing.
        codes: Vec<Option<usize>>,
    },
}

impl Column {
    /// The column's name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Numeric { name, .. } | Self::Categorical { name, .. } => name,
        }
    }
}

/// Understands column `index` of `raw` in `rows`; `None` (with a note) if it cannot tell rows apart.
pub(crate) fn understand(
    raw: &RawTable,
    index: usize,
    rows: &[usize],
    categorical: bool,
    notes: &mut Vec<String>,
) -> Result<Option<Column>, TableError> {
    let cells: Vec<Option<&str>> = rows
        .iter()
        .map(|&row| {
            let cell = bare(&raw.rows[row][index]);
            (!is_missing(cell)).then_some(cell)
        })
        .collect();
    let column = if categorical {
        categories(&raw.names[index], &cells, notes)
    } else {
        match numbers(raw, index, rows, &cells, notes)? {
            Some(column) => Some(column),
            None => categories(&raw.names[index], &cells, notes),
        }
    };
    Ok(column.filter(|column| tells_rows_apart(column, notes)))
}

/// Numbers, if most cells are; an error for the cell that is not.
fn numbers(
    raw: &RawTable,
    index: usize,
    rows: &[usize],
    cells: &[Option<&str>],
    notes: &mut Vec<String>,
) -> Result<Option<Column>, TableError> {
    let with_point = |cell: &str| cell.parse::<f64>().ok();
    // Where commas do not separate cells they may mark decimals.
    let with_comma = |cell: &str| {
        if raw.delimiter == b',' { None } else { with_point(&cell.replacen(',', ".", 1)) }
    };
    let present = cells.iter().flatten().count();
    let points = cells.iter().flatten().filter(|cell| with_point(cell).is_some()).count();
    let either = cells.iter().flatten().filter(|cell| with_comma(cell).or(with_point(cell)).is_some()).count();
    if present > 0 && (either as f64) < MOSTLY_NUMBERS * present as f64 {
        return Ok(None);
    }
    let name = &raw.names[index];
    if either > points {
        notes.push(format!("column `{name}`: commas were taken as decimal points"));
    }
    let mut values = Vec::with_capacity(cells.len());
    for (cell, &row) in cells.iter().zip(rows) {
        let Some(cell) = cell else {
            values.push(f64::NAN);
            continue;
        };
        let (table, line, column_name) = (raw.name.clone(), raw.lines[row], name.clone());
        match with_point(cell).or_else(|| with_comma(cell)) {
            Some(value) if value.is_finite() => values.push(value),
            // An overflow, not a missing value: to impute the mean would hide a measurement that was too large.
            Some(_) => {
                let (column, value) = (index + 1, (*cell).to_owned());
                return Err(TableError::NotFinite { name: table, line, column, column_name, value });
            }
            None => {
                return Err(TableError::NotANumber {
                    name: table,
                    line,
                    column: index + 1,
                    column_name,
                    value: (*cell).to_owned(),
                    numbers: either,
                    cells: present,
                });
            }
        }
    }
    Ok(Some(Column::Numeric { name: name.clone(), values }))
}

fn categories(name: &str, cells: &[Option<&str>], notes: &mut Vec<String>) -> Option<Column> {
    let mut counts = BTreeMap::new();
    for cell in cells.iter().flatten() {
        *counts.entry(*cell).or_insert(0_usize) += 1;
    }
    let present = cells.iter().flatten().count();
    // Mostly different in every row: a name or a number of the row, which says nothing about the next one.
    if counts.len() > MOST_LEVELS && 2 * counts.len() > present {
        notes.push(format!(
            "column `{name}` has {} different values in {present} rows, as an identifier has, and was left out",
            counts.len()
        ));
        return None;
    }
    let mut levels: Vec<&str> = counts.keys().copied().collect();
    let shared = levels.len() > MOST_LEVELS;
    if shared {
        // A stable sort, so that levels that are equally frequent stay in their own order.
        levels.sort_by_key(|level| std::cmp::Reverse(counts[level]));
        levels.truncate(MOST_LEVELS - 1);
        levels.sort_unstable();
        notes.push(format!(
            "column `{name}` has {} categories; the {} rarest were taken together",
            counts.len(),
            counts.len() - levels.len()
        ));
    }
    let other = levels.len();
    let code = |cell: &&str| levels.binary_search(cell).unwrap_or(other);
    let codes = cells.iter().map(|cell| cell.as_ref().map(code)).collect();
    let mut levels: Vec<String> = levels.into_iter().map(str::to_owned).collect();
    if shared {
        levels.push("(other)".to_owned());
    }
    Some(Column::Categorical { name: name.to_owned(), levels, codes })
}

/// Whether a column may help to tell classes apart; a note if not.
fn tells_rows_apart(column: &Column, notes: &mut Vec<String>) -> bool {
    let (varies, counts_rows) = match column {
        Column::Numeric { values, .. } => {
            let differ = |pair: &[f64]| pair[0] != pair[1] && !(pair[0].is_nan() && pair[1].is_nan());
            let counts = values.len() > 2 && values.windows(2).all(|pair| pair[1] - pair[0] == 1.0);
            (values.windows(2).any(differ), counts)
        }
        Column::Categorical { codes, .. } => (codes.windows(2).any(|pair| pair[0] != pair[1]), false),
    };
    if !varies {
        notes.push(format!("column `{}` has the same value in every row and was left out", column.name()));
    } else if counts_rows {
        // It would let the network read the order of the file, which often is the order of the classes.
        notes.push(format!("column `{}` only counts the rows and was left out", column.name()));
    }
    varies && !counts_rows
}
