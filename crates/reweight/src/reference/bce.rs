//! Binary cross entropy, element by element.

use super::{Outcome, check_finite, check_length, check_sample_weight, reduce, totals};
use crate::dual::Dual;
use crate::error::LossError;
use crate::form::BatchForm;
use crate::hessian::HessianForm;
use crate::loss::{BceLoss, Fit, Weighting};
use crate::real::Real;
use crate::sample::{Sample, SampleKind};
use crate::statistics::BatchStatistics;
use crate::weighter::SampleWeighter;

/// The targets of a BCE batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum BceTargets<'a> {
    /// 0 or 1.
    Hard(&'a [i64]),
    /// Anywhere in [0, 1].
    Soft(&'a [f64]),
}

/// N elements of logits with their targets.
#[derive(Clone, Copy, Debug)]
pub struct BceBatch<'a> {
    /// The N logits, row by row.
    pub logits: &'a [f64],
    /// Their shape, where columns are read along an axis; one axis of N where it is left out.
    pub shape: Option<&'a [usize]>,
    /// The N targets.
    pub targets: BceTargets<'a>,
    /// Which elements count; all where it is left out.
    pub valid: Option<&'a [bool]>,
    /// A factor, finite and at least 0, for each element.
    pub sample_weight: Option<&'a [f64]>,
}

impl<'a> BceBatch<'a> {
    /// A batch in which every element counts once.
    pub fn new(logits: &'a [f64], targets: BceTargets<'a>) -> Self {
        Self { logits, shape: None, targets, valid: None, sample_weight: None }
    }

    fn is_valid(&self, i: usize) -> bool {
        self.valid.is_none_or(|valid| valid[i])
    }

    fn target(&self, i: usize) -> f64 {
        match self.targets {
            BceTargets::Hard(targets) => targets[i] as f64,
            BceTargets::Soft(targets) => targets[i],
        }
    }

    /// Whether a label lies between 0 and 1: floats that are all 0 and 1 are hard labels.
    fn is_soft(&self) -> bool {
        let between = |&i: &usize| self.is_valid(i) && !matches!(self.target(i), 0.0 | 1.0);
        matches!(self.targets, BceTargets::Soft(_)) && (0..self.logits.len()).any(|i| between(&i))
    }

    /// The sample as weighters see it, and how its variable (margin, or logit of a soft label) moves with the raw logit.
    fn sample<R: Real, W: SampleWeighter>(
        &self,
        weighting: &Weighting<W>,
        fit: &Fit,
        i: usize,
        variable: impl Fn(f64) -> R,
    ) -> (Sample<R>, f64) {
        let (target, column) = (self.target(i), fit.columns.of(i));
        let (mut x, mut direction, mut margin) = (self.logits[i], 1.0, 0.0);
        if let Some(affine) = &fit.affine {
            direction = affine.scale_of(column);
            x = direction * x + affine.offset_of(column);
            margin = affine.margin_of(usize::from(target >= 0.5));
        }
        let sample = if self.is_soft() {
            Sample::soft(variable(x), R::lit(target))
        } else {
            let sign = 2.0 * target - 1.0;
            direction *= sign;
            Sample::binary(variable(sign * x - margin), R::lit(target))
        };
        (weighting.map(sample.in_column(R::lit(column as f64))), direction)
    }

    fn fit<W: SampleWeighter>(&self, loss: &BceLoss<W>) -> Result<Fit, LossError> {
        let own = [self.logits.len()];
        let form = BatchForm::binary(self.shape.unwrap_or(&own), self.is_soft());
        Ok(loss.weighting().fit(&form)?)
    }

    /// Ignored elements may hold anything; the others must be in order.
    fn check(&self) -> Result<(), LossError> {
        let n = self.logits.len();
        if let Some(shape) = self.shape {
            check_length("logits", n, shape.iter().product())?;
        }
        match self.targets {
            BceTargets::Hard(targets) => check_length("targets", targets.len(), n)?,
            BceTargets::Soft(targets) => check_length("targets", targets.len(), n)?,
        }
        if let Some(valid) = self.valid {
            check_length("valid", valid.len(), n)?;
        }
        if let Some(sample_weight) = self.sample_weight {
            check_length("sample_weight", sample_weight.len(), n)?;
        }
        for i in (0..n).filter(|&i| self.is_valid(i)) {
            if !self.logits[i].is_finite() {
                return Err(LossError::NonFiniteLogit { index: i, logit: self.logits[i] });
            }
            match self.targets {
                BceTargets::Hard(targets) if !(0..=1).contains(&targets[i]) => {
                    return Err(LossError::label(i, targets[i], 2));
                }
                BceTargets::Soft(targets) if !(0.0..=1.0).contains(&targets[i]) => {
                    return Err(LossError::Target { index: i, target: targets[i] });
                }
                _ => {}
            }
            check_sample_weight(self.sample_weight, i)?;
        }
        Ok(())
    }

