//! The table on standard output: as wide as the terminal allows, and narrower where it does not.

use std::io::{self, Write};
use std::path::Path;

use comfy_table::{Cell, CellAlignment, ColumnConstraint, ContentArrangement, Table, Width, presets};
use reweight_lab::problem::Figure;
use reweight_lab::table::guess;
use reweight_lab::text::{counted, excerpt, wrapped};

use super::comparison::{Comparison, FigureResult, StrategyResult};
use super::data::DataSummary;
use super::settings::Settings;
use super::verdict::verdict;
use crate::terminal::width;

/// What is about to be compared.
pub(super) fn head(out: &mut dyn Write, data: &DataSummary, settings: &Settings) -> io::Result<()> {
    let (training, task) = (&settings.training, task(data));
    let mut lines = vec![
        format!(
            "{}: {}, {}, {task}",
            data.name,
            counted(data.rows as u64, "row"),
            counted(data.features.len() as u64, "feature column")
        ),
        format!(
            "{} × {} folds, {} strategies: each trains {} networks (hidden layers {}, {} in batches of {}, \
             Adam at {}), from the same weights, on the same batches",
            counted(training.seeds.len() as u64, "seed"),
            training.folds,
            settings.strategies.len(),
            training.seeds.len() * training.folds,
            training.hidden_text(),
            counted(training.epochs.into(), "epoch"),
            training.batch_size,
            training.learning_rate,
        ),
    ];
    lines.extend(settings.protocol.sentence(data.positive.is_some()));
    for line in lines {
        writeln!(out, "{}", wrapped(&line, width()))?;
    }
    guess::show(out, &data.guesses, width())?;
    writeln!(out)
}

/// What is to be told apart, in words.
pub(crate) fn task(data: &DataSummary) -> String {
    match &data.positive {
        Some(positive) => {
            let positives = data.labels.iter().find(|(label, _)| label == positive).map_or(0, |label| label.1);
            let share = 100.0 * positives as f64 / data.rows as f64;
            format!("{positives} `{}` ({share:.1} %) against the rest", excerpt(positive))
        }
        None => format!("{} classes of `{}`", data.labels.len(), excerpt(&data.target)),
    }
}

/// The table and the verdict, and unless `quiet` what the strategies and marks mean.
pub(super) fn show(out: &mut dyn Write, comparison: &Comparison, quiet: bool) -> io::Result<()> {
    let width = width();
    let finished = comparison.folds_finished();
    if comparison.partial {
        let all = comparison.settings.training.seeds.len() * comparison.settings.training.folds;
        let text = format!("INTERRUPTED: {finished} of {all} folds were finished under every strategy");
        let text = if finished == 0 {
            format!("{text}; there is nothing to show, and no file was written")
        } else {
            format!("{text}; these only:")
        };
        writeln!(out, "{}\n", wrapped(&text, width))?;
    }
    if finished == 0 {
        return Ok(());
    }
    writeln!(out, "{}", table(comparison, width))?;
    if !quiet {
        for line in legend(comparison) {
            writeln!(out, "{}", wrapped(&line, width))?;
        }
    }
    writeln!(out)?;
    for sentence in verdict(comparison) {
        writeln!(out, "{}", wrapped(&sentence, width))?;
    }
    if !quiet {
        writeln!(out)?;
        for strategy in &comparison.settings.strategies {
            writeln!(out, "{}", wrapped(&format!("  {}: {}", strategy.name, strategy.what), width))?;
        }
        writeln!(out, "\nRepeat it with:\n  {}", comparison.command)?;
    }
    Ok(())
}

/// The table in the widest of three forms that fits `width` columns.
#[must_use]
pub fn table(comparison: &Comparison, width: usize) -> String {
    let wide = |lines: Lines| by_strategy(comparison, lines).to_string();
    let fits = |table: &String| table.lines().all(|line| console::measure_text_width(line) <= width);
    [wide(Lines::Two), wide(Lines::Three)].into_iter().find(fits).unwrap_or_else(|| by_figure(comparison, width))
}

/// How a cell is broken: `mean ± sd` and difference, or each on a line.
#[derive(Clone, Copy, PartialEq)]
enum Lines {
    Two,
    Three,
}

