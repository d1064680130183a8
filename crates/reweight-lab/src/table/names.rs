//! What columns are called: for the labels, for scores, for what counts the rows; and how a user selects one.

mod labels;

use super::error::{TableError, listing};
use super::head::ColumnHead;
use super::label::key;
use crate::text::excerpt;

pub use labels::{EXACT_LABEL, is_generic_label_name, is_label_name, is_plain_label_name, is_split, label_rank};

/// What a file's scores are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScoreKind {
    /// In [0, 1].
    Probabilities,
    /// Probabilities from 0 to 100.
    Percentages,
    /// Their natural logarithms, at most 0.
    LogProbabilities,
    /// Any numbers; for two classes log p − log(1 − p), for more log p but for a constant a row.
    Logits,
}

/// Names of a column of scores where it is the only one, in lower case, and what they say of them.
const SCORES: &[(&str, Option<ScoreKind>)] = &[
    ("logit", Some(ScoreKind::Logits)),
    ("logits", Some(ScoreKind::Logits)),
    ("score", None),
    ("scores", None),
    ("prob", Some(ScoreKind::Probabilities)),
    ("probs", Some(ScoreKind::Probabilities)),
    ("probability", Some(ScoreKind::Probabilities)),
    ("probabilities", Some(ScoreKind::Probabilities)),
    ("proba", Some(ScoreKind::Probabilities)),
    ("p", Some(ScoreKind::Probabilities)),
    ("y_prob", Some(ScoreKind::Probabilities)),
    ("y_proba", Some(ScoreKind::Probabilities)),
    ("y_pred_proba", Some(ScoreKind::Probabilities)),
    ("y_pred_prob", Some(ScoreKind::Probabilities)),
    ("pred_proba", Some(ScoreKind::Probabilities)),
    ("pred_prob", Some(ScoreKind::Probabilities)),
    ("predict_proba", Some(ScoreKind::Probabilities)),
    ("predicted_probability", Some(ScoreKind::Probabilities)),
    ("prediction_probability", Some(ScoreKind::Probabilities)),
    ("predicted_prob", Some(ScoreKind::Probabilities)),
    ("y_score", None),
    ("y_scores", None),
    ("y_hat", None),
    ("yhat", None),
    ("p_hat", Some(ScoreKind::Probabilities)),
    ("phat", Some(ScoreKind::Probabilities)),
    ("scored_probabilities", Some(ScoreKind::Probabilities)),
    ("log_prob", Some(ScoreKind::LogProbabilities)),
    ("log_probs", Some(ScoreKind::LogProbabilities)),
    ("log_proba", Some(ScoreKind::LogProbabilities)),
    ("log_probability", Some(ScoreKind::LogProbabilities)),
    ("log_probabilities", Some(ScoreKind::LogProbabilities)),
    ("logprob", Some(ScoreKind::LogProbabilities)),
    ("logprobs", Some(ScoreKind::LogProbabilities)),
    ("log_p", Some(ScoreKind::LogProbabilities)),
    ("logp", Some(ScoreKind::LogProbabilities)),
    ("log_softmax", Some(ScoreKind::LogProbabilities)),
    ("predict_log_proba", Some(ScoreKind::LogProbabilities)),
    ("log_odds", Some(ScoreKind::Logits)),
    ("logodds", Some(ScoreKind::Logits)),
    ("decision_function", Some(ScoreKind::Logits)),
    ("rawprediction", Some(ScoreKind::Logits)),
    ("raw_prediction", Some(ScoreKind::Logits)),
    ("rawformulaval", Some(ScoreKind::Logits)),
    ("linear_predictor", Some(ScoreKind::Logits)),
    ("margin", Some(ScoreKind::Logits)),
    ("confidence", None),
    ("conf", None),
    ("y_pred", None),
    ("pred", None),
    ("preds", None),
    ("prediction", None),
    ("predictions", None),
    ("predicted", None),
    ("output", None),
    ("pred_score", None),
    ("prediction_score", None),
    ("risk_score", None),
    ("risk", None),
    ("anomaly_score", None),
];

