//! Which label is the positive one where nobody says so: one rule for all commands.

use super::label::key;
use crate::terminal::{counted, excerpt};

/// Words for a label that something has, each with that for one that has it not.
const AFFIRMATIVE: [(&str, &str); 17] = [
    ("1", "0"),
    ("1", "-1"),
    ("true", "false"),
    ("yes", "no"),
    ("positive", "negative"),
    ("pos", "neg"),
    ("t", "f"),
    ("y", "n"),
    ("present", "absent"),
    ("abnormal", "normal"),
    ("anomaly", "normal"),
    ("outlier", "inlier"),
    ("attack", "normal"),
    ("malignant", "benign"),
    ("spam", "ham"),
    ("sick", "healthy"),
    ("sick", "negative"),
];

/// What turns a label into its absence.
const NOT: [&str; 8] = ["not ", "no ", "non ", "not_", "no_", "non_", "non-", "not-"];

/// A positive label, and why it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice {
    /// An index into the labels.
    pub(crate) class: usize,
    /// The reason, to follow the label.
    pub(crate) why: String,
}

/// The positive one of some labels: the one that two labels themselves name, as `1` beside `0`, `yes` beside `no` or `X` beside
/// `not X`; else the rarest. None if several are the rarest: that would be a coin's choice.
pub(crate) fn choose(labels: &[String], counts: &[u64]) -> Option<Choice> {
    if let [first, second] = labels
        && let Some(class) = named(&key(first), &key(second))
    {
        let other = &labels[1 - class];
        let mut why = format!("as `{}` is its opposite", excerpt(other));
        if counts[class] > counts[1 - class] {
            let all = counts.iter().sum();
            why.push_str(&format!(
                ", although it is the commoner label, {} of {}; `{}` is the rare one",
                crate::terminal::thousands(counts[class]),
                counted(all, "row"),
                excerpt(other)
            ));
        }
        return Some(Choice { class, why });
    }
    let fewest = *counts.iter().min()?;
    let mut rarest = (0..labels.len()).filter(|&class| counts[class] == fewest);
    let class = rarest.next()?;
    let why = if labels.len() == 2 { "the rarer label" } else { "the rarest label" };
    rarest.next().is_none().then(|| Choice { class, why: why.to_owned() })
}

/// Of two keys the one that says that something is there.
fn named(first: &str, second: &str) -> Option<usize> {
    let is_not = |label: &str, other: &str| {
        NOT.iter().any(|not| other.strip_prefix(not).is_some_and(|rest| rest.trim() == label))
            || ["non", "not", "no"].iter().any(|not| label.len() > 2 && other.strip_prefix(not) == Some(label))
    };
    let has = |label: &str, other: &str| AFFIRMATIVE.contains(&(label, other)) || is_not(label, other);
    match (has(first, second), has(second, first)) {
        (true, false) => Some(0),
        (false, true) => Some(1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(labels: [&str; 2], counts: [u64; 2]) -> Option<String> {
        choose(&labels.map(str::to_owned), &counts).map(|choice| labels[choice.class].to_owned())
    }

    #[test]
    fn meaning_goes_before_rarity() {
        for (positive, negative) in [
            ("1", "0"),
            ("1", "-1"),
            ("1.0", "0.0"),
            ("Yes", "No"),
            ("TRUE", "FALSE"),
            ("churn", "not churn"),
            ("Spam", "no spam"),
            ("smoker", "non-smoker"),
            ("Fraud", "Non Fraud"),
            ("demented", "Nondemented"),
        ] {
            assert_eq!(chosen([positive, negative], [90, 10]).as_deref(), Some(positive));
            assert_eq!(chosen([negative, positive], [90, 10]).as_deref(), Some(positive));
        }
        assert_eq!(chosen(["1", "2"], [20, 280]).as_deref(), Some("1"));
        assert_eq!(chosen(["good", "bad"], [90, 10]).as_deref(), Some("bad"));
        assert_eq!(chosen(["a", "b"], [5, 5]), None);
        assert!(choose(&["1".into(), "0".into()], &[9, 1]).unwrap().why.contains("`0` is the rare one"));
    }
}
