//! Why a batch could not be computed: what is wrong, in which file, and how to mend it.

use std::io;

use dfdx::tensor::CpuError;
use reweight::{ConfigError, LossError, StateError};
use reweight_lab::npy::NpyError;
use reweight_lab::text::number;

use crate::files::{OutputError, WriteError};
use crate::threads::ThreadsError;

/// Why `reweight eval` failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the message beside each variant says what its fields mean")]
pub enum EvalError {
    #[error("{path}: the config cannot be read{}", if_missing(.source, "; check the path (it is taken from the folder you are in)"))]
    ConfigUnreadable { path: String, source: io::Error },
    #[error("{path}: line {line} of the config is not UTF-8; save it as UTF-8 text")]
    ConfigNotText { path: String, line: usize },
    #[error("{path}")]
    Config { path: String, source: ConfigError },
    #[error(transparent)]
    Npy(#[from] NpyError),
    #[error("{path}: `{name}` has shape {found:?}, but must have shape {expected:?}: {cure}")]
    Shape { path: String, name: &'static str, found: Vec<usize>, expected: Vec<usize>, cure: String },
    #[error("{path}: the class at index {index} is {}; class indices are whole numbers", number(*.value))]
    NotAClass { path: String, index: usize, value: f64 },
    #[error(
        "{path}: the element at index {index} is {}; use 1 (or true) for valid and 0 (or false) for ignored",
        number(*.value)
    )]
    NotAMask { path: String, index: usize, value: f64 },
    #[error("{path}: the element at index {index} is {value:e}, too large for {}; compute with --dtype {}", .size.0, .size.1)]
    BeyondPrecision { path: String, index: usize, value: f64, size: (&'static str, &'static str) },
    #[error("{path}: {setting} is {value:e}, too large for 32 bits; compute with --dtype f64, or give a smaller one")]
    SettingBeyondPrecision { path: String, setting: String, value: f64 },
    #[error("{path}: {what}, beyond the {bits}-bit floats; {cure}")]
    Overflow { path: String, what: String, bits: u32, cure: &'static str },
    #[error("{files}")]
    Loss { files: String, source: LossError },
    #[error("the batch cannot be computed here")]
    Engine { source: LossError },
    #[error("the tensor library failed ({0}); --backend ndarray does without it")]
    Device(CpuError),
    #[error(
        "this program was built without CUDA; build one where a CUDA toolkit is, with `cargo build --release -p reweight-cli --features cuda`, or use another --backend"
    )]
    WithoutCuda,
    #[error("--backend dfdx-cuda has no second derivatives; use --backend ndarray or dfdx-cpu, or leave out --hessian")]
    HessianOnCuda,
    #[cfg(feature = "cuda")]
    #[error("--backend ndarray does without a device")]
    Cuda(#[source] reweight_dfdx::CudaFailure),
    #[error("{path}: the state cannot be read{}", if_missing(.source, "; check the path, or leave out --state-in to start anew"))]
    StateUnreadable { path: String, source: io::Error },
    #[error("{path}: not a state file ({reason}); give a file that --state-out wrote")]
    NotAState { path: String, reason: String },
    #[error("{path}: the state file has version {found}, this program reads {expected}; start anew without --state-in")]
    StateVersion { path: String, found: String, expected: u64 },
    #[error(
        "{path}: the state was saved by objective \"{found}\", the config has \"{expected}\"; use the config that it was saved with"
    )]
    StateObjective { path: String, found: String, expected: String },
    #[error("{path}")]
    State { path: String, source: StateError },
    #[error(transparent)]
    Outputs(#[from] OutputError),
    #[error(transparent)]
    Unwritable(#[from] WriteError),
    #[error(transparent)]
    Threads(#[from] ThreadsError),
    #[error("standard output cannot be written to")]
    Output(#[from] io::Error),
}

/// A hint for a file that is not there.
fn if_missing(error: &io::Error, hint: &'static str) -> &'static str {
    if error.kind() == io::ErrorKind::NotFound { hint } else { "" }
}
