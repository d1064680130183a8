//! Binary cross entropy over arrays of any shape and layout.

mod block;
mod labels;
mod survey;
mod weigh;

use std::sync::{Mutex, PoisonError};

use ndarray::{Array, ArrayD, ArrayView, ArrayViewMut, Dimension, ShapeBuilder};
use reweight::{
    BatchForm, BatchStatistics, BceLoss, Columns, HessianForm, LossError, LossSummary, Quantities, Reduction,
    SampleKind, SampleWeighter, Schedule, Totals, Weighting,
};

use crate::block::{Formula, Memory};
use crate::dispatch::Available;
use crate::element::{BceTarget, Float};
use crate::layout::{Layout, check_shape, share_order};
use crate::outcome::{LossAndGrad, Outcome, SecondOrder};
use crate::parallel::{self, From, Merge, reduce};
use crate::part::{Inputs, Outputs, Slices, Views};
use crate::step::{available, rescale, with_scratch};

use block::Adjusted;
pub(crate) use block::Checked;
use labels::with_labels;
pub(crate) use labels::{Hard, Soft};
use survey::diagnose;
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

impl<A, D: Dimension> Wanted<'_, A, D> {
    fn nothing() -> Self {
        Self { grad: None, hessian: None, weights: None, losses: None }
    }

    fn form(&self) -> Option<HessianForm> {
        self.hessian.as_ref().map(|(_, form)| *form)
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
        let ready = self.prepare(loss.weighting(), true)?;
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
        let ready = self.prepare(loss.weighting(), false)?;
        self.weigh(loss.weighting(), &ready, wanted)
    }

    /// The loss for evaluation: what [`value_and_grad`](Self::value_and_grad) would give, without the gradient, and
    /// without the weighter taking anything in.
    ///
    /// # Errors
    ///
    /// As [`weigh_into`](Self::weigh_into).
    pub fn value<W: SampleWeighter>(&self, loss: &BceLoss<W>) -> Result<LossSummary, LossError> {
        let weighting = loss.weighting();
        let ready = self.prepare(weighting, weighting.weighter().observes())?;
        if !weighting.weighter().observes() {
            return self.weigh(weighting, &ready, Wanted::nothing());
        }
        let mut counts = BatchStatistics::zero(weighting.request(), 2);
        self.count(weighting, &ready, &mut counts)?;
        self.weigh(&weighting.preview(&counts)?, &ready, Wanted::nothing())
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
        Array::from_elem(self.logits.raw_dim().set_f(columns_first), A::ZERO)
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
            let ready = self.prepare(weighting, observes)?;
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

    fn check_outputs(&self, wanted: &Wanted<'_, A, D>) -> Result<(), LossError> {
        let shape = self.logits.shape();
        if let Some(grad) = &wanted.grad {
            check_shape("grad", shape, grad.shape())?;
        }
        if let Some((hessian, _)) = &wanted.hessian {
            check_shape("hessian", shape, hessian.shape())?;
        }
        Ok(())
    }

    /// Checks shapes, looks at the targets where something depends on them, and asks the loss's parts whether they fit.
    fn prepare<W: SampleWeighter>(&self, weighting: &Weighting<W>, counted: bool) -> Result<Ready<A>, LossError> {
        let isa = available()?;
        let shape = self.logits.shape();
        check_shape("targets", shape, self.targets.shape())?;
        if let Some(valid) = &self.valid {
            check_shape("valid", shape, valid.shape())?;
        }
        if let Some(sample_weight) = &self.sample_weight {
            check_shape("sample_weight", shape, sample_weight.shape())?;
        }
        let divides = match weighting.reduction() {
            Reduction::Positives => true,
            Reduction::Mean => self.valid.is_some(),
            _ => false,
        };
        let targets = (T::SOFT || divides || counted).then(|| {
            self.each_part(None, Wanted::nothing(), From::Start, &|part: Slices<'_, A, T>| {
                if T::SOFT {
                    with_labels::<A, T, Soft, _>(part, |part| A::look_soft(isa, Look { inputs: part.inputs }))
                } else {
                    with_labels::<A, T, Hard, _>(part, |part| A::look_hard(isa, Look { inputs: part.inputs }))
                }
            })
        });
        if let Some(targets) = &targets
            && targets.faulty
            && let Some(error) = self.diagnose()
        {
            return Err(error);
        }
        let soft = targets.as_ref().is_some_and(|targets| targets.soft);
        let fit = weighting.fit(&BatchForm::binary(shape, soft))?;
        let adjusted = fit.affine.as_ref().map(|affine| Adjusted::of(affine, fit.columns.count));
        Ok(Ready { isa, soft, targets, adjusted, columns: fit.columns })
    }

    fn diagnose(&self) -> Option<LossError> {
        diagnose(
            self.logits.iter(),
            self.targets.iter(),
            self.valid.as_ref().map(|all| all.iter()),
            self.sample_weight.as_ref().map(|all| all.iter()),
        )
    }

    /// Checks the batch's contents, and adds it to `counts`.
    fn count<W: SampleWeighter>(
        &self,
        weighting: &Weighting<W>,
        ready: &Ready<A>,
        counts: &mut BatchStatistics,
    ) -> Result<(), LossError> {
        let kind = ready.kind();
        // Of a batch with a fault the counts go nowhere.
        let mapped = weighting.maps_samples() || ready.soft;
        let key = if mapped && !counts.gradient_norm.is_empty() {
            let tables = weighting.formula(kind)?.tables();
            let schedule = weighting.schedule(kind, Quantities::Key)?;
            Some(Formula { schedule, tables, axis: kind.axis() })
        } else {
            None
        };
        let plain = Schedule::default();
        let memory = key.unwrap_or(Formula { schedule: &plain, tables: &[], axis: kind.axis() });
        let shared = Mutex::new(&mut *counts);
        let Ready { isa, adjusted, columns, .. } = ready;
        let (isa, adjusted, columns) = (*isa, adjusted.as_ref(), *columns);
        let checked = self.each_part(Some(columns), Wanted::nothing(), From::Start, &|part: Slices<'_, A, T>| {
            let mut memory = Memory::take(memory);
            let slot = Mutex::new(&mut memory);
            let checked = if ready.soft {
                with_labels::<A, T, Soft, _>(part, |part| {
                    with_scratch(&shared, |counts| {
                        let memory = &mut **slot.lock().unwrap_or_else(PoisonError::into_inner);
                        let inputs = part.inputs;
                        A::count_soft(isa, Count { key, memory, adjusted, columns, inputs, counts })
                    })
                })
            } else {
                with_labels::<A, T, Hard, _>(part, |part| {
                    with_scratch(&shared, |counts| {
                        let memory = &mut **slot.lock().unwrap_or_else(PoisonError::into_inner);
                        let inputs = part.inputs;
                        A::count_hard(isa, Count { key, memory, adjusted, columns, inputs, counts })
                    })
                })
            };
            memory.keep();
            checked
        });
        if checked.faulty
            && let Some(error) = self.diagnose()
        {
            return Err(error);
        }
        counts.valid += checked.valid;
        counts.positives += checked.positives;
        if let [negatives, positives] = &mut counts.class_counts[..] {
            *negatives += checked.valid - checked.positives;
            *positives += checked.positives;
        }
        Ok(())
    }

    fn weigh<W: SampleWeighter>(
        &self,
        weighting: &Weighting<W>,
        ready: &Ready<A>,
        mut wanted: Wanted<'_, A, D>,
    ) -> Result<LossSummary, LossError> {
        let kind = ready.kind();
        let quantities = match wanted.form() {
            None => Quantities::Step,
            Some(form) => {
                weighting.check_hessian(form, kind)?;
                if form == HessianForm::GaussNewton { Quantities::GaussNewton } else { Quantities::Second }
            }
        };
        let tables = weighting.formula(kind)?.tables();
        let formula = Formula { schedule: weighting.schedule(kind, quantities)?, tables, axis: kind.axis() };
        let reduction = weighting.reduction();
        let late = reduction.needs_weight_sum();
        let known = Totals {
            loss_sum: 0.0,
            weight_sum: 0.0,
            valid: ready.targets.as_ref().map_or(self.logits.len() as u64, |targets| targets.valid),
            positives: ready.targets.as_ref().map_or(0, |targets| targets.positives),
        };
        let factor = if late { 1.0 } else { reduction.factor(&known) };
        let weighed = self.run(ready, formula, factor, wanted.reborrow());
        let Weighed { sums, checked } = weighed;
        let totals =
            Totals { loss_sum: sums.loss, weight_sum: sums.weight, valid: checked.valid, positives: checked.positives };
        if checked.faulty {
            if let Some(grad) = &mut wanted.grad {
                grad.fill(A::ZERO);
            }
            if let Some((hessian, _)) = &mut wanted.hessian {
                hessian.fill(A::ZERO);
            }
            return Err(self.diagnose().unwrap_or_else(|| self.not_finite(weighting, ready, formula, factor)));
        }
        if late {
            let factor = reduction.factor(&totals);
            if let Some(grad) = wanted.grad {
                rescale(ready.isa, grad, factor);
            }
            if let Some((hessian, _)) = wanted.hessian {
                rescale(ready.isa, hessian, factor);
            }
        }
        Ok(weighting.summary(&totals))
    }

    /// The pass itself.
    fn run(&self, ready: &Ready<A>, formula: Formula<'_>, factor: f64, wanted: Wanted<'_, A, D>) -> Weighed {
        let Ready { isa, adjusted, columns, .. } = ready;
        let (isa, adjusted, columns) = (*isa, adjusted.as_ref(), *columns);
        let form = wanted.form().unwrap_or_default();
        let read = (formula.schedule.reads_column() || adjusted.is_some_and(Adjusted::by_column)).then_some(columns);
        self.each_part(read, wanted, From::End, &|part: Slices<'_, A, T>| {
            if T::SOFT && ready.soft {
                with_labels::<A, T, Soft, _>(part, |part| {
                    let mut memory = Memory::take(formula);
                    let lent = &mut memory;
                    let kernel = Weigh { formula, memory: lent, adjusted, columns, part, factor, form };
                    let weighed = A::weigh_soft(isa, kernel);
                    memory.keep();
                    weighed
                })
            } else {
                with_labels::<A, T, Hard, _>(part, |part| {
                    let mut memory = Memory::take(formula);
                    let lent = &mut memory;
                    let kernel = Weigh { formula, memory: lent, adjusted, columns, part, factor, form };
                    let weighed = A::weigh_hard(isa, kernel);
                    memory.keep();
                    weighed
                })
            }
        })
    }

    /// Which sample's weight, loss or slope is not finite: all of them are computed again, and looked through.
    fn not_finite<W: SampleWeighter>(
        &self,
        weighting: &Weighting<W>,
        ready: &Ready<A>,
        formula: Formula<'_>,
        factor: f64,
    ) -> LossError {
        let [mut weights, mut losses, mut grad] = [(); 3].map(|()| Array::from_elem(self.logits.raw_dim(), A::ZERO));
        let wanted = Wanted {
            grad: Some(grad.view_mut()),
            hessian: None,
            weights: Some(weights.view_mut()),
            losses: Some(losses.view_mut()),
        };
        self.run(ready, formula, factor, wanted);
        for (index, ((weight, loss), slope)) in weights.iter().zip(&losses).zip(&grad).enumerate() {
            let results = [*weight, *loss, *slope].map(Into::<f64>::into);
            if let Some(at) = results.iter().position(|result| !result.is_finite()) {
                let logit: f64 = self.logits.iter().nth(index).map_or(0.0, |&logit| logit.into());
                let target = self.targets.iter().nth(index).map_or(0.0, |target| target.number());
                return weighting.not_finite(at, index, results[at], (2.0 * target - 1.0) * logit);
            }
        }
        LossError::SumNotFinite
    }

    /// Runs `leaf` over stretches of the batch and merges what it returns, always in the same order. `columns` are read where
    /// they are given.
    fn each_part<R: Merge>(
        &self,
        columns: Option<Columns>,
        wanted: Wanted<'_, A, D>,
        from: From,
        leaf: &(impl Fn(Slices<'_, A, T>) -> R + Sync),
    ) -> R {
        let several = columns.is_some_and(|columns| columns.count > 1);
        let hessian = wanted.hessian.map(|(hessian, _)| hessian);
        let share = share_order(
            Layout::of(&self.logits),
            &[
                Some(Layout::of(&self.targets)),
                self.valid.as_ref().map(Layout::of),
                self.sample_weight.as_ref().map(Layout::of),
                wanted.grad.as_ref().map(Layout::of),
                hessian.as_ref().map(Layout::of),
                wanted.weights.as_ref().map(Layout::of),
                wanted.losses.as_ref().map(Layout::of),
            ],
        );
        // Columns follow from the place in the order of the indices, which is the memory's in the standard layout alone.
        let share = share && (!several || self.logits.is_standard_layout());
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
                place: 0,
                column: None,
            };
            let outputs = Outputs {
                grad: wanted.grad.and_then(|all| all.into_slice_memory_order()),
                hessian: hessian.and_then(|all| all.into_slice_memory_order()),
                weights: wanted.weights.and_then(|all| all.into_slice_memory_order()),
                losses: wanted.losses.and_then(|all| all.into_slice_memory_order()),
            };
            return reduce(Slices { inputs, outputs }, from, leaf);
        }
        // Each column's number along its axis, the same for all others.
        let numbers = columns.filter(|_| several).map(|columns| self.column_numbers(columns));
        let views = Views {
            logits: self.logits.view().into_dyn(),
            targets: self.targets.view().into_dyn(),
            valid: self.valid.as_ref().map(|all| all.view().into_dyn()),
            sample_weight: self.sample_weight.as_ref().map(|all| all.view().into_dyn()),
            column: numbers.as_ref().and_then(|numbers| numbers.broadcast(self.logits.shape())),
            grad: wanted.grad.map(ArrayViewMut::into_dyn),
            hessian: hessian.map(ArrayViewMut::into_dyn),
            weights: wanted.weights.map(ArrayViewMut::into_dyn),
            losses: wanted.losses.map(ArrayViewMut::into_dyn),
        };
        reduce(views, from, &|part: Views<'_, A, T>| part.with_slices(leaf))
    }

    fn column_numbers(&self, columns: Columns) -> ArrayD<A> {
        let shape = self.logits.shape();
        // The axis behind which as many logits lie as a column has in a row.
        let behind = |axis: &usize| shape[axis + 1..].iter().product::<usize>() == columns.inner;
        let axis = (0..shape.len()).find(|axis| shape[*axis] == columns.count && behind(axis)).unwrap_or(0);
        let mut own = vec![1; shape.len()];
        own[axis] = columns.count;
        ArrayD::from_shape_fn(own, |at| A::from_f64(at[axis] as f64))
    }
}

/// What is known of a batch before it is weighed.
struct Ready<A> {
    isa: Available,
    /// Whether a target lies between 0 and 1.
    soft: bool,
    targets: Option<Targets>,
    adjusted: Option<Adjusted<A>>,
    columns: Columns,
}

impl<A> Ready<A> {
    fn kind(&self) -> SampleKind {
        if self.soft { SampleKind::SoftBinary } else { SampleKind::Binary }
    }
}
