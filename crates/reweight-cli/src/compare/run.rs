//! The jobs over threads. Which thread trains a network decides nothing: its weights, batches and folds hang on the seed.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use reweight_lab::fit::{self, Ask, Fit, Fitted, Lesson, Watch};
use reweight_lab::model::ModelError;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::CompareError;
use super::data::hex;
use super::plan::{Job, Plan};
use super::progress::Progress;
use super::trace::{self, GradientTrace, Trace};
use crate::threads::pool;

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
    pub test: Arc<[usize]>,
    /// What a report needs beside; none where none was asked for.
    #[serde(skip)]
    pub trace: Option<Trace>,
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
    let fit = fit::on(device)?;
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
            match network(plan, fit, plan.job(index), traced, &is_stopped, progress) {
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
fn network(
    plan: &Plan<'_>,
    fit: Fit,
    job: Job,
    traced: bool,
    is_stopped: &dyn Fn() -> bool,
    progress: &Progress,
) -> Result<Option<Run>, CompareError> {
    let (problem, training) = (plan.problem, &plan.settings.training);
    let strategy = &plan.settings.strategies[job.strategy];
    let (seed, fold) = (training.seeds[job.seed], &plan.fold(job.seed, job.fold));
    let settings = training.train_settings();
    let place = (seed, u32::try_from(job.fold).unwrap_or(u32::MAX));
    let labels = plan.settings.protocol.labels(fold, &plan.classes, problem.outputs().max(2), place);
    let loss = strategy.build(&problem.counts_of(&labels, &fold.train))?;
    let refuse = |source| CompareError::Training { strategy: strategy.name.clone(), seed, fold: job.fold, source };
    let mut metric = Vec::new();
    let epochs = if traced { trace::epochs(training.epochs) } else { Vec::new() };
    let mut after_epoch = |epoch: u32, ask: Ask<'_>| {
        if epochs.binary_search(&epoch).is_ok() {
            metric.push(trace::metric_of(problem, &ask()?, &fold.test));
        }
        Ok(())
    };
    let lesson = Lesson { problem, classes: &labels, settings: &settings, fold, place };
    let watch = Watch { is_stopped, on_step: &|| progress.step(), after_epoch: &mut after_epoch };
    let Some(Fitted { logits, epoch_losses, loss }) = fit(lesson, loss, watch).map_err(refuse)? else {
        return Ok(None);
    };
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
    let mut hash = Sha256::new();
    logits.iter().for_each(|logit| hash.update(logit.to_le_bytes()));
    Ok(Some(Run {
        strategy: job.strategy,
        seed,
        fold: job.fold,
        figures,
        epoch_losses,
        logits_sha256: hex(&hash.finalize()),
        logits,
        test: Arc::clone(&fold.test),
        trace: trace.transpose()?,
    }))
}
