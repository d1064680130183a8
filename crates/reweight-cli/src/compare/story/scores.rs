//! How the scores of both classes are distributed, and how low the lowest positives lie.

use std::ops::Range;

use reweight_lab::metrics::Ranking;
use serde::Serialize;

use super::{Folds, all_rounded, quantile, rounded};

/// Bins of a distribution.
const BINS: usize = 48;

/// Where the tail is read: shares of the positives, from the lowest score.
const TAIL: usize = 26;

/// Distributions over the rows that networks were not trained on; all folds and seeds together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scores {
    /// Middles of the bins, log odds. The outer two hold what lies beyond, too.
    pub bins: Vec<f64>,
    /// Shares of the positives, from the one scored lowest, at which the tails are read.
    pub tail: Vec<f64>,
    /// One a strategy.
    pub strategies: Vec<StrategyScores>,
}

/// A strategy's distributions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StrategyScores {
    /// The share of the positives in each bin.
    pub positives: Vec<f64>,
    /// The share of the negatives in each bin.
    pub negatives: Vec<f64>,
    /// A quarter, half and three quarters of the positives lie below these log odds.
    pub positive_quartiles: [f64; 3],
    /// The same of the negatives.
    pub negative_quartiles: [f64; 3],
    /// The log odds that each share of [`Scores::tail`] of the positives lies below.
    pub lowest: Vec<f64>,
    /// The share of the negatives of its fold that scores above the positive at each share of [`Scores::tail`], the hardest
    /// first: those of all folds together, in order.
    pub above_hardest: Vec<f64>,
}

impl Scores {
    pub(super) fn new(folds: &Folds<'_>, strategies: Range<usize>) -> Self {
        let pooled: Vec<Pooled> = strategies.map(|strategy| Pooled::new(folds, strategy)).collect();
        // One run far off would squeeze all others into a few bins.
        let ends = |share: f64| {
            let ends = pooled.iter().map(move |one| [quantile(&one.positives, share), quantile(&one.negatives, share)]);
            ends.flatten()
        };
        let low = ends(0.01).fold(f64::INFINITY, f64::min);
        let high = ends(0.99).fold(f64::NEG_INFINITY, f64::max);
        let (low, high) = if high > low { (low, high) } else { (low - 1.0, low + 1.0) };
        let width = (high - low) / BINS as f64;
        let tail: Vec<f64> = (0..TAIL).map(|place| place as f64 / 100.0).collect();
        let shares = |sorted: &[f64]| {
            let mut counts = vec![0.0; BINS];
            sorted.iter().for_each(|score| counts[(((score - low) / width).max(0.0) as usize).min(BINS - 1)] += 1.0);
            all_rounded(counts.into_iter().map(|count| count / sorted.len() as f64))
        };
        let strategies = pooled.iter().map(|one| StrategyScores {
            positives: shares(&one.positives),
            negatives: shares(&one.negatives),
            positive_quartiles: [0.25, 0.5, 0.75].map(|share| rounded(quantile(&one.positives, share))),
            negative_quartiles: [0.25, 0.5, 0.75].map(|share| rounded(quantile(&one.negatives, share))),
            lowest: all_rounded(tail.iter().map(|&share| quantile(&one.positives, share))),
            above_hardest: all_rounded(tail.iter().map(|&share| quantile(&one.above, 1.0 - share))),
        });
        Self {
            bins: (0..BINS).map(|bin| rounded(low + (bin as f64 + 0.5) * width)).collect(),
            strategies: strategies.collect(),
            tail,
        }
    }
}

/// A strategy's scores over all folds and seeds, ascending.
struct Pooled {
    positives: Vec<f64>,
    negatives: Vec<f64>,
    /// Of each positive, the share of its fold's negatives that score above it.
    above: Vec<f64>,
}

impl Pooled {
    fn new(folds: &Folds<'_>, strategy: usize) -> Self {
        let (mut positives, mut negatives, mut above) = (Vec::new(), Vec::new(), Vec::new());
        for run in folds.runs(strategy) {
            let (scores, is_rare) = (folds.scores(run), folds.is_rare(run));
            // A run whose scores cannot be ranked was refused before.
            above.extend(Ranking::new(&scores, &is_rare).iter().flat_map(Ranking::negatives_above_positives));
            let to = |rare: &bool| *rare;
            positives.extend(scores.iter().zip(&is_rare).filter(|(_, rare)| to(rare)).map(|(score, _)| score));
            negatives.extend(scores.iter().zip(&is_rare).filter(|(_, rare)| !to(rare)).map(|(score, _)| score));
        }
        for list in [&mut positives, &mut negatives, &mut above] {
            list.sort_unstable_by(f64::total_cmp);
        }
        Self { positives, negatives, above }
    }
}
