//! The gradient's story: how many samples have which gradient norm, what each strategy weighs them with, and who owns the gradient
//! before and after.

use super::View;
use super::words::{number, percent};
use crate::compare::story::StrategyGradient;
use crate::report::{Axis, Cell, Chart, Curve, Dash, Page, Table};

pub(super) fn add(page: &mut Page, view: &View<'_>) {
    let gradient = &view.story.gradient;
    let (rare, common) = (view.rare(), &view.story.common);
    let strategies = &gradient.strategies;
    let section = page.section("The gradient");
    section.paragraph(format!(
        "A sample pulls at the network with its gradient norm g = 1 − p_t, the probability that its true class is not given: near 0 \
         for easy samples, near 1 for very hard ones. {} Everything here is of rows that the networks were not trained on, with each \
         loss in the state that its training left it in.",
        owners(view)
    ));
    let log =
        |values: &[f64]| values.iter().map(|&value| if value > 0.0 { value } else { f64::NAN }).collect::<Vec<_>>();
    section.chart(
        Chart::new(
            "norms",
            "How many samples have which gradient norm",
            "Twenty unit regions of the gradient norm under each \
            strategy's own networks, on a logarithmic scale.",
        )
        .x(Axis::new("gradient norm g = 1 − p_t").range(0.0, 1.0))
        .y(Axis::new("rows (log scale)").log())
        .curves(view.curves(strategies, |name, one| Curve::steps(name, gradient.regions.clone(), log(&one.samples))))
        .table(regions(view, "Rows by gradient norm", |one| &one.samples, number)),
    );
    let weights = |pick: fn(&StrategyGradient) -> [&Vec<f64>; 2], places: &[f64]| {
        let all = view.names().zip(strategies).enumerate().flat_map(|(group, (name, one))| {
            let [of_rare, of_common] = pick(one);
            let curve = |what: &str, weights: &[f64], dash| {
                Curve::line(format!("{name}, {what}"), places.to_vec(), log(weights)).dash(dash).group(group)
            };
            [curve(&rare, of_rare, Dash::Solid), curve(common, of_common, Dash::Dot)]
        });
        all.collect::<Vec<_>>()
    };
    let lines =
        format!("Solid: for {rare}; dotted: for {common}. Only ratios count: Adam divides a common factor out.");
    section.chart(
        Chart::new("weight-norm", "The weight over the gradient norm", lines.clone())
            .x(Axis::new("gradient norm g = 1 − p_t (log scale)").log())
            .y(Axis::new("weight (log scale)").log())
            .curves(weights(|one| [&one.rare_by_norm, &one.common_by_norm], &gradient.norms))
            .table(weight_table(view)),
    );
    section.chart(
        Chart::new("weight-probability", "The weight over p_t", lines)
            .x(Axis::new("probability of the true class, p_t").range(0.0, 1.0))
            .y(Axis::new("weight (log scale)").log())
            .curves(weights(|one| [&one.rare_by_probability, &one.common_by_probability], &gradient.probabilities)),
    );
    let shares = view.names().zip(strategies).enumerate().flat_map(|(group, (name, one))| {
        let curve = |when: &str, shares: &Vec<f64>, dash| {
            Curve::steps(format!("{name}, {when}"), gradient.regions.clone(), shares.clone()).dash(dash).group(group)
        };
        [curve("before", &one.before, Dash::Dot), curve("after", &one.after, Dash::Solid)]
    });
    section.chart(
        Chart::new(
            "shares",
            "Each region's share of the total gradient",
            "Dotted: before re-weighting, under the strategy's own \
            networks; solid: after. Of plain cross entropy both are the same.",
        )
        .x(Axis::new("gradient norm g = 1 − p_t").range(0.0, 1.0))
        .y(Axis::new("share of the total gradient (%)").share())
        .curves(shares)
        .table(regions(view, "Share of the total gradient after re-weighting", |one| &one.after, percent)),
    );
    let labels: Vec<String> = gradient.classes.iter().map(|class| class.label.clone()).collect();
    let rows = gradient.classes.iter().map(|class| class.rows).collect();
    section.chart(
        Chart::new("classes", "Each class's share of the total gradient", classes_summary(view))
            .x(Axis::new(format!("class of `{}`", view.comparison.data.target)))
            .y(Axis::new("share of the total gradient (%)").share())
            .curve(Curve::bars_over("share of the rows", labels.clone(), rows))
            .curves(view.curves(strategies, |name, one| {
                Curve::bars_over(format!("{name}, after"), labels.clone(), one.class_after.clone())
            }))
            .table(classes(view)),
    );
}

