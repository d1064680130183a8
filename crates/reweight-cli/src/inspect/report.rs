//! An inspection as a page: the gradient's story in charts, the suspects as a table, the loss to begin with.

use reweight_lab::text::{percent, thousands};

use super::inspection::{Inspection, Judged};
use super::show::{head, small};
use crate::report::{Axis, Cell, Chart, Curve, Dash, Page, Table};

/// Classes that are drawn side by side.
const MOST_CLASSES: usize = 30;

/// The page of an inspection.
pub(super) fn page(inspection: &Inspection) -> Page {
    let mut page = Page::new(format!("Inspection of {}", inspection.file)).lead(head(inspection));
    let names = inspection.strategies.iter().map(|judged| (judged.strategy.name.clone(), true));
    page.toggles("Losses", names);
    let section = page.section("Who owns the gradient");
    section.verdict(verdict(inspection)).chart(norms(inspection)).chart(shares(inspection)).table(classes(inspection));
    if inspection.classes.len() > 2 {
        section.chart(class_shares(inspection));
    }
    let section = page.section("What a loss would do to these samples");
    section.paragraph(
        "Effective samples are (Σw)²/Σw²: as many samples of equal weight say as much. Weights are relative to their mean. GHM \
         weighs as after its first batch, and “suggested” is the loss at the end of this page.",
    );
    section.table(strategies(inspection)).chart(weights_by_norm(inspection)).chart(weights_by_probability(inspection));
    if !inspection.top.is_empty() {
        let section = page.section("Largest gradient norms");
        section.paragraph("Samples that contradict their labels most: candidates for label errors and outliers.");
        section.table(top(inspection));
    }
    let section = page.section("A loss.toml to begin with");
    section.paragraph(
        "Made from these figures by rules of thumb, with the reason for each value. A first try, not a verdict.",
    );
    section.code(&inspection.suggestion);
    let section = page.section("How this was made");
    if !inspection.guesses.is_empty() {
        section.paragraph("How the file was read, and the option that changes it:");
        section.list(inspection.guesses.iter().map(ToString::to_string));
    }
    section.list(settings(inspection)).code(&inspection.command);
    page
}

/// The story in a few sentences, made from the figures.
fn verdict(inspection: &Inspection) -> Vec<String> {
    let rare = &inspection.classes[inspection.rarest];
    let mut sentences = vec![format!(
        "The rarest class, “{}”, has {} of the {} samples and {} of the gradient of plain cross entropy.",
        rare.label,
        percent(rare.share),
        thousands(inspection.samples),
        optional(rare.gradient_share),
    )];
    if let (Some(easiest), Some(hardest), true) =
        (inspection.regions.first(), inspection.regions.last(), inspection.regions.len() > 1)
    {
        sentences.push(format!(
            "The easiest samples, with a gradient norm below {}, are {} of all and own {} of the gradient; the hardest, from {} \
             on, are {} and own {}.",
            easiest.to,
            percent(easiest.share),
            optional(easiest.gradient_share),
            hardest.from,
            percent(hardest.share),
            optional(hardest.gradient_share),
        ));
    }
    let shares = |judged: &Judged| judged.effect.class_gradient[inspection.rarest];
    let others = inspection.strategies.iter().skip(1).filter(|judged| shares(judged).is_some());
    if let Some(most) = others.max_by(|a, b| shares(a).unwrap_or(0.0).total_cmp(&shares(b).unwrap_or(0.0))) {
        sentences.push(format!(
            "{} would give that class the most, {}, at the price of {} effective samples.",
            most.strategy.name,
            optional(shares(most)),
            thousands(most.effect.effective_samples.round() as u64),
        ));
    }
    sentences
}

fn region_names(inspection: &Inspection) -> Vec<String> {
    inspection.regions.iter().map(|region| format!("{} – {}", region.from, region.to)).collect()
}

