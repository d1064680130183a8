//! Units of measure and currencies in words, which stand beside the numbers of a column: `12.5 kg`, `USD 5,123.00`, `3,50 kr`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::number::{Decimal, currency_in_words, is_blank, parse};

/// Currencies in words and with letters, as they stand before or behind an amount.
const CURRENCIES: &[&str] = &[
    "EUR", "USD", "GBP", "JPY", "CHF", "SEK", "NOK", "DKK", "ISK", "PLN", "CZK", "HUF", "RON", "BGN", "TRY", "RUB",
    "UAH", "INR", "CNY", "RMB", "KRW", "BRL", "MXN", "ZAR", "AUD", "CAD", "NZD", "SGD", "HKD", "TWD", "THB", "IDR",
    "MYR", "PHP", "VND", "ILS", "SAR", "AED", "EGP", "NGN", "KES", "PKR", "LKR", "BDT", "CLP", "COP", "ARS", "PEN",
    "kr", "Kr", "zł", "Kč", "Ft", "lei", "Fr", "SFr", "Rs", "Rp", "RM", "R$", "US$", "A$", "C$", "S$", "HK$",
];

/// Other units, in lower case; whatever else stands behind every number of a column is taken for one too.
const UNITS: &[&str] = &[
    "mm", "cm", "m", "km", "in", "ft", "mi", "g", "mg", "kg", "lb", "oz", "t", "ml", "cl", "l", "ms", "s", "sec",
    "min", "h", "hr", "hour", "day", "week", "month", "year", "yr", "°c", "°f", "°", "k", "bn", "mn", "mio", "mrd",
    "thousand", "million", "billion", "pa", "hpa", "kpa", "bar", "mbar", "psi", "kw", "mw", "kwh", "mv", "hz", "khz",
    "mhz", "ghz", "kb", "mb", "gb", "tb", "bpm", "mmhg", "mg/dl", "km/h", "mph", "pct",
];

/// Letters of the longest unit.
const LONGEST: usize = 12;

/// What stands beside a number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unit {
    /// As it is written.
    pub(crate) word: String,
    /// Whether it stands before the number.
    pub(crate) before: bool,
}

impl Unit {
    /// The same of all spellings of one unit: without a final dot or the plural's s, in lower case but for `M` and `B`.
    fn key(&self) -> String {
        key(&self.word)
    }

    /// Whether it is a unit or currency that is known.
    fn is_known(&self) -> bool {
        is_known(&self.word)
    }

    /// Whether a bare cell has the sign of this currency.
    fn has_sign(&self, cell: &str) -> bool {
        currency_in_words(cell).is_some_and(|word| key(word) == self.key())
    }

    /// The number that a bare cell holds, with this unit beside it, or a currency's sign; 0 needs none.
    pub(crate) fn number(&self, cell: &str, decimal: Decimal) -> Option<f64> {
        match split(cell) {
            Some((unit, number)) if unit.key() == self.key() => parse(&number, decimal),
            Some(_) => None,
            None => parse(cell, decimal).filter(|&value| value == 0.0 || self.has_sign(cell)),
        }
    }
}

fn key(word: &str) -> String {
    let word = word.trim_end_matches('.');
    // Millions and billions: metres are something else, and so is the b of a house's number.
    let lower = if matches!(word, "M" | "B") { word.to_owned() } else { word.to_lowercase() };
    match lower.strip_suffix('s') {
        Some(one) if one.len() > 1 && one != "m" => one.to_owned(),
        _ => lower,
    }
}

fn is_known(word: &str) -> bool {
    let bare = word.trim_end_matches('.');
    CURRENCIES.contains(&bare) || matches!(word, "M" | "B") || UNITS.contains(&key(word).as_str())
}

/// Whether a bare cell is a number beside a unit or currency that is known.
pub(crate) fn is_quantity(cell: &str) -> bool {
    split(cell).is_some_and(|(unit, number)| unit.is_known() && is_number(&number))
}

/// Parts a bare cell into a number, as it is written, and a word beside it; none where there is no word, or digits in it.
pub(crate) fn split(cell: &str) -> Option<(Unit, Cow<'_, str>)> {
    if cell.len() > 64 || !cell.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    before(cell).or_else(|| behind(cell))
}

