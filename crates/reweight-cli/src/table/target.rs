//! From the target column's cells to classes, and from classes to positives and negatives.

use std::collections::BTreeMap;

use super::error::{TableError, listing};
use super::read::{RawTable, bare, is_missing};

/// Most classes that a target may have.
pub const MOST_CLASSES: usize = 1000;

/// The class of each row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The target column's name.
    pub name: String,
    /// The labels, without quotes around them; numbers in their order, before other labels in theirs.
    pub labels: Vec<String>,
    /// Rows of each label.
    pub counts: Vec<usize>,
    /// One index into `labels` a row.
    pub classes: Vec<usize>,
}

/// A two-class reading of a target: one label against all others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binary {
    /// Whether each row is positive.
    pub is_positive: Vec<bool>,
    /// The positive label.
    pub positive: String,
    /// Number of positive rows.
    pub positives: usize,
    /// Whether the label was chosen here, being the rarest, and not by the caller.
    pub chosen_as_rarest: bool,
}

impl Target {
    /// Builds a target from the label of each row.
    #[must_use]
    pub fn from_labels(name: &str, row_labels: &[&str]) -> Self {
        let mut counts = BTreeMap::new();
        for label in row_labels {
            *counts.entry(*label).or_insert(0_usize) += 1;
        }
        let mut labels: Vec<&str> = counts.keys().copied().collect();
        let number = |label: &str| label.parse::<f64>().ok().filter(|value| !value.is_nan()).unwrap_or(f64::INFINITY);
        // A stable sort of sorted labels: those that are no numbers follow in their own order.
        labels.sort_by(|a, b| number(a).total_cmp(&number(b)));
        let index: BTreeMap<&str, usize> = labels.iter().enumerate().map(|(class, label)| (*label, class)).collect();
        Self {
            name: name.to_owned(),
            counts: labels.iter().map(|label| counts[label]).collect(),
            classes: row_labels.iter().map(|label| index[label]).collect(),
            labels: labels.into_iter().map(str::to_owned).collect(),
        }
    }

    /// Reads the labels of column `index`; also returns the rows that have one. Rows without are left out with a note.
    pub(crate) fn understand(
        raw: &RawTable,
        index: usize,
        notes: &mut Vec<String>,
    ) -> Result<(Self, Vec<usize>), TableError> {
        let column_name = raw.names[index].clone();
        let name = raw.name.clone();
        let cell = |row: usize| bare(&raw.rows[row][index]);
        let rows: Vec<usize> = (0..raw.rows.len()).filter(|&row| !is_missing(cell(row))).collect();
        let without = raw.rows.len() - rows.len();
        if rows.is_empty() {
            return Err(TableError::NoLabels { name, column_name });
        }
        if without > 0 {
            let first = (0..raw.rows.len()).find(|&row| is_missing(cell(row))).map_or(0, |row| raw.lines[row]);
            notes.push(format!("{without} row(s) have no label, the first on line {first}, and were left out"));
        }
        let labels: Vec<&str> = rows.iter().map(|&row| cell(row)).collect();
        let target = Self::from_labels(&column_name, &labels);
        let classes = target.labels.len();
        if classes == 1 {
            return Err(TableError::OneClass { name, column_name, label: target.labels[0].clone(), rows: rows.len() });
        }
        if classes > MOST_CLASSES || (classes > 20 && 2 * classes > rows.len()) {
            let most = MOST_CLASSES.min(20.max(rows.len() / 2));
            return Err(TableError::TooManyClasses { name, column_name, classes, rows: rows.len(), most });
        }
        Ok((target, rows))
    }

    /// The labels with their counts, rarest first, as messages list them.
    #[must_use]
    pub fn listing(&self) -> String {
        let mut order: Vec<usize> = (0..self.labels.len()).collect();
        order.sort_by_key(|&class| self.counts[class]);
        listing(order.into_iter().map(|class| format!("`{}` ({} rows)", self.labels[class], self.counts[class])), 20)
    }

    /// One label against all others: `positive`, or else the rarest (the first of those equally rare).
    ///
    /// `positive` may be written as in the file, with or without its quotes, or as another spelling of the same number.
    /// `table` is what messages call the table.
    ///
    /// # Errors
    ///
    /// [`TableError::PositiveNotFound`] when no row has that label, [`TableError::TooFewPositives`] when fewer rows than
    /// `folds` have it.
    pub fn binary(&self, table: &str, positive: Option<&str>, folds: usize) -> Result<Binary, TableError> {
        let class = match positive {
            None => (0..self.labels.len()).min_by_key(|&class| self.counts[class]).unwrap_or(0),
            Some(wanted) => self.find(wanted).ok_or_else(|| TableError::PositiveNotFound {
                name: table.to_owned(),
                column_name: self.name.clone(),
                positive: wanted.to_owned(),
                known: self.listing(),
            })?,
        };
        let (label, positives) = (self.labels[class].clone(), self.counts[class]);
        if positives < folds {
            return Err(TableError::TooFewPositives {
                name: table.to_owned(),
                positive: label,
                positives,
                folds,
                known: self.listing(),
            });
        }
        Ok(Binary {
            is_positive: self.classes.iter().map(|&row| row == class).collect(),
            positive: label,
            positives,
            chosen_as_rarest: positive.is_none(),
        })
    }

    /// The class that a user's spelling means.
    fn find(&self, wanted: &str) -> Option<usize> {
        let wanted = bare(wanted);
        let exact = self.labels.iter().position(|label| label == wanted);
        exact.or_else(|| {
            let value = wanted.parse::<f64>().ok()?;
            let equal = |label: &String| label.parse::<f64>().is_ok_and(|other| other == value);
            let mut same = (0..self.labels.len()).filter(|&class| equal(&self.labels[class]));
            // `1` and `1.0` may both be labels; then a third spelling means neither.
            same.next().filter(|_| same.next().is_none())
        })
    }
}
