//! What the scores are and whom they speak for: from rows as they were read to margins.

use reweight::Objective;
use reweight_lab::scored::rows::{Beyond, Rows};
use reweight_lab::table::error::{labels_listing, listing};
use reweight_lab::table::form::Form;
use reweight_lab::table::guess::Guesses;
use reweight_lab::table::label::{find, key};
use reweight_lab::table::names::ScoreKind;
use reweight_lab::table::names::{Stem, readings};
use reweight_lab::table::positive::{self, Choice};
use reweight_lab::text::{counted, excerpt};

use super::InspectError;
use super::layout::Layout;
use crate::arguments::ColumnArguments;

/// A task as it was understood.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) objective: Objective,
    pub(super) kind: ScoreKind,
    /// The positive class, of two.
    pub(super) positive: Option<u16>,
}

/// Decides what the scores are, and makes margins of them.
pub(super) fn understand(
    name: &str,
    (layout, form): (&Layout, &Form),
    rows: &mut Rows,
    asked: &ColumnArguments,
    guesses: &mut Guesses,
) -> Result<Task, InspectError> {
    let column_name = form.columns[layout.label].name.clone();
    if rows.kept == 0 {
        return Err(InspectError::NoLabels { name: name.to_owned(), column_name });
    }
    let occurring: Vec<usize> = (0..rows.labels.len()).filter(|&class| rows.counts[class] > 0).collect();
    if let [class] = occurring[..] {
        let (label, rows, without) = (rows.labels[class].clone(), rows.kept, rows.without_label);
        return Err(InspectError::OneLabel { name: name.to_owned(), column_name, label, rows, without });
    }
    if let Some(line) = rows.first_without_label {
        let (have, were) = if rows.without_label == 1 { ("has", "was") } else { ("have", "were") };
        let without = counted(rows.without_label, "row");
        guesses.guess(
            "missing",
            format!("{without} {have} no label (first on line {line}) and {were} left out"),
            "--missing CELL",
        );
    }
    let kind = kind(name, layout, rows, asked, guesses)?;
    let many = layout.width() > 1;
    let positive = if rows.labels.len() == 2 || !many {
        Some(positive(name, (layout, form), rows, asked, guesses)?)
    } else {
        None
    };
    let task = match positive {
        Some(positive) if !many => {
            let rest = match rows.labels.len() {
                2 => rows.labels[1 - positive].clone(),
                _ => {
                    let others: Vec<(String, u64)> =
                        labels(rows).enumerate().filter(|(c, _)| *c != positive).map(|(_, l)| l).collect();
                    let text =
                        format!("{} other labels were taken together: {}", others.len(), labels_listing(&others, 20));
                    guesses.fact("the rest", text);
                    "(other)".to_owned()
                }
            };
            // At most `MOST_CLASSES` labels.
            rows.resolve_binary(kind, u16::try_from(positive).unwrap_or(u16::MAX), rest);
            Task { objective: Objective::Bce, kind, positive: Some(1) }
        }
        positive => {
            let without: Vec<&String> =
                (0..rows.labels.len()).filter(|c| rows.counts[*c] == 0).map(|c| &rows.labels[c]).collect();
            if !without.is_empty() {
                let list = listing(without.into_iter().map(|label| format!("`{}`", excerpt(label))), 10);
                guesses.fact("labels", format!("no row has {list}: such a class has no share in anything"));
            }
            rows.resolve_classes(kind);
            let positive = positive.and_then(|class| u16::try_from(class).ok());
            Task { objective: Objective::SoftmaxCe, kind, positive }
        }
    };
    if rows.saturated > 0 {
        let have = if rows.saturated == 1 { "has" } else { "have" };
        guesses.fact(
            "scores",
            format!(
                "{} {have} a probability of exactly 0 or 1, which no finite logit gives: ±{:.2} stands for it, beyond every other",
                counted(rows.saturated, "sample"),
                rows.farthest
            ),
        );
    }
    Ok(task)
}

fn labels(rows: &Rows) -> impl Iterator<Item = (String, u64)> {
    rows.labels.iter().cloned().zip(rows.counts.iter().copied())
}

/// What is said of logits that would be something else but for a few of them.
fn but_for(beyond: &Beyond, range: &str) -> String {
    let (line, value) = beyond.first.unwrap_or_default();
    let (few, them) =
        if beyond.scores == 1 { ("one".to_owned(), "that row") } else { (beyond.scores.to_string(), "those rows") };
    format!(
        "logits, since not all lie in [0, 1]; but all except {few} ({value} on line {line}) lie in {range}, and then every figure \
         but the area under the ROC curve is wrong: mend {them} first"
    )
}