fn norms(inspection: &Inspection) -> Chart {
    let mut table = Table::new("Samples of each region", ["gradient norm", "samples", "share", "of the gradient"]);
    for (region, name) in inspection.regions.iter().zip(region_names(inspection)) {
        let numbers = [thousands(region.samples), percent(region.share), optional(region.gradient_share)];
        table.row([Cell::text(name)].into_iter().chain(numbers.map(Cell::number)));
    }
    let counts = inspection.regions.iter().map(|region| on_log_axis(region.samples as f64)).collect();
    Chart::new("norms", "How many samples have which gradient norm", "Bars by region, on a logarithmic scale.")
        .x(Axis::new("gradient norm g = 1 − p_t"))
        .y(Axis::new("samples (log scale)").log())
        .curve(Curve::bars_over("samples", region_names(inspection), counts))
        .table(table)
}

fn shares(inspection: &Inspection) -> Chart {
    let heads = ["gradient norm".to_owned()].into_iter().chain(names(inspection));
    let mut table = Table::new("Share of the gradient", heads);
    for (index, name) in region_names(inspection).into_iter().enumerate() {
        let share = |judged: &Judged| Cell::number(optional(judged.effect.region_gradient[index]));
        table.row([Cell::text(name)].into_iter().chain(inspection.strategies.iter().map(share)));
    }
    let curve = |(group, judged): (usize, &Judged)| {
        let shares = judged.effect.region_gradient.iter().map(|share| share.unwrap_or(0.0)).collect();
        Curve::bars_over(&judged.strategy.name, region_names(inspection), shares).group(group)
    };
    Chart::new(
        "region-shares",
        "Who owns the gradient: easy and hard samples",
        "Each region's share of the gradient's norm, before (plain CE) and after re-weighting.",
    )
    .x(Axis::new("gradient norm g = 1 − p_t"))
    .y(Axis::new("share of the gradient").share())
    .curves(inspection.strategies.iter().enumerate().map(curve))
    .table(table)
}

fn classes(inspection: &Inspection) -> Table {
    let heads = ["class", "samples", "share", "recall", "mean gradient norm", "of the gradient"];
    let mut table = Table::new("The classes under plain cross entropy", heads);
    for class in &inspection.classes {
        let numbers = [
            thousands(class.samples),
            percent(class.share),
            optional(class.recall),
            class.mean_gradient_norm.map_or_else(|| "–".to_owned(), |norm| format!("{norm:.3}")),
            optional(class.gradient_share),
        ];
        table.row([Cell::text(&class.label)].into_iter().chain(numbers.map(Cell::number)));
    }
    table
}

fn class_shares(inspection: &Inspection) -> Chart {
    let mut order: Vec<usize> = (0..inspection.classes.len()).collect();
    order.sort_by_key(|&class| std::cmp::Reverse(inspection.classes[class].samples));
    // The head and the tail, as the rarest are what this is about.
    if order.len() > MOST_CLASSES {
        order.drain(MOST_CLASSES / 3..order.len() - (MOST_CLASSES - MOST_CLASSES / 3));
    }
    let labels = || order.iter().map(|&class| inspection.classes[class].label.clone()).collect::<Vec<_>>();
    let curve = |(group, judged): (usize, &Judged)| {
        let shares = order.iter().map(|&class| judged.effect.class_gradient[class].unwrap_or(0.0)).collect();
        Curve::bars_over(&judged.strategy.name, labels(), shares).group(group)
    };
    let mut table = Table::new("Share of the gradient", ["class".to_owned()].into_iter().chain(names(inspection)));
    for &class in &order {
        let share = |judged: &Judged| Cell::number(optional(judged.effect.class_gradient[class]));
        let label = Cell::text(&inspection.classes[class].label);
        table.row([label].into_iter().chain(inspection.strategies.iter().map(share)));
    }
    Chart::new(
        "class-shares",
        "Who owns the gradient: the classes",
        "Each class's share of the gradient's norm, the largest class first.",
    )
    .x(Axis::new("class, the largest first"))
    .y(Axis::new("share of the gradient").share())
    .curves(inspection.strategies.iter().enumerate().map(curve))
    .table(table)
}

