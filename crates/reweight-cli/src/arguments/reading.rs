//! How a file is read: what `compare` and `inspect` take alike.

use std::str::FromStr;

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use reweight_lab::table::{Decimal, FormOptions, Header, Missing};

/// The form of a file; all of it is found out by default.
#[derive(Debug, Args)]
#[command(next_help_heading = "Reading the file")]
pub struct FormArguments {
    /// Whether the first row names the columns.
    #[arg(long, value_enum, default_value_t, requires = "data")]
    pub header: HeaderChoice,

    /// The character between cells, or `tab`, or `blank` for any number of them; found out by default.
    #[arg(long, value_name = "CHAR", requires = "data")]
    pub delimiter: Option<Delimiter>,

    /// What stands before decimals; found out by default, for each column.
    #[arg(long, value_enum, value_name = "MARK", requires = "data")]
    pub decimal: Option<Decimal>,

    /// What stands in a cell whose value is missing, in place of the usual NA, NaN, null, None, `<NA>`, #N/A and ?; may be given
    /// again. An empty cell always is.
    #[arg(long, value_name = "CELL", requires = "data", allow_hyphen_values = true)]
    pub missing: Vec<String>,

    /// Keep labels apart that differ only in case, blanks, a final dot, or as spellings of one number.
    #[arg(long, requires = "data")]
    pub exact_labels: bool,
}

/// How `compare` reads a file.
#[derive(Debug, Args)]
#[command(next_help_heading = "Reading the file")]
pub struct ReadingArguments {
    /// Its form.
    #[command(flatten)]
    pub form: FormArguments,

    /// Leave a column out, by name or number; may be given again.
    #[arg(long, value_name = "COL", requires = "data")]
    pub drop: Vec<String>,

    /// Keep a column that would be left out, as an identifier or as counting the rows; may be given again.
    #[arg(long, value_name = "COL", requires = "data")]
    pub keep: Vec<String>,

    /// Take a column's numbers for names of categories; may be given again.
    #[arg(long, value_name = "COL", requires = "data")]
    pub categorical: Vec<String>,
}

impl FormArguments {
    /// As the reader takes them.
    #[must_use]
    pub fn options(&self) -> FormOptions {
        form_options(self.header, self.delimiter, self.decimal, &self.missing, self.exact_labels)
    }
}

/// What the command line, or a recorded comparison, says of a file's form.
pub(crate) fn form_options(
    header: HeaderChoice,
    delimiter: Option<Delimiter>,
    decimal: Option<Decimal>,
    missing: &[String],
    exact_labels: bool,
) -> FormOptions {
    FormOptions {
        header: match header {
            HeaderChoice::Auto => Header::Detect,
            HeaderChoice::Yes => Header::Yes,
            HeaderChoice::No => Header::No,
        },
        delimiter: delimiter.map(|delimiter| delimiter.0),
        decimal,
        missing: Missing::new(missing),
        exact_labels,
    }
}

/// Whether the first row names the columns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeaderChoice {
    /// Found out from the cells.
    #[default]
    Auto,
    /// It names them.
    Yes,
    /// It is data.
    No,
}

/// One byte between cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delimiter(pub u8);

impl FromStr for Delimiter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.as_bytes() {
            _ if text.eq_ignore_ascii_case("tab") || text == "\\t" => Ok(Self(b'\t')),
            _ if text.eq_ignore_ascii_case("blank") => Ok(Self(b' ')),
            [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Ok(Self(*byte)),
            _ => Err("one ASCII character, `tab` or `blank` is needed".to_owned()),
        }
    }
}
