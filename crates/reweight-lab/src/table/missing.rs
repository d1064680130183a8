//! Which cells say that their value is missing.

/// Words for a missing value in any case: of spreadsheets, R, SQL, NumPy and pandas.
const WORDS: [&str; 14] =
    ["?", "na", "n/a", "#n/a", "#na", "n.a.", "nan", "-nan", "nat", "null", "<na>", "(null)", "<null>", "\\n"];

/// Words that are one only as they are written here: `none` may be the name of a category.
const EXACT: [&str; 1] = ["None"];

/// The cells that are missing: the usual words, or those that the command line names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Missing(Option<Vec<String>>);

impl Missing {
    /// The usual words if `named` is empty, else an empty cell and these alone.
    #[must_use]
    pub fn new(named: &[String]) -> Self {
        Self((!named.is_empty()).then(|| named.iter().map(|word| super::cell::bare(word).to_owned()).collect()))
    }

    /// Whether a cell, without blanks and quotes around it, says that its value is missing.
    #[must_use]
    pub fn is(&self, cell: &str) -> bool {
        if cell.is_empty() {
            return true;
        }
        match &self.0 {
            Some(named) => named.iter().any(|word| word == cell),
            // Numbers are most of all cells.
            None if cell.as_bytes()[0].is_ascii_digit() => false,
            None => EXACT.contains(&cell) || WORDS.iter().any(|word| cell.eq_ignore_ascii_case(word)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_words_or_those_that_are_named() {
        let usual = Missing::default();
        for cell in ["", "?", "NA", "nan", "NaN", "None", "<NA>", "#N/A", "null", "NULL", "NaT"] {
            assert!(usual.is(cell), "{cell}");
        }
        for cell in ["0", "none", "-", "no", "-1"] {
            assert!(!usual.is(cell), "{cell}");
        }
        let named = Missing::new(&["-".to_owned(), "-999".to_owned()]);
        assert!(named.is("") && named.is("-") && named.is("-999") && !named.is("NA"));
    }
}