/// Who owns plain cross entropy's gradient.
fn owners(view: &View<'_>) -> String {
    let gradient = &view.story.gradient;
    let Some(base) = gradient.strategies.first() else { return String::new() };
    let rows: f64 = base.samples.iter().sum();
    let (easy, easy_share) = (base.samples[..2].iter().sum::<f64>() / rows, base.before[..2].iter().sum::<f64>());
    let of_rare = gradient.classes.iter().zip(&base.class_before).find(|(class, _)| class.label == view.story.rare);
    let rare = of_rare.map_or_else(String::new, |(class, share)| {
        format!(" {} are {} of the rows and own {} of it.", view.rare(), percent(class.rows), percent(*share))
    });
    format!(
        "Under plain cross entropy {} of the rows have g below 0.1; together they own {} of the gradient.{rare}",
        percent(easy),
        percent(easy_share)
    )
}

fn classes_summary(view: &View<'_>) -> String {
    let gradient = &view.story.gradient;
    let text = "Hatched: the class's share of the rows; coloured: its share of the gradient after re-weighting.";
    let all = view.comparison.data.labels.len();
    if view.comparison.data.positive.is_none() && gradient.classes.len() < all {
        return format!("{text} The {} rarest of {all} classes.", gradient.classes.len());
    }
    text.to_owned()
}

/// Neighbouring regions are put together, so that a table stays readable.
fn regions(view: &View<'_>, caption: &str, pick: fn(&StrategyGradient) -> &Vec<f64>, text: fn(f64) -> String) -> Table {
    let parts = [(0, 1), (1, 2), (2, 4), (4, 10), (10, 16), (16, 19), (19, 20)];
    let count = view.story.gradient.regions.len() as f64;
    let head = |(from, to): (usize, usize)| format!("g {} to {}", from as f64 / count, to as f64 / count);
    let mut table = Table::new(caption, std::iter::once("strategy".to_owned()).chain(parts.map(head)));
    for (name, one) in view.names().zip(&view.story.gradient.strategies) {
        let sums = parts.map(|(from, to)| Cell::number(text(pick(one)[from..to].iter().sum())));
        table.row(std::iter::once(Cell::text(name)).chain(sums));
    }
    table
}

fn weight_table(view: &View<'_>) -> Table {
    let probabilities = &view.story.gradient.probabilities;
    let places = [1, 3, 10, 30, 50].map(|sixtieth| sixtieth * probabilities.len() / 60);
    let of = |what: &str| places.map(|place| format!("{what}, p_t = {}", number(probabilities[place])));
    let heads = of("rare").into_iter().chain(of("common"));
    let caption = format!("Weights; rare is {}, common is {}", view.rare(), view.story.common);
    let mut table = Table::new(caption, std::iter::once("strategy".to_owned()).chain(heads));
    for (name, one) in view.names().zip(&view.story.gradient.strategies) {
        let at = |weights: &[f64]| places.map(|place| Cell::number(number(weights[place])));
        let cells = at(&one.rare_by_probability).into_iter().chain(at(&one.common_by_probability));
        table.row(std::iter::once(Cell::text(name)).chain(cells));
    }
    table
}

fn classes(view: &View<'_>) -> Table {
    let gradient = &view.story.gradient;
    let heads = gradient.classes.iter().map(|class| format!("{} ({} of the rows)", class.label, percent(class.rows)));
    let mut table =
        Table::new("Share of the total gradient: before → after", std::iter::once("strategy".to_owned()).chain(heads));
    for (name, one) in view.names().zip(&gradient.strategies) {
        let pairs = one.class_before.iter().zip(&one.class_after);
        let cells = pairs.map(|(before, after)| Cell::number(format!("{} → {}", percent(*before), percent(*after))));
        table.row(std::iter::once(Cell::text(name)).chain(cells));
    }
    table
}
