//! What columns are called: for the labels, for scores, for what counts the rows; and how a user selects one.

use super::error::{TableError, listing};
use super::form::ColumnHead;
use super::label::key;
use crate::arguments::ScoreKind;
use crate::terminal::excerpt;

/// Names of a column of labels, in lower case; of several the earlier is meant.
const LABELS: [&str; 42] = [
    "label",
    "labels",
    "target",
    "targets",
    "y_true",
    "true_label",
    "label_true",
    "ground_truth",
    "truth",
    "actual",
    "y_test",
    "y",
    "class",
    "classes",
    "klass",
    "classe",
    "clase",
    "klasse",
    "true_class",
    "class_label",
    "outcome",
    "outcomes",
    "survived",
    "diagnosis",
    "default",
    "churn",
    "exited",
    "fraud",
    "is_fraud",
    "isfraud",
    "attrition",
    "defects",
    // From here on names that features may have as well.
    "true",
    "real",
    "obs",
    "observed",
    "gt",
    "response",
    "category",
    "species",
    "income",
    "quality",
];

/// How many of them say so by themselves.
const PLAIN_LABELS: usize = 32;

/// Names of a column of scores where it is the only one, in lower case, and what they say of them.
const SCORES: [(&str, Option<ScoreKind>); 34] = [
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
    ("decision_function", Some(ScoreKind::Logits)),
    ("rawprediction", Some(ScoreKind::Logits)),
    ("confidence", None),
    ("y_pred", None),
    ("pred", None),
    ("preds", None),
    ("prediction", None),
    ("predictions", None),
    ("predicted", None),
    ("output", None),
];

/// What stands before or behind a label in the name of its score, in lower case, and what it says of the score.
const STEMS: [(&str, Option<ScoreKind>); 32] = [
    ("", None),
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
];

/// Names of columns that count or name the rows, in lower case.
const COUNTERS: [&str; 13] = [
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
];

/// Where a name stands among those of labels, the likeliest first; none if it is none.
pub(crate) fn label_rank(name: &str) -> Option<usize> {
    let name = snake(name);
    LABELS.iter().position(|known| *known == name)
}

/// Whether a column is called as labels are, and as features are not.
pub(crate) fn is_plain_label_name(name: &str) -> bool {
    label_rank(name).is_some_and(|rank| rank < PLAIN_LABELS)
}

/// Whether a column is called as labels are.
pub(crate) fn is_label_name(name: &str) -> bool {
    label_rank(name).is_some()
}

/// Where a name stands among those of scores, and what it says of them.
pub(crate) fn score_rank(name: &str) -> Option<(usize, Option<ScoreKind>)> {
    let name = snake(name);
    SCORES.iter().position(|(known, _)| *known == name).map(|at| (at, SCORES[at].1))
}

/// Whether a column is called as scores are.
pub(crate) fn is_score_name(name: &str) -> bool {
    score_rank(name).is_some()
}

/// Whether a column is called as what names or counts the rows is.
pub(crate) fn is_counter_name(column: &ColumnHead) -> bool {
    let name = snake(&column.name);
    let unnamed = name.strip_prefix("unnamed:").is_some_and(|at| at.trim_start_matches('_').parse::<u32>().is_ok());
    column.is_unnamed || unnamed || COUNTERS.contains(&name.as_str()) || name.ends_with("_id")
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
pub(crate) enum Stem {
    /// An index into the known stems.
    Known(usize),
    /// What stands before the label.
    Other(String),
}

impl Stem {
    /// What it says of the scores.
    pub(crate) fn kind(&self) -> Option<ScoreKind> {
        match self {
            Self::Known(index) => STEMS[*index].1,
            Self::Other(_) => None,
        }
    }
}

/// The ways in which a column's name may hold a label: the label's key and what else is there, the plainest first.
pub(crate) fn readings(name: &str) -> Vec<(String, Stem)> {
    // Names of scores are short, and a label of megabytes is none.
    if name.len() > 1000 {
        return vec![(key(name), Stem::Known(0))];
    }
    let lower = name.to_lowercase();
    let inner = lower.trim_end_matches([')', ']']);
    let separator = |letter: char| matches!(letter, '_' | '-' | '.' | ':' | ' ' | '(' | '[' | '=');
    let known = |stem: &str| {
        let stem = stem.trim_end_matches(separator).replace([' ', '-'], "_");
        STEMS.iter().position(|(known, _)| !known.is_empty() && *known == stem)
    };
    let mut found = vec![(key(name), Stem::Known(0))];
    for (at, letter) in inner.char_indices() {
        let (before, behind) = inner.split_at(at);
        if separator(letter) && at > 0 {
            let label = &behind[letter.len_utf8()..];
            let stem = known(before).map_or_else(|| Stem::Other(before.to_owned()), Stem::Known);
            found.push((key(label), stem));
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
pub(crate) fn numbered(columns: &[ColumnHead], which: impl ExactSizeIterator<Item = usize>) -> String {
    listing(which.map(|index| format!("{} `{}`", index + 1, excerpt(&columns[index].name))), 30)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(name: &str, label: &str) -> Option<(Stem, Option<ScoreKind>)> {
        let reading = readings(name).into_iter().find(|(key, _)| key == label)?;
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
        ] {
            assert!(matches!(reads(name, label), Some((Stem::Known(_), _))), "{name}: {:?}", readings(name));
        }
        assert_eq!(reads("resnet_0", "0"), Some((Stem::Other("resnet".into()), None)));
        assert_eq!(reads("logit_bad", "bad").unwrap().1, Some(ScoreKind::Logits));
        assert!(reads("bobcat", "cat").is_none() && reads("x1", "1").is_none() && reads("p11", "1").is_none());
    }
}
