//! Rows kept together in little more memory than their text takes.

use super::error::TableError;
use crate::text::counted;

/// Cells between two whose places are written down; the others' are counted from there.
const EVERY: usize = 16;

/// The length that stands for every longer one.
const LONG: u8 = u8::MAX;

/// What a table may hold at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Most {
    cells: usize,
    /// Bytes of all cells together: a place among them fits into 32 bits.
    text: usize,
}

impl Default for Most {
    fn default() -> Self {
        Self { cells: 1 << 27, text: 1 << 30 }
    }
}

/// Why a row could not be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// There is no memory for it.
    NoMemory,
    /// There would be more cells, or more text, than are kept.
    TooLarge,
}

impl Full {
    /// The error of the table `name`, of which the row on `line` was not kept.
    pub(crate) fn at(self, name: &str, line: u64, rows: usize) -> TableError {
        let name = name.to_owned();
        match self {
            Self::NoMemory => TableError::NoMemory { name, what: format!("more than {}", counted(rows as u64, "row")) },
            Self::TooLarge => {
                let Most { cells, text } = Most::default();
                TableError::TooLarge { name, line, cells, mebibytes: text >> 20 }
            }
        }
    }
}

/// Rows: one text for all cells, and the length of each.
///
/// A cell takes its text and some 1.3 bytes. Rows that are as wide as the one before and stand on the next line take nothing
/// more.
#[derive(Debug, Default)]
pub struct Cells {
    text: String,
    /// Each cell's bytes, [`LONG`] where they are as many or more.
    lengths: Vec<u8>,
    /// The cells that are so long, and their bytes.
    long: Vec<(usize, usize)>,
    /// Where the text of each cell of which the number is a multiple of [`EVERY`] begins.
    places: Vec<u32>,
    runs: Vec<Run>,
    rows: usize,
    most: Most,
}

/// Rows of one width on lines that follow each other.
#[derive(Debug, Clone, Copy)]
struct Run {
    /// The first of them.
    row: usize,
    /// Its first cell.
    cell: usize,
    line: u64,
    width: usize,
}

impl Cells {
    /// Adds a row.
    pub(crate) fn push<'a>(&mut self, cells: impl Iterator<Item = &'a str>, line: u64) -> Result<(), Full> {
        let first = self.lengths.len();
        for cell in cells {
            self.add(cell)?;
        }
        let width = self.lengths.len() - first;
        let follows = |run: &Run| run.width == width && run.line + (self.rows - run.row) as u64 == line;
        if !self.runs.last().is_some_and(follows) {
            self.runs.try_reserve(1).map_err(|_| Full::NoMemory)?;
            self.runs.push(Run { row: self.rows, cell: first, line, width });
        }
        self.rows += 1;
        Ok(())
    }

    fn add(&mut self, cell: &str) -> Result<(), Full> {
        let index = self.lengths.len();
        if index == self.most.cells || self.text.len() + cell.len() > self.most.text {
            return Err(Full::TooLarge);
        }
        let no_memory = |_| Full::NoMemory;
        if index.is_multiple_of(EVERY) {
            self.places.try_reserve(1).map_err(no_memory)?;
            self.places.push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
        }
        let length = u8::try_from(cell.len()).unwrap_or(LONG);
        if length == LONG {
            self.long.try_reserve(1).map_err(no_memory)?;
            self.long.push((index, cell.len()));
        }
        self.lengths.try_reserve(1).map_err(no_memory)?;
        self.lengths.push(length);
        self.text.try_reserve(cell.len()).map_err(no_memory)?;
        self.text.push_str(cell);
        Ok(())
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of cells of a row.
    pub(crate) fn width(&self, row: usize) -> usize {
        self.run(row).width
    }

    /// A cell.
    pub fn cell(&self, row: usize, column: usize) -> &str {
        let run = self.run(row);
        let index = run.cell + (row - run.row) * run.width + column;
        let known = index / EVERY;
        let before: usize = (known * EVERY..index).map(|cell| self.length(cell)).sum();
        let start = self.places[known] as usize + before;
        &self.text[start..start + self.length(index)]
    }

    /// The line that a row begins on.
    pub(crate) fn line(&self, row: usize) -> u64 {
        let run = self.run(row);
        run.line + (row - run.row) as u64
    }

    fn run(&self, row: usize) -> Run {
        self.runs[self.runs.partition_point(|run| run.row <= row) - 1]
    }

    fn length(&self, cell: usize) -> usize {
        match self.lengths[cell] {
            LONG => self.long.binary_search_by_key(&cell, |long| long.0).map_or(0, |at| self.long[at].1),
            short => usize::from(short),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_come_back_as_they_were_with_their_lines() {
        let text =
            |row: usize, column: usize| "é".repeat((row * 7 + column * 31) % 140 + 2 * usize::from(row == 3) * 140);
        let width = |row: usize| if row % 50 == 9 { 4 } else { 3 };
        // A cell of several lines stands in every seventh row.
        let line = |row: usize| (row + row / 7) as u64 + 2;
        let mut cells = Cells::default();
        for row in 0..200 {
            let row_cells: Vec<String> = (0..width(row)).map(|column| text(row, column)).collect();
            cells.push(row_cells.iter().map(String::as_str), line(row)).unwrap();
        }
        assert_eq!(cells.rows(), 200);
        for row in (0..200).rev() {
            assert_eq!((cells.width(row), cells.line(row)), (width(row), line(row)));
            for column in 0..width(row) {
                assert_eq!(cells.cell(row, column), text(row, column), "row {row}, column {column}");
            }
        }
    }

    #[test]
    fn a_row_of_two_digits_takes_six_bytes() {
        let mut cells = Cells::default();
        for row in 0..10_000 {
            cells.push(["1", "2"].into_iter(), row + 1).unwrap();
        }
        let bytes = cells.text.len() + cells.lengths.len() + 4 * cells.places.len();
        assert!(cells.runs.len() == 1 && cells.long.is_empty() && bytes < 6 * 10_000, "{bytes}");
    }

    #[test]
    fn more_than_is_kept_is_refused_before_it_is_taken() {
        let cells = |cells, text| Cells { most: Most { cells, text }, ..Cells::default() };
        let (mut few, mut short) = (cells(3, 100), cells(100, 3));
        assert_eq!(few.push(["1", "2", "3"].into_iter(), 1), Ok(()));
        assert_eq!(few.push(["4"].into_iter(), 2), Err(Full::TooLarge));
        assert_eq!(short.push(["ab", "cd"].into_iter(), 1), Err(Full::TooLarge));
        let error = Full::TooLarge.at("a.csv", 5, 4).to_string();
        assert!(error.contains("a.csv: line 5") && error.contains("134,217,728 cells"), "{error}");
    }
}
