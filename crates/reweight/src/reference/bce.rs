//! Binary cross entropy, element by element.

use super::{Outcome, check_length, check_sample_weight, reduce, weigh};
use crate::dual::Dual;
use crate::error::LossError;
use crate::loss::BceLoss;
use crate::regions::RegionAxis;
use crate::sample::Sample;
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
    /// The N logits.
    pub logits: &'a [f64],
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
        Self { logits, targets, valid: None, sample_weight: None }
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

    fn sample(&self, i: usize) -> Sample<Dual<f64>> {
        let (x, target) = (self.logits[i], self.target(i));
        match self.targets {
            BceTargets::Hard(_) => Sample::binary(Dual::variable((2.0 * target - 1.0) * x), Dual::constant(target)),
            BceTargets::Soft(_) => Sample::soft(Dual::variable(x), Dual::constant(target)),
        }
    }

    /// Ignored elements may hold anything; the others must be in order.
    fn check(&self) -> Result<(), LossError> {
        let n = self.logits.len();
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
        loss.weighter().check(2)?;
        let mut counts = BatchStatistics::zero(loss.weighting().request(), 2);
        for i in (0..self.logits.len()).filter(|&i| self.is_valid(i)) {
            let positive = self.target(i) >= 0.5;
            counts.valid += 1;
            counts.positives += u64::from(positive);
            if let Some(count) = counts.class_counts.get_mut(usize::from(positive)) {
                *count += 1;
            }
            let sample = self.sample(i);
            let (key, axis) = match self.targets {
                BceTargets::Hard(_) => (sample.margin().value, RegionAxis::Margin),
                BceTargets::Soft(_) => (-sample.gradient_norm().value, RegionAxis::NegatedNorm),
            };
            for histogram in &mut counts.gradient_norm {
                let region = histogram.regions().thresholds_f64(axis).iter().filter(|&&edge| key <= edge).count();
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
    pub fn value_and_grad<W: SampleWeighter>(&self, loss: &mut BceLoss<W>) -> Result<Outcome, LossError> {
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
    pub fn weigh<W: SampleWeighter>(&self, loss: &BceLoss<W>) -> Result<Outcome, LossError> {
        let counts = self.statistics(loss)?;
        Ok(self.outcome(loss, loss.weighter(), &counts))
    }

    /// For evaluation: the weights are those of a training step on this batch, and the loss stays as it is.
    ///
    /// # Errors
    ///
    /// Where the batch is not in order.
    pub fn value<W: SampleWeighter>(&self, loss: &BceLoss<W>) -> Result<Outcome, LossError> {
        let counts = self.statistics(loss)?;
        let weighter = loss.weighting().preview(&counts)?;
        Ok(self.outcome(loss, &weighter, &counts))
    }

    fn outcome<W: SampleWeighter>(&self, loss: &BceLoss<W>, weighter: &W, counts: &BatchStatistics) -> Outcome {
        let n = self.logits.len();
        let (mut grad, mut weights, mut losses) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
        for i in (0..n).filter(|&i| self.is_valid(i)) {
            let sample = self.sample(i);
            let factor = self.sample_weight.map_or(1.0, |weights| weights[i]);
            let weight = weigh(weighter, &sample);
            let weighted = weight * sample.cross_entropy();
            let direction = match self.targets {
                BceTargets::Hard(_) => 2.0 * self.target(i) - 1.0,
                BceTargets::Soft(_) => 1.0,
            };
            weights[i] = factor * weight.value;
            losses[i] = factor * weighted.value;
            grad[i] = factor * weighted.slope * direction;
        }
        reduce(loss.weighting(), counts, grad, weights, losses)
    }
}
