//! Which delimiter stands between a file's cells.

use crate::table::input::Input;
use crate::table::number::{Decimal, parse};
use crate::table::records::Delimiter;
use crate::table::unit::is_quantity;

/// Lines that are looked at.
const LINES: usize = 20;

/// Bytes of a line that are looked at.
const LONGEST: usize = 1 << 16;

/// The delimiter that the command line names. A blank stands for any number of them.
pub(super) fn asked(byte: u8) -> Delimiter {
    if byte == b' ' { Delimiter::Blanks } else { Delimiter::Byte(byte) }
}

/// How messages name it.
pub(super) fn in_words(delimiter: Delimiter) -> String {
    match delimiter {
        Delimiter::Byte(b'\t') => "tabs".to_owned(),
        Delimiter::Byte(byte) => format!("`{}`", char::from(byte)),
        Delimiter::Blanks => "runs of blanks".to_owned(),
    }
}

/// A first line `sep=;`, which Excel reads; it is taken off.
pub(super) fn spelled_out(input: &mut Input) -> Option<Delimiter> {
    let end = memchr::memchr(b'\n', &input.start)?;
    let line = input.start[..end].trim_ascii();
    let [byte] = line.strip_prefix(b"sep=")? else { return None };
    let byte = *byte;
    input.skip(end + 1);
    Some(Delimiter::Byte(byte))
}

/// Lines at the beginning that are comments, `# …`; they are taken off, and their number is returned. A header may begin so, too:
/// it has as many delimiters as the line behind it.
pub(super) fn comments(input: &mut Input) -> usize {
    let lines: Vec<&[u8]> = input.start.split(|&byte| byte == b'\n').take(1000).collect();
    let count = lines.iter().take_while(|line| line.starts_with(b"#")).count();
    let (Some(next), true) = (lines.get(count), count > 0) else { return 0 };
    let cells = |line: &[u8]| [b',', b';', b'\t', b'|'].map(|byte| line.iter().filter(|&&other| other == byte).count());
    let is_header = next.iter().any(|byte| b",;\t|".contains(byte)) && cells(lines[count - 1]) == cells(next);
    let comments = count - usize::from(is_header);
    let bytes = lines[..comments].iter().map(|line| line.len() + 1).sum();
    input.skip(bytes);
    if is_header {
        // No part of the first name.
        input.start[0] = b' ';
    }
    comments
}

/// The likeliest delimiter: one that occurs equally often in each of the first lines, but for a header one name short.
pub(super) fn sniff(start: &[u8], quote: u8) -> Delimiter {
    let lines: Vec<&[u8]> = start
        .split(|&byte| byte == b'\n')
        .map(<[u8]>::trim_ascii_end)
        .filter(|line| !line.trim_ascii().is_empty())
        .take(LINES)
        .map(|line| &line[..line.len().min(LONGEST)])
        .collect();
    // The commonest first; a later one must be better to win.
    let bytes = [b',', b';', b'\t', b'|'];
    let counts = |byte: u8| lines.iter().map(|line| count(line, byte, quote)).collect::<Vec<usize>>();
    let even = |byte: u8| is_even(&counts(byte));
    // Commas within the cells of another delimiter may mark decimals, and then be as even as that.
    let decimal = |byte: u8| {
        let cells = lines.iter().flat_map(|line| line.split(move |other| *other == byte));
        let mut with_comma = cells.filter(|cell| cell.contains(&b',')).peekable();
        let number = |cell: &[u8]| std::str::from_utf8(cell).is_ok_and(|cell| is_number(cell.trim()));
        with_comma.peek().is_some() && with_comma.all(number)
    };
    for byte in [b';', b'\t', b'|'] {
        if even(byte) && decimal(byte) {
            return Delimiter::Byte(byte);
        }
    }
    let cells: Vec<usize> = lines.iter().map(|line| blanks(line, quote)).collect();
    // Between blanks commas may mark decimals, too.
    let words = lines.iter().flat_map(|line| line.split(u8::is_ascii_whitespace));
    let mut commas = words.filter(|word| word.contains(&b',')).peekable();
    if is_even(&cells) && commas.peek().is_some() && commas.all(is_decimal) {
        return Delimiter::Blanks;
    }
    let most = |byte: u8| counts(byte).into_iter().max().unwrap_or(0);
    let best = bytes.into_iter().filter(|&byte| even(byte)).rev().max_by_key(|&byte| most(byte));
    if let Some(byte) = best {
        return Delimiter::Byte(byte);
    }
    if is_even(&cells) {
        return Delimiter::Blanks;
    }
    // None is even: the row that is not is named later, under the one that is commonest in the first line.
    let first = |byte: u8| lines.first().map_or(0, |line| count(line, byte, quote));
    let commonest = bytes.into_iter().rev().max_by_key(|&byte| first(byte)).unwrap_or(b',');
    let none = bytes.into_iter().all(|byte| most(byte) == 0);
    if none && cells.iter().all(|&cells| cells > 0) { Delimiter::Blanks } else { Delimiter::Byte(commonest) }
}

