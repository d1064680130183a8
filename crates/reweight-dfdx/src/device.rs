//! The seam between tape and device: what a device computes, so that the losses work on it.
//!
//! Everything about tapes is outside of it, and nothing here knows a weighter. `cpu` implements it for
//! [`Cpu`](dfdx::tensor::Cpu); another device is another file like that one.

use dfdx::prelude::{Dtype, HasErr, ReduceShapeTo, Shape, Storage, Tensor, TensorFromVec, Unit};
use dfdx::shapes::Axis;
use reweight::{BatchStatistics, BceLoss, HessianForm, LossSummary, SampleWeighter, SoftmaxLoss};
use reweight_ndarray::{BceTarget, ClassIndex, Float};

use crate::bce::BceBatch;
use crate::error::TensorLossError;
use crate::outcome::SecondOrder;
use crate::softmax::SoftmaxBatch;

/// A number that logits, losses and gradients are made of: `f32` or `f64`.
pub trait Element: Dtype + Float {
    /// The nearest number.
    fn nearest(value: f64) -> Self;
}

impl Element for f32 {
    fn nearest(value: f64) -> Self {
        value as Self
    }
}

impl Element for f64 {
    fn nearest(value: f64) -> Self {
        value
    }
}

/// A device that can keep a gradient from the forward pass until the backward pass.
pub trait LossDevice<E: Element>:
    Storage<E> + Storage<bool> + TensorFromVec<E> + HasErr<Err: Into<TensorLossError>>
{
    /// dL/dx for L = the scalar, or L = the sum of the per-sample losses.
    type Gradient: 'static;

    /// Adds `gradient` × `incoming` to `into`, the buffer of the logits' gradient.
    ///
    /// `incoming` has one element (the derivative in the scalar) or one a sample; `into` lies in memory as the logits
    /// do.
    ///
    /// # Errors
    ///
    /// Where the device fails.
    fn accumulate(
        gradient: &Self::Gradient,
        incoming: &<Self as Storage<E>>::Vec,
        into: &mut <Self as Storage<E>>::Vec,
    ) -> Result<(), Self::Err>;
}

/// Every sample's loss and weight, with the gradient of the losses' sum.
#[derive(Debug)]
pub struct EachSample<S: Shape, E: Element, D: LossDevice<E>> {
    /// w·ce.
    pub losses: Tensor<S, E, D>,
    /// w.
    pub weights: Tensor<S, E, D>,
    /// Counts, weight sum, and the reduced loss.
    pub summary: LossSummary,
    /// The gradient of the sum of `losses`.
    pub gradient: D::Gradient,
}

/// A device on which [`BceLoss`] runs.
///
/// All six must refuse the same batches, and leave loss and batch as they were where they do.
pub trait BceDevice<E: Element>: LossDevice<E> {
    /// Checks the batch and counts what the weighter asks for.
    ///
    /// # Errors
    ///
    /// Where the batch is not in order, or the device fails.
    fn bce_statistics<S: Shape, Y: BceTarget + Unit, W: SampleWeighter>(
        batch: &BceBatch<'_, S, E, Y, Self>,
        loss: &BceLoss<W>,
    ) -> Result<BatchStatistics, TensorLossError>
    where
        Self: Storage<Y>;

    /// The loss for evaluation; the state stays as it is.
    ///
    /// # Errors
    ///
    /// As [`bce_statistics`](Self::bce_statistics).
    fn bce_value<S: Shape, Y: BceTarget + Unit, W: SampleWeighter>(
        batch: &BceBatch<'_, S, E, Y, Self>,
        loss: &BceLoss<W>,
    ) -> Result<LossSummary, TensorLossError>
    where
        Self: Storage<Y>;

    /// Loss and gradient from the state as it is.
    ///
    /// # Errors
    ///
    /// As [`bce_statistics`](Self::bce_statistics).
    fn bce_weigh<S: Shape, Y: BceTarget + Unit, W: SampleWeighter>(
        batch: &BceBatch<'_, S, E, Y, Self>,
        loss: &BceLoss<W>,
    ) -> Result<(LossSummary, Self::Gradient), TensorLossError>
    where
        Self: Storage<Y>;

    /// A training step: counts, lets the weighter observe, then loss and gradient.
    ///
    /// # Errors
    ///
    /// As [`bce_statistics`](Self::bce_statistics).
    fn bce_step<S: Shape, Y: BceTarget + Unit, W: SampleWeighter>(
        batch: &BceBatch<'_, S, E, Y, Self>,
        loss: &mut BceLoss<W>,
    ) -> Result<(LossSummary, Self::Gradient), TensorLossError>
    where
        Self: Storage<Y>;

