//! Precision over recall, with the folds as bands.

use super::View;
use super::words::percent;
use crate::report::{Axis, Cell, Chart, Curve, Page, Table};

pub(super) fn add(page: &mut Page, view: &View<'_>) {
    let precision = &view.story.precision;
    let rare = view.rare();
    let bands =
        view.curves(&precision.strategies, |name, one| Curve::band(name, &precision.recall, &one.low, &one.high));
    let means =
        view.curves(&precision.strategies, |name, one| Curve::line(name, precision.recall.clone(), one.mean.clone()));
    let shares = &view.story.gradient.classes;
    let chance = shares.iter().find(|class| class.label == view.story.rare).map_or(f64::NAN, |class| class.rows);
    page.section("Precision and recall").chart(
        Chart::new("precision", "Precision over recall", format!(
            "To find a share of all {rare} (recall), how many of the rows called so really are (precision): lines are means, bands \
             hold the middle 80 % of folds and seeds. The broken line is chance, {}. Higher is better.",
            percent(chance)
        ))
        .x(Axis::new("recall (%)").share().range(0.0, 1.0))
        .y(Axis::new("precision (%)").share().range(0.0, 1.0))
        .curves(bands)
        .curve(Curve::line("chance", vec![0.0, 1.0], vec![chance; 2]))
        .curves(means)
        .table(table(view)),
    );
}

fn table(view: &View<'_>) -> Table {
    let precision = &view.story.precision;
    let places: Vec<usize> = (1..=5).map(|fifth| fifth * precision.recall.len() / 5 - 1).collect();
    let heads = places.iter().map(|&place| format!("at recall {}", percent(precision.recall[place])));
    let mut table = Table::new(
        "Precision; beneath it, the middle 80 % of folds",
        std::iter::once("strategy".to_owned()).chain(heads),
    );
    for (name, one) in view.names().zip(&precision.strategies) {
        let cells = places.iter().map(|&place| {
            let middle = format!("{} to {}", percent(one.low[place]), percent(one.high[place]));
            Cell::number(percent(one.mean[place])).note(middle, crate::report::Mark::Plain)
        });
        table.row(std::iter::once(Cell::text(name)).chain(cells));
    }
    table
}
