//! `reweight inspect`: who owns the gradient of a model that is there already, from its scores alone.
//!
//! The way of it: `chunks` (bytes in pieces) → `layout` (which column is what) → `read` (row by row) → `rows` (a class and a
//! margin each) → `task` (what the scores are) → `survey` (counts) → `suggest` (a loss to begin with) → `measure` (what each loss
//! would do) → [`inspection`] (every figure) → `show` (the text) and `report` (the page).

mod chunks;
mod error;
pub mod inspection;
mod layout;
mod measure;
mod read;
mod report;
mod rows;
mod scale;
mod show;
mod suggest;
mod survey;
mod task;

use std::io::Write;

use reweight::{
    Chain, ConfigError, ConfiguredLoss, LossConfig, Objective, Regions, Sample, SampleWeighter, Statistics,
};

use crate::arguments::{InspectArguments, InspectOutput};
use crate::compare::settings::quoted;
use crate::files::{OutputError, Outputs, write_whole};
use crate::plot::curves::weights;
use crate::strategy::{Strategy, StrategyError, strategies};
use crate::terminal::width;
use crate::threads::pool;
pub use error::InspectError;
use inspection::{Computed, Inspection, Judged, Suspect};
pub use measure::Effect;
use rows::Rows;
use suggest::{Facts, suggest};
use survey::Survey;

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
    if let Some(path) = &arguments.output.suggest {
        write_whole(path, inspection.suggestion.as_bytes())?;
    }
    if let Some(path) = &arguments.output.report {
        write_whole(path, report::page(&inspection).to_html()?.as_bytes())?;
    }
    let mut shows = true;
    if let Some(path) = &arguments.output.json {
        let mut text = serde_json::to_vec_pretty(&inspection).map_err(std::io::Error::from)?;
        text.push(b'\n');
        if path.as_os_str() == "-" {
            out.write_all(&text)?;
            shows = false;
        } else {
            write_whole(path, &text)?;
        }
    }
    if shows {
        show::show(out, &inspection, quiet, width())?;
    }
    Ok(out.flush()?)
}

/// That no output takes the place of what is read, or of another. `--json -` is standard output.
fn check_outputs(arguments: &InspectArguments) -> Result<(), OutputError> {
    let InspectOutput { json, report, suggest } = &arguments.output;
    let json = json.as_deref().filter(|path| path.as_os_str() != "-");
    Outputs::new([("--json", json), ("--report", report.as_deref()), ("--suggest", suggest.as_deref())])
        .reading("the scores", &arguments.file)
        .reading_all("a strategy's loss", arguments.looking.strategy.iter().map(|strategy| &*strategy.config))
        .check()
}

/// Computes everything.
///
/// # Errors
///
/// [`InspectError`], which says what is wrong, where, and how to mend it.
pub fn inspect(arguments: &InspectArguments) -> Result<Inspection, InspectError> {
    let (name, source) = chunks::open(&arguments.file)?;
    let read::Scores { layout, mut rows } = read::read(&name, source, &arguments.columns)?;
    let task = task::understand(&name, &layout, &mut rows, &arguments.columns)?;
    // Checked by the command line: from 1 to 100.
    let regions = Regions::new(arguments.looking.regions).map_err(|source| InspectError::Regions { source })?;
    let strategies = strategies(task.objective, &arguments.looking.strategy, true)?;
    let computed =
        pool(None)?.install(|| compute(&name, &rows, task.objective, &regions, strategies, arguments.looking.top))?;
    let columns = |index: &usize| layout.names[*index].clone();
    let named = (columns(&layout.label), layout.scores.iter().map(columns).collect());
    Ok(Inspection::new(name, command(arguments), named, task, &rows, &regions, computed))
}

