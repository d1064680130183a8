//! Softmax cross entropy, row by row.

use super::{Outcome, check_length, check_sample_weight, reduce, weigh};
use crate::dual::Dual;
use crate::error::LossError;
use crate::loss::SoftmaxLoss;
use crate::regions::RegionAxis;
use crate::sample::Sample;
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

/// A row's margin and its softmax over the other classes.
struct Row {
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

    fn row(&self, i: usize) -> Row {
        let (logits, label) = (self.logits_of(i), self.targets[i] as usize);
        let other = |j: &usize| *j != label;
        let largest = (0..self.classes).filter(other).map(|j| logits[j]).fold(f64::NEG_INFINITY, f64::max);
        let mut others: Vec<f64> =
            (0..self.classes).map(|j| if other(&j) { (logits[j] - largest).exp() } else { 0.0 }).collect();
        let sum: f64 = others.iter().sum();
        others.iter_mut().for_each(|share| *share /= sum);
        // Two finite logits may lie further apart than the largest float.
        let margin = ((logits[label] - largest) - sum.ln()).clamp(-f64::MAX, f64::MAX);
        Row { margin, others }
    }

    fn sample(&self, i: usize, margin: f64) -> Sample<Dual<f64>> {
        Sample::class_of(Dual::variable(margin), Dual::constant(self.targets[i] as f64))
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
        loss.weighter().check(self.classes)?;
        let mut counts = BatchStatistics::zero(loss.weighting().request(), self.classes);
        for i in (0..self.targets.len()).filter(|&i| self.is_valid(i, loss)) {
            counts.valid += 1;
            counts.positives += u64::from(self.targets[i] != 0);
            if let Some(count) = counts.class_counts.get_mut(self.targets[i] as usize) {
                *count += 1;
            }
            let margin = self.row(i).margin;
            for histogram in &mut counts.gradient_norm {
                let edges = histogram.regions().thresholds_f64(RegionAxis::Margin);
                let region = edges.iter().filter(|&&edge| margin <= edge).count();
                histogram.counts_mut()[region] += 1;
            }
        }
        Ok(counts)
    }

    /// Counts, lets the weighter observe, weighs: one training step.
    ///
    /// # Errors
    ///
    /// Where the batch is not in order; the loss is then as it was.
    pub fn value_and_grad<W: SampleWeighter>(&self, loss: &mut SoftmaxLoss<W>) -> Result<Outcome, LossError> {
        let counts = self.statistics(loss)?;
        loss.observe(&counts)?;
        Ok(self.outcome(loss, loss.weighter(), &counts))
    }

    /// Weighs with what the loss has observed so far: the last of the three steps statistics, observe, weigh, for those
    /// who gather one step's statistics in parts. The reduction's denominator is that of this part.
    ///
    /// # Errors
    ///
    /// Where the batch is not in order.
    pub fn weigh<W: SampleWeighter>(&self, loss: &SoftmaxLoss<W>) -> Result<Outcome, LossError> {
        let counts = self.statistics(loss)?;
        Ok(self.outcome(loss, loss.weighter(), &counts))
    }

    /// For evaluation: the weights are those of a training step on this batch, and the loss stays as it is.
    ///
    /// # Errors
    ///
    /// Where the batch is not in order.
    pub fn value<W: SampleWeighter>(&self, loss: &SoftmaxLoss<W>) -> Result<Outcome, LossError> {
        let counts = self.statistics(loss)?;
        let weighter = loss.weighting().preview(&counts)?;
        Ok(self.outcome(loss, &weighter, &counts))
    }

    fn outcome<W: SampleWeighter>(&self, loss: &SoftmaxLoss<W>, weighter: &W, counts: &BatchStatistics) -> Outcome {
        let rows = self.targets.len();
        let (mut weights, mut losses) = (vec![0.0; rows], vec![0.0; rows]);
        let mut grad = vec![0.0; self.logits.len()];
        let epsilon = loss.label_smoothing();
        for i in (0..rows).filter(|&i| self.is_valid(i, loss)) {
            let Row { margin, others } = self.row(i);
            let sample = self.sample(i, margin);
            let factor = self.sample_weight.map_or(1.0, |weights| weights[i]);
            let weight = weigh(weighter, &sample);
            let label = self.targets[i] as usize;
            let logits = self.logits_of(i);
            // log p_j = x_j − x_y + log p_y.
            let log_p = |j: usize| logits[j] - logits[label] + sample.log_p().value;
            let cross_entropy = if epsilon > 0.0 {
                let smoothed: f64 = (0..self.classes).map(log_p).sum::<f64>() / self.classes as f64;
                -(1.0 - epsilon) * sample.log_p().value - epsilon * smoothed
            } else {
                // Not 0 · Σ: that is NaN where logits lie so far apart that the sum overflows.
                -sample.log_p().value
            };
            weights[i] = factor * weight.value;
            losses[i] = factor * weight.value * cross_entropy;
            for j in 0..self.classes {
                // p_j, and the margin's derivative in x_j: 1 for the label, minus the share among the others.
                let (p, towards) =
                    if j == label { (sample.p().value, 1.0) } else { (sample.q().value * others[j], -others[j]) };
                // p_j − target_j; for the label without smoothing −q, not the difference p − 1.
                let residual = if j == label {
                    -sample.q().value + epsilon - epsilon / self.classes as f64
                } else {
                    p - epsilon / self.classes as f64
                };
                grad[i * self.classes + j] =
                    factor * (weight.value * residual + cross_entropy * weight.slope * towards);
            }
        }
        reduce(loss.weighting(), counts, grad, weights, losses)
    }
}
