//! A table's form, found out from its first rows or as the command line says: delimiter, header, row names, number marks.
//!
//! `compare` and `inspect` read through the same `Source`, so that they cannot take one file for two.

mod arff;
mod delimiter;
mod header;
mod marks;
mod weka;

pub use marks::tell_units;

use std::fmt;
use std::io::Read;

use super::cell::bare;
use super::cells::Cells;
use super::error::TableError;
use super::guess::Guesses;
use super::head::ColumnHead;
use super::input::Input;
use super::missing::Missing;
use super::names;
use super::number::Decimal;
use super::records::{Cut, Delimiter, LONGEST_ROW, MOST_COLUMNS, Records, Row, Stream, first_rows, line_ends};
use crate::text::counted;

/// Rows that a form is understood from.
const LOOKED_AT: usize = 5000;

/// Rows that it is understood from at least, if the file has as many: a header and two more.
const FEWEST: usize = 3;

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

/// What the command line says of a form; the default finds everything out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FormOptions {
    /// Whether the first row names the columns.
    pub header: Header,
    /// The byte between cells; `None` finds it out.
    pub delimiter: Option<u8>,
    /// What stands before decimals; `None` finds it out for each column.
    pub decimal: Option<Decimal>,
    /// The cells that are missing.
    pub missing: Missing,
    /// Whether labels that differ only in case, a final dot or as numbers stay apart.
    pub exact_labels: bool,
}

/// How a table is to be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Form {
    /// How rows are cut.
    pub(crate) cut: Cut,
    /// Whether the first row names the columns.
    pub has_header: bool,
    /// The columns.
    pub columns: Vec<ColumnHead>,
    /// Whether each row ends in one delimiter too many.
    trailing: bool,
    /// Whether the file's header says what its cells are.
    is_declared: bool,
    /// The columns that the file itself declares to be predicted.
    pub declared_targets: Vec<usize>,
}

/// A table at its first row of data.
pub struct Source {
    /// What messages call it.
    pub name: String,
    /// Its form.
    pub form: Form,
    /// Its first rows of data, which come again from [`Source::next_row`].
    pub sample: Cells,
    /// The line of its first row, which may be a header.
    pub first_line: u64,
    /// Which cells are missing.
    pub missing: Missing,
    records: Records<Box<dyn Read>>,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("name", &self.name).field("form", &self.form).finish_non_exhaustive()
    }
}

impl Source {
    /// Understands a table's form; `bytes` are what the file holds.
    ///
    /// # Errors
    ///
    /// [`TableError`] where it is no table, or its form cannot be told.
    pub fn open(name: &str, bytes: Stream, options: &FormOptions, guesses: &mut Guesses) -> Result<Self, TableError> {
        let mut input = Input::new(name, bytes)?;
        let declared = arff::declared(&mut input)?;
        let spelled = if declared.is_none() { delimiter::spelled_out(&mut input) } else { None };
        let comments = if declared.is_none() { delimiter::comments(&mut input) } else { 0 };
        if comments > 0 {
            let lines = counted(comments as u64, "line");
            guesses.fact("form", format!("{lines} at the beginning left out, which `#` makes a comment"));
        }
        let sample = |input: &Input, cut: Cut| first_rows(name, &input.start, input.whole, cut, LOOKED_AT);
        let mut cut = Cut { delimiter: Delimiter::Byte(b','), quote: b'"', escape: None, comment: None };
        let mut rows = match &declared {
            Some(arff) => {
                cut = arff.cut(options.delimiter);
                sample(&input, cut)?
            }
            None => {
                let found = options.delimiter.map(delimiter::asked).or(spelled);
                cut.delimiter = match found {
                    Some(delimiter) => delimiter,
                    None => delimiter::sniff(&input.start, cut.quote),
                };
                sample(&input, cut)?
            }
        };
        while rows.rows() < FEWEST && !input.whole && input.start.len() <= LONGEST_ROW {
            // Long cells in quotes, or a quote that is never closed.
            input.read_on()?;
            rows = sample(&input, cut)?;
        }
        if rows.rows() < 2 && !input.whole {
            return Err(short(&input, cut.quote));
        }
        if rows.rows() == 0 {
            return Err(if declared.is_some() {
                TableError::NoData { name: name.to_owned() }
            } else {
                TableError::no_rows_in(name, &input.start)
            });
        }
        let found = Found { name, options, rows, declared };
        let (mut form, sample) = found.form(cut, guesses)?;
        marks::understand(name, &mut form, &sample, options, guesses)?;
        let first_line = input.line;
        let records = Records::new(name, Box::new(input.into_stream()) as Box<dyn Read>, cut, first_line);
        let missing = options.missing.clone();
        let mut source = Self { name: name.to_owned(), form, sample, first_line, missing, records };
        if source.form.has_header {
            source.records.next()?;
        }
        if source.sample.rows() == 0 {
            // No row has as many cells as the first: the next one is refused by its line.
            source.next_row()?;
        }
        Ok(source)
    }

