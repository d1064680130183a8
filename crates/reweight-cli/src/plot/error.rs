//! Why nothing could be drawn.

use std::io;

use reweight::ConfigError;

use crate::evaluate::EvalError;

/// Why `reweight plot` failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the message beside each variant says what its fields mean")]
pub enum PlotError {
    #[error(transparent)]
    Read(#[from] EvalError),
    #[error("{file}")]
    Config { file: String, source: ConfigError },
    #[error(
        "{file}: this loss weighs by what it has counted in batches, so that it has no curve of its own: give a state with \
         --state-in, as `reweight eval --state-out` writes one, or see what it does to your scores with `reweight inspect`"
    )]
    NeedsState { file: String },
    #[error(
        "{curves} curves cannot be told apart; draw at most {most} (classes of different weight have a curve each)"
    )]
    TooMany { curves: usize, most: usize },
    #[error("{path}: the ending says neither .svg nor .png; give the file one of them")]
    Ending { path: String },
    #[error("{path}: cannot be written; check that the folder exists and may be written to")]
    Unwritable { path: String, source: io::Error },
    #[error("the figure cannot be drawn: {reason}")]
    Drawing { reason: String },
    #[error("standard output cannot be written to")]
    Output(#[from] io::Error),
}
