//! One label in several spellings: in another case, with a final dot or blanks, as another form of the same number.

use std::collections::HashMap;

use super::cell::bare;
use super::number::{Decimal, parse};

/// What all spellings of a label share: lower case, blanks made one, no final dot; of a number its value.
pub fn key(label: &str) -> String {
    key_in(label, Decimal::Point)
}

/// The same of a label by itself, of which nobody says what marks its decimals.
pub(crate) fn key_of_either(label: &str) -> String {
    let own = key(label);
    if own.parse::<f64>().is_ok() { own } else { key_in(label, Decimal::Comma) }
}

/// The same where `decimal` marks decimals: 1,0 is 1 beside a comma.
fn key_in(label: &str, decimal: Decimal) -> String {
    let label = bare(label);
    let number = match decimal {
        Decimal::Point => label.parse::<f64>().ok(),
        Decimal::Comma => parse(label, decimal),
    };
    if let Some(value) = number
        && value.is_finite()
    {
        // −0 is 0.
        return format!("{}", value + 0.0);
    }
    let trimmed = label.trim_end_matches('.').trim_end();
    let trimmed = if trimmed.is_empty() { label } else { trimmed };
    let words: Vec<&str> = trimmed.split_whitespace().collect();
    words.join(" ").to_lowercase()
}

/// The spellings of labels as they come, each label with its class.
#[derive(Debug, Default)]
pub struct Spellings {
    exact: bool,
    decimal: Decimal,
    classes: HashMap<String, usize>,
    /// The class of each spelling that was seen.
    seen: HashMap<String, (usize, u64)>,
    count: usize,
}

impl Spellings {
    /// Spellings that stay apart, if `exact`; `decimal` marks the decimals of those that are numbers.
    pub fn new(exact: bool, decimal: Decimal) -> Self {
        Self { exact, decimal, ..Self::default() }
    }

    /// Whether they stay apart.
    pub fn is_exact(&self) -> bool {
        self.exact
    }

    /// What all spellings of a bare label share.
    pub fn key(&self, label: &str) -> String {
        if self.exact { label.to_owned() } else { key_in(label, self.decimal) }
    }

    /// Number of classes so far.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.count
    }

    /// Whether a bare label, or another spelling of it, was seen.
    pub fn knows(&self, label: &str) -> bool {
        self.seen.contains_key(label) || !self.exact && self.classes.contains_key(&key_in(label, self.decimal))
    }

    /// The class of each label's key.
    pub fn keys(&self) -> &HashMap<String, usize> {
        &self.classes
    }

    /// The class of a bare label; a new one gets the next number.
    pub fn class(&mut self, label: &str) -> usize {
        if let Some((class, rows)) = self.seen.get_mut(label) {
            *rows += 1;
            return *class;
        }
        let key = self.key(label);
        let next = self.count;
        let class = *self.classes.entry(key).or_insert(next);
        self.count = self.count.max(class + 1);
        self.seen.insert(label.to_owned(), (class, 1));
        class
    }

    /// The commonest spelling of each class, the shortest of equals.
    pub fn names(&self) -> Vec<String> {
        let mut best: Vec<Option<(&String, u64)>> = vec![None; self.count];
        for (label, &(class, rows)) in &self.seen {
            let better = |&(other, others): &(&String, u64)| {
                (rows, std::cmp::Reverse((label.len(), label))) > (others, std::cmp::Reverse((other.len(), other)))
            };
            if best[class].as_ref().is_none_or(better) {
                best[class] = Some((label, rows));
            }
        }
        best.into_iter().map(|best| best.map_or_else(String::new, |(label, _)| label.clone())).collect()
    }

    /// The classes that were spelled in several ways, each with its spellings and their rows, the commonest first.
    pub(crate) fn merged(&self) -> Vec<Vec<(&str, u64)>> {
        let mut spellings: Vec<Vec<(&str, u64)>> = vec![Vec::new(); self.count];
        for (label, &(class, rows)) in &self.seen {
            spellings[class].push((label, rows));
        }
        spellings.retain(|spellings| spellings.len() > 1);
        spellings.iter_mut().for_each(|all| all.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0))));
        spellings
    }
}

/// The label of `labels` that a user's spelling means: as it is written, else one of the same key.
pub fn find(labels: &[String], wanted: &str) -> Option<usize> {
    let wanted = bare(wanted);
    let exact = labels.iter().position(|label| label == wanted);
    exact.or_else(|| {
        let same = |decimal: Decimal| {
            let wanted = key_in(wanted, decimal);
            let mut same = (0..labels.len()).filter(|&class| key_in(&labels[class], decimal) == wanted);
            // Where spellings stay apart, a third one means neither.
            same.next().filter(|_| same.next().is_none())
        };
        same(Decimal::Point).or_else(|| same(Decimal::Comma))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_label() {
        for (one, other) in [(">50K", ">50K."), ("Yes", "yes"), ("1", "1.0"), ("1", "+1"), ("a b", "a  b"), ("0", "-0")]
        {
            assert_eq!(key(one), key(other), "{one} {other}");
        }
        assert!(key("a") != key("b") && key("1") != key("-1") && key("...") != key(""));
        let mut spellings = Spellings::new(false, Decimal::Point);
        let classes: Vec<usize> =
            [">50K.", ">50K", "<=50K", ">50K"].iter().map(|label| spellings.class(label)).collect();
        assert_eq!(classes, [0, 0, 1, 0]);
        assert_eq!(spellings.names(), [">50K", "<=50K"]);
        assert_eq!(spellings.merged(), [vec![(">50K", 2), (">50K.", 1)]]);
        let mut apart = Spellings::new(true, Decimal::Point);
        assert_eq!((apart.class("1"), apart.class("1.0"), apart.classes()), (0, 1, 2));
        let mut commas = Spellings::new(false, Decimal::Comma);
        assert_eq!((commas.class("1"), commas.class("1,0"), commas.class("1,5"), commas.classes()), (0, 0, 1, 2));
        assert_eq!(find(&["0".into(), "1".into()], "1,0"), Some(1));
    }
}
