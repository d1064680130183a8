//! `--report`: the search as a page: the verdict, the front, the search over time, and what was promised and kept.
//!
//! Every number on it is one of the JSON's.

use super::outcome::{Choice, Tuned};
use super::show::{heads, legend, mark, partial, with_plain};
use super::verdict::{difference, verdict};
use super::write::toml;
use crate::compare::report::settings::{data, pairs, training, versions};
use crate::compare::report::words::{figure, grouped, signed};
use crate::compare::show::task;
use crate::report::{Axis, Cell, Chart, Curve, Dash, Mark, Page, ReportError, Table};
use crate::strategy::BASELINE;

/// The report as one HTML file.
///
/// # Errors
///
/// [`ReportError`] where the plotting library is not as expected.
pub fn html(tuned: &Tuned) -> Result<String, ReportError> {
    page(tuned).to_html()
}

fn page(tuned: &Tuned) -> Page {
    let (data_found, settings) = (&tuned.data, &tuned.settings);
    let mut page = Page::new(format!("A loss for {}", data_found.name)).lead(format!(
        "{} rows, {} feature columns, {}. Goal {}; {} trials in each search, judged on {} outer folds.",
        grouped(data_found.rows),
        data_found.features.len(),
        task(data_found),
        settings.goal.name(),
        tuned.trials_done,
        tuned.outer_done[0]
    ));
    let section = page.section("Verdict");
    if tuned.partial {
        section.paragraph(partial(tuned));
    }
    section.verdict(verdict(tuned));
    section.table(judged(tuned));
    legend(tuned).into_iter().take(1).for_each(|line| {
        section.paragraph(line);
    });
    section.chart(promises(tuned));
    let section = page.section("The front");
    legend(tuned).into_iter().skip(1).for_each(|line| {
        section.paragraph(line);
    });
    section.chart(front(tuned));
    section.paragraph("What the search over all rows chose, with the counts of the whole table:");
    section.code(toml(&tuned.chosen));
    page.section("The search").chart(course(tuned));
    let section = page.section("Data, settings and versions");
    section.paragraph("This command repeats the search, to the bit where versions and processor are the same:");
    section.code(&tuned.command);
    data(section, data_found);
    section.table(pairs(
        "Search",
        [
            ("goal", settings.goal.name().to_owned()),
            ("inner folds", settings.inner_folds.to_string()),
            ("trials in each search", tuned.trials_done.to_string()),
        ],
    ));
    training(section, &settings.training);
    versions(section, &tuned.versions);
    page
}

fn judged(tuned: &Tuned) -> Table {
    let mut table = Table::new("Over the outer folds", ["figure", "plain CE", "the search's choice", "difference"]);
    for row in &tuned.judged {
        let arrow = if row.higher_is_better { '↑' } else { '↓' };
        let colour = match mark(row) {
            "*" => Mark::Better,
            "!" => Mark::Worse,
            _ => Mark::Plain,
        };
        let change = Cell::number(signed(row.paired.mean)).note(mark(row).trim(), colour);
        let change = match row.paired.half_width {
            Some(half) => {
                let (low, high) = (signed(row.paired.mean - half), signed(row.paired.mean + half));
                change.note(format!("{low} to {high}"), Mark::Plain)
            }
            None => change,
        };
        let value = |value: f64| Cell::number(figure(value));
        table.row([
            Cell::text(format!("{} {arrow}", row.title)),
            value(row.plain.mean),
            value(row.chosen.mean),
            change,
        ]);
    }
    table
}

/// What was promised on the inner folds and kept on the outer ones.
fn promises(tuned: &Tuned) -> Chart {
    let gains = |which: usize| -> Vec<f64> { tuned.outer.iter().map(|fold| fold.gains[which]).collect() };
    let notes = tuned.outer.iter().map(|fold| format!("seed {}, fold {}: {}", fold.seed, fold.fold, fold.chosen));
    let most = gains(0).into_iter().chain(gains(1)).fold(0.0_f64, |most, gain| most.max(gain.abs()));
    let most = if most > 0.0 { most } else { 1.0 };
    let mut table = Table::new("Promised and kept", ["outer fold", "promised", "kept", "chosen"]);
    for fold in &tuned.outer {
        table.row([
            Cell::text(format!("seed {}, fold {}", fold.seed, fold.fold)),
            Cell::number(signed(fold.gains[0])),
            Cell::number(signed(fold.gains[1])),
            Cell::text(&fold.chosen),
        ]);
    }
    let [inner, outer] = tuned.gain_inner_outer;
    Chart::new("promises", "What the search promised, and what was left of it", format!(
        "One point an outer fold: the gain over plain CE that the search saw on its inner folds, and that of the same loss on rows that it never saw; on average {} and {}. On the broken line, promises are kept; below it, the search flattered itself.",
        signed(inner), signed(outer)
    ))
    .x(Axis::new("gain on the inner folds"))
    .y(Axis::new("gain on the outer fold"))
    .curve(Curve::line("kept", vec![-0.2 * most, most], vec![-0.2 * most, most]))
    .curve(Curve::marks("an outer fold", gains(0), gains(1)).notes(notes.collect()).group(0))
    .table(table)
}

