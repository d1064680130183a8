//! What the losses return.

use ndarray::{Array, ArrayViewMut, Dimension};
use reweight::{HessianForm, LossSummary};

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

/// Where a step's outputs go, in the caller's memory and of any layout; their contents are replaced. What is left out is not computed.
///
/// `D` is the logits' dimension, `E` that of what there is one of an element (BCE) or row (softmax).
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use ndarray::{Array1, array};
/// use reweight::{BceLoss, Focal, Reduction};
/// use reweight_ndarray::{BceBatch, Buffers};
///
/// let mut loss = BceLoss::new(Focal::new(2.0)?).with_reduction(Reduction::None)?;
/// let (logits, targets) = (array![0.0_f32, 2.0], array![1_u8, 0]);
/// let (mut grad, mut losses) = (Array1::zeros(2), Array1::zeros(2));
/// let buffers = Buffers { grad: Some(grad.view_mut()), losses: Some(losses.view_mut()), ..Buffers::none() };
/// let summary = BceBatch::new(&logits, &targets).train_into(&mut loss, buffers)?;
/// assert_eq!(summary.loss, None);
/// assert!((losses[0] - 0.25 * 2.0_f32.ln()).abs() < 1e-6);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Buffers<'a, A, D: Dimension, E: Dimension> {
    /// dL/dx, in the shape of the logits.
    pub grad: Option<ArrayViewMut<'a, A, D>>,
    /// d²L/dx² (softmax: the diagonal) in that form, in the shape of the logits.
    pub hessian: Option<(ArrayViewMut<'a, A, D>, HessianForm)>,
    /// The weight of each, sample weight included; 0 where not valid.
    pub weights: Option<ArrayViewMut<'a, A, E>>,
    /// The weighted loss of each, before the reduction; 0 where not valid.
    pub losses: Option<ArrayViewMut<'a, A, E>>,
}

impl<A, D: Dimension, E: Dimension> Buffers<'_, A, D, E> {
    /// None of them.
    pub fn none() -> Self {
        Self { grad: None, hessian: None, weights: None, losses: None }
    }
}