    /// Counts what `loss` asks for.
    ///
    /// # Errors
    ///
    /// Where the batch is not in order.
    pub fn statistics<W: SampleWeighter>(&self, loss: &BceLoss<W>) -> Result<BatchStatistics, LossError> {
        self.check()?;
        let fit = self.fit(loss)?;
        let mut counts = BatchStatistics::zero(loss.weighting().request(), 2);
        for i in (0..self.logits.len()).filter(|&i| self.is_valid(i)) {
            let positive = self.target(i) >= 0.5;
            counts.valid += 1;
            counts.positives += u64::from(positive);
            if let Some(count) = counts.class_counts.get_mut(usize::from(positive)) {
                *count += 1;
            }
            let (sample, _) = self.sample(loss.weighting(), &fit, i, |x| x);
            for histogram in &mut counts.gradient_norm {
                let region = histogram.regions().region_of(sample.region_key(), sample.axis());
                histogram.counts_mut()[region] += 1;
            }
        }
        Ok(counts)
    }

    /// Counts, lets the weighter observe, weighs: one training step.
    ///
    /// # Errors
    ///
    /// Where the batch is not in order, or a result is no finite number; the loss is then as it was.
    pub fn value_and_grad<W: SampleWeighter>(&self, loss: &mut BceLoss<W>) -> Result<Outcome, LossError> {
        let counts = self.statistics(loss)?;
        // By a copy first: a result that is no number leaves the loss as it was.
        let outcome = self.outcome(loss, &loss.weighting().preview(&counts)?, &counts)?;
        loss.observe(&counts)?;
        Ok(outcome)
    }

    /// Weighs with what the loss has observed so far: the last of the three steps statistics, observe, weigh, for those
    /// who gather one step's statistics in parts. The reduction's denominator is that of this part.
    ///
    /// # Errors
    ///
    /// Where the batch is not in order.
    pub fn weigh<W: SampleWeighter>(&self, loss: &BceLoss<W>) -> Result<Outcome, LossError> {
        let counts = self.statistics(loss)?;
        self.outcome(loss, loss.weighting(), &counts)
    }

    /// For evaluation: the weights are those of a training step on this batch, and the loss stays as it is.
    ///
    /// # Errors
    ///
    /// Where the batch is not in order.
    pub fn value<W: SampleWeighter>(&self, loss: &BceLoss<W>) -> Result<Outcome, LossError> {
        let counts = self.statistics(loss)?;
        self.outcome(loss, &loss.weighting().preview(&counts)?, &counts)
    }

    /// d²L/dx² of each element in that form, with what the loss has observed so far and the gradient's factor.
    ///
    /// # Errors
    ///
    /// Where the batch is not in order, or the loss has no such form.
    pub fn hessian<W: SampleWeighter>(&self, loss: &BceLoss<W>, form: HessianForm) -> Result<Vec<f64>, LossError> {
        let counts = self.statistics(loss)?;
        let fit = self.fit(loss)?;
        let weighting = loss.weighting();
        weighting.check_hessian(form, if self.is_soft() { SampleKind::SoftBinary } else { SampleKind::Binary })?;
        let first = self.outcome(loss, weighting, &counts)?;
        let scale = weighting.reduction().factor(&totals(&first.losses, &first.weights, &counts));
        let mut hessian = vec![0.0; self.logits.len()];
        for i in (0..self.logits.len()).filter(|&i| self.is_valid(i)) {
            let (sample, direction) = self.sample(weighting, &fit, i, |x| Dual::variable(Dual::variable(x)));
            let (weight, base) = (weighting.weighter().weight(&sample), weighting.base_loss(&sample));
            let curvature = match form {
                HessianForm::Exact => (weight * base).slope.slope,
                HessianForm::Clamped => (weight * base).slope.slope.max(0.0),
                // A soft label's variable is the logit: σ(x)·σ(−x) is what the mixture of both labels' forms comes to.
                HessianForm::GaussNewton if self.is_soft() => {
                    let logarithm = -(sample.loss_if_positive() + sample.loss_if_negative());
                    weight.value.value * logarithm.value.value.exp()
                }
                HessianForm::GaussNewton => -weight.value.value * base.slope.value * sample.p().value.value,
            };
            let factor = self.sample_weight.map_or(1.0, |weights| weights[i]);
            hessian[i] = scale * factor * curvature * direction * direction;
        }
        Ok(hessian)
    }

    fn outcome<W: SampleWeighter>(
        &self,
        loss: &BceLoss<W>,
        weighting: &Weighting<W>,
        counts: &BatchStatistics,
    ) -> Result<Outcome, LossError> {
        let fit = self.fit(loss)?;
        let n = self.logits.len();
        let (mut grad, mut weights, mut losses) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
        for i in (0..n).filter(|&i| self.is_valid(i)) {
            let (sample, direction) = self.sample(weighting, &fit, i, Dual::variable);
            let factor = self.sample_weight.map_or(1.0, |weights| weights[i]);
            let weight = weighting.weighter().weight(&sample);
            let weighted = weight * weighting.base_loss(&sample);
            weights[i] = factor * weight.value;
            losses[i] = factor * weighted.value;
            grad[i] = factor * weighted.slope * direction;
            check_finite(i, &[weights[i], losses[i], grad[i]], sample.margin().value, weighting)?;
        }
        Ok(reduce(weighting, counts, grad, weights, losses))
    }
}
