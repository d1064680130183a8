//! A file of scores, row by row, into the few numbers a row that everything else is computed from.

use std::collections::HashMap;

use reweight_lab::scored::rows::{Kept, MOST_ROWS, Rows};
use reweight_lab::scored::scale;
use reweight_lab::table::TableError;
use reweight_lab::table::cell::bare;
use reweight_lab::table::error::listing;
use reweight_lab::table::form::{Form, Source};
use reweight_lab::table::guess::Guesses;
use reweight_lab::table::label::Spellings;
use reweight_lab::table::missing::Missing;
use reweight_lab::table::names::ScoreKind;
use reweight_lab::table::records::{Row, Stream};
use reweight_lab::table::target::{MOST_CLASSES, tell_merged};
use reweight_lab::text::{counted, excerpt};

use super::InspectError;
use super::layout::Layout;
use super::scores::{key_of, list};
use crate::arguments::ColumnArguments;

/// Farther from 0 than this a logit says that a row is certain to more digits than there are.
const FAR: f64 = 50.0;

/// What was read, and how.
#[derive(Debug)]
pub(super) struct Scores {
    pub(super) layout: Layout,
    pub(super) form: Form,
    pub(super) rows: Rows,
}

/// Reads all rows of a stream; `name` is what messages call it.
pub(super) fn read(
    name: &str,
    bytes: Stream,
    asked: &ColumnArguments,
    guesses: &mut Guesses,
) -> Result<Scores, InspectError> {
    let mut source = Source::open(name, bytes, &asked.form.options(), guesses)?;
    let layout = Layout::find(&source, asked, guesses)?;
    if asked.positive.is_some() && layout.width() > 2 {
        return Err(InspectError::PositiveOfMany { name: name.to_owned(), scores: layout.width() });
    }
    let (form, missing) = (source.form.clone(), source.missing.clone());
    let mut reader = Reader::new(name, &layout, &form, &missing);
    while let Some(row) = source.next_row()? {
        reader.row(&row)?;
    }
    let rows = reader.finish(guesses);
    Ok(Scores { layout, form, rows })
}

/// What rows are added to.
struct Reader<'a> {
    name: &'a str,
    layout: &'a Layout,
    form: &'a Form,
    missing: &'a Missing,
    rows: Rows,
    /// Labels as they come.
    spellings: Spellings,
    /// The class of each of them.
    classes: Vec<u16>,
    /// The class of each score column by its key; empty where there is one score.
    columns: HashMap<String, usize>,
    /// Whether a label may be the number of its column.
    numbered: bool,
    /// The scores of one row.
    scores: Vec<f64>,
}

impl<'a> Reader<'a> {
    fn new(name: &'a str, layout: &'a Layout, form: &'a Form, missing: &'a Missing) -> Self {
        let exact = layout.exact;
        let mut rows = Rows::default();
        let (mut columns, mut numbered) = (HashMap::new(), false);
        if layout.width() > 1 {
            rows.labels = class_names(layout, form);
            rows.counts = vec![0; rows.labels.len()];
            // Where columns are named by numbers, a number that is none of them is a mistake.
            let named = rows.labels.iter().any(|own| own.parse::<f64>().is_ok());
            numbered = !(form.has_header && named) || layout.vector.is_some();
            for (class, own) in rows.labels.iter().enumerate() {
                let spoken = layout.speaks.get(class).cloned().unwrap_or_else(|| key_of(own, exact));
                columns.entry(spoken).or_insert(class);
                let own = layout.scores.get(class).filter(|_| layout.width() == layout.scores.len());
                if let Some(&index) = own {
                    columns.entry(key_of(&form.columns[index].name, exact)).or_insert(class);
                }
            }
        }
        let spellings = Spellings::new(exact, form.columns[layout.label].decimal);
        Self {
            name,
            layout,
            form,
            missing,
            rows,
            spellings,
            classes: Vec::new(),
            columns,
            numbered,
            scores: Vec::new(),
        }
    }

