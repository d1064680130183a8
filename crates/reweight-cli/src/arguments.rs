//! The command line: every subcommand's arguments, their defaults and help texts.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand, ValueEnum};
use reweight::HessianForm;
use serde::Serialize;

use crate::strategy::presets;

mod completions;
mod inspect;
mod plot;
mod reading;
mod training;
mod tune;

pub use completions::CompletionsArguments;
pub use inspect::{ColumnArguments, InspectArguments, InspectOutput, LookingArguments};
pub use plot::{PictureSize, PlotArguments, PlotFigure, WeightsArguments};
pub(crate) use reading::form_options;
pub use reading::{Delimiter, FormArguments, HeaderChoice, ReadingArguments};
pub use training::{HiddenLayers, Learner, LearnerError, ProtocolArguments, TrainingArguments};
pub use tune::{Budget, Goal, TuneArguments};

const EXAMPLES: &str = "\
Examples:
  reweight compare
      train on the red wines that come with the program under six losses, and see what each did
  reweight tune patients.csv --write loss.toml
      which loss, if any, is worth more than plain cross-entropy on a table of your own
  reweight inspect scores.csv
      who owns the gradient of a model that is trained already, and which labels look wrong
  reweight plot weights --config loss.toml
      how a loss weighs easy and hard samples
  reweight eval --config loss.toml --logits logits.npy --targets targets.npy
      loss and gradient of one batch

Colours are used on a terminal only, and not where NO_COLOR is set.

Exit codes: 0 done; 1 a check found a difference; 2 something in the input is wrong (the message says what, where, and
how to mend it); 130 interrupted by Ctrl-C.";

/// Re-weighted losses for long-tailed data: compare them on a table, inspect scores, or evaluate one batch.
#[derive(Debug, Parser)]
#[command(name = "reweight", version, propagate_version = true, arg_required_else_help = true, after_help = EXAMPLES)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// Results only: no notes, no progress bar; how a file was read goes to standard error.
    #[arg(long, short, global = true, help_heading = "How much to say")]
    pub quiet: bool,

    /// Say on standard error what it was computed with and how long it took.
    #[arg(long, short, global = true, help_heading = "How much to say", conflicts_with = "quiet")]
    pub verbose: bool,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train one small network under each loss on a table, and show what each did for the rare class.
    Compare(Box<CompareArguments>),
    /// Search for a loss that serves a table better than plain cross-entropy, and judge the search on rows that it never saw.
    Tune(Box<TuneArguments>),
    /// Compute loss, gradient and weights of one batch from .npy files.
    Eval(EvalArguments),
    /// Show who owns the gradient of a trained model, from its labels and scores.
    Inspect(Box<InspectArguments>),
    /// Draw curves of weights, as a picture or in the terminal.
    Plot(PlotArguments),
    /// Write a script that lets a shell complete this program's options.
    Completions(CompletionsArguments),
}

const COMPARE_EXAMPLES: &str = "\
Examples:
  reweight compare
      the red wines that come with the program; 63 of 1,599 are bad
  reweight compare --multiclass
      all six qualities of the same wines
  reweight compare --report report.html
      the same as a page to look at, with charts
  reweight compare patients.csv --target outcome --positive died
      a table of your own; the positive label may be quoted or not
  reweight compare fraud.csv --strategy mine=loss.toml --json run.json
      adds a loss of your own, and writes everything down so that the run can be repeated
  reweight compare --no-presets --strategy logit-adjustment --strategy poly-1
      presets that are not among the six, asked for by name

Exit codes: 0 done; 1 a repeated run came out otherwise; 2 something in the input is wrong (the message
says what, where, and how to mend it); 130 interrupted by Ctrl-C (what was finished is shown).";

/// Arguments of `reweight compare`.
#[derive(Debug, Args)]
#[command(after_help = COMPARE_EXAMPLES)]
pub struct CompareArguments {
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

    /// What to compare.
    #[command(flatten)]
    pub strategies: StrategyArguments,

    /// How to train.
    #[command(flatten)]
    pub training: TrainingArguments,

    /// What to train on.
    #[command(flatten)]
    pub protocol: ProtocolArguments,

