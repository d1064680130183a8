//! How the training went: the loss, and a metric on rows that are not trained on, over the epochs.

use std::ops::Range;

use reweight_lab::problem::Figure;
use serde::Serialize;

use super::{Folds, all_rounded, means};
use crate::compare::comparison::Comparison;
use crate::compare::trace;

/// Loss and metric, means over folds and seeds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Epochs {
    /// The epochs, from 1: all, or about a hundred of them.
    pub epochs: Vec<u32>,
    /// The metric on the fold's test rows.
    pub metric: Figure,
    /// One a strategy.
    pub strategies: Vec<StrategyEpochs>,
}

/// A strategy's way over the epochs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StrategyEpochs {
    /// The strategy's own training loss as a share of its first epoch's: losses of different strategies have different sizes.
    pub loss: Vec<f64>,
    /// The metric.
    pub metric: Vec<f64>,
}

impl Epochs {
    pub(super) fn new(folds: &Folds<'_>, strategies: Range<usize>, comparison: &Comparison) -> Self {
        let epochs = trace::epochs(comparison.settings.training.epochs);
        let of = |strategy: usize| {
            let losses = folds.runs(strategy).map(|run| run.epoch_losses.as_slice());
            let losses = means(losses);
            let loss = |&epoch: &u32| losses.get(epoch as usize - 1).map_or(f64::NAN, |loss| loss / losses[0]);
            let metrics = folds.runs(strategy).filter_map(|run| Some(run.trace.as_ref()?.metric.as_slice()));
            StrategyEpochs { loss: all_rounded(epochs.iter().map(loss)), metric: all_rounded(means(metrics)) }
        };
        let strategies = strategies.map(of).collect();
        Self { epochs, metric: trace::metric(folds.problem), strategies }
    }
}
