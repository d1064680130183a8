//! The figures against values worked by hand and against naive oracles in O(n²).

use super::*;
use proptest::prelude::*;

/// Room for sums of up to a hundred f64 terms of at most 1 in another order.
const ROUNDING: f64 = 1e-12;

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < ROUNDING
}

/// Six rows, falling: + − + (− +) −, the two in brackets tied.
fn example() -> Ranking {
    let scores = [0.9, 0.8, 0.7, 0.4, 0.4, 0.1];
    Ranking::new(&scores, &[true, false, true, false, true, false]).unwrap()
}

#[test]
fn worked_by_hand() {
    let ranking = example();
    // Precision 1/1 at recall 1/3, 2/3 at 2/3, 3/5 at 1.
    assert!(close(ranking.average_precision(), (1.0 + 2.0 / 3.0 + 3.0 / 5.0) / 3.0));
    // Of 9 pairs: 3 + 2 + (1 + ½) are in order.
    assert!(close(ranking.roc_auc(), 6.5 / 9.0));
    // A tenth of three positives is one: the tied one, with 1 + ½ of 3 negatives above.
    assert!(close(ranking.hardest_positives_rank(), 0.5));
    assert!(close(ranking.recall_at_false_positive_rate(0.01), 1.0 / 3.0));
    assert!(close(ranking.recall_at_false_positive_rate(0.34), 2.0 / 3.0));
    assert!(close(ranking.recall_at_false_positive_rate(1.0), 1.0));
    // Negatives 0.1, 0.4, 0.8: position 0.99 · 2 = 1.98.
    assert!(close(ranking.negatives_quantile(0.99), 0.4 + 0.98 * 0.4));
    assert!(close(ranking.negatives_quantile(0.0), 0.1) && close(ranking.negatives_quantile(1.0), 0.8));
    // From 0.4 on all positives and 2 of 3 negatives are called positive; from 0.9 on a third and none; from 0.7, two thirds and one.
    let (threshold, accuracy) = ranking.best_threshold();
    assert!(threshold == 0.4 && close(accuracy, 2.0 / 3.0), "the lowest of three equals");
    let [recall, below] = ranking.recalls_at(0.7);
    assert!(close(recall, 2.0 / 3.0) && close(below, 2.0 / 3.0));
    let precisions = ranking.precisions_at(&[0.0, 1.0 / 3.0, 0.5, 1.0]);
    assert!(precisions.iter().zip([1.0, 1.0, 2.0 / 3.0, 3.0 / 5.0]).all(|(&a, b)| close(a, b)), "{precisions:?}");
    assert!(ranking.negatives_above_positives().iter().zip([0.0, 1.0 / 3.0, 0.5]).all(|(&a, b)| close(a, b)));
    assert!(close(brier(&[0.5, 1.0, 0.25], &[true, true, false]).unwrap(), (0.25 + 0.0 + 0.0625) / 3.0));
}

#[test]
fn perfect_constant_and_reversed() {
    let labels: Vec<bool> = (0..40).map(|row| row < 20).collect();
    let figures = |score: fn(usize) -> f64| {
        let scores: Vec<f64> = (0..40).map(score).collect();
        let ranking = Ranking::new(&scores, &labels).unwrap();
        [
            ranking.average_precision(),
            ranking.roc_auc(),
            ranking.hardest_positives_rank(),
            ranking.recall_at_false_positive_rate(0.01),
        ]
    };
    assert_eq!(figures(|row| -(row as f64)), [1.0, 1.0, 0.0, 1.0]);
    assert_eq!(figures(|_| 0.3), [0.5, 0.5, 0.5, 0.0]);
    let [_, auc, hardest, recall] = figures(|row| row as f64);
    assert_eq!([auc, hardest, recall], [0.0, 1.0, 0.0]);
    // Two zeros are one score.
    assert!(close(Ranking::new(&[0.0, -0.0], &[true, false]).unwrap().roc_auc(), 0.5));
}