/// One row a strategy, one column a figure.
fn by_strategy(comparison: &Comparison, lines: Lines) -> Table {
    let mut table = empty();
    let column = if lines == Lines::Two { 15 } else { 10 };
    let title = |figure: Figure| format!("{} {}", figure.heading(), arrow(figure));
    let heads = comparison.in_table().map(|head| Cell::new(wrapped(&title(head.figure), column)));
    table.set_header([Cell::new("")].into_iter().chain(heads.map(|cell| cell.set_alignment(CellAlignment::Right))));
    for result in &comparison.results {
        let cells = result.figures.iter().filter(|figure| figure.figure.is_in_table()).map(|figure| {
            let (mean, deviation) = over_runs(figure);
            let between = if lines == Lines::Two { " " } else { "\n" };
            let change = difference(figure).map_or_else(String::new, |change| format!("\n{change}"));
            Cell::new(format!("{mean}{between}± {deviation}{change}")).set_alignment(CellAlignment::Right)
        });
        table.add_row([Cell::new(&result.name)].into_iter().chain(cells));
    }
    if lines == Lines::Three {
        // Seven columns in the 80 of many terminals.
        table.column_iter_mut().for_each(|column| {
            column.set_padding((1, 0));
        });
    }
    table
}

/// One table a figure, for narrow terminals.
fn by_figure(comparison: &Comparison, width: usize) -> String {
    let one = |index: usize| {
        let mut table = empty();
        let figure = comparison.figures[index].figure;
        let row = |result: &StrategyResult| {
            let figure = &result.figures[index];
            let (mean, deviation) = over_runs(figure);
            let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
            vec![
                Cell::new(&result.name),
                right(mean),
                right(format!("± {deviation}")),
                right(difference(figure).unwrap_or_default()),
            ]
        };
        comparison.results.iter().for_each(|result| {
            table.add_row(row(result));
        });
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
        if let Some(names) = table.column_mut(0) {
            names.set_constraint(ColumnConstraint::UpperBoundary(Width::Percentage(50)));
        }
        format!("{} {}\n{table}", figure.heading(), arrow(figure))
    };
    (0..comparison.in_table().count()).map(one).collect::<Vec<_>>().join("\n\n")
}

pub(crate) fn empty() -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table
}

fn arrow(figure: Figure) -> char {
    if figure.higher_is_better() { '↑' } else { '↓' }
}

fn over_runs(figure: &FigureResult) -> (String, String) {
    // Of one run there is none.
    let deviation = match figure.over_runs.runs {
        1 => "?".to_owned(),
        _ => format!("{:.3}", figure.over_runs.deviation),
    };
    (format!("{:.3}", figure.over_runs.mean), deviation)
}

/// The difference to the baseline, marked where it is more than noise: `*` for better, `!` for worse.
fn difference(figure: &FigureResult) -> Option<String> {
    let paired = figure.to_baseline?;
    let better = (paired.mean > 0.0) == figure.figure.higher_is_better();
    let mark = match paired.is_beyond_noise() {
        true if better => "*",
        true => "!",
        false => " ",
    };
    Some(format!("{:+.3} {mark}", paired.mean).replace('-', "−"))
}

/// What the table's marks and figures mean, a paragraph each.
pub(super) fn legend(comparison: &Comparison) -> Vec<String> {
    let base = &comparison.results[0].name;
    let mut lines = vec![format!(
        "Mean ± standard deviation over folds and seeds; below it the mean difference to {base} in the same folds: * better, \
         ! worse, beyond the noise (95\u{a0}%, corrected resampled t-test). ↑ more is better, ↓ less is better."
    )];
    let pooled: Vec<String> = comparison
        .results
        .iter()
        .filter_map(|result| Some(format!("{} {:.3}", result.name, result.pooled?.roc_auc)))
        .collect();
    if !pooled.is_empty() {
        lines.push(format!(
            "ROC AUC is the mean over folds. Pooled, over all rows at once, each with its score from networks that were not trained on \
             it (the mean over seeds): {}.",
            pooled.join(", ")
        ));
    }
    if comparison.data.positive.is_some() {
        lines.push(
            "Negatives above hardest positives: of the tenth of the positives that score lowest, the mean share of the \
             negatives that score above each. Negatives' 99th percentile: of their predicted probability."
                .to_owned(),
        );
    }
    lines
}

/// What is in a file of `--scores`, and which figure of it `inspect` will print.
pub(super) fn of_scores(comparison: &Comparison, path: &Path) -> String {
    let baseline = comparison.results.first();
    let path = path.display();
    match baseline.and_then(|result| Some((result, result.pooled?))) {
        Some((result, pooled)) => format!(
            "{path} holds the scores of {} for {}. The area under the ROC curve of all of them is {:.3}, which `reweight inspect` gives \
             as well; the table has the mean over folds.",
            result.name,
            counted(pooled.rows as u64, "row"),
            pooled.roc_auc
        ),
        None => format!("{path} holds the scores of {}.", baseline.map_or("", |result| &result.name)),
    }
}

#[cfg(test)]
mod tests;
