//! `reweight inspect`: who owns the gradient of a model that is there already, from its scores alone.
//!
//! The way of it: [`table`](reweight_lab::table) (rows of cells) → `layout` and `scores` (which column is what) → `read` (row by row) →
//! `rows` (a class and a margin each) → `task` (what the scores are) → `survey` (counts) → `suggest` (a loss to begin with) → `measure` (what each loss
//! would do) → [`inspection`] (every figure) → `show` (the text) and `report` (the page).

mod error;
pub mod inspection;
mod layout;
mod predicted;
mod read;
mod report;
mod scores;
mod show;
mod suggest;
mod task;

use std::io::{self, Write};
use std::path::Path;

use reweight::{
    Chain, ConfigError, ConfiguredLoss, LossConfig, Objective, Regions, Sample, SampleWeighter, Statistics,
};
use reweight_lab::scored::measure;
pub use reweight_lab::scored::measure::Effect;
use reweight_lab::scored::rows::Rows;
use reweight_lab::scored::survey::{self, Survey};
use reweight_lab::seen::Seen;
use reweight_lab::table::{Guesses, guess, input};
use reweight_lab::text::quoted;

use crate::arguments::{InspectArguments, InspectOutput};
use crate::files::{OutputError, Outputs, write_whole};
use crate::plot::curves::weights;
use crate::strategy::{Strategy, StrategyError, strategies};
use crate::terminal::width;
use crate::threads::pool;
pub use error::InspectError;
use inspection::{Computed, How, Inspection, Judged, Suspect};
use suggest::{Facts, suggest};
use task::Task;

/// What the suggested loss is called in the table.
const SUGGESTED: &str = "suggested";

/// Inspects a file and shows what was found.
///
/// # Errors
///
/// [`InspectError`], which says what is wrong, where, and how to mend it.
pub fn run(arguments: &InspectArguments, quiet: bool, out: &mut dyn Write) -> Result<(), InspectError> {
    check_outputs(arguments)?;
    let inspection = inspect(arguments)?;
    let mut written = Vec::new();
    let mut write = |path: &Path, bytes: &[u8]| {
        written.push(path.display().to_string());
        write_whole(path, bytes)
    };
    if let Some(path) = &arguments.output.suggest {
        write(path, inspection.suggestion.as_bytes())?;
    }
    if let Some(path) = &arguments.output.report {
        write(path, report::page(&inspection).to_html()?.as_bytes())?;
    }
    let mut printed = None;
    if let Some(path) = &arguments.output.json {
        let mut text = serde_json::to_vec_pretty(&inspection).map_err(io::Error::from)?;
        text.push(b'\n');
        if path.as_os_str() == "-" {
            printed = Some(text);
        } else {
            write(path, &text)?;
        }
    }
    if quiet {
        // A guess is part of the result, and still no line of it.
        guess::show(&mut io::stderr(), &inspection.guesses, width())?;
    }
    let shown = match printed {
        Some(text) => out.write_all(&text),
        None => show::show(out, &inspection, quiet, width()),
    };
    shown.and_then(|()| out.flush()).map_err(|source| InspectError::Unsaid { written, source })
}

/// That no output takes the place of what is read, or of another. `--json -` is standard output.
fn check_outputs(arguments: &InspectArguments) -> Result<(), OutputError> {
    let InspectOutput { json, report, suggest } = &arguments.output;
    let json = json.as_deref().filter(|path| path.as_os_str() != "-");
    Outputs::new([("--json", json), ("--report", report.as_deref()), ("--suggest", suggest.as_deref())])
        .reading("the scores", &arguments.data)
        .reading_all("a strategy's loss", arguments.looking.strategy.iter().filter_map(|own| own.config.as_deref()))
        .check()
}

/// Computes everything.
///
/// # Errors
///
/// [`InspectError`], which says what is wrong, where, and how to mend it.
pub fn inspect(arguments: &InspectArguments) -> Result<Inspection, InspectError> {
    let mut guesses = Guesses::default();
    let inspection = inspect_telling(arguments, &mut guesses);
    if inspection.is_err() {
        // What was taken for what may be why it failed.
        let _ = guess::show(&mut io::stderr(), guesses.as_slice(), width());
    }
    inspection
}

