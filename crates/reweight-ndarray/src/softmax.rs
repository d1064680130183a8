//! Softmax cross entropy over arrays (N, C) and (N, C, d…) of any layout.

mod along;
mod buffers;
mod classes;
mod curvature;
mod gradient;
mod passes;
mod rows;
mod survey;
mod weigh;

use ndarray::{Array, ArrayView, ArrayViewD, ArrayViewMut, ArrayViewMutD, RemoveAxis};
use reweight::{BatchStatistics, HessianForm, LossError, LossSummary, SampleWeighter, SoftmaxLoss};

use crate::element::{ClassIndex, Float};
use crate::layout::check_shape;
use crate::outcome::{LossAndGrad, Outcome, SecondOrder};
use crate::parallel;
pub(crate) use rows::Found;
pub(crate) use survey::Count;
pub(crate) use weigh::{Weigh, Weighed};

/// A batch for [`SoftmaxLoss`]: logits (N, C) or (N, C, d…) and one class index for each of N or (N, d…).
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use ndarray::array;
/// use reweight::{Focal, SoftmaxLoss};
/// use reweight_ndarray::SoftmaxBatch;
///
/// let mut loss = SoftmaxLoss::new(Focal::new(2.0)?).with_ignore_index(-100);
/// let (logits, targets) = (array![[2.0_f32, -1.0, 0.0], [0.5, 0.1, 3.0]], array![0_i64, -100]);
/// let step = SoftmaxBatch::new(&logits, &targets).value_and_grad(&mut loss)?;
/// assert_eq!(step.summary.valid, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct SoftmaxBatch<'a, A, I, D: RemoveAxis> {
    logits: ArrayView<'a, A, D>,
    targets: ArrayView<'a, I, D::Smaller>,
    valid: Option<ArrayView<'a, bool, D::Smaller>>,
    sample_weight: Option<ArrayView<'a, A, D::Smaller>>,
}

/// The outputs that a caller wants: gradient and Hessian with the classes as their last axis, the others in the targets' shape.
struct Wanted<'a, A> {
    grad: Option<ArrayViewMutD<'a, A>>,
    hessian: Option<(ArrayViewMutD<'a, A>, HessianForm)>,
    weights: Option<ArrayViewMutD<'a, A>>,
    losses: Option<ArrayViewMutD<'a, A>>,
}

impl<A: Float> Wanted<'_, A> {
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

    fn reborrow(&mut self) -> Wanted<'_, A> {
        Wanted {
            grad: self.grad.as_mut().map(|all| all.view_mut()),
            hessian: self.hessian.as_mut().map(|(all, form)| (all.view_mut(), *form)),
            weights: self.weights.as_mut().map(|all| all.view_mut()),
            losses: self.losses.as_mut().map(|all| all.view_mut()),
        }
    }
}

