//! Which column of a file of scores holds what, found out from its first rows or as the command line says.

use std::collections::HashSet;

use reweight_lab::table::cell::bare;
use reweight_lab::table::form::{Source, tell_units};
use reweight_lab::table::guess::Guesses;
use reweight_lab::table::label::{Spellings, key};
use reweight_lab::table::names::ScoreKind;
use reweight_lab::table::names::{
    EXACT_LABEL, Stem, is_counter_name, is_plain_label_name, is_prediction_name, is_repeat, is_split, label_rank,
    numbered, readings,
};
use reweight_lab::table::number::Decimal;
use reweight_lab::text::excerpt;

use super::InspectError;
use super::predicted;
use super::scores::{Chosen, choose};
use crate::arguments::ColumnArguments;

/// Most columns of scores: classes are kept as numbers of 16 bits.
const MOST_SCORES: usize = u16::MAX as usize;

/// More different cells than this, in half of the rows or more, are no labels.
const FEW: usize = 20;

/// How a file of scores is to be read.
#[derive(Debug, PartialEq)]
pub(super) struct Layout {
    pub(super) label: usize,
    /// One for two classes, more for as many classes; or one of [`vector`](Self::vector)s.
    pub(super) scores: Vec<usize>,
    /// The key of the label that each score's name says it speaks for; empty where names do not say.
    pub(super) speaks: Vec<String>,
    /// The column of predictions whose scores the one column holds; they are made a score of each of two labels.
    pub(super) predicted: Option<usize>,
    /// Whether labels in several spellings stay apart.
    pub(super) exact: bool,
    /// How many scores each cell of the one column holds, where it is a list of them.
    pub(super) vector: Option<usize>,
    /// What the scores are, where the command line or a column's name says so.
    pub(super) kind: Option<ScoreKind>,
    /// Why so, where it was not the command line.
    pub(super) kind_said_by: Option<String>,
}

/// What a column's first cells look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    /// Whether there are cells, and all are numbers.
    pub(super) numbers: bool,
    /// Whether all are whole.
    pub(super) whole: bool,
    /// Whether each is one more than that above it.
    pub(super) counts: bool,
    /// Whether all are labels of the file, two of them at least.
    pub(super) hard: bool,
}

impl Layout {
    /// Number of scores a row.
    pub(super) fn width(&self) -> usize {
        if self.predicted.is_some() { 2 } else { self.vector.unwrap_or(self.scores.len()) }
    }

    /// Understands the columns of a file at its first row.
    pub(super) fn find(source: &Source, asked: &ColumnArguments, guesses: &mut Guesses) -> Result<Self, InspectError> {
        let name = source.name.as_str();
        let columns = &source.form.columns;
        if columns.len() < 2 {
            let (line, delimiter) = (source.first_line, source.form.delimiter_in_words());
            return Err(InspectError::OneColumn { name: name.to_owned(), line, delimiter });
        }
        let given = asked.score.iter().map(|selector| source.find(selector)).collect::<Result<Vec<_>, _>>()?;
        let label = match &asked.label {
            Some(selector) => source.find(selector)?,
            None => find_label(source, &given, guesses)?,
        };
        let column = |index: usize| (name.to_owned(), index + 1, excerpt(&columns[index].name));
        if given.contains(&label) {
            let (name, column, column_name) = column(label);
            return Err(InspectError::LabelIsScore { name, column, column_name });
        }
        let mut seen = HashSet::new();
        if let Some(&index) = given.iter().find(|&&index| !seen.insert(index)) {
            let (name, column, column_name) = column(index);
            return Err(InspectError::ScoreTwice { name, column, column_name });
        }
        let exact = asked.form.exact_labels || columns[label].is_exact;
        if columns[label].is_exact {
            guesses
                .fact("labels", format!("as they are spelled, and none is missing, as the name `{EXACT_LABEL}` says"));
        }
        let mut labels = Spellings::new(exact, columns[label].decimal);
        for row in 0..source.sample.rows() {
            let cell = columns[label].label(bare(source.sample.cell(row, label)));
            if !columns[label].is_missing(&source.missing, cell) {
                labels.class(cell);
            }
        }
        let chosen = choose(source, label, &labels, &given, guesses)?;
        let turned = predicted::find(source, label, &labels, &chosen, asked, guesses)?;
        let Chosen { columns: scores, mut speaks, vector, kind } = chosen;
        let predicted = turned.map(|(column, keys)| {
            speaks = keys;
            column
        });
        scores.iter().try_for_each(|&index| columns[index].check_units(name, index, ""))?;
        tell_units(scores.iter().map(|&index| &columns[index]), None, guesses);
        let width = vector.unwrap_or(scores.len());
        if width > MOST_SCORES {
            return Err(InspectError::TooManyScores { name: name.to_owned(), scores: width, most: MOST_SCORES });
        }
        let said_by = || format!("`{}`", excerpt(&columns[scores[0]].name));
        let kind_said_by = kind.filter(|_| asked.scores.is_none()).map(|_| said_by());
        Ok(Self { label, speaks, predicted, exact, vector, kind: asked.scores.or(kind), kind_said_by, scores })
    }
}

