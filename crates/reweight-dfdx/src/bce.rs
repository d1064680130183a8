//! Binary cross entropy on a tensor of any shape.

use dfdx::prelude::{NoneTape, PutTape, Rank0, Shape, SplitTape, Storage, Tape, Tensor, Unit};
use reweight::{BatchStatistics, BceLoss, HessianForm, LossSummary, Reduction, SampleWeighter};
use reweight_ndarray::BceTarget;

use crate::device::{BceDevice, Element};
use crate::error::TensorLossError;
use crate::outcome::{Each, Reduced, SecondOrder};
use crate::tape::{record, scalar};

/// A batch for [`BceLoss`]: logits and targets of the same shape `S`.
///
/// Targets are of type `Y`: `bool` or an integer, 0 or 1, or a float in [0, 1], which may be soft. The other parameters
/// are dfdx's own: the logits' number type `E`, the device `D` and the tape `T`. The short form, without mask and
/// weights, is [`TensorLoss::forward`](crate::TensorLoss::forward).
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use dfdx::prelude::*;
/// use reweight_dfdx::BceBatch;
/// use reweight_dfdx::prelude::*;
/// use reweight_dfdx::reweight::Focal;
///
/// let dev = Cpu::default();
/// let logits = dev.tensor([[2.0_f32, -1.0], [0.5, f32::NAN]]);
/// let targets = dev.tensor([[true, false], [false, false]]);
/// let valid = dev.tensor([[true, true], [true, false]]);
///
/// let mut loss = BceLoss::new(Focal::new(2.0)?);
/// let step = BceBatch::new(logits.leaky_trace(), &targets).valid(&valid).reduced(&mut loss)?;
/// assert_eq!(step.summary.valid, 3);
/// let gradients = step.loss.backward();
/// assert_eq!(gradients.get(&logits).array()[1][1], 0.0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct BceBatch<'a, S, E, Y, D, T = NoneTape>
where
    S: Shape,
    D: Storage<E> + Storage<Y> + Storage<bool>,
{
    pub(crate) logits: Tensor<S, E, D, T>,
    pub(crate) targets: &'a Tensor<S, Y, D>,
    pub(crate) valid: Option<&'a Tensor<S, bool, D>>,
    pub(crate) sample_weight: Option<&'a Tensor<S, E, D>>,
}

