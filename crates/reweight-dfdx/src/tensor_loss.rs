//! The short form: a loss called on logits and targets.

use dfdx::prelude::{Rank0, ReduceShapeTo, Shape, Storage, Tape, Tensor, Unit};
use dfdx::shapes::Axis;
use reweight::{BceLoss, LossSummary, SampleWeighter, SoftmaxLoss};
use reweight_ndarray::{BceTarget, ClassIndex};

use crate::bce::BceBatch;
use crate::device::{BceDevice, Element, SoftmaxDevice};
use crate::error::TensorLossError;
use crate::softmax::SoftmaxBatch;

/// A loss that takes logits with or without a tape, and targets.
///
/// [`BceLoss`] takes targets of the logits' shape, [`SoftmaxLoss`] one class index a row. With a tape a call is a
/// training step, which the weighter observes; without one it is an evaluation, which leaves the loss as it was.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use dfdx::prelude::*;
/// use reweight_dfdx::prelude::*;
/// use reweight_dfdx::reweight::{AlphaBalance, Focal};
///
/// let dev = Cpu::default();
/// let logits = dev.tensor([1.5_f32, -0.3, 4.0]);
/// let targets = dev.tensor([1_u8, 0, 0]);
///
/// let mut loss = BceLoss::new((AlphaBalance::binary(0.25)?, Focal::new(2.0)?));
/// let on_tape = loss.forward(logits.leaky_trace(), &targets)?;
/// let gradients = (on_tape * 2.0).backward();
/// assert!(gradients.get(&logits).array()[2] > 0.0);
/// # Ok(())
/// # }
/// ```
///
/// An error leaves the weighter as it was and records nothing. The tape goes with the logits, as everywhere in dfdx:
/// where gradients of earlier batches hang on it, ask [`BceBatch::statistics`] or [`SoftmaxBatch::statistics`] first
/// whether a batch that may be bad is in order.
pub trait TensorLoss<Logits, Targets> {
    /// A scalar with the logits' tape.
    type Scalar;
    /// A tensor of the targets' shape with the logits' tape.
    type Losses;

    /// The reduced loss, in nats, on the tape.
    ///
    /// # Errors
    ///
    /// Where the batch is not in order, the reduction is [`None`](reweight::Reduction::None), or the device fails.
    fn forward(&mut self, logits: Logits, targets: &Targets) -> Result<Self::Scalar, TensorLossError>;

    /// Every sample's weighted loss on the tape, before any reduction.
    ///
    /// # Errors
    ///
    /// As [`forward`](Self::forward), but every reduction will do.
    fn forward_each(&mut self, logits: Logits, targets: &Targets) -> Result<Self::Losses, TensorLossError>;

    /// The loss for evaluation, with counts and weight sum. A tape is ignored.
    ///
    /// # Errors
    ///
    /// As [`forward`](Self::forward), but every reduction will do.
    fn value(&self, logits: &Logits, targets: &Targets) -> Result<LossSummary, TensorLossError>;
}

impl<W, S, E, Y, D, T> TensorLoss<Tensor<S, E, D, T>, Tensor<S, Y, D>> for BceLoss<W>
where
    W: SampleWeighter,
    S: Shape,
    E: Element,
    Y: BceTarget + Unit,
    D: BceDevice<E> + Storage<Y>,
    T: Tape<E, D>,
{
    type Scalar = Tensor<Rank0, E, D, T>;
    type Losses = Tensor<S, E, D, T>;

    fn forward(
        &mut self,
        logits: Tensor<S, E, D, T>,
        targets: &Tensor<S, Y, D>,
    ) -> Result<Self::Scalar, TensorLossError> {
        BceBatch::new(logits, targets).forward(self)
    }

    fn forward_each(
        &mut self,
        logits: Tensor<S, E, D, T>,
        targets: &Tensor<S, Y, D>,
    ) -> Result<Self::Losses, TensorLossError> {
        Ok(BceBatch::new(logits, targets).each(self)?.losses)
    }

    fn value(&self, logits: &Tensor<S, E, D, T>, targets: &Tensor<S, Y, D>) -> Result<LossSummary, TensorLossError> {
        BceBatch::new(logits.retaped::<T>(), targets).value(self)
    }
}

impl<W, S, L, E, Y, D, T> TensorLoss<Tensor<S, E, D, T>, Tensor<L, Y, D>> for SoftmaxLoss<W>
where
    W: SampleWeighter,
    S: Shape + ReduceShapeTo<L, Axis<1>>,
    L: Shape,
    E: Element,
    Y: ClassIndex + Unit,
    D: SoftmaxDevice<E> + Storage<Y>,
    T: Tape<E, D>,
{
    type Scalar = Tensor<Rank0, E, D, T>;
    type Losses = Tensor<L, E, D, T>;

    fn forward(
        &mut self,
        logits: Tensor<S, E, D, T>,
        targets: &Tensor<L, Y, D>,
    ) -> Result<Self::Scalar, TensorLossError> {
        SoftmaxBatch::new(logits, targets).forward(self)
    }

    fn forward_each(
        &mut self,
        logits: Tensor<S, E, D, T>,
        targets: &Tensor<L, Y, D>,
    ) -> Result<Self::Losses, TensorLossError> {
        Ok(SoftmaxBatch::new(logits, targets).each(self)?.losses)
    }

    fn value(&self, logits: &Tensor<S, E, D, T>, targets: &Tensor<L, Y, D>) -> Result<LossSummary, TensorLossError> {
        SoftmaxBatch::new(logits.retaped::<T>(), targets).value(self)
    }
}