#[test]
fn bad_input_is_named() {
    assert_eq!(Ranking::new(&[1.0], &[true, false]), Err(MetricError::Lengths { scores: 1, labels: 2 }));
    assert!(matches!(Ranking::new(&[0.0, f64::NAN], &[true, false]), Err(MetricError::NotFinite { index: 1, .. })));
    assert_eq!(Ranking::new(&[0.0, 1.0], &[true, true]), Err(MetricError::OneClass { positives: 2, rows: 2 }));
    assert!(brier(&[], &[]).is_err() && brier(&[f64::INFINITY], &[true]).is_err());
    assert_eq!(Confusion::new(&[0, 1], &[0, 2], 2), Err(MetricError::UnknownClass { row: 1, class: 2, classes: 2 }));
    assert!(Confusion::new(&[0], &[], 2).is_err() && Confusion::new(&[], &[], 2).is_err());
}

#[test]
fn many_classes_by_hand() {
    // Class 0: 2 of 3 found, called 2 times; class 1: 1 of 2, called 3 times; class 2 never occurs; class 3: only called.
    let confusion = Confusion::new(&[0, 0, 0, 1, 1], &[0, 0, 1, 1, 3], 4).unwrap();
    assert_eq!(confusion.recalls(), [Some(2.0 / 3.0), Some(0.5), None, None]);
    assert!(close(confusion.balanced_accuracy(), (2.0 / 3.0 + 0.5) / 2.0));
    assert!(close(confusion.worst_recall(), 0.5));
    assert!(close(confusion.macro_f1(), (4.0 / 5.0 + 2.0 / 4.0 + 0.0) / 3.0));
}

#[test]
fn summaries_and_paired_differences_by_hand() {
    let summary = Summary::of(&[1.0, 2.0, 3.0, 6.0]).unwrap();
    assert!(close(summary.mean, 3.0) && close(summary.deviation, (14.0_f64 / 3.0).sqrt()));
    assert_eq!(Summary::of(&[]), None);
    assert_eq!(Summary::of(&[2.0]).unwrap().deviation, 0.0);
    // Differences 1, 2, 3: mean 2, deviation 1, 3 folds: error √(1/3 + 1/2), t at 97.5 % with 2 degrees 4.302653 (tables).
    let paired = Paired::of(&[2.0, 4.0, 6.0], &[1.0, 2.0, 3.0], 3).unwrap();
    let error = (1.0_f64 / 3.0 + 0.5).sqrt();
    assert!(close(paired.mean, 2.0) && close(paired.deviation, 1.0));
    // The tables have six decimals.
    assert!((paired.half_width.unwrap() - 4.302_653 * error).abs() < 1e-6);
    // With 2 degrees of freedom the tail has a closed form: p = 1 − t / √(2 + t²).
    let t = 2.0 / error;
    assert!((paired.p_value.unwrap() - (1.0 - t / (2.0 + t * t).sqrt())).abs() < 1e-9, "statrs's own accuracy");
    assert!(!paired.is_beyond_noise());
    let same = Paired::of(&[1.0, 2.0], &[1.0, 2.0], 2).unwrap();
    assert_eq!((same.half_width, same.p_value), (Some(0.0), Some(1.0)));
    assert!(Paired::of(&[2.0, 3.0], &[1.0, 2.0], 2).unwrap().is_beyond_noise());
    assert_eq!(Paired::of(&[2.0], &[1.0], 2).unwrap().p_value, None);
    assert_eq!(Paired::of(&[2.0], &[1.0, 2.0], 2), None);
}

/// Scores on a coarse grid, so that ties are frequent, with at least one label of each kind.
fn rows() -> impl Strategy<Value = (Vec<f64>, Vec<bool>)> {
    prop::collection::vec((0_u8..12, any::<bool>()), 2..60).prop_map(|mut rows| {
        (rows[0].1, rows[1].1) = (true, false);
        rows.into_iter().map(|(score, label)| (f64::from(score) / 4.0 - 1.0, label)).unzip()
    })
}

