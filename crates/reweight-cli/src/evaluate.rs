//! `reweight eval`: one batch from .npy files, its loss on standard output, its gradient, weights and losses in an .npz.

mod again;
mod arrays;
mod error;
mod inputs;
mod number;
mod overflow;
mod shapes;
mod state_file;
mod tensors;

use std::io::Write;
use std::path::Path;

use half::{bf16, f16};
use reweight::{Chain, ConfiguredLoss, HessianForm, LossConfig, LossError, LossSummary, Objective, Reduction, State};
use reweight_dfdx::TensorLossError;
use serde::Serialize;

use crate::arguments::{Backend, EvalArguments, Precision};
use crate::files::{OutputError, Outputs, Staged, read_at_most};
use crate::npy::{NpyArray, write_npz};
use crate::standard_output::ReaderLeft;
use crate::terminal::on_lines;
use crate::threads::pool;
pub use error::EvalError;
use inputs::{BceInputs, Files, SoftmaxInputs};
use number::Number;
pub(crate) use state_file::StateFile;

/// Bytes of a config; one with counts of a million classes is shorter.
const LONGEST_CONFIG: u64 = 1 << 24;

/// What is wanted of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// The summary.
    Summary,
    /// Each element's or row's figures too.
    Details,
    /// And second derivatives.
    Hessian(HessianForm),
}

impl Wanted {
    fn of(arguments: &EvalArguments) -> Self {
        match (&arguments.out, arguments.hessian) {
            (None, _) => Self::Summary,
            (Some(_), None) => Self::Details,
            (Some(_), Some(hessian)) => Self::Hessian(hessian.into()),
        }
    }

    fn form(self) -> Option<HessianForm> {
        match self {
            Self::Hessian(form) => Some(form),
            _ => None,
        }
    }

    /// Numbers that are kept, of a batch of so many logits and samples.
    fn numbers(self, logits: usize, samples: usize) -> usize {
        match self {
            Self::Summary => 0,
            Self::Details => logits + 2 * samples,
            Self::Hessian(_) => 2 * logits + 2 * samples,
        }
    }
}

/// What a backend computed: the step's summary, and each element's or row's figures where they were wanted.
#[derive(Debug, Clone, PartialEq)]
struct Computed {
    /// The reduced loss, counts and weight sum.
    summary: LossSummary,
    details: Option<Details>,
}

impl Computed {
    /// The same with the second derivatives that another backend computed.
    fn with_hessian_of(mut self, other: Option<Self>) -> Self {
        let hessian = other.and_then(|other| other.details?.hessian);
        if let (Some(details), Some(hessian)) = (&mut self.details, hessian) {
            details.hessian = Some(hessian);
        }
        self
    }
}

/// What --out holds.
#[derive(Debug, Clone, PartialEq)]
struct Details {
    /// dL/dx, in the logits' shape.
    grad: NpyArray,
    /// The weight of each element or row; 0 where not valid.
    weight: NpyArray,
    /// The weighted loss of each, before the reduction; 0 where not valid.
    loss: NpyArray,
    /// d²L/dx², in the logits' shape, where it was wanted.
    hessian: Option<NpyArray>,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    hessian: Option<HessianForm>,
}

/// Computes one batch: reads the files, runs one training step, prints one JSON object, writes what was asked for.
///
/// `out` is no type parameter, so that the engine is compiled with this library and not again with each user of it.
///
/// Everything is written beside its place before the object is printed, and takes its place after: --out, and the state last.
/// So whoever sees a failure can run the same command again, and no batch is counted twice.
///
/// # Errors
///
/// [`EvalError`]; the state of `--state-out` is then as it was.
pub fn run(arguments: &EvalArguments, out: &mut dyn Write) -> Result<(), EvalError> {
    if arguments.backend == Backend::DfdxCuda && arguments.hessian.is_some() {
        return Err(EvalError::HessianOnCuda);
    }
    if arguments.backend == Backend::DfdxCuda && !cfg!(feature = "cuda") {
        return Err(EvalError::WithoutCuda);
    }
    check_outputs(arguments)?;
    let config = read_config(&arguments.config)?;
    let config_path = arguments.config.display().to_string();
    if arguments.dtype != Precision::F64 {
        overflow::check_config(&config, &config_path)?;
    }
    let mut loss = config.build().map_err(|source| EvalError::Config { path: config_path, source })?;
    if let Some(path) = &arguments.state_in {
        let state = StateFile::read(path, config.objective)?;
        restore(&mut loss, &state, path)?;
    }
    let mut files = Files::open(arguments)?;
    if let Some(note) = shapes::note(&files).filter(|_| config.objective == Objective::Bce) {
        // Part of the result, so that --quiet keeps it too; nothing is left to be done when it cannot be written.
        let _ = writeln!(std::io::stderr(), "note: {}", on_lines(&note));
    }
    let (backend, wanted) = (arguments.backend, Wanted::of(arguments));
    let computed = pool(None)?.install(|| match arguments.dtype {
        Precision::F16 => compute::<f16>(&mut files, &mut loss, backend, wanted),
        Precision::Bf16 => compute::<bf16>(&mut files, &mut loss, backend, wanted),
        Precision::F32 => compute::<f32>(&mut files, &mut loss, backend, wanted),
        Precision::F64 => compute::<f64>(&mut files, &mut loss, backend, wanted),
    })?;
    let mut staged = Vec::new();
    if let (Some(path), Some(Details { grad, weight, loss, hessian })) = (&arguments.out, computed.details) {
        let mut file = Staged::new(path)?;
        let mut arrays = vec![("grad", &grad), ("weight", &weight), ("loss", &loss)];
        arrays.extend(hessian.as_ref().map(|hessian| ("hessian", hessian)));
        file.fill(|file| write_npz(file, &arrays))?;
        staged.push(file);
    }
    if let Some(path) = &arguments.state_out {
        staged.push(StateFile::new(config.objective, state(&loss)).stage(path)?);
    }
    let printed = Printed {
        summary: computed.summary,
        objective: config.objective,
        reduction: config.reduction,
        backend: arguments.backend,
        dtype: arguments.dtype,
        hessian: wanted.form(),
    };
    let text = serde_json::to_string(&printed).map_err(std::io::Error::from)?;
    let told = writeln!(out, "{text}").and_then(|()| out.flush());
    if let Err(error) = told.as_ref()
        && !ReaderLeft::is(error)
    {
        return told.map_err(EvalError::Output);
    }
    staged.into_iter().try_for_each(Staged::put)?;
    told.map_err(EvalError::Output)
}

