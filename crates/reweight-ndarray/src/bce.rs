//! Binary cross entropy over arrays of any shape and layout.

mod labels;
mod survey;
mod weigh;

use std::sync::Mutex;

use ndarray::{Array, ArrayView, ArrayViewMut, Dimension, ShapeBuilder};
use reweight::{BatchStatistics, BceLoss, LossError, LossSummary, SampleWeighter, Totals};

use crate::dispatch::dispatch;
use crate::element::{BceTarget, Float};
use crate::layout::{Layout, check_shape, share_order};
use crate::outcome::{LossAndGrad, Outcome};
use crate::parallel::{self, From, Merge, reduce};
use crate::part::{Inputs, Outputs, Slices, Views};
use crate::step::{available, rescale, with_scratch};

use labels::{Hard, Soft, with_labels};
use survey::{Count, Findings, Survey, diagnose};
use weigh::Weigh;

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
    weights: Option<ArrayViewMut<'a, A, D>>,
    losses: Option<ArrayViewMut<'a, A, D>>,
}

impl<A, D: Dimension> Wanted<'_, A, D> {
    fn nothing() -> Self {
        Self { grad: None, weights: None, losses: None }
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
    /// Where shapes differ, a logit is not finite, a target or sample weight is outside its range, or the weighter has
    /// another number of classes than 2.
    pub fn statistics<W: SampleWeighter>(&self, loss: &BceLoss<W>) -> Result<BatchStatistics, LossError> {
        let mut counts = BatchStatistics::zero(loss.weighting().request(), 2);
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
        loss: &BceLoss<W>,
        grad: impl Into<ArrayViewMut<'g, A, D>>,
    ) -> Result<LossSummary, LossError>
    where
        A: 'g,
    {
        let wanted = Wanted { grad: Some(grad.into()), ..Wanted::nothing() };
        let mut counts = BatchStatistics::default();
        let findings = self.check(loss, &wanted, &mut counts)?;
        self.weigh(loss, loss.weighter(), wanted, findings)
    }

    /// The loss for evaluation: what [`value_and_grad`](Self::value_and_grad) would give, without the gradient, and
    /// without the weighter taking anything in.
    ///
    /// # Errors
    ///
    /// As [`statistics`](Self::statistics).
    pub fn value<W: SampleWeighter>(&self, loss: &BceLoss<W>) -> Result<LossSummary, LossError> {
        let mut counts = BatchStatistics::zero(loss.weighting().request(), 2);
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
    pub fn value_and_grad<W: SampleWeighter>(&self, loss: &mut BceLoss<W>) -> Result<LossAndGrad<A, D>, LossError> {
        let mut grad = self.zeros();
        let summary = self.step(loss, Wanted { grad: Some(grad.view_mut()), ..Wanted::nothing() })?;
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
    /// As [`statistics`](Self::statistics); the loss is then as it was.
    pub fn outcome<W: SampleWeighter>(&self, loss: &mut BceLoss<W>) -> Result<Outcome<A, D, D>, LossError> {
        let (mut grad, mut weights, mut losses) = (self.zeros(), self.zeros(), self.zeros());
        let wanted =
            Wanted { grad: Some(grad.view_mut()), weights: Some(weights.view_mut()), losses: Some(losses.view_mut()) };
        let summary = self.step(loss, wanted)?;
        Ok(Outcome { summary, grad, weights, losses })
    }

    /// An array that the logits' layout can be followed in.
    fn zeros(&self) -> Array<A, D> {
        let columns_first = self.logits.ndim() > 1 && self.logits.t().is_standard_layout();
        Array::from_elem(self.logits.raw_dim().set_f(columns_first), A::ZERO)
    }

    fn step<W: SampleWeighter>(
        &self,
        loss: &mut BceLoss<W>,
        wanted: Wanted<'_, A, D>,
    ) -> Result<LossSummary, LossError> {
        parallel::step(self.logits.len(), || {
            let mut counts = loss.weighting_mut().counts(2);
            let observed = self.check(loss, &wanted, &mut counts).and_then(|findings| {
                loss.observe(&counts)?;
                Ok(findings)
            });
            loss.weighting_mut().keep(counts);
            self.weigh(loss, loss.weighter(), wanted, observed?)
        })
    }

    fn check<W: SampleWeighter>(
        &self,
        loss: &BceLoss<W>,
        wanted: &Wanted<'_, A, D>,
        counts: &mut BatchStatistics,
    ) -> Result<Findings, LossError> {
        if let Some(grad) = &wanted.grad {
            check_shape("grad", self.logits.shape(), grad.shape())?;
        }
        self.survey(loss, counts)
    }

    /// Checks shapes and contents, and adds the batch to `counts`.
    fn survey<W: SampleWeighter>(
        &self,
        loss: &BceLoss<W>,
        counts: &mut BatchStatistics,
    ) -> Result<Findings, LossError> {
        let isa = available()?;
        let shape = self.logits.shape();
        check_shape("targets", shape, self.targets.shape())?;
        if let Some(valid) = &self.valid {
            check_shape("valid", shape, valid.shape())?;
        }
        if let Some(sample_weight) = &self.sample_weight {
            check_shape("sample_weight", shape, sample_weight.shape())?;
        }
        loss.weighter().check(2)?;
        // The regions are counted along with the checks, while a part is in its cache; of a batch with a fault the counts
        // go nowhere.
        let counting = !counts.gradient_norm.is_empty();
        let shared = Mutex::new(&mut *counts);
        let findings = self.each_part(Wanted::nothing(), From::Start, &|part: Slices<'_, A, T>| {
            if T::SOFT {
                return with_labels::<A, T, Soft, _>(part, |part| {
                    dispatch(isa, Survey::<A, Soft> { inputs: part.inputs })
                });
            }
            with_labels::<A, T, Hard, _>(part, |part| {
                let findings = dispatch(isa, Survey::<A, Hard> { inputs: part.inputs });
                if counting {
                    with_scratch(&shared, |counts| dispatch(isa, Count::<A, Hard> { inputs: part.inputs, counts }));
                }
                findings
            })
        });
        if findings.faulty
            && let Some(error) = diagnose(
                self.logits.iter(),
                self.targets.iter(),
                self.valid.as_ref().map(|all| all.iter()),
                self.sample_weight.as_ref().map(|all| all.iter()),
            )
        {
            return Err(error);
        }
        if counting && T::SOFT {
            // Along which axis is known only now: floats may be 0 and 1 throughout.
            let soft = findings.soft;
            self.each_part(Wanted::nothing(), From::End, &|part: Slices<'_, A, T>| {
                if soft {
                    with_labels::<A, T, Soft, _>(part, |part| {
                        with_scratch(&shared, |counts| {
                            dispatch(isa, Count::<A, Soft> { inputs: part.inputs, counts });
                        });
                    });
                } else {
                    with_labels::<A, T, Hard, _>(part, |part| {
                        with_scratch(&shared, |counts| {
                            dispatch(isa, Count::<A, Hard> { inputs: part.inputs, counts });
                        });
                    });
                }
            });
        }
        counts.valid += findings.valid;
        counts.positives += findings.positives;
        if let [negatives, positives] = &mut counts.class_counts[..] {
            *negatives += findings.valid - findings.positives;
            *positives += findings.positives;
        }
        Ok(findings)
    }

    fn weigh<W: SampleWeighter>(
        &self,
        loss: &BceLoss<W>,
        weighter: &W,
        mut wanted: Wanted<'_, A, D>,
        findings: Findings,
    ) -> Result<LossSummary, LossError> {
        let isa = available()?;
        let mut totals =
            Totals { loss_sum: 0.0, weight_sum: 0.0, valid: findings.valid, positives: findings.positives };
        let reduction = loss.reduction();
        let late = reduction.needs_weight_sum();
        let factor = if late { 1.0 } else { reduction.factor(&totals) };
        let soft = findings.soft;
        let sums = self.each_part(wanted.reborrow(), From::End, &|part: Slices<'_, A, T>| {
            if T::SOFT && soft {
                with_labels::<A, T, Soft, _>(part, |part| dispatch(isa, Weigh::<A, Soft, W> { weighter, part, factor }))
            } else {
                with_labels::<A, T, Hard, _>(part, |part| dispatch(isa, Weigh::<A, Hard, W> { weighter, part, factor }))
            }
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
        wanted: Wanted<'_, A, D>,
        from: From,
        leaf: &(impl Fn(Slices<'_, A, T>) -> R + Sync),
    ) -> R {
        let share = share_order(
            Layout::of(&self.logits),
            &[
                Some(Layout::of(&self.targets)),
                self.valid.as_ref().map(Layout::of),
                self.sample_weight.as_ref().map(Layout::of),
                wanted.grad.as_ref().map(Layout::of),
                wanted.weights.as_ref().map(Layout::of),
                wanted.losses.as_ref().map(Layout::of),
            ],
        );
        // Strides that agree leave gaps in all arrays or in none, so that either all are slices or the first is not.
        if share
            && let Some((logits, targets)) =
                self.logits.to_slice_memory_order().zip(self.targets.to_slice_memory_order())
        {
            let inputs = Inputs {
                row: 1,
                logits,
                targets,
                valid: self.valid.as_ref().and_then(|all| all.to_slice_memory_order()),
                sample_weight: self.sample_weight.as_ref().and_then(|all| all.to_slice_memory_order()),
            };
            let outputs = Outputs {
                grad: wanted.grad.and_then(|all| all.into_slice_memory_order()),
                weights: wanted.weights.and_then(|all| all.into_slice_memory_order()),
                losses: wanted.losses.and_then(|all| all.into_slice_memory_order()),
            };
            return reduce(Slices { inputs, outputs }, from, leaf);
        }
        let views = Views {
            logits: self.logits.view().into_dyn(),
            targets: self.targets.view().into_dyn(),
            valid: self.valid.as_ref().map(|all| all.view().into_dyn()),
            sample_weight: self.sample_weight.as_ref().map(|all| all.view().into_dyn()),
            grad: wanted.grad.map(ArrayViewMut::into_dyn),
            weights: wanted.weights.map(ArrayViewMut::into_dyn),
            losses: wanted.losses.map(ArrayViewMut::into_dyn),
        };
        reduce(views, from, &|part: Views<'_, A, T>| part.with_slices(leaf))
    }
}

impl<A, D: Dimension> Wanted<'_, A, D> {
    fn reborrow(&mut self) -> Wanted<'_, A, D> {
        Wanted {
            grad: self.grad.as_mut().map(|all| all.view_mut()),
            weights: self.weights.as_mut().map(|all| all.view_mut()),
            losses: self.losses.as_mut().map(|all| all.view_mut()),
        }
    }
}
