//! The jobs over threads. Which thread trains a network decides nothing: its weights, batches and folds hang on the seed.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use reweight::{ConfiguredLoss, LossError};
use reweight_dfdx::{TensorLoss, TensorLossError};
use serde::Serialize;

use super::CompareError;
use super::data::hex_sha256;
use super::plan::{Job, Plan};
use super::progress::Progress;
use super::trace::{self, GradientTrace, Trace};
#[cfg(not(feature = "cuda"))]
use crate::device::DeviceError;
use crate::device::{DeviceChoice, TrainingDevice};
use crate::model::{Logits, Loss, Mlp, ModelError};
use crate::table::Encoder;
use crate::threads::pool;
use crate::train::train;

/// One trained network's figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Run {
    /// The strategy, as an index into the settings' strategies.
    pub strategy: usize,
    /// The seed.
    pub seed: u64,
    /// The fold, from 0.
    pub fold: usize,
    /// One a figure, in the comparison's order.
    pub figures: Vec<f64>,
    /// The mean training loss of each epoch; of the strategy's own loss, so not comparable between strategies.
    pub epoch_losses: Vec<f64>,
    /// SHA-256 of `logits` as little-endian f32: what tells whether a run was repeated to the bit.
    pub logits_sha256: String,
    /// The logits of the fold's test rows, row after row.
    #[serde(skip)]
    pub logits: Vec<f32>,
    /// The fold's test rows.
    #[serde(skip)]
    pub test: Vec<usize>,
    /// What a report needs beside; none where none was asked for.
    #[serde(skip)]
    pub trace: Option<Trace>,
}

/// Why a training step did not happen.
#[derive(Debug, thiserror::Error)]
enum StepError {
    #[error(transparent)]
    Loss(#[from] TensorLossError),
    #[error("interrupted")]
    Interrupted,
}

/// Trains all networks of a plan on `threads` threads (one a core by default), until `stop` is set. Where `traced`, what a
/// report needs is recorded on the way, which changes no network.
///
/// The finished runs come back in the plan's order, whichever thread finished them, and when.
pub(super) fn run(
    plan: &Plan<'_>,
    threads: Option<usize>,
    traced: bool,
    stop: &AtomicBool,
    progress: &Progress,
) -> Result<Vec<Run>, CompareError> {
    let device = plan.settings.training.device;
    let train = match device {
        DeviceChoice::Cpu => network::<dfdx::prelude::Cpu, _>,
        #[cfg(feature = "cuda")]
        DeviceChoice::Cuda => network::<dfdx::prelude::Cuda, _>,
        #[cfg(not(feature = "cuda"))]
        DeviceChoice::Cuda => return Err(DeviceError::WithoutCuda.into()),
    };
    let pool = pool(device.threads(threads))?;
    let slots: Vec<Mutex<Option<Run>>> = (0..plan.len()).map(|_| Mutex::new(None)).collect();
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    // One that fails stops the others as Ctrl-C does.
    let failed = AtomicBool::new(false);
    let is_stopped = || stop.load(Ordering::Relaxed) || failed.load(Ordering::Relaxed);
    // Jobs are taken from the front one by one, not split in halves, so that an interruption leaves whole folds.
    let work = || -> Result<(), CompareError> {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(slot) = slots.get(index).filter(|_| !is_stopped()) else { return Ok(()) };
            match train(plan, plan.job(index), traced, &is_stopped, progress) {
                Ok(Some(run)) => {
                    *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(run);
                    progress.trained(done.fetch_add(1, Ordering::Relaxed) + 1);
                }
                Ok(None) => return Ok(()),
                Err(error) => {
                    failed.store(true, Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
    };
    let outcomes = pool.broadcast(|_| work());
    outcomes.into_iter().collect::<Result<(), _>>()?;
    let finished = |slot: Mutex<Option<Run>>| slot.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(slots.into_iter().filter_map(finished).collect())
}

/// Trains and judges one network; none if it was stopped.
fn network<D: TrainingDevice, F: Fn() -> bool>(
    plan: &Plan<'_>,
    job: Job,
    traced: bool,
    is_stopped: &F,
    progress: &Progress,
) -> Result<Option<Run>, CompareError> {
    let (problem, training) = (plan.problem, &plan.settings.training);
    let strategy = &plan.settings.strategies[job.strategy];
    let (seed, fold) = (training.seeds[job.seed], &plan.folds[job.seed][job.fold]);
    let mut loss = strategy.build(&problem.counts(&fold.train))?;
    let encoder = Encoder::fit(&problem.table, &fold.train);
    let inputs = encoder.encode(&problem.table, &fold.train);
    let mut steps = 0;
    let step = |model: &Mlp<D>, logits: Logits<D>, rows: &[usize]| -> Result<Loss<D>, StepError> {
        if is_stopped() {
            return Err(StepError::Interrupted);
        }
        progress.step();
        steps += 1;
        // Of the type that `eval` has too: every other one compiles the engine once more.
        let classes: Vec<i64> = rows.iter().map(|&row| plan.classes[fold.train[row]] as i64).collect();
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
    let bias = problem.prior_bias(&fold.train);
    let settings = training.train_settings();
    let place = (seed, u32::try_from(job.fold).unwrap_or(u32::MAX));
    let refuse = |source| CompareError::Training { strategy: strategy.name.clone(), seed, fold: job.fold, source };
    let tests = encoder.encode(&problem.table, &fold.test);
    let mut metric = Vec::new();
    let epochs = if traced { trace::epochs(training.epochs) } else { Vec::new() };
    let after_epoch = |model: &Mlp<D>, epoch: u32| {
        if epochs.binary_search(&epoch).is_ok() {
            metric.push(trace::metric_of(problem, &model.predict(&tests)?, &fold.test));
        }
        Ok(())
    };
    let trained = match train(&inputs, problem.outputs(), Some(&bias), &settings, place, step, after_epoch) {
        Ok(trained) => trained,
        Err(_) if is_stopped() => return Ok(None),
        Err(error) => return Err(refuse(diverged(error, steps))),
    };
    let logits = trained.model.predict(&tests).map_err(refuse)?;
    let figures = problem.judge(&logits, &fold.test).map_err(|source| CompareError::Judging {
        strategy: strategy.name.clone(),
        seed,
        fold: job.fold,
        source,
    })?;
    let trace = traced.then(|| {
        let classes: Vec<usize> = fold.test.iter().map(|&row| plan.classes[row]).collect();
        let gradient = GradientTrace::new(problem, &loss, &logits, &classes);
        gradient.map(|gradient| Trace { metric, gradient }).map_err(|error| refuse(ModelError::Loss(Box::new(error))))
    });
    let bytes: Vec<u8> = logits.iter().flat_map(|logit| logit.to_le_bytes()).collect();
    Ok(Some(Run {
        strategy: job.strategy,
        seed,
        fold: job.fold,
        figures,
        epoch_losses: trained.epoch_losses,
        logits_sha256: hex_sha256(&bytes),
        logits,
        test: fold.test.clone(),
        trace: trace.transpose()?,
    }))
}

/// A loss that is not finite says at which step of the training, and how to mend it there.
fn diverged(error: ModelError, step: i32) -> ModelError {
    let ModelError::Loss(source) = &error else { return error };
    let loss = match source.downcast_ref() {
        Some(StepError::Loss(TensorLossError::Loss(LossError::NotFinite { quantity: "loss", value, .. }))) => {
            *value as f32
        }
        Some(StepError::Loss(TensorLossError::Loss(LossError::SumNotFinite))) => f32::INFINITY,
        _ => return error,
    };
    ModelError::Diverged { step, loss }
}