/// What stands before or behind a label in the name of its score, in lower case, and what it says of the score.
const STEMS: &[(&str, Option<ScoreKind>)] = &[
    ("", None),
    ("predict_log_proba", Some(ScoreKind::LogProbabilities)),
    ("log_probability", Some(ScoreKind::LogProbabilities)),
    ("log_probabilities", Some(ScoreKind::LogProbabilities)),
    ("log_proba", Some(ScoreKind::LogProbabilities)),
    ("log_probs", Some(ScoreKind::LogProbabilities)),
    ("log_prob", Some(ScoreKind::LogProbabilities)),
    ("logprob", Some(ScoreKind::LogProbabilities)),
    ("log_softmax", Some(ScoreKind::LogProbabilities)),
    ("log_p", Some(ScoreKind::LogProbabilities)),
    ("logp", Some(ScoreKind::LogProbabilities)),
    ("predict_proba", Some(ScoreKind::Probabilities)),
    ("y_pred_proba", Some(ScoreKind::Probabilities)),
    ("pred_proba", Some(ScoreKind::Probabilities)),
    ("y_proba", Some(ScoreKind::Probabilities)),
    ("y_prob", Some(ScoreKind::Probabilities)),
    ("pred_prob", Some(ScoreKind::Probabilities)),
    ("probability_of", Some(ScoreKind::Probabilities)),
    ("probabilities", Some(ScoreKind::Probabilities)),
    ("probability", Some(ScoreKind::Probabilities)),
    ("probs", Some(ScoreKind::Probabilities)),
    ("proba", Some(ScoreKind::Probabilities)),
    ("prob", Some(ScoreKind::Probabilities)),
    ("pr", Some(ScoreKind::Probabilities)),
    ("p", Some(ScoreKind::Probabilities)),
    ("softmax", Some(ScoreKind::Probabilities)),
    (".pred", Some(ScoreKind::Probabilities)),
    ("pred", None),
    ("y_score", None),
    ("y_pred", None),
    ("scores", None),
    ("score", None),
    ("confidence", None),
    ("conf", None),
    ("prediction", None),
    ("predicted", None),
    ("output", None),
    ("class", None),
    ("logits", Some(ScoreKind::Logits)),
    ("logit", Some(ScoreKind::Logits)),
    ("rawprediction", Some(ScoreKind::Logits)),
    ("raw", Some(ScoreKind::Logits)),
    ("log_odds", Some(ScoreKind::Logits)),
    ("margin", Some(ScoreKind::Logits)),
    ("distribution", Some(ScoreKind::Probabilities)),
];

/// What a score's name ends with that counts from 0 to 100.
const HUNDREDTHS: [&str; 8] = ["(%)", "[%]", "_in_%", "%", "_pct", "_percent", "_percentage", "_in_percent"];

/// What Weka calls the column that counts the rows of its predictions.
pub(crate) const WEKAS_COUNTER: &str = "inst#";

/// Names of columns that count or name the rows, in lower case.
const COUNTERS: &[&str] = &[
    "id",
    "index",
    "row",
    "rowid",
    "row_id",
    "rowindex",
    "row_index",
    "rownames",
    "row name",
    "row_number",
    "idx",
    "no.",
    "uid",
    WEKAS_COUNTER,
    "instance",
    "obs_no",
];

/// Whether a name is that of another column again, as pandas tells such columns apart: `score.1` beside `score`.
pub fn is_repeat(name: &str, of: &str) -> bool {
    let number = name.strip_prefix(of).and_then(|rest| rest.strip_prefix('.'));
    number.is_some_and(|number| number.parse::<u32>().is_ok_and(|at| at > 0 && at.to_string() == number))
}

