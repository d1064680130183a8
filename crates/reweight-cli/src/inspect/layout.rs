//! Which column of a file of scores holds what, found out from its first rows or as the command line says.

use csv::{ReaderBuilder, StringRecord};

use super::InspectError;
use super::chunks::Chunk;
use crate::arguments::{ColumnArguments, HeaderChoice, ScoreKind};
use crate::table::error::{TableError, listing};
use crate::table::read::{bare, find, is_missing, looks_like_a_header, names, sniff};

/// Rows that the columns are understood from.
const LOOKED_AT: usize = 200;

/// Most columns of scores: classes are kept as numbers of 16 bits.
const MOST_SCORES: usize = u16::MAX as usize;

/// Names of a column of labels, in lower case.
const LABELS: [&str; 11] =
    ["label", "labels", "target", "targets", "class", "truth", "y", "y_true", "true_label", "ground_truth", "actual"];

/// Names of a column of scores where it is the only one, in lower case, and what they say of them.
const SCORES: [(&str, Option<ScoreKind>); 14] = [
    ("logit", Some(ScoreKind::Logits)),
    ("logits", Some(ScoreKind::Logits)),
    ("score", None),
    ("scores", None),
    ("prob", Some(ScoreKind::Probabilities)),
    ("probability", Some(ScoreKind::Probabilities)),
    ("proba", Some(ScoreKind::Probabilities)),
    ("p", Some(ScoreKind::Probabilities)),
    ("y_prob", Some(ScoreKind::Probabilities)),
    ("y_score", None),
    ("y_pred", None),
    ("pred", None),
    ("prediction", None),
    ("output", None),
];

/// Names of columns that count or name the rows, in lower case.
const COUNTERS: [&str; 4] = ["id", "index", "row", "unnamed: 0"];

/// How a file of scores is to be read.
#[derive(Debug, PartialEq)]
pub(super) struct Layout {
    pub(super) delimiter: u8,
    pub(super) has_header: bool,
    /// The columns' names; `column 3` where there is none.
    pub(super) names: Vec<String>,
    pub(super) label: usize,
    /// One for two classes, more for as many classes.
    pub(super) scores: Vec<usize>,
    /// What the scores are, where the command line or the column's name says so.
    pub(super) kind: Option<ScoreKind>,
    /// What was decided and should be told.
    pub(super) notes: Vec<String>,
}

impl Layout {
    /// Understands the columns from a file's first piece.
    pub(super) fn find(name: &str, first: &Chunk, asked: &ColumnArguments) -> Result<Self, InspectError> {
        let text = first.text.as_str();
        if text.trim().is_empty() {
            return Err(TableError::Empty { name: name.to_owned() }.into());
        }
        let delimiter = asked.delimiter.map_or_else(|| sniff(text), |delimiter| delimiter.0);
        let rows = first_rows(name, text, delimiter)?;
        let Some(row) = rows.first().filter(|row| row.len() > 1) else {
            let delimiter = format!("{:?}", char::from(delimiter));
            return Err(InspectError::OneColumn { name: name.to_owned(), line: first.line, delimiter });
        };
        let mut notes = Vec::new();
        let has_header = match asked.header {
            HeaderChoice::Yes => true,
            HeaderChoice::No => false,
            HeaderChoice::Auto => {
                // Columns may be named by the numbers of their classes, so that the names look like data.
                let named = row.iter().any(|cell| LABELS.contains(&bare(cell).to_lowercase().as_str()));
                let found = named || looks_like_a_header(&rows);
                let (what, other) = if found { ("as the columns' names", "no") } else { ("as data", "yes") };
                notes.push(format!("The first row was taken {what} (--header {other} if that is wrong)."));
                found
            }
        };
        let names = names(row, has_header);
        let rows = if has_header { &rows[1..] } else { &rows[..] };
        if rows.is_empty() {
            return Err(TableError::NoRows { name: name.to_owned() }.into());
        }
        let named_scores = |selectors: &[String]| -> Result<Vec<usize>, InspectError> {
            Ok(selectors.iter().map(|selector| find(name, &names, selector)).collect::<Result<_, _>>()?)
        };
        let mut scores = named_scores(&asked.score)?;
        let label = match &asked.label {
            Some(selector) => find(name, &names, selector)?,
            None => find_label(name, &names, rows, &scores, &mut notes)?,
        };
        if scores.is_empty() {
            scores = find_scores(&names, rows, label, &mut notes);
        }
        let column = |index: usize| (name.to_owned(), index + 1, names[index].clone());
        if scores.contains(&label) {
            let (name, column, column_name) = column(label);
            return Err(InspectError::LabelIsScore { name, column, column_name });
        }
        let twice = scores.iter().enumerate().find(|(at, score)| scores[..*at].contains(score));
        if let Some((_, &index)) = twice {
            let (name, column, column_name) = column(index);
            return Err(InspectError::ScoreTwice { name, column, column_name });
        }
        if scores.len() > MOST_SCORES {
            return Err(InspectError::TooManyScores { name: name.to_owned(), scores: scores.len(), most: MOST_SCORES });
        }
        let by_name = || {
            let said = names[*scores.first()?].to_lowercase();
            SCORES.iter().find(|(known, _)| scores.len() == 1 && *known == said)?.1
        };
        let kind = asked.scores.or_else(by_name);
        Ok(Self { delimiter, has_header, names, label, scores, kind, notes })
    }
}

