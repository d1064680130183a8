//! From the target column's cells to classes, and from classes to positives and negatives.

use std::collections::BTreeMap;

use super::RawTable;
use super::cell::bare;
use super::error::{TableError, labels_listing};
use super::guess::Guesses;
use super::label::{Spellings, find};
use super::number::{Decimal, parse};
use super::positive::choose;
use crate::terminal::{counted, excerpt};

/// Most classes that a target may have.
pub const MOST_CLASSES: usize = 1000;

/// Most labels that are numbers of which the rarest is taken for the positive one: as many as there are digits.
const MOST_NUMBERS: usize = 10;

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
    /// Why the label was chosen here; none where the caller chose it.
    pub why: Option<String>,
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

    /// Reads the labels of column `index`; also returns the rows that have one. Rows without are left out and counted.
    pub(crate) fn understand(
        raw: &RawTable,
        index: usize,
        guesses: &mut Guesses,
    ) -> Result<(Self, Vec<usize>), TableError> {
        let column_name = raw.columns[index].name.clone();
        let name = raw.name.clone();
        let cell = |row: usize| bare(raw.cells.cell(row, index));
        let is_missing = |row: usize| raw.columns[index].is_missing(&raw.missing, cell(row));
        let rows: Vec<usize> = (0..raw.cells.len()).filter(|&row| !is_missing(row)).collect();
        let without = raw.cells.len() - rows.len();
        if rows.is_empty() {
            return Err(TableError::NoLabels { name, column_name });
        }
        if without > 0 {
            let first = (0..raw.cells.len()).find(|&row| is_missing(row));
            let line = first.map_or(0, |row| raw.cells.line(row));
            let have = if without == 1 { "has" } else { "have" };
            let rows = counted(without as u64, "row");
            guesses.guess(
                "missing",
                format!("{rows} {have} no label (first on line {line}) and were left out"),
                "--missing CELL",
            );
        }
        let mut spellings = Spellings::new(raw.exact_labels || raw.columns[index].is_exact, raw.columns[index].decimal);
        let classes: Vec<usize> = rows.iter().map(|&row| spellings.class(cell(row))).collect();
        tell_merged(&spellings, guesses);
        let names = spellings.names();
        let labels: Vec<&str> = classes.iter().map(|&class| names[class].as_str()).collect();
        let target = Self::from_labels(&column_name, &labels);
        let classes = target.labels.len();
        if classes == 1 {
            let label = target.labels[0].clone();
            return Err(TableError::OneClass { name, column_name, label, rows: rows.len(), without });
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
        labels_listing(&self.counted_labels(|_| true), 20)
    }

    /// Labels with their rows.
    fn counted_labels(&self, which: impl Fn(usize) -> bool) -> Vec<(String, u64)> {
        let classes = (0..self.labels.len()).filter(|&class| which(class));
        classes.map(|class| (self.labels[class].clone(), self.counts[class] as u64)).collect()
    }

    /// The labels other than `label` with their counts, where they are several: those that a two-class reading takes together.
    #[must_use]
    pub fn rest(&self, label: &str) -> Option<String> {
        let others = self.counted_labels(|class| self.labels[class] != label);
        (others.len() > 1)
            .then(|| format!("{} other labels were taken together: {}", others.len(), labels_listing(&others, 20)))
    }

    /// Whether the labels are numbers, and too many to be the names of classes unless somebody says that they are.
    fn are_numbers(&self) -> bool {
        self.labels.len() > MOST_NUMBERS && self.labels.iter().all(|label| parse(label, Decimal::Point).is_some())
    }

    /// One label against all others: `positive`, or else the one that the labels themselves name, or the rarest.
    ///
    /// `positive` may be written as in the file, with or without its quotes, or as another spelling of the same label.
    /// `table` is what messages call the table.
    ///
    /// # Errors
    ///
    /// [`TableError::PositiveNotFound`] when no row has that label, [`TableError::WhichPositive`] when several are equally
    /// rare, [`TableError::ManyNumbers`] when the labels look like a measurement's, [`TableError::NamedOrRare`] when `1`, or another answer, is the common one, [`TableError::TooFewPositives`] when fewer rows than `folds` have it.
    pub fn binary(&self, table: &str, positive: Option<&str>, folds: usize) -> Result<Binary, TableError> {
        let name = || table.to_owned();
        let (class, why) = match positive {
            None => {
                let counts: Vec<u64> = self.counts.iter().map(|&count| count as u64).collect();
                if self.are_numbers() {
                    let (column_name, labels) = (self.name.clone(), self.labels.len());
                    return Err(TableError::ManyNumbers { name: name(), column_name, labels });
                }
                let choice = choose(&self.labels, &counts);
                let choice = choice.ok_or_else(|| {
                    let fewest = self.counts.iter().min().copied().unwrap_or(0);
                    let known = labels_listing(&self.counted_labels(|class| self.counts[class] == fewest), 20);
                    TableError::WhichPositive { name: name(), known }
                })?;
                if let Some(rival) = choice.rival {
                    let known = |class: usize| labels_listing(&self.counted_labels(|other| other == class), 1);
                    let (named, rare) = (known(choice.class), known(rival));
                    return Err(TableError::NamedOrRare { name: name(), named, rare });
                }
                (choice.class, Some(choice.why))
            }
            Some(wanted) => {
                let class = find(&self.labels, wanted).ok_or_else(|| TableError::PositiveNotFound {
                    name: name(),
                    column_name: self.name.clone(),
                    positive: wanted.to_owned(),
                    known: self.listing(),
                })?;
                (class, None)
            }
        };
        let (label, positives) = (self.labels[class].clone(), self.counts[class]);
        if positives < folds {
            return Err(TableError::TooFewPositives {
                name: name(),
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
            why,
        })
    }
}

/// Says which spellings were taken for one label.
pub(crate) fn tell_merged(spellings: &Spellings, guesses: &mut Guesses) {
    let merged = spellings.merged();
    if merged.is_empty() {
        return;
    }
    let one = |all: &Vec<(&str, u64)>| {
        let all = all.iter().map(|(label, rows)| format!("`{}` ({})", excerpt(label), counted(*rows, "row")));
        all.take(5).collect::<Vec<_>>().join(" and ")
    };
    let mut all: Vec<String> = merged.iter().take(5).map(|all| format!("{} are one label", one(all))).collect();
    if merged.len() > 5 {
        all.push(format!("so are the spellings of {} more", merged.len() - 5));
    }
    guesses.guess("labels", all.join("; "), "--exact-labels");
}
