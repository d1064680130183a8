//! What stands before the decimals in each column of numbers: found out together, since one file has one habit.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Range;

use super::{Form, FormOptions};
use crate::table::cell::bare;
use crate::table::cells::Cells;
use crate::table::error::{TableError, listing};
use crate::table::guess::Guesses;
use crate::table::head::ColumnHead;
use crate::table::missing::Missing;
use crate::table::number::{Decimal, currency, is_negative_by_dress, is_of_two_minds, is_price, parse};
use crate::table::records::Delimiter;
use crate::table::unit::{self, Found, Mixed};
use crate::text::excerpt;

/// Most columns that a guess names.
const NAMED: usize = 5;

/// What a column's cells say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Evidence {
    /// No mark, or no numbers.
    None,
    /// Numbers with this mark only.
    Clear(Decimal),
    /// Numbers with either; this row's cell shows it.
    Both(usize),
}

/// A column's bare cells in the file's first rows, and how they are written.
struct Column<'a> {
    sample: &'a Cells,
    head: &'a ColumnHead,
    missing: &'a Missing,
    index: usize,
}

impl<'a> Column<'a> {
    /// A cell; none where its value is missing.
    fn cell(&self, row: usize) -> Option<&'a str> {
        let cell = bare(self.sample.cell(row, self.index));
        (!self.head.is_missing(self.missing, cell)).then_some(cell)
    }

    /// A cell without its unit.
    fn amount(&self, row: usize) -> Option<Cow<'a, str>> {
        let cell = self.cell(row)?;
        Some(self.head.unit.as_ref().and_then(|_| unit::split(cell)).map_or(Cow::Borrowed(cell), |(_, number)| number))
    }

    fn rows(&self) -> Range<usize> {
        0..self.sample.rows()
    }

    /// What stands beside its numbers.
    fn unit(&self) -> Found {
        if self.head.is_nominal() {
            return Found::None;
        }
        unit::of_column(self.rows().filter_map(|row| Some((self.cell(row)?, self.sample.line(row)))))
    }
}

