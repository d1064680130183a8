//! From cells to a column: numbers or categories, or nothing worth keeping.

use std::collections::{BTreeMap, HashSet};

use super::RawTable;
use super::cell::bare;
use super::choose::parts_rows;
use super::error::{TableError, listing};
use super::guess::Guesses;
use super::names::is_counter_name;
use super::number::{Decimal, parse};
use crate::terminal::{counted, excerpt};

/// Most categories of one column that get an input of their own; the rarer ones share one.
pub const MOST_LEVELS: usize = 50;

/// Share of a column's cells that must be numbers before one that is not counts as a mistake.
const MOSTLY_NUMBERS: f64 = 0.9;

/// More different numbers than this beside one word are measurements, and the word is no category's name.
const FEW_NUMBERS: usize = 10;

/// What some write for a number that is missing.
const SENTINELS: [f64; 4] = [-999.0, -9999.0, -99999.0, -999_999.0];

/// Most columns that a sentence names.
const NAMED: usize = 8;

/// A feature column.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// Numbers, each finite or missing.
    Numeric {
        /// The column's name.
        name: String,
        /// One value a row; NaN where it is missing.
        values: Vec<f64>,
    },
    /// Names of categories.
    Categorical {
        /// The column's name.
        name: String,
        /// The categories, sorted; the rare ones of a column with too many share the last, `(other)`.
        levels: Vec<String>,
        /// One index into `levels` a row; `None` where it is missing.
        codes: Vec<Option<usize>>,
    },
}

impl Column {
    /// The column's name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Numeric { name, .. } | Self::Categorical { name, .. } => name,
        }
    }

    /// Rows whose value is missing.
    #[must_use]
    pub fn missing(&self) -> usize {
        match self {
            Self::Numeric { values, .. } => values.iter().filter(|value| value.is_nan()).count(),
            Self::Categorical { codes, .. } => codes.iter().filter(|code| code.is_none()).count(),
        }
    }

    /// The same column with the rows `rows` alone.
    pub(crate) fn select(self, rows: &[usize]) -> Self {
        match self {
            Self::Numeric { name, values } => {
                Self::Numeric { name, values: rows.iter().map(|&row| values[row]).collect() }
            }
            Self::Categorical { name, levels, codes } => {
                Self::Categorical { name, levels, codes: rows.iter().map(|&row| codes[row]).collect() }
            }
        }
    }
}

/// Why columns are no features, each reason with their names.
#[derive(Debug, Default)]
struct LeftOut(BTreeMap<Reason, Vec<String>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
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
}

impl LeftOut {
    fn push(&mut self, reason: Reason, name: &str) {
        self.0.entry(reason).or_default().push(format!("`{}`", excerpt(name)));
    }

    fn tell(self, guesses: &mut Guesses) {
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
            };
            let what = if names.len() == 1 { one } else { many };
            let text = format!("{} {what}", listing(names.into_iter(), NAMED));
            match reason {
                Reason::Constant => guesses.fact("left out", text),
                _ => guesses.guess("left out", text, "--keep COL"),
            }
        }
    }
}

/// Understands the columns `features` of `raw` in `rows`, without those that cannot tell rows apart.
pub(crate) fn understand_all(
    raw: &RawTable,
    features: Vec<usize>,
    rows: &[usize],
    kept: &[usize],
    categorical: &[usize],
    guesses: &mut Guesses,
) -> Result<Vec<Column>, TableError> {
    let (mut columns, mut left_out) = (Vec::new(), LeftOut::default());
    for index in features {
        let forced = raw.columns[index].is_nominal() || categorical.contains(&index);
        let is_kept = kept.contains(&index) || categorical.contains(&index);
        let column = understand(raw, index, rows, forced, is_kept, guesses)?;
        let name = &raw.columns[index].name;
        let mut cells = rows.iter().map(|&row| bare(raw.cells.cell(row, index)));
        let first = cells.find(|cell| !raw.missing.is(cell));
        let words = if first.is_some_and(is_date) { Reason::Dates } else { Reason::Identifier };
        match column.map_or(Err(words), |column| {
            let counter = is_counter_name(&raw.columns[index]);
            let reason = tells_rows_apart(&column, counter, is_kept);
            reason.or_else(|| (!is_kept && parts_rows(raw, index)).then_some(Reason::Parts)).map_or(Ok(column), Err)
        }) {
            Ok(column) => columns.push(column),
            Err(reason) => left_out.push(reason, name),
        }
    }
    left_out.tell(guesses);
    tell_missing(&columns, guesses);
    tell_sentinels(&columns, guesses);
    Ok(columns)
}

