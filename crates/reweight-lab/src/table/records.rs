//! Rows of cells out of a stream of bytes, one at a time: however long the file is, one row of it is in memory.

use std::io::{self, Read};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::cells::Cells;
use super::error::TableError;

/// Bytes that are asked for at a time.
const PIECE: usize = 1 << 16;

/// Most bytes of a row.
pub(crate) const LONGEST_ROW: usize = 1 << 26;

/// Most cells of a row: four times as many as there can be classes.
pub(crate) const MOST_COLUMNS: usize = 1 << 18;

/// How bytes are cut into cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// What stands between cells.
    pub(crate) delimiter: Delimiter,
    /// What stands around a cell that holds a delimiter.
    pub(crate) quote: u8,
    /// What keeps a quote within a cell from closing it.
    pub(crate) escape: Option<u8>,
    /// What begins a line that is no row.
    pub(crate) comment: Option<u8>,
}

/// What stands between cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delimiter {
    /// One byte, each time.
    Byte(u8),
    /// Blanks and tabs, as many as there are.
    Blanks,
}

/// A stream, cut into rows.
pub struct Records<R> {
    name: String,
    source: R,
    cut: Cut,
    core: Reader,
    buffer: Vec<u8>,
    /// Where in `buffer` the next byte is.
    start: usize,
    /// Up to where `buffer` is text.
    checked: usize,
    /// Bytes of the line that `buffer` begins within and that were given up already.
    before: usize,
    ended: bool,
    cells: Vec<u8>,
    ends: Vec<usize>,
}

/// A row's cells, and where it stood.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    text: &'a str,
    ends: &'a [usize],
    /// How many cells there were; those beyond [`MOST_COLUMNS`] were counted only.
    pub(crate) count: usize,
    /// The line that it begins on, from 1.
    pub line: u64,
    /// Where the file ended within a quoted cell, the line on which that begins.
    pub(crate) unclosed: Option<u64>,
}

/// What of the reader's memory is a record.
struct Record {
    /// Bytes of its cells.
    cells: usize,
    /// Cells whose ends were kept.
    kept: usize,
    /// Cells in all.
    count: usize,
    line: u64,
    unclosed: Option<u64>,
}

impl<'a> Row<'a> {
    /// A cell, without the blanks around it.
    pub fn cell(&self, index: usize) -> &'a str {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        self.text[start..self.ends[index]].trim()
    }

    /// All cells that were kept.
    pub(crate) fn cells(self) -> impl Iterator<Item = &'a str> {
        (0..self.ends.len()).map(move |index| self.cell(index))
    }
}

impl<R: Read> Records<R> {
    /// Rows of `source`, whose first byte stands on line `line`.
    pub(crate) fn new(name: &str, source: R, cut: Cut, line: u64) -> Self {
        let mut builder = ReaderBuilder::new();
        let delimiter = if let Delimiter::Byte(byte) = cut.delimiter { byte } else { b' ' };
        builder.delimiter(delimiter).quote(cut.quote).escape(cut.escape).comment(cut.comment);
        let mut core = builder.build();
        core.set_line(line);
        Self {
            name: name.to_owned(),
            source,
            cut,
            core,
            buffer: Vec::new(),
            start: 0,
            checked: 0,
            before: 0,
            ended: false,
            cells: vec![0; 1 << 10],
            ends: vec![0; 1 << 6],
        }
    }

