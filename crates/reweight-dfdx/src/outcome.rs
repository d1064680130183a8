//! What the losses return beside a bare scalar.

use dfdx::prelude::{NoneTape, Rank0, Shape, Storage, Tensor};
use reweight::LossSummary;

/// A reduced loss on the tape, and what is known of its batch.
#[derive(Clone, Debug)]
pub struct Reduced<E, D: Storage<E>, T = NoneTape> {
    /// The scalar, in nats; carries the logits' tape.
    pub loss: Tensor<Rank0, E, D, T>,
    /// The same in `f64`, with counts and weight sum.
    pub summary: LossSummary,
}

/// Every sample's loss on the tape: of shape `S`, that of the targets.
#[derive(Clone, Debug)]
pub struct Each<S: Shape, E, D: Storage<E>, T = NoneTape> {
    /// w·ce of each element (BCE) or row (softmax), not divided by any denominator; 0 where not valid. Carries the
    /// logits' tape.
    pub losses: Tensor<S, E, D, T>,
    /// w of each, sample weight included; 0 where not valid.
    pub weights: Tensor<S, E, D>,
    /// Counts, weight sum, and the loss as the loss's own reduction gives it.
    pub summary: LossSummary,
}

/// A training step's first and second derivatives; nothing of it is on a tape.
#[derive(Clone, Debug)]
pub struct SecondOrder<S: Shape, E, D: Storage<E>> {
    /// Counts, weight sum and the reduced loss.
    pub summary: LossSummary,
    /// dL/dx.
    pub grad: Tensor<S, E, D>,
    /// d²L/dx²: of each element (BCE), or the diagonal (softmax).
    pub hessian: Tensor<S, E, D>,
}
