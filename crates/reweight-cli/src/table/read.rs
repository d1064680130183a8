//! From bytes to cells: encoding, delimiter, quoting, header. Each row keeps its line, so that messages can name it.

use std::str::Utf8Error;

use csv::{ReaderBuilder, StringRecord};

use super::ReadOptions;
use super::error::{TableError, listing};

/// Whether the first row names the columns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Header {
    /// Found out from the cells.
    #[default]
    Detect,
    /// It does.
    Yes,
    /// It is data.
    No,
}

/// Cells as they stand in the file, trimmed.
#[derive(Debug)]
pub(crate) struct RawTable {
    /// What messages call the table.
    pub(crate) name: String,
    /// The columns' names; `column 3` where there is none. Never empty.
    pub(crate) names: Vec<String>,
    /// The rows beneath the header; all as long as `names`. Never empty.
    pub(crate) rows: Vec<StringRecord>,
    /// The line of each row in the file, from 1.
    pub(crate) lines: Vec<u64>,
    /// The byte between cells.
    pub(crate) delimiter: u8,
    /// What was decided and should be told.
    pub(crate) notes: Vec<String>,
}

impl RawTable {
    /// The column that `selector` names; failing that, numbers (from 1).
    pub(crate) fn find(&self, selector: &str) -> Result<usize, TableError> {
        find(&self.name, &self.names, selector)
    }
}

/// The column of `names` that `selector` names; failing that, numbers (from 1). `table` is what messages call the table.
pub(crate) fn find(table: &str, names: &[String], selector: &str) -> Result<usize, TableError> {
    let named: Vec<usize> = (0..names.len()).filter(|&i| names[i] == selector.trim()).collect();
    match (named.as_slice(), selector.trim().parse::<usize>()) {
        ([index], _) => Ok(*index),
        ([], Ok(number)) if (1..=names.len()).contains(&number) => Ok(number - 1),
        ([], _) => Err(TableError::ColumnNotFound {
            name: table.to_owned(),
            selector: selector.to_owned(),
            known: listing(names.iter().enumerate().map(|(i, name)| format!("{} `{name}`", i + 1)), 30),
        }),
        (several, _) => Err(TableError::ColumnAmbiguous {
            name: table.to_owned(),
            selector: selector.to_owned(),
            numbers: listing(several.iter().map(|i| (i + 1).to_string()), 30),
        }),
    }
}

/// Whether a trimmed cell says that its value is missing.
pub(crate) fn is_missing(cell: &str) -> bool {
    cell.is_empty() || cell == "?" || ["na", "n/a", "nan", "null"].iter().any(|word| cell.eq_ignore_ascii_case(word))
}

/// Trims a cell and takes off one pair of quotes; some tools write labels as `'1'`.
pub(crate) fn bare(cell: &str) -> &str {
    let cell = cell.trim();
    let inside = |quote| cell.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    inside('\'').or_else(|| inside('"')).map_or(cell, str::trim)
}

/// Reads the cells of a CSV.
pub(crate) fn read(name: &str, bytes: &[u8], options: &ReadOptions) -> Result<RawTable, TableError> {
    let text = decode(name, bytes)?;
    let delimiter = options.delimiter.unwrap_or_else(|| sniff(text));
    let (mut rows, mut lines) = split(name, text, delimiter)?;
    if rows.is_empty() {
        return Err(TableError::Empty { name: name.to_owned() });
    }
    let mut notes = Vec::new();
    let has_header = match options.header {
        Header::Yes => true,
        Header::No => false,
        Header::Detect => {
            let found = looks_like_a_header(&rows);
            let (what, other) = if found { ("as the columns' names", "no") } else { ("as data", "yes") };
            notes.push(format!("the first row was taken {what} (--header {other} if that is wrong)"));
            found
        }
    };
    let names = names(&rows[0], has_header);
    if has_header {
        lines.remove(0);
        rows.remove(0);
    }
    if rows.is_empty() {
        return Err(TableError::NoRows { name: name.to_owned() });
    }
    Ok(RawTable { name: name.to_owned(), names, rows, lines, delimiter, notes })
}

/// The columns' names: those of the first row if it is a header, and `column 3` where there is none.
pub(crate) fn names(first: &StringRecord, is_header: bool) -> Vec<String> {
    let named = |(index, cell): (usize, &str)| match bare(cell) {
        name if is_header && !name.is_empty() => name.to_owned(),
        _ => format!("column {}", index + 1),
    };
    first.iter().enumerate().map(named).collect()
}

/// The bytes as text without a byte-order mark.
fn decode<'a>(name: &str, bytes: &'a [u8]) -> Result<&'a str, TableError> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| not_text(name, bytes, error, 1))?;
    if text.trim().is_empty() {
        return Err(TableError::Empty { name: name.to_owned() });
    }
    Ok(text)
}

/// Bytes that begin on line `line` of a file as text.
pub(crate) fn text_of(name: &str, bytes: Vec<u8>, line: u64) -> Result<String, TableError> {
    String::from_utf8(bytes).map_err(|error| not_text(name, error.as_bytes(), error.utf8_error(), line))
}