/// Understands column `index` of `raw` in `rows`; `None` if it holds identifiers.
fn understand(
    raw: &RawTable,
    index: usize,
    rows: &[usize],
    categorical: bool,
    kept: bool,
    guesses: &mut Guesses,
) -> Result<Option<Column>, TableError> {
    let cells: Vec<Option<&str>> = rows
        .iter()
        .map(|&row| {
            let cell = bare(raw.cells.cell(row, index));
            (!raw.columns[index].is_missing(&raw.missing, cell)).then_some(cell)
        })
        .collect();
    let name = &raw.columns[index].name;
    if categorical {
        return Ok(categories(name, &cells, true, guesses));
    }
    raw.columns[index].check_units(
        &raw.name,
        index,
        &format!(", or say --categorical {0} or --drop {0}", index + 1),
    )?;
    Ok(match numbers(raw, index, rows, &cells, guesses)? {
        Some(column) => Some(column),
        None => categories(name, &cells, kept, guesses),
    })
}

/// Numbers, if most cells are; an error for the cell that is not.
fn numbers(
    raw: &RawTable,
    index: usize,
    rows: &[usize],
    cells: &[Option<&str>],
    guesses: &mut Guesses,
) -> Result<Option<Column>, TableError> {
    let head = &raw.columns[index];
    let present = cells.iter().flatten().count();
    let numbers = cells.iter().flatten().filter(|cell| head.number(cell).is_some()).count();
    if present > 0 && (numbers as f64) < MOSTLY_NUMBERS * present as f64 {
        // Numbers under the other mark are no names of categories.
        let other = if head.decimal == Decimal::Point { Decimal::Comma } else { Decimal::Point };
        let others = cells.iter().flatten().filter(|cell| parse(cell, other).is_some()).count();
        if (others as f64) < MOSTLY_NUMBERS * present as f64 {
            let is_word = |cell: &&str| head.number(cell).is_none();
            let words: HashSet<&str> = cells.iter().flatten().copied().filter(|cell| is_word(cell)).collect();
            let different: HashSet<&str> = cells.iter().flatten().copied().filter(|cell| !is_word(cell)).collect();
            // One word among many numbers stands for something, most likely for a missing one: to take all for names would be wrong.
            let is_code = words.len() == 1 && 2 * numbers >= present && different.len() > FEW_NUMBERS;
            let word = cells.iter().zip(rows).find(|(cell, _)| cell.is_some_and(|cell| head.number(cell).is_none()));
            if let Some((Some(word), &row)) = word
                && 2 * numbers >= present
            {
                if is_code {
                    return Err(not_a_number(raw, index, row, word, numbers, present));
                }
                let text = format!(
                    "`{}` holds {numbers} numbers, but is taken for names, since {} of its {} are none (first `{}` on line {})",
                    excerpt(&head.name),
                    present - numbers,
                    counted(present as u64, "cell"),
                    excerpt(word),
                    raw.cells.line(row)
                );
                guesses.guess("categories", text, "--missing CELL");
            }
            return Ok(None);
        }
    }
    let name = &raw.columns[index].name;
    let mut values = Vec::with_capacity(cells.len());
    for (cell, &row) in cells.iter().zip(rows) {
        let Some(cell) = cell else {
            values.push(f64::NAN);
            continue;
        };
        let (table, line, column_name) = (raw.name.clone(), raw.cells.line(row), name.clone());
        match head.number(cell) {
            Some(value) if value.is_finite() => values.push(value),
            // An overflow, not a missing value: to impute the mean would hide a measurement that was too large.
            Some(_) => {
                let (column, value) = (index + 1, (*cell).to_owned());
                return Err(TableError::NotFinite { name: table, line, column, column_name, value });
            }
            None => {
                return Err(not_a_number(raw, index, row, cell, numbers, present));
            }
        }
    }
    Ok(Some(Column::Numeric { name: name.clone(), values }))
}

fn not_a_number(raw: &RawTable, index: usize, row: usize, cell: &str, numbers: usize, cells: usize) -> TableError {
    TableError::NotANumber {
        name: raw.name.clone(),
        line: raw.cells.line(row),
        column: index + 1,
        column_name: raw.columns[index].name.clone(),
        value: cell.to_owned(),
        numbers,
        cells,
    }
}

