//! From cells to a column: numbers or categories, or nothing worth keeping.

mod left_out;

use std::collections::{BTreeMap, HashSet};

use left_out::{LeftOut, Reason};

use super::RawTable;
use super::cell::bare;
use super::choose::parts_rows;
use super::error::{TableError, listing};
use super::guess::Guesses;
use super::head::ColumnHead;
use super::names::is_counter_name;
use super::number::{Decimal, parse};
use crate::text::{counted, excerpt};

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
        /// One index into `levels` a row; `None` where it is missing. There are at most [`MOST_LEVELS`].
        codes: Vec<Option<u8>>,
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

/// Understands the columns `features` of `raw` in `rows`, without those that cannot tell rows apart.
pub(crate) fn understand_all(
    raw: &RawTable,
    features: Vec<usize>,
    rows: &[u32],
    kept: &[usize],
    categorical: &[usize],
    guesses: &mut Guesses,
) -> Result<Vec<Column>, TableError> {
    let (mut columns, mut left_out) = (Vec::new(), LeftOut::default());
    for index in features {
        let forced = raw.columns[index].is_nominal() || categorical.contains(&index);
        let is_kept = kept.contains(&index) || categorical.contains(&index);
        let column = understand(ColumnCells { raw, index, rows }, forced, is_kept, guesses)?;
        let name = &raw.columns[index].name;
        let first = ColumnCells { raw, index, rows }.present().next();
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

/// A column's cells in some rows. They are looked up each time that they are asked for: kept, they would take more memory than
/// their text.
#[derive(Clone, Copy)]
struct ColumnCells<'a> {
    raw: &'a RawTable,
    index: usize,
    rows: &'a [u32],
}

impl<'a> ColumnCells<'a> {
    /// What is known of the column.
    fn head(self) -> &'a ColumnHead {
        &self.raw.columns[self.index]
    }

    /// The bare cell of each row; none where it is missing.
    fn all(self) -> impl Iterator<Item = Option<&'a str>> {
        self.rows.iter().map(move |&row| {
            let cell = bare(self.raw.cells.cell(row as usize, self.index));
            (!self.head().is_missing(&self.raw.missing, cell)).then_some(cell)
        })
    }

    /// Those that are not missing.
    fn present(self) -> impl Iterator<Item = &'a str> {
        self.all().flatten()
    }

    /// The line of the row at `place`.
    fn line(self, place: usize) -> u64 {
        self.raw.cells.line(self.rows[place] as usize)
    }
}

/// Understands a column; `None` if it holds identifiers.
fn understand(
    cells: ColumnCells<'_>,
    categorical: bool,
    kept: bool,
    guesses: &mut Guesses,
) -> Result<Option<Column>, TableError> {
    let (head, column) = (cells.head(), cells.index + 1);
    if categorical {
        return categories(cells, true, guesses);
    }
    head.check_units(&cells.raw.name, cells.index, &format!(", or say --categorical {column} or --drop {column}"))?;
    match numbers(cells, guesses)? {
        Some(column) => Ok(Some(column)),
        None => categories(cells, kept, guesses),
    }
}

/// Numbers, if most cells are; an error for the cell that is not.
fn numbers(cells: ColumnCells<'_>, guesses: &mut Guesses) -> Result<Option<Column>, TableError> {
    let head = cells.head();
    let mut values = cells.raw.list(cells.rows.len())?;
    for (place, cell) in cells.all().enumerate() {
        match cell.map(|cell| (cell, head.number(cell))) {
            None => values.push(f64::NAN),
            Some((_, Some(value))) if value.is_finite() => values.push(value),
            // What is no finite number is a mistake, where the others are numbers.
            Some((cell, found)) => {
                return match words(cells, guesses)? {
                    Numbers::Few => Ok(None),
                    // An overflow, not a missing value: to impute the mean would hide a measurement that was too large.
                    Numbers::Most(..) if found.is_some() => Err(TableError::NotFinite {
                        name: cells.raw.name.clone(),
                        line: cells.line(place),
                        column: cells.index + 1,
                        column_name: head.name.clone(),
                        value: cell.to_owned(),
                    }),
                    Numbers::Most(numbers, present) => Err(not_a_number(cells, place, cell, numbers, present)),
                };
            }
        }
    }
    Ok(Some(Column::Numeric { name: head.name.clone(), values }))
}

/// How many of a column's cells are numbers.
enum Numbers {
    /// So few that all are names.
    Few,
    /// So many, of so many cells, that the others are mistakes.
    Most(usize, usize),
}

/// Whether the cells of a column, of which one is no finite number, are names; an error where one word stands for something else.
fn words(cells: ColumnCells<'_>, guesses: &mut Guesses) -> Result<Numbers, TableError> {
    let head = cells.head();
    let is_word = |cell: &&str| head.number(cell).is_none();
    let (mut present, mut numbers, mut others) = (0, 0, 0);
    // Numbers under the other mark are no names of categories.
    let other = if head.decimal == Decimal::Point { Decimal::Comma } else { Decimal::Point };
    for cell in cells.present() {
        present += 1;
        numbers += usize::from(!is_word(&cell));
        others += usize::from(parse(cell, other).is_some());
    }
    if (numbers.max(others) as f64) >= MOSTLY_NUMBERS * present as f64 {
        return Ok(Numbers::Most(numbers, present));
    }
    let first = cells.all().enumerate().find_map(|(place, cell)| cell.filter(is_word).map(|word| (place, word)));
    if let Some((place, word)) = first
        && 2 * numbers >= present
    {
        // One word among many numbers stands for something, most likely for a missing one: to take all for names would be wrong.
        let is_only = cells.present().filter(is_word).all(|other| other == word);
        if is_only && differ(cells.present().filter(|cell| !is_word(cell))) > FEW_NUMBERS {
            return Err(not_a_number(cells, place, word, numbers, present));
        }
        let text = format!(
            "`{}` holds {numbers} numbers, but is taken for names, since {} of its {} are none (first `{}` on line {})",
            excerpt(&head.name),
            present - numbers,
            counted(present as u64, "cell"),
            excerpt(word),
            cells.line(place)
        );
        guesses.guess("categories", text, "--missing CELL");
    }
    Ok(Numbers::Few)
}

