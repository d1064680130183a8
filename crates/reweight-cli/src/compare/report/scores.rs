//! Score distributions, and the positives' lower tail enlarged.

use super::View;
use super::words::{number, percent};
use crate::compare::story::StrategyScores;
use crate::report::{Axis, Cell, Chart, Curve, Dash, Page, Table};
use crate::strategy::BASELINE;

pub(super) fn add(page: &mut Page, view: &View<'_>) {
    let scores = &view.story.scores;
    let rare = view.rare();
    let section = page.section("Scores");
    section.paragraph(format!(
        "What the networks say of rows that they were not trained on, as log odds of {rare}: 0 is a probability of one half, \
         −3 of 5 %. A strategy may shift all scores alike, which costs calibration but no rank."
    ));
    let both = |strategy: &StrategyScores| {
        [
            (Dash::Solid, rare.clone(), strategy.positives.clone()),
            (Dash::Dot, "the others".to_owned(), strategy.negatives.clone()),
        ]
    };
    let curves = view.names().zip(&scores.strategies).enumerate().flat_map(|(group, (name, strategy))| {
        both(strategy).map(|(dash, what, shares)| {
            Curve::steps(format!("{name}, {what}"), scores.bins.clone(), shares).dash(dash).group(group)
        })
    });
    section.chart(
        Chart::new("scores", "How the scores are distributed", format!(
            "Solid: {rare}; dotted: the others. Each outline sums to 100 %. The less the two overlap, the better they are told apart."
        ))
        .x(Axis::new(format!("log odds of {rare}")))
        .y(Axis::new("share of the class in each bin (%)").share())
        .curves(curves)
        .table(quartiles(view)),
    );
    section.chart(
        Chart::new("tail", "The lower tail, enlarged", format!(
            "The quarter of {rare} that scores lowest: how large a share of them lies below a score. Further to the right is higher. The axis leaves out the lowest hundredth; zooming out shows it."
        ))
        .x(tail_axis(view, &rare))
        .y(Axis::new(format!("share of {rare} below (%)")).share().range(0.0, 0.26))
        .curves(view.curves(&scores.strategies, |name, one| Curve::line(name, one.lowest.clone(), scores.tail.clone()))),
    );
    if view.comparison.data.positive.is_none() {
        section.chart(rank(view));
    }
}

/// From the lowest positives but for the last hundredth, which one far off would stretch.
fn tail_axis(view: &View<'_>, rare: &str) -> Axis {
    let axis = Axis::new(format!("log odds of {rare}"));
    let strategies = &view.story.scores.strategies;
    let low = strategies.iter().map(|one| one.lowest[1]).fold(f64::INFINITY, f64::min);
    let high = strategies.iter().filter_map(|one| one.lowest.last().copied()).fold(f64::NEG_INFINITY, f64::max);
    let room = 0.03 * (high - low);
    if room > 0.0 { axis.range(low - room, high + room) } else { axis }
}

/// Where the lowest positives stand, which is what the verdict is about.
pub(super) fn rank(view: &View<'_>) -> Chart {
    let (scores, rare) = (&view.story.scores, view.rare());
    Chart::new("rank", format!("Where the hardest {rare} stand among the others"), above(view))
        .x(Axis::new(format!("share of {rare}, from the hardest (%)")).share().range(0.0, 0.25))
        .y(Axis::new("share of the others that score above (%)").share())
        .curves(
            view.curves(&scores.strategies, |name, one| {
                Curve::line(name, scores.tail.clone(), one.above_hardest.clone())
            }),
        )
        .table(tail(view))
}

/// What the chart of ranks shows, of the best strategy.
fn above(view: &View<'_>) -> String {
    let text = format!(
        "For the quarter of {} that scores lowest: how many of the others score above each. Lower is better.",
        view.rare()
    );
    let at = |one: &StrategyScores| one.above_hardest.get(10).copied().unwrap_or(f64::NAN);
    // Of those that are drawn at first, so that it can be seen.
    let Some(best) = super::shown(view.comparison).get(1).copied() else { return text };
    let strategies = &view.story.scores.strategies;
    let (name, best, base) = (&view.comparison.settings.strategies[best].name, &strategies[best], at(&strategies[0]));
    format!("{text} At a tenth it is {} under {name}, {} under {BASELINE}.", percent(at(best)), percent(base))
}

fn quartiles(view: &View<'_>) -> Table {
    let heads = [
        "strategy",
        "rare: ¼ below",
        "rare: median",
        "rare: ¼ above",
        "others: ¼ below",
        "others: median",
        "others: ¼ above",
    ];
    let mut table = Table::new(format!("Quartiles of the log odds; rare is {}", view.rare()), heads);
    for (name, one) in view.names().zip(&view.story.scores.strategies) {
        let cells =
            one.positive_quartiles.iter().chain(&one.negative_quartiles).map(|&value| Cell::number(number(value)));
        table.row(std::iter::once(Cell::text(name)).chain(cells));
    }
    table
}

fn tail(view: &View<'_>) -> Table {
    let places = [0, 5, 10, 25];
    let heads = places.map(|place| format!("others above, at {place} %")).into_iter();
    let heads = heads.chain(places.map(|place| format!("log odds at {place} %")));
    let caption = format!("At shares of {}, counted from the lowest score", view.rare());
    let mut table = Table::new(caption, std::iter::once("strategy".to_owned()).chain(heads));
    for (name, one) in view.names().zip(&view.story.scores.strategies) {
        let above = places.map(|place| Cell::number(percent(one.above_hardest[place]))).into_iter();
        let lowest = places.map(|place| Cell::number(number(one.lowest[place])));
        table.row(std::iter::once(Cell::text(name)).chain(above).chain(lowest));
    }
    table
}
