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
use reweight_lab::npy::{NpyArray, NpzWriter};
use reweight_lab::text::{counted, on_lines};
use serde::Serialize;

use crate::arguments::{Backend, EvalArguments, Precision};
use crate::files::{OutputError, Outputs, Staged, WriteError, read_at_most};
use crate::standard_output::ReaderLeft;
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
    /// Second derivatives and nothing else.
    HessianAlone(HessianForm),
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
            Self::Hessian(form) | Self::HessianAlone(form) => Some(form),
            _ => None,
        }
    }

    /// Numbers that are kept at a time, of a batch of so many logits.
    fn numbers(self, logits: usize) -> usize {
        match self {
            Self::Summary => 0,
            Self::Details => logits,
            Self::Hessian(_) | Self::HessianAlone(_) => 2 * logits,
        }
    }
}

/// Takes an array of results as soon as it is computed: the next one may need its memory.
type Put<'a> = &'a mut (dyn FnMut(&'static str, NpyArray) -> Result<(), EvalError> + Send);

/// Why a backend did not compute a batch.
enum Fault {
    /// The batch or the backend.
    Refused(TensorLossError),
    /// What takes the results.
    Unwritten(EvalError),
}

impl From<LossError> for Fault {
    fn from(error: LossError) -> Self {
        Self::Refused(error.into())
    }
}

impl From<TensorLossError> for Fault {
    fn from(error: TensorLossError) -> Self {
        Self::Refused(error)
    }
}

impl From<EvalError> for Fault {
    fn from(error: EvalError) -> Self {
        Self::Unwritten(error)
    }
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
    let mut loss = config.build().map_err(|source| EvalError::Config { path: config_path.clone(), source })?;
    if arguments.dtype != Precision::F64 {
        overflow::check_config(&config, &config_path)?;
    }
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
    let mut file = arguments.out.as_deref().map(Staged::new).transpose()?;
    let summary = match &mut file {
        None => computed(arguments.dtype, &mut files, &mut loss, (backend, wanted), &mut |_, _| Ok(()))?,
        Some(file) => {
            let path = arguments.out.as_deref().unwrap_or(Path::new(""));
            let unwritten = |source| EvalError::from(WriteError::new(path, source));
            let mut archive = NpzWriter::new(file.file());
            let mut put = |name, array: NpyArray| archive.add(name, &array).map_err(unwritten);
            let summary = computed(arguments.dtype, &mut files, &mut loss, (backend, wanted), &mut put)?;
            archive.finish().map_err(unwritten)?;
            file.sync()?;
            summary
        }
    };
    let mut staged: Vec<Staged> = file.into_iter().collect();
    if let Some(path) = &arguments.state_out {
        staged.push(StateFile::new(config.objective, state(&loss)).stage(path)?);
    }
    if let Some(note) = weighs_nothing(&summary) {
        let _ = writeln!(std::io::stderr(), "note: {}: {note}", on_lines(&arguments.logits.display().to_string()));
    }
    let printed = Printed {
        summary,
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

/// What to say of a batch that says nothing, though it has samples.
fn weighs_nothing(summary: &LossSummary) -> Option<String> {
    (summary.valid > 0 && summary.weight_sum == 0.0).then(|| {
        format!(
            "each of the {} weighs 0, so that loss and gradient are 0 whatever the logits; see the sample weights, and exponents (`gamma`) \
             and class weights of the config",
            counted(summary.valid, "valid sample")
        )
    })
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

/// One step in a precision, over all threads.
fn computed(
    dtype: Precision,
    files: &mut Files,
    loss: &mut ConfiguredLoss,
    (backend, wanted): (Backend, Wanted),
    put: Put<'_>,
) -> Result<LossSummary, EvalError> {
    pool(None)?.install(|| match dtype {
        Precision::F16 => compute::<f16>(files, loss, backend, wanted, put),
        Precision::Bf16 => compute::<bf16>(files, loss, backend, wanted, put),
        Precision::F32 => compute::<f32>(files, loss, backend, wanted, put),
        Precision::F64 => compute::<f64>(files, loss, backend, wanted, put),
    })
}

/// dfdx's tensors cannot be read where they have no elements; of such a batch the CPU engine says the same. A tape has no second
/// derivatives: those are the engine's, of a copy that takes the same step.
fn compute<A: Number>(
    files: &mut Files,
    loss: &mut ConfiguredLoss,
    backend: Backend,
    wanted: Wanted,
    put: Put<'_>,
) -> Result<LossSummary, EvalError> {
    let name = files.logits.name().to_owned();
    let mut put = |array_name: &'static str, array: NpyArray| {
        let quantity = match array_name {
            "grad" => "gradient",
            "loss" => "weighted loss",
            "hessian" => "second derivative",
            other => other,
        };
        overflow::check_array(quantity, &array, &name, A::BITS)?;
        put(array_name, array)
    };
    // What is beyond the floats is told by value and weight, where both can be found out.
    let beyond = |source: &LossError, again: Option<overflow::Computed>| {
        let told = again.and_then(|computed| overflow::check(&computed, &name, A::BITS).err());
        told.or_else(|| overflow::refused(source, &name, A::BITS))
    };
    let is_tensors = matches!(backend, Backend::DfdxCpu | Backend::DfdxCuda);
    macro_rules! step {
        ($Inputs:ident, $step:ident, $loss:ident) => {{
            let inputs = $Inputs::<A>::new(files)?;
            files.make_room::<A>(wanted.numbers(inputs.logits.len()))?;
            let computed = if is_tensors && !inputs.logits.is_empty() {
                let alone = wanted.form().map(Wanted::HessianAlone);
                let hessian = alone.map(|wanted| arrays::$step(&inputs, &mut $loss.clone(), wanted, &mut put));
                // The tensors take the inputs' place.
                hessian.transpose().and_then(|_| A::$step(inputs, $loss, (backend, wanted), &mut put))
            } else {
                arrays::$step(&inputs, $loss, wanted, &mut put)
            };
            computed.map_err(|fault| match fault {
                Fault::Refused(TensorLossError::Loss(source)) => {
                    let again = $Inputs::<A>::new(files).ok();
                    let again = again.and_then(|inputs| again::$step(&inputs, $loss, &source));
                    beyond(&source, again).unwrap_or_else(|| files.refuse(source))
                }
                Fault::Refused(other) => files.refuse_tensor(other),
                Fault::Unwritten(error) => error,
            })
        }};
    }
    let summary = match loss {
        ConfiguredLoss::Bce(loss) => step!(BceInputs, bce, loss),
        ConfiguredLoss::Softmax(loss) => step!(SoftmaxInputs, softmax, loss),
    }?;
    overflow::check_sums(&summary, ("", ""), files.logits.name(), A::BITS)?;
    Ok(summary)
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
