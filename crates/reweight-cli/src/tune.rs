//! `reweight tune`: searches for a loss that serves a table better than plain cross entropy, and judges the search fairly.
//!
//! The way of it: [`settings`] and the data → one `search` an outer fold, within its training rows, and one over all rows → `board`
//! (their models over threads; `journal` keeps each) → [`outcome`] (every figure, serialisable) → `show`, [`mod@verdict`],
//! [`mod@write`], [`report`].
//!
//! A search knows `space` (which losses there are), `sampler` (which to try) and [`goal`] (what is good). What it promises is of
//! folds that it chose by; what is told as its worth is of outer folds, which none of its choices saw (nested cross-validation),
//! paired with plain cross entropy and tested as `compare` tests.

mod board;
mod error;
pub mod goal;
mod journal;
pub mod outcome;
mod progress;
pub mod report;
mod sampler;
mod search;
pub mod settings;
mod show;
mod space;
pub mod verdict;
pub mod write;

use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Instant;

use reweight_lab::folds::Fold;
use reweight_lab::problem::Problem;
use reweight_lab::table::guess;

use crate::arguments::TuneArguments;
use crate::compare::data::DataSettings;
use crate::compare::{Ending, objective, said};
use crate::files::{Outputs, WriteError, write_whole};
use crate::interrupt;
use crate::standard_output::ReaderLeft;
use crate::terminal::width;
use board::Limits;
pub use error::TuneError;
use journal::Journal;
pub use outcome::Tuned;
use progress::Progress;
use sampler::ROUND;
use search::{Search, Terms};
use settings::{INNER_FOLDS, TuneSettings};

/// Runs a search and shows it.
///
/// # Errors
///
/// [`TuneError`], which says what is wrong, where, and how to mend it.
pub fn run(arguments: &TuneArguments, quiet: bool, out: &mut dyn Write) -> Result<Ending, TuneError> {
    let started = Instant::now();
    // Before minutes of training, not after.
    let outputs = outputs(arguments);
    outputs.check()?;
    arguments.training.device.check()?;
    arguments.training.hidden_layers()?;
    let data = DataSettings::new(arguments.data.as_deref(), &arguments.task, &arguments.reading);
    let (problem, summary) = data.load(arguments.training.folds)?;
    let settings = TuneSettings::new(arguments, data, &problem)?;
    settings.check(&problem)?;
    let (trials, budget) = (arguments.search.trials, arguments.search.budget);
    let terms = Terms { problem: &problem, objective: objective(&problem), goal: settings.goal, trials };
    check_room(&problem, &settings)?;
    let searches = searches(&terms, &settings)?;
    let journal = match &arguments.resume {
        Some(path) => Journal::open(path, &settings, &summary.sha256)?,
        None => Journal::default(),
    };
    let budget_text = budget.to_string();
    if !quiet
        && let Err(error) = show::head(out, &summary, &settings, (trials, &budget_text)).and_then(|()| out.flush())
    {
        // Whoever asked for files is to have them; for nobody nothing is trained.
        if !ReaderLeft::is(&error) || outputs.is_empty() {
            return Err(error.into());
        }
    }
    if quiet {
        // A guess is part of the result, and still no line of it.
        guess::show(&mut io::stderr(), &summary.guesses, width())?;
    }
    interrupt::listen();
    let progress = Progress::new(models(searches.len(), trials), !quiet);
    let limits = Limits { stop: interrupt::flag(), deadline: budget.0.and_then(|budget| started.checked_add(budget)) };
    let ran = board::run(&terms, &settings, (searches, journal), arguments.training.threads, limits, &progress);
    progress.clear();
    let (searches, journal, trained) = ran?;
    let kept = journal.close(arguments.resume.as_deref());
    let is_interrupted = interrupt::flag().load(Ordering::Relaxed);
    let Some(tuned) = Tuned::new(&terms, settings, summary, &searches) else {
        kept?;
        if is_interrupted {
            let text = "INTERRUPTED: no loss was judged on two outer folds yet; there is nothing to show, and no file was written";
            said(writeln!(out, "{text}").and_then(|()| out.flush()))?;
            return Ok(Ending::Interrupted);
        }
        return Err(TuneError::Budget { budget: budget_text, trained });
    };
    // Minutes of training are shown also where a disk is full.
    let written = write_files(arguments, &problem, &tuned);
    said(show::show(out, &tuned, quiet).and_then(|()| out.flush()))?;
    written?;
    kept?;
    Ok(if is_interrupted { Ending::Interrupted } else { Ending::Whole })
}

