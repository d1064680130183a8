//! Why a batch could not be computed: what is wrong, in which file, and how to mend it.

use std::io;

use dfdx::tensor::CpuError;
use reweight::{ConfigError, LossError, StateError};

use crate::npy::NpyError;
use crate::threads::ThreadsError;

/// Why `reweight eval` failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the message beside each variant says what its fields mean")]
pub enum EvalError {
    #[error("{path}: the config cannot be read; check the path (it is taken from the folder you are in)")]
    ConfigUnreadable { path: String, source: io::Error },
    #[error("{path}")]
    Config { path: String, source: ConfigError },
    #[error(transparent)]
    Npy(#[from] NpyError),
    #[error("{path}: the class at index {index} is {value}; class indices are whole numbers")]
    NotAClass { path: String, index: usize, value: f64 },
    #[error("{path}: the element at index {index} is {value}; use 1 (or true) for valid and 0 (or false) for ignored")]
    NotAMask { path: String, index: usize, value: f64 },
    #[error("{path}: the element at index {index} is {value:e}, too large for 32 bits; compute with --dtype f64")]
    BeyondPrecision { path: String, index: usize, value: f64 },
    #[error("{files}")]
    Loss { files: String, source: LossError },
    #[error("the tensor library failed ({0}); --backend ndarray does without it")]
    Device(CpuError),
    #[error(
        "this program was built without CUDA; build one where a CUDA toolkit is, with `cargo build --release -p reweight-cli --features cuda`, or use another --backend"
    )]
    WithoutCuda,
    #[cfg(feature = "cuda")]
    #[error("--backend ndarray does without a device")]
    Cuda(#[source] reweight_dfdx::CudaFailure),
    #[error("{path}: the state cannot be read; check the path, or leave out --state-in to start anew")]
    StateUnreadable { path: String, source: io::Error },
    #[error("{path}: not a state file ({reason}); give a file that --state-out wrote")]
    NotAState { path: String, reason: String },
    #[error("{path}: the state file has version {found}, this program reads {expected}; start anew without --state-in")]
    StateVersion { path: String, found: u64, expected: u64 },
    #[error(
        "{path}: the state was saved by objective \"{found}\", the config has \"{expected}\"; use the config that it was saved with"
    )]
    StateObjective { path: String, found: String, expected: String },
    #[error("{path}")]
    State { path: String, source: StateError },
    #[error("{path}: the state cannot be written; check that the folder exists and may be written to")]
    StateUnwritable { path: String, source: io::Error },
    #[error(transparent)]
    Threads(#[from] ThreadsError),
    #[error("standard output cannot be written to")]
    Output(#[from] io::Error),
}
