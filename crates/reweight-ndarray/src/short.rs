//! The short form: a loss's methods on two arrays, where every element counts once.

use ndarray::{ArrayView, ArrayViewMut, Dimension, RemoveAxis};
use reweight::{BceLoss, LossError, LossSummary, SampleWeighter, SoftmaxLoss};

use crate::bce::BceBatch;
use crate::element::{BceTarget, ClassIndex, Float};
use crate::outcome::LossAndGrad;
use crate::softmax::SoftmaxBatch;

/// [`BceLoss`] on arrays; [`BceBatch`] has the same methods with a mask and sample weights.
pub trait BceArrays {
    /// One training step: the loss and its gradient, in the shape of the logits.
    ///
    /// # Errors
    ///
    /// Where the batch is not in order (see [`BceBatch::statistics`]); the loss is then as it was.
    fn value_and_grad<'a, A: Float + 'a, T: BceTarget + 'a, D: Dimension>(
        &mut self,
        logits: impl Into<ArrayView<'a, A, D>>,
        targets: impl Into<ArrayView<'a, T, D>>,
    ) -> Result<LossAndGrad<A, D>, LossError>;

    /// The same into the caller's gradient.
    ///
    /// # Errors
    ///
    /// As [`value_and_grad`](Self::value_and_grad), or where `grad` has another shape; it is then as it was.
    fn value_and_grad_into<'a, A: Float + 'a, T: BceTarget + 'a, D: Dimension>(
        &mut self,
        logits: impl Into<ArrayView<'a, A, D>>,
        targets: impl Into<ArrayView<'a, T, D>>,
        grad: impl Into<ArrayViewMut<'a, A, D>>,
    ) -> Result<LossSummary, LossError>;

    /// The loss for evaluation; the weighter takes nothing in.
    ///
    /// # Errors
    ///
    /// Where the batch is not in order.
    fn value<'a, A: Float + 'a, T: BceTarget + 'a, D: Dimension>(
        &self,
        logits: impl Into<ArrayView<'a, A, D>>,
        targets: impl Into<ArrayView<'a, T, D>>,
    ) -> Result<LossSummary, LossError>;
}

impl<W: SampleWeighter> BceArrays for BceLoss<W> {
    fn value_and_grad<'a, A: Float + 'a, T: BceTarget + 'a, D: Dimension>(
        &mut self,
        logits: impl Into<ArrayView<'a, A, D>>,
        targets: impl Into<ArrayView<'a, T, D>>,
    ) -> Result<LossAndGrad<A, D>, LossError> {
        BceBatch::new(logits, targets).value_and_grad(self)
    }

    fn value_and_grad_into<'a, A: Float + 'a, T: BceTarget + 'a, D: Dimension>(
        &mut self,
        logits: impl Into<ArrayView<'a, A, D>>,
        targets: impl Into<ArrayView<'a, T, D>>,
        grad: impl Into<ArrayViewMut<'a, A, D>>,
    ) -> Result<LossSummary, LossError> {
        BceBatch::new(logits, targets).value_and_grad_into(self, grad)
    }

    fn value<'a, A: Float + 'a, T: BceTarget + 'a, D: Dimension>(
        &self,
        logits: impl Into<ArrayView<'a, A, D>>,
        targets: impl Into<ArrayView<'a, T, D>>,
    ) -> Result<LossSummary, LossError> {
        BceBatch::new(logits, targets).value(self)
    }
}

/// [`SoftmaxLoss`] on arrays; [`SoftmaxBatch`] has the same methods with a mask and sample weights.
pub trait SoftmaxArrays {
    /// One training step: the loss and its gradient, in the shape of the logits.
    ///
    /// # Errors
    ///
    /// Where the batch is not in order (see [`SoftmaxBatch::statistics`]); the loss is then as it was.
    fn value_and_grad<'a, A: Float + 'a, I: ClassIndex + 'a, D: RemoveAxis>(
        &mut self,
        logits: impl Into<ArrayView<'a, A, D>>,
        targets: impl Into<ArrayView<'a, I, D::Smaller>>,
    ) -> Result<LossAndGrad<A, D>, LossError>;

    /// The same into the caller's gradient.
    ///
    /// # Errors
    ///
    /// As [`value_and_grad`](Self::value_and_grad), or where `grad` has another shape; it is then as it was.
    fn value_and_grad_into<'a, A: Float + 'a, I: ClassIndex + 'a, D: RemoveAxis>(
        &mut self,
        logits: impl Into<ArrayView<'a, A, D>>,
        targets: impl Into<ArrayView<'a, I, D::Smaller>>,
        grad: impl Into<ArrayViewMut<'a, A, D>>,
    ) -> Result<LossSummary, LossError>;

    /// The loss for evaluation; the weighter takes nothing in.
    ///
    /// # Errors
    ///
    /// Where the batch is not in order.
    fn value<'a, A: Float + 'a, I: ClassIndex + 'a, D: RemoveAxis>(
        &self,
        logits: impl Into<ArrayView<'a, A, D>>,
        targets: impl Into<ArrayView<'a, I, D::Smaller>>,
    ) -> Result<LossSummary, LossError>;
}

impl<W: SampleWeighter> SoftmaxArrays for SoftmaxLoss<W> {
    fn value_and_grad<'a, A: Float + 'a, I: ClassIndex + 'a, D: RemoveAxis>(
        &mut self,
        logits: impl Into<ArrayView<'a, A, D>>,
        targets: impl Into<ArrayView<'a, I, D::Smaller>>,
    ) -> Result<LossAndGrad<A, D>, LossError> {
        SoftmaxBatch::new(logits, targets).value_and_grad(self)
    }

    fn value_and_grad_into<'a, A: Float + 'a, I: ClassIndex + 'a, D: RemoveAxis>(
        &mut self,
        logits: impl Into<ArrayView<'a, A, D>>,
        targets: impl Into<ArrayView<'a, I, D::Smaller>>,
        grad: impl Into<ArrayViewMut<'a, A, D>>,
    ) -> Result<LossSummary, LossError> {
        SoftmaxBatch::new(logits, targets).value_and_grad_into(self, grad)
    }

    fn value<'a, A: Float + 'a, I: ClassIndex + 'a, D: RemoveAxis>(
        &self,
        logits: impl Into<ArrayView<'a, A, D>>,
        targets: impl Into<ArrayView<'a, I, D::Smaller>>,
    ) -> Result<LossSummary, LossError> {
        SoftmaxBatch::new(logits, targets).value(self)
    }
}
