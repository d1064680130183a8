//! Precision over recall: the mean of all folds and seeds, and where the middle of them lies.

use std::ops::Range;

use reweight_lab::metrics::Ranking;
use serde::Serialize;

use super::{Folds, all_rounded, means, quantile, rounded};

/// Recalls at which curves are read.
const POINTS: usize = 50;

/// Precision at every fiftieth of recall.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Precision {
    /// Recalls, ascending.
    pub recall: Vec<f64>,
    /// One a strategy.
    pub strategies: Vec<StrategyPrecision>,
}

/// A strategy's precision, of the rare class against all others.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StrategyPrecision {
    /// The mean over folds and seeds.
    pub mean: Vec<f64>,
    /// A tenth of the folds lies below.
    pub low: Vec<f64>,
    /// A tenth of the folds lies above.
    pub high: Vec<f64>,
}

impl Precision {
    pub(super) fn new(folds: &Folds<'_>, strategies: Range<usize>) -> Self {
        let recall: Vec<f64> = (1..=POINTS).map(|point| point as f64 / POINTS as f64).collect();
        let curves = |strategy: usize| -> Vec<Vec<f64>> {
            let curve = |run| {
                let ranking = Ranking::new(&folds.scores(run), &folds.is_rare(run));
                ranking.map_or_else(|_| vec![f64::NAN; POINTS], |ranking| ranking.precisions_at(&recall))
            };
            folds.runs(strategy).map(curve).collect()
        };
        let of = |strategy: usize| {
            let curves = curves(strategy);
            let at = |share: f64| {
                let value = |place: usize| {
                    let mut values: Vec<f64> = curves.iter().map(|curve| curve[place]).collect();
                    values.sort_unstable_by(f64::total_cmp);
                    rounded(quantile(&values, share))
                };
                (0..POINTS).map(value).collect()
            };
            let mean = all_rounded(means(curves.iter().map(Vec::as_slice)));
            StrategyPrecision { mean, low: at(0.1), high: at(0.9) }
        };
        let strategies = strategies.map(of).collect();
        Self { recall, strategies }
    }
}