fn categories(name: &str, cells: &[Option<&str>], kept: bool, guesses: &mut Guesses) -> Option<Column> {
    let mut counts = BTreeMap::new();
    for cell in cells.iter().flatten() {
        *counts.entry(*cell).or_insert(0_usize) += 1;
    }
    let present = cells.iter().flatten().count();
    // Mostly different in every row: a name or a number of the row, which says nothing about the next one.
    if counts.len() > MOST_LEVELS && 2 * counts.len() > present && !kept {
        return None;
    }
    let mut levels: Vec<&str> = counts.keys().copied().collect();
    let shared = levels.len() > MOST_LEVELS;
    if shared {
        // A stable sort, so that levels that are equally frequent stay in their own order.
        levels.sort_by_key(|level| std::cmp::Reverse(counts[level]));
        levels.truncate(MOST_LEVELS - 1);
        levels.sort_unstable();
        guesses.fact(
            "categories",
            format!(
                "`{}` has {} categories; the {} rarest were taken together",
                excerpt(name),
                counts.len(),
                counts.len() - levels.len()
            ),
        );
    }
    let other = levels.len();
    let code = |cell: &&str| levels.binary_search(cell).unwrap_or(other);
    let codes = cells.iter().map(|cell| cell.as_ref().map(code)).collect();
    let mut levels: Vec<String> = levels.into_iter().map(str::to_owned).collect();
    if shared {
        levels.push("(other)".to_owned());
    }
    Some(Column::Categorical { name: name.to_owned(), levels, codes })
}

/// Why a column cannot help to tell classes apart, if it cannot.
fn tells_rows_apart(column: &Column, is_counter: bool, kept: bool) -> Option<Reason> {
    let (varies, counts_rows, differ_all) = match column {
        Column::Numeric { values, .. } => {
            let differ = |pair: &[f64]| pair[0] != pair[1] && !(pair[0].is_nan() && pair[1].is_nan());
            let counts = values.len() > 2 && values.windows(2).all(|pair| pair[1] - pair[0] == 1.0);
            let whole = values.iter().all(|value| value.fract() == 0.0);
            (values.windows(2).any(differ), counts, is_counter && whole && all_differ(values))
        }
        Column::Categorical { codes, levels, .. } => {
            (codes.windows(2).any(|pair| pair[0] != pair[1]), false, is_counter && levels.len() == codes.len())
        }
    };
    if !varies {
        Some(Reason::Constant)
    } else if kept {
        None
    } else if counts_rows {
        // It would let the network read the order of the file, which often is the order of the classes.
        Some(Reason::Counts)
    } else {
        differ_all.then_some(Reason::NamesRows)
    }
}

/// Whether a cell is a time, or a day by its numbers or its month's name, with a time or without.
fn is_date(cell: &str) -> bool {
    let times = cell.split(':');
    if times.clone().count() > 1 && times.clone().all(|part| part.len() == 2 && part.parse::<u8>().is_ok()) {
        return true;
    }
    let day = cell.split([' ', 'T']).next().unwrap_or("");
    let parts: Vec<&str> = day.split(['-', '/', '.']).collect();
    let number = |part: &&str| (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    let month = |part: &&str| part.len() >= 3 && part.chars().all(char::is_alphabetic);
    match &parts[..] {
        [first, middle, last] => number(first) && number(last) && (number(middle) || month(middle)),
        _ => false,
    }
}

fn all_differ(values: &[f64]) -> bool {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.len() > 2 && sorted.windows(2).all(|pair| pair[0] != pair[1])
}

/// Says where the smallest number may stand for a missing one: several times the same, and far below all others.
fn tell_sentinels(columns: &[Column], guesses: &mut Guesses) {
    let mut found: Vec<(f64, Vec<String>)> = Vec::new();
    for column in columns {
        let Column::Numeric { name, values } = column else { continue };
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let times = values.iter().filter(|&&value| value == least).count();
        let next = values.iter().copied().filter(|&value| value > least).fold(f64::INFINITY, f64::min);
        if times < 2 || !SENTINELS.contains(&least) || next < least / 2.0 || next.is_infinite() {
            continue;
        }
        let text = format!("`{}` ({times})", excerpt(name));
        match found.iter_mut().find(|(value, _)| *value == least) {
            Some((_, names)) => names.push(text),
            None => found.push((least, vec![text])),
        }
    }
    for (value, names) in found {
        let taken = format!(
            "{value} was taken for a number, far below all others, in {}; it may stand for a missing one",
            listing(names.into_iter(), NAMED)
        );
        guesses.guess("missing", taken, format!("--missing={value}"));
    }
}

/// Says how many cells are missing, where, and what becomes of them.
fn tell_missing(columns: &[Column], guesses: &mut Guesses) {
    let with: Vec<(&Column, usize)> =
        columns.iter().map(|column| (column, column.missing())).filter(|(_, missing)| *missing > 0).collect();
    let cells: usize = with.iter().map(|(_, missing)| missing).sum();
    if cells == 0 {
        return;
    }
    let names =
        listing(with.iter().map(|(column, missing)| format!("`{}` ({missing})", excerpt(column.name()))), NAMED);
    let be = if cells == 1 { "is" } else { "are" };
    guesses.guess(
        "missing",
        format!(
            "{} {be} missing, in {names}: a number counts as its column's training mean and is marked by an input of its own, a \
             category as none",
            counted(cells as u64, "cell")
        ),
        "--missing CELL",
    );
}
