//! From a cell to a number, as people and spreadsheets write it: decimal commas, thousands apart, per cent, currencies.

use serde::{Deserialize, Serialize};

/// What stands before a number's decimals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decimal {
    /// As in 1,234.5.
    #[default]
    Point,
    /// As in 1.234,5.
    Comma,
}

impl Decimal {
    /// The mark itself.
    #[must_use]
    pub fn mark(self) -> char {
        if self == Self::Point { '.' } else { ',' }
    }
}

/// Signs of currencies that may stand before or after a number.
const CURRENCIES: [char; 8] = ['$', '€', '£', '¥', '₹', '₽', '₩', '₺'];

/// What the signs mean in words, where nothing says otherwise; each in its place.
const IN_WORDS: [&str; 8] = ["USD", "EUR", "GBP", "JPY", "INR", "RUB", "KRW", "TRY"];

/// The number that a bare cell holds, if it holds one; 0.05 for `5 %`. It may be infinite.
#[must_use]
pub fn parse(cell: &str, decimal: Decimal) -> Option<f64> {
    // Nearly every cell is a plain number. `nan` is one to Rust, but no number here.
    let plain = || cell.parse::<f64>().ok().filter(|value| !value.is_nan());
    if (decimal == Decimal::Point || !cell.contains('.'))
        && let Some(value) = plain()
    {
        return Some(value);
    }
    dressed(cell, decimal)
}

/// The sign of a currency in a cell.
pub(crate) fn currency(cell: &str) -> Option<char> {
    cell.chars().find(|letter| CURRENCIES.contains(letter))
}

/// The word of the currency whose sign is in a cell.
pub(crate) fn currency_in_words(cell: &str) -> Option<&'static str> {
    let sign = currency(cell)?;
    CURRENCIES.iter().position(|known| *known == sign).map(|at| IN_WORDS[at])
}

/// Whether a number is negative by parentheses, or by a minus behind it.
pub(crate) fn is_negative_by_dress(cell: &str) -> bool {
    cell.starts_with('(') && cell.ends_with(')') || cell.ends_with(['-', '−']) && !is_price(cell)
}

/// Whether a dash stands for the pennies that a price has none of: `100:-`, `100,-`, `100.–`.
pub(crate) fn is_price(cell: &str) -> bool {
    without_dash(cell).len() < cell.len()
}

fn without_dash(cell: &str) -> &str {
    let whole = cell.trim_end_matches(['-', '–', '—']);
    let price = whole.strip_suffix([':', ',', '.']).filter(|rest| whole.len() < cell.len() && !rest.is_empty());
    price.unwrap_or(cell)
}

/// Whether a cell may be read in two ways: one mark with three digits behind it, of decimals or of thousands.
pub(crate) fn is_of_two_minds(cell: &str) -> bool {
    let (point, comma) = (parse(cell, Decimal::Point), parse(cell, Decimal::Comma));
    point.is_some() && comma.is_some() && point != comma
}

fn dressed(cell: &str, decimal: Decimal) -> Option<f64> {
    if cell.len() > 64 || !cell.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (mut rest, mut negative, mut parts) = (without_dash(cell), false, 1.0);
    // The mark before such a dash is that of decimals.
    let other = if decimal == Decimal::Point { ',' } else { '.' };
    if cell[rest.len()..].starts_with(other) && rest.contains(decimal.mark()) {
        return None;
    }
    // Accountants write a negative number between parentheses.
    if let Some(inside) = rest.strip_prefix('(').and_then(|inside| inside.strip_suffix(')')) {
        (rest, negative) = (inside, true);
    }
    // Each sign once, on either side of the minus.
    let (mut currency, mut minus) = (false, false);
    loop {
        rest = rest.trim_matches(is_blank);
        let mut letters = rest.chars();
        match (letters.next(), rest.chars().next_back()) {
            (Some('-' | '−'), _) if !minus && !negative => {
                (minus, rest) = (true, letters.as_str());
            }
            // Behind the number, as some bookkeeping has it.
            (_, Some(sign @ ('-' | '−'))) if !minus && !negative => {
                (minus, rest) = (true, &rest[..rest.len() - sign.len_utf8()]);
            }
            (Some('+'), _) if !minus => (minus, rest) = (false, letters.as_str()),
            (Some(sign), _) if !currency && CURRENCIES.contains(&sign) => {
                (currency, rest) = (true, letters.as_str());
            }
            (_, Some(sign)) if !currency && CURRENCIES.contains(&sign) => {
                currency = true;
                rest = &rest[..rest.len() - sign.len_utf8()];
            }
            (_, Some(sign @ ('%' | '‰'))) if parts == 1.0 => {
                parts = if sign == '%' { 100.0 } else { 1000.0 };
                rest = &rest[..rest.len() - sign.len_utf8()];
            }
            _ => break,
        }
    }
    let value = grouped(rest, decimal)?;
    let value = if negative || minus { -value } else { value };
    Some(value / parts)
}

