//! Reliability, and what a temperature or a correction of the prior gives back.

use super::View;
use super::words::{number, percent};
use crate::compare::story::{Calibrated, StrategyCalibration};
use crate::report::{Axis, Cell, Chart, Curve, Page, Table};

pub(super) fn add(page: &mut Page, view: &View<'_>) {
    let strategies = &view.story.calibration.strategies;
    let is_binary = view.comparison.data.positive.is_some();
    let what = if is_binary {
        format!("probability of {}", view.rare())
    } else {
        "probability of the class called".to_owned()
    };
    let section = page.section("Calibration");
    section.paragraph(format!(
        "Re-weighting changes what a probability means. {} A temperature divides all logits by one number; a corrected prior adds \
         to each class's logit what makes the mean prediction the class's share. Both are cross-fitted: the rows of a fold are \
         corrected by what was fitted to the same seed's other folds.",
        given_back(view)
    ));
    let chart = |id, title: &str, pick: fn(&StrategyCalibration) -> Option<&Calibrated>| {
        let curves = view.names().zip(strategies).enumerate().filter_map(|(group, (name, one))| {
            let one = pick(one)?;
            Some(Curve::points(name, one.predicted.clone(), one.observed.clone()).group(group))
        });
        Chart::new(id, title, "Ten groups of equally many rows, by what was predicted. On the broken line, predictions come true; below it, they promise too much.")
            .x(Axis::new(format!("{what}, predicted (%)")).share())
            .y(Axis::new("share that was so (%)").share())
            .curve(Curve::line("as it should be", vec![0.0, 1.0], vec![0.0, 1.0]))
            .curves(curves)
    };
    section.chart(chart("reliability", "Reliability, as trained", |one| Some(&one.plain)).table(table(view)));
    if strategies.iter().all(|one| one.prior.is_some()) {
        section.chart(chart("reliability-prior", "Reliability, with a corrected prior", |one| one.prior.as_ref()));
    }
}

/// The worst calibrated strategy, and what its better correction makes of it.
fn given_back(view: &View<'_>) -> String {
    let strategies = &view.story.calibration.strategies;
    let Some((index, ece)) = super::words::largest(strategies.iter().map(|one| one.plain.ece)) else {
        return String::new();
    };
    let (name, one) = (&view.comparison.settings.strategies[index].name, &strategies[index]);
    let text = format!("Furthest off is {name}: by {} on average (ECE)", percent(ece));
    match (&one.temperature, &one.prior) {
        (Some(temperature), Some(prior)) => format!(
            "{text}; a temperature leaves {}, a corrected prior {}.",
            percent(temperature.ece),
            percent(prior.ece)
        ),
        _ => format!("{text}."),
    }
}

fn table(view: &View<'_>) -> Table {
    let heads = [
        "strategy",
        "Brier",
        "Brier, temperature",
        "Brier, prior",
        "ECE",
        "ECE, temperature",
        "ECE, prior",
        "temperature",
    ];
    let mut table =
        Table::new("Brier score and expected calibration error (ECE), as trained and corrected; less is better", heads);
    for (name, one) in view.names().zip(&view.story.calibration.strategies) {
        let all = [Some(&one.plain), one.temperature.as_ref(), one.prior.as_ref()];
        let brier = all.map(|one| one.map_or(f64::NAN, |one| one.brier));
        let ece = all.map(|one| one.map_or(f64::NAN, |one| one.ece));
        let cells = brier.into_iter().chain(ece).chain([one.mean_temperature.unwrap_or(f64::NAN)]);
        table.row(std::iter::once(Cell::text(name)).chain(cells.map(|value| Cell::number(number(value)))));
    }
    table
}
