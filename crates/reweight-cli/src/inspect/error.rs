//! Why scores could not be inspected: what is wrong, where, and how to mend it.

use std::io;

use reweight::{ParameterError, WeightError};
use reweight_lab::table::TableError;
use reweight_lab::table::error::{all, and_missing};
use reweight_lab::text::{excerpt, number, option};

use crate::files::{OutputError, WriteError, all_the_same};
use crate::report::ReportError;
use crate::strategy::StrategyError;
use crate::threads::ThreadsError;

/// Why `reweight inspect` failed. `name` is the file's path; lines and columns count from 1.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the message beside each variant says what its fields mean")]
pub enum InspectError {
    /// A column that is called as probabilities are, in a form that is not read, beside predictions.
    #[error(
        "{name}: column {column}, `{column_name}`, is called as scores are, but `{cell}` is no number and no list of them: write numbers, or say --score COL for another column"
    )]
    UnreadScores {
        /// What messages call the file.
        name: String,
        /// The column, from 1.
        column: usize,
        /// Its name.
        column_name: String,
        /// Its first cell.
        cell: String,
    },
    #[error(transparent)]
    Table(#[from] TableError),
    #[error(transparent)]
    Strategy(#[from] StrategyError),
    #[error(
        "{name}: line {line}: there is one column only, and a label and a score are needed (the delimiter was taken to be \
         {delimiter}; --delimiter sets another)"
    )]
    OneColumn { name: String, line: u64, delimiter: String },
    #[error("{name}: which column holds the labels? none of {known} is named like one: say --label COL")]
    WhichLabel { name: String, known: String },
    #[error(
        "{name}: column {column} (`{column_name}`) is both label and score; choose another with --label or --score"
    )]
    LabelIsScore { name: String, column: usize, column_name: String },
    #[error("{name}: column {column} (`{column_name}`) is given twice with --score; give each once")]
    ScoreTwice { name: String, column: usize, column_name: String },
    #[error(
        "{name}: {columns} have one name, `{column_name}`; say by number which is meant, with {option}, or give each its own name"
    )]
    SameName { name: String, column_name: String, columns: String, option: &'static str },
    #[error(
        "{name}: which columns hold the scores? It may be {known}, and none is named after a label or as scores are: say --score \
         COL, and of two classes --positive LABEL for the one that it speaks for"
    )]
    WhichScores { name: String, known: String },
    #[error(
        "{name}: no column holds scores (there are {known}, and what counts or names the rows is none); say which does with --score COL"
    )]
    NoScores { name: String, known: String },
    #[error(
        "{name}: line {line}, column {column} (`{column_name}`): `{value}` is no finite number; mend it, remove the row, or \
         choose the score columns with --score"
    )]
    NotANumber { name: String, line: u64, column: usize, column_name: String, value: String },
    #[error(
        "{name}: line {line}, column {column} (`{column_name}`): {} {what}; mend it, or say {cure}--scores logits",
        number(*.value)
    )]
    NotAProbability {
        name: String,
        line: u64,
        column: usize,
        column_name: String,
        value: f64,
        what: &'static str,
        cure: &'static str,
    },
    #[error(
        "{name}: line {line}, column {column} (`{column_name}`): the prediction `{value}` is none of the labels {known}; mend it, or say \
         --predicted none if the score is not the predicted label's"
    )]
    UnknownPrediction { name: String, line: u64, column: usize, column_name: String, value: String, known: String },
    #[error(
        "{name}: `{}` is the score of the label in `{}`, and of {labels} labels ({known}) the other scores are needed too: give one \
         score column a class, or say --predicted none if it always speaks for the same label",
        excerpt(.score),
        excerpt(.predicted)
    )]
    OneOfMany { name: String, score: String, predicted: String, labels: usize, known: String },
    #[error(
        "{name}: `{score}` may be the probability of the label in `{predicted}`, as none is below ½, or always that of the same label: say \
         {} or --predicted none",
        option("--predicted", .predicted).unwrap_or_else(|| "--predicted and the column's number".to_owned())
    )]
    WhosePrediction { name: String, score: String, predicted: String },
    #[error(
        "{name}: the score's name `{}` speaks for `{}`, and neither label ({known}) says whether that is meant: say --positive LABEL",
        excerpt(.score),
        excerpt(.word)
    )]
    WhichSpoken { name: String, score: String, word: String, known: String },
    #[error(
        "{name}: line {line}: the probabilities sum to {sum}; mend the row, or say --scores logits, or --scores probabilities \
         to have every row divided by its sum"
    )]
    NotOne { name: String, line: u64, sum: f64 },
    #[error("{name}: there are {scores} columns of scores, and at most {most} can be read; choose some with --score")]
    TooManyScores { name: String, scores: usize, most: usize },
    #[error("{name}: line {line}: every probability is 0; a class must have one: mend or remove the row")]
    NoProbability { name: String, line: u64 },
    #[error(
        "{name}: line {line}, column {column} (`{column_name}`): no score column stands for the label `{label}`; the score \
         columns are {known}: rename one, number the labels from 0 in their order, or of two classes give one score alone: --score COL --positive LABEL"
    )]
    UnknownLabel { name: String, line: u64, column: usize, column_name: String, label: String, known: String },
    #[error(
        "{name}: the column `{column_name}` has more than {most} different labels (line {line}); it looks like a measurement \
         or an identifier: choose another with --label"
    )]
    TooManyLabels { name: String, line: u64, column_name: String, most: usize },
    #[error("{name}: every row of the column `{}` is empty; choose another with --label", excerpt(.column_name))]
    NoLabels { name: String, column_name: String },
    #[error(
        "{name}: {} of the column `{}` {} `{}`{}; there is nothing to tell apart: choose another column with --label, or bring \
         rows of another label",
        all(*.rows),
        excerpt(.column_name),
        if *.rows == 1 { "is" } else { "are" },
        excerpt(.label),
        and_missing(*.without)
    )]
    OneLabel { name: String, column_name: String, label: String, rows: u64, without: u64 },
    #[error(
        "{name}: one score column (`{}`), but {labels} labels ({known}); say with --positive which of them the score \
         speaks for, or give one score column a class",
        excerpt(.score)
    )]
    ManyLabels { name: String, score: String, labels: usize, known: String },
    #[error(
        "{name}: no row of the column `{}` is labelled `{}`; the labels are {known}",
        excerpt(.column_name),
        excerpt(.positive)
    )]
    PositiveNotFound { name: String, column_name: String, positive: String, known: String },
    #[error(
        "{name}: --positive is for two classes, and there are {scores} score columns; leave it out, or choose one with --score"
    )]
    PositiveOfMany { name: String, scores: usize },
    #[error(
        "{name}: --predicted is for one score column, and there are {scores}; leave it out, or choose one with --score"
    )]
    PredictedOfMany { name: String, scores: usize },
    #[error("{name}: which label does the score speak for? {known} are equally frequent: say --positive LABEL")]
    WhichPositive { name: String, known: String },
    #[error(
        "strategy `{strategy}`: `{setting}` is not computed here, where only each sample's margin is known and not the score of \
         every class; leave it out of the file"
    )]
    Setting { strategy: String, setting: &'static str },
    #[error("strategy `{strategy}`")]
    Weights { strategy: String, source: WeightError },
    #[error(
        "strategy `{strategy}`: its weights, of up to {largest:e}, are beyond the floats when they are added up; lower class \
         weights or `scale`"
    )]
    Overflow { strategy: String, largest: f64 },
    #[error("--regions")]
    Regions { source: ParameterError },
    #[error(transparent)]
    Threads(#[from] ThreadsError),
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error(transparent)]
    Outputs(#[from] OutputError),
    #[error(transparent)]
    Unwritable(#[from] WriteError),
    #[error("standard output cannot be written to{}", all_the_same(.written))]
    Unsaid { written: Vec<String>, source: io::Error },
    #[error("standard output cannot be written to")]
    Output(#[from] io::Error),
}