/// Whether a name is that of a score taken away from 1: `1-p`, `one_minus_prob`.
pub fn is_complement(name: &str) -> bool {
    let name = snake(name).replace('−', "_");
    let rest = ["1_minus_", "one_minus_", "1_"].iter().find_map(|minus| name.strip_prefix(minus));
    let stem = |rest: &str| STEMS.iter().any(|(known, kind)| *known == rest && *kind == Some(ScoreKind::Probabilities));
    rest.is_some_and(|rest| stem(rest.trim_start_matches('_')))
}

/// Whether a column is called as predictions are, or as labels may be where others are known to be the true ones.
pub fn is_prediction_name(name: &str) -> bool {
    let name = snake(name);
    name.contains("pred")
        || ["scored_labels", "label", "class", "decision", "output", "y_hat", "yhat"].contains(&name.as_str())
}

/// Where a name stands among those of scores, and what it says of them.
pub fn score_rank(name: &str) -> Option<(usize, Option<ScoreKind>)> {
    let name = snake(name);
    let find = |name: &str| SCORES.iter().position(|(known, _)| *known == name);
    // `confidence (%)`, `score_pct`
    let hundredths = || HUNDREDTHS.iter().find_map(|end| name.strip_suffix(end)).map(|rest| rest.trim_end_matches('_'));
    find(&name)
        .map(|at| (at, SCORES[at].1))
        .or_else(|| find(hundredths()?).map(|at| (at, Some(ScoreKind::Percentages))))
}

/// Whether a column is called as scores are.
pub(crate) fn is_score_name(name: &str) -> bool {
    score_rank(name).is_some()
}

/// Whether a column is called as what names or counts the rows is.
pub fn is_counter_name(column: &ColumnHead) -> bool {
    let name = snake(&column.name);
    let unnamed = name.strip_prefix("unnamed:").is_some_and(|at| at.trim_start_matches('_').parse::<u32>().is_ok());
    // `PassengerId`, `customerID`, and not `paid`.
    let camel = ["Id", "ID"].iter().find_map(|end| column.name.strip_suffix(end));
    let is_camel = camel.is_some_and(|word| word.ends_with(|letter: char| letter.is_lowercase()));
    column.is_unnamed || unnamed || COUNTERS.contains(&name.as_str()) || name.ends_with("_id") || is_camel
}

/// A name in lower case, with underscores for what else parts words.
fn snake(name: &str) -> String {
    // No name that is known is longer.
    if name.len() > 40 {
        return String::new();
    }
    name.trim().to_lowercase().replace([' ', '-'], "_")
}

/// What the name of a score says besides a label: a stem that is known, or one that only a set of columns can prove.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Stem {
    /// An index into the known stems.
    Known(usize),
    /// What stands before the label.
    Other(String),
}

impl Stem {
    /// That of a name that is known.
    pub fn of(stem: &str) -> Self {
        STEMS.iter().position(|(known, _)| *known == stem).map_or_else(|| Self::Other(stem.to_owned()), Self::Known)
    }

    /// What it says of the scores.
    pub fn kind(&self) -> Option<ScoreKind> {
        match self {
            Self::Known(index) => STEMS[*index].1,
            Self::Other(_) => None,
        }
    }
}

