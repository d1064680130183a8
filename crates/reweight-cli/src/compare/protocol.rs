//! What is done to the rows that a network is trained on, to see how losses bear it: thinned to a long tail, some labels wrong.
//! The rows that it is judged on stay as they are.

use std::borrow::Cow;

use reweight_lab::folds::Fold;
use reweight_lab::random::{Purpose, Random};
use serde::{Deserialize, Serialize};

use crate::arguments::ProtocolArguments;

/// How training rows are changed; by default not at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Protocol {
    /// How many times as many rows the first class keeps as the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub long_tail: Option<f64>,
    /// The share of labels that are wrong: of the positives', or of all where all labels are told apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_noise: Option<f64>,
}

impl Protocol {
    /// What the command line says.
    #[must_use]
    pub fn new(arguments: &ProtocolArguments) -> Self {
        Self { long_tail: arguments.long_tail, label_noise: arguments.label_noise }
    }

    /// Whether training rows stay as they are.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// What is done, in words.
    pub(super) fn sentence(&self, is_binary: bool) -> Option<String> {
        let tail = self.long_tail.map(|ratio| {
            if is_binary {
                format!("thinned to one positive for {ratio} negatives")
            } else {
                format!("thinned to a long tail, the first class {ratio} times the last")
            }
        });
        let noise = self.label_noise.map(|share| {
            let whose = if is_binary { "positives" } else { "rows" };
            format!("{} % of their {whose} labelled wrong", 100.0 * share)
        });
        let done: Vec<String> = tail.into_iter().chain(noise).collect();
        (!done.is_empty()).then(|| format!("Training rows {}; the rows judged are whole and right", done.join(", ")))
    }

    /// Thins the training rows of a fold: class k of K keeps n·R^(−k/(K−1)) of its rows, one at least, where n are those of the
    /// first of two classes, or of the largest (the long-tail protocol of Cui et al., Class-balanced loss, 2019).
    ///
    /// Which rows stay hangs on seed and fold alone; those of a longer tail are among those of a shorter one.
    pub(super) fn thin(&self, fold: &mut Fold, classes: &[usize], width: usize, (seed, index): (u64, u32)) {
        let Some(ratio) = self.long_tail else { return };
        let mut members = vec![Vec::new(); width];
        fold.train.iter().for_each(|&row| members[classes[row]].push(row));
        let counts = || members.iter().map(Vec::len);
        let most = if width == 2 { counts().next() } else { counts().max() }.unwrap_or(0) as f64;
        let mut random = Random::new(seed, Purpose::Tail { fold: index });
        let last = width.saturating_sub(1).max(1) as f64;
        fold.train.clear();
        for (class, mut rows) in members.into_iter().enumerate() {
            random.shuffle(&mut rows);
            rows.truncate(((most * ratio.powf(-(class as f64) / last)).round() as usize).max(1));
            fold.train.extend(rows);
        }
        fold.train.sort_unstable();
    }