/// That no output takes the place of an input or of the other; but a state may go on in its own file.
fn check_outputs(arguments: &EvalArguments) -> Result<(), OutputError> {
    let (out, state_out) = (arguments.out.as_deref(), arguments.state_out.as_deref());
    let arrays = [Some(&arguments.targets), arguments.valid.as_ref(), arguments.sample_weight.as_ref()];
    Outputs::new([("--out", out), ("--state-out", state_out)])
        .reading("the config", &arguments.config)
        .reading("the logits", &arguments.logits)
        .reading_all("an array", arrays.into_iter().flatten().map(AsRef::as_ref))
        .check()?;
    Outputs::new([("--out", out)]).reading_all("the state", arguments.state_in.as_deref()).check()
}

/// Reads a loss.toml.
///
/// # Errors
///
/// [`EvalError`] when it cannot be read or is not a loss.
pub fn read_config(path: &Path) -> Result<LossConfig, EvalError> {
    let name = || path.display().to_string();
    let bytes =
        read_at_most(path, LONGEST_CONFIG).map_err(|source| EvalError::ConfigUnreadable { path: name(), source })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        EvalError::ConfigNotText { path: name(), line }
    })?;
    LossConfig::from_toml(&text).map_err(|source| EvalError::Config { path: name(), source })
}

/// dfdx's tensors cannot be read where they have no elements; of such a batch the CPU engine says the same. A tape has no second
/// derivatives: those are the engine's, of a copy that takes the same step.
fn compute<A: Number>(
    files: &mut Files,
    loss: &mut ConfiguredLoss,
    backend: Backend,
    wanted: Wanted,
) -> Result<Computed, EvalError> {
    let name = files.logits.name().to_owned();
    // What is beyond the floats is told by value and weight, where both can be found out.
    let beyond = |source: &LossError, again: Option<Computed>| {
        let told = again.and_then(|computed| overflow::check(&computed, &name, A::BITS).err());
        told.or_else(|| overflow::refused(source, &name, A::BITS))
    };
    let computed = match loss {
        ConfiguredLoss::Bce(loss) => {
            let inputs = BceInputs::<A>::new(files)?;
            files.make_room::<A>(wanted.numbers(inputs.logits.len(), inputs.logits.len()))?;
            let computed = match backend {
                Backend::DfdxCpu | Backend::DfdxCuda if !inputs.logits.is_empty() => {
                    let engine = |loss: &mut Bce| arrays::bce(&inputs, loss, wanted);
                    let hessian = wanted.form().map(|_| engine(&mut loss.clone())).transpose();
                    hessian
                        .map_err(TensorLossError::Loss)
                        .and_then(|hessian| Ok(A::bce(&inputs, loss, backend)?.with_hessian_of(hessian)))
                }
                _ => arrays::bce(&inputs, loss, wanted).map_err(TensorLossError::Loss),
            };
            computed.map_err(|error| match error {
                TensorLossError::Loss(source) => {
                    beyond(&source, again::bce(&inputs, loss, &source)).unwrap_or_else(|| files.refuse(source))
                }
                other => files.refuse_tensor(other),
            })
        }
        ConfiguredLoss::Softmax(loss) => {
            let inputs = SoftmaxInputs::<A>::new(files)?;
            files.make_room::<A>(wanted.numbers(inputs.logits.len(), inputs.targets.len()))?;
            let computed = match backend {
                Backend::DfdxCpu | Backend::DfdxCuda if !inputs.logits.is_empty() => {
                    let engine = |loss: &mut Softmax| arrays::softmax(&inputs, loss, wanted);
                    let hessian = wanted.form().map(|_| engine(&mut loss.clone())).transpose();
                    hessian
                        .map_err(TensorLossError::Loss)
                        .and_then(|hessian| Ok(A::softmax(&inputs, loss, backend)?.with_hessian_of(hessian)))
                }
                _ => arrays::softmax(&inputs, loss, wanted).map_err(TensorLossError::Loss),
            };
            computed.map_err(|error| match error {
                TensorLossError::Loss(source) => {
                    beyond(&source, again::softmax(&inputs, loss, &source)).unwrap_or_else(|| files.refuse(source))
                }
                other => files.refuse_tensor(other),
            })
        }
    }?;
    overflow::check(&computed, files.logits.name(), A::BITS)?;
    Ok(computed)
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
