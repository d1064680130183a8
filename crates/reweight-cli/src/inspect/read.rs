//! A file of scores, row by row, into the few numbers a row that everything else is computed from.

use std::collections::HashMap;
use std::io::Read;

use csv::{ReaderBuilder, StringRecord};

use super::InspectError;
use super::chunks::{Chunk, Chunks};
use super::layout::Layout;
use super::rows::{Kept, Rows};
use super::scale;
use crate::arguments::{ColumnArguments, ScoreKind};
use crate::table::error::{TableError, listing};
use crate::table::read::{bare, has_open_quote, is_missing, line_of};
use crate::table::target::MOST_CLASSES;

/// What was read, and how.
#[derive(Debug)]
pub(super) struct Scores {
    pub(super) layout: Layout,
    pub(super) rows: Rows,
}

/// Reads all rows of a stream; `name` is what messages call it.
pub(super) fn read(name: &str, source: impl Read, asked: &ColumnArguments) -> Result<Scores, InspectError> {
    let mut chunks = Chunks::new(name, source);
    let Some(first) = chunks.next()? else { return Err(TableError::Empty { name: name.to_owned() }.into()) };
    let layout = Layout::find(name, &first, asked)?;
    if asked.positive.is_some() && layout.scores.len() > 1 {
        return Err(InspectError::PositiveOfMany { name: name.to_owned(), scores: layout.scores.len() });
    }
    let mut reader = Reader::new(name, &layout);
    reader.take(&first, layout.has_header)?;
    while let Some(chunk) = chunks.next()? {
        reader.take(&chunk, false)?;
    }
    let rows = reader.rows;
    Ok(Scores { layout, rows })
}

/// What a chunk's rows are added to.
struct Reader<'a> {
    name: &'a str,
    layout: &'a Layout,
    rows: Rows,
    /// Each label seen, and its class.
    classes: HashMap<String, u16>,
    /// The scores of one row.
    scores: Vec<f64>,
}

impl<'a> Reader<'a> {
    fn new(name: &'a str, layout: &'a Layout) -> Self {
        Self { name, layout, rows: Rows::new(), classes: HashMap::new(), scores: Vec::new() }
    }

    fn take(&mut self, chunk: &Chunk, has_header: bool) -> Result<(), InspectError> {
        let text = chunk.text.as_str();
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(self.layout.delimiter)
            .from_reader(text.as_bytes());
        let mut record = StringRecord::new();
        let mut is_header = has_header;
        let refuse = |source| TableError::Csv { name: self.name.to_owned(), source };
        while reader.read_record(&mut record).map_err(refuse)? {
            if std::mem::take(&mut is_header) {
                continue;
            }
            let line = record.position().map_or(1, |at| line_of(text, at)) + chunk.line - 1;
            self.row(&record, line, text)?;
        }
        Ok(())
    }

    fn row(&mut self, record: &StringRecord, line: u64, text: &str) -> Result<(), InspectError> {
        let layout = self.layout;
        let name = || self.name.to_owned();
        if record.len() != layout.names.len() {
            // A quote that is never closed shows as a short row that reaches to the end of the file.
            if record.len() < layout.names.len() && has_open_quote(text) {
                return Err(TableError::OpenQuote { name: name(), line }.into());
            }
            let (expected, actual) = (layout.names.len() as u64, record.len() as u64);
            let delimiter = format!("{:?}", char::from(layout.delimiter));
            return Err(TableError::Ragged { name: name(), line, expected, actual, delimiter }.into());
        }
        self.rows.read += 1;
        let label = bare(&record[layout.label]);
        if is_missing(label) {
            self.rows.without_label += 1;
            self.rows.first_without_label.get_or_insert(line);
            return Ok(());
        }
        self.scores.clear();
        for &index in &layout.scores {
            let score = number(&record[index], layout.delimiter).ok_or_else(|| InspectError::NotANumber {
                name: name(),
                line,
                column: index + 1,
                column_name: layout.names[index].clone(),
                value: record[index].trim().to_owned(),
            })?;
            if !(0.0..=1.0).contains(&score) {
                if layout.kind == Some(ScoreKind::Probabilities) {
                    let (column, column_name) = (index + 1, layout.names[index].clone());
                    return Err(InspectError::NotAProbability {
                        name: name(),
                        line,
                        column,
                        column_name,
                        value: score,
                    });
                }
                self.rows.all_in_unit = false;
            }
            self.scores.push(score);
        }
        let class = self.class(label, line)?;
        self.keep(class, line)
    }

