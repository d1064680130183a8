//! The comparison in words: who helps the rare class most, by how much, at what cost, and whether it is more than noise.

use reweight_lab::metrics::Paired;
use reweight_lab::problem::Figure;

use super::comparison::{Comparison, FigureResult, StrategyResult};
use crate::strategy::BASELINE;

/// A strategy's difference to the baseline in one figure.
struct Candidate<'a> {
    result: &'a StrategyResult,
    figure: &'a FigureResult,
    paired: Paired,
}

/// The figure that decides, and the second one.
pub(super) fn main_figures(comparison: &Comparison) -> [Figure; 2] {
    match comparison.data.positive {
        Some(_) => [Figure::HardestPositivesRank, Figure::AveragePrecision],
        None => [Figure::WorstRecall, Figure::BalancedAccuracy],
    }
}

/// Some sentences, the main one first; none if there is nothing to compare.
#[must_use]
pub fn verdict(comparison: &Comparison) -> Vec<String> {
    let [main, others] = main_figures(comparison);
    let mut sentences = Vec::new();
    let Some(best) = best(comparison, main) else { return sentences };
    let base = |figure| baseline(comparison, figure);
    let competitors = comparison.results.len() - 1;
    let certain = is_certain(&best.paired, competitors);
    let (name, interval) = (&best.result.name, interval(&best.paired, main));
    let before = amount(base(main), main);
    let after = amount(best.figure.over_runs.mean, main);
    let noise = noise(&best.paired, competitors);
    if best.paired.mean == 0.0 {
        let title = lower_first(main.title());
        sentences
            .push(format!("No strategy improves the {title}: {before} under {BASELINE}, and no better elsewhere."));
        sentences.extend(second(comparison, others, competitors));
        return sentences;
    }
    sentences.push(match (main, is_better(&best.paired, main)) {
        (Figure::HardestPositivesRank, true) => format!(
            "{name} lifts the hardest positives most: {after} of the negatives stand above them, {before} under {BASELINE} \
             ({interval}): {noise}."
        ),
        (_, true) => format!(
            "{name} lifts the worst class's recall most: {after}, {before} under {BASELINE} ({interval}): {noise}."
        ),
        (Figure::HardestPositivesRank, false) => {
            format!("No strategy lifts the hardest positives; {name} comes closest ({interval}): {noise}.")
        }
        (_, false) => format!("No strategy lifts the worst class's recall; {name} comes closest ({interval}): {noise}."),
    });
    if certain && is_better(&best.paired, main) {
        sentences.extend(cost(best.result, comparison));
    }
    sentences.extend(second(comparison, others, competitors));
    sentences
}

/// What the winner makes worse, beyond noise.
fn cost(winner: &StrategyResult, comparison: &Comparison) -> Option<String> {
    let worse: Vec<String> = winner
        .figures
        .iter()
        .filter_map(|result| {
            let paired = result.to_baseline?;
            let worse = paired.is_beyond_noise() && !is_better(&paired, result.figure);
            let figure = result.figure;
            worse.then(|| {
                let (from, to) = (baseline(comparison, figure), result.over_runs.mean);
                let verb = if to > from { "raises" } else { "lowers" };
                format!("{verb} the {} from {from:.3} to {to:.3}", lower_first(figure.title()))
            })
        })
        .collect();
    (!worse.is_empty()).then(|| format!("It costs: it {}.", worse.join(", ")))
}

/// What the second main figure says.
fn second(comparison: &Comparison, figure: Figure, competitors: usize) -> Option<String> {
    let best = best(comparison, figure)?;
    let title = lower_first(figure.title());
    let interval = interval(&best.paired, figure);
    let better = is_better(&best.paired, figure);
    let name = &best.result.name;
    Some(if better {
        format!("In {title} {name} gains most ({interval}): {}.", noise(&best.paired, competitors))
    } else {
        format!("In {title} none does better than {BASELINE}.")
    })
}

/// Whether a difference is more than noise, in words.
pub(crate) fn noise(paired: &Paired, competitors: usize) -> String {
    if paired.p_value.is_none() {
        "one run cannot tell it from noise".to_owned()
    } else if is_certain(paired, competitors) {
        "beyond the noise of folds and seeds".to_owned()
    } else if paired.is_beyond_noise() {
        format!("beyond the noise if it stood alone, but not for the best of {competitors}, which may be the luckiest")
    } else {
        "within the noise of folds and seeds".to_owned()
    }
}

fn best(comparison: &Comparison, figure: Figure) -> Option<Candidate<'_>> {
    let sign = if figure.higher_is_better() { 1.0 } else { -1.0 };
    let candidates = comparison.results.iter().filter_map(|result| {
        let of_figure = result.figures.iter().find(|one| one.figure == figure)?;
        Some(Candidate { result, figure: of_figure, paired: of_figure.to_baseline? })
    });
    candidates.max_by(|a, b| (sign * a.paired.mean).total_cmp(&(sign * b.paired.mean)))
}

/// The best of several is the luckiest too: the probability counts once for each it was chosen from (Bonferroni).
fn is_certain(paired: &Paired, competitors: usize) -> bool {
    paired.p_value.is_some_and(|p_value| p_value * (competitors as f64) < 0.05)
}

fn is_better(paired: &Paired, figure: Figure) -> bool {
    if figure.higher_is_better() { paired.mean > 0.0 } else { paired.mean < 0.0 }
}

fn baseline(comparison: &Comparison, figure: Figure) -> f64 {
    let result = comparison.results.first().and_then(|all| all.figures.iter().find(|one| one.figure == figure));
    result.map_or(f64::NAN, |result| result.over_runs.mean)
}

fn is_share(figure: Figure) -> bool {
    matches!(figure, Figure::HardestPositivesRank | Figure::WorstRecall)
}

fn amount(value: f64, figure: Figure) -> String {
    amount_of(value, is_share(figure))
}

/// A figure, as per cent where it is a share.
pub(crate) fn amount_of(value: f64, is_share: bool) -> String {
    if is_share { format!("{:.1}\u{a0}%", 100.0 * value) } else { format!("{value:.3}") }
}

fn interval(paired: &Paired, figure: Figure) -> String {
    interval_of(paired, is_share(figure))
}

/// A difference with its interval, in points where it is one of shares.
pub(crate) fn interval_of(paired: &Paired, is_share: bool) -> String {
    let (factor, digits, unit) = if is_share { (100.0, 1, " points") } else { (1.0, 3, "") };
    let signed = |value: f64| format!("{:+.digits$}", factor * value).replace('-', "−");
    match paired.half_width {
        Some(half) => format!(
            "{}{unit}, 95\u{a0}% interval {} to {}",
            signed(paired.mean),
            signed(paired.mean - half),
            signed(paired.mean + half)
        ),
        None => format!("{}{unit}", signed(paired.mean)),
    }
}

/// A title inside a sentence: abbreviations keep their capitals.
fn lower_first(title: &str) -> String {
    if title.chars().nth(1).is_some_and(char::is_uppercase) {
        return title.to_owned();
    }
    let mut letters = title.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}
