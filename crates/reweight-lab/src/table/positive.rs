//! Which label is the positive one where nobody says so: one rule for all commands.

use super::label::key_of_either;
use crate::text::{counted, excerpt};

/// Words for a label that something has, each with that for one that has it not.
const AFFIRMATIVE: [(&str, &str); 32] = [
    ("1", "0"),
    ("1", "-1"),
    ("true", "false"),
    ("yes", "no"),
    ("t", "f"),
    ("y", "n"),
    ("ja", "nein"),
    ("ja", "nee"),
    ("ja", "nej"),
    ("oui", "non"),
    ("si", "no"),
    ("sí", "no"),
    ("sì", "no"),
    ("sim", "não"),
    ("sim", "nao"),
    ("tak", "nie"),
    ("да", "нет"),
    ("wahr", "falsch"),
    ("vrai", "faux"),
    ("positive", "negative"),
    ("pos", "neg"),
    ("positiv", "negativ"),
    ("positif", "négatif"),
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

/// Answers to a question, whichever way it was asked: how many pairs of the above are no more than that.
const ANSWERS: usize = 19;

/// As many times as common as its opposite, an answer is no rare class, and what a user calls positive is a coin's choice.
const COMMON: u64 = 2;

/// What a score may be of that is the opposite of what the labels are about: `prob_died` beside `survived`.
const OPPOSITES: [(&str, &str); 30] = [
    ("survived", "died"),
    ("survived", "dead"),
    ("survived", "death"),
    ("survival", "death"),
    ("survival", "mortality"),
    ("alive", "dead"),
    ("alive", "died"),
    ("malignant", "benign"),
    ("sick", "healthy"),
    ("disease", "healthy"),
    ("default", "repaid"),
    ("default", "paid"),
    ("defaulted", "repaid"),
    ("churn", "stay"),
    ("churn", "stayed"),
    ("churn", "retained"),
    ("churned", "stayed"),
    ("churned", "retained"),
    ("exited", "stayed"),
    ("fraud", "legit"),
    ("fraud", "legitimate"),
    ("fraud", "genuine"),
    ("spam", "ham"),
    ("passed", "failed"),
    ("pass", "fail"),
    ("success", "failure"),
    ("approved", "rejected"),
    ("approved", "denied"),
    ("anomaly", "normal"),
    ("bad", "good"),
];

/// Words that say that something is there, or not, beside labels that have words of their own.
const SAYS_YES: [&str; 6] = ["1", "true", "yes", "positive", "pos", "event"];
const SAYS_NO: [&str; 8] = ["0", "-1", "false", "no", "negative", "neg", "non_event", "nonevent"];

/// A positive label, and why it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// An index into the labels.
    pub class: usize,
    /// The reason, to follow the label.
    pub why: String,
    /// The rare label that may be meant as well, where this one is but the commoner answer to a question.
    pub rival: Option<usize>,
}

/// The positive one of some labels: the one that two labels themselves name, as `1` beside `0`, `yes` beside `no` or `X` beside
/// `not X`; else the rarest. None if several are the rarest: that would be a coin's choice.
pub fn choose(labels: &[String], counts: &[u64]) -> Option<Choice> {
    if let [first, second] = labels
        && let Some(class) = named(&key_of_either(first), &key_of_either(second))
    {
        let other = &labels[1 - class];
        let mut why = format!("as `{}` is its opposite", excerpt(other));
        if counts[class] > counts[1 - class] {
            let all = counts.iter().sum();
            why.push_str(&format!(
                ", although it is the commoner label, {} of {}; `{}` is the rare one",
                crate::text::thousands(counts[class]),
                counted(all, "row"),
                excerpt(other)
            ));
        }
        let is_answer = AFFIRMATIVE[..ANSWERS].contains(&(&*key_of_either(&labels[class]), &*key_of_either(other)));
        let is_common = counts[class] >= COMMON * counts[1 - class];
        return Some(Choice { class, why, rival: (is_answer && is_common).then_some(1 - class) });
    }
    let fewest = *counts.iter().min()?;
    let mut rarest = (0..labels.len()).filter(|&class| counts[class] == fewest);
    let class = rarest.next()?;
    let why = if labels.len() == 2 { "the rarer label" } else { "the rarest label" };
    rarest.next().is_none().then(|| Choice { class, why: why.to_owned(), rival: None })
}