/// That there is memory for the folds of all searches: where it is limited, they could but abort.
fn check_room(problem: &Problem, settings: &TuneSettings) -> Result<(), TuneError> {
    let (rows, training) = (problem.table.rows(), &settings.training);
    let searches = 1 + training.seeds.len() * training.folds;
    // Each row once in the search's own fold, and once in each of its inner ones.
    let places = searches * (1 + settings.inner_folds);
    let bytes = rows.saturating_mul(places * size_of::<usize>());
    let name = || problem.table.name.clone();
    let no_memory = |_| TuneError::NoMemory { name: name(), rows, mebibytes: (bytes >> 20).max(1) };
    Vec::<u8>::new().try_reserve_exact(bytes).map_err(no_memory)
}

/// The search over all rows, and one an outer fold: no row of a fold's test part is in its search.
fn searches(terms: &Terms<'_>, settings: &TuneSettings) -> Result<Vec<Search>, TuneError> {
    let training = &settings.training;
    let all = Fold { train: (0..terms.problem.table.rows()).collect(), test: [].into() };
    let first = training.seeds.first().copied().unwrap_or(0);
    let mut searches = vec![Search::new(terms, (first, None, training.folds), all, settings.inner_folds)?];
    for &seed in &training.seeds {
        for (index, fold) in terms.problem.folds(training.folds, seed)?.into_iter().enumerate() {
            searches.push(Search::new(terms, (seed, Some(index), training.folds), fold, settings.inner_folds)?);
        }
    }
    Ok(searches)
}

/// About how many models all searches train.
fn models(searches: usize, trials: usize) -> usize {
    let full = trials / ROUND;
    let of_round = |count: usize| count + count.div_ceil(2) + count.div_ceil(4) * (INNER_FOLDS - 1) + 1;
    searches
        * (full * of_round(ROUND)
            + if trials.is_multiple_of(ROUND) { 0 } else { of_round(trials % ROUND) }
            + INNER_FOLDS
            + 2)
}

/// Writes what was asked for: as much of it as can be.
fn write_files(arguments: &TuneArguments, problem: &Problem, tuned: &Tuned) -> Result<(), TuneError> {
    let json = |path: &Path| {
        let mut text = serde_json::to_vec_pretty(tuned).map_err(|error| WriteError::new(path, error.into()))?;
        text.push(b'\n');
        Ok(write_whole(path, &text)?)
    };
    let page = |path: &Path| {
        let name = || path.display().to_string();
        let html = report::html(tuned).map_err(|source| TuneError::Report { path: name(), source })?;
        Ok(write_whole(path, html.as_bytes())?)
    };
    let loss = |path: &Path| {
        let text = write::loss_toml(tuned, &outcome::classes(problem));
        Ok(write_whole(path, text.as_bytes())?)
    };
    let written = [
        arguments.json.as_deref().map(json),
        arguments.report.as_deref().map(page),
        arguments.write.as_deref().map(loss),
    ];
    written.into_iter().flatten().collect()
}

fn outputs(arguments: &TuneArguments) -> Outputs<'_> {
    let TuneArguments { json, report, write, resume, .. } = arguments;
    Outputs::new([
        ("--json", json.as_deref()),
        ("--report", report.as_deref()),
        ("--write", write.as_deref()),
        ("--resume", resume.as_deref()),
    ])
    .reading_all("the data", arguments.data.as_deref())
}

#[cfg(test)]
mod tests;
