//! What can be wrong with a table: every message says what, where, and how to mend it.

use std::io;
use std::path::Path;

use crate::folds::fewer_folds;
use crate::text::{counted, excerpt, option};

/// Why a table could not be used. `name` is the file's path; lines and columns count from 1.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the message beside each variant says what its fields mean")]
pub enum TableError {
    #[error("{name}: column {column}, `{column_name}`, has {found}: write all of them in one form{cure}")]
    MixedUnits { name: String, column: usize, column_name: String, found: String, cure: String },
    #[error(
        "{name}: line {line}, column {column} (`{}`): `{}` is not what the header declares, {declared}; mend the cell, or the header's \
         @attribute",
        excerpt(.column_name),
        excerpt(.value)
    )]
    Undeclared { name: String, line: u64, column: usize, column_name: String, value: String, declared: String },
    #[error(
        "{name}: line {line}: the header says {what} `{}`, which none of its @attribute lines names; mend one of them",
        excerpt(.attribute)
    )]
    NoAttribute { name: String, line: u64, what: &'static str, attribute: String },
    #[error("{name}: there is no such file; check the path (it is taken from the folder you are in)")]
    NotFound { name: String },
    #[error(
        "{name}: the file's name is not UTF-8, and could not be written down; rename it, or have it read as `-` from standard input"
    )]
    NoTextForName { name: String },
    #[error("{name}: cannot be read{}", unreadable(.source))]
    Unreadable { name: String, source: io::Error },
    #[error("{name}: the file {what}; it needs one row a sample and one column a feature, and a target column")]
    Empty { name: String, what: &'static str },
    #[error("{name}: there is a header but no row beneath it; if the first row is data, say --header no")]
    NoRows { name: String },
    #[error("{name}: there is a header of attributes but no row beneath its @data")]
    NoData { name: String },
    #[error("{name}: line {line}: `@attribute {}` has no name and type", excerpt(.text))]
    Attribute { name: String, line: u64, text: String },
    #[error(
        "{name}: the file looks like {format}, which is not read; save the table as CSV (as text, or packed by gzip)"
    )]
    OtherFormat { name: String, format: String },
    #[error("{name}: line {line}, byte {column}: not UTF-8{hint}; save the file as UTF-8 text")]
    NotUtf8 { name: String, line: u64, column: usize, hint: &'static str },
    #[error(
        "{name}: line {line} has {}, the lines before it have {expected}; look there for a missing or doubled delimiter or \
         quote{} (the delimiter was taken to be {delimiter}; --delimiter sets another)",
        counted(*.actual, "cell"),
        if *.expected == 1 { ", or take a title's lines away" } else { "" }
    )]
    Ragged { name: String, line: u64, expected: u64, actual: u64, delimiter: String },
    #[error(
        "{name}: the first rows have {} cells, and at most {} are read; if cells are parted by something else, say --delimiter",
        thousands(*.columns),
        thousands(*.most)
    )]
    TooManyColumns { name: String, columns: usize, most: usize },
    #[error("{name}: line {line}: a quoted cell that begins here is never closed; add the missing \"")]
    OpenQuote { name: String, line: u64 },
    #[error("{name}: line {line}: nothing but blank lines follows for more than {most} MiB; take them away")]
    OnlyBlanks { name: String, line: u64, most: usize },
    #[error(
        "{name}: line {line}: the table is larger than is read, which is at most {} or {mebibytes} MiB of them; take a part of its rows, such as \
         those of `shuf -n 1000000`, or of its columns",
        counted(*.cells as u64, "cell")
    )]
    TooLarge { name: String, line: u64, cells: usize, mebibytes: usize },
    #[error(
        "{name}: line {line}: there are more rows than are read, at most {}; take a part of them, such as those of `shuf -n 1000000`",
        crate::text::thousands(*.most)
    )]
    TooManyRows { name: String, line: u64, most: u64 },
    #[error(
        "{name}: there is no memory for {what}; give the program more, or take a part of the rows, such as those of `shuf -n 1000000`"
    )]
    NoMemory { name: String, what: String },
    #[error("{name}: line {line}: the row is longer than {most} MiB; a table has one row a line")]
    LongRow { name: String, line: u64, most: usize },
    #[error("{name}: there is no column `{selector}`; choose one of {known}, by name or by number")]
    ColumnNotFound { name: String, selector: String, known: String },
    #[error("{name}: columns {numbers} are all named `{selector}`; choose one by its number")]
    ColumnAmbiguous { name: String, selector: String, numbers: String },
    #[error("{name}: which column is to be predicted? It may be {candidates}: say which with --target COL")]
    WhichTarget { name: String, candidates: String },
    #[error(
        "{name}: which label is the positive one? {known} are equally rare: say --positive LABEL, or --multiclass to tell all \
         apart"
    )]
    WhichPositive { name: String, known: String },
    #[error(
        "{name}: the target column `{}` holds {labels} different numbers, as a measurement does, and the rarest of them is nobody's \
         positive label: choose another column with --target, or say --positive LABEL, or --multiclass if they name classes",
        excerpt(.column_name)
    )]
    ManyNumbers { name: String, column_name: String, labels: usize },
    #[error(
        "{name}: which label is the positive one? {named}, as the other is its opposite, or {rare}, the rare one: say --positive \
         LABEL"
    )]
    NamedOrRare { name: String, named: String, rare: String },
    #[error(
        "{name}: line {line}, column {column} (`{}`): does `{}` have decimals or thousands? Say --decimal point for 1,234.5 or \
         --decimal comma for 1.234,5",
        excerpt(.column_name),
        excerpt(.value)
    )]
    WhichDecimal { name: String, line: u64, column: usize, column_name: String, value: String },
    #[error(
        "{name}: line {line}, column {column} (`{}`): `{}` is not a finite number; leave the cell empty if the value is missing, \
         or leave the column out with --drop {column}",
        excerpt(.column_name),
        excerpt(.value)
    )]
    NotFinite { name: String, line: u64, column: usize, column_name: String, value: String },
    #[error(
        "{name}: line {line}, column {column} (`{}`): `{}` is not a number, while {numbers} of the column's {cells} cells are; \
         mend it, or say {} if it stands for a missing value, --decimal for another decimal mark, --categorical {column} \
         or --drop {column}",
        excerpt(.column_name),
        excerpt(.value),
        option("--missing", .value).unwrap_or_else(|| "--missing and the cell".to_owned())
    )]
    NotANumber {
        name: String,
        line: u64,
        column: usize,
        column_name: String,
        value: String,
        numbers: usize,
        cells: usize,
    },
    #[error(
        "{name}: no feature column is left of {} beside the target `{}`{}",
        counted(*.columns as u64, "column"),
        excerpt(.target),
        after_colon(.why)
    )]
    NoFeatures { name: String, columns: usize, target: String, why: String },
    #[error("{name}: every row of the target column `{}` is empty; choose another with --target", excerpt(.column_name))]
    NoLabels { name: String, column_name: String },
    #[error(
        "{name}: {} of the target column `{}` {} `{}`{}; there is nothing to tell apart, choose another column with --target",
        all(*.rows as u64),
        excerpt(.column_name),
        if *.rows == 1 { "is" } else { "are" },
        excerpt(.label),
        and_missing(*.without as u64)
    )]
    OneClass { name: String, column_name: String, label: String, rows: usize, without: usize },
    #[error(
        "{name}: the target column `{}` has {more}{} in {}, at most {} are taken; it looks like a measurement or an identifier: \
         choose another column with --target",
        excerpt(.column_name),
        counted(*.classes as u64, "different label"),
        counted(*.rows as u64, "row"),
        thousands(*.most)
    )]
    TooManyClasses { name: String, column_name: String, more: &'static str, classes: usize, rows: usize, most: usize },
    #[error(
        "{name}: no row of the target column `{}` is labelled `{}`; the labels are {known}",
        excerpt(.column_name),
        excerpt(.positive)
    )]
    PositiveNotFound { name: String, column_name: String, positive: String, known: String },
    #[error(
        "{name}: only {} labelled `{}`, fewer than the {folds} folds; {}bring more rows, or choose another label with --positive (the \
         labels are {known})",
        are(*.positives),
        excerpt(.positive),
        fewer_folds(*.positives)
    )]
    TooFewPositives { name: String, positive: String, positives: usize, folds: usize, known: String },
    #[error(
        "{name}: {} the {folds} folds: {rare}; {}say --merge-rare to take them together as one class, or --drop-rare to leave \
         their rows out",
        fewer_than_folds(*.classes),
        fewer_folds(*.fewest)
    )]
    RareClasses { name: String, classes: usize, fewest: usize, folds: usize, rare: String },
    #[error(
        "{name}: the classes that have fewer rows than the {folds} folds ({rare}) have {} even together; {}say --drop-rare to \
         leave them out",
        counted(*.rows as u64, "row"),
        fewer_folds(*.rows)
    )]
    RareTogether { name: String, folds: usize, rare: String, rows: usize },
    #[error("{name}: fewer than two classes have as many rows as the {folds} folds (the labels are {known}); {}bring more rows",
        fewer_folds(*.most)
    )]
    OneLargeClass { name: String, folds: usize, known: String, most: usize },
}