    /// The next row of data, with as many cells as there are columns; none at the end.
    ///
    /// # Errors
    ///
    /// [`TableError`] where it has not, or the file cannot be read.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, TableError> {
        let width = self.form.columns.len();
        let Some(row) = self.records.next()? else { return Ok(None) };
        let last = row.count.saturating_sub(1);
        let is_cut = row.count < width || row.count <= MOST_COLUMNS && row.cell(last).contains('\n');
        if let Some(line) = row.unclosed.filter(|_| is_cut) {
            return Err(TableError::OpenQuote { name: self.name.clone(), line });
        }
        let is_trailing = self.form.trailing && row.count == width + 1 && row.count <= MOST_COLUMNS;
        if row.count == width || is_trailing && row.cell(width).is_empty() {
            if self.form.is_declared {
                self.form.check(&self.name, &row, &self.missing)?;
            }
            return Ok(Some(row));
        }
        Err(TableError::Ragged {
            name: self.name.clone(),
            line: row.line,
            expected: width as u64,
            actual: row.count as u64,
            delimiter: self.form.delimiter_in_words(),
        })
    }

    /// The column that `selector` names; failing that, numbers (from 1).
    ///
    /// # Errors
    ///
    /// [`TableError`] where there is none, or more than one.
    pub fn find(&self, selector: &str) -> Result<usize, TableError> {
        names::find(&self.name, &self.form.columns, selector)
    }
}

/// The error of a file whose beginning, as long as a row may be, holds no two whole rows.
fn short(input: &Input, quote: u8) -> TableError {
    let (name, most) = (input.name.clone(), LONGEST_ROW >> 20);
    let quotes = memchr::memchr_iter(quote, &input.start).count();
    let last = memchr::memrchr(quote, &input.start).unwrap_or(0);
    let line = input.line + line_ends(&input.start[..last]) as u64;
    if quotes % 2 == 1 { TableError::OpenQuote { name, line } } else { TableError::LongRow { name, line, most } }
}

/// What a form is made of.
struct Found<'a> {
    name: &'a str,
    options: &'a FormOptions,
    /// The first rows, a header among them.
    rows: Cells,
    declared: Option<arff::Declared>,
}

impl Found<'_> {
    fn form(self, cut: Cut, guesses: &mut Guesses) -> Result<(Form, Cells), TableError> {
        let delimiter = delimiter::in_words(cut.delimiter);
        if let Some(arff) = self.declared {
            guesses.fact("form", format!("{}, {} attributes as its header declares", arff.format, arff.columns.len()));
            let form = Form {
                cut,
                has_header: false,
                columns: arff.columns,
                trailing: false,
                is_declared: true,
                declared_targets: arff.targets,
            };
            return Ok((form, copy(self.name, &self.rows, 0, usize::MAX)?));
        }
        let wekas = weka::distribution(&self.rows).filter(|_| self.options.header != Header::No);
        let mut shape = header::Shape::of(&self.rows);
        if let Some(columns) = &wekas {
            shape = header::Shape { width: columns.len(), row_names: false, trailing: false };
        }
        let is_header = match self.options.header {
            Header::Yes => true,
            Header::No => false,
            Header::Detect => {
                wekas.is_some() || shape.row_names || header::is_one(&self.rows, &shape, &self.options.missing)
            }
        };
        if self.options.delimiter.is_none() {
            guesses.guess("delimiter", delimiter, "--delimiter CHAR");
        }
        if self.options.header == Header::Detect {
            let (taken, other) = if is_header {
                ("the first row names the columns", "--header no")
            } else {
                ("none, the first row is data", "--header yes")
            };
            guesses.guess("header", taken, other);
        }
        let mut columns = wekas.unwrap_or_else(|| header::heads(&self.rows, &shape, is_header));
        weka::mark(&mut columns);
        if shape.row_names && is_header {
            guesses.fact("index", "the header is one name short: the first column names the rows, as R writes them");
        }
        if shape.trailing {
            guesses.fact("delimiter", "each row ends in one more, after which there is no cell");
        }
        let below = usize::from(is_header);
        if self.rows.rows() == below {
            return Err(TableError::NoRows { name: self.name.to_owned() });
        }
        let sample = copy(self.name, &self.rows, below, columns.len())?;
        let form = Form {
            cut,
            has_header: is_header,
            columns,
            trailing: shape.trailing,
            is_declared: false,
            declared_targets: Vec::new(),
        };
        Ok((form, sample))
    }
}

/// The rows from `skip` on that have as many cells as the form; others are refused where they are read.
fn copy(name: &str, rows: &Cells, skip: usize, width: usize) -> Result<Cells, TableError> {
    let mut sample = Cells::default();
    let width = if width == usize::MAX { rows.width(0) } else { width };
    for row in skip..rows.rows() {
        if rows.width(row) == width || rows.width(row) == width + 1 && rows.cell(row, width).is_empty() {
            let (cells, line) = ((0..width).map(|column| rows.cell(row, column)), rows.line(row));
            sample.push(cells, line).map_err(|full| full.at(name, line, sample.rows()))?;
        }
    }
    Ok(sample)
}

impl Form {
    /// That a row's cells are what the header declares.
    fn check(&self, table: &str, row: &Row<'_>, missing: &Missing) -> Result<(), TableError> {
        for (index, head) in self.columns.iter().enumerate() {
            let cell = bare(row.cell(index));
            if head.is_missing(missing, cell) {
                continue;
            }
            head.check(cell).map_err(|declared| TableError::Undeclared {
                name: table.to_owned(),
                line: row.line,
                column: index + 1,
                column_name: head.name.clone(),
                value: cell.to_owned(),
                declared,
            })?;
        }
        Ok(())
    }

    /// The delimiter as messages name it.
    pub fn delimiter_in_words(&self) -> String {
        delimiter::in_words(self.cut.delimiter)
    }
}