/// The ways in which a column's name may hold a label: the label's key, or if `exact` itself, and what else is there, the plainest
/// first.
pub fn readings(name: &str, exact: bool) -> Vec<(String, Stem)> {
    let key = |label: &str| if exact { label.to_owned() } else { key(label) };
    // Names of scores are short, and a label of megabytes is none.
    if name.len() > 1000 {
        return vec![(key(name), Stem::Known(0))];
    }
    let whole = if exact { name.to_owned() } else { name.to_lowercase() };
    let inner = whole.trim_end_matches([')', ']']);
    let separator = |letter: char| matches!(letter, '_' | '-' | '.' | ':' | ' ' | '(' | '[' | '=');
    let known = |stem: &str| {
        let stem = stem.trim_end_matches(separator).to_lowercase().replace([' ', '-'], "_");
        let find = |stem: &str| STEMS.iter().position(|(known, _)| !known.is_empty() && *known == stem);
        // `P (class=yes)`, `Probability:Class=1`: what the label is one of says nothing.
        let of = stem.rsplit_once(['(', ':']).filter(|_| name.contains('=')).map(|(stem, _)| stem);
        find(&stem).or_else(|| find(of?.trim_end_matches('_')))
    };
    let mut found = vec![(key(name), Stem::Known(0))];
    for (at, letter) in inner.char_indices() {
        let (before, behind) = inner.split_at(at);
        if separator(letter) && at > 0 {
            let label = &behind[letter.len_utf8()..];
            let stem = known(before).map_or_else(|| Stem::Other(before.to_owned()), Stem::Known);
            found.push((key(label), stem.clone()));
            // `logit_a[1]`: a bracket that the label itself ends with.
            if inner.len() < whole.len() {
                found.push((key(&whole[at + letter.len_utf8()..]), stem));
            }
            // `yes_prob`: the label first.
            if let Some(stem) = known(label) {
                found.push((key(before), Stem::Known(stem)));
            }
        } else if at > 0
            && let Some(stem) = known(before)
        {
            // `p0`, `class1`: a number, or a word after what ends in no letter of its own.
            if behind.parse::<f64>().is_ok() {
                found.push((key(behind), Stem::Known(stem)));
            }
        }
    }
    found
}

/// The column that `selector` names; failing that, numbers (from 1). `table` is what messages call the table.
pub(crate) fn find(table: &str, columns: &[ColumnHead], selector: &str) -> Result<usize, TableError> {
    let wanted = selector.trim();
    let named: Vec<usize> = (0..columns.len()).filter(|&index| columns[index].name == wanted).collect();
    match (named.as_slice(), wanted.parse::<usize>()) {
        ([index], _) => Ok(*index),
        ([], Ok(number)) if (1..=columns.len()).contains(&number) => Ok(number - 1),
        ([], _) => Err(TableError::ColumnNotFound {
            name: table.to_owned(),
            selector: excerpt(selector),
            known: numbered(columns, 0..columns.len()),
        }),
        (several, _) => Err(TableError::ColumnAmbiguous {
            name: table.to_owned(),
            selector: excerpt(selector),
            numbers: listing(several.iter().map(|index| (index + 1).to_string()), 30),
        }),
    }
}

/// Columns as messages list them: `1 \`x\`, 2 \`y\``.
pub fn numbered(columns: &[ColumnHead], which: impl ExactSizeIterator<Item = usize>) -> String {
    listing(which.map(|index| format!("{} `{}`", index + 1, excerpt(&columns[index].name))), 30)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(name: &str, label: &str) -> Option<(Stem, Option<ScoreKind>)> {
        let reading = readings(name, false).into_iter().find(|(key, _)| key == label)?;
        let kind = reading.1.kind();
        Some((reading.1, kind))
    }

    #[test]
    fn labels_are_found_in_the_names_of_scores() {
        for (name, label) in [
            ("prob_0", "0"),
            ("p0", "0"),
            ("proba_cat", "cat"),
            ("class_1", "1"),
            (".pred_Yes", "yes"),
            ("P(died)", "died"),
            ("Probability of bad", "bad"),
            ("prob_new_york", "new_york"),
            ("yes_prob", "yes"),
            ("cat", "cat"),
            ("logit_1.0", "1"),
            ("P (churn=yes)", "yes"),
            ("Probability:Class=1", "1"),
            ("confidence(no)", "no"),
            ("log_proba_1", "1"),
        ] {
            assert!(matches!(reads(name, label), Some((Stem::Known(_), _))), "{name}: {:?}", readings(name, false));
        }
        assert_eq!(reads("resnet_0", "0"), Some((Stem::Other("resnet".into()), None)));
        assert_eq!(reads("logit_bad", "bad").unwrap().1, Some(ScoreKind::Logits));
        assert!(reads("bobcat", "cat").is_none() && reads("x1", "1").is_none() && reads("p11", "1").is_none());
    }
}
