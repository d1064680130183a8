//! Numbers as tables and sentences write them.

/// Three significant digits; a dash for what could not be computed.
pub(crate) fn number(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let magnitude = value.abs().log10().floor() as i32;
    let text = match magnitude {
        -4..=5 => format!("{value:.*}", usize::try_from(2 - magnitude).unwrap_or(0)),
        _ => format!("{value:.2e}"),
    };
    text.replace('-', "−")
}

/// A share as per cent.
pub(crate) fn percent(share: f64) -> String {
    match 100.0 * share {
        value if !value.is_finite() => "–".to_owned(),
        value if value == 0.0 || value.abs() >= 9.95 => format!("{value:.0}\u{a0}%"),
        value if value.abs() >= 0.095 => format!("{value:.1}\u{a0}%"),
        value => format!("{value:.2}\u{a0}%"),
    }
    .replace('-', "−")
}

/// A figure as the terminal's table writes it.
pub(crate) fn figure(value: f64) -> String {
    if value.is_finite() { format!("{value:.3}").replace('-', "−") } else { "–".to_owned() }
}

/// A whole number, its digits in threes.
pub(crate) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let parts = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy);
    parts.collect::<Vec<_>>().join(",")
}

/// A difference, with its sign.
pub(crate) fn signed(value: f64) -> String {
    format!("{value:+.3}").replace('-', "−")
}

/// The place and value of the largest number; none without any.
pub(crate) fn largest(values: impl Iterator<Item = f64>) -> Option<(usize, f64)> {
    values.enumerate().filter(|(_, value)| value.is_finite()).max_by(|a, b| a.1.total_cmp(&b.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let cases = [0.0, 0.000_123_4, 0.1235, 12.35, 123_456.0, 1e9, 1e-9, -0.5, f64::NAN];
        let expected = ["0", "0.000123", "0.123", "12.3", "123456", "1.00e9", "1.00e−9", "−0.500", "–"];
        assert_eq!(cases.map(number), expected);
        assert_eq!([0, 999, 1599, 12_345_678].map(grouped), ["0", "999", "1,599", "12,345,678"]);
        assert_eq!(
            [0.0, 0.000_51, 0.039_4, 0.7512, 1.0].map(percent),
            ["0\u{a0}%", "0.05\u{a0}%", "3.9\u{a0}%", "75\u{a0}%", "100\u{a0}%"]
        );
    }
}
