//! What the losses return.

use ndarray::{Array, Dimension};
use reweight::LossSummary;

/// A loss and its gradient.
#[derive(Clone, Debug, PartialEq)]
pub struct LossAndGrad<A, D: Dimension> {
    /// The reduced loss, counts and weight sum.
    pub summary: LossSummary,
    /// dL/dx, in the shape of the logits.
    pub grad: Array<A, D>,
}

impl<A, D: Dimension> LossAndGrad<A, D> {
    /// The reduced loss in nats; `None` with [`reweight::Reduction::None`].
    pub fn loss(&self) -> Option<f64> {
        self.summary.loss
    }
}

/// Everything that a training step gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome<A, D: Dimension, E: Dimension> {
    /// The reduced loss, counts and weight sum.
    pub summary: LossSummary,
    /// dL/dx, in the shape of the logits.
    pub grad: Array<A, D>,
    /// The weight of each element (BCE) or row (softmax), sample weight included; 0 where not valid.
    pub weights: Array<A, E>,
    /// The weighted loss of each, before the reduction; 0 where not valid.
    pub losses: Array<A, E>,
}

/// Everything that a training step gives, with second derivatives.
#[derive(Clone, Debug, PartialEq)]
pub struct SecondOrder<A, D: Dimension, E: Dimension> {
    /// Loss, gradient, weights and losses.
    pub outcome: Outcome<A, D, E>,
    /// d²L/dx² of each logit (softmax: the diagonal) in the form asked for, with the gradient's factor; 0 where not valid.
    pub hessian: Array<A, D>,
}