    /// The next row; none at the end. Lines of blanks are none.
    pub(crate) fn next(&mut self) -> Result<Option<Row<'_>>, TableError> {
        let mut blank = 0;
        loop {
            blank += self.skip_line_ends()?;
            if blank > LONGEST_ROW {
                let (name, line) = (self.name.clone(), self.core.line());
                return Err(TableError::OnlyBlanks { name, line, most: LONGEST_ROW >> 20 });
            }
            let Some(Record { cells, kept, count, line, unclosed }) = self.read()? else { return Ok(None) };
            if count == 1 && unclosed.is_none() && self.cells[..cells].iter().all(u8::is_ascii_whitespace) {
                blank += cells;
                continue;
            }
            let (kept, count) = if self.cut.delimiter == Delimiter::Blanks {
                let kept = without_empty(&mut self.ends[..kept]);
                (kept, kept)
            } else {
                (kept, count)
            };
            // Checked as it was read; taking quotes away leaves text.
            let text = std::str::from_utf8(&self.cells[..cells]).map_err(|_| TableError::NotUtf8 {
                name: self.name.clone(),
                line,
                column: 1,
                hint: "",
            })?;
            return Ok(Some(Row { text, ends: &self.ends[..kept], count, line, unclosed }));
        }
    }

    fn read(&mut self) -> Result<Option<Record>, TableError> {
        let line = self.core.line();
        let (mut cells, mut kept, mut beyond, mut quotes, mut bytes) = (0, 0, 0, 0_usize, 0);
        // That of the last quote.
        let mut quoted = line;
        loop {
            if self.start == self.checked && !self.ended {
                self.fill()?;
                continue;
            }
            let input = &self.buffer[self.start..self.checked];
            let (at_end, first) = (input.is_empty(), self.core.line());
            let (result, read, written, ends) =
                self.core.read_record(input, &mut self.cells[cells..], &mut self.ends[kept..]);
            if let Some(last) = memchr::memrchr(self.cut.quote, &input[..read]) {
                quotes += memchr::memchr_iter(self.cut.quote, &input[..read]).count();
                quoted = first + line_ends(&input[..last]) as u64;
            }
            bytes += read;
            self.start += read;
            cells += written;
            kept += ends;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.cells.resize(2 * self.cells.len(), 0),
                ReadRecordResult::OutputEndsFull if self.ends.len() < MOST_COLUMNS => {
                    self.ends.resize(2 * self.ends.len(), 0);
                }
                ReadRecordResult::OutputEndsFull => {
                    // What is refused anyway is counted and not kept.
                    beyond += 1;
                    kept -= 1;
                }
                ReadRecordResult::Record => {
                    let unclosed = (at_end && quotes % 2 == 1).then_some(quoted);
                    return Ok(Some(Record { cells, kept, count: kept + beyond, line, unclosed }));
                }
                ReadRecordResult::End => return Ok(None),
            }
            if bytes > LONGEST_ROW {
                let name = self.name.clone();
                return Err(if quotes % 2 == 1 {
                    TableError::OpenQuote { name, line: quoted }
                } else {
                    TableError::LongRow { name, line, most: LONGEST_ROW >> 20 }
                });
            }
        }
    }

    /// The reader counts the blank lines before a record to the record. How many bytes they have is returned; not all of them are
    /// skipped if they are more than a row may have.
    fn skip_line_ends(&mut self) -> Result<usize, TableError> {
        let mut all = 0;
        loop {
            let blank = |byte: &&u8| matches!(byte, b'\n' | b'\r');
            let ahead = &self.buffer[self.start..self.checked];
            let skipped = ahead.iter().take_while(blank).count();
            self.core.set_line(self.core.line() + line_ends(&ahead[..skipped]) as u64);
            self.start += skipped;
            all += skipped;
            if self.start < self.checked || self.ended || all > LONGEST_ROW {
                return Ok(all);
            }
            self.fill()?;
        }
    }

    fn fill(&mut self) -> Result<(), TableError> {
        let given_up = &self.buffer[..self.start];
        self.before = match memchr::memrchr(b'\n', given_up) {
            Some(at) => self.start - at - 1,
            None => self.before + self.start,
        };
        self.buffer.drain(..self.start);
        (self.start, self.checked) = (0, self.checked - self.start);
        let fresh = self.buffer.len();
        let mut piece = (&mut self.source).take(PIECE as u64);
        match piece.read_to_end(&mut self.buffer) {
            Ok(read) => self.ended = read < PIECE,
            Err(source) => return Err(TableError::unreadable(&self.name, source)),
        }
        if self.cut.delimiter == Delimiter::Blanks {
            self.buffer[fresh..].iter_mut().filter(|byte| **byte == b'\t').for_each(|byte| *byte = b' ');
        }
        match std::str::from_utf8(&self.buffer[self.checked..]) {
            Ok(_) => self.checked = self.buffer.len(),
            // A letter may go on in the next piece.
            Err(error) if error.error_len().is_none() && !self.ended => self.checked += error.valid_up_to(),
            Err(error) => return Err(self.not_text(self.checked + error.valid_up_to())),
        }
        Ok(())
    }

    fn not_text(&self, at: usize) -> TableError {
        let text = &self.buffer[..at];
        let line_start = memchr::memrchr(b'\n', text);
        TableError::NotUtf8 {
            name: self.name.clone(),
            line: self.core.line() + line_ends(text) as u64,
            column: line_start.map_or(self.before + at, |start| at - start - 1) + 1,
            hint: "",
        }
    }
}