impl<'a, A, I, D> SoftmaxBatch<'a, A, I, D>
where
    A: Float,
    I: ClassIndex,
    D: RemoveAxis,
{
    /// A batch in which every row counts once.
    pub fn new(logits: impl Into<ArrayView<'a, A, D>>, targets: impl Into<ArrayView<'a, I, D::Smaller>>) -> Self {
        Self { logits: logits.into(), targets: targets.into(), valid: None, sample_weight: None }
    }

    /// Only rows where `mask` is true count; the others may hold anything.
    #[must_use]
    pub fn valid(mut self, mask: impl Into<ArrayView<'a, bool, D::Smaller>>) -> Self {
        self.valid = Some(mask.into());
        self
    }

    /// Multiplies each row's weight and loss by a factor, finite and at least 0.
    #[must_use]
    pub fn sample_weight(mut self, factors: impl Into<ArrayView<'a, A, D::Smaller>>) -> Self {
        self.sample_weight = Some(factors.into());
        self
    }

    /// The first of the three steps: checks the batch and counts what the loss's weighter asks for.
    ///
    /// # Errors
    ///
    /// Where shapes differ, a logit is not finite, a label or sample weight is outside its range, or a part of the loss does
    /// not fit the batch.
    pub fn statistics<W: SampleWeighter>(&self, loss: &SoftmaxLoss<W>) -> Result<BatchStatistics, LossError> {
        let mut counts = BatchStatistics::zero(loss.weighting().request(), self.classes());
        let ready = self.prepare(loss.weighting(), loss.ignore_index())?;
        self.count(&ready, &mut counts)?;
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
        loss: &SoftmaxLoss<W>,
        grad: impl Into<ArrayViewMut<'g, A, D>>,
    ) -> Result<LossSummary, LossError>
    where
        A: 'g,
    {
        let grad = self.check_output("grad", grad.into())?;
        let ready = self.prepare(loss.weighting(), loss.ignore_index())?;
        let wanted = Wanted { grad: Some(grad), ..Wanted::nothing() };
        self.weigh(loss.weighting(), loss.label_smoothing(), &ready, wanted)
    }

    /// The loss for evaluation: what [`value_and_grad`](Self::value_and_grad) would give, without the gradient, and
    /// without the weighter taking anything in.
    ///
    /// # Errors
    ///
    /// As [`weigh_into`](Self::weigh_into).
    pub fn value<W: SampleWeighter>(&self, loss: &SoftmaxLoss<W>) -> Result<LossSummary, LossError> {
        self.evaluate(loss, Wanted::nothing())
    }

    /// One training step: counts, lets the weighter observe, weighs. The gradient has the shape of the logits.
    ///
    /// # Errors
    ///
    /// As [`weigh_into`](Self::weigh_into); the loss is then as it was.
    pub fn value_and_grad<W: SampleWeighter>(&self, loss: &mut SoftmaxLoss<W>) -> Result<LossAndGrad<A, D>, LossError> {
        let mut grad = Array::from_elem(self.logits.raw_dim(), A::default());
        let summary = self.value_and_grad_into(loss, &mut grad)?;
        Ok(LossAndGrad { summary, grad })
    }

    /// The same into the caller's gradient, of any layout, whose contents are replaced.
    ///
    /// # Errors
    ///
    /// As [`weigh_into`](Self::weigh_into); the loss is then as it was, and `grad` as it was or all 0.
    pub fn value_and_grad_into<'g, W: SampleWeighter>(
        &self,
        loss: &mut SoftmaxLoss<W>,
        grad: impl Into<ArrayViewMut<'g, A, D>>,
    ) -> Result<LossSummary, LossError>
    where
        A: 'g,
    {
        let grad = self.check_output("grad", grad.into())?;
        self.step(loss, Wanted { grad: Some(grad), ..Wanted::nothing() })
    }

    /// One training step with everything that can be known: gradient, and each row's weight and loss.
    ///
    /// # Errors
    ///
    /// As [`weigh_into`](Self::weigh_into); the loss is then as it was.
    pub fn outcome<W: SampleWeighter>(
        &self,
        loss: &mut SoftmaxLoss<W>,
    ) -> Result<Outcome<A, D, D::Smaller>, LossError> {
        let mut grad = Array::from_elem(self.logits.raw_dim(), A::default());
        let mut weights = Array::from_elem(self.targets.raw_dim(), A::default());
        let mut losses = weights.clone();
        let wanted = Wanted {
            grad: Some(self.check_output("grad", grad.view_mut())?),
            hessian: None,
            weights: Some(weights.view_mut().into_dyn()),
            losses: Some(losses.view_mut().into_dyn()),
        };
        let summary = self.step(loss, wanted)?;
        Ok(Outcome { summary, grad, weights, losses })
    }

    /// One training step with everything, and the diagonal d²L/dx_j² in that form.
    ///
    /// # Errors
    ///
    /// As [`weigh_into`](Self::weigh_into); the loss is then as it was.
    pub fn second_order<W: SampleWeighter>(
        &self,
        loss: &mut SoftmaxLoss<W>,
        form: HessianForm,
    ) -> Result<SecondOrder<A, D, D::Smaller>, LossError> {
        let mut grad = Array::from_elem(self.logits.raw_dim(), A::default());
        let mut hessian = grad.clone();
        let mut weights = Array::from_elem(self.targets.raw_dim(), A::default());
        let mut losses = weights.clone();
        let wanted = Wanted {
            grad: Some(self.check_output("grad", grad.view_mut())?),
            hessian: Some((self.check_output("hessian", hessian.view_mut())?, form)),
            weights: Some(weights.view_mut().into_dyn()),
            losses: Some(losses.view_mut().into_dyn()),
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
        loss: &mut SoftmaxLoss<W>,
        form: HessianForm,
        grad: impl Into<ArrayViewMut<'g, A, D>>,
        hessian: impl Into<ArrayViewMut<'g, A, D>>,
    ) -> Result<LossSummary, LossError>
    where
        A: 'g,
    {
        let grad = Some(self.check_output("grad", grad.into())?);
        let hessian = Some((self.check_output("hessian", hessian.into())?, form));
        self.step(loss, Wanted { grad, hessian, ..Wanted::nothing() })
    }

    fn classes(&self) -> usize {
        self.logits.shape().get(1).copied().unwrap_or(0)
    }

    /// An output with its classes last, where it has the logits' shape.
    fn check_output<'g>(
        &self,
        name: &'static str,
        output: ArrayViewMut<'g, A, D>,
    ) -> Result<ArrayViewMutD<'g, A>, LossError> {
        check_shape(name, self.logits.shape(), output.shape())?;
        let mut output = output.into_dyn();
        for axis in 2..output.ndim() {
            output.swap_axes(axis - 1, axis);
        }
        Ok(output)
    }

    /// The logits with their classes last.
    fn rows(&self) -> ArrayViewD<'_, A> {
        let mut logits = self.logits.view().into_dyn();
        for axis in 2..logits.ndim() {
            logits.swap_axes(axis - 1, axis);
        }
        logits
    }

    /// Weighs with what a copy of the weighter observes of this batch.
    fn evaluate<W: SampleWeighter>(
        &self,
        loss: &SoftmaxLoss<W>,
        wanted: Wanted<'_, A>,
    ) -> Result<LossSummary, LossError> {
        let (weighting, epsilon) = (loss.weighting(), loss.label_smoothing());
        let ready = self.prepare(weighting, loss.ignore_index())?;
        if !weighting.weighter().observes() {
            return self.weigh(weighting, epsilon, &ready, wanted);
        }
        let mut counts = BatchStatistics::zero(weighting.request(), self.classes());
        self.count(&ready, &mut counts)?;
        self.weigh(&weighting.preview(&counts)?, epsilon, &ready, wanted)
    }

    fn step<W: SampleWeighter>(
        &self,
        loss: &mut SoftmaxLoss<W>,
        wanted: Wanted<'_, A>,
    ) -> Result<LossSummary, LossError> {
        parallel::step(self.logits.len(), || {
            let (epsilon, ignore) = (loss.label_smoothing(), loss.ignore_index());
            let weighting = loss.weighting_mut();
            let ready = self.prepare(weighting, ignore)?;
            if !weighting.weighter().observes() {
                return self.weigh(weighting, epsilon, &ready, wanted);
            }
            let mut counts = weighting.counts(self.classes());
            let result = self.count(&ready, &mut counts).and_then(|()| {
                weighting.take_step(&counts, |weighting| self.weigh(weighting, epsilon, &ready, wanted))
            });
            weighting.keep(counts);
            result
        })
    }
}