    /// Write every figure and every setting to FILE as JSON.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub json: Option<PathBuf>,

    /// Write the comparison's story to FILE as one HTML page with charts, which needs no network.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub report: Option<PathBuf>,

    /// Write each row's label and its score under plain cross-entropy, from networks that were not trained on it, to FILE: what
    /// `reweight inspect` reads.
    #[arg(long, value_name = "FILE.csv", help_heading = "Output")]
    pub scores: Option<PathBuf>,

    /// Repeat the comparison that --json wrote to FILE, and say whether it came out the same to the bit.
    #[arg(long, value_name = "FILE", help_heading = "Output", conflicts_with_all = [
        "data", "target", "positive", "multiclass", "merge_rare", "drop_rare", "header", "delimiter", "decimal", "missing",
        "exact_labels", "drop", "keep", "categorical", "strategy", "no_presets", "folds", "repeats", "seed", "epochs", "batch_size", "learner", "hidden", "learning_rate", "weight_decay", "device",
        "long_tail", "label_noise",
    ])]
    pub repeat: Option<PathBuf>,
}

/// What is to be told apart.
#[derive(Debug, Args)]
#[command(next_help_heading = "Task")]
pub struct TaskArguments {
    /// The column to predict, by name or by number from 1; by default one that is called as labels are, or else the last.
    #[arg(long, value_name = "COL", requires = "data")]
    pub target: Option<String>,

    /// The label that counts as positive, against all others; by default the one that two labels themselves name (1 beside 0,
    /// yes beside no, X beside not X; not a 1 or yes that is at least twice as common), or else the rarest.
    #[arg(long, value_name = "LABEL", requires = "data", conflicts_with = "multiclass", allow_hyphen_values = true)]
    pub positive: Option<String>,

    /// Tell all labels apart, not one from the rest.
    #[arg(long)]
    pub multiclass: bool,

    /// Take all classes that have fewer rows than there are folds for one.
    #[arg(long, requires = "multiclass", conflicts_with = "drop_rare")]
    pub merge_rare: bool,

    /// Leave out the rows of classes that have fewer rows than there are folds.
    #[arg(long, requires = "multiclass")]
    pub drop_rare: bool,
}

/// Which losses are compared.
#[derive(Debug, Args)]
#[command(next_help_heading = "Strategies")]
pub struct StrategyArguments {
    /// Add a loss from a file, under a name, or a preset by its name; may be given again.
    ///
    /// Presets that are not compared by default: logit-adjustment, ldam, asl (two labels only), poly-1, gce, hard-examples. With a file,
    /// the names α-balance, focal, α·focal, GHM and focal·GHM (or alpha-balance, focal, alpha-focal, ghm, focal-ghm) replace
    /// that preset. An alpha-balance with neither alpha nor class_weights nor counts takes the counts of the training rows, and so do
    /// a logit-adjustment and an ldam without counts.
    #[arg(long, value_name = "NAME[=loss.toml]")]
    pub strategy: Vec<Strategy>,

    /// Compare plain cross-entropy with the losses given by --strategy only.
    #[arg(long, requires = "strategy")]
    pub no_presets: bool,
}