fn inspect_telling(arguments: &InspectArguments, guesses: &mut Guesses) -> Result<Inspection, InspectError> {
    let (name, bytes) = input::open(&arguments.data)?;
    let read::Scores { layout, form, mut rows } = read::read(&name, bytes, &arguments.columns, guesses)?;
    let task = task::understand(&name, (&layout, &form), &mut rows, &arguments.columns, guesses)?;
    // Checked by the command line: from 1 to 100.
    let regions = Regions::new(arguments.looking.regions).map_err(|source| InspectError::Regions { source })?;
    let strategies = strategies(task.objective, &arguments.looking.strategy, true)?;
    let computed = pool(None)?.install(|| compute(&name, &rows, &task, &regions, strategies, arguments.looking.top))?;
    let columns = |index: &usize| form.columns[*index].name.clone();
    let named = (columns(&layout.label), layout.scores.iter().map(columns).collect());
    let how = How { command: command(arguments), named, guesses: guesses.as_slice().to_vec() };
    Ok(Inspection::new(name, how, &task, &rows, &regions, computed))
}

fn compute(
    name: &str,
    rows: &Rows,
    task: &Task,
    regions: &Regions,
    mut strategies: Vec<Strategy>,
    most: usize,
) -> Result<Computed, InspectError> {
    let objective = task.objective;
    let counts: Vec<usize> = rows.counts.iter().map(|&count| usize::try_from(count).unwrap_or(usize::MAX)).collect();
    // A class without samples has no weight that follows from counts.
    if counts.contains(&0) {
        strategies.retain(|strategy| strategy.file.is_some() || !balances_by_counts(strategy));
    }
    let mut losses = strategies.iter().map(|own| loss(own, objective, &counts)).collect::<Result<Vec<_>, _>>()?;
    let own = [Statistics::gradient_norm(regions.clone()), suggested_statistics()?];
    let asked = losses.iter().map(|loss| weighter(loss).statistics());
    let request = own.into_iter().chain(asked).fold(Statistics::none(), Statistics::and);
    let survey = Survey::take(rows, objective, &request);
    let area_under_roc = task.positive.and_then(|positive| survey::area_under_roc(rows, positive));
    let facts = Facts {
        file: name,
        objective,
        labels: &rows.labels,
        counts: &rows.counts,
        survey: &survey,
        area_under_roc: area_under_roc.zip(task.positive),
    };
    let suggestion = suggest(&facts);
    let own = Strategy {
        name: SUGGESTED.to_owned(),
        what: "the loss that is suggested".to_owned(),
        file: None,
        loss: LossConfig::from_toml(&suggestion).map_err(unsound)?,
    };
    losses.push(loss(&own, objective, &counts)?);
    strategies.push(own);
    for (strategy, loss) in strategies.iter().zip(&mut losses) {
        observe(loss, rows, &survey, &counts)
            .map_err(|source| InspectError::Weights { strategy: strategy.name.clone(), source })?;
    }
    let seen = losses.iter().map(|loss| Seen::new(loss, counts.len(), 1));
    let refuse = |source| InspectError::Weights { strategy: SUGGESTED.to_owned(), source };
    let seen = seen.collect::<Result<Vec<_>, _>>().map_err(refuse)?;
    let effects = measure::effects(rows, regions, &seen);
    for (strategy, effect) in strategies.iter().zip(&effects) {
        if !(effect.mean_weight.is_finite() && effect.effective_samples.is_finite()) {
            let (strategy, largest) = (strategy.name.clone(), effect.largest_weight);
            return Err(InspectError::Overflow { strategy, largest });
        }
    }
    let p_t: Vec<f64> = inspection::norms().iter().map(|norm| 1.0 - norm).collect();
    let (rarest, largest) = (inspection::rarest(&rows.counts), inspection::largest(&rows.counts));
    let judge = |((strategy, effect), seen): ((Strategy, Effect), &Seen<'_>)| Judged {
        strategy,
        effect,
        weight_of_rarest: weights(seen, rarest, &p_t),
        weight_of_largest: weights(seen, largest, &p_t),
    };
    let judged = strategies.into_iter().zip(effects).zip(&seen).map(judge).collect();
    Ok(Computed { survey, area_under_roc, judged, top: suspects(rows, objective, most), suggestion })
}

/// A strategy's loss, checked: each sample's margin must tell all that it depends on.
fn loss(strategy: &Strategy, objective: Objective, counts: &[usize]) -> Result<ConfiguredLoss, InspectError> {
    strategy.check(objective, counts)?;
    let misplaced = |setting| Err(InspectError::Setting { strategy: strategy.name.clone(), setting });
    let loss = strategy.build(counts)?;
    if let ConfiguredLoss::Softmax(loss) = &loss {
        if loss.label_smoothing() > 0.0 {
            return misplaced("label_smoothing");
        }
        let ignored = loss.ignore_index().and_then(|index| usize::try_from(index).ok());
        if ignored.is_some_and(|index| index < counts.len()) {
            return misplaced("ignore_index");
        }
    }
    let seen = Seen::new(&loss, counts.len(), 1);
    let seen = seen.map_err(|source| InspectError::Weights { strategy: strategy.name.clone(), source })?;
    if !seen.follows_from_margins() {
        return misplaced("adjustment");
    }
    Ok(loss)
}

