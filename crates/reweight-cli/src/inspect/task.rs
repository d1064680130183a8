//! What the scores are and whom they speak for: from rows as they were read to margins.

use reweight::Objective;

use super::InspectError;
use super::layout::Layout;
use super::rows::Rows;
use crate::arguments::{ColumnArguments, ScoreKind};
use crate::table::error::listing;

/// Words for a label that something has, each with that for one that has it not.
const AFFIRMATIVE: [(&str, &str); 6] =
    [("true", "false"), ("yes", "no"), ("positive", "negative"), ("pos", "neg"), ("t", "f"), ("y", "n")];

/// A task as it was understood.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) objective: Objective,
    pub(super) kind: ScoreKind,
    /// What was decided and should be told.
    pub(super) notes: Vec<String>,
}

/// Decides what the scores are, and makes margins of them.
pub(super) fn understand(
    name: &str,
    layout: &Layout,
    rows: &mut Rows,
    asked: &ColumnArguments,
) -> Result<Task, InspectError> {
    let mut notes = layout.notes.clone();
    let column_name = layout.names[layout.label].clone();
    if rows.kept == 0 {
        return Err(InspectError::NoLabels { name: name.to_owned(), column_name });
    }
    let occurring: Vec<usize> = (0..rows.labels.len()).filter(|&class| rows.counts[class] > 0).collect();
    if let [class] = occurring[..] {
        let (label, rows) = (rows.labels[class].clone(), rows.kept);
        return Err(InspectError::OneLabel { name: name.to_owned(), column_name, label, rows });
    }
    if let Some(line) = rows.first_without_label {
        notes
            .push(format!("{} row(s) have no label, the first on line {line}, and were left out.", rows.without_label));
    }
    let kind = kind(name, layout, rows, asked, &mut notes)?;
    let objective = if layout.scores.len() == 1 {
        let positive = positive(name, layout, rows, asked, &mut notes)?;
        let rest = match rows.labels.len() {
            2 => rows.labels[1 - positive].clone(),
            others => {
                let mut all = rows.labels.clone();
                all.remove(positive);
                let all = listing(all.into_iter(), 5);
                notes.push(format!("The {} other labels were taken together: {all}.", others - 1));
                "(other)".to_owned()
            }
        };
        // At most `MOST_CLASSES` labels.
        rows.resolve_binary(kind, u16::try_from(positive).unwrap_or(u16::MAX), rest);
        Objective::Bce
    } else {
        let without: Vec<&String> =
            (0..rows.labels.len()).filter(|c| rows.counts[*c] == 0).map(|c| &rows.labels[c]).collect();
        if !without.is_empty() {
            let list = listing(without.into_iter().map(|label| format!("`{label}`")), 10);
            notes.push(format!("No row has the label {list}: such a class has no share in anything."));
        }
        rows.resolve_classes(kind);
        Objective::SoftmaxCe
    };
    if rows.saturated > 0 {
        notes.push(format!(
            "{} sample(s) have a probability of exactly 0 or 1, which no finite logit gives: the logit ±17.33 stands for them, \
             as near as 32 bits come.",
            rows.saturated
        ));
    }
    Ok(Task { objective, kind, notes })
}

fn kind(
    name: &str,
    layout: &Layout,
    rows: &Rows,
    asked: &ColumnArguments,
    notes: &mut Vec<String>,
) -> Result<ScoreKind, InspectError> {
    let kind = match layout.kind {
        Some(kind) => {
            if asked.scores.is_none() {
                let column = &layout.names[layout.scores[0]];
                let text = if kind == ScoreKind::Logits { "logits" } else { "probabilities" };
                notes.push(format!("The scores were taken for {text}, as the column's name `{column}` says."));
            }
            kind
        }
        None if rows.all_in_unit => {
            notes.push(
                "The scores were taken for probabilities, since all lie in [0, 1] (--scores logits if that is wrong)."
                    .to_owned(),
            );
            ScoreKind::Probabilities
        }
        None => {
            notes.push("The scores were taken for logits, since not all lie in [0, 1].".to_owned());
            ScoreKind::Logits
        }
    };
    if kind == ScoreKind::Probabilities
        && let Some((line, sum)) = rows.not_one
    {
        if asked.scores.is_none() {
            return Err(InspectError::NotOne { name: name.to_owned(), line, sum });
        }
        notes.push(format!("Rows were divided by their sums; the first that is not 1 is {sum} on line {line}."));
    }
    Ok(kind)
}

/// The class that the score speaks for.
fn positive(
    name: &str,
    layout: &Layout,
    rows: &Rows,
    asked: &ColumnArguments,
    notes: &mut Vec<String>,
) -> Result<usize, InspectError> {
    let known =
        || listing(rows.labels.iter().zip(&rows.counts).map(|(label, count)| format!("`{label}` ({count} rows)")), 20);
    let number = |label: &str| label.parse::<f64>().ok().filter(|value| !value.is_nan());
    if let Some(wanted) = &asked.positive {
        let wanted = crate::table::read::bare(wanted);
        let same = |label: &String| label == wanted || number(label).is_some_and(|value| number(wanted) == Some(value));
        let exact = rows.labels.iter().position(|label| label == wanted);
        return exact.or_else(|| rows.labels.iter().position(same)).ok_or_else(|| InspectError::PositiveNotFound {
            name: name.to_owned(),
            column_name: layout.names[layout.label].clone(),
            positive: wanted.to_owned(),
            known: known(),
        });
    }
    let [first, second] = &rows.labels[..] else {
        let score = layout.names[layout.scores[0]].clone();
        return Err(InspectError::ManyLabels {
            name: name.to_owned(),
            score,
            labels: rows.labels.len(),
            known: known(),
        });
    };
    if let (Some(first), Some(second)) = (number(first), number(second)) {
        return Ok(usize::from(second > first));
    }
    let (first, second) = (first.to_lowercase(), second.to_lowercase());
    for (has, has_not) in AFFIRMATIVE {
        match (first.as_str(), second.as_str()) {
            pair if pair == (has, has_not) => return Ok(0),
            pair if pair == (has_not, has) => return Ok(1),
            _ => {}
        }
    }
    let rarer = usize::from(rows.counts[1] < rows.counts[0]);
    let label = &rows.labels[rarer];
    notes.push(format!("The score was taken to speak for `{label}`, the rarer label (--positive if that is wrong)."));
    Ok(rarer)
}
