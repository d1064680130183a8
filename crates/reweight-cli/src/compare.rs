//! `reweight compare`: one network a strategy, fold and seed, on a table; and what each strategy did for the rare class.
//!
//! The way of it: [`settings`] (all that decides the figures) and [`data`] → `plan` (one job a network) → [`mod@run`] (the jobs
//! over threads) → [`comparison`] (every figure, serialisable; what a report is made of) → [`show`] (the table) and
//! [`mod@verdict`] (the same in words).

pub mod comparison;
pub mod data;
mod error;
mod plan;
mod progress;
mod repeat;
pub mod run;
mod scores;
pub mod settings;
pub mod show;
pub mod verdict;

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use reweight::Objective;

use crate::arguments::CompareArguments;
use crate::files::write_whole;
use crate::problem::Problem;
use crate::strategy::strategies;
pub use comparison::Comparison;
use data::DataSettings;
pub use error::CompareError;
use plan::Plan;
use repeat::Recorded;
use settings::{Settings, TrainingSettings};

/// Set by Ctrl-C.
static STOP: AtomicBool = AtomicBool::new(false);

/// How a comparison ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Every network was trained.
    Whole,
    /// Ctrl-C came first; what was finished was shown.
    Interrupted,
    /// A repeated comparison came out otherwise than it was recorded.
    Differs,
}

/// Runs a comparison and shows it.
///
/// `out` is no type parameter, so that the engine is compiled with this library and not again with each user of it.
///
/// # Errors
///
/// [`CompareError`], which says what is wrong, where, and how to mend it.
pub fn run(arguments: &CompareArguments, quiet: bool, out: &mut dyn Write) -> Result<Ending, CompareError> {
    let recorded = arguments.repeat.as_deref().map(Recorded::read).transpose()?;
    let (settings, problem, summary, command) = match &recorded {
        Some(recorded) => {
            let settings = recorded.settings.clone();
            let (problem, summary) = settings.data.load(settings.training.folds)?;
            recorded.check(&summary)?;
            (settings, problem, summary, recorded.command.clone())
        }
        None => {
            let (data, training) = (DataSettings::new(arguments), TrainingSettings::new(&arguments.training));
            let (problem, summary) = data.load(training.folds)?;
            let given = &arguments.strategies;
            let strategies = strategies(objective(&problem), &given.strategy, !given.no_presets)?;
            let settings = Settings { data, training, strategies };
            let command = settings.command(given);
            (settings, problem, summary, command)
        }
    };
    let plan = Plan::new(&problem, &settings)?;
    if !quiet {
        show::head(out, &summary, &settings)?;
        out.flush()?;
    }
    listen();
    let progress = progress::Progress::new(&plan, !quiet);
    let runs = run::run(&plan, arguments.training.threads, &STOP, &progress);
    progress.clear();
    let comparison = Comparison::new(command, settings.clone(), summary, plan.figures(), runs?);
    if let Some(path) = &arguments.json {
        let refuse = |source| CompareError::Unwritable { path: path.display().to_string(), source };
        let mut text = serde_json::to_vec_pretty(&comparison).map_err(|error| refuse(error.into()))?;
        text.push(b'\n');
        write_whole(path, &text).map_err(refuse)?;
    }
    if let Some(path) = &arguments.scores {
        scores::write(path, &problem, &comparison)?;
    }
    show::show(out, &comparison, quiet)?;
    let mut ending = if comparison.partial { Ending::Interrupted } else { Ending::Whole };
    if let Some(recorded) = &recorded {
        let (same, sentence) = recorded.verdict(&comparison);
        writeln!(out, "\n{sentence}")?;
        if !same {
            ending = Ending::Differs;
        }
    }
    out.flush()?;
    Ok(ending)
}

/// What a problem's networks are trained with.
fn objective(problem: &Problem) -> Objective {
    if problem.binary.is_some() { Objective::Bce } else { Objective::SoftmaxCe }
}

/// The first Ctrl-C ends the training, so that what is finished can be shown; the second ends the program.
fn listen() {
    let stop = || {
        if STOP.swap(true, Ordering::Relaxed) {
            std::process::exit(crate::INTERRUPTED.into());
        }
    };
    // Where no handler can be set, Ctrl-C ends the program as it always does.
    let _ = ctrlc::set_handler(stop);
}