    /// The class that each row is trained as.
    ///
    /// Of two classes a share of the positives is called negative, though never all; of many a share of all rows is called one of
    /// the other classes. Rows outside the fold's training part keep theirs.
    pub(super) fn labels<'a>(
        &self,
        fold: &Fold,
        classes: &'a [usize],
        width: usize,
        (seed, index): (u64, u32),
    ) -> Cow<'a, [usize]> {
        let Some(share) = self.label_noise else { return Cow::Borrowed(classes) };
        let is_binary = width == 2;
        let mut rows: Vec<usize> = fold.train.iter().copied().filter(|&row| !is_binary || classes[row] == 1).collect();
        let mut random = Random::new(seed, Purpose::Labels { fold: index });
        random.shuffle(&mut rows);
        rows.truncate(((share * rows.len() as f64).round() as usize).min(rows.len().saturating_sub(1)));
        let mut labels = classes.to_vec();
        for row in rows {
            labels[row] = (classes[row] + 1 + random.below(width - 1)) % width;
        }
        Cow::Owned(labels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: (u64, u32) = (3, 1);

    /// 900 rows of class 0, 90 of class 1 and so on, of `width` classes; every third is judged.
    fn fold(counts: &[usize]) -> (Vec<usize>, Fold) {
        let classes: Vec<usize> =
            counts.iter().enumerate().flat_map(|(class, &count)| std::iter::repeat_n(class, count)).collect();
        let (test, train): (Vec<usize>, _) = (0..classes.len()).partition(|row| row % 3 == 0);
        (classes, Fold { train, test: test.into() })
    }

    fn counted(fold: &Fold, classes: &[usize], width: usize) -> Vec<usize> {
        let mut counts = vec![0; width];
        fold.train.iter().for_each(|&row| counts[classes[row]] += 1);
        counts
    }

    #[test]
    fn nothing_asked_changes_nothing() {
        let (classes, before) = fold(&[60, 30]);
        let mut after = before.clone();
        Protocol::default().thin(&mut after, &classes, 2, PLACE);
        assert_eq!(after, before);
        assert!(matches!(Protocol::default().labels(&before, &classes, 2, PLACE), Cow::Borrowed(_)));
        assert_eq!(Protocol::default().sentence(true), None);
    }

    #[test]
    fn tails_are_as_long_as_asked_and_lie_within_each_other() {
        let (classes, whole) = fold(&[3000, 1500]);
        let thinned = |ratio: f64, whole: &Fold, classes: &[usize], width: usize| {
            let mut fold = whole.clone();
            Protocol { long_tail: Some(ratio), label_noise: None }.thin(&mut fold, classes, width, PLACE);
            assert_eq!(fold.test, whole.test);
            assert!(fold.train.is_sorted() && fold.train.iter().all(|row| whole.train.contains(row)));
            fold
        };
        let [hundred, thousand] = [100.0, 1000.0].map(|ratio| thinned(ratio, &whole, &classes, 2));
        assert_eq!(counted(&hundred, &classes, 2), [2000, 20]);
        assert_eq!(counted(&thousand, &classes, 2), [2000, 2]);
        assert!(thousand.train.iter().all(|row| hundred.train.contains(row)));
        // A positive at least; none that are not there.
        assert_eq!(counted(&thinned(1e9, &whole, &classes, 2), &classes, 2), [2000, 1]);
        assert_eq!(counted(&thinned(1.0, &whole, &classes, 2), &classes, 2), [2000, 1000]);
        let (classes, whole) = fold(&[300; 3]);
        assert_eq!(counted(&thinned(100.0, &whole, &classes, 3), &classes, 3), [200, 20, 2]);
    }

    #[test]
    fn as_many_labels_are_wrong_as_asked_and_none_that_are_judged() {
        let (classes, fold) = fold(&[300, 150]);
        let noise = |share: f64| Protocol { long_tail: None, label_noise: Some(share) };
        let labels = noise(0.2).labels(&fold, &classes, 2, PLACE);
        let wrong: Vec<usize> = (0..classes.len()).filter(|&row| labels[row] != classes[row]).collect();
        assert_eq!(wrong.len(), 20);
        assert!(wrong.iter().all(|row| classes[*row] == 1 && fold.train.binary_search(row).is_ok()));
        assert_eq!(counted(&fold, &noise(0.999).labels(&fold, &classes, 2, PLACE), 2)[1], 1, "one positive stays");
        let (classes, fold) = self::fold(&[90, 90, 90]);
        let labels = noise(0.5).labels(&fold, &classes, 3, PLACE);
        let wrong = (0..classes.len()).filter(|&row| labels[row] != classes[row]);
        assert!(wrong.clone().all(|row| labels[row] < 3 && fold.train.binary_search(&row).is_ok()));
        assert_eq!(wrong.count(), 90);
    }
}
