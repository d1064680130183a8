//! The headers of Weka's ARFF and of KEEL's data sets, which declare the columns before the rows.

use super::ColumnHead;
use crate::table::cell::bare;
use crate::table::error::TableError;
use crate::table::input::Input;
use crate::table::number::Decimal;
use crate::table::records::{Cut, Delimiter};

/// What a header declares.
#[derive(Debug)]
pub(super) struct Declared {
    /// `ARFF` or `KEEL`.
    pub(super) format: &'static str,
    pub(super) columns: Vec<ColumnHead>,
    /// KEEL's `@outputs`.
    pub(super) target: Option<usize>,
    quote: u8,
    delimiter: u8,
}

impl Declared {
    pub(super) fn cut(&self, delimiter: Option<u8>) -> Cut {
        Cut { delimiter: Delimiter::Byte(delimiter.unwrap_or(self.delimiter)), quote: self.quote, comment: Some(b'%') }
    }
}

/// Reads such a header and takes it off; none where a file has none.
pub(super) fn declared(input: &mut Input) -> Result<Option<Declared>, TableError> {
    let first = input.start.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    let is_header = |line: &[u8]| line.len() >= 9 && line[..9].eq_ignore_ascii_case(b"@relation");
    if !first.filter(|line| !line.is_empty() && !line.starts_with(b"%")).take(1).any(is_header) {
        return Ok(None);
    }
    let (mut columns, mut outputs, mut is_keel) = (Vec::new(), None, false);
    let (mut at, mut line_number) = (0, input.line);
    let data = loop {
        let rest = &input.start[at..];
        if rest.is_empty() {
            return Err(TableError::NoData { name: input.name.clone() });
        }
        let end = rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
        let line = String::from_utf8_lossy(&rest[..end]).trim().to_owned();
        at = (at + end + 1).min(input.start.len());
        let (word, value) = line.split_once(char::is_whitespace).unwrap_or((&line, ""));
        match word.to_lowercase().as_str() {
            "@data" => break at,
            "@attribute" => columns.push(attribute(&input.name, line_number, value.trim())?),
            "@output" | "@outputs" => (outputs, is_keel) = (Some(bare(value).to_owned()), true),
            "@input" | "@inputs" => is_keel = true,
            _ => {}
        }
        line_number += 1;
    };
    if columns.is_empty() {
        return Err(TableError::NoData { name: input.name.clone() });
    }
    let target = outputs.and_then(|name| columns.iter().position(|column: &ColumnHead| column.name == name));
    input.skip(data);
    let mut rows = input.start.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    let row = rows.find(|line| !line.is_empty() && !line.starts_with(b"%")).unwrap_or_default();
    let format = if is_keel { "KEEL" } else { "ARFF" };
    if row.starts_with(b"{") {
        return Err(TableError::OtherFormat { name: input.name.clone(), format: format!("sparse {format}") });
    }
    // Weka quotes by either mark; one file uses one.
    let beginning = &input.start[..input.start.len().min(1 << 16)];
    let quote = if beginning.contains(&b'\'') && !beginning.contains(&b'"') { b'\'' } else { b'"' };
    let delimiter = if row.contains(&b',') || !row.contains(&b'\t') { b',' } else { b'\t' };
    Ok(Some(Declared { format, columns, target, quote, delimiter }))
}

/// `name type`, where a name with blanks is quoted.
fn attribute(table: &str, line: u64, text: &str) -> Result<ColumnHead, TableError> {
    let quote = text.chars().next().filter(|letter| matches!(letter, '\'' | '"'));
    let (name, kind) = match quote {
        Some(quote) => text[1..].split_once(quote).unwrap_or((text, "")),
        // KEEL leaves the blank before a list out.
        None => {
            let end = text.find(|letter: char| letter.is_whitespace() || letter == '{').unwrap_or(text.len());
            text.split_at(end)
        }
    };
    let kind = kind.trim();
    if name.is_empty() || kind.is_empty() {
        return Err(TableError::Attribute { name: table.to_owned(), line, text: text.to_owned() });
    }
    Ok(ColumnHead {
        name: name.to_owned(),
        is_unnamed: false,
        is_nominal: kind.starts_with('{'),
        decimal: Decimal::Point,
    })
}
