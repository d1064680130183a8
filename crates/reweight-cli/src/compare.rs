//! `reweight compare`: one network a strategy, fold and seed, on a table; and what each strategy did for the rare class.
//!
//! The way of it: [`settings`] (all that decides the figures) and [`data`] → `plan` (one job a network) → [`mod@run`] (the jobs
//! over threads) → [`comparison`] (every figure, serialisable) → [`show`] (the table) and [`mod@verdict`] (the same in words).
//! Where a report is asked for, [`trace`] records more on the way, [`story`] makes the charts' figures of it, and [`report`] the
//! page.

pub mod comparison;
pub mod data;
mod error;
mod plan;
mod progress;
pub mod protocol;
mod repeat;
pub mod report;
mod room;
pub mod run;
pub mod scores;
pub mod settings;
pub mod show;
pub mod story;
pub mod trace;
pub mod verdict;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use reweight::Objective;
use reweight_lab::problem::Problem;
use reweight_lab::table::guess;
use reweight_lab::text::wrapped;

use crate::arguments::CompareArguments;
use crate::files::{OutputError, Outputs, WriteError, place_of_part, write_whole};
use crate::interrupt;
use crate::standard_output::ReaderLeft;
use crate::strategy::strategies;
use crate::terminal::width;
use crate::threads::pool;
pub use comparison::Comparison;
use data::DataSettings;
pub use error::CompareError;
use plan::Plan;
use protocol::Protocol;
use repeat::Recorded;
use settings::{Settings, TrainingSettings};
use story::Story;

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
    // Before minutes of training, not after.
    check_outputs(arguments, recorded.as_ref())?;
    recorded.as_ref().map_or(arguments.training.device, |recorded| recorded.settings.training.device).check()?;
    let (settings, problem, summary, command) = match &recorded {
        Some(recorded) => {
            let settings = recorded.settings.clone();
            let (problem, summary) = settings.data.load(settings.training.folds)?;
            recorded.check(&summary)?;
            (settings, problem, summary, recorded.command.clone())
        }
        None => {
            let data = DataSettings::new(arguments.data.as_deref(), &arguments.task, &arguments.reading);
            let training = TrainingSettings::new(&arguments.training)?;
            let (problem, summary) = data.load(training.folds)?;
            let given = &arguments.strategies;
            let strategies = strategies(objective(&problem), &given.strategy, !given.no_presets)?;
            let protocol = Protocol::new(&arguments.protocol);
            let settings = Settings { data, training, protocol, strategies };
            let command = settings.command(given);
            (settings, problem, summary, command)
        }
    };
    let plan = Plan::new(&problem, &settings, arguments.training.threads)?;
    if !quiet && let Err(error) = show::head(out, &summary, &settings).and_then(|()| out.flush()) {
        // Whoever asked for files is to have them; for nobody nothing is trained.
        if !ReaderLeft::is(&error) || outputs(arguments).is_empty() {
            return Err(error.into());
        }
    }
    if quiet {
        // A guess is part of the result, and still no line of it.
        guess::show(&mut io::stderr(), &summary.guesses, width())?;
    }
    interrupt::listen();
    let progress = progress::Progress::new(&plan, !quiet);
    let (threads, is_reported) = (arguments.training.threads, arguments.report.is_some());
    let runs = run::run(&plan, threads, is_reported, interrupt::flag(), &progress);
    progress.clear();
    let mut comparison = Comparison::new(command, settings.clone(), summary, plan.figures(), runs?).pooled(&problem);
    if comparison.folds_finished() == 0 {
        // What earlier runs have written is worth more than nothing.
        said(show::show(out, &comparison, quiet).and_then(|()| out.flush()))?;
        return Ok(Ending::Interrupted);
    }
    if is_reported {
        comparison.report = pool(threads)?.install(|| Story::new(&comparison, &problem));
    }
    // Minutes of training are shown also where a disk is full.
    let (written, faults) = write_files(arguments, &problem, &comparison);
    let mut shown = show::show(out, &comparison, quiet);
    if let Some(path) = written.iter().find(|written| Some(&*written.asked) == arguments.scores.as_deref()) {
        let text = show::of_scores(&comparison, &path.place);
        shown = shown.and_then(|()| writeln!(out, "\n{}", wrapped(&text, width())));
    }
    for Written { asked, place } in written.iter().filter(|written| written.asked != written.place) {
        let text = format!(
            "{} holds an earlier result, which a part does not replace: what was finished is in {}.",
            asked.display(),
            place.display()
        );
        shown = shown.and_then(|()| writeln!(out, "\n{}", wrapped(&text, width())));
    }
    let mut ending = if comparison.partial { Ending::Interrupted } else { Ending::Whole };
    if let Some(recorded) = &recorded {
        let (same, sentence) = recorded.verdict(&comparison);
        shown = shown.and_then(|()| writeln!(out, "\n{sentence}"));
        if !same {
            ending = Ending::Differs;
        }
    }
    let written = || written.iter().map(|written| written.place.display().to_string()).collect();
    said(shown.and_then(|()| out.flush())).map_err(|source| CompareError::Unsaid { written: written(), source })?;
    faults?;
    Ok(ending)
}

