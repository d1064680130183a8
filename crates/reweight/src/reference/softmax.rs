//! Softmax cross entropy, row by row.

use super::{Outcome, check_finite, check_length, check_sample_weight, reduce, totals};
use crate::dual::Dual;
use crate::error::LossError;
use crate::form::BatchForm;
use crate::hessian::HessianForm;
use crate::loss::{Fit, SoftmaxLoss, Weighting};
use crate::real::Real;
use crate::sample::{Sample, SampleKind};
use crate::statistics::BatchStatistics;
use crate::weighter::SampleWeighter;

/// N rows of C logits with one class index a row.
#[derive(Clone, Copy, Debug)]
pub struct SoftmaxBatch<'a> {
    /// The N·C logits, row after row.
    pub logits: &'a [f64],
    /// C ≥ 2.
    pub classes: usize,
    /// The N class indices.
    pub targets: &'a [i64],
    /// Which rows count; all where it is left out.
    pub valid: Option<&'a [bool]>,
    /// A factor, finite and at least 0, for each row.
    pub sample_weight: Option<&'a [f64]>,
}

/// A row's adjusted logits, its margin and the softmax over the other classes.
struct Row {
    logits: Vec<f64>,
    margin: f64,
    others: Vec<f64>,
}

impl<'a> SoftmaxBatch<'a> {
    /// A batch in which every row counts once.
    pub fn new(logits: &'a [f64], classes: usize, targets: &'a [i64]) -> Self {
        Self { logits, classes, targets, valid: None, sample_weight: None }
    }

