//! A stream of bytes in pieces of whole rows: however long the file is, one piece of it is in memory.

use std::io::{self, Read};

use super::InspectError;
use crate::table::TableError;
use crate::table::read::text_of;

/// Bytes that are asked for at a time.
const PIECE: usize = 1 << 20;

/// A row that is longer has a quote that is never closed.
const LONGEST_ROW: usize = 1 << 26;

/// A stream, cut between rows.
pub(super) struct Chunks<R> {
    name: String,
    source: R,
    /// What was read and does not belong to a piece yet.
    rest: Vec<u8>,
    /// The line that `rest` begins on.
    line: u64,
    ended: bool,
}

/// Whole rows, and the line that they begin on.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) text: String,
    pub(super) line: u64,
}

impl<R: Read> Chunks<R> {
    pub(super) fn new(name: &str, source: R) -> Self {
        Self { name: name.to_owned(), source, rest: Vec::new(), line: 1, ended: false }
    }

    /// The next piece; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<Chunk>, InspectError> {
        while !self.ended {
            self.fill()?;
            if let Some(end) = whole_rows(&self.rest).filter(|_| !self.ended) {
                let rest = self.rest.split_off(end);
                let bytes = std::mem::replace(&mut self.rest, rest);
                return self.chunk(bytes).map(Some);
            }
            if self.rest.len() > LONGEST_ROW {
                return Err(TableError::OpenQuote { name: self.name.clone(), line: self.line }.into());
            }
        }
        let bytes = std::mem::take(&mut self.rest);
        if bytes.is_empty() { Ok(None) } else { self.chunk(bytes).map(Some) }
    }

    fn fill(&mut self) -> Result<(), InspectError> {
        let start = self.rest.len();
        let mut piece = (&mut self.source).take(PIECE as u64);
        match piece.read_to_end(&mut self.rest) {
            Ok(read) => self.ended = read < PIECE,
            Err(source) => return Err(InspectError::Unreadable { name: self.name.clone(), source }),
        }
        const MARK: &[u8] = b"\xEF\xBB\xBF";
        if self.line == 1 && start == 0 && self.rest.starts_with(MARK) {
            self.rest.drain(..MARK.len());
        }
        Ok(())
    }

    fn chunk(&mut self, bytes: Vec<u8>) -> Result<Chunk, InspectError> {
        let line = self.line;
        self.line += bytes.iter().filter(|&&byte| byte == b'\n').count() as u64;
        let text = text_of(&self.name, bytes, line)?;
        Ok(Chunk { text, line })
    }
}

/// Where the last whole row ends; none if there is no whole row. Within quotes a line's end ends no row.
fn whole_rows(bytes: &[u8]) -> Option<usize> {
    if !bytes.contains(&b'"') {
        return bytes.iter().rposition(|&byte| byte == b'\n').map(|at| at + 1);
    }
    let (mut quoted, mut end) = (false, None);
    for (at, &byte) in bytes.iter().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => end = Some(at + 1),
            _ => {}
        }
    }
    end
}

/// Standard input or a file.
pub(super) fn open(path: &std::path::Path) -> Result<(String, Box<dyn Read>), InspectError> {
    if path.as_os_str() == "-" {
        return Ok(("standard input".to_owned(), Box::new(io::stdin().lock())));
    }
    let name = path.display().to_string();
    let file = std::fs::File::open(path).map_err(|source| TableError::from_io(path, source))?;
    Ok((name, Box::new(file)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &[u8]) -> Vec<Chunk> {
        let mut chunks = Chunks::new("a", text);
        std::iter::from_fn(|| chunks.next().unwrap()).collect()
    }

    #[test]
    fn pieces_are_whole_rows_and_know_their_lines() {
        let row = "0.25,\"a\nb\"\r\n";
        let text = row.repeat(3 * PIECE / row.len());
        let pieces = pieces(text.as_bytes());
        assert!(pieces.len() > 2);
        assert_eq!(pieces.iter().map(|piece| piece.text.as_str()).collect::<String>(), text);
        let mut lines = 1;
        for piece in &pieces {
            assert_eq!(piece.line, lines);
            assert!(piece.text.starts_with("0.25") && piece.text.ends_with("\r\n"));
            lines += piece.text.matches('\n').count() as u64;
        }
    }

    #[test]
    fn a_mark_of_the_byte_order_is_no_part_of_the_text() {
        assert_eq!(pieces(b"\xEF\xBB\xBFa,b\n1,2")[0].text, "a,b\n1,2");
        assert!(pieces(b"").is_empty());
    }

    #[test]
    fn what_is_no_text_is_named_by_line_and_byte() {
        let mut long = b"1,2\n".repeat(PIECE / 2);
        long.extend(b"3,\xFF\n");
        let mut chunks = Chunks::new("a", &long[..]);
        let error = std::iter::from_fn(|| chunks.next().transpose()).find_map(Result::err).unwrap();
        assert!(error.to_string().contains(&format!("line {}, byte 3: not UTF-8", PIECE / 2 + 1)), "{error}");
    }
}
