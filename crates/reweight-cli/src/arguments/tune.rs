//! The arguments of `reweight tune`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::{ReadingArguments, TaskArguments, TrainingArguments};

const EXAMPLES: &str = "\
Examples:
  reweight tune
      the red wines that come with the program; 63 of 1,599 are bad
  reweight tune patients.csv --target outcome --report tune.html --write loss.toml
      a table of your own; the page shows the search, loss.toml holds what the verdict recommends
  reweight tune flowers.csv --multiclass
      several classes, by balanced accuracy
  reweight tune fraud.csv --budget 1h --resume fraud.journal
      can be killed and started again: what was finished is not trained twice
  reweight tune fraud.csv --budget none --trials 48 --json tune.json
      the same bits on every run, however fast the machine is

Exit codes: 0 done, whatever the verdict; 2 something in the input is wrong (the message says what, where, and how to mend
it); 130 interrupted by Ctrl-C (what was found is shown and written).";

/// Arguments of `reweight tune`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct TuneArguments {
    /// A CSV file (or ARFF, KEEL; also packed by gzip) with one row a sample, `-` for standard input; without it, the red wines
    /// that come with the program.
    #[arg(value_name = "DATA.csv")]
    pub data: Option<PathBuf>,

    /// What to learn.
    #[command(flatten)]
    pub task: TaskArguments,

    /// How to read the file.
    #[command(flatten)]
    pub reading: ReadingArguments,

    /// What to search for.
    #[command(flatten)]
    pub search: SearchArguments,

    /// How to train.
    #[command(flatten)]
    pub training: TrainingArguments,

    /// Write the recommended loss to FILE, with the reason in its comments; it may be plain cross-entropy.
    #[arg(long, value_name = "FILE.toml", help_heading = "Output")]
    pub write: Option<PathBuf>,

    /// Write every setting, trial and figure to FILE as JSON.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub json: Option<PathBuf>,

    /// Write the search's story to FILE as one HTML page with charts, which needs no network.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub report: Option<PathBuf>,

    /// Keep each model's figures in FILE as soon as it is trained, and go on from what is there: after a kill, with a larger budget,
    /// or with more trials. The data and all other settings must be the same.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub resume: Option<PathBuf>,
}

/// What is searched for, and how long.
#[derive(Debug, Args)]
#[command(next_help_heading = "Search")]
pub struct SearchArguments {
    /// What a loss is to improve; by default hardest for one label against the rest, balanced-accuracy for many.
    #[arg(long, value_enum)]
    pub goal: Option<Goal>,

    /// When to stop at the latest, as in 90s, 5m or 2h; `none` for no limit. The plan does not depend on it, only how far it comes.
    #[arg(long, value_name = "TIME", default_value = "5m")]
    pub budget: Budget,

    /// Losses to try in each search, beside plain cross-entropy.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = RangedU64ValueParser::<usize>::new().range(1..=10_000))]
    pub trials: usize,
}

/// What a loss is to improve. All of them see ranks alone, so that no loss wins by moving all scores alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Goal {
    /// The tenth of the positives that scores lowest rises among the negatives, and the recall at 1 % false positives does not fall.
    Hardest,
    /// Average precision.
    Ap,
    /// Recall where at most 1 % of the negatives pass.
    #[value(name = "recall@fpr=0.01")]
    #[serde(rename = "recall@fpr=0.01")]
    Recall,
    /// The mean of the classes' recalls, at a threshold (of many classes: a correction of the prior) that each loss has tuned for it.
    BalancedAccuracy,
}

impl Goal {
    /// As the command line has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hardest => "hardest",
            Self::Ap => "ap",
            Self::Recall => "recall@fpr=0.01",
            Self::BalancedAccuracy => "balanced-accuracy",
        }
    }
}

/// How long a search may take; none for no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget(pub Option<Duration>);

impl FromStr for Budget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("none") {
            return Ok(Self(None));
        }
        let refuse = || format!("`{text}` is no time; a number with s, m or h behind it, as in 90s or 5m, or `none`");
        let units = [('s', 1.0), ('m', 60.0), ('h', 3600.0)];
        let unit = units.into_iter().find_map(|(letter, seconds)| Some((text.strip_suffix(letter)?, seconds)));
        let (number, seconds) = unit.ok_or_else(refuse)?;
        let time = number.trim().parse::<f64>().map_err(|_| refuse())? * seconds;
        // A year is as good as none.
        if !(1.0..=366.0 * 86_400.0).contains(&time) {
            return Err("a time of a second to a year is needed, or `none`".to_owned());
        }
        Ok(Self(Some(Duration::from_secs_f64(time))))
    }
}

impl fmt::Display for Budget {
    /// As the command line has it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => formatter.write_str("none"),
            Some(time) if time.subsec_nanos() == 0 && time.as_secs() % 60 == 0 => {
                write!(formatter, "{}m", time.as_secs() / 60)
            }
            Some(time) => write!(formatter, "{}s", time.as_secs_f64()),
        }
    }
}