/// A currency before an amount, whose sign or parenthesis may stand before both.
fn before(cell: &str) -> Option<(Unit, Cow<'_, str>)> {
    let rest = cell.trim_start_matches(['-', '−', '+', '(']);
    let sign = &cell[..cell.len() - rest.len()];
    let rest = rest.trim_start_matches(is_blank);
    let end = rest.find(|letter: char| !(letter.is_alphabetic() || matches!(letter, '$' | '.')))?;
    let word = &rest[..end];
    let number = rest[end..].trim_matches(is_blank);
    if word.is_empty() || !CURRENCIES.contains(&word.trim_end_matches('.')) || number.is_empty() {
        return None;
    }
    let number = if sign.is_empty() { Cow::Borrowed(number) } else { Cow::Owned(format!("{sign}{number}")) };
    Some((Unit { word: word.to_owned(), before: true }, number))
}

/// A word behind a number; parentheses stand around both.
fn behind(cell: &str) -> Option<(Unit, Cow<'_, str>)> {
    let inside = cell.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    let text = inside.unwrap_or(cell);
    let numeric = |letter: char| {
        letter.is_ascii_digit() || is_blank(letter) || matches!(letter, '.' | ',' | '\'' | '’' | '+' | '-' | '−')
    };
    let word = text.trim_start_matches(numeric);
    let number = text[..text.len() - word.len()].trim_matches(is_blank);
    let word = word.trim_matches(is_blank);
    let letter =
        |letter: char| letter.is_alphabetic() || matches!(letter, '°' | '/' | '²' | '³' | '$' | '.' | ' ' | 'µ');
    let first = word.chars().next()?;
    // `7000-XY` is no number of anything.
    let fits = word.chars().count() <= LONGEST
        && !number.ends_with(['-', '−', '+'])
        && (first.is_alphabetic() || matches!(first, '°' | 'µ'));
    if !fits || !word.chars().all(letter) || !number.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = if inside.is_some() { Cow::Owned(format!("({number})")) } else { Cow::Borrowed(number) };
    Some((Unit { word: word.to_owned(), before: false }, number))
}

fn is_number(text: &str) -> bool {
    parse(text, Decimal::Point).is_some() || parse(text, Decimal::Comma).is_some()
}

/// What a column's numbers have beside them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing, or nothing that is the same of all.
    None,
    /// One unit.
    One(Unit),
    /// Numbers that cannot be compared.
    Mixed(Mixed),
}

/// Numbers of one column in two forms: what one part has beside it and what the other has, how many each, and the first cell of the
/// second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mixed {
    /// As in `` `%` behind ``.
    pub(crate) one: String,
    pub(crate) with: u64,
    /// As in `nothing behind`.
    pub(crate) other: String,
    pub(crate) without: u64,
    pub(crate) line: u64,
}