    /// Adds what is needed of a row.
    fn keep(&mut self, class: u16, line: u64) -> Result<(), InspectError> {
        if let &[score] = &self.scores[..] {
            self.rows.push(Kept { class, predicted: None, first: score, second: None }, line);
            return Ok(());
        }
        let label = usize::from(class);
        // Both readings of the scores, as long as both are possible.
        let second = if self.rows.all_in_unit && self.layout.kind != Some(ScoreKind::Logits) {
            let sum: f64 = self.scores.iter().sum();
            if sum <= 0.0 {
                if self.layout.kind == Some(ScoreKind::Probabilities) {
                    return Err(InspectError::NoProbability { name: self.name.to_owned(), line });
                }
                self.rows.all_in_unit = false;
            } else if !scale::is_about_one(sum) {
                self.rows.not_one.get_or_insert((line, sum));
            }
            Some(scale::odds(&self.scores, label))
        } else {
            None
        };
        let predicted = u16::try_from(scale::largest(&self.scores)).ok();
        self.rows.push(Kept { class, predicted, first: scale::margin(&self.scores, label), second }, line);
        Ok(())
    }

    /// The class of a label. With one score column, labels are numbered as they come; with more, each column is a class.
    fn class(&mut self, label: &str, line: u64) -> Result<u16, InspectError> {
        if let Some(&class) = self.classes.get(label) {
            return Ok(class);
        }
        let layout = self.layout;
        let column_name = layout.names[layout.label].clone();
        let class = if layout.scores.len() == 1 {
            if self.classes.len() == MOST_CLASSES {
                return Err(InspectError::TooManyLabels {
                    name: self.name.to_owned(),
                    line,
                    column_name,
                    most: MOST_CLASSES,
                });
            }
            self.rows.labels.push(label.to_owned());
            self.classes.len()
        } else {
            if self.rows.labels.is_empty() {
                self.rows.labels = class_names(layout);
            }
            self.column_of(label).ok_or_else(|| InspectError::UnknownLabel {
                name: self.name.to_owned(),
                line,
                column: layout.label + 1,
                column_name,
                label: label.to_owned(),
                known: listing(layout.scores.iter().map(|&index| format!("`{}`", layout.names[index])), 30),
            })?
        };
        self.rows.counts.resize(self.rows.labels.len(), 0);
        // At most `MOST_CLASSES` labels, or as many as there are columns.
        let class = u16::try_from(class).unwrap_or(u16::MAX);
        self.classes.insert(label.to_owned(), class);
        Ok(class)
    }

    /// The score column that stands for a label: by name, by the part of the name that tells it from the others, or by number.
    fn column_of(&self, label: &str) -> Option<usize> {
        let layout = self.layout;
        let full = layout.scores.iter().position(|&index| layout.names[index] == label);
        let short = || self.rows.labels.iter().position(|own| own == label);
        let number = || {
            let number: f64 = label.parse().ok()?;
            let whole = number.fract() == 0.0 && (0.0..layout.scores.len() as f64).contains(&number);
            // Where columns are named by numbers, a number that is none of them is a mistake.
            let named = self.rows.labels.iter().any(|own| own.parse::<f64>().is_ok());
            (whole && !(layout.has_header && named)).then_some(number as usize)
        };
        full.or_else(short).or_else(number)
    }
}

/// The classes' names: those of the score columns, without what all of them begin with.
fn class_names(layout: &Layout) -> Vec<String> {
    if !layout.has_header {
        return (0..layout.scores.len()).map(|class| class.to_string()).collect();
    }
    let names: Vec<&str> = layout.scores.iter().map(|&index| layout.names[index].as_str()).collect();
    let Some(first) = names.first() else { return Vec::new() };
    // The longest common beginning that ends in a separator: `p_cat` and `p_cow` differ in `cat` and `cow`.
    let is_common = |end: usize| names.iter().all(|name| name.len() > end && name.starts_with(&first[..end]));
    let separators = first.char_indices().filter(|(_, letter)| "_-.: ".contains(*letter));
    let shared = separators.map(|(at, letter)| at + letter.len_utf8()).rfind(|&end| is_common(end)).unwrap_or(0);
    names.iter().map(|name| name[shared..].to_owned()).collect()
}

/// A finite number; where commas do not separate cells they may mark decimals.
fn number(cell: &str, delimiter: u8) -> Option<f64> {
    let cell = bare(cell);
    let value: Option<f64> = cell.parse().ok();
    let value = value.or_else(|| if delimiter == b',' { None } else { cell.replacen(',', ".", 1).parse().ok() });
    value.filter(|value| value.is_finite())
}