/// The error of bytes that are no text, where those begin on line `line`.
fn not_text(name: &str, bytes: &[u8], error: Utf8Error, line: u64) -> TableError {
    let before = &bytes[..error.valid_up_to()];
    let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let wide = bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF");
    TableError::NotUtf8 {
        name: name.to_owned(),
        line: line + before.iter().filter(|&&byte| byte == b'\n').count() as u64,
        column: before.len() - line_start + 1,
        hint: if wide { " (it looks like UTF-16)" } else { "" },
    }
}

/// The likeliest delimiter: the one that occurs equally often, and most often, in each of the first lines.
pub(crate) fn sniff(text: &str) -> u8 {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).take(20).collect();
    let count = |line: &str, delimiter| {
        let mut quoted = false;
        line.bytes()
            .filter(|&byte| {
                quoted ^= byte == b'"';
                byte == delimiter && !quoted
            })
            .count()
    };
    let score = |delimiter| {
        let counts: Vec<usize> = lines.iter().map(|line| count(line, delimiter)).collect();
        let first = counts.first().copied().unwrap_or(0);
        (counts.iter().all(|&other| other == first) && first > 0, first)
    };
    // `max_by_key` keeps the last of equals, so the commonest delimiter stands last.
    b"|\t;,".iter().copied().max_by_key(|&delimiter| score(delimiter)).unwrap_or(b',')
}

fn split(name: &str, text: &str, delimiter: u8) -> Result<(Vec<StringRecord>, Vec<u64>), TableError> {
    let mut reader =
        ReaderBuilder::new().has_headers(false).delimiter(delimiter).trim(csv::Trim::All).from_reader(text.as_bytes());
    let (mut rows, mut lines) = (Vec::new(), Vec::new());
    let mut record = StringRecord::new();
    loop {
        match reader.read_record(&mut record) {
            Ok(true) => {
                lines.push(record.position().map_or(0, |at| line_of(text, at)));
                rows.push(record.clone());
            }
            Ok(false) => break,
            Err(error) => return Err(translate(name, text, delimiter, error)),
        }
    }
    // The reader closes an open quote silently at the end of the file, and the rows in between vanish into one cell.
    if let (Some(last), Some(&line)) = (rows.last(), lines.last())
        && last.iter().any(|cell| cell.contains('\n'))
        && has_open_quote(text)
    {
        return Err(TableError::OpenQuote { name: name.to_owned(), line });
    }
    Ok((rows, lines))
}

/// Whether some quote is never closed: an odd number of them, since a quote within a cell is doubled.
pub(crate) fn has_open_quote(text: &str) -> bool {
    text.bytes().filter(|&byte| byte == b'"').count() % 2 == 1
}

/// The line a record begins on; csv counts the blank lines before a record to the record.
pub(crate) fn line_of(text: &str, position: &csv::Position) -> u64 {
    let rest = text.as_bytes().get(position.byte() as usize..).unwrap_or_default();
    let blank = rest.iter().take_while(|&&byte| byte == b'\n' || byte == b'\r').filter(|&&byte| byte == b'\n').count();
    position.line() + blank as u64
}

fn translate(name: &str, text: &str, delimiter: u8, error: csv::Error) -> TableError {
    let name = name.to_owned();
    match error.kind() {
        csv::ErrorKind::UnequalLengths { pos: Some(position), expected_len, len } => {
            let line = line_of(text, position);
            // A quote that is never closed shows as a short row that reaches to the end of the file.
            if has_open_quote(text) && len < expected_len {
                return TableError::OpenQuote { name, line };
            }
            let delimiter = format!("{:?}", char::from(delimiter));
            TableError::Ragged { name, line, expected: *expected_len, actual: *len, delimiter }
        }
        _ => TableError::Csv { name, source: error },
    }
}

/// A first row is a header if some column is numbers but for it. Without numbers anywhere it is one if no cell of it
/// comes again beneath it; a table of nothing but numbers has none.
pub(crate) fn looks_like_a_header(rows: &[StringRecord]) -> bool {
    let Some((first, rest)) = rows.split_first() else {
        return false;
    };
    if rest.is_empty() {
        return first.iter().all(|cell| bare(cell).parse::<f64>().is_err());
    }
    let is_number = |cell: &str| bare(cell).parse::<f64>().is_ok();
    if first.iter().any(|cell| !is_missing(bare(cell)) && is_number(cell)) {
        return false;
    }
    let mut any_numeric = false;
    for (column, head) in first.iter().enumerate() {
        let mut below = rest.iter().map(|row| &row[column]).filter(|cell| !is_missing(bare(cell))).peekable();
        if below.peek().is_some() && below.all(is_number) {
            any_numeric = true;
            if !is_missing(bare(head)) {
                return true;
            }
        }
    }
    !any_numeric && first.iter().enumerate().all(|(column, head)| rest.iter().all(|row| &row[column] != head))
}
