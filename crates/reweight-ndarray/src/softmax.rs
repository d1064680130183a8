//! Softmax cross entropy over arrays (N, C) and (N, C, d…) of any layout.

mod classes;
mod curvature;
mod rows;
mod survey;
mod weigh;

use std::sync::Mutex;

use ndarray::{Array, ArrayD, ArrayView, ArrayViewD, ArrayViewMut, ArrayViewMutD, RemoveAxis};
use reweight::{
    BatchForm, BatchStatistics, HessianForm, LossError, LossSummary, Quantities, Reduction, SampleKind, SampleWeighter,
    SoftmaxLoss, Totals, Weighting,
};

use crate::block::{Formula, Memory};
use crate::dispatch::Available;
use crate::element::{ClassIndex, Float, same_type};
use crate::layout::check_shape;
use crate::outcome::{LossAndGrad, Outcome, SecondOrder};
use crate::parallel::{self, From, Merge, reduce};
use crate::part::{Inputs, Outputs, Slices, Views};
use crate::step::{available, rescale, with_scratch};
pub(crate) use classes::{ClassMap, Raw};
pub(crate) use rows::Found;
pub(crate) use survey::Count;
use survey::{Row, diagnose, look};
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

impl<A> Wanted<'_, A> {
    fn nothing() -> Self {
        Self { grad: None, hessian: None, weights: None, losses: None }
    }

    fn form(&self) -> Option<HessianForm> {
        self.hessian.as_ref().map(|(_, form)| *form)
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
        let (weighting, epsilon) = (loss.weighting(), loss.label_smoothing());
        let ready = self.prepare(weighting, loss.ignore_index())?;
        if !weighting.weighter().observes() {
            return self.weigh(weighting, epsilon, &ready, Wanted::nothing());
        }
        let mut counts = BatchStatistics::zero(weighting.request(), self.classes());
        self.count(&ready, &mut counts)?;
        self.weigh(&weighting.preview(&counts)?, epsilon, &ready, Wanted::nothing())
    }

    /// One training step: counts, lets the weighter observe, weighs. The gradient has the shape of the logits.
    ///
    /// # Errors
    ///
    /// As [`weigh_into`](Self::weigh_into); the loss is then as it was.
    pub fn value_and_grad<W: SampleWeighter>(&self, loss: &mut SoftmaxLoss<W>) -> Result<LossAndGrad<A, D>, LossError> {
        let mut grad = Array::from_elem(self.logits.raw_dim(), A::ZERO);
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
        let mut grad = Array::from_elem(self.logits.raw_dim(), A::ZERO);
        let mut weights = Array::from_elem(self.targets.raw_dim(), A::ZERO);
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
        let mut grad = Array::from_elem(self.logits.raw_dim(), A::ZERO);
        let mut hessian = grad.clone();
        let mut weights = Array::from_elem(self.targets.raw_dim(), A::ZERO);
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

    /// Checks shapes, looks at the labels where a denominator depends on them, and asks the loss's parts whether they fit.
    fn prepare<W: SampleWeighter>(&self, weighting: &Weighting<W>, ignore: Option<i64>) -> Result<Ready<A>, LossError> {
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
            self.each_part(Wanted::nothing(), From::Start, &|part: Slices<'_, A, I>| {
                labelled(part, |part| look(&part.inputs, ignore))
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
    fn count(&self, ready: &Ready<A>, counts: &mut BatchStatistics) -> Result<(), LossError> {
        let (isa, ignore) = (ready.isa, ready.ignore);
        let shared = Mutex::new(&mut *counts);
        let found = self.each_part(Wanted::nothing(), From::Start, &|part: Slices<'_, A, I>| {
            labelled(part, |part| {
                let inputs = part.inputs;
                with_scratch(&shared, |counts| match &ready.map {
                    None => A::count_rows(isa, Count { map: Raw, inputs, ignore, counts }),
                    Some(map) => A::count_adjusted_rows(isa, Count { map, inputs, ignore, counts }),
                })
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

    fn weigh<W: SampleWeighter>(
        &self,
        weighting: &Weighting<W>,
        epsilon: f64,
        ready: &Ready<A>,
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
        let factor = if late { 1.0 } else { reduction.factor(&known) };
        let Weighed { sums, found } = self.run(ready, formula, epsilon, factor, wanted.reborrow());
        if found.faulty {
            if let Some(grad) = &mut wanted.grad {
                grad.fill(A::ZERO);
            }
            if let Some((hessian, _)) = &mut wanted.hessian {
                hessian.fill(A::ZERO);
            }
            let input = self.diagnose(self.classes(), ready.ignore);
            return Err(input.unwrap_or_else(|| self.not_finite(weighting, ready, formula, epsilon, factor)));
        }
        let totals =
            Totals { loss_sum: sums.loss, weight_sum: sums.weight, valid: found.valid, positives: found.positives };
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
    fn run(&self, ready: &Ready<A>, formula: Formula<'_>, epsilon: f64, factor: f64, wanted: Wanted<'_, A>) -> Weighed {
        let (isa, ignore, form) = (ready.isa, ready.ignore, wanted.form());
        self.each_part(wanted, From::End, &|part: Slices<'_, A, I>| {
            labelled(part, |part| {
                let mut memory = Memory::take(formula);
                let lent = &mut memory;
                let weighed = match &ready.map {
                    None => {
                        let map = Raw;
                        A::weigh_rows(isa, Weigh { formula, memory: lent, map, part, ignore, epsilon, factor, form })
                    }
                    Some(map) => A::weigh_adjusted_rows(
                        isa,
                        Weigh { formula, memory: lent, map, part, ignore, epsilon, factor, form },
                    ),
                };
                memory.keep();
                weighed
            })
        })
    }

    /// Which row's weight, loss or slope is not finite: all of them are computed again, and looked through.
    fn not_finite<W: SampleWeighter>(
        &self,
        weighting: &Weighting<W>,
        ready: &Ready<A>,
        formula: Formula<'_>,
        epsilon: f64,
        factor: f64,
    ) -> LossError {
        let mut grad = ArrayD::from_elem(self.rows().shape(), A::ZERO);
        let mut weights = ArrayD::from_elem(self.targets.shape(), A::ZERO);
        let mut losses = weights.clone();
        let wanted = Wanted {
            grad: Some(grad.view_mut()),
            hessian: None,
            weights: Some(weights.view_mut()),
            losses: Some(losses.view_mut()),
        };
        self.run(ready, formula, epsilon, factor, wanted);
        let slopes = grad.rows().into_iter();
        for (index, ((weight, loss), slopes)) in weights.iter().zip(&losses).zip(slopes).enumerate() {
            let worst = slopes.iter().copied().find(|&slope| !slope.into().is_finite()).unwrap_or(A::ZERO);
            let results = [*weight, *loss, worst].map(Into::<f64>::into);
            if let Some(at) = results.iter().position(|result| !result.is_finite()) {
                let margin = self.margin(index);
                return weighting.not_finite(at, index, results[at], margin);
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
        wanted: Wanted<'_, A>,
        from: From,
        leaf: &(impl Fn(Slices<'_, A, I>) -> R + Sync),
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
                logits,
                targets,
                valid: self.valid.as_ref().and_then(|all| all.to_slice()),
                sample_weight: self.sample_weight.as_ref().and_then(|all| all.to_slice()),
                place: 0,
                column: None,
            };
            let outputs = Outputs {
                grad: wanted.grad.and_then(|all| all.into_slice()),
                hessian: hessian.and_then(|all| all.into_slice()),
                weights: wanted.weights.and_then(|all| all.into_slice()),
                losses: wanted.losses.and_then(|all| all.into_slice()),
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
        reduce(views, from, &|part: Views<'_, A, I>| part.with_slices(leaf))
    }
}

/// What is known of a batch before it is weighed.
struct Ready<A> {
    isa: Available,
    ignore: Option<i64>,
    labels: Option<Found>,
    map: Option<ClassMap<A>>,
}

/// Runs `kernel` over the stretch with its labels as `i64`.
fn labelled<A: Float, I: ClassIndex, R: Merge>(part: Slices<'_, A, I>, kernel: impl Fn(Slices<'_, A, i64>) -> R) -> R {
    let same = same_type(part.inputs.targets);
    part.retarget(same, I::label, kernel)
}