fn first_rows(name: &str, text: &str, delimiter: u8) -> Result<Vec<StringRecord>, InspectError> {
    let mut reader =
        ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(text.as_bytes());
    let rows: Result<Vec<StringRecord>, csv::Error> = reader.records().take(LOOKED_AT).collect();
    let rows = rows.map_err(|source| TableError::Csv { name: name.to_owned(), source })?;
    // Rows of another length are refused where they are read; here they would be in the way.
    let width = rows.first().map_or(0, StringRecord::len);
    Ok(rows.into_iter().filter(|row| row.len() == width).collect())
}

fn find_label(
    name: &str,
    names: &[String],
    rows: &[StringRecord],
    scores: &[usize],
    notes: &mut Vec<String>,
) -> Result<usize, InspectError> {
    let free: Vec<usize> = (0..names.len()).filter(|index| !scores.contains(index)).collect();
    for known in LABELS {
        let named: Vec<usize> = free.iter().copied().filter(|&index| names[index].to_lowercase() == known).collect();
        if let [index] = named[..] {
            return Ok(index);
        }
    }
    // The only column that cannot be scores; or, where all are numbers, that has whole ones only.
    let all = |index: usize, test: fn(f64) -> bool| {
        let mut cells = rows.iter().map(|row| bare(&row[index])).filter(|cell| !is_missing(cell)).peekable();
        cells.peek().is_some() && cells.all(|cell| cell.parse().is_ok_and(test))
    };
    let words: Vec<usize> = free.iter().copied().filter(|&index| !all(index, |_| true)).collect();
    let whole: Vec<usize> = free.iter().copied().filter(|&index| all(index, |value| value.fract() == 0.0)).collect();
    match (&words[..], &whole[..], &free[..]) {
        (&[index], ..) | (&[], &[index], _) | (_, _, &[index]) => {
            notes.push(format!(
                "Column {} (`{}`) was taken for the labels (--label if that is wrong).",
                index + 1,
                names[index]
            ));
            Ok(index)
        }
        _ => {
            let known = listing(names.iter().enumerate().map(|(i, name)| format!("{} `{name}`", i + 1)), 30);
            Err(InspectError::WhichLabel { name: name.to_owned(), known })
        }
    }
}

