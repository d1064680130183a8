//! Why a search could not be made.

use std::io;

use reweight_lab::device::DeviceError;
use reweight_lab::folds::FoldError;
use reweight_lab::metrics::MetricError;
use reweight_lab::model::ModelError;
use reweight_lab::table::TableError;
use reweight_lab::text::{counted, excerpt};

use crate::arguments::LearnerError;
use crate::files::{OutputError, WriteError};
use crate::report::ReportError;
use crate::strategy::{BASELINE, StrategyError};
use crate::threads::ThreadsError;

/// Why `reweight tune` failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the message beside each variant says what its fields mean")]
pub enum TuneError {
    #[error(transparent)]
    Device(#[from] DeviceError),
    #[error(transparent)]
    Learner(#[from] LearnerError),
    #[error(transparent)]
    Table(#[from] TableError),
    #[error(transparent)]
    Fold(#[from] FoldError),
    #[error(
        "class `{}` has {}, but a search within each of {folds} folds needs {needed}; {}give the class more rows",
        excerpt(.class),
        counted(*.count as u64, "row"),
        if *.fewer { "ask for fewer --folds, or " } else { "" }
    )]
    TooFewRows { class: String, count: usize, folds: usize, needed: usize, fewer: bool },
    #[error(
        "--goal {goal} is about one label against the rest; for many classes take --goal balanced-accuracy, or leave --multiclass out"
    )]
    Goal { goal: &'static str },
    #[error(transparent)]
    Strategy(#[from] StrategyError),
    #[error("{BASELINE}, seed {seed}, fold {fold}")]
    Training { seed: u64, fold: usize, source: ModelError },
    #[error("{BASELINE}, seed {seed}, fold {fold}: the model cannot be judged; lower the learning rate")]
    Judging { seed: u64, fold: usize, source: MetricError },
    #[error(
        "the budget of {budget} was over after {}, before a loss could be judged on two outer folds; give more of it, or ask for fewer --folds, \
         --epochs or --trials (with --resume nothing is trained twice)",
        counted(*.trained as u64, "model")
    )]
    Budget { budget: String, trained: usize },
    #[error(
        "{name}: there is no memory for the folds of searches over {}: some {mebibytes} MiB; give the program more, ask for fewer --folds or \
         --repeats, or take a part of the rows, such as those of `shuf -n 1000000`",
        counted(*.rows as u64, "row")
    )]
    NoMemory { name: String, rows: usize, mebibytes: usize },
    #[error(transparent)]
    Threads(#[from] ThreadsError),
    #[error(transparent)]
    Outputs(#[from] OutputError),
    #[error(transparent)]
    Unwritable(#[from] WriteError),
    #[error("--resume {path}: cannot be read; check the path (it is taken from the folder you are in)")]
    Unreadable { path: String, source: io::Error },
    #[error(
        "--resume {path}: not a journal of `reweight tune`, and so not touched; give a file that --resume wrote, or one that is not there yet"
    )]
    NotAJournal { path: String },
    #[error(
        "--resume {path}: line {line} is damaged; take away that line and those behind it, or begin another journal"
    )]
    Damaged { path: String, line: usize },
    #[error("--resume {path}: it was begun with another {what}; begin another journal, or give what it was begun with")]
    OtherJournal { path: String, what: &'static str },
    #[error("--resume {path}: another run is writing to it; wait for its end, or begin another journal")]
    InUse { path: String },
    #[error("{path}: the report cannot be made")]
    Report { path: String, source: ReportError },
    #[error("the trials cannot be drawn: {0}")]
    Sampler(String),
    #[error("standard output cannot be written to")]
    Output(#[from] io::Error),
}