fn weighter(loss: &ConfiguredLoss) -> &Chain {
    match loss {
        ConfiguredLoss::Bce(loss) => loss.weighter(),
        ConfiguredLoss::Softmax(loss) => loss.weighter(),
    }
}

/// Lets a loss take in the counts: those of the survey, or its own where it sees other margins.
fn observe(
    loss: &mut ConfiguredLoss,
    rows: &Rows,
    survey: &Survey,
    counts: &[usize],
) -> Result<(), reweight::WeightError> {
    if !weighter(loss).observes() {
        return Ok(());
    }
    let seen = Seen::new(loss, counts.len(), 1)?;
    let own = (!seen.is_plain()).then(|| survey::seen_statistics(rows, &weighter(loss).statistics(), &seen));
    let statistics = own.as_ref().unwrap_or(&survey.statistics);
    match loss {
        ConfiguredLoss::Bce(loss) => loss.observe(statistics),
        ConfiguredLoss::Softmax(loss) => loss.observe(statistics),
    }
}

fn balances_by_counts(strategy: &Strategy) -> bool {
    strategy.loss.weighter.iter().any(|entry| entry.kind == "alpha-balance")
}

/// What the suggested loss may ask for, which is known only after the counting.
fn suggested_statistics() -> Result<Statistics, InspectError> {
    Regions::new(suggest::BINS).map(Statistics::gradient_norm).map_err(|source| InspectError::Regions { source })
}

fn unsound(source: ConfigError) -> InspectError {
    let (name, file) = (SUGGESTED.to_owned(), "made here".to_owned());
    StrategyError::Config { name, file, source: source.into() }.into()
}

fn suspects(rows: &Rows, objective: Objective, most: usize) -> Vec<Suspect> {
    let suspect = |(index, class, predicted, margin): (u64, u16, Option<u16>, f64)| {
        let place = rows.place(index)?;
        let sample: Sample<f64> = survey::sample(objective, margin, class);
        let own = usize::from(class);
        // Of two classes the other one, where one score does not say its own.
        let other = || if survey::says_own(margin, class) { own } else { 1 - own };
        let predicted = predicted.map_or_else(other, usize::from);
        Some(Suspect {
            row: place.row,
            line: place.line,
            label: rows.labels[own].clone(),
            predicted: rows.labels[predicted].clone(),
            margin,
            p_t: sample.p(),
            gradient_norm: sample.gradient_norm(),
            cross_entropy: sample.cross_entropy(),
        })
    };
    survey::top(rows, most).into_iter().filter_map(suspect).collect()
}

/// The command line that gives an inspection again, for a POSIX shell.
fn command(arguments: &InspectArguments) -> String {
    let mut words = vec!["reweight".to_owned(), "inspect".to_owned(), quoted(&arguments.data.display().to_string())];
    // A value that begins with a dash would be read as an option of its own.
    let mut say = |option: &str, value: &str| {
        if value.starts_with('-') {
            words.push(quoted(&format!("{option}={value}")));
        } else {
            words.extend([option.to_owned(), quoted(value)]);
        }
    };
    let columns = &arguments.columns;
    columns.label.iter().for_each(|column| say("--label", column));
    columns.score.iter().for_each(|column| say("--score", column));
    columns.predicted.iter().for_each(|column| say("--predicted", column));
    columns.positive.iter().for_each(|label| say("--positive", label));
    let named = |value: Option<clap::builder::PossibleValue>| value.map(|value| value.get_name().to_owned());
    if let Some(kind) = columns.scores.and_then(|kind| named(clap::ValueEnum::to_possible_value(&kind))) {
        say("--scores", &kind);
    }
    let form = &columns.form;
    if form.header != crate::arguments::HeaderChoice::Auto {
        named(clap::ValueEnum::to_possible_value(&form.header)).iter().for_each(|header| say("--header", header));
    }
    if let Some(decimal) = form.decimal.and_then(|decimal| named(clap::ValueEnum::to_possible_value(&decimal))) {
        say("--decimal", &decimal);
    }
    form.missing.iter().for_each(|cell| say("--missing", cell));
    if let Some(delimiter) = form.delimiter {
        say("--delimiter", &if delimiter.0 == b'\t' { "tab".to_owned() } else { char::from(delimiter.0).to_string() });
    }
    say("--top", &arguments.looking.top.to_string());
    say("--regions", &arguments.looking.regions.to_string());
    for strategy in &arguments.looking.strategy {
        say("--strategy", &strategy.to_string());
    }
    if form.exact_labels {
        words.push("--exact-labels".to_owned());
    }
    words.join(" ")
}