/// Takes away the ends of empty cells, and says how many are left.
fn without_empty(ends: &mut [usize]) -> usize {
    let (mut kept, mut last) = (0, 0);
    for index in 0..ends.len() {
        if ends[index] > last {
            last = ends[index];
            ends[kept] = last;
            kept += 1;
        }
    }
    kept
}

/// How many lines end within `bytes`.
pub(crate) fn line_ends(bytes: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', bytes).count()
}

/// A whole text's rows, for as many as `most`; a last row that is cut off is left out unless the text is `whole`.
pub(crate) fn first_rows(name: &str, text: &[u8], whole: bool, cut: Cut, most: usize) -> Result<Cells, TableError> {
    let end = if whole { text.len() } else { memchr::memrchr(b'\n', text).map_or(0, |at| at + 1) };
    let mut records = Records::new(name, &text[..end], cut, 1);
    let mut cells = Cells::default();
    while let Some(row) = records.next()? {
        // Within quotes the text may have been cut at a line's end.
        if cells.rows() == most || (row.unclosed.is_some() && !whole) {
            break;
        }
        if row.count > MOST_COLUMNS {
            return Err(TableError::TooManyColumns { name: name.to_owned(), columns: row.count, most: MOST_COLUMNS });
        }
        cells.push(row.cells(), row.line).map_err(|full| full.at(name, row.line, cells.rows()))?;
    }
    Ok(cells)
}

impl<R> std::fmt::Debug for Records<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Records").field("name", &self.name).field("cut", &self.cut).finish_non_exhaustive()
    }
}

/// The reader of a file that is not there as bytes.
pub type Stream = Box<dyn Read>;

/// What [`io::Read`] of an empty stream is.
pub(crate) fn nothing() -> Stream {
    Box::new(io::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMAS: Cut = Cut { delimiter: Delimiter::Byte(b','), quote: b'"', escape: None, comment: None };

    fn rows(text: &[u8], cut: Cut) -> Result<Vec<(Vec<String>, u64)>, TableError> {
        let mut records = Records::new("a", text, cut, 1);
        let mut rows = Vec::new();
        while let Some(row) = records.next()? {
            rows.push((row.cells().map(str::to_owned).collect(), row.line));
        }
        Ok(rows)
    }

    #[test]
    fn rows_know_their_lines_over_any_number_of_pieces() {
        let text = "0.25,\"a\nb\"\r\n\r\n".repeat(3 * PIECE / 14);
        let rows = rows(text.as_bytes(), COMMAS).unwrap();
        assert!(rows.len() > 2 * PIECE / 14);
        for (index, (cells, line)) in rows.iter().enumerate() {
            assert_eq!((cells[0].as_str(), cells[1].as_str(), *line), ("0.25", "a\nb", 3 * index as u64 + 1));
        }
    }

    #[test]
    fn runs_of_blanks_are_one_delimiter() {
        let cut = Cut { delimiter: Delimiter::Blanks, ..COMMAS };
        let rows = rows(b"  N1   0.49\t cp\n\nN2 0.07  \"a b\"\n", cut).unwrap();
        assert_eq!(rows[0].0, ["N1", "0.49", "cp"]);
        assert_eq!(rows[1], (vec!["N2".to_owned(), "0.07".to_owned(), "a b".to_owned()], 3));
    }

    #[test]
    fn what_is_no_text_is_named_by_line_and_byte() {
        let mut long = "1,é\n".repeat(PIECE / 3).into_bytes();
        long.extend(b"3,\xFF\n");
        let error = rows(&long, COMMAS).unwrap_err().to_string();
        assert!(error.contains(&format!("line {}, byte 3: not UTF-8", PIECE / 3 + 1)), "{error}");
    }

    #[test]
    fn rows_without_end_are_refused_and_what_they_would_take_is_not_kept() {
        let wide = ",".repeat(3 * MOST_COLUMNS);
        let mut records = Records::new("a", wide.as_bytes(), COMMAS, 1);
        let row = records.next().unwrap().unwrap();
        assert_eq!((row.count, row.ends.len()), (3 * MOST_COLUMNS + 1, MOST_COLUMNS));
        let long = "a".repeat(LONGEST_ROW + PIECE + 1);
        assert!(matches!(rows(long.as_bytes(), COMMAS), Err(TableError::LongRow { line: 1, .. })));
        let open = format!("1,2\n\"{long}");
        assert!(matches!(rows(open.as_bytes(), COMMAS), Err(TableError::OpenQuote { line: 2, .. })));
    }
}
