//! What stands before the decimals in each column of numbers: found out together, since one file has one habit.

use super::{Form, FormOptions};
use crate::table::cell::bare;
use crate::table::error::{TableError, listing};
use crate::table::guess::Guesses;
use crate::table::number::{Decimal, has_currency, is_of_two_minds, parse};
use crate::table::records::{Cells, Delimiter};
use crate::terminal::excerpt;

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

/// Decides each column's mark.
pub(super) fn understand(
    name: &str,
    form: &mut Form,
    sample: &Cells,
    options: &FormOptions,
    guesses: &mut Guesses,
) -> Result<(), TableError> {
    let evidence: Vec<Evidence> = (0..form.columns.len()).map(|column| evidence(sample, column, options)).collect();
    // Of other columns, where decimals are plain to see.
    let habit = |decimal: Decimal| evidence.contains(&Evidence::Clear(decimal));
    let points_only = |row: usize, column: usize| !bare(sample.cell(row, column)).contains(',');
    // Decimals would not be three in every cell and none in the others; and who writes semicolons may write 1.234 for thousands.
    let looks_whole = |column: usize| {
        let plain = |row: usize| {
            let cell = bare(sample.cell(row, column));
            cell.len() > 1 && cell.bytes().all(|byte| byte.is_ascii_digit())
        };
        form.cut.delimiter == Delimiter::Byte(b';') && (0..sample.len()).any(plain)
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
    for column in 0..form.columns.len() {
        check_percent(name, form, sample, options, column)?;
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
        (Dress::Percent, "`%` was read in (5 % is 0.05)", None),
        (Dress::Currency, "currency signs were left out in", None),
    ] {
        let columns: Vec<usize> =
            (0..form.columns.len()).filter(|&column| is_dressed(form, sample, options, column, dress)).collect();
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
    Currency,
}

fn evidence(sample: &Cells, column: usize, options: &FormOptions) -> Evidence {
    let (mut present, mut points, mut commas, mut both) = (0_usize, 0_usize, 0_usize, None);
    for row in 0..sample.len() {
        let cell = bare(sample.cell(row, column));
        if options.missing.is(cell) {
            continue;
        }
        present += 1;
        if !cell.contains([',', '.']) {
            continue;
        }
        if is_of_two_minds(cell) {
            // The first with a comma, which says more than one with a point.
            if both.is_none_or(|row| cell.contains(',') && !sample.cell(row, column).contains(',')) {
                both = Some(row);
            }
        } else if parse(cell, Decimal::Point).is_some() {
            points += 1;
        } else if parse(cell, Decimal::Comma).is_some() {
            commas += 1;
        }
    }
    match (points, commas, both) {
        (0, 0, None) => Evidence::None,
        (0, 0, Some(row)) => {
            // Ties of a column that is mostly words decide nothing.
            let numbers =
                (0..sample.len()).filter(|&row| parse(bare(sample.cell(row, column)), Decimal::Point).is_some());
            if 2 * numbers.count() > present { Evidence::Both(row) } else { Evidence::None }
        }
        _ if commas > points => Evidence::Clear(Decimal::Comma),
        _ => Evidence::Clear(Decimal::Point),
    }
}

/// A number beside one with `%` is in hundredths, or has lost its mark: nobody can tell.
fn check_percent(
    name: &str,
    form: &Form,
    sample: &Cells,
    options: &FormOptions,
    column: usize,
) -> Result<(), TableError> {
    let decimal = form.columns[column].decimal;
    let (mut with, mut without, mut first) = (0_u64, 0_u64, None);
    for row in 0..sample.len() {
        let cell = bare(sample.cell(row, column));
        match parse(cell, decimal).filter(|_| !options.missing.is(cell)) {
            Some(_) if cell.contains('%') => with += 1,
            // 0 is 0 %.
            Some(value) if value != 0.0 => {
                without += 1;
                first = first.or(Some(row));
            }
            _ => {}
        }
    }
    match first {
        Some(row) if with > 0 => Err(TableError::MixedPercent {
            name: name.to_owned(),
            column: column + 1,
            column_name: excerpt(&form.columns[column].name),
            with,
            without,
            line: sample.line(row),
        }),
        _ => Ok(()),
    }
}

/// Whether a column has numbers that are so dressed.
fn is_dressed(form: &Form, sample: &Cells, options: &FormOptions, column: usize, dress: Dress) -> bool {
    let decimal = form.columns[column].decimal;
    let thousands: &[char] = if decimal == Decimal::Point { &[','] } else { &['.'] };
    (0..sample.len()).any(|row| {
        let cell = bare(sample.cell(row, column));
        let digits = || cell.trim_matches(|letter: char| !letter.is_ascii_digit());
        let candidate = match dress {
            Dress::Percent => cell.contains('%'),
            Dress::Currency => has_currency(cell),
            Dress::Thousands => {
                digits().contains(thousands) || digits().contains(['\'', '’', ' ', '\u{a0}', '\u{202f}'])
            }
        };
        candidate && !options.missing.is(cell) && parse(cell, decimal).is_some()
    })
}
