//! `reweight eval`: one batch from .npy files, its loss on standard output, its gradient, weights and losses in an .npz.

mod arrays;
mod error;
mod inputs;
mod number;
mod state_file;
mod tensors;

use std::io::Write;
use std::path::Path;

use reweight::{Chain, ConfiguredLoss, LossConfig, LossSummary, Objective, Reduction, State};
use serde::Serialize;

use crate::arguments::{Backend, EvalArguments, Precision};
use crate::npy::{NpyArray, write_npz};
use crate::threads::pool;
pub use error::EvalError;
use inputs::{BceInputs, Files, SoftmaxInputs};
use number::Number;
pub(crate) use state_file::StateFile;

/// What a backend computed: the step's summary, and each element's or row's figures.
#[derive(Debug, Clone, PartialEq)]
pub struct Computed {
    /// The reduced loss, counts and weight sum.
    pub summary: LossSummary,
    /// dL/dx, in the logits' shape.
    pub grad: NpyArray,
    /// The weight of each element or row; 0 where not valid.
    pub weight: NpyArray,
    /// The weighted loss of each, before the reduction; 0 where not valid.
    pub loss: NpyArray,
}

/// The JSON object on standard output.
#[derive(Debug, Serialize)]
struct Printed {
    #[serde(flatten)]
    summary: LossSummary,
    objective: Objective,
    reduction: Reduction,
    backend: Backend,
    dtype: Precision,
}

/// Computes one batch: reads the files, runs one training step, writes what was asked for, prints one JSON object.
///
/// `out` is no type parameter, so that the engine is compiled with this library and not again with each user of it.
///
/// Files are written only after everything succeeded, each whole or not at all, the state last.
///
/// # Errors
///
/// [`EvalError`]; neither `--out` nor `--state-out` is then touched, unless writing them is what failed.
pub fn run(arguments: &EvalArguments, out: &mut dyn Write) -> Result<(), EvalError> {
    if arguments.backend == Backend::DfdxCuda && !cfg!(feature = "cuda") {
        return Err(EvalError::WithoutCuda);
    }
    let config = read_config(&arguments.config)?;
    let mut loss =
        config.build().map_err(|source| EvalError::Config { path: arguments.config.display().to_string(), source })?;
    if let Some(path) = &arguments.state_in {
        let state = StateFile::read(path, config.objective)?;
        restore(&mut loss, &state, path)?;
    }
    let files = Files::read(arguments)?;
    let computed = pool(None)?.install(|| match arguments.dtype {
        Precision::F32 => compute::<f32>(&files, &mut loss, arguments.backend),
        Precision::F64 => compute::<f64>(&files, &mut loss, arguments.backend),
    })?;
    if let Some(path) = &arguments.out {
        write_npz(path, &[("grad", computed.grad), ("weight", computed.weight), ("loss", computed.loss)])?;
    }
    if let Some(path) = &arguments.state_out {
        StateFile::new(config.objective, state(&loss)).write(path)?;
    }
    let printed = Printed {
        summary: computed.summary,
        objective: config.objective,
        reduction: config.reduction,
        backend: arguments.backend,
        dtype: arguments.dtype,
    };
    let text = serde_json::to_string(&printed).map_err(std::io::Error::from)?;
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(EvalError::Output)
}

/// Reads a loss.toml.
///
/// # Errors
///
/// [`EvalError`] when it cannot be read or is not a loss.
pub fn read_config(path: &Path) -> Result<LossConfig, EvalError> {
    let name = || path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|source| EvalError::ConfigUnreadable { path: name(), source })?;
    LossConfig::from_toml(&text).map_err(|source| EvalError::Config { path: name(), source })
}

/// dfdx's tensors cannot be read where they have no elements; of such a batch the CPU engine says the same.
fn compute<A: Number>(files: &Files, loss: &mut ConfiguredLoss, backend: Backend) -> Result<Computed, EvalError> {
    match loss {
        ConfiguredLoss::Bce(loss) => {
            let inputs = BceInputs::<A>::new(files)?;
            match backend {
                Backend::DfdxCpu | Backend::DfdxCuda if !inputs.logits.is_empty() => {
                    A::bce(&inputs, loss, backend).map_err(|source| files.refuse_tensor(source))
                }
                _ => arrays::bce(&inputs, loss).map_err(|source| files.refuse(source)),
            }
        }
        ConfiguredLoss::Softmax(loss) => {
            let inputs = SoftmaxInputs::<A>::new(files)?;
            match backend {
                Backend::DfdxCpu | Backend::DfdxCuda if !inputs.logits.is_empty() => {
                    A::softmax(&inputs, loss, backend).map_err(|source| files.refuse_tensor(source))
                }
                _ => arrays::softmax(&inputs, loss).map_err(|source| files.refuse(source)),
            }
        }
    }
}

fn state(loss: &ConfiguredLoss) -> State {
    match loss {
        ConfiguredLoss::Bce(loss) => loss.state(),
        ConfiguredLoss::Softmax(loss) => loss.state(),
    }
}

/// Goes on from a saved state.
pub(crate) fn restore(loss: &mut ConfiguredLoss, state: &State, path: &Path) -> Result<(), EvalError> {
    match loss {
        ConfiguredLoss::Bce(loss) => loss.restore(state),
        ConfiguredLoss::Softmax(loss) => loss.restore(state),
    }
    .map_err(|source| EvalError::State { path: path.display().to_string(), source })
}

/// The two losses that a config gives.
type Bce = reweight::BceLoss<Chain>;
type Softmax = reweight::SoftmaxLoss<Chain>;
