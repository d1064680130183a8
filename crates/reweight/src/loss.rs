//! A loss: an objective, a weighter and a reduction. Backends compute it; this is what all of them share.

use serde::Serialize;

use crate::error::{ParameterError, StateError, WeightError};
use crate::reduction::{Reduction, Totals};
use crate::state::State;
use crate::statistics::{BatchStatistics, Statistics};
use crate::weighter::SampleWeighter;

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

/// A weighter with its reduction: the part that both losses share.
#[derive(Clone, Debug)]
pub struct Weighting<W> {
    weighter: W,
    reduction: Reduction,
    request: Statistics,
    scratch: BatchStatistics,
}

impl<W: SampleWeighter> Weighting<W> {
    fn new(weighter: W) -> Self {
        let request = weighter.statistics();
        Self { weighter, reduction: Reduction::Mean, request, scratch: BatchStatistics::default() }
    }

    /// The weighter.
    pub fn weighter(&self) -> &W {
        &self.weighter
    }

    /// The reduction.
    pub fn reduction(&self) -> Reduction {
        self.reduction
    }

    /// What the weighter asks to be counted.
    pub fn request(&self) -> &Statistics {
        &self.request
    }

    /// Zeroed counts for a batch of `classes` classes, in memory that is reused; hand them back to
    /// [`keep`](Self::keep).
    pub fn counts(&mut self, classes: usize) -> BatchStatistics {
        let mut counts = std::mem::take(&mut self.scratch);
        let fits = counts.gradient_norm.len() == self.request.histograms().len()
            && (counts.class_counts.len() == classes || !self.request.wants_class_counts());
        if fits {
            counts.clear();
            counts
        } else {
            BatchStatistics::zero(&self.request, classes)
        }
    }

    /// Keeps the memory of `counts` for the next batch.
    pub fn keep(&mut self, counts: BatchStatistics) {
        self.scratch = counts;
    }

    /// Lets the weighter take in one step's counts, merged from wherever its parts were gathered.
    ///
    /// Counts without a valid sample change nothing.
    ///
    /// # Errors
    ///
    /// Where they do not hold what the weighter asked for; it is then as it was.
    pub fn observe(&mut self, counts: &BatchStatistics) -> Result<(), WeightError> {
        if counts.valid == 0 || !self.weighter.observes() {
            return Ok(());
        }
        self.weighter.observe(counts)
    }

    /// A copy that has observed `counts`, for evaluation: the loss itself stays as it is.
    ///
    /// # Errors
    ///
    /// As [`observe`](Self::observe).
    pub fn preview(&self, counts: &BatchStatistics) -> Result<W, WeightError> {
        let mut weighter = self.weighter.clone();
        if counts.valid > 0 && weighter.observes() {
            weighter.observe(counts)?;
        }
        Ok(weighter)
    }

    /// The reduced summary of a batch's sums.
    pub fn summary(&self, totals: &Totals) -> LossSummary {
        LossSummary {
            loss: self.reduction.loss(totals),
            valid: totals.valid,
            positives: totals.positives,
            weight_sum: totals.weight_sum,
        }
    }
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

        /// Weighter and reduction, as backends use them.
        pub fn weighting(&self) -> &Weighting<W> {
            &self.weighting
        }

        /// Weighter and reduction, as backends use them.
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
            self.weighting.weighter.restore(state)
        }

        /// Forgets what was observed.
        pub fn reset(&mut self) {
            self.weighting.weighter.reset();
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
