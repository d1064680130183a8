//! Which column of a table is to be predicted where nobody says so.

use std::collections::HashSet;

use super::RawTable;
use super::cell::bare;
use super::error::{TableError, listing};
use super::guess::Guesses;
use super::names::{is_counter_name, is_label_name, is_plain_label_name, is_repeat, is_split, label_rank, numbered};
use super::target::MOST_CLASSES;
use crate::text::excerpt;

/// More different cells than this are not labels, as far as nobody says that they are, not even the column's name.
const FEW: usize = 20;

/// Most columns that a doubt names.
const NAMED: usize = 3;

/// What a column looks like to somebody who seeks labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Look {
    /// Different cells, at most one more than there may be classes.
    labels: usize,
    /// Cells that are not missing.
    rows: usize,
    /// Whether a cell is a number with decimals.
    fractions: bool,
}

impl Look {
    fn of(raw: &RawTable, column: usize) -> Self {
        Self::within(raw, column, MOST_CLASSES)
    }

    /// Looks at a column until it has more than `most` labels.
    fn within(raw: &RawTable, column: usize, most: usize) -> Self {
        let mut labels = HashSet::new();
        let (mut fractions, mut rows) = (false, 0);
        for row in 0..raw.cells.rows() {
            let cell = bare(raw.cells.cell(row, column));
            let is_missing = raw.columns[column].is_missing(&raw.missing, cell);
            rows += usize::from(!is_missing);
            if is_missing || !labels.insert(cell) {
                continue;
            }
            fractions |= raw.columns[column].number(cell).is_some_and(|value| value.fract() != 0.0);
            if labels.len() > most {
                break;
            }
        }
        Self { labels: labels.len(), rows, fractions }
    }

    fn is_likely(self) -> bool {
        (2..=FEW).contains(&self.labels) && !self.fractions
    }

    /// Whether a column that is called as labels are may hold them.
    fn is_possible(self) -> bool {
        self.is_likely()
            || self.labels > FEW && self.labels <= MOST_CLASSES && 2 * self.labels <= self.rows && !self.fractions
    }

    fn is_binary(self) -> bool {
        self.labels == 2 && !self.fractions
    }
}

/// The target: as the file declares, by its name, or the last column. What else it may be is said, or asked for.
pub(crate) fn target(raw: &RawTable, declared: &[usize], guesses: &mut Guesses) -> Result<usize, TableError> {
    let parts = |column: &usize| parts_rows(raw, *column);
    // A column that parts the rows into those to train on and others is none, wherever it stands.
    let last = (0..raw.columns.len()).rev().find(|column| !parts(column)).unwrap_or(raw.columns.len() - 1);
    let place =
        if last + 1 == raw.columns.len() { "the last column" } else { "the last column but those of the split" };
    let name = |column: usize| format!("`{}`", excerpt(&raw.columns[column].name));
    let say = |guesses: &mut Guesses, column: usize, why: &str| {
        guesses.guess("target", format!("column {}, {}, {why}", column + 1, name(column)), "--target COL");
    };
    let which = |candidates: &[usize]| TableError::WhichTarget {
        name: raw.name.clone(),
        candidates: numbered(&raw.columns, candidates.iter().copied()),
    };
    match declared {
        [] => {}
        [column] => {
            say(guesses, *column, "as the file's header declares");
            return Ok(*column);
        }
        several => return Err(which(several)),
    }
    // With x and z beside it, y is a place and no label.
    let is_place = |column: usize| {
        let has = |wanted: &str| raw.columns.iter().any(|other| other.name.eq_ignore_ascii_case(wanted));
        column != last && raw.columns[column].name.eq_ignore_ascii_case("y") && has("x")
    };
    let named: Vec<usize> = (0..=last)
        .filter(|&column| is_plain_label_name(&raw.columns[column].name) && !is_place(column) && !parts(&column))
        .filter(|&column| Look::of(raw, column).is_possible())
        .collect();
    let last_look = Look::of(raw, last);
    let is_named_last = is_label_name(&raw.columns[last].name) && last_look.is_possible();
    // Two columns of the target's name: which is meant, and which would give it away?
    let twins = |column: usize| -> Vec<usize> {
        let own = &raw.columns[column].name;
        let is_twin = |other: &str| other.eq_ignore_ascii_case(own) || is_repeat(own, other) || is_repeat(other, own);
        (0..raw.columns.len()).filter(|&other| is_twin(&raw.columns[other].name)).collect()
    };
    if is_named_last && twins(last).len() > 1 {
        return Err(which(&twins(last)));
    }
    if is_named_last {
        let others: Vec<usize> = named.iter().copied().filter(|&column| column != last).collect();
        let rank = |column: usize| label_rank(&raw.columns[column].name);
        // `quality` at the end beside `target` is not the one.
        match others[..] {
            [other] if !named.contains(&last) => {
                say(guesses, other, &format!("for its name, and not {}, {place}", name(last)));
                return Ok(other);
            }
            [_, _, ..] if !named.contains(&last) => return Err(which(&[&others[..], &[last]].concat())),
            [] => say(guesses, last, &format!("{place}, for its name")),
            _ => {
                let others: Vec<String> =
                    others.iter().filter(|&&other| rank(other).is_some()).map(|&c| name(c)).collect();
                say(guesses, last, &format!("{place}, for its name, and not {}", others.join(", ")));
            }
        }
        return Ok(last);
    }
    match named[..] {
        [column] if twins(column).len() > 1 => return Err(which(&twins(column))),
        [column] => {
            let what = if last_look.is_likely() { format!(", and not {}, {place}", name(last)) } else { String::new() };
            say(guesses, column, &format!("for its name{what}"));
            return Ok(column);
        }
        [_, _, ..] => return Err(which(&named)),
        [] => {}
    }
    // Columns of two values, of which each may be meant as well as a last one that nothing speaks for.
    let likely = |column: &usize| {
        *column != last
            && Look::within(raw, *column, 2).is_binary()
            && !is_counter_name(&raw.columns[*column])
            && !parts(column)
    };
    let rivals: Vec<usize> = (0..raw.columns.len()).filter(likely).collect();
    if last_look.is_likely() {
        let doubt = match rivals[..] {
            [] => String::new(),
            [0] if last_look.labels > 2 => format!("; {}, the first, has two labels and may be meant", name(0)),
            [column] => format!("; {} has two labels as well, and may be meant", name(column)),
            _ => format!(
                "; {} have two labels as well, and may be meant",
                listing(rivals.iter().map(|&column| name(column)), NAMED)
            ),
        };
        say(guesses, last, &format!("{place}{doubt}"));
        return Ok(last);
    }
    // The last column looks like a measurement; who else may be meant?
    if !rivals.is_empty() && last_look.labels > 1 {
        return Err(which(&[&rivals[..], &[last]].concat()));
    }
    say(guesses, last, place);
    Ok(last)
}

/// Whether a column says which part of a split each row belongs to.
pub(crate) fn parts_rows(raw: &RawTable, column: usize) -> bool {
    let mut cells = HashSet::new();
    for row in 0..raw.cells.rows() {
        let cell = bare(raw.cells.cell(row, column));
        // A split has few parts, and folds are not many more.
        if !raw.columns[column].is_missing(&raw.missing, cell) && cells.insert(cell) && cells.len() > FEW {
            return false;
        }
    }
    is_split(&raw.columns[column].name, cells.into_iter())
}