/// The one column that is named like a score; else every column of numbers but the labels.
fn find_scores(names: &[String], rows: &[StringRecord], label: usize, notes: &mut Vec<String>) -> Vec<usize> {
    let others: Vec<usize> = (0..names.len()).filter(|&index| index != label).collect();
    for (known, _) in SCORES {
        let named: Vec<usize> = others.iter().copied().filter(|&index| names[index].to_lowercase() == known).collect();
        if let [index] = named[..] {
            return vec![index];
        }
    }
    let numeric = |&index: &usize| {
        let numbers = rows.iter().any(|row| bare(&row[index]).parse::<f64>().is_ok());
        numbers && !COUNTERS.contains(&names[index].to_lowercase().as_str())
    };
    let (taken, left): (Vec<usize>, Vec<usize>) = others.iter().copied().partition(numeric);
    if taken.is_empty() {
        // The first cell of it is then refused by name.
        return others;
    }
    if !left.is_empty() {
        let left = listing(left.iter().map(|&index| format!("`{}`", names[index])), 10);
        notes.push(format!("Columns that hold no scores were left out: {left}."));
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> ColumnArguments {
        let header = HeaderChoice::Auto;
        ColumnArguments { label: None, score: Vec::new(), scores: None, positive: None, header, delimiter: None }
    }

    fn found(text: &str, asked: &ColumnArguments) -> Result<Layout, String> {
        Layout::find("a.csv", &Chunk { text: text.to_owned(), line: 1 }, asked).map_err(|error| error.to_string())
    }

    #[test]
    fn columns_are_found_by_their_names() {
        let layout = found("id;Logit;LABEL\na;0.5;1\nb;-2;0\n", &asked()).unwrap();
        assert_eq!((layout.delimiter, layout.label, &layout.scores[..]), (b';', 2, &[1][..]));
        assert_eq!(layout.kind, Some(ScoreKind::Logits));
        let layout = found("id,cat,dog,note,y\n7,0.5,0.5,x,cat\n", &asked()).unwrap();
        assert_eq!((layout.label, &layout.scores[..]), (4, &[1, 2][..]));
        let layout = found("cat,dog,y\n0.5,0.5,cat\n", &asked()).unwrap();
        assert_eq!((layout.label, &layout.scores[..], layout.kind), (2, &[0, 1][..], None));
    }

    #[test]
    fn columns_without_names_are_found_by_their_cells() {
        for (text, label, scores) in [
            ("1,0.25\n0,0.5\n", 0, vec![1]),
            ("0.25,1\n0.5,0\n", 1, vec![0]),
            ("0.25,0.75,cat\n0.5,0.5,dog\n", 2, vec![0, 1]),
            ("yes\t2\nno\t1\n", 0, vec![1]),
        ] {
            let layout = found(text, &asked()).unwrap();
            assert_eq!((layout.label, layout.scores, layout.has_header), (label, scores, false), "{text}");
        }
        assert!(found("1,2\n0,1\n", &asked()).unwrap_err().contains("say --label COL"));
    }

    #[test]
    fn columns_are_taken_as_asked_for() {
        let asked = ColumnArguments { label: Some("b".into()), score: vec!["3".into()], ..asked() };
        let layout = found("a,b,c\n1,0,0.5\n2,1,0.25\n", &asked).unwrap();
        assert_eq!((layout.label, &layout.scores[..]), (1, &[2][..]));
        let both = ColumnArguments { score: vec!["b".into()], ..asked };
        assert!(found("a,b,c\n1,0,0.5\n", &both).unwrap_err().contains("column 2 (`b`) is both label and score"));
        let twice = ColumnArguments { score: vec!["c".into(), "3".into()], ..both };
        assert!(found("a,b,c\n1,0,0.5\n", &twice).unwrap_err().contains("column 3 (`c`) is given twice"));
    }

    #[test]
    fn files_without_columns_or_rows() {
        assert!(found("\n\n", &asked()).unwrap_err().contains("the file is empty"));
        assert!(found("score\n1\n", &asked()).unwrap_err().contains("line 1: there is one column only"));
        let header = ColumnArguments { header: HeaderChoice::Yes, ..asked() };
        assert!(found("label,score\n", &header).unwrap_err().contains("no row beneath it"));
    }
}