/// Gain against cost; hovering gives the TOML.
fn front(tuned: &Tuned) -> Chart {
    let choices: Vec<&Choice> = with_plain(tuned).collect();
    let [gain, lift, cost] = heads(tuned).map(|head| head.trim_end_matches([' ', '↑', '↓']));
    let mut table = Table::new("The front", ["loss", gain, lift, cost, "Brier, calibrated"]);
    for choice in &choices {
        let number = |value: f64| Cell::number(signed(value));
        table.row([
            Cell::text(&choice.name),
            number(choice.gain),
            number(choice.lift),
            number(choice.cost),
            Cell::number(format!("{:.4}", choice.calibrated)),
        ]);
    }
    let points = choices.iter().enumerate().map(|(group, choice)| {
        let note = format!("Brier after calibration: {:.4}\n{}", choice.calibrated, toml(choice).trim_end());
        Curve::marks(&choice.name, vec![choice.cost], vec![choice.lift]).notes(vec![note]).group(group)
    });
    Chart::new("front", "Lift and cost of the losses on the front", format!(
        "Further up, the rare end rises more; further to the right, the common side pays more. {BASELINE} is at the origin. Pointing at a loss shows its loss.toml."
    ))
    .x(Axis::new(cost).share())
    .y(Axis::new(lift).share())
    .curves(points)
    .table(table)
}

/// The trials in their order, and the best so far.
fn course(tuned: &Tuned) -> Chart {
    let rungs = ["a quarter of the epochs", "one inner fold", "all inner folds"];
    let of_rung = |rung: usize| {
        let own = tuned.trials.iter().enumerate().filter(move |(_, trial)| trial.rung == rung);
        let own: Vec<(f64, f64, String)> = own
            .map(|(place, trial)| ((place + 1) as f64, trial.gain.unwrap_or(f64::NAN), trial.name.clone()))
            .collect();
        let (places, rest): (Vec<f64>, Vec<(f64, String)>) = own.into_iter().map(|(x, y, name)| (x, (y, name))).unzip();
        let (gains, names): (Vec<f64>, Vec<String>) = rest.into_iter().unzip();
        Curve::marks(format!("let to {}", rungs[rung]), places, gains).notes(names).group(rung)
    };
    let mut best = 0.0_f64;
    let so_far: Vec<f64> = tuned
        .trials
        .iter()
        .map(|trial| {
            if trial.rung == 2 {
                best = best.max(trial.gain.unwrap_or(f64::NEG_INFINITY));
            }
            best
        })
        .collect();
    let places: Vec<f64> = (1..=so_far.len()).map(|place| place as f64).collect();
    let mut table = Table::new("Trials that went through all inner folds", ["trial", "gain", "loss"]);
    for (place, trial) in tuned.trials.iter().enumerate().filter(|(_, trial)| trial.rung == 2) {
        let gain = trial.gain.map_or_else(|| "–".to_owned(), |gain| difference(gain, false));
        table.row([Cell::text((place + 1).to_string()), Cell::number(gain), Cell::text(&trial.name)]);
    }
    Chart::new("course", "The search over time", format!(
        "Each loss of the search over all rows, in the order in which it was tried, and its gain over {BASELINE} on the last rung that it was let to: circles on a quarter of the epochs, squares on one inner fold, diamonds on all of them. Few rows make the first rungs noisy. The broken line is the best of those that went through all."
    ))
    .x(Axis::new("trial"))
    .y(Axis::new("gain on the inner folds"))
    .curve(Curve::line("best so far", places, so_far).dash(Dash::Dash))
    .curves((0..rungs.len()).map(of_rung))
    .table(table)
}
