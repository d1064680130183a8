//! The passes over a batch: targets looked at, regions counted, samples weighed, and what is said of a fault.

use std::sync::{Mutex, PoisonError};

use ndarray::{ArrayD, ArrayView, ArrayViewMut, Dimension};
use reweight::{
    BatchForm, BatchStatistics, Columns, HessianForm, LossError, LossSummary, Quantities, Reduction, SampleKind,
    SampleWeighter, Schedule, Totals, Weighting,
};

use super::block::Adjusted;
use super::labels::{Hard, Soft, soft, with_labels};
use super::survey::{Count, Look, Targets, diagnose};
use super::weigh::{Weigh, Weighed};
use super::{BceBatch, Wanted};
use crate::block::{Formula, Memory};
use crate::dispatch::Available;
use crate::element::{BceTarget, Float, FloatLanes};
use crate::kernels::Kernels;
use crate::layout::{Layout, check_shape, share_order};
use crate::parallel::{From, Merge, reduce};
use crate::part::{Ahead, Inputs, Leaf, Outputs, Slices, Views};
use crate::step::{self, Factors, available, overflow, rescale, with_scratch};
use crate::stored::StoredMut;

impl<A, T, D> BceBatch<'_, A, T, D>
where
    A: Float,
    T: BceTarget,
    D: Dimension,
{
    pub(super) fn check_outputs(&self, wanted: &Wanted<'_, A, D>) -> Result<(), LossError> {
        let shape = self.logits.shape();
        if let Some(grad) = &wanted.grad {
            check_shape("grad", shape, grad.shape())?;
        }
        if let Some((hessian, _)) = &wanted.hessian {
            check_shape("hessian", shape, hessian.shape())?;
        }
        if let Some(weights) = &wanted.weights {
            check_shape("weights", shape, weights.shape())?;
        }
        if let Some(losses) = &wanted.losses {
            check_shape("losses", shape, losses.shape())?;
        }
        Ok(())
    }

    /// Checks shapes, looks at the targets as far as `look` says, and asks the loss's parts whether they fit.
    pub(super) fn prepare<W: SampleWeighter>(
        &self,
        weighting: &Weighting<W>,
        look: LookAt,
    ) -> Result<Ready<A::Wide>, LossError> {
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
        let seen_soft = T::SOFT && look == LookAt::Some && self.is_soft_at_first();
        let assumed = T::SOFT && look == LookAt::Some && !divides && !seen_soft;
        let whole = divides || T::SOFT && look == LookAt::All;
        let targets = whole.then(|| {
            self.each_part(isa, None, Wanted::nothing(), From::Start, &|part: Slices<'_, A::Wide, T>| {
                if T::SOFT {
                    with_labels::<A::Wide, T, Soft, _>(isa, part, &|part| {
                        A::Wide::look_soft(isa, Look { inputs: part.inputs })
                    })
                } else {
                    with_labels::<A::Wide, T, Hard, _>(isa, part, &|part| {
                        A::Wide::look_hard(isa, Look { inputs: part.inputs })
                    })
                }
            })
        });
        if let Some(targets) = &targets
            && targets.faulty
            && let Some(error) = self.diagnose()
        {
            return Err(error);
        }
        let soft = targets.as_ref().map_or(seen_soft, |targets| targets.soft);
        let fit = match weighting.fit(&BatchForm::binary(shape, soft)) {
            Err(_) if assumed => return self.prepare(weighting, LookAt::All),
            fit => fit?,
        };
        let adjusted = fit.affine.as_ref().map(|affine| Adjusted::of(affine, fit.columns.count));
        Ok(Ready { isa, soft, assumed, targets, adjusted, columns: fit.columns })
    }

    /// Whether one of the first targets that count is soft, as those of a batch of soft ones mostly are.
    fn is_soft_at_first(&self) -> bool {
        let is_soft = |&target: &T| {
            let target: f64 = soft::<A::Wide, T>(target).into();
            target > 0.0 && target < 1.0
        };
        let mut first = self.targets.iter().take(FIRST);
        match &self.valid {
            None => first.any(is_soft),
            Some(valid) => first.zip(valid).any(|(target, &counts)| counts && is_soft(target)),
        }
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
    pub(super) fn count<W: SampleWeighter>(
        &self,
        weighting: &Weighting<W>,
        ready: &Ready<A::Wide>,
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
        let checked =
            self.each_part(isa, Some(columns), Wanted::nothing(), From::Start, &|part: Slices<'_, A::Wide, T>| {
                let mut memory = Memory::take(memory);
                let slot = Mutex::new(&mut memory);
                let checked = if ready.soft {
                    with_labels::<A::Wide, T, Soft, _>(isa, part, &|part| {
                        with_scratch(&shared, |counts| {
                            let memory = &mut **slot.lock().unwrap_or_else(PoisonError::into_inner);
                            let inputs = part.inputs;
                            A::Wide::count_soft(isa, Count { key, memory, adjusted, columns, inputs, counts })
                        })
                    })
                } else {
                    with_labels::<A::Wide, T, Hard, _>(isa, part, &|part| {
                        with_scratch(&shared, |counts| {
                            let memory = &mut **slot.lock().unwrap_or_else(PoisonError::into_inner);
                            let inputs = part.inputs;
                            A::Wide::count_hard(isa, Count { key, memory, adjusted, columns, inputs, counts })
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

    pub(super) fn weigh<W: SampleWeighter>(
        &self,
        weighting: &Weighting<W>,
        ready: &Ready<A::Wide>,
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
        let mut factors = Factors { first: if late { 1.0 } else { reduction.factor(&known) }, last: A::Wide::ONE };
        if late && A::HALF.is_some() && wanted.slopes() {
            // Halves are rounded once: what they are divided by has to be known before they are written.
            let sums = self.run(ready, formula, factors, Wanted::nothing());
            factors.last = step::late(reduction.factor(&sums.totals()));
        }
        let weighed = self.run(ready, formula, factors, wanted.reborrow());
        if weighed.checked.faulty && ready.assumed {
            // A fault, or a target that is soft after all: a look at all of them tells.
            let ready = self.prepare(weighting, LookAt::All).inspect_err(|_| wanted.clear())?;
            return self.weigh(weighting, &ready, wanted);
        }
        if weighed.checked.faulty {
            let beyond = || self.beyond(weighting, ready, formula, factors, &wanted);
            let error = self.diagnose().unwrap_or_else(beyond);
            wanted.clear();
            return Err(error);
        }
        let totals = weighed.totals();
        if late {
            let factor = reduction.factor(&totals);
            let slopes = [wanted.grad, wanted.hessian.map(|(hessian, _)| hessian)];
            for slopes in slopes.into_iter().flatten().filter_map(A::wide) {
                rescale(ready.isa, slopes, factor);
            }
        }
        Ok(weighting.summary(&totals))
    }

    /// The pass itself.
    fn run(
        &self,
        ready: &Ready<A::Wide>,
        formula: Formula<'_>,
        factors: Factors<A::Wide>,
        wanted: Wanted<'_, A, D>,
    ) -> Weighed {
        let Ready { isa, adjusted, columns, .. } = ready;
        let (isa, adjusted, columns) = (*isa, adjusted.as_ref(), *columns);
        let form = wanted.form().unwrap_or_default();
        let read = (formula.schedule.reads_column() || adjusted.is_some_and(Adjusted::by_column)).then_some(columns);
        self.each_part(isa, read, wanted, From::End, &|part: Slices<'_, A::Wide, T>| {
            if T::SOFT && ready.soft {
                with_labels::<A::Wide, T, Soft, _>(isa, part, &|part| {
                    let mut memory = Memory::take(formula);
                    let lent = &mut memory;
                    let kernel = Weigh { formula, memory: lent, adjusted, columns, part, factors, form };
                    let weighed = A::Wide::weigh_soft(isa, kernel);
                    memory.keep();
                    weighed
                })
            } else {
                with_labels::<A::Wide, T, Hard, _>(isa, part, &|part| {
                    let mut memory = Memory::take(formula);
                    let lent = &mut memory;
                    let kernel = Weigh { formula, memory: lent, adjusted, columns, part, factors, form };
                    let weighed = A::Wide::weigh_hard(isa, kernel);
                    memory.keep();
                    weighed
                })
            }
        })
    }

    /// Which sample's weight, loss or slope is not finite, or beyond the half precision that it was to be written in: all of them
    /// are computed again without rounding, and looked through.
    fn beyond<W: SampleWeighter>(
        &self,
        weighting: &Weighting<W>,
        ready: &Ready<A::Wide>,
        formula: Formula<'_>,
        factors: Factors<A::Wide>,
        wanted: &Wanted<'_, A, D>,
    ) -> LossError {
        let wide = |all: &ArrayView<'_, A, D>| all.mapv(|number| A::Wide::from_f64(number.into()));
        let logits = wide(&self.logits);
        let sample_weight = self.sample_weight.as_ref().map(wide);
        let batch = BceBatch {
            logits: logits.view(),
            targets: self.targets.view(),
            valid: self.valid.as_ref().map(|all| all.view()),
            sample_weight: sample_weight.as_ref().map(|all| all.view()),
        };
        let form = wanted.form();
        let [mut weights, mut losses, mut grad] = [(); 3].map(|()| batch.zeros());
        let mut hessian = form.map(|_| batch.zeros());
        let all = Wanted {
            grad: Some(grad.view_mut()),
            hessian: hessian.as_mut().map(|all| all.view_mut()).zip(form),
            weights: Some(weights.view_mut()),
            losses: Some(losses.view_mut()),
        };
        batch.run(ready, formula, factors, all);
        let last: f64 = factors.last.into();
        let mut curvatures = hessian.iter().flatten();
        for (index, ((&weight, &loss), &slope)) in weights.iter().zip(&losses).zip(&grad).enumerate() {
            let curvature: f64 = curvatures.next().map_or(0.0, |&curvature| curvature.into());
            let results = [weight.into(), loss.into(), slope.into() * last, curvature * last];
            if let Some(at) = results.iter().position(|result: &f64| !result.is_finite()) {
                let logit: f64 = logits.iter().nth(index).map_or(0.0, |&logit| logit.into());
                let target = self.targets.iter().nth(index).map_or(0.0, |target| target.number());
                return weighting.not_finite(at, index, results[at], (2.0 * target - 1.0) * logit);
            }
            let written = [wanted.weights.is_some(), wanted.losses.is_some(), wanted.grad.is_some(), form.is_some()];
            let results = std::array::from_fn(|at| written[at].then_some(results[at]));
            if let Some(error) = A::HALF.and_then(|format| overflow(format, index, results)) {
                return error;
            }
        }
        LossError::SumNotFinite
    }

    /// Runs `leaf` over stretches of the batch and merges what it returns, always in the same order. `columns` are read where
    /// they are given.
    fn each_part<R: Merge>(
        &self,
        isa: Available,
        columns: Option<Columns>,
        wanted: Wanted<'_, A, D>,
        from: From,
        leaf: &Leaf<'_, A::Wide, T, R>,
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
                logits: A::stored(isa, logits),
                targets,
                valid: self.valid.as_ref().and_then(|all| all.to_slice_memory_order()),
                sample_weight: (self.sample_weight.as_ref())
                    .and_then(|all| all.to_slice_memory_order().map(|all| A::stored(isa, all))),
                place: 0,
                column: None,
                ahead: Ahead::default(),
            };
            let outputs = Outputs {
                grad: wanted.grad.and_then(|all| slice_mut(isa, all)),
                hessian: hessian.and_then(|all| slice_mut(isa, all)),
                weights: wanted.weights.and_then(|all| slice_mut(isa, all)),
                losses: wanted.losses.and_then(|all| slice_mut(isa, all)),
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
        reduce(views, from, &|part: Views<'_, A, T>| part.with_slices(isa, leaf))
    }

    fn column_numbers(&self, columns: Columns) -> ArrayD<A::Wide> {
        let shape = self.logits.shape();
        // The axis behind which as many logits lie as a column has in a row.
        let behind = |axis: &usize| shape[axis + 1..].iter().product::<usize>() == columns.inner;
        let axis = (0..shape.len()).find(|axis| shape[*axis] == columns.count && behind(axis)).unwrap_or(0);
        let mut own = vec![1; shape.len()];
        own[axis] = columns.count;
        ArrayD::from_shape_fn(own, |at| A::Wide::from_f64(at[axis] as f64))
    }
}

/// An output's memory, where it lies in one piece.
fn slice_mut<A: Float, D: Dimension>(isa: Available, all: ArrayViewMut<'_, A, D>) -> Option<StoredMut<'_, A::Wide>> {
    all.into_slice_memory_order().map(|all| A::stored_mut(isa, all))
}

/// Targets that are looked at where not all are.
const FIRST: usize = 64;

/// Which targets are looked at before anything is done with a batch, where only whether they are soft depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LookAt {
    /// All of them: where what is counted could not be taken back.
    All,
    /// Some. Float targets are mostly hard ones: they are weighed as such, and once more should a check fail.
    Some,
}

/// What is known of a batch before it is weighed.
pub(super) struct Ready<A> {
    isa: Available,
    /// Whether a target lies between 0 and 1.
    soft: bool,
    /// Whether that none does is taken for granted, until a check fails.
    assumed: bool,
    targets: Option<Targets>,
    adjusted: Option<Adjusted<A>>,
    columns: Columns,
}

impl<A> Ready<A> {
    fn kind(&self) -> SampleKind {
        if self.soft { SampleKind::SoftBinary } else { SampleKind::Binary }
    }
}