/// Which of two labels' keys the word in a score's name speaks for, where it is none of them: `pos` beside 1 and 0, `not_churn`
/// beside `churn`. `subject` is what the labels are about, if their column's name or another score's says so.
pub fn spoken(word: &str, keys: [&str; 2], is_subject: impl Fn(&str) -> bool) -> Option<usize> {
    let own = |word: &str| keys.iter().position(|key| *key == word);
    if let Some(class) = own(word) {
        return Some(class);
    }
    let absent = absent(word);
    if let Some(class) = absent.and_then(own) {
        return Some(1 - class);
    }
    // Of what else they may say only labels that have a meaning themselves know.
    let positive = named(keys[0], keys[1])?;
    if SAYS_YES.contains(&word) || is_subject(word) {
        Some(positive)
    } else if SAYS_NO.contains(&word) || absent.is_some() {
        Some(1 - positive)
    } else {
        None
    }
}

/// Whether a word means the absence of what another means, or the other way round.
pub fn are_opposites(word: &str, other: &str) -> bool {
    OPPOSITES.contains(&(word, other)) || OPPOSITES.contains(&(other, word))
}

/// Whether a word says yes or no, and nothing of what.
pub fn is_answer(word: &str) -> bool {
    SAYS_YES.contains(&word) || SAYS_NO.contains(&word)
}

/// What a key says is absent: `churn` of `not churn`.
pub fn absent(key: &str) -> Option<&str> {
    let rest = NOT.iter().find_map(|not| key.strip_prefix(not)).map(str::trim);
    rest.filter(|rest| !rest.is_empty())
}

/// Of two keys the one that says that something is there.
pub fn named(first: &str, second: &str) -> Option<usize> {
    let is_not = |label: &str, other: &str| {
        NOT.iter().any(|not| other.strip_prefix(not).is_some_and(|rest| rest.trim() == label))
            || ["non", "not", "no"].iter().any(|not| label.len() > 2 && other.strip_prefix(not) == Some(label))
    };
    // `tested_positive` beside `tested_negative`
    let shared = first.bytes().zip(second.bytes()).take_while(|(one, other)| one == other).count();
    let shared = first[..first.floor_char_boundary(shared)].rfind(['_', ' ', '-']).map_or(0, |at| at + 1);
    let (first, second) = (&first[shared..], &second[shared..]);
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
            ("1,0", "0,0"),
            ("Yes", "No"),
            ("TRUE", "FALSE"),
            ("churn", "not churn"),
            ("Spam", "no spam"),
            ("smoker", "non-smoker"),
            ("Fraud", "Non Fraud"),
            ("tested_positive", "tested_negative"),
            ("demented", "Nondemented"),
        ] {
            assert_eq!(chosen([positive, negative], [90, 10]).as_deref(), Some(positive));
            assert_eq!(chosen([negative, positive], [90, 10]).as_deref(), Some(positive));
        }
        let rival = |labels: [&str; 2], counts: [u64; 2]| choose(&labels.map(str::to_owned), &counts).unwrap().rival;
        assert_eq!((rival(["1", "0"], [90, 10]), rival(["0", "1"], [90, 10])), (Some(1), None));
        assert_eq!((rival(["1", "0"], [19, 10]), rival(["no", "yes"], [10, 20])), (None, Some(0)));
        assert_eq!((rival(["churn", "not churn"], [90, 10]), rival(["attack", "normal"], [90, 10])), (None, None));
        assert_eq!(chosen(["1", "2"], [20, 280]).as_deref(), Some("1"));
        assert_eq!(chosen(["good", "bad"], [90, 10]).as_deref(), Some("bad"));
        assert_eq!(chosen(["a", "b"], [5, 5]), None);
        let speaks = |word: &str, keys: [&str; 2]| spoken(word, keys, |word| word == "churn");
        for (word, keys, class) in [
            ("pos", ["0", "1"], Some(1)),
            ("neg", ["true", "false"], Some(1)),
            ("yes", ["1", "0"], Some(0)),
            ("1", ["benign", "malignant"], Some(1)),
            ("churn", ["0", "1"], Some(1)),
            ("not_churn", ["0", "1"], Some(0)),
            ("not_churn", ["churn", "stays"], Some(1)),
            ("1", ["good", "bad"], None),
            ("size", ["0", "1"], None),
        ] {
            assert_eq!(speaks(word, keys), class, "{word} beside {keys:?}");
        }
        assert!(choose(&["1".into(), "0".into()], &[9, 1]).unwrap().why.contains("`0` is the rare one"));
    }
}