/// A file that is there now.
struct Written {
    /// The one that was asked for.
    asked: PathBuf,
    /// Where it is.
    place: PathBuf,
}

/// How a comparison ends does not hang on whether somebody still reads.
pub(crate) fn said(shown: io::Result<()>) -> io::Result<()> {
    shown.or_else(|error| if ReaderLeft::is(&error) { Ok(()) } else { Err(error) })
}

/// Writes what was asked for, as much of it as can be; a part never takes the place of an earlier result.
fn write_files(
    arguments: &CompareArguments,
    problem: &Problem,
    comparison: &Comparison,
) -> (Vec<Written>, Result<(), CompareError>) {
    let json = |path: &Path| {
        let mut text = serde_json::to_vec_pretty(comparison).map_err(|error| WriteError::new(path, error.into()))?;
        text.push(b'\n');
        Ok(write_whole(path, &text)?)
    };
    let report = |path: &Path| {
        let name = || path.display().to_string();
        let html = report::html(comparison).map_err(|source| CompareError::Report { path: name(), source })?;
        Ok(write_whole(path, html.as_bytes())?)
    };
    let scores = |path: &Path| scores::write(path, problem, comparison);
    let all: [(Option<&Path>, &WriteOne<'_>); 3] = [
        (arguments.json.as_deref(), &json),
        (arguments.report.as_deref(), &report),
        (arguments.scores.as_deref(), &scores),
    ];
    let (mut written, mut faults) = (Vec::new(), Ok(()));
    for (asked, write) in all.into_iter().filter_map(|(asked, write)| Some((asked?, write))) {
        let place = if comparison.partial { place_of_part(asked) } else { asked.to_path_buf() };
        match write(&place) {
            Ok(()) => written.push(Written { asked: asked.to_path_buf(), place }),
            Err(error) => faults = faults.and(Err(error)),
        }
    }
    (written, faults)
}

/// What writes one file.
type WriteOne<'a> = dyn Fn(&Path) -> Result<(), CompareError> + 'a;

fn outputs(arguments: &CompareArguments) -> Outputs<'_> {
    let CompareArguments { json, report, scores, .. } = arguments;
    Outputs::new([("--json", json.as_deref()), ("--report", report.as_deref()), ("--scores", scores.as_deref())])
}

/// That no output takes the place of what is read, or of another.
fn check_outputs(arguments: &CompareArguments, recorded: Option<&Recorded>) -> Result<(), OutputError> {
    let settings = recorded.map(|recorded| &recorded.settings);
    let data = settings.and_then(|settings| settings.data.file.as_deref()).map(Path::new);
    let strategies = arguments.strategies.strategy.iter().filter_map(|strategy| strategy.config.as_deref());
    outputs(arguments)
        .reading_all("the data", arguments.data.as_deref().into_iter().chain(data))
        .reading_all("a strategy's loss", strategies)
        .reading_all("the recorded comparison", arguments.repeat.as_deref())
        .check()
}

/// What a problem's networks are trained with.
pub(crate) fn objective(problem: &Problem) -> Objective {
    if problem.binary.is_some() { Objective::Bce } else { Objective::SoftmaxCe }
}