const EVAL_EXAMPLES: &str = "\
Example:
  reweight inspect scores.csv
      who owns the gradient of a model that is trained already, and which labels look wrong
  reweight eval --config loss.toml --logits logits.npy --targets targets.npy --out out.npz
      prints {\"loss\": .., \"valid\": .., \"weight_sum\": ..}; out.npz holds grad, weight and loss
  reweight eval --config loss.toml --logits logits.npy --targets targets.npy --out out.npz --hessian clamped
      out.npz holds hessian too, as a booster needs it

A loss.toml:
  objective = \"bce\"          # or \"softmax-ce\"
  reduction = \"mean\"         # or \"none\", \"sum\", \"weighted-mean\", \"positives\", { divisor = 128.0 }
  [[weighter]]
  kind = \"focal\"
  gamma = 2.0";

/// Arguments of `reweight eval`.
#[derive(Debug, Args)]
#[command(after_help = EVAL_EXAMPLES)]
pub struct EvalArguments {
    /// The loss, as TOML.
    #[arg(long, value_name = "FILE.toml")]
    pub config: PathBuf,

    /// Logits: any shape for bce; (N, C) or (N, C, d..) for softmax-ce. Any float or integer type.
    #[arg(long, value_name = "FILE.npy")]
    pub logits: PathBuf,

    /// Targets: the logits' shape for bce; (N) or (N, d..) of class indices for softmax-ce.
    #[arg(long, value_name = "FILE.npy")]
    pub targets: PathBuf,

    /// Which elements count (1 or true) and which are ignored (0 or false).
    #[arg(long, value_name = "FILE.npy")]
    pub valid: Option<PathBuf>,

    /// A factor for each element's loss, 0 or more; spread as NumPy broadcasts, such as (N, 1) or (C) over (N, C).
    #[arg(long, value_name = "FILE.npy")]
    pub sample_weight: Option<PathBuf>,

    /// What computes it.
    #[arg(long, value_enum, default_value_t)]
    pub backend: Backend,

    /// The precision of logits and results; of 16 bits all is computed in 32, and rounded once.
    #[arg(long, value_enum, default_value_t)]
    pub dtype: Precision,

    /// The weighters' state to start from, as --state-out wrote it.
    #[arg(long, value_name = "FILE.json")]
    pub state_in: Option<PathBuf>,

    /// Write the weighters' state after this batch, when all else is done; may be the file of --state-in.
    #[arg(long, value_name = "FILE.json")]
    pub state_out: Option<PathBuf>,

    /// Write gradient, weights and losses of each element, uncompressed.
    #[arg(long, value_name = "FILE.npz")]
    pub out: Option<PathBuf>,

    /// Write second derivatives too, as `hessian`: of each element for bce, the diagonal for softmax-ce.
    #[arg(long, value_enum, requires = "out")]
    pub hessian: Option<Hessian>,
}

/// What computes a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Backend {
    /// The CPU engine.
    #[default]
    Ndarray,
    /// dfdx on the CPU.
    DfdxCpu,
    /// dfdx on a CUDA device, in a program that was built with it.
    DfdxCuda,
}

/// Which second derivative is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "kebab-case")]
pub enum Hessian {
    /// The second derivative itself, negative where the loss is not convex.
    Exact,
    /// max(exact, 0), as boosters need it.
    Clamped,
    /// With constant weights and the base linear in p_t: w·p·(1 − p) for cross-entropy, never negative.
    GaussNewton,
}

impl From<Hessian> for HessianForm {
    fn from(hessian: Hessian) -> Self {
        match hessian {
            Hessian::Exact => Self::Exact,
            Hessian::Clamped => Self::Clamped,
            Hessian::GaussNewton => Self::GaussNewton,
        }
    }
}

/// The floating-point type of logits and results.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// 16 bits, IEEE's; CPU engine alone.
    F16,
    /// 16 bits, the upper half of 32 (a '|V2' file is taken for it); CPU engine alone.
    Bf16,
    /// 32 bits.
    #[default]
    F32,
    /// 64 bits.
    F64,
}

/// A loss to compare: a name and the file that describes it, or a preset's name alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strategy {
    /// What the table calls it.
    pub name: String,
    /// The TOML file; none for a preset.
    pub config: Option<PathBuf>,
}

impl fmt::Display for Strategy {
    /// As the command line has it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.config {
            Some(path) => write!(formatter, "{}={}", self.name, path.display()),
            None => formatter.write_str(&self.name),
        }
    }
}

impl FromStr for Strategy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=').map(|(name, path)| (name.trim(), path.trim())) {
            Some((name, _)) if name.chars().any(char::is_control) => {
                Err("a name must not contain control characters".to_owned())
            }
            Some((name, path)) if !name.is_empty() && !path.is_empty() => {
                Ok(Self { name: name.to_owned(), config: Some(path.into()) })
            }
            None if presets::is_name(text) => Ok(Self { name: text.to_owned(), config: None }),
            _ => Err(format!(
                "a name, `=` and a file are needed, as in mine=loss.toml; or the name of a preset: {}",
                presets::names().join(", ")
            )),
        }
    }
}

#[cfg(test)]
mod tests;
