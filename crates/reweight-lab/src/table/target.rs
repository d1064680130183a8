//! From the target column's cells to classes, and from classes to positives and negatives.

use std::collections::BTreeMap;

use super::RawTable;
use super::cell::bare;
use super::error::{TableError, labels_listing};
use super::guess::Guesses;
use super::label::{Spellings, find};
use super::number::{Decimal, parse};
use super::positive::choose;
use crate::text::{counted, excerpt};

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
        let mut numbers = BTreeMap::new();
        let mut number = |label| {
            let next = numbers.len();
            *numbers.entry(label).or_insert(next)
        };
        let classes = row_labels.iter().map(|label| number(*label)).collect();
        let mut labels = vec![String::new(); numbers.len()];
        numbers.into_iter().for_each(|(label, class)| labels[class] = label.to_owned());
        Self::from_classes(name, labels, classes)
    }

    /// Builds a target from the class of each row, an index into `labels`, which are all different and in any order.
    fn from_classes(name: &str, mut labels: Vec<String>, mut classes: Vec<usize>) -> Self {
        let number = |label: &str| label.parse::<f64>().ok().filter(|value| !value.is_nan()).unwrap_or(f64::INFINITY);
        let mut order: Vec<usize> = (0..labels.len()).collect();
        // Those that are no numbers follow in their own order.
        order.sort_by(|&a, &b| {
            number(&labels[a]).total_cmp(&number(&labels[b])).then_with(|| labels[a].cmp(&labels[b]))
        });
        let (mut places, mut counts) = (vec![0; labels.len()], vec![0; labels.len()]);
        order.iter().enumerate().for_each(|(place, &class)| places[class] = place);
        for class in &mut classes {
            *class = places[*class];
            counts[*class] += 1;
        }
        let labels = order.into_iter().map(|class| std::mem::take(&mut labels[class])).collect();
        Self { name: name.to_owned(), labels, counts, classes }
    }

    /// Reads the labels of column `index`; also returns the rows that have one. Rows without are left out and counted.
    pub(crate) fn understand(
        raw: &RawTable,
        index: usize,
        guesses: &mut Guesses,
    ) -> Result<(Self, Vec<u32>), TableError> {
        let column_name = raw.columns[index].name.clone();
        let name = raw.name.clone();
        let cell = |row: usize| bare(raw.cells.cell(row, index));
        let is_missing = |row: usize| raw.columns[index].is_missing(&raw.missing, cell(row));
        let mut rows = raw.list(raw.cells.rows())?;
        // A row is at least a cell, and of these there are fewer than 32 bits can count.
        rows.extend((0..raw.cells.rows()).filter(|&row| !is_missing(row)).map(|row| row as u32));
        let without = raw.cells.rows() - rows.len();
        if rows.is_empty() {
            return Err(TableError::NoLabels { name, column_name });
        }
        if without > 0 {
            let first = (0..raw.cells.rows()).find(|&row| is_missing(row));
            let line = first.map_or(0, |row| raw.cells.line(row));
            let (have, were) = if without == 1 { ("has", "was") } else { ("have", "were") };
            let rows = counted(without as u64, "row");
            guesses.guess(
                "missing",
                format!("{rows} {have} no label (first on line {line}) and {were} left out"),
                "--missing CELL",
            );
        }
        let mut spellings = Spellings::new(raw.exact_labels || raw.columns[index].is_exact, raw.columns[index].decimal);
        let mut classes = raw.list(rows.len())?;
        for &row in &rows {
            classes.push(spellings.class(cell(row as usize)));
            if spellings.classes() > MOST_CLASSES {
                break;
            }
        }
        let count = spellings.classes();
        if count > MOST_CLASSES || (count > 20 && 2 * count > rows.len()) {
            let most = MOST_CLASSES.min(20.max(rows.len() / 2));
            // Which others there are nobody counts.
            let more = if classes.len() < rows.len() { "at least " } else { "" };
            return Err(TableError::TooManyClasses { name, column_name, more, classes: count, rows: rows.len(), most });
        }
        tell_merged(&spellings, guesses);
        let target = Self::from_classes(&column_name, spellings.names(), classes);
        if let [label] = &target.labels[..] {
            let (label, rows) = (label.clone(), rows.len());
            return Err(TableError::OneClass { name, column_name, label, rows, without });
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
pub fn tell_merged(spellings: &Spellings, guesses: &mut Guesses) {
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