/// What stands between thousands, or between a number and its unit.
pub(crate) fn is_blank(letter: char) -> bool {
    matches!(letter, ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}')
}

/// An unsigned number whose thousands may stand apart, all by the same mark.
fn grouped(text: &str, decimal: Decimal) -> Option<f64> {
    let (whole, decimals) = match text.split_once(decimal.mark()) {
        Some((whole, decimals)) => (whole, Some(decimals)),
        None => (text, None),
    };
    let exponent = |text: &str| text.trim_start_matches(|letter: char| letter.is_ascii_digit()).to_owned();
    let tail = decimals.unwrap_or("");
    let rest = exponent(tail);
    let is_exponent = rest.strip_prefix(['e', 'E']).is_some_and(|power| power.parse::<i32>().is_ok());
    if !(rest.is_empty() || is_exponent) {
        return None;
    }
    let thousands = if decimal == Decimal::Point { ',' } else { '.' };
    let separator = whole.chars().find(|letter| !letter.is_ascii_digit());
    let digits = match separator {
        None => whole.to_owned(),
        Some(separator) if separator == thousands || separator == '\'' || separator == '’' || is_blank(separator) => {
            let groups: Vec<&str> = whole.split(separator).collect();
            if !are_thousands(&groups, separator == ',') {
                return None;
            }
            groups.concat()
        }
        // 1e5 with a comma for decimals.
        Some('e' | 'E') if decimals.is_none() => whole.to_owned(),
        Some(_) => return None,
    };
    if digits.is_empty() && tail.is_empty() {
        return None;
    }
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'e' | b'E' | b'-' | b'+'));
    if !plain {
        return None;
    }
    format!("{digits}.{tail}").parse().ok().or_else(|| digits.parse().ok())
}

/// Whether digits stand apart as thousands do: three by three, or `indian`, where above the last three they go two by two.
fn are_thousands(groups: &[&str], indian: bool) -> bool {
    let [first, middle @ .., last] = groups else { return false };
    // A leading zero has no thousands behind it: 0,123 is a decimal fraction.
    let led = !first.starts_with('0') && last.len() == 3;
    let by_threes = (1..=3).contains(&first.len()) && middle.iter().all(|group| group.len() == 3);
    let by_twos = indian && (1..=2).contains(&first.len()) && middle.iter().all(|group| group.len() == 2);
    led && (by_threes || by_twos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_people_write_them() {
        for (cell, point, comma) in [
            ("1.5", Some(1.5), None),
            ("1,5", None, Some(1.5)),
            ("0,0284", None, Some(0.0284)),
            ("16,860.59", Some(16860.59), None),
            ("-10.490,08", None, Some(-10490.08)),
            ("1,234", Some(1234.0), Some(1.234)),
            ("1.234", Some(1.234), Some(1234.0)),
            ("0,123", None, Some(0.123)),
            ("1,234,567", Some(1234567.0), None),
            ("1 234 567,5", None, Some(1234567.5)),
            ("1'234.5", Some(1234.5), None),
            ("1.69%", Some(0.0169), None),
            ("1,5 %", None, Some(0.015)),
            ("$-298.95", Some(-298.95), None),
            ("-$1,298.95", Some(-1298.95), None),
            ("1.298,95 €", None, Some(-0.0 + 1298.95)),
            ("(1,298.95)", Some(-1298.95), None),
            ("1e-5", Some(1e-5), Some(1e-5)),
            ("1,5e-5", None, Some(1.5e-5)),
            ("7", Some(7.0), Some(7.0)),
            ("−3", Some(-3.0), Some(-3.0)),
            ("12 mm", None, None),
            ("1,23,456", Some(123_456.0), None),
            ("12,34,567.5", Some(1_234_567.5), None),
            ("1,2,345", None, None),
            ("12,3", None, Some(12.3)),
            ("5‰", Some(0.005), Some(0.005)),
            ("1.298,95-", None, Some(-1298.95)),
            ("5-", Some(-5.0), Some(-5.0)),
            ("100:-", Some(100.0), Some(100.0)),
            ("1.200,-", None, Some(1200.0)),
            ("-100.–", Some(-100.0), Some(-100.0)),
            ("-5-", None, None),
            ("(-5)", None, None),
            ("a", None, None),
            ("nan", None, None),
            ("2024-01-02", None, None),
            ("--5", None, None),
            ("%", None, None),
            ("1/2", None, None),
        ] {
            let close = |found: Option<f64>, wanted: Option<f64>| match (found, wanted) {
                // A division by 100 rounds.
                (Some(found), Some(wanted)) => (found - wanted).abs() <= 1e-15 * wanted.abs(),
                (found, wanted) => found == wanted,
            };
            assert!(close(parse(cell, Decimal::Point), point), "{cell}: {:?}", parse(cell, Decimal::Point));
            assert!(close(parse(cell, Decimal::Comma), comma), "{cell}: {:?}", parse(cell, Decimal::Comma));
        }
        assert!(is_of_two_minds("1,234") && !is_of_two_minds("1,5") && !is_of_two_minds("12"));
    }
}