    fn logits_of(&self, i: usize) -> &'a [f64] {
        &self.logits[i * self.classes..][..self.classes]
    }

    fn is_valid<W: SampleWeighter>(&self, i: usize, loss: &SoftmaxLoss<W>) -> bool {
        self.valid.is_none_or(|valid| valid[i]) && loss.ignore_index() != Some(self.targets[i])
    }

    fn fit<W: SampleWeighter>(&self, loss: &SoftmaxLoss<W>) -> Result<Fit, LossError> {
        let shape = [self.targets.len(), self.classes];
        Ok(loss.weighting().fit(&BatchForm::softmax(&shape, self.classes))?)
    }

    fn row(&self, fit: &Fit, i: usize) -> Row {
        let label = self.targets[i] as usize;
        let adjusted = |(j, &x): (usize, &f64)| match &fit.affine {
            None => x,
            Some(map) => map.scale_of(j) * x + map.offset_of(j) - if j == label { map.margin_of(label) } else { 0.0 },
        };
        let logits: Vec<f64> = self.logits_of(i).iter().enumerate().map(adjusted).collect();
        let other = |j: &usize| *j != label;
        let largest = (0..self.classes).filter(other).map(|j| logits[j]).fold(f64::NEG_INFINITY, f64::max);
        let mut others: Vec<f64> =
            (0..self.classes).map(|j| if other(&j) { (logits[j] - largest).exp() } else { 0.0 }).collect();
        let sum: f64 = others.iter().sum();
        others.iter_mut().for_each(|share| *share /= sum);
        // Two finite logits may lie further apart than the largest float.
        let margin = ((logits[label] - largest) - sum.ln()).clamp(-f64::MAX, f64::MAX);
        Row { logits, margin, others }
    }

    fn sample<R: Real, W: SampleWeighter>(&self, weighting: &Weighting<W>, i: usize, margin: R) -> Sample<R> {
        weighting.map(Sample::class_of(margin, R::lit(self.targets[i] as f64)))
    }

    fn check<W: SampleWeighter>(&self, loss: &SoftmaxLoss<W>) -> Result<(), LossError> {
        let rows = self.targets.len();
        if self.classes < 2 {
            return Err(LossError::Classes { found: vec![rows, self.classes] });
        }
        check_length("logits", self.logits.len(), rows * self.classes)?;
        if let Some(valid) = self.valid {
            check_length("valid", valid.len(), rows)?;
        }
        if let Some(sample_weight) = self.sample_weight {
            check_length("sample_weight", sample_weight.len(), rows)?;
        }
        for i in (0..rows).filter(|&i| self.is_valid(i, loss)) {
            if let Some(j) = self.logits_of(i).iter().position(|x| !x.is_finite()) {
                let index = i * self.classes + j;
                return Err(LossError::NonFiniteLogit { index, logit: self.logits[index] });
            }
            if usize::try_from(self.targets[i]).map_or(true, |label| label >= self.classes) {
                return Err(LossError::label(i, self.targets[i], self.classes));
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
    pub fn statistics<W: SampleWeighter>(&self, loss: &SoftmaxLoss<W>) -> Result<BatchStatistics, LossError> {
        self.check(loss)?;
        let fit = self.fit(loss)?;
        let mut counts = BatchStatistics::zero(loss.weighting().request(), self.classes);
        for i in (0..self.targets.len()).filter(|&i| self.is_valid(i, loss)) {
            counts.valid += 1;
            counts.positives += u64::from(self.targets[i] != 0);
            if let Some(count) = counts.class_counts.get_mut(self.targets[i] as usize) {
                *count += 1;
            }
            let sample = self.sample(loss.weighting(), i, self.row(&fit, i).margin);
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
    pub fn value_and_grad<W: SampleWeighter>(&self, loss: &mut SoftmaxLoss<W>) -> Result<Outcome, LossError> {
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
    pub fn weigh<W: SampleWeighter>(&self, loss: &SoftmaxLoss<W>) -> Result<Outcome, LossError> {
        let counts = self.statistics(loss)?;
        self.outcome(loss, loss.weighting(), &counts)
    }

    /// For evaluation: the weights are those of a training step on this batch, and the loss stays as it is.
    ///
    /// # Errors
    ///
    /// Where the batch is not in order.
    pub fn value<W: SampleWeighter>(&self, loss: &SoftmaxLoss<W>) -> Result<Outcome, LossError> {
        let counts = self.statistics(loss)?;
        self.outcome(loss, &loss.weighting().preview(&counts)?, &counts)
    }

    /// Σ_j −log p_j / C over the row's adjusted logits: what label smoothing puts beside the base.
    fn uniform(&self, row: &Row, label: usize, log_p: f64) -> f64 {
        // log p_j = z_j − z_y + log p_y.
        let sum: f64 = row.logits.iter().map(|z| z - row.logits[label] + log_p).sum();
        -sum / self.classes as f64
    }

    /// d²L/dx_j² of each logit in that form, with what the loss has observed so far and the gradient's factor.
    ///
    /// # Errors
    ///
    /// Where the batch is not in order, or the loss has no such form.
    pub fn hessian<W: SampleWeighter>(&self, loss: &SoftmaxLoss<W>, form: HessianForm) -> Result<Vec<f64>, LossError> {
        let counts = self.statistics(loss)?;
        let fit = self.fit(loss)?;
        let weighting = loss.weighting();
        weighting.check_hessian(form, SampleKind::Class)?;
        let first = self.outcome(loss, weighting, &counts)?;
        let scale = weighting.reduction().factor(&totals(&first.losses, &first.weights, &counts));
        let mut hessian = vec![0.0; self.logits.len()];
        let epsilon = loss.label_smoothing();
        for i in (0..self.targets.len()).filter(|&i| self.is_valid(i, loss)) {
            let row = self.row(&fit, i);
            let sample = self.sample(weighting, i, Dual::variable(Dual::variable(row.margin)));
            let (weight, base) = (weighting.weighter().weight(&sample), weighting.base_loss(&sample));
            let all = |of: Dual<Dual<f64>>| [of.value.value, of.value.slope, of.slope.slope];
            let ([w, w_1, w_2], [b, b_1, b_2]) = (all(weight), all(base));
            let (p, q, label) = (sample.p().value.value, sample.q().value.value, self.targets[i] as usize);
            let smoothed = if epsilon > 0.0 {
                (1.0 - epsilon) * b + epsilon * self.uniform(&row, label, sample.log_p().value.value)
            } else {
                b
            };
            for j in 0..self.classes {
                let share = row.others[j];
                // 1 − π_j as what the rest has, not as a difference.
                let rest: f64 = (0..self.classes).filter(|&k| k != j).map(|k| row.others[k]).sum();
                let (p_j, not_p_j, s_1, s_2) =
                    if j == label { (p, q, 1.0, 0.0) } else { (q * share, p + q * rest, -share, -share * rest) };
                let uniform = epsilon * p_j * not_p_j;
                let curvature = if form == HessianForm::GaussNewton {
                    let newton = if j == label { -b_1 * p } else { -b_1 * share * not_p_j };
                    w * ((1.0 - epsilon) * newton + uniform)
                } else {
                    let slope = (1.0 - epsilon) * b_1 * s_1 + epsilon * p_j - epsilon / self.classes as f64;
                    let bend = (1.0 - epsilon) * (b_2 * s_1 * s_1 + b_1 * s_2) + uniform;
                    w_2 * s_1 * s_1 * smoothed + w_1 * s_2 * smoothed + 2.0 * w_1 * s_1 * slope + w * bend
                };
                let curvature = if form == HessianForm::Clamped { curvature.max(0.0) } else { curvature };
                let factor = self.sample_weight.map_or(1.0, |weights| weights[i]);
                let delta = fit.affine.as_ref().map_or(1.0, |map| map.scale_of(j));
                hessian[i * self.classes + j] = scale * factor * curvature * delta * delta;
            }
        }
        Ok(hessian)
    }

    fn outcome<W: SampleWeighter>(
        &self,
        loss: &SoftmaxLoss<W>,
        weighting: &Weighting<W>,
        counts: &BatchStatistics,
    ) -> Result<Outcome, LossError> {
        let fit = self.fit(loss)?;
        let rows = self.targets.len();
        let (mut weights, mut losses) = (vec![0.0; rows], vec![0.0; rows]);
        let mut grad = vec![0.0; self.logits.len()];
        let epsilon = loss.label_smoothing();
        for i in (0..rows).filter(|&i| self.is_valid(i, loss)) {
            let row = self.row(&fit, i);
            let sample = self.sample(weighting, i, Dual::variable(row.margin));
            let factor = self.sample_weight.map_or(1.0, |weights| weights[i]);
            let (weight, base) = (weighting.weighter().weight(&sample), weighting.base_loss(&sample));
            let label = self.targets[i] as usize;
            let value = if epsilon > 0.0 {
                (1.0 - epsilon) * base.value + epsilon * self.uniform(&row, label, sample.log_p().value)
            } else {
                // Not 0 · Σ: that is NaN where logits lie so far apart that the sum overflows.
                base.value
            };
            weights[i] = factor * weight.value;
            losses[i] = factor * weight.value * value;
            for j in 0..self.classes {
                // p_j, and the margin's derivative in z_j: 1 for the label, minus the share among the others.
                let (p, towards) = if j == label {
                    (sample.p().value, 1.0)
                } else {
                    (sample.q().value * row.others[j], -row.others[j])
                };
                let mut slope = (1.0 - epsilon) * base.slope * towards;
                if epsilon > 0.0 {
                    slope += epsilon * p - epsilon / self.classes as f64;
                }
                let delta = fit.affine.as_ref().map_or(1.0, |map| map.scale_of(j));
                grad[i * self.classes + j] = factor * (weight.value * slope + value * weight.slope * towards) * delta;
            }
            let slopes = &grad[i * self.classes..][..self.classes];
            let largest =
                slopes.iter().copied().fold(0.0, |most: f64, slope| if slope.abs() <= most { most } else { slope });
            check_finite(i, &[weights[i], losses[i], largest], row.margin, weighting)?;
        }
        Ok(reduce(weighting, counts, grad, weights, losses))
    }
}
