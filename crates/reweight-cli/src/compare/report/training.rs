//! Loss and metric over the epochs.

use super::View;
use super::words::{figure, percent};
use crate::report::{Axis, Cell, Chart, Curve, Page, Table};

pub(super) fn add(page: &mut Page, view: &View<'_>) {
    let epochs = &view.story.epochs;
    let x: Vec<f64> = epochs.epochs.iter().map(|&epoch| f64::from(epoch)).collect();
    let metric = epochs.metric.title();
    let section = page.section("Training");
    section.chart(
        Chart::new("metric", format!("On rows not trained on: {metric}"), format!(
            "After each epoch, the mean over folds and seeds. Where a curve turns down, the networks have begun to learn the \
             training rows by heart. {}", best(view)
        ))
        .x(Axis::new("epoch"))
        .y(Axis::new(metric))
        .curves(view.curves(&epochs.strategies, |name, one| Curve::line(name, x.clone(), one.metric.clone())))
        .table(table(view)),
    );
    section.chart(
        Chart::new(
            "loss",
            "Training loss",
            "Each strategy's own loss as a share of what it was in the first epoch: the losses themselves are of different sizes \
             and say nothing of each other.",
        )
        .x(Axis::new("epoch"))
        .y(Axis::new("loss, share of the first epoch's (%)").share())
        .curves(view.curves(&epochs.strategies, |name, one| Curve::line(name, x.clone(), one.loss.clone()))),
    );
}

/// Which strategy is highest at the end.
fn best(view: &View<'_>) -> String {
    let last = view.story.epochs.strategies.iter().map(|one| one.metric.last().copied().unwrap_or(f64::NAN));
    match super::words::largest(last) {
        Some((index, value)) => {
            format!("At the end {} is highest, {}.", view.comparison.settings.strategies[index].name, figure(value))
        }
        None => String::new(),
    }
}

fn table(view: &View<'_>) -> Table {
    let epochs = &view.story.epochs;
    let last = epochs.epochs.len().saturating_sub(1);
    let mut places = vec![0, last / 4, last / 2, last];
    places.dedup();
    let of =
        |what: &str| places.iter().map(|&place| format!("{what}, epoch {}", epochs.epochs[place])).collect::<Vec<_>>();
    let heads = of("metric").into_iter().chain(of("loss"));
    let mut table = Table::new(
        "Metric, and loss as a share of the first epoch's",
        std::iter::once("strategy".to_owned()).chain(heads),
    );
    for (name, one) in view.names().zip(&epochs.strategies) {
        let metric = places.iter().map(|&place| Cell::number(figure(one.metric[place])));
        let loss = places.iter().map(|&place| Cell::number(percent(one.loss[place])));
        table.row(std::iter::once(Cell::text(name)).chain(metric).chain(loss));
    }
    table
}