/// How many different cells there are, as far as it matters whether they are few.
fn differ<'a>(mut cells: impl Iterator<Item = &'a str>) -> usize {
    let mut different = HashSet::new();
    while different.len() <= FEW_NUMBERS
        && let Some(cell) = cells.next()
    {
        different.insert(cell);
    }
    different.len()
}

fn not_a_number(cells: ColumnCells<'_>, place: usize, cell: &str, numbers: usize, present: usize) -> TableError {
    TableError::NotANumber {
        name: cells.raw.name.clone(),
        line: cells.line(place),
        column: cells.index + 1,
        column_name: cells.head().name.clone(),
        value: cell.to_owned(),
        numbers,
        cells: present,
    }
}

fn categories(cells: ColumnCells<'_>, kept: bool, guesses: &mut Guesses) -> Result<Option<Column>, TableError> {
    let name = &cells.head().name;
    // Mostly different in every row: a name or a number of the row, which says nothing about the next one.
    let are_names = |different: usize, present: usize| different > MOST_LEVELS && 2 * different > present && !kept;
    let mut counts = BTreeMap::new();
    let mut present = 0;
    for cell in cells.present() {
        present += 1;
        *counts.entry(cell).or_insert(0_usize) += 1;
        // However many rows there are, these are enough to say so.
        if are_names(counts.len(), cells.rows.len()) {
            return Ok(None);
        }
    }
    if are_names(counts.len(), present) {
        return Ok(None);
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
    drop(counts);
    let other = levels.len();
    // At most `MOST_LEVELS`.
    let code = |cell: &str| levels.binary_search(&cell).unwrap_or(other) as u8;
    let mut codes = cells.raw.list(cells.rows.len())?;
    codes.extend(cells.all().map(|cell| cell.map(code)));
    let mut levels: Vec<String> = levels.into_iter().map(str::to_owned).collect();
    if shared {
        levels.push("(other)".to_owned());
    }
    Ok(Some(Column::Categorical { name: name.clone(), levels, codes }))
}

/// Why a column cannot help to tell classes apart, if it cannot.
fn tells_rows_apart(column: &Column, is_counter: bool, kept: bool) -> Option<Reason> {
    let (rows, varies, counts_rows, differ_all) = match column {
        Column::Numeric { values, .. } => {
            let differ = |pair: &[f64]| pair[0] != pair[1] && !(pair[0].is_nan() && pair[1].is_nan());
            let counts = values.len() > 2 && values.windows(2).all(|pair| pair[1] - pair[0] == 1.0);
            let whole = values.iter().all(|value| value.fract() == 0.0);
            (values.len(), values.windows(2).any(differ), counts, is_counter && whole && all_differ(values))
        }
        Column::Categorical { codes, levels, .. } => {
            let varies = codes.windows(2).any(|pair| pair[0] != pair[1]);
            (codes.len(), varies, false, is_counter && levels.len() == codes.len())
        }
    };
    if !varies {
        Some(if column.missing() == rows { Reason::Missing } else { Reason::Constant })
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

/// Says where the smallest number, or the largest, may stand for a missing one: several times the same, and far beyond all others.
fn tell_sentinels(columns: &[Column], guesses: &mut Guesses) {
    let mut found: Vec<(f64, Vec<String>)> = Vec::new();
    for column in columns {
        let Column::Numeric { name, values } = column else { continue };
        let of = |end: fn(f64, f64) -> f64, from: f64| values.iter().copied().fold(from, end);
        let (least, most) = (of(f64::min, f64::INFINITY), of(f64::max, f64::NEG_INFINITY));
        let others = |end: f64| values.iter().copied().filter(move |&value| value != end && !value.is_nan());
        let next_least = others(least).fold(f64::INFINITY, f64::min);
        let next_most = others(most).fold(f64::NEG_INFINITY, f64::max);
        let is_below = (least / 2.0..f64::INFINITY).contains(&next_least);
        // Whole amounts grow to 9999 by themselves; a tenth of it is far.
        let is_above = next_most.is_finite() && next_most <= most / 10.0;
        for (end, is_far) in [(least, is_below && least < 0.0), (most, is_above && most > 0.0)] {
            let times = values.iter().filter(|&&value| value == end).count();
            let is_known = SENTINELS.contains(&-end.abs());
            if times < 2 || !is_known || !is_far {
                continue;
            }
            let text = format!("`{}` ({times})", excerpt(name));
            match found.iter_mut().find(|(value, _)| *value == end) {
                Some((_, names)) => names.push(text),
                None => found.push((end, vec![text])),
            }
        }
    }
    for (value, names) in found {
        let taken = format!(
            "{value} was taken for a number, far {} all others, in {}; it may stand for a missing one",
            if value < 0.0 { "below" } else { "above" },
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