impl TableError {
    /// The error of a file that could not be opened.
    pub(crate) fn from_io(path: &Path, source: io::Error) -> Self {
        let name = path.display().to_string();
        match source.kind() {
            // A path travels as text, so that it can be written down; of one that is none the replaced letters are left.
            io::ErrorKind::NotFound if name.contains(char::REPLACEMENT_CHARACTER) => Self::NoTextForName { name },
            io::ErrorKind::NotFound => Self::NotFound { name },
            _ => Self::Unreadable { name, source },
        }
    }

    /// The error of a file that holds nothing but `text`, in which no row is.
    pub(crate) fn no_rows_in(name: &str, text: &[u8]) -> Self {
        let what = if text.is_empty() { "is empty" } else { "holds nothing but blank lines" };
        Self::Empty { name: name.to_owned(), what }
    }

    /// The error of a file that cannot be read on.
    pub fn unreadable(name: &str, source: io::Error) -> Self {
        Self::Unreadable { name: name.to_owned(), source }
    }
}

/// What would mend it.
fn unreadable(error: &io::Error) -> &'static str {
    match error.kind() {
        // Of what is packed alone: text is never damaged.
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            "; what gzip packed is damaged or cut off: copy or pack the file once more"
        }
        io::ErrorKind::IsADirectory => "; it is a folder: give the name of a file",
        io::ErrorKind::PermissionDenied => "; you may not read it: have the rights changed",
        _ => "",
    }
}

