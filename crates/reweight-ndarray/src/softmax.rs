//! Softmax cross entropy over arrays (N, C) and (N, C, d…) of any layout.

mod rows;
mod survey;
mod weigh;

use std::sync::Mutex;

use ndarray::{Array, ArrayView, ArrayViewD, ArrayViewMut, ArrayViewMutD, RemoveAxis};
use reweight::{BatchStatistics, LossError, LossSummary, SampleWeighter, SoftmaxLoss, Totals};

use crate::dispatch::dispatch;
use crate::element::{ClassIndex, Float, same_type};
use crate::layout::check_shape;
use crate::outcome::{LossAndGrad, Outcome};
use crate::parallel::{self, From, Merge, reduce};
use crate::part::{Inputs, Outputs, Slices, Views};
use crate::step::{available, rescale, with_scratch};
use survey::{Count, Findings, Row, Survey, diagnose};
use weigh::Weigh;

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

/// The outputs that a caller wants: the gradient with the classes as its last axis, the others in the targets' shape.
struct Wanted<'a, A> {
    grad: Option<ArrayViewMutD<'a, A>>,
    weights: Option<ArrayViewMutD<'a, A>>,
    losses: Option<ArrayViewMutD<'a, A>>,
}

impl<A> Wanted<'_, A> {
    fn nothing() -> Self {
        Self { grad: None, weights: None, losses: None }
    }

    fn reborrow(&mut self) -> Wanted<'_, A> {
        Wanted {
            grad: self.grad.as_mut().map(|all| all.view_mut()),
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
    /// Where shapes differ, a logit is not finite, a label or sample weight is outside its range, or the weighter has
    /// another number of classes.
    pub fn statistics<W: SampleWeighter>(&self, loss: &SoftmaxLoss<W>) -> Result<BatchStatistics, LossError> {
        let mut counts = BatchStatistics::zero(loss.weighting().request(), self.classes());
        self.survey(loss, &mut counts)?;
        Ok(counts)
    }

    /// The third step: weighs with what was observed, and writes the gradient. Counts nothing.
    ///
    /// The reduction's denominator is that of this batch; with micro-batches, use a divisor.
    ///
    /// # Errors
    ///
    /// As [`statistics`](Self::statistics), or where `grad` has another shape; `grad` is then as it was.
    pub fn weigh_into<'g, W: SampleWeighter>(
        &self,
        loss: &SoftmaxLoss<W>,
        grad: impl Into<ArrayViewMut<'g, A, D>>,
    ) -> Result<LossSummary, LossError>
    where
        A: 'g,
    {
        let grad = self.check_grad(grad.into())?;
        let findings = self.survey(loss, &mut BatchStatistics::default())?;
        self.weigh(loss, loss.weighter(), Wanted { grad: Some(grad), ..Wanted::nothing() }, findings)
    }

    /// The loss for evaluation: what [`value_and_grad`](Self::value_and_grad) would give, without the gradient, and
    /// without the weighter taking anything in.
    ///
    /// # Errors
    ///
    /// As [`statistics`](Self::statistics).
    pub fn value<W: SampleWeighter>(&self, loss: &SoftmaxLoss<W>) -> Result<LossSummary, LossError> {
        let mut counts = BatchStatistics::zero(loss.weighting().request(), self.classes());
        let findings = self.survey(loss, &mut counts)?;
        if loss.weighter().observes() {
            return self.weigh(loss, &loss.weighting().preview(&counts)?, Wanted::nothing(), findings);
        }
        self.weigh(loss, loss.weighter(), Wanted::nothing(), findings)
    }

    /// One training step: counts, lets the weighter observe, weighs. The gradient has the shape of the logits.
    ///
    /// # Errors
    ///
    /// As [`statistics`](Self::statistics); the loss is then as it was.
    pub fn value_and_grad<W: SampleWeighter>(&self, loss: &mut SoftmaxLoss<W>) -> Result<LossAndGrad<A, D>, LossError> {
        let mut grad = Array::from_elem(self.logits.raw_dim(), A::ZERO);
        let summary = self.value_and_grad_into(loss, &mut grad)?;
        Ok(LossAndGrad { summary, grad })
    }

    /// The same into the caller's gradient, of any layout, whose contents are replaced.
    ///
    /// # Errors
    ///
    /// As [`statistics`](Self::statistics), or where `grad` has another shape; `grad` and the loss are then as they
    /// were.
    pub fn value_and_grad_into<'g, W: SampleWeighter>(
        &self,
        loss: &mut SoftmaxLoss<W>,
        grad: impl Into<ArrayViewMut<'g, A, D>>,
    ) -> Result<LossSummary, LossError>
    where
        A: 'g,
    {
        let grad = self.check_grad(grad.into())?;
        self.step(loss, Wanted { grad: Some(grad), ..Wanted::nothing() })
    }

    /// One training step with everything that can be known: gradient, and each row's weight and loss.
    ///
    /// # Errors
    ///
    /// As [`statistics`](Self::statistics); the loss is then as it was.
    pub fn outcome<W: SampleWeighter>(
        &self,
        loss: &mut SoftmaxLoss<W>,
    ) -> Result<Outcome<A, D, D::Smaller>, LossError> {
        let mut grad = Array::from_elem(self.logits.raw_dim(), A::ZERO);
        let mut weights = Array::from_elem(self.targets.raw_dim(), A::ZERO);
        let mut losses = weights.clone();
        let wanted = Wanted {
            grad: Some(self.check_grad(grad.view_mut())?),
            weights: Some(weights.view_mut().into_dyn()),
            losses: Some(losses.view_mut().into_dyn()),
        };
        let summary = self.step(loss, wanted)?;
        Ok(Outcome { summary, grad, weights, losses })
    }

    fn classes(&self) -> usize {
        self.logits.shape().get(1).copied().unwrap_or(0)
    }

    /// `grad` with its classes last, where it has the logits' shape.
    fn check_grad<'g>(&self, grad: ArrayViewMut<'g, A, D>) -> Result<ArrayViewMutD<'g, A>, LossError> {
        check_shape("grad", self.logits.shape(), grad.shape())?;
        let mut grad = grad.into_dyn();
        for axis in 2..grad.ndim() {
            grad.swap_axes(axis - 1, axis);
        }
        Ok(grad)
    }

    /// The logits with their classes last.
    fn rows(&self) -> ArrayViewD<'_, A> {
        let mut logits = self.logits.view().into_dyn();
        for axis in 2..logits.ndim() {
            logits.swap_axes(axis - 1, axis);
        }
        logits
    }

    fn step<W: SampleWeighter>(
        &self,
        loss: &mut SoftmaxLoss<W>,
        wanted: Wanted<'_, A>,
    ) -> Result<LossSummary, LossError> {
        parallel::step(self.logits.len(), || {
            let mut counts = loss.weighting_mut().counts(self.classes());
            let observed = self.survey(loss, &mut counts).and_then(|findings| {
                loss.observe(&counts)?;
                Ok(findings)
            });
            loss.weighting_mut().keep(counts);
            self.weigh(loss, loss.weighter(), wanted, observed?)
        })
    }

    /// Checks shapes and contents, and adds the batch to `counts`.
    fn survey<W: SampleWeighter>(
        &self,
        loss: &SoftmaxLoss<W>,
        counts: &mut BatchStatistics,
    ) -> Result<Findings, LossError> {
        let isa = available()?;
        let shape = self.logits.shape();
        let classes = self.classes();
        if classes < 2 {
            return Err(LossError::Classes { found: shape.to_vec() });
        }
        let fits = |found: &[usize]| found.first() == shape.first() && found.get(1..) == shape.get(2..);
        let check = |name: &'static str, found: &[usize]| {
            if fits(found) {
                return Ok(());
            }
            let expected = shape[..1].iter().chain(&shape[2..]).copied().collect();
            Err(LossError::Shape { name, expected, found: found.to_vec() })
        };
        check("targets", self.targets.shape())?;
        if let Some(valid) = &self.valid {
            check("valid", valid.shape())?;
        }
        if let Some(sample_weight) = &self.sample_weight {
            check("sample_weight", sample_weight.shape())?;
        }
        loss.weighter().check(classes)?;
        let ignore = loss.ignore_index();
        let findings = self.each_part(Wanted::nothing(), From::Start, &|part: Slices<'_, A, I>| {
            labelled(part, |part| dispatch(isa, Survey { inputs: part.inputs, ignore }))
        });
        if findings.suspicious
            && let Some(error) = self.diagnose(classes, ignore)
        {
            return Err(error);
        }
        counts.valid += findings.valid;
        counts.positives += findings.positives;
        if !counts.gradient_norm.is_empty() || !counts.class_counts.is_empty() {
            let counts = Mutex::new(counts);
            self.each_part(Wanted::nothing(), From::End, &|part: Slices<'_, A, I>| {
                labelled(part, |part| {
                    with_scratch(&counts, |counts| dispatch(isa, Count { inputs: part.inputs, ignore, counts }));
                });
            });
        }
        Ok(findings)
    }

    fn diagnose(&self, classes: usize, ignore: Option<i64>) -> Option<LossError> {
        let rows = self.rows();
        let mut valid = self.valid.as_ref().map(|all| all.iter());
        let mut sample_weight = self.sample_weight.as_ref().map(|all| all.iter());
        let rows = rows.rows().into_iter().zip(&self.targets).map(|(logits, &target)| Row {
            logits,
            target,
            valid: valid.as_mut().and_then(Iterator::next).is_none_or(|&valid| valid),
            sample_weight: sample_weight.as_mut().and_then(Iterator::next).copied(),
        });
        // At least 1, so that a batch without positions divides by something.
        let inner = self.logits.shape().iter().skip(2).product::<usize>().max(1);
        diagnose(rows, classes, inner, ignore)
    }

    fn weigh<W: SampleWeighter>(
        &self,
        loss: &SoftmaxLoss<W>,
        weighter: &W,
        mut wanted: Wanted<'_, A>,
        findings: Findings,
    ) -> Result<LossSummary, LossError> {
        let isa = available()?;
        let mut totals =
            Totals { loss_sum: 0.0, weight_sum: 0.0, valid: findings.valid, positives: findings.positives };
        let reduction = loss.reduction();
        let late = reduction.needs_weight_sum();
        let factor = if late { 1.0 } else { reduction.factor(&totals) };
        let (ignore, epsilon) = (loss.ignore_index(), loss.label_smoothing());
        let sums = self.each_part(wanted.reborrow(), From::End, &|part: Slices<'_, A, I>| {
            labelled(part, |part| dispatch(isa, Weigh { weighter, part, ignore, epsilon, factor }))
        });
        totals.loss_sum = sums.loss;
        totals.weight_sum = sums.weight;
        if late && let Some(grad) = wanted.grad {
            rescale(isa, grad, reduction.factor(&totals));
        }
        Ok(loss.weighting().summary(&totals))
    }

    /// Runs `leaf` over stretches of the batch and merges what it returns, always in the same order.
    fn each_part<R: Merge>(
        &self,
        wanted: Wanted<'_, A>,
        from: From,
        leaf: &(impl Fn(Slices<'_, A, I>) -> R + Sync),
    ) -> R {
        let classes = self.classes();
        let rows = self.rows();
        let standard = |all: &Option<ArrayViewMutD<'_, A>>| all.as_ref().is_none_or(|all| all.is_standard_layout());
        let outputs = standard(&wanted.grad) && standard(&wanted.weights) && standard(&wanted.losses);
        let inputs = (rows.to_slice(), self.targets.to_slice());
        let masked = self.valid.as_ref().is_none_or(|all| all.is_standard_layout());
        let weighted = self.sample_weight.as_ref().is_none_or(|all| all.is_standard_layout());
        if let (Some(logits), Some(targets)) = inputs
            && (outputs && masked && weighted)
        {
            let inputs = Inputs {
                row: classes,
                logits,
                targets,
                valid: self.valid.as_ref().and_then(|all| all.to_slice()),
                sample_weight: self.sample_weight.as_ref().and_then(|all| all.to_slice()),
            };
            let outputs = Outputs {
                grad: wanted.grad.and_then(|all| all.into_slice()),
                weights: wanted.weights.and_then(|all| all.into_slice()),
                losses: wanted.losses.and_then(|all| all.into_slice()),
            };
            return reduce(Slices { inputs, outputs }, from, leaf);
        }
        let views = Views {
            targets: self.targets.view().into_dyn(),
            valid: self.valid.as_ref().map(|all| all.view().into_dyn()),
            sample_weight: self.sample_weight.as_ref().map(|all| all.view().into_dyn()),
            logits: rows,
            grad: wanted.grad,
            weights: wanted.weights,
            losses: wanted.losses,
        };
        reduce(views, from, &|part: Views<'_, A, I>| part.with_slices(leaf))
    }
}

/// Runs `kernel` over the stretch with its labels as `i64`.
fn labelled<A: Float, I: ClassIndex, R: Merge>(part: Slices<'_, A, I>, kernel: impl Fn(Slices<'_, A, i64>) -> R) -> R {
    let same = same_type(part.inputs.targets);
    part.retarget(same, I::label, kernel)
}
