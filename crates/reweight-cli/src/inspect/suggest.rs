//! A loss to begin with, from the figures of a batch: the rules of docs/choosing-a-weighter.md, with the reason for each value.

use std::fmt::Write as _;

use reweight::Objective;

use reweight_lab::scored::survey::Survey;
use reweight_lab::text::{on_one_line, percent, thousands, wrapped};

/// Columns of a comment.
const WIDTH: usize = 100;

/// GHM's unit regions, the authors' value.
pub(super) const BINS: u32 = 30;

/// What a suggestion is made from.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    pub(super) file: &'a str,
    pub(super) objective: Objective,
    /// The label and the samples of each class.
    pub(super) labels: &'a [String],
    pub(super) counts: &'a [u64],
    pub(super) survey: &'a Survey,
    /// The area under the ROC curve and the positive class, of two.
    pub(super) area_under_roc: Option<(f64, u16)>,
}

/// Weights by class.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Balance {
    None,
    Frequency,
    Root,
    Effective(f64),
}

/// Weights by difficulty.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Difficulty {
    None,
    Focal(f64),
    Ghm,
}

/// A loss.toml that can be used as it is.
pub(super) fn suggest(facts: &Facts<'_>) -> String {
    let difficulty = difficulty(facts);
    let balance = balance(facts, difficulty);
    let mut text = String::new();
    head(&mut text, facts);
    let objective = match facts.objective {
        Objective::Bce => "\"bce\"  # one score a row",
        Objective::SoftmaxCe => "\"softmax-ce\"  # one score a class",
    };
    // Writing to a string cannot fail.
    let _ = writeln!(text, "objective = {objective}");
    comment(
        &mut text,
        "The mean over all samples. The weights need not have a mean of 1: with plain SGD a smaller or larger loss is a smaller or \
         larger learning rate; Adam does not mind.",
    );
    text.push_str("reduction = \"mean\"\n");
    if balance == Balance::None && difficulty == Difficulty::None {
        text.push('\n');
        comment(
            &mut text,
            &format!(
                "No weighter: the classes are about equally frequent, and easy samples (p_t > 0.9) have only {} of the gradient. \
                 Re-weighting has nothing to mend here.",
                percent(share(facts.survey.easy_gradient, facts.survey.gradient))
            ),
        );
    }
    write_balance(&mut text, facts, balance, difficulty);
    write_difficulty(&mut text, facts, difficulty);
    text
}

fn head(text: &mut String, facts: &Facts<'_>) {
    let rows: u64 = facts.counts.iter().sum();
    let (rare, few) = rarest(facts);
    comment(
        text,
        &format!(
            "Suggested by reweight {} from {}: {} samples, of which {} ({}) are {rare}. A first try, not a verdict; see what it does:",
            env!("CARGO_PKG_VERSION"),
            name(facts.file),
            thousands(rows),
            thousands(few),
            percent(share(few as f64, rows as f64)),
        ),
    );
    text.push_str("#   reweight compare DATA.csv --strategy suggested=loss.toml\n");
    if let Some((area, positive)) = facts.area_under_roc {
        let positive = usize::from(positive);
        let recall = share(facts.survey.right[positive] as f64, facts.counts[positive] as f64);
        if area < 0.4 {
            comment(
                text,
                &format!(
                    "The scores rank positives below negatives (area under the ROC curve {area:.2}): is the positive label \
                     the right one?"
                ),
            );
        } else if area >= 0.9 && recall < 0.5 {
            comment(
                text,
                &format!(
                    "The scores are ordered well (area under the ROC curve {area:.2}) although only {} of the positives are \
                     above one half: another decision threshold may be all that is needed.",
                    percent(recall)
                ),
            );
        }
    }
    text.push('\n');
}

/// Classes of very unequal size are balanced; the more of that the other weighter does, the milder.
fn balance(facts: &Facts<'_>, difficulty: Difficulty) -> Balance {
    let (most, least) = extremes(facts.counts);
    let ratio = most as f64 / least.max(1) as f64;
    let samples: u64 = facts.counts.iter().sum();
    if facts.counts.contains(&0) || ratio < 1.5 {
        Balance::None
    } else if facts.counts.len() > 2 && ratio >= 100.0 {
        Balance::Effective(if samples / facts.counts.len() as u64 > 10_000 { 0.9999 } else { 0.999 })
    } else if difficulty != Difficulty::None || ratio > 100.0 || least < 30 {
        Balance::Root
    } else {
        Balance::Frequency
    }
}

