//! The columns that are no features, and why.

use std::collections::BTreeMap;

use super::NAMED;
use crate::table::error::listing;
use crate::table::guess::Guesses;
use crate::text::excerpt;

/// Why columns are no features, each reason with their names.
#[derive(Debug, Default)]
pub(super) struct LeftOut(BTreeMap<Reason, Vec<String>>);

/// Why a column is no feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reason {
    /// It counts the rows.
    Counts,
    /// It is called as what names rows, and differs in each.
    NamesRows,
    /// It says which rows somebody else trained on.
    Parts,
    /// Days or times, most of them different.
    Dates,
    /// Mostly different words.
    Identifier,
    /// The same in every row.
    Constant,
    /// Missing in every row.
    Missing,
}

impl LeftOut {
    /// Adds a column.
    pub(super) fn push(&mut self, reason: Reason, name: &str) {
        self.0.entry(reason).or_default().push(format!("`{}`", excerpt(name)));
    }

    /// Says which there are.
    pub(super) fn tell(self, guesses: &mut Guesses) {
        for (reason, names) in self.0 {
            let (one, many) = match reason {
                Reason::Counts => ("only counts the rows", "only count the rows"),
                Reason::NamesRows => ("names the rows", "name the rows"),
                Reason::Parts => ("says which part of a split a row is in", "say which part of a split a row is in"),
                Reason::Dates => {
                    ("holds dates or times, which are not read", "hold dates or times, which are not read")
                }
                Reason::Identifier => {
                    ("differs in most rows, as an identifier does", "differ in most rows, as identifiers do")
                }
                Reason::Constant => ("has the same value in every row", "have the same value in every row"),
                Reason::Missing => ("is missing in every row", "are missing in every row"),
            };
            let what = if names.len() == 1 { one } else { many };
            let text = format!("{} {what}", listing(names.into_iter(), NAMED));
            match reason {
                Reason::Constant => guesses.fact("left out", text),
                Reason::Missing => guesses.guess("left out", text, "--missing CELL"),
                _ => guesses.guess("left out", text, "--keep COL"),
            }
        }
    }
}