    /// A training step with every sample's loss and weight, whatever the reduction.
    ///
    /// # Errors
    ///
    /// As [`bce_statistics`](Self::bce_statistics).
    fn bce_each<S: Shape, Y: BceTarget + Unit, W: SampleWeighter>(
        batch: &BceBatch<'_, S, E, Y, Self>,
        loss: &mut BceLoss<W>,
    ) -> Result<EachSample<S, E, Self>, TensorLossError>
    where
        Self: Storage<Y>;

    /// A training step with gradient and second derivatives in that form.
    ///
    /// # Errors
    ///
    /// As [`bce_statistics`](Self::bce_statistics), or [`LossError::Hessian`](reweight::LossError::Hessian) where loss or device
    /// have none of that form.
    fn bce_second_order<S: Shape, Y: BceTarget + Unit, W: SampleWeighter>(
        batch: &BceBatch<'_, S, E, Y, Self>,
        loss: &mut BceLoss<W>,
        form: HessianForm,
    ) -> Result<SecondOrder<S, E, Self>, TensorLossError>
    where
        Self: Storage<Y>;
}

/// A device on which [`SoftmaxLoss`] runs.
///
/// The six methods are those of [`BceDevice`], for logits of shape `S` and labels of shape `L`, which is `S` without
/// its second axis.
pub trait SoftmaxDevice<E: Element>: LossDevice<E> {
    /// Checks the batch and counts what the weighter asks for.
    ///
    /// # Errors
    ///
    /// Where the batch is not in order, or the device fails.
    fn softmax_statistics<S, L: Shape, Y: ClassIndex + Unit, W: SampleWeighter>(
        batch: &SoftmaxBatch<'_, S, L, E, Y, Self>,
        loss: &SoftmaxLoss<W>,
    ) -> Result<BatchStatistics, TensorLossError>
    where
        S: Shape + ReduceShapeTo<L, Axis<1>>,
        Self: Storage<Y>;

    /// The loss for evaluation; the state stays as it is.
    ///
    /// # Errors
    ///
    /// As [`softmax_statistics`](Self::softmax_statistics).
    fn softmax_value<S, L: Shape, Y: ClassIndex + Unit, W: SampleWeighter>(
        batch: &SoftmaxBatch<'_, S, L, E, Y, Self>,
        loss: &SoftmaxLoss<W>,
    ) -> Result<LossSummary, TensorLossError>
    where
        S: Shape + ReduceShapeTo<L, Axis<1>>,
        Self: Storage<Y>;

    /// Loss and gradient from the state as it is.
    ///
    /// # Errors
    ///
    /// As [`softmax_statistics`](Self::softmax_statistics).
    fn softmax_weigh<S, L: Shape, Y: ClassIndex + Unit, W: SampleWeighter>(
        batch: &SoftmaxBatch<'_, S, L, E, Y, Self>,
        loss: &SoftmaxLoss<W>,
    ) -> Result<(LossSummary, Self::Gradient), TensorLossError>
    where
        S: Shape + ReduceShapeTo<L, Axis<1>>,
        Self: Storage<Y>;

    /// A training step: counts, lets the weighter observe, then loss and gradient.
    ///
    /// # Errors
    ///
    /// As [`softmax_statistics`](Self::softmax_statistics).
    fn softmax_step<S, L: Shape, Y: ClassIndex + Unit, W: SampleWeighter>(
        batch: &SoftmaxBatch<'_, S, L, E, Y, Self>,
        loss: &mut SoftmaxLoss<W>,
    ) -> Result<(LossSummary, Self::Gradient), TensorLossError>
    where
        S: Shape + ReduceShapeTo<L, Axis<1>>,
        Self: Storage<Y>;

    /// A training step with every row's loss and weight, whatever the reduction.
    ///
    /// # Errors
    ///
    /// As [`softmax_statistics`](Self::softmax_statistics).
    fn softmax_each<S, L: Shape, Y: ClassIndex + Unit, W: SampleWeighter>(
        batch: &SoftmaxBatch<'_, S, L, E, Y, Self>,
        loss: &mut SoftmaxLoss<W>,
    ) -> Result<EachSample<L, E, Self>, TensorLossError>
    where
        S: Shape + ReduceShapeTo<L, Axis<1>>,
        Self: Storage<Y>;

    /// A training step with gradient and the second derivatives' diagonal in that form.
    ///
    /// # Errors
    ///
    /// As [`softmax_statistics`](Self::softmax_statistics), or [`LossError::Hessian`](reweight::LossError::Hessian) where loss or
    /// device have none of that form.
    fn softmax_second_order<S, L: Shape, Y: ClassIndex + Unit, W: SampleWeighter>(
        batch: &SoftmaxBatch<'_, S, L, E, Y, Self>,
        loss: &mut SoftmaxLoss<W>,
        form: HessianForm,
    ) -> Result<SecondOrder<S, E, Self>, TensorLossError>
    where
        S: Shape + ReduceShapeTo<L, Axis<1>>,
        Self: Storage<Y>;
}