    fn row(&mut self, row: &Row<'_>) -> Result<(), InspectError> {
        let layout = self.layout;
        self.rows.read += 1;
        if self.rows.read > MOST_ROWS {
            return Err(TableError::TooManyRows { name: self.name.to_owned(), line: row.line, most: MOST_ROWS }.into());
        }
        let head = &self.form.columns[layout.label];
        let label = head.label(bare(row.cell(layout.label)));
        if head.is_missing(self.missing, label) {
            self.rows.without_label += 1;
            self.rows.first_without_label.get_or_insert(row.line);
            return Ok(());
        }
        self.scores.clear();
        match layout.vector {
            Some(width) => {
                let cell = bare(row.cell(layout.scores[0]));
                if !list(cell, &mut self.scores) || self.scores.len() != width {
                    return Err(self.not_a_number(row, layout.scores[0]));
                }
            }
            None => {
                for &index in &layout.scores {
                    let cell = bare(row.cell(index));
                    let score = self.form.columns[index].number(cell).filter(|score| score.is_finite());
                    let Some(score) = score else { return Err(self.not_a_number(row, index)) };
                    let percentage = layout.kind == Some(ScoreKind::Percentages) && !cell.contains('%');
                    self.scores.push(if percentage { score / 100.0 } else { score });
                }
            }
        }
        if let Some(column) = layout.predicted {
            self.turn(row, column)?;
        }
        self.look(row)?;
        let class = self.class(label, row.line)?;
        self.keep(class, row.line)
    }

    /// The score of the predicted label, made a score of each of the two.
    fn turn(&mut self, row: &Row<'_>, column: usize) -> Result<(), InspectError> {
        let cell = self.form.columns[column].label(bare(row.cell(column)));
        let Some(said) = self.columns.get(&self.key_of(cell)).copied() else {
            return Err(InspectError::UnknownPrediction {
                name: self.name.to_owned(),
                line: row.line,
                column: column + 1,
                column_name: excerpt(&self.form.columns[column].name),
                value: excerpt(cell),
                known: listing(self.rows.labels.iter().map(|label| format!("`{}`", excerpt(label))), 10),
            });
        };
        let score = self.scores[0];
        let other = match self.layout.kind {
            Some(ScoreKind::Logits) => 0.0,
            Some(ScoreKind::LogProbabilities) => (-score.exp_m1()).ln(),
            _ => 1.0 - score,
        };
        self.scores.clear();
        self.scores.extend([other, other]);
        self.scores[said] = score;
        Ok(())
    }

    fn not_a_number(&self, row: &Row<'_>, index: usize) -> InspectError {
        InspectError::NotANumber {
            name: self.name.to_owned(),
            line: row.line,
            column: index + 1,
            column_name: excerpt(&self.form.columns[index].name),
            value: excerpt(row.cell(index)),
        }
    }

    fn not_a_probability(&self, row: &Row<'_>, at: usize, value: f64, what: &'static str) -> InspectError {
        let index = self.layout.scores[if self.layout.scores.len() == 1 { 0 } else { at }];
        InspectError::NotAProbability {
            name: self.name.to_owned(),
            line: row.line,
            column: index + 1,
            column_name: excerpt(&self.form.columns[index].name),
            value,
            what,
            cure: if (0.0..=100.0).contains(&value) { "--scores percentages, or " } else { "" },
        }
    }

    /// What a row's scores say of what they can be.
    fn look(&mut self, row: &Row<'_>) -> Result<(), InspectError> {
        let layout = self.layout;
        let kind = layout.kind;
        for (at, &score) in self.scores.iter().enumerate() {
            self.rows.all_at_most_zero &= score <= 0.0;
            self.rows.far += u64::from(score.abs() > FAR);
            if kind == Some(ScoreKind::LogProbabilities) {
                if score > 0.0 && !scale::is_rounded(1.0 + score) {
                    return Err(self.not_a_probability(
                        row,
                        at,
                        score,
                        "is no logarithm of a probability, it lies above 0",
                    ));
                }
                self.rows.rounded += u64::from(score > 0.0);
                continue;
            }
            if (0.0..=1.0).contains(&score) {
                continue;
            }
            if scale::is_rounded(score) {
                self.rows.rounded += 1;
                continue;
            }
            if kind.is_some_and(|kind| kind != ScoreKind::Logits) {
                return Err(self.not_a_probability(row, at, score, "is no probability, it lies outside [0, 1]"));
            }
            self.rows.all_in_unit = false;
            self.rows.beyond_unit.add(row.line, score);
            if !(0.0..=100.0).contains(&score) {
                self.rows.all_in_hundred = false;
                self.rows.beyond_hundred.add(row.line, score);
            }
        }
        Ok(())
    }

