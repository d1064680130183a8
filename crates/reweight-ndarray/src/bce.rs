//! Binary cross entropy over arrays of any shape and layout.

mod block;
mod buffers;
mod labels;
mod passes;
mod survey;
mod weigh;

use ndarray::{Array, ArrayView, ArrayViewMut, Dimension, ShapeBuilder};
use reweight::{BatchStatistics, BceLoss, HessianForm, LossError, LossSummary, SampleWeighter, Weighting};

use crate::element::{BceTarget, Float};
use crate::outcome::{LossAndGrad, Outcome, SecondOrder};
use crate::parallel;
pub(crate) use block::Checked;
pub(crate) use labels::{Hard, Harden, Soft};
use passes::LookAt;
pub(crate) use survey::{Count, Look, Targets};
pub(crate) use weigh::{Weigh, Weighed};

/// A batch for [`BceLoss`]: logits and targets of the same shape, any number of dimensions, any memory layout.
///
/// Targets are `bool` or integers (0 or 1), or floats in [0, 1], which may be soft.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use ndarray::array;
/// use reweight::{BceLoss, Focal};
/// use reweight_ndarray::BceBatch;
///
/// let mut loss = BceLoss::new(Focal::new(2.0)?);
/// let (logits, targets) = (array![[2.0_f32, -1.0], [0.5, f32::NAN]], array![[1_u8, 0], [0, 0]]);
/// let valid = array![[true, true], [true, false]];
/// let step = BceBatch::new(&logits, &targets).valid(&valid).value_and_grad(&mut loss)?;
/// assert_eq!(step.summary.valid, 3);
/// assert_eq!(step.grad[[1, 1]], 0.0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct BceBatch<'a, A, T, D: Dimension> {
    logits: ArrayView<'a, A, D>,
    targets: ArrayView<'a, T, D>,
    valid: Option<ArrayView<'a, bool, D>>,
    sample_weight: Option<ArrayView<'a, A, D>>,
}

/// The outputs that a caller wants, each in the shape of the logits.
struct Wanted<'a, A, D: Dimension> {
    grad: Option<ArrayViewMut<'a, A, D>>,
    hessian: Option<(ArrayViewMut<'a, A, D>, HessianForm)>,
    weights: Option<ArrayViewMut<'a, A, D>>,
    losses: Option<ArrayViewMut<'a, A, D>>,
}

impl<A: Float, D: Dimension> Wanted<'_, A, D> {
    fn nothing() -> Self {
        Self { grad: None, hessian: None, weights: None, losses: None }
    }

    /// Whether gradients of either order are wanted.
    fn slopes(&self) -> bool {
        self.grad.is_some() || self.hessian.is_some()
    }

    fn form(&self) -> Option<HessianForm> {
        self.hessian.as_ref().map(|(_, form)| *form)
    }

    /// Of a step that failed nothing is left.
    fn clear(&mut self) {
        let hessian = self.hessian.as_mut().map(|(hessian, _)| hessian);
        let all = [self.grad.as_mut(), hessian, self.weights.as_mut(), self.losses.as_mut()];
        all.into_iter().flatten().for_each(|output| output.fill(A::default()));
    }

    fn reborrow(&mut self) -> Wanted<'_, A, D> {
        Wanted {
            grad: self.grad.as_mut().map(|all| all.view_mut()),
            hessian: self.hessian.as_mut().map(|(all, form)| (all.view_mut(), *form)),
            weights: self.weights.as_mut().map(|all| all.view_mut()),
            losses: self.losses.as_mut().map(|all| all.view_mut()),
        }
    }
}