impl<'a, S, E, Y, D, T> BceBatch<'a, S, E, Y, D, T>
where
    S: Shape,
    E: Element,
    Y: BceTarget + Unit,
    D: BceDevice<E> + Storage<Y>,
    T: Tape<E, D>,
{
    /// A batch in which every element counts once.
    pub fn new(logits: Tensor<S, E, D, T>, targets: &'a Tensor<S, Y, D>) -> Self {
        Self { logits, targets, valid: None, sample_weight: None }
    }

    /// Only elements where `mask` is true count; the others may hold anything.
    #[must_use]
    pub fn valid(mut self, mask: &'a Tensor<S, bool, D>) -> Self {
        self.valid = Some(mask);
        self
    }

    /// Multiplies each element's weight and loss by a factor, finite and at least 0.
    #[must_use]
    pub fn sample_weight(mut self, factors: &'a Tensor<S, E, D>) -> Self {
        self.sample_weight = Some(factors);
        self
    }

    /// The logits' tensor as a device sees it, and its tape.
    fn split(self) -> (BceBatch<'a, S, E, Y, D>, T) {
        let (logits, tape) = self.logits.split_tape();
        (BceBatch { logits, targets: self.targets, valid: self.valid, sample_weight: self.sample_weight }, tape)
    }

    fn untaped(&self) -> BceBatch<'a, S, E, Y, D> {
        BceBatch {
            logits: self.logits.retaped(),
            targets: self.targets,
            valid: self.valid,
            sample_weight: self.sample_weight,
        }
    }

    /// The scalar on the tape: [`reduced`](Self::reduced) without the summary.
    ///
    /// # Errors
    ///
    /// As [`reduced`](Self::reduced).
    pub fn forward<W: SampleWeighter>(self, loss: &mut BceLoss<W>) -> Result<Tensor<Rank0, E, D, T>, TensorLossError> {
        Ok(self.reduced(loss)?.loss)
    }

    /// The reduced loss on the tape.
    ///
    /// With a tape this is a training step, which the weighter observes. Without one it is an evaluation: no gradient
    /// is computed, and the loss's state stays as it is.
    ///
    /// # Errors
    ///
    /// With [`Reduction::None`]; where shapes differ, a logit is not finite, a target or sample weight is outside its
    /// range, the weighter has another number of classes than 2, or the device fails. The weighter is then as it was,
    /// and nothing is recorded; the tape, which came with the logits, goes with them.
    pub fn reduced<W: SampleWeighter>(self, loss: &mut BceLoss<W>) -> Result<Reduced<E, D, T>, TensorLossError> {
        if loss.reduction() == Reduction::None {
            return Err(TensorLossError::NotReduced);
        }
        let (batch, tape) = self.split();
        if !T::OWNS_TAPE {
            let summary = D::bce_value(&batch, loss)?;
            return Ok(Reduced { loss: batch.scalar(&summary)?.put_tape(tape), summary });
        }
        // A copy takes the step that changes the weighter: the device may have no memory for the scalar after it.
        let mut taken = loss.weighter().observes().then(|| loss.clone());
        let (summary, gradient) = D::bce_step(&batch, taken.as_mut().unwrap_or(&mut *loss))?;
        let value = batch.scalar(&summary)?;
        if let Some(taken) = taken {
            *loss = taken;
        }
        Ok(Reduced { loss: record(value, &batch.logits, tape, gradient), summary })
    }

    /// Every element's loss on the tape, before any reduction, and its weight.
    ///
    /// Training step or evaluation as with [`reduced`](Self::reduced).
    ///
    /// # Errors
    ///
    /// As [`reduced`](Self::reduced), but every reduction will do.
    pub fn each<W: SampleWeighter>(self, loss: &mut BceLoss<W>) -> Result<Each<S, E, D, T>, TensorLossError> {
        let (batch, tape) = self.split();
        let each = if T::OWNS_TAPE { D::bce_each(&batch, loss)? } else { D::bce_each(&batch, &mut loss.clone())? };
        let losses = record(each.losses, &batch.logits, tape, each.gradient);
        Ok(Each { losses, weights: each.weights, summary: each.summary })
    }

    /// The first of the three steps statistics, [`observe`](BceLoss::observe), [`weigh`](Self::weigh), for those who
    /// gather one step's statistics in parts. It also tells whether the batch is in order.
    ///
    /// # Errors
    ///
    /// As [`reduced`](Self::reduced).
    pub fn statistics<W: SampleWeighter>(&self, loss: &BceLoss<W>) -> Result<BatchStatistics, TensorLossError> {
        D::bce_statistics(&self.untaped(), loss)
    }

    /// The third step: the scalar on the tape, from the weighter's state as it is.
    ///
    /// The reduction's denominator is that of this batch; with micro-batches, use a divisor.
    ///
    /// # Errors
    ///
    /// As [`reduced`](Self::reduced).
    pub fn weigh<W: SampleWeighter>(self, loss: &BceLoss<W>) -> Result<Reduced<E, D, T>, TensorLossError> {
        if loss.reduction() == Reduction::None {
            return Err(TensorLossError::NotReduced);
        }
        let (batch, tape) = self.split();
        let (summary, gradient) = D::bce_weigh(&batch, loss)?;
        let value = batch.scalar(&summary)?;
        Ok(Reduced { loss: record(value, &batch.logits, tape, gradient), summary })
    }

    /// The loss for evaluation, tape or not: the state stays as it is, and nothing is recorded.
    ///
    /// # Errors
    ///
    /// As [`reduced`](Self::reduced), but every reduction will do.
    pub fn value<W: SampleWeighter>(&self, loss: &BceLoss<W>) -> Result<LossSummary, TensorLossError> {
        D::bce_value(&self.untaped(), loss)
    }

    /// A training step with gradient and second derivatives in that form, for what steps by both; nothing is recorded.
    ///
    /// # Errors
    ///
    /// As [`reduced`](Self::reduced), but every reduction will do; [`LossError::Hessian`](reweight::LossError::Hessian) where the
    /// loss has none of that form, and on CUDA.
    pub fn second_order<W: SampleWeighter>(
        &self,
        loss: &mut BceLoss<W>,
        form: HessianForm,
    ) -> Result<SecondOrder<S, E, D>, TensorLossError> {
        D::bce_second_order(&self.untaped(), loss, form)
    }

    fn scalar(&self, summary: &LossSummary) -> Result<Tensor<Rank0, E, D>, TensorLossError> {
        scalar(self.logits.device(), summary)
    }
}