fn compute(
    name: &str,
    rows: &Rows,
    objective: Objective,
    regions: &Regions,
    mut strategies: Vec<Strategy>,
    most: usize,
) -> Result<Computed, InspectError> {
    let counts: Vec<usize> = rows.counts.iter().map(|&count| usize::try_from(count).unwrap_or(usize::MAX)).collect();
    // A class without samples has no weight that follows from counts.
    if counts.contains(&0) {
        strategies.retain(|strategy| strategy.file.is_some() || !balances_by_counts(strategy));
    }
    let mut chains = strategies.iter().map(|own| chain(own, objective, &counts)).collect::<Result<Vec<_>, _>>()?;
    let own = [Statistics::gradient_norm(regions.clone()), suggested_statistics()?];
    let request = own.into_iter().chain(chains.iter().map(Chain::statistics)).fold(Statistics::none(), Statistics::and);
    let survey = Survey::take(rows, objective, &request);
    let area_under_roc = if objective == Objective::Bce { survey::area_under_roc(rows) } else { None };
    let facts =
        Facts { file: name, objective, labels: &rows.labels, counts: &rows.counts, survey: &survey, area_under_roc };
    let suggestion = suggest(&facts);
    let own = Strategy {
        name: SUGGESTED.to_owned(),
        what: "the loss that is suggested".to_owned(),
        file: None,
        loss: LossConfig::from_toml(&suggestion).map_err(unsound)?,
    };
    chains.push(chain(&own, objective, &counts)?);
    strategies.push(own);
    for (strategy, chain) in strategies.iter().zip(&mut chains) {
        if chain.observes() {
            let refuse = |source| InspectError::Weights { strategy: strategy.name.clone(), source };
            chain.observe(&survey.statistics).map_err(refuse)?;
        }
    }
    let effects = measure::effects(rows, objective, regions, &chains);
    for (strategy, effect) in strategies.iter().zip(&effects) {
        if !(effect.mean_weight.is_finite() && effect.effective_samples.is_finite()) {
            let (strategy, largest) = (strategy.name.clone(), effect.largest_weight);
            return Err(InspectError::Overflow { strategy, largest });
        }
    }
    let p_t: Vec<f64> = inspection::norms().iter().map(|norm| 1.0 - norm).collect();
    let (rarest, largest) = (inspection::rarest(&rows.counts), inspection::largest(&rows.counts));
    let judge = |((strategy, effect), chain): ((Strategy, Effect), &Chain)| Judged {
        strategy,
        effect,
        weight_of_rarest: weights(chain, objective, rarest, &p_t),
        weight_of_largest: weights(chain, objective, largest, &p_t),
    };
    let judged = strategies.into_iter().zip(effects).zip(&chains).map(judge).collect();
    Ok(Computed { survey, area_under_roc, judged, top: suspects(rows, objective, most), suggestion })
}

/// A strategy's weighters, checked.
fn chain(strategy: &Strategy, objective: Objective, counts: &[usize]) -> Result<Chain, InspectError> {
    strategy.check(objective, counts)?;
    let misplaced = |setting| Err(InspectError::Setting { strategy: strategy.name.clone(), setting });
    match strategy.build(counts)? {
        ConfiguredLoss::Bce(loss) => Ok(loss.into_weighter()),
        ConfiguredLoss::Softmax(loss) if loss.label_smoothing() > 0.0 => misplaced("label_smoothing"),
        ConfiguredLoss::Softmax(loss) => {
            let ignored = loss.ignore_index().and_then(|index| usize::try_from(index).ok());
            if ignored.is_some_and(|index| index < counts.len()) {
                return misplaced("ignore_index");
            }
            Ok(loss.into_weighter())
        }
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
    StrategyError::Config { name, file, source }.into()
}

fn suspects(rows: &Rows, objective: Objective, most: usize) -> Vec<Suspect> {
    let suspect = |(index, class, predicted, margin): (u64, u16, Option<u16>, f64)| {
        let place = rows.place(index)?;
        let sample: Sample<f64> = survey::sample(objective, margin, class);
        let own = usize::from(class);
        // Of two classes the other one, where p_t is below one half.
        let predicted = predicted.map_or_else(|| if margin > 0.0 { own } else { 1 - own }, usize::from);
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
    let mut words = vec!["reweight".to_owned(), "inspect".to_owned(), quoted(&arguments.file.display().to_string())];
    let mut say = |option: &str, value: &str| words.extend([option.to_owned(), quoted(value)]);
    let columns = &arguments.columns;
    columns.label.iter().for_each(|column| say("--label", column));
    columns.score.iter().for_each(|column| say("--score", column));
    columns.positive.iter().for_each(|label| say("--positive", label));
    let named = |value: Option<clap::builder::PossibleValue>| value.map(|value| value.get_name().to_owned());
    if let Some(kind) = columns.scores.and_then(|kind| named(clap::ValueEnum::to_possible_value(&kind))) {
        say("--scores", &kind);
    }
    if columns.header != crate::arguments::HeaderChoice::Auto {
        named(clap::ValueEnum::to_possible_value(&columns.header)).iter().for_each(|header| say("--header", header));
    }
    if let Some(delimiter) = columns.delimiter {
        say("--delimiter", &if delimiter.0 == b'\t' { "tab".to_owned() } else { char::from(delimiter.0).to_string() });
    }
    say("--top", &arguments.looking.top.to_string());
    say("--regions", &arguments.looking.regions.to_string());
    for strategy in &arguments.looking.strategy {
        say("--strategy", &format!("{}={}", strategy.name, strategy.config.display()));
    }
    words.join(" ")
}
