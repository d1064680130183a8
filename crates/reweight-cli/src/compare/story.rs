//! The figures behind a report's charts: computed of the finished folds, written to the JSON, drawn by the report.
//!
//! All of them are rounded to five significant digits here, so that the JSON and the charts hold the very same numbers. What
//! cannot be computed is NaN, which JSON writes as `null` and a chart leaves out.

mod calibration;
mod epochs;
mod gradient;
mod precision;
mod scores;

use rayon::prelude::*;
use reweight_lab::problem::Problem;
use serde::Serialize;

use super::comparison::Comparison;
use super::run::Run;
use super::trace::{log_odds, rare_and_common};
pub use calibration::{Calibrated, Calibration, StrategyCalibration};
pub use epochs::{Epochs, StrategyEpochs};
pub use gradient::{ClassShare, Gradient, StrategyGradient};
pub use precision::{Precision, StrategyPrecision};
pub use scores::{Scores, StrategyScores};

/// The figures of a report. Lists of strategies are in the settings' order.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Story {
    /// The label whose scores and ranks are shown: the positive one, or the rarest.
    pub rare: String,
    /// The label that stands for the others where one class is shown: the most frequent one; or, of two, the rest.
    pub common: String,
    /// How scores are distributed.
    pub scores: Scores,
    /// Precision over recall.
    pub precision: Precision,
    /// Loss and metric over the epochs.
    pub epochs: Epochs,
    /// Who owns the gradient.
    pub gradient: Gradient,
    /// How far probabilities can be trusted.
    pub calibration: Calibration,
}

impl Story {
    /// The figures of the finished folds; none without any, or where the runs were not traced.
    #[must_use]
    pub fn new(comparison: &Comparison, problem: &Problem) -> Option<Self> {
        let folds = Folds::new(comparison, problem)?;
        let strategies = 0..comparison.settings.strategies.len();
        let [rare, common] = rare_and_common(problem);
        let name = |class: usize| match &problem.binary {
            Some(binary) if class == 1 => binary.positive.clone(),
            Some(_) => "the rest".to_owned(),
            None => problem.table.target.labels[class].clone(),
        };
        Some(Self {
            rare: name(rare),
            common: name(common),
            scores: Scores::new(&folds, strategies.clone()),
            precision: Precision::new(&folds, strategies.clone()),
            epochs: Epochs::new(&folds, strategies.clone(), comparison),
            gradient: Gradient::new(&folds, strategies.clone(), comparison),
            calibration: Calibration {
                strategies: strategies.into_par_iter().map(|s| calibration::of(&folds, s)).collect(),
            },
        })
    }
}

/// The finished folds, and what their rows are.
struct Folds<'a> {
    problem: &'a Problem,
    classes: Vec<usize>,
    /// The class whose scores are shown.
    rare: usize,
    /// By seed and fold; of each, the runs of all strategies.
    folds: Vec<&'a [Run]>,
}

impl<'a> Folds<'a> {
    fn new(comparison: &'a Comparison, problem: &'a Problem) -> Option<Self> {
        let folds = comparison.whole_folds();
        let traced = folds.iter().flat_map(|fold| fold.iter()).all(|run| run.trace.is_some());
        let [rare, _] = rare_and_common(problem);
        (!folds.is_empty() && traced).then(|| Self { problem, classes: problem.classes(), rare, folds })
    }

    fn runs(&self, strategy: usize) -> impl Iterator<Item = &'a Run> {
        self.folds.iter().map(move |fold| &fold[strategy])
    }

    /// The rare class's log odds, of each of a run's rows: the logit itself, where there is one.
    fn scores(&self, run: &Run) -> Vec<f64> {
        if self.problem.binary.is_some() {
            return run.logits.iter().map(|&logit| f64::from(logit)).collect();
        }
        run.logits.chunks_exact(self.problem.outputs()).map(|row| log_odds(row, self.rare)).collect()
    }

    /// Whether each of a run's rows is of the rare class.
    fn is_rare(&self, run: &Run) -> Vec<bool> {
        run.test.iter().map(|&row| self.classes[row] == self.rare).collect()
    }
}

/// Five significant digits.
fn rounded(value: f64) -> f64 {
    if !value.is_finite() {
        return f64::NAN;
    }
    format!("{value:.4e}").parse().unwrap_or(value)
}

fn all_rounded(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    values.into_iter().map(rounded).collect()
}

/// The mean of each place over equally long lists; NaN where one is.
fn means<'v>(lists: impl Iterator<Item = &'v [f64]>) -> Vec<f64> {
    let lists: Vec<&[f64]> = lists.collect();
    let length = lists.iter().map(|list| list.len()).min().unwrap_or(0);
    (0..length).map(|place| lists.iter().map(|list| list[place]).sum::<f64>() / lists.len() as f64).collect()
}

/// The value that a share of `sorted` lies below, linear between neighbours; NaN of none.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let position = share.clamp(0.0, 1.0) * last as f64;
    let (low, high) = (sorted[position.floor() as usize], sorted[position.ceil() as usize]);
    low + (high - low) * position.fract()
}

#[cfg(test)]
mod tests;