/// Decides each column's unit and mark.
pub(super) fn understand(
    name: &str,
    form: &mut Form,
    sample: &Cells,
    options: &FormOptions,
    guesses: &mut Guesses,
) -> Result<(), TableError> {
    let column = |form: &'_ Form, index: usize| -> Found {
        Column { sample, head: &form.columns[index], missing: &options.missing, index }.unit()
    };
    for index in 0..form.columns.len() {
        match column(form, index) {
            Found::None => {}
            Found::One(unit) => form.columns[index].unit = Some(unit),
            Found::Mixed(mixed) => form.columns[index].mixed = Some(mixed),
        }
    }
    let columns: Vec<Column<'_>> = (0..form.columns.len())
        .map(|index| Column { sample, head: &form.columns[index], missing: &options.missing, index })
        .collect();
    let evidence: Vec<Evidence> = columns.iter().map(evidence).collect();
    // Of other columns, where decimals are plain to see.
    let habit = |decimal: Decimal| evidence.contains(&Evidence::Clear(decimal));
    let points_only = |row: usize, column: usize| !bare(sample.cell(row, column)).contains(',');
    // Decimals would not be three in every cell and none in the others; and who writes semicolons may write 1.234 for thousands.
    let looks_whole = |column: usize| {
        let plain = |row: usize| {
            let cell = bare(sample.cell(row, column));
            cell.len() > 1 && cell.bytes().all(|byte| byte.is_ascii_digit())
        };
        form.cut.delimiter == Delimiter::Byte(b';') && (0..sample.rows()).any(plain)
    };
    let (mut commas, mut decimals) = (Vec::new(), Vec::new());
    for (column, evidence) in evidence.iter().enumerate() {
        let decimal = match (options.decimal, *evidence) {
            (Some(asked), _) => asked,
            (None, Evidence::None) => Decimal::Point,
            (None, Evidence::Clear(decimal)) => decimal,
            (None, Evidence::Both(_)) if habit(Decimal::Comma) && !habit(Decimal::Point) => Decimal::Comma,
            (None, Evidence::Both(row)) if points_only(row, column) && !looks_whole(column) => Decimal::Point,
            (None, Evidence::Both(_)) if habit(Decimal::Point) && !habit(Decimal::Comma) => Decimal::Point,
            // Who separates cells by commas does not mark decimals by them.
            (None, Evidence::Both(_)) if form.cut.delimiter == Delimiter::Byte(b',') => Decimal::Point,
            (None, Evidence::Both(row)) => {
                return Err(TableError::WhichDecimal {
                    name: name.to_owned(),
                    line: sample.line(row),
                    column: column + 1,
                    column_name: form.columns[column].name.clone(),
                    value: sample.cell(row, column).to_owned(),
                });
            }
        };
        decimals.push(decimal);
        if decimal == Decimal::Comma && *evidence != Evidence::None {
            commas.push(column);
        }
    }
    form.columns.iter_mut().zip(decimals).for_each(|(column, decimal)| column.decimal = decimal);
    for index in 0..form.columns.len() {
        let column = Column { sample, head: &form.columns[index], missing: &options.missing, index };
        let two_marks = || if options.decimal.is_none() { marks(&column) } else { None };
        if let Some(mixed) = signs(&column).or_else(two_marks) {
            form.columns[index].mixed = Some(mixed);
        }
    }
    let names = |columns: &[usize]| {
        let name = |&column: &usize| format!("`{}`", excerpt(&form.columns[column].name));
        listing(columns.iter().map(name), NAMED)
    };
    if !commas.is_empty() && options.decimal.is_none() {
        guesses.guess("numbers", format!("commas mark decimals in {}", names(&commas)), "--decimal point");
    }
    for (dress, text, option) in [
        (Dress::Thousands, "thousands are set apart in", Some("--decimal comma")),
        (Dress::Percent, "`%` was read (5 % is 0.05) in", None),
        (Dress::PerMille, "`‰` was read (5 ‰ is 0.005) in", None),
        (Dress::Currency, "currency signs were left out in", None),
        (Dress::Negative, "parentheses around a number, or a minus behind it, were read as a minus in", None),
    ] {
        let column = |index: usize| Column { sample, head: &form.columns[index], missing: &options.missing, index };
        let columns: Vec<usize> = (0..form.columns.len()).filter(|&index| is_dressed(&column(index), dress)).collect();
        let taken = format!("{text} {}", names(&columns));
        match option {
            _ if columns.is_empty() => {}
            Some(option) if options.decimal.is_none() => guesses.guess("numbers", taken, option),
            _ => guesses.fact("numbers", taken),
        }
    }
    Ok(())
}

/// What a number may have about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dress {
    Thousands,
    Percent,
    PerMille,
    Currency,
    Negative,
}

fn evidence(column: &Column<'_>) -> Evidence {
    let (mut present, mut points, mut commas, mut both) = (0_usize, 0_usize, 0_usize, None);
    for row in column.rows() {
        let Some(cell) = column.amount(row) else { continue };
        present += 1;
        if !cell.contains([',', '.']) {
            continue;
        }
        if is_of_two_minds(&cell) {
            // The first with a comma, which says more than one with a point.
            if both.is_none_or(|row| cell.contains(',') && !column.sample.cell(row, column.index).contains(',')) {
                both = Some(row);
            }
        } else if parse(&cell, Decimal::Point).is_some() {
            points += 1;
        } else if parse(&cell, Decimal::Comma).is_some() {
            commas += 1;
        }
    }
    match (points, commas, both) {
        (0, 0, None) => Evidence::None,
        (0, 0, Some(row)) => {
            // Ties of a column that is mostly words decide nothing.
            let number = |cell: Cow<'_, str>| parse(&cell, Decimal::Point).is_some();
            let numbers = column.rows().filter_map(|row| column.amount(row)).filter(|cell| number(cell.clone()));
            if 2 * numbers.count() > present { Evidence::Both(row) } else { Evidence::None }
        }
        _ if commas > points => Evidence::Clear(Decimal::Comma),
        _ => Evidence::Clear(Decimal::Point),
    }
}