fn write_balance(text: &mut String, facts: &Facts<'_>, balance: Balance, difficulty: Difficulty) {
    let (most, least) = extremes(facts.counts);
    if balance == Balance::None {
        if facts.counts.contains(&0) {
            text.push('\n');
            comment(text, "No α-balance: a class has no sample here, and so no weight that follows from counts.");
        }
        return;
    }
    let ratio = most as f64 / least.max(1) as f64;
    let (rare, few) = rarest(facts);
    text.push('\n');
    let ratio = if ratio < 10.0 { format!("{ratio:.1}") } else { format!("{ratio:.0}") };
    comment(text, &format!("The largest class has {ratio} times as many samples as {rare}."));
    if few < 100 {
        comment(
            text,
            &format!(
                "With {few} samples of {rare} the differences between losses are hardly larger than those between seeds: \
                 compare over several."
            ),
        );
    }
    text.push_str("[[weighter]]\nkind = \"alpha-balance\"\n");
    let order: Vec<String> = facts.labels.iter().take(30).map(|label| name(label)).collect();
    let more = if facts.labels.len() > 30 { ", …" } else { "" };
    comment(text, &format!("The samples of each class, here in the order {}{more}.", order.join(", ")));
    let _ = writeln!(text, "counts = {:?}", facts.counts);
    let (scheme, why) = match balance {
        Balance::Frequency | Balance::None => (
            "inverse-frequency",
            "Every class weighs the same in sum; there are enough samples of each not to be learnt by heart.".to_owned(),
        ),
        Balance::Root if difficulty != Difficulty::None => (
            "inverse-sqrt",
            "The square root only: the weighter below takes most of the easy majority's share already, and the full inverse \
             would overshoot."
                .to_owned(),
        ),
        Balance::Root => (
            "inverse-sqrt",
            format!("The square root only: with the full inverse frequency so few samples would weigh {ratio} times as much."),
        ),
        Balance::Effective(_) => (
            "effective-number",
            "Class sizes lie orders of magnitude apart: the effective number levels off where a class has samples enough."
                .to_owned(),
        ),
    };
    comment(text, &why);
    let _ = writeln!(text, "scheme = \"{scheme}\"");
    if let Balance::Effective(beta) = balance {
        comment(text, &format!("Levels off at about {:.0} samples a class.", 1.0 / (1.0 - beta)));
        let _ = writeln!(text, "beta = {beta}");
    }
}

/// Where the easy own much of the gradient, they are weighed down; where common classes are contradicted often, so are those.
fn difficulty(facts: &Facts<'_>) -> Difficulty {
    let survey = facts.survey;
    let easy = share(survey.easy_gradient, survey.gradient);
    let samples: u64 = facts.counts.iter().sum();
    if is_noisy(facts) && samples >= 600 {
        Difficulty::Ghm
    } else if is_noisy(facts) {
        Difficulty::None
    } else if easy >= 0.5 {
        Difficulty::Focal(2.0)
    } else if easy >= 0.25 {
        Difficulty::Focal(1.0)
    } else {
        Difficulty::None
    }
}

/// Whether many samples even of the common classes are contradicted. Of a rare class many always are.
fn is_noisy(facts: &Facts<'_>) -> bool {
    let (hard, samples) = contradicted(facts);
    let owned = share(facts.survey.hard_gradient, facts.survey.gradient);
    share(hard as f64, samples as f64) >= 0.02 && owned >= 0.2
}

/// Samples with g ≥ 0.9 in the classes of at least average size, and all samples of these.
fn contradicted(facts: &Facts<'_>) -> (u64, u64) {
    let average = facts.counts.iter().sum::<u64>() / facts.counts.len().max(1) as u64;
    let common = facts.counts.iter().zip(&facts.survey.hard).filter(|(count, _)| **count >= average.max(1));
    common.fold((0, 0), |(hard, samples), (count, own)| (hard + own, samples + count))
}

fn write_difficulty(text: &mut String, facts: &Facts<'_>, difficulty: Difficulty) {
    let survey = facts.survey;
    let easy = percent(share(survey.easy_gradient, survey.gradient));
    let owned = percent(share(survey.hard_gradient, survey.gradient));
    let (hard, samples) = contradicted(facts);
    let wrong = percent(share(hard as f64, samples as f64));
    if is_noisy(facts) {
        text.push('\n');
        comment(
            text,
            &format!(
                "{wrong} of the samples even of the common classes have p_t ≤ 0.1, and such samples own {owned} of the gradient: \
                 labels may be wrong. Look at the list of `reweight inspect`. Focal would weigh them up further."
            ),
        );
    }
    match difficulty {
        Difficulty::None => {}
        Difficulty::Focal(gamma) => {
            text.push('\n');
            comment(
                text,
                &format!("Easy samples (p_t > 0.9) own {easy} of the gradient: weighed down by (1 − p_t)^γ."),
            );
            text.push_str("[[weighter]]\nkind = \"focal\"\n");
            let why = if gamma > 1.0 {
                "The paper's value; a sample with p_t = 0.9 then weighs 0.01, one with p_t = 0.1 weighs 0.81."
            } else {
                "Half of the paper's 2, since the hard samples have most of the gradient already."
            };
            comment(text, why);
            let _ = writeln!(text, "gamma = {gamma:.1}");
        }
        Difficulty::Ghm => {
            comment(text, "GHM weighs a crowd of outliers down as well as the flood of easy samples.");
            text.push_str("[[weighter]]\nkind = \"ghm\"\n");
            comment(text, "The authors' values; with batches of less than some hundred samples take fewer bins.");
            let _ = writeln!(text, "bins = {BINS}\nmomentum = 0.75\npreset = \"mmdet\"");
        }
    }
}

fn rarest(facts: &Facts<'_>) -> (String, u64) {
    let occurring = facts.labels.iter().zip(facts.counts).filter(|(_, count)| **count > 0);
    occurring.min_by_key(|(_, count)| **count).map_or((String::new(), 0), |(label, count)| (name(label), *count))
}

fn extremes(counts: &[u64]) -> (u64, u64) {
    let occurring = || counts.iter().copied().filter(|count| *count > 0);
    (occurring().max().unwrap_or(0), occurring().min().unwrap_or(0))
}

fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// A user's text between backticks on one line, so that nothing in it ends a comment.
fn name(text: &str) -> String {
    format!("`{}`", on_one_line(text, 40))
}

fn comment(text: &mut String, sentence: &str) {
    for line in wrapped(sentence, WIDTH - 2).lines() {
        let _ = writeln!(text, "# {line}");
    }
}
