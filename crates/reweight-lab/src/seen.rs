//! One sample as a loss sees it: its logits adjusted, then weighed, under the loss's base. What curves are drawn from.

use reweight::{
    Adjustment, Affine, BaseLoss, BatchForm, Chain, ConfiguredLoss, Objective, Real, Sample, SampleWeighter,
    WeightError, Weighting,
};

/// A loss on single samples, with the state that it has.
#[derive(Debug)]
pub struct Seen<'a> {
    weighting: &'a Weighting<Chain>,
    objective: Objective,
    /// The affine adjustments, where they change anything.
    affine: Option<Affine>,
    classes: usize,
}

impl<'a> Seen<'a> {
    /// Samples of so many classes (2 for BCE) in so many columns (1 for softmax).
    ///
    /// # Errors
    ///
    /// Where a part of the loss does not fit them.
    pub fn new(loss: &'a ConfiguredLoss, classes: usize, columns: usize) -> Result<Self, WeightError> {
        let (weighting, objective, fit) = match loss {
            ConfiguredLoss::Bce(loss) => {
                let fit = loss.weighting().fit(&BatchForm::binary(&[1, columns], false))?;
                (loss.weighting(), Objective::Bce, fit)
            }
            ConfiguredLoss::Softmax(loss) => {
                let fit = loss.weighting().fit(&BatchForm::softmax(&[1, classes], classes))?;
                (loss.weighting(), Objective::SoftmaxCe, fit)
            }
        };
        Ok(Self { weighting, objective, affine: fit.affine, classes })
    }

    /// Whether what is weighed is −log p_t of the raw logits: without a base or an adjustment that changes anything.
    pub fn is_plain(&self) -> bool {
        self.affine.is_none() && self.weighting.base().is_none() && !self.weighting.maps_samples()
    }

    /// Whether a raw margin tells all that the adjustments depend on: always under BCE; under softmax for two classes whose logits
    /// are scaled alike, and where no adjustment changes the logits.
    pub fn follows_from_margins(&self) -> bool {
        match (self.objective, &self.affine) {
            (Objective::Bce, _) | (_, None) => true,
            (Objective::SoftmaxCe, Some(affine)) => self.classes == 2 && affine.scale_of(0) == affine.scale_of(1),
        }
    }

    /// What the unit regions of such a sample are read from: the margin as weighters see it.
    pub fn key(&self, margin: f64, class: usize) -> f64 {
        self.sample(margin, class, 0).region_key()
    }

    /// The weight of a sample whose margin, before adjustments, is log p_t − log(1 − p_t).
    pub fn weight<R: Real>(&self, margin: R, class: usize, column: usize) -> R {
        self.weighting.weighter().weight(&self.sample(margin, class, column))
    }

    /// Its weighted loss.
    pub fn loss<R: Real>(&self, margin: R, class: usize, column: usize) -> R {
        let sample = self.sample(margin, class, column);
        let loss = match self.weighting.base() {
            Some(base) => base.loss(&sample),
            None => sample.cross_entropy(),
        };
        self.weighting.weighter().weight(&sample) * loss
    }

    /// The sample as weighters and base see it. Under softmax the logits of the other classes are taken to be all 0: an adjustment
    /// depends on each, and a margin alone does not tell them apart.
    fn sample<R: Real>(&self, margin: R, class: usize, column: usize) -> Sample<R> {
        let label = R::lit(class as f64);
        let sample = match (self.objective, &self.affine) {
            (Objective::Bce, None) => Sample::binary(margin, label),
            (Objective::Bce, Some(affine)) => {
                let offset = affine.offset_of(column) * if class == 1 { 1.0 } else { -1.0 };
                let shift = R::lit(offset - affine.margin_of(class));
                Sample::binary(margin.scale(affine.scale_of(column)) + shift, label)
            }
            (Objective::SoftmaxCe, None) => Sample::class_of(margin, label),
            (Objective::SoftmaxCe, Some(affine)) => {
                let (scale, others) = (affine.scale_of(class), (0..self.classes).filter(|&other| other != class));
                // logsumexp of the others, whose logits are their offsets.
                let most = others.clone().map(|other| affine.offset_of(other)).fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = others.map(|other| (affine.offset_of(other) - most).exp()).sum();
                let own = scale * ((self.classes - 1) as f64).ln() + affine.offset_of(class) - affine.margin_of(class);
                Sample::class_of(margin.scale(scale) + R::lit(own - most - sum.ln()), label)
            }
        };
        let sample = if self.objective == Objective::Bce { sample.in_column(R::lit(column as f64)) } else { sample };
        self.weighting.adjustments().iter().fold(sample, |sample, adjustment| adjustment.sample(sample))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reweight::LossConfig;

    fn build(toml: &str) -> ConfiguredLoss {
        LossConfig::from_toml(toml).unwrap().build().unwrap()
    }

    /// The loss of one row by the library's reference.
    fn by_reference(loss: &ConfiguredLoss, logits: &[f64], class: usize) -> f64 {
        use reweight::reference::{BceBatch, BceTargets, SoftmaxBatch};
        let labels = [class as i64];
        let outcome = match loss {
            ConfiguredLoss::Bce(loss) => BceBatch::new(logits, BceTargets::Hard(&labels)).value(loss).unwrap(),
            ConfiguredLoss::Softmax(loss) => SoftmaxBatch::new(logits, logits.len(), &labels).value(loss).unwrap(),
        };
        outcome.summary.loss.unwrap()
    }

    #[test]
    fn a_binary_sample_is_the_librarys() {
        let parts = "base = { kind = \"poly-1\", epsilon = 1.0 }\n[[adjustment]]\nkind = \"logit-adjustment\"\ncounts = [9, 1]\n\
                     [[adjustment]]\nkind = \"probability-shift\"\nmargin = 0.05\n[[weighter]]\nkind = \"focal\"\ngamma = 2.0\n";
        let loss = build(&format!("objective = \"bce\"\n{parts}"));
        let seen = Seen::new(&loss, 2, 1).unwrap();
        for x in [-3.0, 0.4, 2.5] {
            for class in [0, 1] {
                let margin = if class == 1 { x } else { -x };
                let (found, expected) = (seen.loss(margin, class, 0), by_reference(&loss, &[x], class));
                assert!((found - expected).abs() < 1e-12, "{found} instead of {expected}");
            }
        }
    }

    #[test]
    fn a_row_of_softmax_is_the_librarys_where_the_other_logits_are_zero() {
        let parts = "base = { kind = \"generalized-cross-entropy\", exponent = 0.7 }\n[[adjustment]]\nkind = \"vector-scaling\"\n\
                     scale = [2.0, 0.5, 1.0]\noffset = [0.1, -1.0, 0.3]\n[[adjustment]]\nkind = \"ldam\"\ncounts = [90, 9, 1]\n\
                     scale = 1.0\n[[weighter]]\nkind = \"focal\"\ngamma = 1.0\n";
        let loss = build(&format!("objective = \"softmax-ce\"\n{parts}"));
        let seen = Seen::new(&loss, 3, 1).unwrap();
        for class in 0..3 {
            let mut logits = [0.0; 3];
            logits[class] = 1.25;
            let (found, expected) = (seen.loss(1.25 - 2.0_f64.ln(), class, 0), by_reference(&loss, &logits, class));
            assert!((found - expected).abs() < 1e-12, "{found} instead of {expected}");
        }
    }
}
