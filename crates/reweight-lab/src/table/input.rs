//! Where a table comes from: a file or standard input, compressed or not; and the formats that are refused by their names.

mod gzip;

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;

use super::error::TableError;
use super::records::{LONGEST_ROW, Stream, line_ends, nothing};

/// Bytes that a table's form is understood from, if its rows are not longer.
const LOOKED_AT: usize = 1 << 20;

/// Line ends that must be among them: a header's and those of two rows.
const LINES: usize = 3;

/// The beginning of a file that is no table of text, and what it is called.
const FORMATS: [(&[u8], &str); 26] = [
    (b"PK\x03\x04", "a zip archive (as Excel's .xlsx is)"),
    (b"\xD0\xCF\x11\xE0", "an old Excel or Office file"),
    (b"PAR1", "Parquet"),
    (b"ARROW1", "Arrow (Feather)"),
    (b"FEA1", "Feather"),
    (b"\x93NUMPY", "NumPy's .npy"),
    (b"\x89HDF", "HDF5"),
    (b"BZh", "compressed by bzip2"),
    (b"\xFD7zXZ", "compressed by xz"),
    (b"\x28\xB5\x2F\xFD", "compressed by zstd"),
    (b"SQLite format 3", "an SQLite database"),
    (b"%PDF", "PDF"),
    (b"Obj\x01", "Avro"),
    (b"ORC", "ORC"),
    (b"7z\xBC\xAF", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x04\x22\x4D\x18", "compressed by lz4"),
    (b"\x1F\x9D", "compressed by compress"),
    (b"\x80\x04\x95", "Python's pickle"),
    (b"\x80\x05\x95", "Python's pickle"),
    (b"RDX", "R's data"),
    (b"X\n\x00\x00", "R's data"),
    (b"MATLAB 5.0", "MATLAB's"),
    (b"$FL2", "SPSS's"),
    (b"<stata_dta>", "Stata's"),
    (b"{\\rtf", "rich text"),
];

/// Where a tar archive names itself, and what it says there.
const TAR: (usize, &[u8]) = (257, b"ustar");

/// Lines by which sparse rows are known.
const SPARSE: usize = 5;

/// As often as a file may be packed over; what is packed more often is meant to harm.
const MOST_PACKED: usize = 3;

/// A table's beginning, and all that follows.
pub(crate) struct Input {
    /// What messages call it.
    pub(crate) name: String,
    /// Its first bytes: some whole rows, if it has any.
    pub(crate) start: Vec<u8>,
    /// The rest.
    rest: Stream,
    /// Whether `start` is all of it.
    pub(crate) whole: bool,
    /// The first line of `start`.
    pub(crate) line: u64,
}

/// Opens a file, or standard input as `-`.
///
/// # Errors
///
/// [`TableError`] where it cannot be opened.
pub fn open(path: &Path) -> Result<(String, Stream), TableError> {
    if path.as_os_str() == "-" {
        return Ok(("standard input".to_owned(), Box::new(io::stdin().lock())));
    }
    let file = File::open(path).map_err(|source| TableError::from_io(path, source))?;
    Ok((path.display().to_string(), Box::new(file)))
}

impl Input {
    /// Reads a table's beginning out of its bytes.
    pub(crate) fn new(name: &str, bytes: Stream) -> Result<Self, TableError> {
        let mut input = Self { name: name.to_owned(), start: Vec::new(), rest: bytes, whole: false, line: 1 };
        input.take(2)?;
        let mut packed = 0;
        while input.start.starts_with(&gzip::MAGIC) {
            if packed == MOST_PACKED {
                let format = format!("a file that gzip packed more than {MOST_PACKED} times over");
                return Err(TableError::OtherFormat { name: input.name, format });
            }
            packed += 1;
            let bytes =
                Cursor::new(std::mem::take(&mut input.start)).chain(std::mem::replace(&mut input.rest, nothing()));
            input.rest = Box::new(gzip::Members::new(BufReader::new(bytes)));
            input.whole = false;
            input.take(2)?;
        }
        let mut wanted = LOOKED_AT;
        while !input.whole {
            input.take(wanted)?;
            if line_ends(&input.start) >= LINES || input.start.len() > 2 * LONGEST_ROW {
                break;
            }
            wanted = input.start.len();
        }
        input.refuse_other_formats()?;
        if input.start.starts_with(b"\xEF\xBB\xBF") {
            input.start.drain(..3);
        }
        while input.start.iter().all(u8::is_ascii_whitespace) {
            if input.whole {
                return Err(TableError::no_rows_in(&input.name, &input.start));
            }
            if input.start.len() > LONGEST_ROW {
                return Err(TableError::OnlyBlanks { name: input.name, line: 1, most: LONGEST_ROW >> 20 });
            }
            input.read_on()?;
        }
        Ok(input)
    }

    /// Where the line ends that begins at `start`, reading on if need be; none at the end, or where it is longer than a row may be.
    pub(crate) fn line_end(&mut self, start: usize) -> Result<Option<usize>, TableError> {
        let mut searched = start;
        loop {
            match memchr::memchr(b'\n', &self.start[searched..]) {
                Some(end) => return Ok(Some(searched + end)),
                None if self.whole => return Ok((start < self.start.len()).then_some(self.start.len())),
                None if self.start.len() - start > LONGEST_ROW => return Ok(None),
                None => {
                    searched = self.start.len();
                    self.take(LOOKED_AT)?;
                }
            }
        }
    }

    /// Reads as much again.
    pub(crate) fn read_on(&mut self) -> Result<(), TableError> {
        self.take(self.start.len().max(LOOKED_AT))
    }

    /// Gives up the first `bytes`, which hold `lines` line ends.
    pub(crate) fn skip(&mut self, bytes: usize) {
        self.line += line_ends(&self.start[..bytes]) as u64;
        self.start.drain(..bytes);
    }

    /// All bytes, from the first that was not given up.
    pub(crate) fn into_stream(self) -> impl Read {
        Cursor::new(self.start).chain(self.rest)
    }

    /// Reads on, `more` bytes unless the end comes first.
    fn take(&mut self, more: usize) -> Result<(), TableError> {
        let read = (&mut self.rest).take(more as u64).read_to_end(&mut self.start);
        let read = read.map_err(|source| TableError::unreadable(&self.name, source))?;
        self.whole = read < more;
        Ok(())
    }

    fn refuse_other_formats(&self) -> Result<(), TableError> {
        let refuse = |format: &str| Err(TableError::OtherFormat { name: self.name.clone(), format: format.to_owned() });
        if let Some((_, format)) = FORMATS.iter().find(|(magic, _)| self.start.starts_with(magic)) {
            return refuse(format);
        }
        if self.start.get(TAR.0..TAR.0 + TAR.1.len()) == Some(TAR.1) {
            return refuse("a tar archive");
        }
        if self.start.starts_with(b"\xFF\xFE") || self.start.starts_with(b"\xFE\xFF") {
            let hint = " (it looks like UTF-16)";
            return Err(TableError::NotUtf8 { name: self.name.clone(), line: 1, column: 1, hint });
        }
        let text = &self.start[..self.start.len().min(1 << 12)];
        let whole = if text.len() < self.start.len() { memchr::memrchr(b'\n', text) } else { None };
        let text = String::from_utf8_lossy(&text[..whole.unwrap_or(text.len())]);
        let text = text.trim_start();
        if text.starts_with('{') || text.starts_with("[{") || text.starts_with("[[") {
            return refuse("JSON");
        }
        if text.starts_with("<!DOCTYPE") || text.starts_with("<html") || text.starts_with("<?xml") {
            return refuse("HTML or XML");
        }
        if is_libsvm(text) {
            return refuse("LIBSVM's (`label index:value …`)");
        }
        Ok(())
    }
}

/// Whether the first lines are `label index:value index:value …`, with blanks or a delimiter between them. A sample whose values are
/// all 0 has a label alone.
fn is_libsvm(text: &str) -> bool {
    let pair = |cell: &str| {
        cell.split_once(':')
            .is_some_and(|(at, value)| (at == "qid" || at.parse::<u64>().is_ok()) && value.parse::<f64>().is_ok())
    };
    let mut pairs = 0;
    let lines = text.lines().filter(|line| !line.trim().is_empty()).take(SPARSE);
    let mut cells = lines.map(|line| {
        let line = line.split('#').next().unwrap_or(line);
        line.split([' ', '\t', ',', ';']).filter(|cell| !cell.is_empty())
    });
    let all = cells.all(|mut cells| {
        let label = cells.next().is_some_and(|label| label.parse::<f64>().is_ok());
        let mut others = cells.peekable();
        pairs += usize::from(others.peek().is_some());
        label && others.all(pair)
    });
    all && pairs > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sparse_rows_are_known_by_their_pairs() {
        for text in ["1 1:0.5 7:2\n-1 3:1\n", "0,1:0.5,3:2\n1,2:1\n", "-1\n+1 qid:3 1:0.5 # a\n", "1\t4:2\n0\t1:1\n"] {
            assert!(is_libsvm(text), "{text}");
        }
        for text in ["0,1\n1,0\n", "1 12:30 5\n", "a 1:2\n", "1,a:2\n", ""] {
            assert!(!is_libsvm(text), "{text}");
        }
    }
}
