//! One model of one fold under one loss, trained and asked for the fold's test rows: what `compare` and `tune` do alike.
//!
//! Weights, batches and inputs hang on the seed and the fold alone, so that two losses differ by nothing but themselves.

use std::fmt;

use reweight::{BatchForm, ConfiguredLoss, LossError};
use reweight_dfdx::{TensorLoss, TensorLossError};

use crate::device::{DeviceChoice, DeviceError, TrainingDevice};
use crate::folds::Fold;
use crate::model::{Logits, Loss, Mlp, ModelError};
use crate::problem::Problem;
use crate::table::Encoder;
use crate::train::{TrainSettings, train};

/// What is to be learnt, and from which rows.
#[derive(Debug, Clone, Copy)]
pub struct Lesson<'a> {
    /// The table, with its classes.
    pub problem: &'a Problem,
    /// The class of each of the problem's rows, as it is trained.
    pub classes: &'a [usize],
    /// How it is trained.
    pub settings: &'a TrainSettings,
    /// The rows to train on and to be judged on.
    pub fold: &'a Fold,
    /// The seed, and the number of the fold, of initial weights and batches.
    pub place: (u64, u32),
}

/// What came of it.
#[derive(Debug)]
pub struct Fitted {
    /// The logits of the fold's test rows, row after row.
    pub logits: Vec<f32>,
    /// The mean training loss of each epoch.
    pub epoch_losses: Vec<f64>,
    /// The loss, with the state that the training left it in.
    pub loss: ConfiguredLoss,
}

/// Gives the logits of the test rows as the model has them after an epoch.
pub type Ask<'a> = &'a dyn Fn() -> Result<Vec<f32>, ModelError>;

/// What is told, and asked, on the way.
pub struct Watch<'a> {
    /// Whether to stop, before each step.
    pub is_stopped: &'a dyn Fn() -> bool,
    /// After each step.
    pub on_step: &'a dyn Fn(),
    /// After each epoch, from 1.
    pub after_epoch: &'a mut dyn FnMut(u32, Ask<'_>) -> Result<(), ModelError>,
}

impl fmt::Debug for Watch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

/// Trains one model; none if it was stopped.
pub type Fit = fn(Lesson<'_>, ConfiguredLoss, Watch<'_>) -> Result<Option<Fitted>, ModelError>;

/// What trains on a device.
///
/// # Errors
///
/// [`DeviceError`] where the program was built without it.
// Not inlined: a copy of it would bring the learners into the crate that calls, and compile them there, as that is.
#[inline(never)]
pub fn on(device: DeviceChoice) -> Result<Fit, DeviceError> {
    match device {
        DeviceChoice::Cpu => Ok(fit::<dfdx::prelude::Cpu>),
        #[cfg(feature = "cuda")]
        DeviceChoice::Cuda => Ok(fit::<dfdx::prelude::Cuda>),
        #[cfg(not(feature = "cuda"))]
        DeviceChoice::Cuda => Err(DeviceError::WithoutCuda),
    }
}

/// Why a training step did not happen.
#[derive(Debug, thiserror::Error)]
enum StepError {
    #[error(transparent)]
    Loss(#[from] TensorLossError),
    #[error("interrupted")]
    Interrupted,
}

fn fit<D: TrainingDevice>(
    lesson: Lesson<'_>,
    mut loss: ConfiguredLoss,
    watch: Watch<'_>,
) -> Result<Option<Fitted>, ModelError> {
    let Lesson { problem, classes, settings, fold, place } = lesson;
    let Watch { is_stopped, on_step, after_epoch } = watch;
    let encoder = Encoder::fit(&problem.table, &fold.train);
    let inputs = encoder.encode(&problem.table, &fold.train);
    let tests = encoder.encode(&problem.table, &fold.test);
    let bias = start(problem, &problem.counts_of(classes, &fold.train), &loss)?;
    let mut steps = 0;
    let step = |model: &Mlp<D>, logits: Logits<D>, rows: &[usize]| -> Result<Loss<D>, StepError> {
        if is_stopped() {
            return Err(StepError::Interrupted);
        }
        on_step();
        steps += 1;
        // Of the type that `eval` has too: every other one compiles the engine once more.
        let classes: Vec<i64> = rows.iter().map(|&row| classes[fold.train[row]] as i64).collect();
        Ok(match &mut loss {
            ConfiguredLoss::Bce(loss) => {
                let targets = model
                    .device()
                    .try_tensor_from_vec(classes, (rows.len(), 1))
                    .map_err(Into::<TensorLossError>::into)?;
                loss.forward(logits, &targets)?
            }
            ConfiguredLoss::Softmax(loss) => {
                let targets = model
                    .device()
                    .try_tensor_from_vec(classes, (rows.len(),))
                    .map_err(Into::<TensorLossError>::into)?;
                loss.forward(logits, &targets)?
            }
        })
    };
    let after_epoch = |model: &Mlp<D>, epoch: u32| after_epoch(epoch, &|| model.predict(&tests));
    let trained = match train(&inputs, problem.outputs(), Some(&bias), settings, place, step, after_epoch) {
        Ok(trained) => trained,
        Err(_) if is_stopped() => return Ok(None),
        Err(error) => return Err(diverged(error, steps)),
    };
    let logits = trained.model.predict(&tests)?;
    Ok(Some(Fitted { logits, epoch_losses: trained.epoch_losses, loss }))
}

/// The output biases with which the loss sees the classes' shares at first: what its adjustments will do is taken off, or a logit
/// adjustment would count the shares twice, and the first epochs be spent on unlearning them.
fn start(problem: &Problem, counts: &[usize], loss: &ConfiguredLoss) -> Result<Vec<f32>, ModelError> {
    let (rows, outputs) = (counts.iter().sum(), problem.outputs());
    let fit = match loss {
        ConfiguredLoss::Bce(loss) => loss.weighting().fit(&BatchForm::binary(&[rows, outputs], false)),
        ConfiguredLoss::Softmax(loss) => loss.weighting().fit(&BatchForm::softmax(&[rows, outputs], outputs)),
    };
    let shares = problem.prior_bias(counts);
    let Some(affine) = fit.map_err(|error| ModelError::Loss(Box::new(error)))?.affine else { return Ok(shares) };
    let seen = |(output, &share): (usize, &f32)| {
        let bias = (f64::from(share) - affine.offset_of(output)) / affine.scale_of(output);
        // Of a logit that is scaled to nothing, no bias gives the share.
        if bias.is_finite() { bias as f32 } else { share }
    };
    Ok(shares.iter().enumerate().map(seen).collect())
}

/// A loss or logit that is not finite says at which step of the training, and how to mend it there.
fn diverged(error: ModelError, step: i32) -> ModelError {
    let ModelError::Loss(source) = &error else { return error };
    let Some(StepError::Loss(TensorLossError::Loss(source))) = source.downcast_ref() else { return error };
    let (what, value) = match source {
        LossError::NotFinite { quantity: what @ ("loss" | "slope"), value, .. } => (*what, *value as f32),
        LossError::SumNotFinite => ("loss", f32::INFINITY),
        LossError::NonFiniteLogit { logit, .. } => ("logit", *logit as f32),
        _ => return error,
    };
    ModelError::Diverged { step, what, value }
}
