//! A loss: an objective, a weighter and a reduction. Backends compute it; this is what all of them share.

mod weighting;

use serde::Serialize;

use crate::adjustment::Adjustment;
use crate::base::BaseLoss;
use crate::boxed::{BoxedAdjustment, BoxedBase};
use crate::error::{ParameterError, StateError, WeightError};
use crate::reduction::Reduction;
use crate::state::State;
use crate::statistics::BatchStatistics;
use crate::weighter::SampleWeighter;
pub use weighting::{Fit, Weighting};

/// What a loss says of one batch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LossSummary {
    /// The reduced loss in nats; `None` with [`Reduction::None`].
    pub loss: Option<f64>,
    /// Number of valid elements (BCE) or rows (softmax).
    pub valid: u64,
    /// Number of valid positives: target ≥ ½ (BCE), class ≠ 0 (softmax).
    pub positives: u64,
    /// Σ of the valid samples' weights, sample weights included.
    pub weight_sum: f64,
}

macro_rules! shared {
    () => {
        /// Sets the reduction; it is [`Reduction::Mean`] otherwise.
        ///
        /// # Errors
        ///
        /// Where a divisor is not finite or not above 0.
        pub fn with_reduction(mut self, reduction: Reduction) -> Result<Self, ParameterError> {
            self.weighting.reduction = reduction.check()?;
            Ok(self)
        }

        /// Sets the reduction in place: where a loss's state must not be lost with a bad divisor.
        ///
        /// # Errors
        ///
        /// Where a divisor is not finite or not above 0; the loss is then as it was.
        pub fn set_reduction(&mut self, reduction: Reduction) -> Result<(), ParameterError> {
            self.weighting.reduction = reduction.check()?;
            Ok(())
        }

        /// The loss that is weighed: cross entropy where none is named.
        #[must_use]
        pub fn with_base(mut self, base: impl BaseLoss + 'static) -> Self {
            self.weighting.base = BoxedBase::new(base).unless_plain();
            self.weighting.formulas = Default::default();
            self
        }

        /// Adds an adjustment, which sees what those before it have made of the logits.
        #[must_use]
        pub fn adjusted(mut self, adjustment: impl Adjustment + 'static) -> Self {
            self.weighting.adjustments.push(BoxedAdjustment::new(adjustment));
            self.weighting.formulas = Default::default();
            self
        }

        /// The same of a config's parts.
        pub(crate) fn with_parts(mut self, base: Option<BoxedBase>, adjustments: Vec<BoxedAdjustment>) -> Self {
            self.weighting.base = base.and_then(BoxedBase::unless_plain);
            self.weighting.adjustments = adjustments;
            self.weighting.formulas = Default::default();
            self
        }

        /// Adjustments, weighter, base and reduction, as backends use them.
        pub fn weighting(&self) -> &Weighting<W> {
            &self.weighting
        }

        /// Adjustments, weighter, base and reduction, as backends use them.
        pub fn weighting_mut(&mut self) -> &mut Weighting<W> {
            &mut self.weighting
        }

        /// The weighter.
        pub fn weighter(&self) -> &W {
            &self.weighting.weighter
        }

        /// Takes the weighter out.
        pub fn into_weighter(self) -> W {
            self.weighting.weighter
        }

        /// The reduction.
        pub fn reduction(&self) -> Reduction {
            self.weighting.reduction
        }

        /// Lets the weighter take in one step's merged counts: the second of the three steps statistics, observe, weigh,
        /// for those who gather one step's statistics in parts. `value_and_grad` does all three.
        ///
        /// # Errors
        ///
        /// Where the counts do not hold what the weighter asked for; it is then as it was.
        pub fn observe(&mut self, counts: &BatchStatistics) -> Result<(), WeightError> {
            self.weighting.observe(counts)
        }

        /// What the weighter has observed, to be saved with a checkpoint.
        pub fn state(&self) -> State {
            self.weighting.weighter.state()
        }

        /// Goes on from a saved state, to the bit.
        ///
        /// # Errors
        ///
        /// Where it was saved by another weighter, or under other settings; the loss is then as it was.
        pub fn restore(&mut self, state: &State) -> Result<(), StateError> {
            self.weighting.change(|weighter| weighter.restore(state))
        }

        /// Forgets what was observed.
        pub fn reset(&mut self) {
            self.weighting.change(SampleWeighter::reset);
        }
    };
}

/// Binary cross entropy on logits, re-weighted: L = Σ w·(softplus(x) − t·x), reduced.
///
/// Elements are independent (multi-label too); targets are 0/1 or anywhere in [0, 1]. A backend crate brings the
/// methods that compute it.
#[derive(Clone, Debug)]
pub struct BceLoss<W> {
    weighting: Weighting<W>,
}

impl<W: SampleWeighter> BceLoss<W> {
    /// The mean of the weighted losses; `()` weighs nothing.
    pub fn new(weighter: W) -> Self {
        Self { weighting: Weighting::new(weighter) }
    }

    /// The counts of no sample, to merge those of a step's parts into.
    pub fn empty_statistics(&self) -> BatchStatistics {
        BatchStatistics::zero(self.weighting.request(), 2)
    }

    shared!();
}

/// Softmax cross entropy on rows of C logits and one class index a row, re-weighted.
///
/// L = Σ w·ce, reduced, with ce = −log p_y, or under label smoothing ε −(1−ε)·log p_y − (ε/C)·Σ_j log p_j, where the
/// weight still sees the true class. A backend crate brings the methods that compute it.
#[derive(Clone, Debug)]
pub struct SoftmaxLoss<W> {
    weighting: Weighting<W>,
    ignore_index: Option<i64>,
    label_smoothing: f64,
}

impl<W: SampleWeighter> SoftmaxLoss<W> {
    /// The mean of the weighted losses; `()` weighs nothing.
    pub fn new(weighter: W) -> Self {
        Self { weighting: Weighting::new(weighter), ignore_index: None, label_smoothing: 0.0 }
    }

    shared!();

    /// The counts of no sample of `classes` classes, to merge those of a step's parts into.
    pub fn empty_statistics(&self, classes: usize) -> BatchStatistics {
        BatchStatistics::zero(self.weighting.request(), classes)
    }

    /// Rows with this label have no loss, no gradient, and are in no count.
    #[must_use]
    pub fn with_ignore_index(mut self, label: i64) -> Self {
        self.ignore_index = Some(label);
        self
    }

    /// Smooths the labels by ε.
    ///
    /// # Errors
    ///
    /// Unless 0 ≤ ε ≤ 1.
    pub fn with_label_smoothing(mut self, epsilon: f64) -> Result<Self, ParameterError> {
        let inside = (0.0..=1.0).contains(&epsilon);
        self.label_smoothing = ParameterError::check("label_smoothing", epsilon, inside, "from 0 to 1")?;
        Ok(self)
    }

    /// The label that marks rows to leave out.
    pub fn ignore_index(&self) -> Option<i64> {
        self.ignore_index
    }

    /// ε.
    pub fn label_smoothing(&self) -> f64 {
        self.label_smoothing
    }
}