impl<'a, A, T, D> BceBatch<'a, A, T, D>
where
    A: Float,
    T: BceTarget,
    D: Dimension,
{
    /// A batch in which every element counts once.
    pub fn new(logits: impl Into<ArrayView<'a, A, D>>, targets: impl Into<ArrayView<'a, T, D>>) -> Self {
        Self { logits: logits.into(), targets: targets.into(), valid: None, sample_weight: None }
    }

    /// Only elements where `mask` is true count; the others may hold anything.
    #[must_use]
    pub fn valid(mut self, mask: impl Into<ArrayView<'a, bool, D>>) -> Self {
        self.valid = Some(mask.into());
        self
    }

    /// Multiplies each element's weight and loss by a factor, finite and at least 0.
    #[must_use]
    pub fn sample_weight(mut self, factors: impl Into<ArrayView<'a, A, D>>) -> Self {
        self.sample_weight = Some(factors.into());
        self
    }

    /// The first of the three steps: checks the batch and counts what the loss's weighter asks for.
    ///
    /// # Errors
    ///
    /// Where shapes differ, a logit is not finite, a target or sample weight is outside its range, or a part of the loss does
    /// not fit the batch.
    pub fn statistics<W: SampleWeighter>(&self, loss: &BceLoss<W>) -> Result<BatchStatistics, LossError> {
        let mut counts = BatchStatistics::zero(loss.weighting().request(), 2);
        let ready = self.prepare(loss.weighting(), LookAt::All)?;
        self.count(loss.weighting(), &ready, &mut counts)?;
        Ok(counts)
    }

    /// The third step: weighs with what was observed, and writes the gradient. Counts nothing.
    ///
    /// The reduction's denominator is that of this batch; with micro-batches, use a divisor.
    ///
    /// # Errors
    ///
    /// As [`statistics`](Self::statistics), or where `grad` has another shape, or a weight, loss or slope is not finite; `grad`
    /// is then as it was, or all 0.
    pub fn weigh_into<'g, W: SampleWeighter>(
        &self,
        loss: &BceLoss<W>,
        grad: impl Into<ArrayViewMut<'g, A, D>>,
    ) -> Result<LossSummary, LossError>
    where
        A: 'g,
    {
        let wanted = Wanted { grad: Some(grad.into()), ..Wanted::nothing() };
        self.check_outputs(&wanted)?;
        let ready = self.prepare(loss.weighting(), LookAt::Some)?;
        self.weigh(loss.weighting(), &ready, wanted)
    }

    /// The loss for evaluation: what [`value_and_grad`](Self::value_and_grad) would give, without the gradient, and
    /// without the weighter taking anything in.
    ///
    /// # Errors
    ///
    /// As [`weigh_into`](Self::weigh_into).
    pub fn value<W: SampleWeighter>(&self, loss: &BceLoss<W>) -> Result<LossSummary, LossError> {
        self.evaluate(loss.weighting(), Wanted::nothing())
    }

    /// One training step: counts, lets the weighter observe, weighs. The gradient has the shape of the logits.
    ///
    /// # Errors
    ///
    /// As [`weigh_into`](Self::weigh_into); the loss is then as it was.
    pub fn value_and_grad<W: SampleWeighter>(&self, loss: &mut BceLoss<W>) -> Result<LossAndGrad<A, D>, LossError> {
        let mut grad = self.zeros();
        let summary = self.step(loss, Wanted { grad: Some(grad.view_mut()), ..Wanted::nothing() })?;
        Ok(LossAndGrad { summary, grad })
    }

    /// The same into the caller's gradient, of any layout, whose contents are replaced.
    ///
    /// # Errors
    ///
    /// As [`weigh_into`](Self::weigh_into); the loss is then as it was, and `grad` as it was or all 0.
    pub fn value_and_grad_into<'g, W: SampleWeighter>(
        &self,
        loss: &mut BceLoss<W>,
        grad: impl Into<ArrayViewMut<'g, A, D>>,
    ) -> Result<LossSummary, LossError>
    where
        A: 'g,
    {
        self.step(loss, Wanted { grad: Some(grad.into()), ..Wanted::nothing() })
    }

    /// One training step with everything that can be known: gradient, and each element's weight and loss.
    ///
    /// # Errors
    ///
    /// As [`weigh_into`](Self::weigh_into); the loss is then as it was.
    pub fn outcome<W: SampleWeighter>(&self, loss: &mut BceLoss<W>) -> Result<Outcome<A, D, D>, LossError> {
        let (mut grad, mut weights, mut losses) = (self.zeros(), self.zeros(), self.zeros());
        let wanted = Wanted {
            grad: Some(grad.view_mut()),
            hessian: None,
            weights: Some(weights.view_mut()),
            losses: Some(losses.view_mut()),
        };
        let summary = self.step(loss, wanted)?;
        Ok(Outcome { summary, grad, weights, losses })
    }

    /// One training step with everything, and d²L/dx² of each element in that form.
    ///
    /// # Errors
    ///
    /// As [`weigh_into`](Self::weigh_into), or where the loss has no such form; the loss is then as it was.
    pub fn second_order<W: SampleWeighter>(
        &self,
        loss: &mut BceLoss<W>,
        form: HessianForm,
    ) -> Result<SecondOrder<A, D, D>, LossError> {
        let (mut grad, mut weights, mut losses) = (self.zeros(), self.zeros(), self.zeros());
        let mut hessian = self.zeros();
        let wanted = Wanted {
            grad: Some(grad.view_mut()),
            hessian: Some((hessian.view_mut(), form)),
            weights: Some(weights.view_mut()),
            losses: Some(losses.view_mut()),
        };
        let summary = self.step(loss, wanted)?;
        Ok(SecondOrder { outcome: Outcome { summary, grad, weights, losses }, hessian })
    }

    /// One training step into the caller's gradient and Hessian, whose contents are replaced: what a booster's round asks for.
    ///
    /// # Errors
    ///
    /// As [`second_order`](Self::second_order); `grad` and `hessian` are then as they were, or all 0.
    pub fn second_order_into<'g, W: SampleWeighter>(
        &self,
        loss: &mut BceLoss<W>,
        form: HessianForm,
        grad: impl Into<ArrayViewMut<'g, A, D>>,
        hessian: impl Into<ArrayViewMut<'g, A, D>>,
    ) -> Result<LossSummary, LossError>
    where
        A: 'g,
    {
        let hessian = Some((hessian.into(), form));
        self.step(loss, Wanted { grad: Some(grad.into()), hessian, ..Wanted::nothing() })
    }

    /// An array that the logits' layout can be followed in.
    fn zeros(&self) -> Array<A, D> {
        let columns_first = self.logits.ndim() > 1 && self.logits.t().is_standard_layout();
        Array::from_elem(self.logits.raw_dim().set_f(columns_first), A::default())
    }

    /// Weighs with what a copy of the weighter observes of this batch.
    fn evaluate<W: SampleWeighter>(
        &self,
        weighting: &Weighting<W>,
        wanted: Wanted<'_, A, D>,
    ) -> Result<LossSummary, LossError> {
        if !weighting.weighter().observes() {
            let ready = self.prepare(weighting, LookAt::Some)?;
            return self.weigh(weighting, &ready, wanted);
        }
        let ready = self.prepare(weighting, LookAt::All)?;
        let mut counts = BatchStatistics::zero(weighting.request(), 2);
        self.count(weighting, &ready, &mut counts)?;
        self.weigh(&weighting.preview(&counts)?, &ready, wanted)
    }

    fn step<W: SampleWeighter>(
        &self,
        loss: &mut BceLoss<W>,
        wanted: Wanted<'_, A, D>,
    ) -> Result<LossSummary, LossError> {
        parallel::step(self.logits.len(), || {
            self.check_outputs(&wanted)?;
            let weighting = loss.weighting_mut();
            let observes = weighting.weighter().observes();
            let ready = self.prepare(weighting, if observes { LookAt::All } else { LookAt::Some })?;
            if !observes {
                return self.weigh(weighting, &ready, wanted);
            }
            let mut counts = weighting.counts(2);
            let result = self
                .count(weighting, &ready, &mut counts)
                .and_then(|()| weighting.take_step(&counts, |weighting| self.weigh(weighting, &ready, wanted)));
            weighting.keep(counts);
            result
        })
    }
}
