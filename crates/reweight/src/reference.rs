//! Plain `f64` loops, one sample after the other, readable as the papers: what every backend is compared with.
//!
//! Nothing here is fast. Nothing here is shared with a backend, but the formulas themselves.

mod bce;
mod density;
mod softmax;

pub use bce::{BceBatch, BceTargets};
pub use density::gradient_density;
pub use softmax::SoftmaxBatch;

use crate::error::LossError;
use crate::loss::{LossSummary, Weighting};
use crate::reduction::Totals;
use crate::statistics::BatchStatistics;
use crate::weighter::SampleWeighter;

/// All that a loss gives for one batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Loss, counts and weight sum.
    pub summary: LossSummary,
    /// dL/dx, in the order of the logits.
    pub grad: Vec<f64>,
    /// w per element (BCE) or row (softmax), sample weight included; 0 where not valid.
    pub weights: Vec<f64>,
    /// w·ce per element or row before the reduction; 0 where not valid.
    pub losses: Vec<f64>,
}

/// The sums of losses and weights.
fn totals(losses: &[f64], weights: &[f64], counts: &BatchStatistics) -> Totals {
    Totals {
        loss_sum: losses.iter().sum(),
        weight_sum: weights.iter().sum(),
        valid: counts.valid,
        positives: counts.positives,
    }
}

/// Reduces: one summary, and the gradient by the same factor.
fn reduce<W: SampleWeighter>(
    weighting: &Weighting<W>,
    counts: &BatchStatistics,
    mut grad: Vec<f64>,
    weights: Vec<f64>,
    losses: Vec<f64>,
) -> Outcome {
    let totals = totals(&losses, &weights, counts);
    let factor = weighting.reduction().factor(&totals);
    grad.iter_mut().for_each(|slope| *slope *= factor);
    Outcome { summary: weighting.summary(&totals), grad, weights, losses }
}

/// Checks one sample's weight.
fn check_sample_weight(weights: Option<&[f64]>, index: usize) -> Result<(), LossError> {
    match weights.map(|weights| weights[index]) {
        Some(weight) if !(weight.is_finite() && weight >= 0.0) => Err(LossError::SampleWeight { index, weight }),
        _ => Ok(()),
    }
}

/// A formula's results must be numbers: weight, loss and slope of one sample.
fn check_finite<W: SampleWeighter>(
    index: usize,
    results: &[f64; 3],
    margin: f64,
    weighting: &Weighting<W>,
) -> Result<(), LossError> {
    match results.iter().position(|result| !result.is_finite()) {
        None => Ok(()),
        Some(at) => Err(weighting.not_finite(at, index, results[at], margin)),
    }
}

fn check_length(name: &'static str, found: usize, expected: usize) -> Result<(), LossError> {
    if found == expected {
        Ok(())
    } else {
        Err(LossError::Shape { name, expected: vec![expected], found: vec![found] })
    }
}
