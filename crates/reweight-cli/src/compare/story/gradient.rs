//! Who owns the gradient: the samples of each gradient norm, the weights, and the shares before and after re-weighting.

use std::ops::Range;

use serde::Serialize;

use super::{Folds, all_rounded, means};
use crate::compare::comparison::Comparison;
use crate::compare::trace::{self, GradientTrace, REGIONS};

/// Most classes whose shares are listed: the rarest ones.
const MOST_CLASSES: usize = 20;

/// The gradient of the rows that each network was not trained on, by the loss in the state that the training left it in; means
/// over folds and seeds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Gradient {
    /// Middles of the unit regions of the gradient norm g = 1 − p_t.
    pub regions: Vec<f64>,
    /// Gradient norms at which weights are read.
    pub norms: Vec<f64>,
    /// Probabilities of the true class, p_t, at which weights are read.
    pub probabilities: Vec<f64>,
    /// The classes whose shares are listed, rarest first.
    pub classes: Vec<ClassShare>,
    /// One a strategy.
    pub strategies: Vec<StrategyGradient>,
}

/// A class and how frequent it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassShare {
    /// Its label.
    pub label: String,
    /// Its share of the rows.
    pub rows: f64,
}

/// What a strategy does to the gradient of the networks that it trained.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StrategyGradient {
    /// Rows of each region, of all folds together: as many as the table has, where all folds were finished.
    pub samples: Vec<f64>,
    /// Each region's share of the gradient without weights, from 0 to 1.
    pub before: Vec<f64>,
    /// The same with the strategy's weights.
    pub after: Vec<f64>,
    /// Each class's share without weights.
    pub class_before: Vec<f64>,
    /// The same with the strategy's weights.
    pub class_after: Vec<f64>,
    /// The weight of a sample of the rare class over [`Gradient::norms`].
    pub rare_by_norm: Vec<f64>,
    /// The weight of a sample of the common class over the same.
    pub common_by_norm: Vec<f64>,
    /// The weight of a sample of the rare class over [`Gradient::probabilities`].
    pub rare_by_probability: Vec<f64>,
    /// The weight of a sample of the common class over the same.
    pub common_by_probability: Vec<f64>,
}

impl Gradient {
    pub(super) fn new(folds: &Folds<'_>, strategies: Range<usize>, comparison: &Comparison) -> Self {
        let (listed, classes) = classes(folds);
        let count = comparison.settings.training.folds as f64;
        let of = |strategy: usize| {
            let mean = |pick: fn(&GradientTrace) -> &[f64]| {
                let traces = folds.runs(strategy).filter_map(|run| Some(pick(&run.trace.as_ref()?.gradient)));
                all_rounded(means(traces))
            };
            let only = |values: Vec<f64>| listed.iter().map(|&class| values[class]).collect();
            StrategyGradient {
                samples: all_rounded(mean(|trace| &trace.samples).into_iter().map(|rows| rows * count)),
                before: mean(|trace| &trace.before),
                after: mean(|trace| &trace.after),
                class_before: only(mean(|trace| &trace.class_before)),
                class_after: only(mean(|trace| &trace.class_after)),
                rare_by_norm: mean(|trace| &trace.by_norm[0]),
                common_by_norm: mean(|trace| &trace.by_norm[1]),
                rare_by_probability: mean(|trace| &trace.by_probability[0]),
                common_by_probability: mean(|trace| &trace.by_probability[1]),
            }
        };
        let strategies = strategies.map(of).collect();
        let middle = |region| (f64::from(region) + 0.5) / f64::from(REGIONS);
        Self {
            regions: all_rounded((0..REGIONS).map(middle)),
            norms: all_rounded(trace::norms()),
            probabilities: all_rounded(trace::probabilities()),
            classes,
            strategies,
        }
    }
}

/// The classes to list, rarest first, with their shares of the rows.
fn classes(folds: &Folds<'_>) -> (Vec<usize>, Vec<ClassShare>) {
    let problem = folds.problem;
    let rows: Vec<usize> = (0..folds.classes.len()).collect();
    let counts = problem.counts(&rows);
    let mut listed: Vec<usize> = (0..counts.len()).collect();
    listed.sort_by_key(|&class| counts[class]);
    listed.truncate(MOST_CLASSES);
    let label = |class: usize| match &problem.binary {
        Some(binary) if class == 1 => binary.positive.clone(),
        Some(_) => "the rest".to_owned(),
        None => problem.table.target.labels[class].clone(),
    };
    let share = |&class: &usize| {
        let rows = super::rounded(counts[class] as f64 / rows.len() as f64);
        ClassShare { label: label(class), rows }
    };
    let shares = listed.iter().map(share).collect();
    (listed, shares)
}