fn kind(
    name: &str,
    layout: &Layout,
    rows: &Rows,
    asked: &ColumnArguments,
    guesses: &mut Guesses,
) -> Result<ScoreKind, InspectError> {
    let kind = match layout.kind {
        Some(kind) => {
            if let Some(column) = &layout.kind_said_by {
                let (kind, other) = match kind {
                    ScoreKind::Logits => ("logits", "probabilities"),
                    ScoreKind::LogProbabilities => ("logarithms of probabilities", "logits"),
                    ScoreKind::Probabilities => ("probabilities", "logits"),
                    ScoreKind::Percentages => ("percentages", "logits"),
                };
                guesses.guess("scores", format!("{kind}, as the name {column} says"), format!("--scores {other}"));
            }
            kind
        }
        None if rows.all_in_unit => {
            guesses.guess("scores", "probabilities, since all lie in [0, 1]", "--scores logits");
            ScoreKind::Probabilities
        }
        None if rows.all_in_hundred => {
            guesses.guess(
                "scores",
                "logits, since not all lie in [0, 1]; but all lie in [0, 100], as percentages do, and then every figure but the area under the ROC curve is \
                 wrong",
                "--scores percentages",
            );
            ScoreKind::Logits
        }
        None if rows.beyond_unit.are_few(rows.kept * layout.width() as u64) => {
            let text = but_for(&rows.beyond_unit, "[0, 1], as probabilities do");
            guesses.guess("scores", text, "--scores probabilities");
            ScoreKind::Logits
        }
        None if rows.beyond_hundred.are_few(rows.kept * layout.width() as u64) => {
            let text = but_for(&rows.beyond_hundred, "[0, 100], as percentages do");
            guesses.guess("scores", text, "--scores percentages");
            ScoreKind::Logits
        }
        None if 2 * rows.far > rows.kept * layout.width() as u64 => {
            guesses.guess(
                "scores",
                "logits, since not all lie in [0, 1]; but most lie beyond ±50, where a logit says certainty: of scores on another scale, \
                 as from 300 to 850, only the order counts, and no figure here but the area under the ROC curve says anything",
                "--scores logits",
            );
            ScoreKind::Logits
        }
        None if rows.all_at_most_zero => {
            guesses.guess(
                "scores",
                "logits, since not all lie in [0, 1]; but none lies above 0, as of logarithms of probabilities none does",
                "--scores log-probabilities",
            );
            ScoreKind::Logits
        }
        None => {
            guesses.guess("scores", "logits, since not all lie in [0, 1]", "--scores probabilities");
            ScoreKind::Logits
        }
    };
    if kind == ScoreKind::LogProbabilities && rows.rounded > 0 {
        let scores = counted(rows.rounded, "score");
        guesses.fact("scores", format!("{scores} a rounding error above 0 taken for 0"));
    } else if kind != ScoreKind::Logits {
        if rows.rounded > 0 {
            let (lie, count) = if rows.rounded == 1 { ("lies", "counts") } else { ("lie", "count") };
            let scores = counted(rows.rounded, "score");
            guesses.fact("scores", format!("{scores} {lie} a rounding error beyond [0, 1] and {count} as 0 or 1"));
        }
        if let Some((line, sum)) = rows.not_one {
            if asked.scores.is_none() {
                return Err(InspectError::NotOne { name: name.to_owned(), line, sum });
            }
            guesses.fact(
                "scores",
                format!("rows were divided by their sums; the first that is not 1 is {sum}, on line {line}"),
            );
        }
    }
    Ok(kind)
}

/// The positive class of two: of one score, the one that it speaks for.
fn positive(
    name: &str,
    (layout, form): (&Layout, &Form),
    rows: &Rows,
    asked: &ColumnArguments,
    guesses: &mut Guesses,
) -> Result<usize, InspectError> {
    let all: Vec<(String, u64)> = labels(rows).collect();
    let known = || labels_listing(&all, 20);
    if let Some(wanted) = &asked.positive {
        return find(&rows.labels, wanted).ok_or_else(|| InspectError::PositiveNotFound {
            name: name.to_owned(),
            column_name: form.columns[layout.label].name.clone(),
            positive: wanted.to_owned(),
            known: known(),
        });
    }
    let score = || excerpt(&form.columns[layout.scores[0]].name);
    if let [spoken] = &layout.speaks[..]
        && let Some(class) =
            rows.labels.iter().position(|label| *label == *spoken || !layout.exact && key(label) == *spoken)
    {
        let label = excerpt(&rows.labels[class]);
        guesses.guess("positive", format!("`{label}`, as the score's name `{}` says", score()), "--positive LABEL");
        return Ok(class);
    }
    if rows.labels.len() != 2 {
        let (labels, score) = (rows.labels.len(), form.columns[layout.scores[0]].name.clone());
        return Err(InspectError::ManyLabels { name: name.to_owned(), score, labels, known: known() });
    }
    // `prob_1` beside `good` and `bad`: the name means one of them, and nobody can tell which.
    let word = readings(&form.columns[layout.scores[0]].name, false)
        .into_iter()
        .find(|(word, stem)| matches!(stem, Stem::Known(1..)) && positive::is_answer(word));
    if let (Some((word, _)), true) = (word, layout.speaks.is_empty() && layout.width() == 1) {
        let score = form.columns[layout.scores[0]].name.clone();
        return Err(InspectError::WhichSpoken { name: name.to_owned(), score, word, known: known() });
    }
    let choice = match positive::choose(&rows.labels, &rows.counts) {
        Some(choice) => choice,
        // With a score each, no figure depends on it.
        None if layout.width() > 1 => {
            Choice { class: 1, why: "the second of two that are equally frequent".to_owned(), rival: None }
        }
        None => return Err(InspectError::WhichPositive { name: name.to_owned(), known: known() }),
    };
    let label = excerpt(&rows.labels[choice.class]);
    guesses.guess("positive", format!("`{label}`, {}", choice.why), "--positive LABEL");
    Ok(choice.class)
}
