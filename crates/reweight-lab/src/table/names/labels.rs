//! What columns of labels are called, and those that part the rows into some to train on and others.

use super::snake;

/// Names of a column of labels, in lower case; of several the earlier is meant.
const LABELS: &[&str] = &[
    EXACT_LABEL,
    // These say that another column may be a model's word.
    "y_true",
    "true_label",
    "label_true",
    "true_class",
    "ground_truth",
    "truth",
    "actual",
    "actual_class",
    "actual_label",
    "y_actual",
    "gold_label",
    "y_test",
    "label",
    "labels",
    "target",
    "targets",
    "y",
    "class",
    "classes",
    "klass",
    "classe",
    "clase",
    "klasse",
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
    "churned",
    "died",
    "dead",
    "deceased",
    "death",
    "death_event",
    "mortality",
    "failure",
    "machine_failure",
    "defective",
    "defaulted",
    "default_payment_next_month",
    "loan_default",
    "loan_status",
    "bankrupt",
    "readmitted",
    "converted",
    "clicked",
    "purchased",
    "subscribed",
    "cancelled",
    "canceled",
    "spam",
    "anomaly",
    // From here on names that features may have as well.
    "true",
    "real",
    "obs",
    "observed",
    "gt",
    "response",
    "reference",
    "gold",
    "category",
    "species",
    "income",
    "quality",
];

/// How many of them say so by themselves.
const PLAIN_LABELS: usize = 61;

/// What the column of labels is called in scores whose labels are spelled exactly and none of them missing, whatever they look like.
pub const EXACT_LABEL: &str = "exact_label";

/// What the parts of a split are called, in lower case.
const PARTS: [&str; 15] = [
    "train",
    "training",
    "test",
    "testing",
    "val",
    "valid",
    "validate",
    "validation",
    "dev",
    "eval",
    "evaluation",
    "holdout",
    "hold-out",
    "hold_out",
    "unlabeled",
];

/// Names of columns of folds, in lower case.
const SPLITS: [&str; 14] = [
    "split",
    "fold",
    "folds",
    "fold_id",
    "fold_no",
    "kfold",
    "k_fold",
    "cv_fold",
    "cv",
    "partition",
    "is_train",
    "is_test",
    "is_training",
    "is_holdout",
];

/// Where a name stands among those of labels, the likeliest first; none if it is none.
pub fn label_rank(name: &str) -> Option<usize> {
    // `Churn?`, `Bankrupt?`, `default.payment.next.month`; `is_churned`.
    let name = snake(name).trim_end_matches(['?', '!', ':', '_']).replace('.', "_");
    let find = |name: &str| LABELS.iter().position(|known| *known == name);
    find(&name).or_else(|| find(["is_", "has_", "was_"].iter().find_map(|verb| name.strip_prefix(verb))?))
}

/// Whether a name says only that there are labels, and not of what, as `churn` does.
pub fn is_generic_label_name(name: &str) -> bool {
    label_rank(name).is_some_and(|rank| rank <= LABELS.iter().position(|known| *known == "outcomes").unwrap_or(0))
}

/// Whether a column is called as labels are, and as features are not.
pub fn is_plain_label_name(name: &str) -> bool {
    label_rank(name).is_some_and(|rank| rank < PLAIN_LABELS)
}

/// Whether a column is called as labels are.
pub fn is_label_name(name: &str) -> bool {
    label_rank(name).is_some()
}

/// Whether a column says which part of a split each row belongs to: `train` and `test` under any name, the number of a fold under
/// one of a split's. `cells` are its different ones.
pub fn is_split<'a>(name: &str, cells: impl Iterator<Item = &'a str>) -> bool {
    let cells: Vec<String> = cells.map(|cell| cell.trim().to_lowercase()).collect();
    let is_number =
        |cell: &String| cell.parse::<u32>().is_ok_and(|fold| fold < 100) || cell == "true" || cell == "false";
    let trains = cells.iter().any(|cell| cell.starts_with("train"));
    (cells.len() > 1 && trains && cells.iter().all(|cell| PARTS.contains(&cell.as_str())))
        || (!cells.is_empty() && SPLITS.contains(&snake(name).as_str()) && cells.iter().all(is_number))
}
