//! The verdict in words, and the table of figures with paired differences.

use super::words::{figure, grouped, signed};
use crate::compare::comparison::{Comparison, FigureResult};
use crate::compare::show::{legend, task};
use crate::compare::verdict::verdict;
use crate::report::{Cell, Chart, Mark, Page, Table};

/// The line beneath the title.
pub(super) fn lead(comparison: &Comparison) -> String {
    let (data, training) = (&comparison.data, &comparison.settings.training);
    let networks = training.folds * training.seeds.len();
    let protocol = comparison.settings.protocol.sentence(data.positive.is_some());
    let protocol = protocol.map_or_else(String::new, |sentence| format!(" {sentence}."));
    format!(
        "{} rows, {} feature columns, {}. {} strategies, each judged on {networks} networks: {} folds of {}.{protocol}",
        grouped(data.rows),
        data.features.len(),
        task(data),
        comparison.settings.strategies.len(),
        training.folds,
        if training.seeds.len() == 1 {
            "one seed".to_owned()
        } else {
            format!("each of {} seeds", training.seeds.len())
        },
    )
}

/// `chart` shows what the verdict says.
pub(super) fn add(page: &mut Page, comparison: &Comparison, chart: Option<Chart>) {
    let section = page.section("Verdict");
    if comparison.partial {
        let all = comparison.settings.training.seeds.len() * comparison.settings.training.folds;
        let finished = comparison.folds_finished();
        let text = format!("Interrupted: {finished} of {all} folds were finished under every strategy.");
        let rest = if finished == 0 { " There is nothing to show." } else { " All that follows is of these only." };
        section.paragraph(text + rest);
    }
    let sentences = verdict(comparison);
    if sentences.is_empty() {
        section.paragraph("There is nothing to compare.");
    } else {
        section.verdict(sentences);
    }
    if let Some(chart) = chart {
        section.chart(chart);
    }
    if comparison.folds_finished() == 0 {
        return;
    }
    let section = page.section("Figures and differences");
    section.table(table(comparison));
    legend(comparison).into_iter().for_each(|line| {
        section.paragraph(line);
    });
    let strategies = &comparison.settings.strategies;
    section.list(strategies.iter().map(|strategy| format!("{}: {}", strategy.name, strategy.what)));
}

fn table(comparison: &Comparison) -> Table {
    let arrow = |higher_is_better: bool| if higher_is_better { '↑' } else { '↓' };
    let heads = comparison
        .figures
        .iter()
        .map(|head| format!("{}\u{a0}{}", head.figure.heading(), arrow(head.higher_is_better)));
    let heads = std::iter::once("strategy".to_owned()).chain(heads);
    let mut table = Table::new("Mean, deviation and difference to the first row, with its 95 % interval", heads);
    for result in &comparison.results {
        let cells = result.figures.iter().map(cell);
        table.row(std::iter::once(Cell::text(&result.name)).chain(cells));
    }
    table
}

fn cell(result: &FigureResult) -> Cell {
    // Of one run there is no deviation.
    let deviation = if result.over_runs.runs == 1 { "?".to_owned() } else { figure(result.over_runs.deviation) };
    let cell = Cell::number(figure(result.over_runs.mean)).note(format!("± {deviation}"), Mark::Plain);
    let Some(paired) = result.to_baseline else { return cell };
    let is_better = (paired.mean > 0.0) == result.figure.higher_is_better();
    let (sign, mark) = match paired.is_beyond_noise() {
        true if is_better => (" *", Mark::Better),
        true => (" !", Mark::Worse),
        false => ("", Mark::Plain),
    };
    let cell = cell.note(format!("{}{sign}", signed(paired.mean)), mark);
    match paired.half_width {
        Some(half) => {
            let (low, high) = (signed(paired.mean - half), signed(paired.mean + half));
            cell.note(format!("{low} to {high}"), Mark::Plain)
        }
        None => cell,
    }
}
