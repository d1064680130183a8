//! Why a comparison could not be made.

use std::io;

use reweight_lab::device::DeviceError;
use reweight_lab::folds::FoldError;
use reweight_lab::metrics::MetricError;
use reweight_lab::model::ModelError;
use reweight_lab::table::TableError;
use reweight_lab::text::counted;

use crate::arguments::LearnerError;
use crate::files::{OutputError, WriteError, all_the_same};
use crate::report::ReportError;
use crate::strategy::StrategyError;
use crate::threads::ThreadsError;

/// Why `reweight compare` failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the message beside each variant says what its fields mean")]
pub enum CompareError {
    #[error(transparent)]
    Device(#[from] DeviceError),
    #[error(transparent)]
    Learner(#[from] LearnerError),
    #[error(transparent)]
    Table(#[from] TableError),
    #[error(transparent)]
    Fold(#[from] FoldError),
    #[error(transparent)]
    Strategy(#[from] StrategyError),
    #[error("strategy `{strategy}`, seed {seed}, fold {fold}")]
    Training { strategy: String, seed: u64, fold: usize, source: ModelError },
    #[error(
        "strategy `{strategy}`, seed {seed}, fold {fold}: training diverged, and the network cannot be judged; lower the learning rate"
    )]
    Judging { strategy: String, seed: u64, fold: usize, source: MetricError },
    #[error(
        "{name}: there is no memory for networks of {}, {} each: some {mebibytes} MiB; give the program more, or ask for fewer --threads, \
         --repeats or --strategy, or take a part of the rows, such as those of `shuf -n 1000000`",
        counted(*.rows as u64, "row"),
        counted(*.inputs as u64, "input")
    )]
    NoMemory { name: String, rows: usize, inputs: usize, mebibytes: usize },
    #[error(transparent)]
    Threads(#[from] ThreadsError),
    #[error(transparent)]
    Outputs(#[from] OutputError),
    #[error(transparent)]
    Unwritable(#[from] WriteError),
    #[error("{path}: cannot be read{}", if source.kind() == io::ErrorKind::NotFound { "; check the path (it is taken from the folder you are in)" } else { "" })]
    Unreadable { path: String, source: io::Error },
    #[error("{path}: not a comparison ({reason}); give a file that --json wrote")]
    NotAComparison { path: String, reason: String },
    #[error("{name}: the data has changed since the comparison was recorded (SHA-256 {found}, not {expected})")]
    DataChanged { name: String, expected: String, found: String },
    #[error("{path}: the report cannot be made")]
    Report { path: String, source: ReportError },
    #[error("standard output cannot be written to{}", all_the_same(.written))]
    Unsaid { written: Vec<String>, source: io::Error },
    #[error("standard output cannot be written to")]
    Output(#[from] io::Error),
}
