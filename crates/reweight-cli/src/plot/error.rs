//! Why nothing could be drawn.

use std::io;

use reweight::{ConfigError, WeightError};

use crate::evaluate::EvalError;
use crate::files::{OutputError, WriteError};

/// Why `reweight plot` failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the message beside each variant says what its fields mean")]
pub enum PlotError {
    #[error(transparent)]
    Read(#[from] EvalError),
    #[error("{file}")]
    Config { file: String, source: ConfigError },
    #[error("{file}")]
    Misfit { file: String, source: WeightError },
    #[error(
        "{file}: this loss weighs by what it has counted in batches, so that it has no curve of its own: give a state with \
         --state-in, as `reweight eval --state-out` writes one, or see what it does to your scores with `reweight inspect`"
    )]
    NeedsState { file: String },
    #[error(
        "{curves} curves cannot be told apart; draw at most {most} (classes of different weight have a curve each)"
    )]
    TooMany { curves: usize, most: usize },
    #[error(
        "`{curve}`: a weight, or loss times weight, of {value:e} is too large to be drawn beside another; lower class weights or `scale`"
    )]
    TooLarge { curve: String, value: f64 },
    #[error("{path}: the ending says neither .svg nor .png; give the file one of them")]
    Ending { path: String },
    #[error(transparent)]
    Outputs(#[from] OutputError),
    #[error(transparent)]
    Unwritable(#[from] WriteError),
    #[error("the figure cannot be drawn: {reason}")]
    Drawing { reason: String },
    #[error("standard output cannot be written to")]
    Output(#[from] io::Error),
}