    /// Adds what is needed of a row.
    fn keep(&mut self, class: u16, line: u64) -> Result<(), InspectError> {
        if let &[score] = &self.scores[..] {
            return self.push(Kept { class, predicted: None, first: score, second: None }, line);
        }
        let label = usize::from(class);
        // Both readings of the scores, as long as both are possible.
        let is_sum = !matches!(self.layout.kind, Some(ScoreKind::Logits | ScoreKind::LogProbabilities));
        let second = if self.rows.all_in_unit && is_sum {
            let sum: f64 = self.scores.iter().sum();
            if sum <= 0.0 {
                if self.layout.kind.is_some() {
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
        self.push(Kept { class, predicted, first: scale::margin(&self.scores, label), second }, line)
    }

    fn push(&mut self, kept: Kept, line: u64) -> Result<(), InspectError> {
        self.rows.push(kept, line).map_err(|_| {
            let what = format!("more than {}", counted(self.rows.kept, "row"));
            TableError::NoMemory { name: self.name.to_owned(), what }.into()
        })
    }

    /// The class of a label. With one score column, labels are numbered as they come; with more, each column is a class.
    fn class(&mut self, label: &str, line: u64) -> Result<u16, InspectError> {
        let known = self.spellings.classes();
        let spelled = self.spellings.class(label);
        if spelled < known {
            return Ok(self.classes[spelled]);
        }
        let layout = self.layout;
        let column_name = || excerpt(&self.form.columns[layout.label].name);
        let class = if self.columns.is_empty() {
            if spelled == MOST_CLASSES {
                return Err(InspectError::TooManyLabels {
                    name: self.name.to_owned(),
                    line,
                    column_name: column_name(),
                    most: MOST_CLASSES,
                });
            }
            self.rows.counts.push(0);
            spelled
        } else {
            self.column_of(label).ok_or_else(|| InspectError::UnknownLabel {
                name: self.name.to_owned(),
                line,
                column: layout.label + 1,
                column_name: column_name(),
                label: excerpt(label),
                known: listing(
                    layout.scores.iter().map(|&index| format!("`{}`", excerpt(&self.form.columns[index].name))),
                    30,
                ),
            })?
        };
        // At most `MOST_CLASSES` labels, or as many as there are columns.
        let class = u16::try_from(class).unwrap_or(u16::MAX);
        self.classes.push(class);
        Ok(class)
    }

    /// The key of a label as the score columns' names have it.
    fn key_of(&self, label: &str) -> String {
        self.spellings.key(label)
    }

    /// The score column that stands for a label: by name, by the part of the name that tells it from the others, or by number.
    fn column_of(&self, label: &str) -> Option<usize> {
        let named = self.columns.get(&self.key_of(label)).copied();
        named.or_else(|| {
            let number: f64 = label.parse().ok()?;
            let whole = number.fract() == 0.0 && (0.0..self.rows.labels.len() as f64).contains(&number);
            (whole && self.numbered).then_some(number as usize)
        })
    }

    fn finish(mut self, guesses: &mut Guesses) -> Rows {
        tell_merged(&self.spellings, guesses);
        let names = self.spellings.names();
        if self.columns.is_empty() {
            self.rows.labels = names;
        } else {
            for (name, &class) in names.into_iter().zip(&self.classes) {
                // As the labels spell it, not as a column's name does.
                self.rows.labels[usize::from(class)] = name;
            }
        }
        self.rows
    }
}

/// The classes' names: those of the score columns, without what all of them begin with.
fn class_names(layout: &Layout, form: &Form) -> Vec<String> {
    if layout.vector.is_some() || !form.has_header && layout.speaks.is_empty() {
        return (0..layout.width()).map(|class| class.to_string()).collect();
    }
    if !layout.speaks.is_empty() {
        return layout.speaks.clone();
    }
    let names: Vec<&str> = layout.scores.iter().map(|&index| form.columns[index].name.as_str()).collect();
    let Some(first) = names.first() else { return Vec::new() };
    // The longest common beginning that ends in a separator: `p_cat` and `p_cow` differ in `cat` and `cow`.
    let shared = names.iter().fold(first.len(), |shared, name| {
        let same = first.bytes().zip(name.bytes()).take(shared).take_while(|(a, b)| a == b).count();
        same.min(name.len().saturating_sub(1))
    });
    let separators = first.char_indices().filter(|(_, letter)| "_-.: ".contains(*letter));
    let shared = separators.map(|(at, letter)| at + letter.len_utf8()).rfind(|&end| end <= shared).unwrap_or(0);
    names.iter().map(|name| name[shared..].to_owned()).collect()
}