/// Looks at a column's bare cells that are not missing, each with its line.
pub(crate) fn of_column<'a>(cells: impl Iterator<Item = (&'a str, u64)>) -> Found {
    let (mut present, mut zeros, mut plain, mut first_plain) = (0_u64, 0_u64, 0_u64, 0);
    // Of the plain ones those with a currency's sign, by its word.
    let mut signs: BTreeMap<&str, u64> = BTreeMap::new();
    // By key: the unit, its cells, and the line of the first.
    let mut units: BTreeMap<String, (Unit, u64, u64)> = BTreeMap::new();
    for (cell, line) in cells {
        present += 1;
        if is_number(cell) {
            // 0 is 0 in every unit.
            if cell.bytes().any(|byte| matches!(byte, b'1'..=b'9')) {
                plain += 1;
                first_plain = if plain == 1 { line } else { first_plain };
                if let Some(word) = currency_in_words(cell) {
                    *signs.entry(word).or_insert(0) += 1;
                }
            } else {
                zeros += 1;
            }
        } else if let Some((unit, number)) = split(cell)
            && is_number(&number)
        {
            let place = units.entry(unit.key()).or_insert((unit, 0, line));
            place.1 += 1;
        } else if units.is_empty() && plain == 0 && present > 100 {
            // Words.
            return Found::None;
        }
    }
    let united: u64 = units.values().map(|(_, cells, _)| cells).sum();
    let mut all: Vec<(Unit, u64, u64)> = units.into_values().collect();
    all.sort_by_key(|(_, cells, _)| std::cmp::Reverse(*cells));
    let side = |unit: &Unit| format!("`{}` {}", unit.word, if unit.before { "before" } else { "behind" });
    // A few cells that are none are mistakes, and named where they are read.
    if 10 * (united + plain + zeros) < 9 * present {
        return Found::None;
    }
    match &all[..] {
        [(unit, ..)] if plain == 0 => Found::One(unit.clone()),
        // `5 €` beside `5 EUR`.
        [(unit, ..)] if signs.iter().any(|(word, cells)| *cells == plain && key(word) == unit.key()) => {
            Found::One(unit.clone())
        }
        [(unit, cells, _)] if unit.is_known() && 10 * plain < 9 * present => Found::Mixed(Mixed {
            one: side(unit),
            with: *cells,
            other: "nothing beside".to_owned(),
            without: plain,
            line: first_plain,
        }),
        [(one, with, _), (other, without, line), ..] if all.iter().all(|(unit, ..)| unit.is_known()) => {
            Found::Mixed(Mixed { one: side(one), with: *with, other: side(other), without: *without, line: *line })
        }
        _ => Found::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(cells: &[&str]) -> Found {
        of_column(cells.iter().copied().zip(2..))
    }

    #[test]
    fn a_number_and_what_stands_beside_it() {
        for (cell, word, before, number) in [
            ("1.23 EUR", "EUR", false, "1.23"),
            ("USD 5,123.00", "USD", true, "5,123.00"),
            ("-R$ 1.234,56", "R$", true, "-1.234,56"),
            ("3,50 kr.", "kr.", false, "3,50"),
            ("kr 3,50", "kr", true, "3,50"),
            ("Rs. 1,23,456", "Rs.", true, "1,23,456"),
            ("(1,234 USD)", "USD", false, "(1,234)"),
            ("1 234,50 zł", "zł", false, "1 234,50"),
            ("12kg", "kg", false, "12"),
            ("36.6 °C", "°C", false, "36.6"),
            ("80 km/h", "km/h", false, "80"),
            ("3 doors", "doors", false, "3"),
        ] {
            let found = split(cell).unwrap();
            assert_eq!((found.0.word.as_str(), found.0.before, &*found.1), (word, before, number), "{cell}");
        }
        for cell in [
            "12",
            "7000-XY",
            "level79",
            "N1",
            "12A4",
            "1e5",
            "2024-01-02T03",
            "TOP 5",
            "kg",
            "5 %",
            "1stFlrSF and more",
        ] {
            assert!(split(cell).is_none_or(|(_, number)| !is_number(&number)), "{cell}");
        }
    }

    #[test]
    fn one_unit_is_left_out_and_two_are_told() {
        let one = |cells: &[&str]| match of(cells) {
            Found::One(unit) => Some(unit.word),
            _ => None,
        };
        assert_eq!(one(&["1 kg", "2.5 kg", "0", "7 KG"]).as_deref(), Some("kg"));
        assert_eq!(one(&["1 day", "2 days", "3 days"]).as_deref(), Some("day"));
        assert_eq!(one(&["1.2K", "3.5k"]).as_deref(), Some("K"));
        assert_eq!(one(&["5 EUR", "€ 3.5", "7 €"]).as_deref(), Some("EUR"));
        assert_eq!(one(&["5 EUR", "$3.5", "7 EUR"]), None);
        assert_eq!(of(&["1", "2", "3"]), Found::None);
        assert_eq!(of(&["12", "13", "12a", "14b", "red", "blue"]), Found::None);
        assert_eq!(of(&["12", "13", "12a", "14b"]), Found::None);
        assert_eq!(of(&["1st", "2nd", "3rd", "4th"]), Found::None);
        for (cells, one, other, line) in [
            (&["1 kg", "2 kg", "300 g"][..], "`kg` behind", "`g` behind", 4),
            (&["950", "1.2K", "3.4K"], "`K` behind", "nothing beside", 2),
            (&["1.2K", "3M", "4M"], "`M` behind", "`K` behind", 2),
            (&["5 EUR", "USD 3", "7 EUR"], "`EUR` behind", "`USD` before", 3),
        ] {
            let Found::Mixed(mixed) = of(cells) else { panic!("{cells:?}") };
            assert_eq!((mixed.one.as_str(), mixed.other.as_str(), mixed.line), (one, other, line), "{cells:?}");
        }
    }

    #[test]
    fn numbers_with_their_unit() {
        let kg = Unit { word: "kg".into(), before: false };
        assert_eq!(kg.number("1,250.5 kg", Decimal::Point), Some(1250.5));
        assert_eq!(kg.number("1.250,5kg", Decimal::Comma), Some(1250.5));
        assert_eq!((kg.number("0", Decimal::Point), kg.number("5", Decimal::Point)), (Some(0.0), None));
        assert_eq!(kg.number("5 g", Decimal::Point), None);
        let euro = Unit { word: "EUR".into(), before: false };
        assert_eq!((euro.number("€ 5.5", Decimal::Point), euro.number("$ 5.5", Decimal::Point)), (Some(5.5), None));
    }
}
