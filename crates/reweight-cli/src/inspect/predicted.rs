//! Whether a score is that of the label which a model predicted, and not always of the same one: `pred,conf`, as many tools write.

use reweight_lab::table::cell::bare;
use reweight_lab::table::form::Source;
use reweight_lab::table::guess::Guesses;
use reweight_lab::table::label::Spellings;
use reweight_lab::table::names::ScoreKind;
use reweight_lab::table::names::{is_counter_name, is_prediction_name};
use reweight_lab::table::positive::named;
use reweight_lab::text::excerpt;

use super::InspectError;
use super::layout::Look;
use super::scores::Chosen;
use crate::arguments::ColumnArguments;

/// How far below ½ the score of the likelier of two labels may lie by rounding.
const ROUNDING: f64 = 1e-3;

/// The column of predictions that the one score belongs to, and the two labels' keys that it is then made a score of each for; none
/// where it always speaks for the same label.
pub(super) fn find(
    source: &Source,
    label: usize,
    labels: &Spellings,
    chosen: &Chosen,
    asked: &ColumnArguments,
    guesses: &mut Guesses,
) -> Result<Option<(usize, Vec<String>)>, InspectError> {
    let columns = &source.form.columns;
    let is_none = |selector: &String| selector == "none" && columns.iter().all(|column| column.name != "none");
    let wanted = match &asked.predicted {
        Some(selector) if is_none(selector) => return Ok(None),
        Some(selector) => Some(source.find(selector)?),
        None => None,
    };
    let &[score] = &chosen.columns[..] else {
        return match wanted {
            Some(_) => Err(InspectError::PredictedOfMany { name: source.name.clone(), scores: chosen.columns.len() }),
            None => Ok(None),
        };
    };
    // A score that is named after a label speaks for that one.
    if wanted.is_none() && (!chosen.speaks.is_empty() || chosen.vector.is_some() || asked.positive.is_some()) {
        return Ok(None);
    }
    let is_candidate = |&index: &usize| {
        let is_free = index != label && index != score && !is_counter_name(&columns[index]);
        is_free && is_prediction_name(&columns[index].name) && Look::of(source, index, labels).hard
    };
    let Some(column) = wanted.or_else(|| (0..columns.len()).find(is_candidate)) else { return Ok(None) };
    let (score_name, column_name) = (excerpt(&columns[score].name), excerpt(&columns[column].name));
    if labels.classes() > 2 {
        let known = labels.names().iter().map(|label| format!("`{}`", excerpt(label))).collect::<Vec<_>>();
        let (name, score, predicted) = (source.name.clone(), columns[score].name.clone(), columns[column].name.clone());
        let known = reweight_lab::table::error::listing(known.into_iter(), 10);
        return Err(InspectError::OneOfMany { name, score, predicted, labels: labels.classes(), known });
    }
    let mut keys = vec![String::new(); labels.classes()];
    labels.keys().iter().for_each(|(key, &class)| keys[class].clone_from(key));
    let positive = if let [first, second] = &keys[..] { named(first, second) } else { None };
    if positive.map_or(keys.is_sorted_by(|a, b| a > b), |positive| positive == 0) {
        keys.reverse();
    }
    if wanted.is_none() {
        let whole = match asked.scores.or(chosen.kind) {
            None | Some(ScoreKind::Probabilities) => 1.0,
            Some(ScoreKind::Percentages) => 100.0,
            Some(ScoreKind::Logits | ScoreKind::LogProbabilities) => return Ok(None),
        };
        match belongs(source, (score, whole), column, &keys, labels) {
            Belongs::ToLabel => return Ok(None),
            Belongs::ToPrediction => {}
            Belongs::Below if positive.is_some() => {}
            Belongs::Below | Belongs::Above => {
                let (name, score, predicted) = (source.name.clone(), score_name, column_name);
                return Err(InspectError::WhosePrediction { name, score, predicted });
            }
        }
        let why = "since none is below ½, whichever label that is: made a score of each label";
        let taken = format!("`{score_name}` is the probability of the label in `{column_name}`, {why}");
        guesses.guess("scores", taken, "--predicted none");
    }
    Ok(Some((column, keys)))
}

/// What scores and predictions say of each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Belongs {
    /// Some score is below ½, so that it is no probability of what was predicted.
    ToLabel,
    /// None is, under either prediction.
    ToPrediction,
    /// None is, but all scores of the second label's predictions lie above those of the first's: a threshold may have made them.
    Above,
    /// They lie below, as no threshold for the second label makes them.
    Below,
}

/// Whose probability each score is, of which `whole` is certainty; `keys` are the two labels'.
fn belongs(
    source: &Source,
    (score, whole): (usize, f64),
    column: usize,
    keys: &[String],
    labels: &Spellings,
) -> Belongs {
    let heads = &source.form.columns;
    let mut ranges = [(f64::INFINITY, f64::NEG_INFINITY); 2];
    for row in 0..source.sample.rows() {
        let said = heads[column].label(bare(source.sample.cell(row, column)));
        let Some(value) = heads[score].number(bare(source.sample.cell(row, score))) else { continue };
        let Some(class) = keys.iter().position(|key| *key == labels.key(said)) else { continue };
        let value = value / whole;
        if !(0.5 - ROUNDING..=1.0 + ROUNDING).contains(&value) {
            return Belongs::ToLabel;
        }
        ranges[class] = (ranges[class].0.min(value), ranges[class].1.max(value));
    }
    let [(low, high), (other_low, other_high)] = ranges;
    if low > high || other_low > other_high {
        // One prediction alone tells nothing.
        Belongs::ToLabel
    } else if other_low >= high {
        Belongs::Above
    } else if other_high <= low {
        Belongs::Below
    } else {
        Belongs::ToPrediction
    }
}