fn thousands(count: usize) -> String {
    crate::text::thousands(count as u64)
}

fn after_colon(why: &str) -> String {
    if why.is_empty() { String::new() } else { format!(": {why}") }
}

/// Every one of so many rows, as a sentence begins.
pub fn all(rows: u64) -> String {
    if rows == 1 { "the only row".to_owned() } else { format!("all {}", counted(rows, "row")) }
}

fn are(rows: usize) -> String {
    format!("{} {}", counted(rows as u64, "row"), if rows == 1 { "is" } else { "are" })
}

fn fewer_than_folds(classes: usize) -> String {
    if classes == 1 {
        "one class has fewer rows than".to_owned()
    } else {
        format!("{classes} classes have fewer rows than")
    }
}

/// That rows without a label were left out: perhaps the cells that mean the other class.
pub fn and_missing(rows: u64) -> String {
    match rows {
        0 => String::new(),
        1 => ", and 1 more has none that is taken for a label (if what stands there is one, say --missing with the cells that are missing)".to_owned(),
        _ => format!(
            ", and {rows} more have none that is taken for a label (if what stands there is one, say --missing with the cells that are missing)"
        ),
    }
}

/// `items` as a sentence's list, the first `most` of them.
pub fn listing(items: impl ExactSizeIterator<Item = String>, most: usize) -> String {
    let count = items.len();
    let mut text = items.take(most).collect::<Vec<_>>().join(", ");
    if count > most {
        text.push_str(&format!(" and {} more", count - most));
    }
    text
}

/// Labels with their rows, as messages list them, the rarest first.
pub fn labels_listing(labels: &[(String, u64)], most: usize) -> String {
    let mut order: Vec<&(String, u64)> = labels.iter().collect();
    order.sort_by_key(|(_, rows)| *rows);
    listing(order.into_iter().map(|(label, rows)| format!("`{}` ({})", excerpt(label), counted(*rows, "row"))), most)
}