/// Numbers of which some are in hundredths or of another currency: those without a sign may have lost it, and nobody can tell.
fn signs(column: &Column<'_>) -> Option<Mixed> {
    // Each sign's cells, and the line of the first.
    let mut found: BTreeMap<Option<char>, (u64, u64)> = BTreeMap::new();
    for row in column.rows() {
        let Some(cell) = column.cell(row) else { continue };
        // 0 is 0 %.
        if column.head.number(cell).is_some_and(|value| value != 0.0) || cell.contains(['%', '‰']) {
            let sign = cell.chars().find(|letter| matches!(letter, '%' | '‰')).or_else(|| currency(cell));
            found.entry(sign).or_insert((0, column.sample.line(row))).0 += 1;
        }
    }
    let mut signs: Vec<(char, (u64, u64))> =
        found.iter().filter_map(|(sign, count)| Some(((*sign)?, *count))).collect();
    signs.sort_by_key(|(sign, (cells, _))| (*sign != '%' && *sign != '‰', Reverse(*cells)));
    let side = |sign: char| format!("`{sign}` {}", if matches!(sign, '%' | '‰') { "behind" } else { "beside" });
    match (&signs[..], found.get(&None)) {
        (&[(one, (with, _)), (other, (without, line)), ..], _) => {
            Some(Mixed { one: side(one), with, other: side(other), without, line })
        }
        // An amount without the sign of its currency is in the same.
        (&[(one @ ('%' | '‰'), (with, _))], Some(&(without, line))) => {
            Some(Mixed { one: side(one), with, other: "nothing behind".to_owned(), without, line })
        }
        _ => None,
    }
}

/// Numbers of which some have a decimal point and others a decimal comma, such that no reading fits all.
fn marks(column: &Column<'_>) -> Option<Mixed> {
    let (mut present, mut either) = (0_u64, 0_u64);
    // Of each mark its cells, and the line of the first.
    let mut found = [(0_u64, 0_u64); 2];
    for row in column.rows() {
        let Some(cell) = column.amount(row) else { continue };
        present += 1;
        match [Decimal::Point, Decimal::Comma].map(|decimal| parse(&cell, decimal).is_some()) {
            [true, true] => either += 1,
            [false, false] => {}
            [is_point, _] => {
                let (cells, line) = &mut found[usize::from(!is_point)];
                *line = if *cells == 0 { column.sample.line(row) } else { *line };
                *cells += 1;
            }
        }
    }
    let [(points, point), (commas, comma)] = found;
    // Where much is no number at all, none of it may be one.
    if points == 0 || commas == 0 || 10 * (points + commas + either) < 9 * present {
        return None;
    }
    let [with_point, with_comma] = ["a decimal point in", "a decimal comma in"].map(str::to_owned);
    Some(if points >= commas {
        Mixed { one: with_point, with: points, other: with_comma, without: commas, line: comma }
    } else {
        Mixed { one: with_comma, with: commas, other: with_point, without: points, line: point }
    })
}

/// Whether a column has numbers that are so dressed.
fn is_dressed(column: &Column<'_>, dress: Dress) -> bool {
    let decimal = column.head.decimal;
    let thousands: &[char] = if decimal == Decimal::Point { &[','] } else { &['.'] };
    column.rows().any(|row| {
        let Some(cell) = column.amount(row) else { return false };
        let digits = || cell.trim_matches(|letter: char| !letter.is_ascii_digit());
        let candidate = match dress {
            Dress::Percent => cell.contains('%'),
            Dress::PerMille => cell.contains('‰'),
            Dress::Currency => currency(&cell).is_some() || is_price(&cell),
            Dress::Negative => is_negative_by_dress(&cell),
            Dress::Thousands => {
                digits().contains(thousands) || digits().contains(['\'', '’', ' ', '\u{a0}', '\u{202f}'])
            }
        };
        candidate && parse(&cell, decimal).is_some()
    })
}

/// Says which columns' units were left out, and what `option` there is to keep them.
pub fn tell_units<'a>(columns: impl Iterator<Item = &'a ColumnHead>, option: Option<&str>, guesses: &mut Guesses) {
    let mut units: Vec<(&str, Vec<String>)> = Vec::new();
    for column in columns {
        let Some(unit) = &column.unit else { continue };
        let name = format!("`{}`", excerpt(&column.name));
        match units.iter_mut().find(|(word, _)| *word == unit.word) {
            Some((_, names)) => names.push(name),
            None => units.push((&unit.word, vec![name])),
        }
    }
    for (word, names) in units {
        let taken = format!("`{word}` beside the numbers was left out in {}", listing(names.into_iter(), NAMED));
        match option {
            Some(option) => guesses.guess("numbers", taken, option),
            None => guesses.fact("numbers", taken),
        }
    }
}