impl Look {
    /// Looks at a column; `labels` are what the file's labels are called.
    pub(super) fn of(source: &Source, column: usize, labels: &Spellings) -> Self {
        let (mut any, mut look) = (false, Self { numbers: true, whole: true, counts: true, hard: true });
        let mut last = None;
        let mut seen = HashSet::new();
        for row in 0..source.sample.rows() {
            let cell = source.form.columns[column].label(bare(source.sample.cell(row, column)));
            if source.form.columns[column].is_missing(&source.missing, cell) {
                continue;
            }
            any = true;
            if look.hard {
                look.hard = labels.knows(cell);
                seen.insert(cell);
            }
            let value = source.form.columns[column].number(cell);
            look.numbers &= value.is_some();
            look.whole &= value.is_some_and(|value| value.fract() == 0.0);
            look.counts &=
                look.whole && (last.is_none() || last.zip(value).is_some_and(|(last, value)| value - last == 1.0));
            last = value;
            if !(look.numbers || look.hard) {
                break;
            }
        }
        look.counts &= source.sample.rows() > 2;
        Self { numbers: look.numbers && any, hard: look.hard && any && labels.classes() > 1, ..look }
    }
}

fn find_label(source: &Source, scores: &[usize], guesses: &mut Guesses) -> Result<usize, InspectError> {
    let columns = &source.form.columns;
    let scores: HashSet<usize> = scores.iter().copied().collect();
    let free: Vec<usize> = (0..columns.len()).filter(|index| !scores.contains(index)).collect();
    let none = Spellings::new(false, Decimal::Point);
    let name = |index: usize| format!("`{}`", excerpt(&columns[index].name));
    let say = |guesses: &mut Guesses, index: usize, why: &str| {
        guesses.guess("labels", format!("column {}, {}, {why}", index + 1, name(index)), "--label COL");
    };
    if let [declared] = source.form.declared_targets[..]
        && free.contains(&declared)
    {
        say(guesses, declared, "as the file's header declares");
        return Ok(declared);
    }
    // By its name; measurements are no labels, whatever they are called.
    let is_measured = |index: usize| {
        let look = Look::of(source, index, &none);
        // 1.5 and 2.5 may be labels where a column is called so, and says little else.
        let called = is_plain_label_name(&columns[index].name) && has_few(source, index);
        look.numbers && !look.whole && !called
    };
    let mut named: Vec<(usize, usize)> = free
        .iter()
        .filter_map(|&index| Some((label_rank(&columns[index].name)?, index)))
        .filter(|(_, index)| !is_measured(*index))
        .collect();
    // What differs in most rows is named last: a reference is no label.
    named.sort_by_cached_key(|&(rank, index)| (is_identifier(source, index), rank, index));
    if let Some(&(_, index)) = named.first() {
        let same: Vec<usize> =
            named.iter().map(|(_, other)| *other).filter(|&other| columns[other].name == columns[index].name).collect();
        let repeats = free.iter().copied().filter(|&other| is_repeat(&columns[other].name, &columns[index].name));
        let same: Vec<usize> = same.into_iter().chain(repeats).collect();
        if same.len() > 1 {
            return Err(InspectError::SameName {
                name: source.name.clone(),
                column_name: excerpt(&columns[index].name),
                columns: numbered(columns, same.into_iter()),
                option: "--label",
            });
        }
        match named.get(1) {
            Some(&(_, other)) => say(guesses, index, &format!("for its name, and not {}", name(other))),
            None => say(guesses, index, "for its name"),
        }
        return Ok(index);
    }
    // What other columns' names are scores of: `bad` beside `P_bad1`.
    let words: Vec<(String, usize)> = (0..columns.len())
        .flat_map(|index| readings(&columns[index].name, false).into_iter().map(move |reading| (reading, index)))
        .filter_map(|((word, stem), index)| matches!(stem, Stem::Known(1..)).then_some((word, index)))
        .collect();
    let speaks_of = |index: usize| {
        let subject = key(&columns[index].name);
        words.iter().find(|(word, other)| *other != index && word.starts_with(&subject)).map(|(_, other)| *other)
    };
    let few: Vec<usize> = free.iter().copied().filter(|&index| has_few(source, index)).collect();
    if few.len() <= FEW {
        let subjects: Vec<(usize, usize)> = few.iter().filter_map(|&index| Some((index, speaks_of(index)?))).collect();
        if let [(index, score)] = subjects[..] {
            say(guesses, index, &format!("of which {} is a score", name(score)));
            return Ok(index);
        }
    }
    // The only column that cannot be scores; or, where all are numbers, that has whole ones only.
    // Predictions are no labels, and what is the same in every row is neither.
    let is_label = |&index: &usize| {
        let differs =
            || (1..source.sample.rows()).any(|row| source.sample.cell(row, index) != source.sample.cell(0, index));
        let is_prediction = !is_plain_label_name(&columns[index].name) && is_prediction_name(&columns[index].name);
        !is_counter_name(&columns[index])
            && (!source.form.has_header || !is_prediction)
            && !is_part(source, index)
            && differs()
    };
    let free: Vec<usize> = match free.iter().copied().filter(is_label).collect::<Vec<_>>() {
        none if none.is_empty() => free.into_iter().filter(|&index| !is_counter_name(&columns[index])).collect(),
        some => some,
    };
    let looks: Vec<(usize, Look)> = free.iter().map(|&index| (index, Look::of(source, index, &none))).collect();
    let words: Vec<usize> = looks
        .iter()
        .filter(|(index, look)| {
            !look.numbers && !is_identifier(source, *index) && !super::scores::is_vector(source, *index)
        })
        .map(|(index, _)| *index)
        .collect();
    let whole: Vec<usize> =
        looks.iter().filter(|(_, look)| look.numbers && look.whole && !look.counts).map(|(index, _)| *index).collect();
    match (&words[..], &whole[..], &free[..]) {
        (&[index], ..) => {
            say(guesses, index, "the only one of words");
            Ok(index)
        }
        (&[], &[index], _) => {
            say(guesses, index, "the only one of whole numbers");
            Ok(index)
        }
        (_, _, &[index]) => {
            say(guesses, index, "the only one left");
            Ok(index)
        }
        _ => {
            let known = numbered(columns, 0..columns.len());
            Err(InspectError::WhichLabel { name: source.name.clone(), known })
        }
    }
}

/// Whether a column says which part of a split each row is in.
fn is_part(source: &Source, column: usize) -> bool {
    let cells: HashSet<&str> = (0..source.sample.rows()).map(|row| bare(source.sample.cell(row, column))).collect();
    cells.len() <= FEW && is_split(&source.form.columns[column].name, cells.into_iter())
}

/// Whether a column's cells are few, and come again.
fn has_few(source: &Source, column: usize) -> bool {
    let rows = source.sample.rows();
    let cells: HashSet<&str> = (0..rows).map(|row| bare(source.sample.cell(row, column))).collect();
    cells.len() <= FEW && 2 * cells.len() <= rows
}

/// Whether a column's words differ in most rows.
fn is_identifier(source: &Source, column: usize) -> bool {
    let rows = source.sample.rows();
    let cells: HashSet<&str> = (0..rows).map(|row| source.sample.cell(row, column)).collect();
    cells.len() > FEW && 2 * cells.len() > rows
}