/// Whether all lines have as many delimiters, at least one; the first may have one fewer, as a header without a name for the
/// rows, or for what a delimiter at each line's end begins.
fn is_even(counts: &[usize]) -> bool {
    let Some((&first, rest)) = counts.split_first() else { return false };
    let Some(&other) = rest.first() else { return first > 0 };
    first > 0 && rest.iter().all(|&count| count == other) && (first == other || first + 1 == other)
}

/// How often `byte` stands outside of quotes.
fn count(line: &[u8], byte: u8, quote: u8) -> usize {
    let mut quoted = false;
    line.iter()
        .filter(|&&other| {
            quoted ^= other == quote;
            other == byte && !quoted
        })
        .count()
}

/// How many runs of blanks stand between the words of a line.
fn blanks(line: &[u8], quote: u8) -> usize {
    let (mut quoted, mut runs, mut within) = (false, 0, true);
    for &byte in line.trim_ascii() {
        quoted ^= byte == quote;
        let blank = !quoted && matches!(byte, b' ' | b'\t');
        runs += usize::from(blank && !within);
        within = blank;
    }
    runs
}

/// Digits, one comma, digits: a number whose decimals a comma marks.
fn is_decimal(word: &[u8]) -> bool {
    let word = word.trim_ascii().strip_prefix(b"-").unwrap_or(word);
    let mut parts = word.split(|&byte| byte == b',');
    let digits = |part: Option<&[u8]>| part.is_some_and(|part| !part.is_empty() && part.iter().all(u8::is_ascii_digit));
    digits(parts.next()) && digits(parts.next()) && parts.next().is_none()
}

fn is_number(cell: &str) -> bool {
    let cell = crate::table::cell::bare(cell);
    parse(cell, Decimal::Comma).is_some() || parse(cell, Decimal::Point).is_some() || is_quantity(cell)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest_delimiter() {
        for (text, delimiter) in [
            ("x,y\n1,a\n2,b\n", Delimiter::Byte(b',')),
            ("x;y\n1;a\n2;b\n", Delimiter::Byte(b';')),
            ("x\ty\n1\ta\n", Delimiter::Byte(b'\t')),
            ("x|y\n1|a\n", Delimiter::Byte(b'|')),
            ("a, b\n1, 2\n", Delimiter::Byte(b',')),
            ("0,0284;0\n0,5;1\n", Delimiter::Byte(b';')),
            ("1,5;2,5;0\n1,25;2,5;1\n", Delimiter::Byte(b';')),
            ("1,5\t0\n2,5\t1\n", Delimiter::Byte(b'\t')),
            ("a;b,1\nc;d,2\n", Delimiter::Byte(b',')),
            ("1 0,91\n1 0,82\n0 0,1\n", Delimiter::Blanks),
            ("0,91 1\n-0,82 1\n", Delimiter::Blanks),
            ("New York,1\nOld Town,2\n", Delimiter::Byte(b',')),
            ("1,5\n2,5\n", Delimiter::Byte(b',')),
            ("N1   0.49  0.29  cp\nN2   0.07  0.40  im\n", Delimiter::Blanks),
            ("\"a\" \"b c\"\n\"1\" 1.5 0\n\"2\" 2.5 1\n", Delimiter::Blanks),
            ("a,b\n1,2,0\n2,3,1\n", Delimiter::Byte(b',')),
            ("score\n1\n2\n", Delimiter::Byte(b',')),
        ] {
            assert_eq!(sniff(text.as_bytes(), b'"'), delimiter, "{text}");
        }
    }
}
