//! The searches over threads: whoever is free trains what the first search that needs something asks for.
//!
//! Earlier rounds come first, and in a round the search over all rows. Which thread trains a model, and when, decides nothing: a
//! search goes on only where a rung is complete.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

use reweight_lab::fit::{self, Fit, Fitted, Lesson, Watch};
use reweight_lab::folds::Fold;

use super::TuneError;
use super::goal::Figures;
use super::journal::Journal;
use super::progress::Progress;
use super::search::{Job, Kind, Outcome, Search, Terms};
use super::settings::TuneSettings;
use crate::strategy::Strategy;
use crate::threads::pool;

/// When to stop before all is done.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits<'a> {
    pub(super) stop: &'a AtomicBool,
    pub(super) deadline: Option<Instant>,
}

impl Limits<'_> {
    fn are_reached(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}

struct Board {
    searches: Vec<Search>,
    journal: Journal,
    running: usize,
    error: Option<TuneError>,
}

/// All that a thread needs to train what it is asked for.
#[derive(Clone, Copy)]
struct Workshop<'a> {
    terms: &'a Terms<'a>,
    settings: &'a TuneSettings,
    classes: &'a [usize],
    fit: Fit,
}

/// A model to train, copied out of its search.
struct Order {
    search: usize,
    job: Job,
    strategy: Strategy,
    fold: Fold,
    place: (u64, u32),
    quarter: bool,
}

/// Runs the searches as far as the limits let them; the searches, the journal, and the models trained.
pub(super) fn run(
    terms: &Terms<'_>,
    settings: &TuneSettings,
    (searches, journal): (Vec<Search>, Journal),
    threads: Option<usize>,
    limits: Limits<'_>,
    progress: &Progress,
) -> Result<(Vec<Search>, Journal, usize), TuneError> {
    let device = settings.training.device;
    let classes = terms.problem.classes();
    let workshop = Workshop { terms, settings, classes: &classes, fit: fit::on(device)? };
    let pool = pool(device.threads(threads))?;
    let board = Mutex::new(Board { searches, journal, running: 0, error: None });
    let (changed, failed, trained) = (Condvar::new(), AtomicBool::new(false), AtomicUsize::new(0));
    let is_stopped = || limits.are_reached() || failed.load(Ordering::Relaxed);
    let work = || {
        let mut guard = board.lock().unwrap_or_else(PoisonError::into_inner);
        while !is_stopped() {
            let order = match next(&mut guard, terms, progress) {
                Ok(order) => order,
                Err(error) => {
                    fail(&mut guard, error, &failed);
                    break;
                }
            };
            let Some(order) = order else {
                if guard.running == 0 {
                    break;
                }
                guard = changed.wait(guard).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            guard.running += 1;
            drop(guard);
            // What the journal knew may have let a search go on.
            changed.notify_all();
            let outcome = train(workshop, &order, &is_stopped);
            guard = board.lock().unwrap_or_else(PoisonError::into_inner);
            guard.running -= 1;
            let taken = match outcome {
                Ok(Some(outcome)) => {
                    trained.fetch_add(1, Ordering::Relaxed);
                    let Board { searches, journal, .. } = &mut *guard;
                    let search = &mut searches[order.search];
                    journal.note(search, order.job, &outcome);
                    progress.trained(search, terms);
                    search.accept(terms, order.job, outcome)
                }
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = taken {
                fail(&mut guard, error, &failed);
            }
            changed.notify_all();
        }
        drop(guard);
        changed.notify_all();
    };
    pool.broadcast(|_| work());
    let board = board.into_inner().unwrap_or_else(PoisonError::into_inner);
    match board.error {
        Some(error) => Err(error),
        None => Ok((board.searches, board.journal, trained.into_inner())),
    }
}

fn fail(board: &mut Board, error: TuneError, failed: &AtomicBool) {
    failed.store(true, Ordering::Relaxed);
    board.error.get_or_insert(error);
}

/// What is to be trained next; what the journal knows is taken in on the way.
fn next(board: &mut Board, terms: &Terms<'_>, progress: &Progress) -> Result<Option<Order>, TuneError> {
    loop {
        let Board { searches, journal, .. } = board;
        let mut by_round: Vec<usize> = (0..searches.len()).collect();
        by_round.sort_by_key(|&index| (searches[index].round, index));
        let asked = by_round.into_iter().find_map(|index| Some((index, searches[index].ask(terms)?)));
        let Some((index, job)) = asked else { return Ok(None) };
        let search = &mut searches[index];
        if let Some(outcome) = journal.known(search, job) {
            progress.trained(search, terms);
            search.accept(terms, job, outcome)?;
            continue;
        }
        let (fold, number, quarter) = search.lesson(job.kind);
        let place = (search.seed, number);
        let strategy = search.candidates[job.candidate].strategy.clone();
        return Ok(Some(Order { search: index, job, strategy, fold: fold.clone(), place, quarter }));
    }
}

/// Trains and judges one model; none if it was stopped. A loss that cannot be trained with is an outcome, plain cross entropy that
/// cannot an error.
fn train(workshop: Workshop<'_>, order: &Order, is_stopped: &dyn Fn() -> bool) -> Result<Option<Outcome>, TuneError> {
    let Workshop { terms, settings, classes, fit } = workshop;
    let Order { job, strategy, fold, place, quarter, .. } = order;
    let mut train_settings = settings.training.train_settings();
    if *quarter {
        train_settings.epochs = train_settings.epochs.div_ceil(4);
    }
    let loss = strategy.build(&terms.problem.counts(&fold.train))?;
    let lesson = Lesson { problem: terms.problem, classes, settings: &train_settings, fold, place: *place };
    let watch = Watch { is_stopped, on_step: &|| (), after_epoch: &mut |_, _| Ok(()) };
    let (seed, number) = (place.0, place.1 as usize);
    let logits = match fit(lesson, loss, watch) {
        Ok(None) => return Ok(None),
        Ok(Some(Fitted { logits, .. })) => logits,
        Err(source) if job.candidate == 0 => return Err(TuneError::Training { seed, fold: number, source }),
        Err(error) => return Ok(Some(Err(error.to_string()))),
    };
    let decision = match job.kind {
        Kind::Outer(decision) => Some(decision),
        Kind::Quarter | Kind::Inner(_) => None,
    };
    match Figures::of(terms.problem, &logits, (&fold.train, &fold.test), decision) {
        Ok(figures) => Ok(Some(Ok(figures))),
        Err(source) if job.candidate == 0 => Err(TuneError::Judging { seed, fold: number, source }),
        Err(error) => Ok(Some(Err(error.to_string()))),
    }
}
