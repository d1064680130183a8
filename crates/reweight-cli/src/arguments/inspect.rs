//! The arguments of `reweight inspect`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::RangedU64ValueParser;

use reweight_lab::table::names::ScoreKind;

use super::{FormArguments, Strategy};

const INSPECT_EXAMPLES: &str = "\
Examples:
  reweight inspect scores.csv
      columns `label` and `logit` or `score`; or `label` and one column a class
  reweight inspect predictions.csv --label outcome --score p_died --positive died
      columns under other names
  reweight inspect scores.csv --report report.html
      the same to look at, with charts
  reweight inspect scores.csv --top 50 --suggest loss.toml
      fifty candidates for label errors; and a loss to begin with, reasons given
  reweight compare data.csv --scores scores.csv
  reweight inspect scores.csv
      a table without a model: scores of networks that were not trained on the rows they score

Exit codes: 0 done; 2 something in the input is wrong (the message says what, where, and how to mend it).";

/// Arguments of `reweight inspect`.
#[derive(Debug, Args)]
#[command(after_help = INSPECT_EXAMPLES)]
pub struct InspectArguments {
    /// A CSV file (also packed by gzip) with a label and one score, or one a class, in each row; `-` is standard input.
    #[arg(value_name = "SCORES.csv")]
    pub data: PathBuf,

    /// Which columns hold what.
    #[command(flatten)]
    pub columns: ColumnArguments,

    /// What to look at.
    #[command(flatten)]
    pub looking: LookingArguments,

    /// Where results go.
    #[command(flatten)]
    pub output: InspectOutput,
}

/// How a file of scores is read.
#[derive(Debug, Args)]
#[command(next_help_heading = "Reading the file")]
pub struct ColumnArguments {
    /// The column of labels, by name or by number from 1; found out by default.
    #[arg(long, value_name = "COL")]
    pub label: Option<String>,

    /// A column of scores: once for two classes, once a class for more; found out by default.
    #[arg(long, value_name = "COL")]
    pub score: Vec<String>,

    /// What the scores are; by default as their names say, or else probabilities where all of them lie in [0, 1], and logits
    /// where not.
    #[arg(long, value_enum, value_name = "WHAT")]
    pub scores: Option<ScoreKind>,

    /// The column of predicted labels that a score belongs to, where it is the probability of that label and not of always the same one;
    /// found out by default, `none` if there is none.
    #[arg(long, value_name = "COL")]
    pub predicted: Option<String>,

    /// The label that the score speaks for, against all others; by default the one in the score's name, or the one that two
    /// labels themselves name (1 beside 0, yes beside no, X beside not X), or else the rarer.
    #[arg(long, value_name = "LABEL", allow_hyphen_values = true)]
    pub positive: Option<String>,

    /// The form of the file.
    #[command(flatten)]
    pub form: FormArguments,
}

/// What is looked at.
#[derive(Debug, Args)]
#[command(next_help_heading = "Looking")]
pub struct LookingArguments {
    /// How many samples of the largest gradient norm are listed.
    #[arg(long, value_name = "K", default_value_t = 10, value_parser = RangedU64ValueParser::<usize>::new().range(0..=1_000_000))]
    pub top: usize,

    /// Into how many equal regions the gradient norm's range [0, 1] is divided.
    #[arg(long, value_name = "M", default_value_t = 10, value_parser = RangedU64ValueParser::<u32>::new().range(1..=100))]
    pub regions: u32,

    /// Add a loss from a file, under a name, or a preset of `compare` by its name; may be given again.
    #[arg(long, value_name = "NAME[=loss.toml]")]
    pub strategy: Vec<Strategy>,
}

/// Where results go.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct InspectOutput {
    /// Write every figure to FILE as JSON; `-` is standard output, and takes the text's place.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Write a report to FILE: one page with charts, which needs no network.
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,

    /// Write the suggested loss to FILE.
    #[arg(long, value_name = "FILE.toml")]
    pub suggest: Option<PathBuf>,
}