/// The share of the negatives above `score`, a tie counting half.
fn rank_among_negatives(score: f64, scores: &[f64], labels: &[bool]) -> f64 {
    let negatives: Vec<f64> = scores.iter().zip(labels).filter(|row| !row.1).map(|row| *row.0).collect();
    let above = |other: &f64| {
        if *other > score {
            1.0
        } else if *other == score {
            0.5
        } else {
            0.0
        }
    };
    negatives.iter().map(above).sum::<f64>() / negatives.len() as f64
}

proptest! {
    #[test]
    fn figures_agree_with_naive_ones((scores, labels) in rows()) {
        let ranking = Ranking::new(&scores, &labels).unwrap();
        let mut positives: Vec<f64> = scores.iter().zip(&labels).filter(|row| *row.1).map(|row| *row.0).collect();
        positives.sort_by(f64::total_cmp);
        let rank = |score: &f64| rank_among_negatives(*score, &scores, &labels);
        let count = positives.len() as f64;
        prop_assert!(close(ranking.roc_auc(), 1.0 - positives.iter().map(rank).sum::<f64>() / count));
        let hardest = &positives[..positives.len().div_ceil(10)];
        let expected = hardest.iter().map(rank).sum::<f64>() / hardest.len() as f64;
        prop_assert!(close(ranking.hardest_positives_rank(), expected));
        // With ties as one threshold, average precision is the mean over positives of the precision at their score.
        let precision = |score: &f64| {
            let taken = scores.iter().filter(|other| *other >= score).count();
            positives.iter().filter(|other| *other >= score).count() as f64 / taken as f64
        };
        prop_assert!(close(ranking.average_precision(), positives.iter().map(precision).sum::<f64>() / count));
        for rate in [0.0, 0.01, 0.2, 0.5, 1.0] {
            let negatives = (labels.len() - positives.len()) as f64;
            let best = scores.iter().filter_map(|threshold| {
                let passing = scores.iter().zip(&labels).filter(|row| row.0 >= threshold);
                let (hits, alarms): (Vec<_>, Vec<_>) = passing.partition(|row| *row.1);
                (alarms.len() as f64 <= rate * negatives).then_some(hits.len() as f64 / count)
            });
            prop_assert_eq!(ranking.recall_at_false_positive_rate(rate), best.fold(0.0, f64::max));
        }
        let mut negatives: Vec<f64> = scores.iter().zip(&labels).filter(|row| !row.1).map(|row| *row.0).collect();
        negatives.sort_by(f64::total_cmp);
        let at = 0.99 * (negatives.len() - 1) as f64;
        let (low, high) = (negatives[at.floor() as usize], negatives[at.ceil() as usize]);
        prop_assert!(close(ranking.negatives_quantile(0.99), low + (high - low) * at.fract()));
    }

    #[test]
    fn only_the_order_counts((scores, labels) in rows()) {
        let ranking = Ranking::new(&scores, &labels).unwrap();
        let moved: Vec<f64> = scores.iter().map(|score| score.exp() * 3.0).collect();
        let moved = Ranking::new(&moved, &labels).unwrap();
        prop_assert_eq!(ranking.roc_auc(), moved.roc_auc());
        prop_assert_eq!(ranking.average_precision(), moved.average_precision());
        prop_assert_eq!(ranking.hardest_positives_rank(), moved.hardest_positives_rank());
        let ((threshold, accuracy), (there, moved_accuracy)) = (ranking.best_threshold(), moved.best_threshold());
        prop_assert_eq!((threshold.exp() * 3.0, accuracy), (there, moved_accuracy));
        let [recall, below] = ranking.recalls_at(threshold);
        prop_assert!(close(0.5 * (recall + below), accuracy));
        let reversed: Vec<(f64, bool)> = scores.iter().copied().zip(labels).rev().collect();
        let (scores, labels): (Vec<f64>, Vec<bool>) = reversed.into_iter().unzip();
        prop_assert_eq!(ranking, Ranking::new(&scores, &labels).unwrap());
    }
}
