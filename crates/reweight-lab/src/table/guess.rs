//! What was found out of a file and not said by the command line: each guess with the option that changes it.

use std::fmt;
use std::io::{self, Write};

use serde::Serialize;

use crate::text::{on_one_line, wrapped};

/// A guess, or what was done with the rows and columns that could not be used as they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Guess {
    /// What it is about: `target`, `positive`, `missing` …
    pub about: &'static str,
    /// What was taken, and why, on one line.
    pub taken: String,
    /// The option that changes it; none where nothing was chosen.
    pub option: Option<String>,
}

impl fmt::Display for Guess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.about, self.taken)?;
        match &self.option {
            Some(option) => write!(f, " ({option})"),
            None => Ok(()),
        }
    }
}

/// All guesses of one file, in the order in which they were made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Guesses(Vec<Guess>);

impl Guesses {
    /// Adds a guess that `option` changes.
    pub fn guess(&mut self, about: &'static str, taken: impl AsRef<str>, option: impl Into<String>) {
        self.0.push(Guess { about, taken: one_line(taken.as_ref()), option: Some(one_line(&option.into())) });
    }

    /// Adds what follows from the file alone.
    pub fn fact(&mut self, about: &'static str, taken: impl AsRef<str>) {
        self.0.push(Guess { about, taken: one_line(taken.as_ref()), option: None });
    }

    /// All of them.
    #[must_use]
    pub fn as_slice(&self) -> &[Guess] {
        &self.0
    }

    /// Those about one thing, as a sentence's end.
    pub(crate) fn about(&self, about: &str) -> String {
        let all = self.0.iter().filter(|guess| guess.about == about);
        all.map(|guess| guess.taken.as_str()).collect::<Vec<_>>().join("; ")
    }
}

fn one_line(text: &str) -> String {
    on_one_line(text, usize::MAX)
}

/// Writes the guesses beneath a heading of their own; nothing where there are none.
///
/// # Errors
///
/// Those of `out`.
pub fn show(out: &mut dyn Write, guesses: &[Guess], width: usize) -> io::Result<()> {
    if guesses.is_empty() {
        return Ok(());
    }
    writeln!(out, "{}", wrapped("How it was read (and the option that changes it):", width))?;
    guesses.iter().try_for_each(|guess| writeln!(out, "{}", wrapped(&format!("  {guess}"), width)))
}
