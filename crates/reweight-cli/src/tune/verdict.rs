//! The verdict in words: what to use, what it is worth on rows that the search never saw, and what costs nothing.

use super::outcome::{Row, Tuned};
use crate::compare::verdict::{amount_of, interval_of, noise};
use crate::strategy::BASELINE;

/// Some sentences, the main one first.
#[must_use]
pub fn verdict(tuned: &Tuned) -> Vec<String> {
    let Some(main) = tuned.judged.first() else { return Vec::new() };
    let folds = tuned.outer_done[0];
    let mut sentences = vec![first(tuned, main, folds)];
    let kept = tuned.outer.iter().filter(|fold| fold.chosen == BASELINE).count();
    let [inner, outer] = tuned.gain_inner_outer.map(|gain| difference(gain, main.is_share));
    let [promised, held] = tuned.gain_inner_outer;
    let flattery = if promised > held {
        format!("it flattered itself by {}", difference(promised - held, main.is_share).trim_start_matches('+'))
    } else {
        "no less than promised".to_owned()
    };
    sentences.push(format!(
        "On the inner folds, by which it chose, the search promised {inner} over {BASELINE}; on the outer ones {outer} is left: {flattery}. In \
         {kept} of {folds} outer folds it chose {BASELINE} itself."
    ));
    if let Some(cost) = tuned.judged.get(1).filter(|_| tuned.is_better) {
        sentences.push(format!(
            "The {} goes from {} to {}: {}.",
            named(cost),
            amount_of(cost.plain.mean, cost.is_share),
            amount_of(cost.chosen.mean, cost.is_share),
            noise(&cost.paired, 1)
        ));
    }
    let [untuned, threshold] = tuned.threshold.map(|value| amount_of(value, true));
    sentences.push(if tuned.data.positive.is_some() {
        format!(
            "What costs nothing: a threshold tuned on the inner folds takes {BASELINE} from {untuned} balanced accuracy at ½ to {threshold}; \
             ranks do not depend on it."
        )
    } else {
        format!(
            "What costs nothing: log shares of the classes taken off the logits, as often as the inner folds say, take {BASELINE} from {untuned} \
             balanced accuracy to {threshold}. Every loss here is judged with its own."
        )
    });
    sentences
}

fn first(tuned: &Tuned, main: &Row, folds: usize) -> String {
    let (title, paired) = (named(main), &main.paired);
    let (before, after) = (amount_of(main.plain.mean, main.is_share), amount_of(main.chosen.mean, main.is_share));
    let figures = format!(
        "{before} under {BASELINE}, {after} under what the search chose: {}",
        interval_of(paired, main.is_share)
    );
    let judged = format!("on {folds} outer folds that no search saw");
    if tuned.is_better {
        return format!(
            "Use {}: {judged} the search improves the {title} ({figures}), {}.",
            tuned.chosen.name,
            noise(paired, 1)
        );
    }
    if paired.mean == 0.0 && paired.deviation == 0.0 {
        return format!("Keep {BASELINE}: {judged} nothing that the search chose changes the {title} ({before}).");
    }
    let is_improved = (paired.mean > 0.0) == main.higher_is_better;
    let what = match (is_improved, paired.is_beyond_noise()) {
        (false, true) => format!("makes the {title} worse beyond noise"),
        (false, false) => format!("does not improve the {title}"),
        (true, false) => format!("improves the {title} {} only", noise(paired, 1)),
        (true, true) if tuned.chosen.name == BASELINE => {
            format!("improves the {title}, but over all rows {BASELINE} came out best")
        }
        (true, true) => {
            format!("improves the {title}, but the recall at 1 % false positives pays for it, beyond noise")
        }
    };
    format!("Keep {BASELINE}: {judged} the search {what} ({figures}).")
}

/// A figure's title inside a sentence.
fn named(row: &Row) -> String {
    let title = row.title.replace(", tuned threshold", " at a tuned threshold");
    if title.starts_with("negatives") { format!("share of {title}") } else { title }
}

/// A gain with its sign, in points where it is one of shares.
pub(super) fn difference(gain: f64, is_share: bool) -> String {
    let text = if is_share { format!("{:+.1} points", 100.0 * gain) } else { format!("{gain:+.3}") };
    text.replace('-', "−")
}