fn strategies(inspection: &Inspection) -> Table {
    let rare = &inspection.classes[inspection.rarest].label;
    let heads = [
        "loss".to_owned(),
        "effective samples".to_owned(),
        "of all".to_owned(),
        "largest weight".to_owned(),
        format!("“{rare}”: of the weight"),
        "of the gradient".to_owned(),
    ];
    let mut table = Table::new("What each loss would do", heads);
    for judged in &inspection.strategies {
        let effect = &judged.effect;
        let largest = effect.largest_weight / effect.mean_weight;
        let numbers = [
            thousands(effect.effective_samples.round() as u64),
            percent(effect.effective_samples / inspection.samples as f64),
            if effect.mean_weight > 0.0 { format!("{largest:.1} ×") } else { "–".to_owned() },
            optional(effect.class_weight[inspection.rarest]),
            optional(effect.class_gradient[inspection.rarest]),
        ];
        table.row([Cell::text(&judged.strategy.name)].into_iter().chain(numbers.map(Cell::number)));
    }
    table
}

fn weights_by_norm(inspection: &Inspection) -> Chart {
    let chart = Chart::new("weights-by-norm", "Which weight a sample gets, by its gradient norm", summary(inspection));
    weights(inspection, chart, &inspection.norms).x(Axis::new("gradient norm g = 1 − p_t").range(0.0, 1.0))
}

fn weights_by_probability(inspection: &Inspection) -> Chart {
    let chart = Chart::new(
        "weights-by-probability",
        "Which weight a sample gets, by the probability given to its label",
        summary(inspection),
    );
    let p_t: Vec<f64> = inspection.norms.iter().map(|norm| 1.0 - norm).collect();
    weights(inspection, chart, &p_t).x(Axis::new("p_t, the probability given to the target").range(0.0, 1.0))
}

fn summary(inspection: &Inspection) -> String {
    let label = |class: usize| &inspection.classes[class].label;
    format!(
        "Over the mean weight, on a logarithmic scale. Whole lines: the rarest class, “{}”; dotted ones: the largest, “{}”, where \
         it is weighed otherwise.",
        label(inspection.rarest),
        label(inspection.largest)
    )
}

fn weights(inspection: &Inspection, mut chart: Chart, x: &[f64]) -> Chart {
    for (group, judged) in inspection.strategies.iter().enumerate() {
        let mean = judged.effect.mean_weight;
        if mean <= 0.0 {
            continue;
        }
        let relative = |weights: &[f64]| weights.iter().map(|weight| on_log_axis(weight / mean)).collect::<Vec<f64>>();
        let name = &judged.strategy.name;
        let rarest = Curve::line(name, x.to_vec(), relative(&judged.weight_of_rarest));
        chart = chart.curve(rarest.group(group).dash(Dash::Solid));
        if judged.weight_of_largest != judged.weight_of_rarest {
            let label = &inspection.classes[inspection.largest].label;
            let largest = Curve::line(format!("{name}, “{label}”"), x.to_vec(), relative(&judged.weight_of_largest));
            chart = chart.curve(largest.group(group).dash(Dash::Dot));
        }
    }
    chart.y(Axis::new("weight over the mean weight (log scale)").log())
}

fn top(inspection: &Inspection) -> Table {
    let heads = ["row", "line", "label", "scores say", "p_t", "gradient norm", "loss in nats"];
    let mut table = Table::new("The samples of the largest gradient norm", heads);
    for suspect in &inspection.top {
        table.row([
            Cell::text(suspect.row.to_string()),
            Cell::number(suspect.line.to_string()),
            Cell::number(&suspect.label),
            Cell::number(&suspect.predicted),
            Cell::number(small(suspect.p_t)),
            Cell::number(format!("{:.4}", suspect.gradient_norm)),
            Cell::number(format!("{:.2}", suspect.cross_entropy)),
        ]);
    }
    table
}

fn settings(inspection: &Inspection) -> Vec<String> {
    let columns = inspection.score_columns.join(", ");
    let mut lines = vec![
        format!("Labels from the column “{}”, scores from {columns}.", inspection.label_column),
        format!("Computed with {}.", inspection.program),
    ];
    lines.extend(
        inspection.strategies.iter().map(|judged| format!("{}: {}.", judged.strategy.name, judged.strategy.what)),
    );
    lines
}

/// What is 0 has no place on a logarithmic axis, and leaves a gap.
fn on_log_axis(value: f64) -> f64 {
    if value > 0.0 { value } else { f64::NAN }
}

fn names(inspection: &Inspection) -> impl Iterator<Item = String> {
    inspection.strategies.iter().map(|judged| judged.strategy.name.clone())
}

fn optional(share: Option<f64>) -> String {
    share.map_or_else(|| "–".to_owned(), percent)
}
