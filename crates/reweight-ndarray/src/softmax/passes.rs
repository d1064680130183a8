//! The passes over a batch: labels looked at, regions counted, rows weighed, and what is said of a fault.

use std::sync::Mutex;

use ndarray::{ArrayD, ArrayView1, ArrayViewMutD, RemoveAxis};
use reweight::{
    BatchForm, BatchStatistics, HessianForm, LossError, LossSummary, Quantities, Reduction, SampleKind, SampleWeighter,
    Totals, Weighting,
};

use super::classes::ClassMap;
use super::rows::Found;
use super::survey::{Count, Row, diagnose, look};
use super::weigh::{Weigh, Weighed};
use super::{SoftmaxBatch, Wanted};
use crate::block::{Formula, Memory};
use crate::dispatch::Available;
use crate::element::{ClassIndex, Float, FloatLanes, same_type};
use crate::kernels::Kernels;
use crate::parallel::{From, Merge, reduce};
use crate::part::{Ahead, Inputs, Leaf, Outputs, Run, Slices, Views};
use crate::step::{self, Factors, available, overflow, rescale, with_scratch};
use crate::stored::StoredMut;

impl<A, I, D> SoftmaxBatch<'_, A, I, D>
where
    A: Float,
    I: ClassIndex,
    D: RemoveAxis,
{
    /// Checks shapes, looks at the labels where a denominator depends on them, and asks the loss's parts whether they fit.
    pub(super) fn prepare<W: SampleWeighter>(
        &self,
        weighting: &Weighting<W>,
        ignore: Option<i64>,
    ) -> Result<Ready<A::Wide>, LossError> {
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
        let fit = weighting.fit(&BatchForm::softmax(shape, classes))?;
        let divides = match weighting.reduction() {
            Reduction::Positives => true,
            Reduction::Mean => self.valid.is_some() || ignore.is_some(),
            _ => false,
        };
        let labels = divides.then(|| {
            self.each_part(isa, Wanted::nothing(), From::Start, &|part: Slices<'_, A::Wide, I>| {
                labelled(part, &|part| look(&part.inputs, ignore))
            })
        });
        if labels.is_some_and(|labels| labels.faulty)
            && let Some(error) = self.diagnose(classes, ignore)
        {
            return Err(error);
        }
        let map = fit.affine.as_ref().map(|affine| ClassMap::of(affine, classes));
        Ok(Ready { isa, ignore, labels, map })
    }

    /// Checks the batch's contents, and adds it to `counts`.
    pub(super) fn count(&self, ready: &Ready<A::Wide>, counts: &mut BatchStatistics) -> Result<(), LossError> {
        let (isa, ignore) = (ready.isa, ready.ignore);
        let shared = Mutex::new(&mut *counts);
        let found = self.each_part(isa, Wanted::nothing(), From::Start, &|part: Slices<'_, A::Wide, I>| {
            labelled(part, &|part| {
                let inputs = part.inputs;
                let mut memory = Memory::take_any();
                let (lent, map) = (&mut memory, ready.map.as_ref());
                let found = with_scratch(&shared, |counts| {
                    A::Wide::count_rows(isa, Count { memory: lent, map, inputs, ignore, counts })
                });
                memory.keep();
                found
            })
        });
        if found.faulty
            && let Some(error) = self.diagnose(self.classes(), ignore)
        {
            return Err(error);
        }
        counts.valid += found.valid;
        counts.positives += found.positives;
        Ok(())
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

    pub(super) fn weigh<W: SampleWeighter>(
        &self,
        weighting: &Weighting<W>,
        epsilon: f64,
        ready: &Ready<A::Wide>,
        mut wanted: Wanted<'_, A>,
    ) -> Result<LossSummary, LossError> {
        let kind = SampleKind::Class;
        let quantities = match wanted.form() {
            None => Quantities::Step,
            Some(HessianForm::GaussNewton) => Quantities::GaussNewton,
            Some(_) => Quantities::Second,
        };
        let tables = weighting.formula(kind)?.tables();
        let formula = Formula { schedule: weighting.schedule(kind, quantities)?, tables, axis: kind.axis() };
        let reduction = weighting.reduction();
        let late = reduction.needs_weight_sum();
        let known = Totals {
            loss_sum: 0.0,
            weight_sum: 0.0,
            valid: ready.labels.map_or(self.targets.len() as u64, |labels| labels.valid),
            positives: ready.labels.map_or(0, |labels| labels.positives),
        };
        let mut factors = Factors { first: if late { 1.0 } else { reduction.factor(&known) }, last: A::Wide::ONE };
        if late && A::HALF.is_some() && wanted.slopes() {
            // Halves are rounded once: what they are divided by has to be known before they are written.
            let sums = self.run(ready, formula, epsilon, factors, Wanted::nothing());
            factors.last = step::late(reduction.factor(&sums.totals()));
        }
        let weighed = self.run(ready, formula, epsilon, factors, wanted.reborrow());
        if weighed.found.faulty {
            let beyond = || self.beyond(weighting, ready, formula, epsilon, factors, &wanted);
            let error = self.diagnose(self.classes(), ready.ignore).unwrap_or_else(beyond);
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
        epsilon: f64,
        factors: Factors<A::Wide>,
        wanted: Wanted<'_, A>,
    ) -> Weighed {
        let (isa, ignore, form) = (ready.isa, ready.ignore, wanted.form());
        self.each_part(isa, wanted, From::End, &|part: Slices<'_, A::Wide, I>| {
            labelled(part, &|part| {
                let mut memory = Memory::take(formula);
                let (lent, map) = (&mut memory, ready.map.as_ref());
                let weighed = A::Wide::weigh_rows(
                    isa,
                    Weigh { formula, memory: lent, map, part, ignore, epsilon, factors, form },
                );
                memory.keep();
                weighed
            })
        })
    }

    /// Which row's weight, loss or slope is not finite, or beyond the half precision that it was to be written in: all of them are
    /// computed again without rounding, and looked through.
    fn beyond<W: SampleWeighter>(
        &self,
        weighting: &Weighting<W>,
        ready: &Ready<A::Wide>,
        formula: Formula<'_>,
        epsilon: f64,
        factors: Factors<A::Wide>,
        wanted: &Wanted<'_, A>,
    ) -> LossError {
        let logits = self.logits.mapv(|number| A::Wide::from_f64(number.into()));
        let sample_weight = self.sample_weight.as_ref().map(|all| all.mapv(|number| A::Wide::from_f64(number.into())));
        let batch = SoftmaxBatch::<_, _, D> {
            logits: logits.view(),
            targets: self.targets.view(),
            valid: self.valid.as_ref().map(|all| all.view()),
            sample_weight: sample_weight.as_ref().map(|all| all.view()),
        };
        let form = wanted.form();
        let mut grad = ArrayD::from_elem(batch.rows().shape(), A::Wide::ZERO);
        let mut hessian = form.map(|_| grad.clone());
        let mut weights = ArrayD::from_elem(self.targets.shape(), A::Wide::ZERO);
        let mut losses = weights.clone();
        let all = Wanted {
            grad: Some(grad.view_mut()),
            hessian: hessian.as_mut().map(|all| all.view_mut()).zip(form),
            weights: Some(weights.view_mut()),
            losses: Some(losses.view_mut()),
        };
        batch.run(ready, formula, epsilon, factors, all);
        let last: f64 = factors.last.into();
        let written = [wanted.weights.is_some(), wanted.losses.is_some(), wanted.grad.is_some(), form.is_some()];
        // Of a row's slopes the one furthest from 0; NaN is further than anything.
        let worst = |slopes: ArrayView1<'_, A::Wide>| {
            let further = |a: f64, b: f64| if b.abs() <= a.abs() { a } else { b };
            slopes.iter().map(|&slope| slope.into() * last).reduce(further).unwrap_or(0.0)
        };
        let mut curvatures = hessian.iter().flat_map(|all| all.rows());
        for (index, ((&weight, &loss), slopes)) in weights.iter().zip(&losses).zip(grad.rows()).enumerate() {
            let curvature = curvatures.next().map_or(0.0, worst);
            let results = [weight.into(), loss.into(), worst(slopes), curvature];
            if let Some(at) = results.iter().position(|result: &f64| !result.is_finite()) {
                let margin = self.margin(index);
                return weighting.not_finite(at, index, results[at], margin);
            }
            let results = std::array::from_fn(|at| written[at].then_some(results[at]));
            if let Some(error) = A::HALF.and_then(|format| overflow(format, index, results)) {
                return error;
            }
        }
        LossError::SumNotFinite
    }

    /// x_y − logsumexp of the others, of the raw logits of row `index`, for a message.
    fn margin(&self, index: usize) -> f64 {
        let label = self.targets.iter().nth(index).map_or(0, |label| label.label());
        let rows = self.rows();
        let Some(row) = rows.rows().into_iter().nth(index) else { return f64::NAN };
        let logit = |class: usize| -> f64 { row[class].into() };
        let others = (0..row.len()).filter(|&class| class as i64 != label);
        let largest = others.clone().map(logit).fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = others.map(|class| (logit(class) - largest).exp()).sum();
        usize::try_from(label).ok().filter(|&label| label < row.len()).map_or(f64::NAN, logit) - largest - sum.ln()
    }

    /// Runs `leaf` over stretches of the batch and merges what it returns, always in the same order.
    fn each_part<R: Merge>(
        &self,
        isa: Available,
        wanted: Wanted<'_, A>,
        from: From,
        leaf: &Leaf<'_, A::Wide, I, R>,
    ) -> R {
        let classes = self.classes();
        let rows = self.rows();
        let standard = |all: &Option<ArrayViewMutD<'_, A>>| all.as_ref().is_none_or(|all| all.is_standard_layout());
        let hessian = wanted.hessian.map(|(hessian, _)| hessian);
        let outputs =
            standard(&wanted.grad) && standard(&hessian) && standard(&wanted.weights) && standard(&wanted.losses);
        let inputs = (rows.to_slice(), self.targets.to_slice());
        let masked = self.valid.as_ref().is_none_or(|all| all.is_standard_layout());
        let weighted = self.sample_weight.as_ref().is_none_or(|all| all.is_standard_layout());
        if let (Some(logits), Some(targets)) = inputs
            && (outputs && masked && weighted)
        {
            let inputs = Inputs {
                row: classes,
                logits: A::stored(isa, logits),
                targets,
                valid: self.valid.as_ref().and_then(|all| all.to_slice()),
                sample_weight: (self.sample_weight.as_ref())
                    .and_then(|all| all.to_slice().map(|all| A::stored(isa, all))),
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
        let views = Views {
            targets: self.targets.view().into_dyn(),
            valid: self.valid.as_ref().map(|all| all.view().into_dyn()),
            sample_weight: self.sample_weight.as_ref().map(|all| all.view().into_dyn()),
            column: None,
            logits: rows,
            grad: wanted.grad,
            hessian,
            weights: wanted.weights,
            losses: wanted.losses,
        };
        reduce(views, from, &|part: Views<'_, A, I>| part.with_slices(isa, leaf))
    }
}

/// An output's memory, where it lies in one piece.
fn slice_mut<A: Float>(isa: Available, all: ArrayViewMutD<'_, A>) -> Option<StoredMut<'_, A::Wide>> {
    all.into_slice().map(|all| A::stored_mut(isa, all))
}

/// What is known of a batch before it is weighed.
pub(super) struct Ready<A> {
    isa: Available,
    ignore: Option<i64>,
    labels: Option<Found>,
    map: Option<ClassMap<A>>,
}

/// Runs `kernel` over the stretch with its labels as `i64`.
fn labelled<A: FloatLanes, I: ClassIndex, R: Merge>(part: Slices<'_, A, I>, kernel: &Run<'_, A, i64, R>) -> R {
    let same = same_type(part.inputs.targets);
    let convert = |targets: &[I], to: &mut [i64]| to.iter_mut().zip(targets).for_each(|(to, from)| *to = from.label());
    part.retarget(same, &convert, kernel)
}
