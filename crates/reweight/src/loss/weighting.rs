//! What both objectives share: adjustments, weighter, base and reduction, with the formula recorded of them.

use std::sync::OnceLock;

use super::LossSummary;
use crate::adjustment::{Adjustment, Affine};
use crate::base::BaseLoss;
use crate::boxed::{BoxedAdjustment, BoxedBase};
use crate::config::Objective;
use crate::error::{LossError, WeightError};
use crate::expr::{Program, Schedule, TraceError};
use crate::form::{BatchForm, Columns};
use crate::formula::{Formula, Quantities};
use crate::hessian::HessianForm;
use crate::real::Real;
use crate::reduction::{Reduction, Totals};
use crate::sample::{Sample, SampleKind};
use crate::statistics::{BatchStatistics, Statistics};
use crate::weighter::SampleWeighter;

/// The parts of a loss that both objectives share: adjustments, weighter, base, reduction.
#[derive(Debug)]
pub struct Weighting<W> {
    pub(super) weighter: W,
    /// The weighter as it was a step ago, and the counts that it has not seen: what takes the next step, so that a step that
    /// fails changes nothing and one that does not fail allocates nothing.
    spare: Option<W>,
    unseen: BatchStatistics,
    pub(super) base: Option<BoxedBase>,
    pub(super) adjustments: Vec<BoxedAdjustment>,
    pub(super) reduction: Reduction,
    request: Statistics,
    scratch: BatchStatistics,
    /// For hard labels or classes, and for soft labels.
    pub(super) formulas: [OnceLock<Result<Formula, TraceError>>; 2],
}

impl<W: Clone> Clone for Weighting<W> {
    fn clone(&self) -> Self {
        Self {
            weighter: self.weighter.clone(),
            spare: None,
            unseen: BatchStatistics::default(),
            base: self.base.clone(),
            adjustments: self.adjustments.clone(),
            reduction: self.reduction,
            request: self.request.clone(),
            scratch: BatchStatistics::default(),
            formulas: self.formulas.clone(),
        }
    }
}

/// What a loss does to the logits of a batch of one form.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// The affine map, all adjustments in one; `None` where it changes nothing.
    pub affine: Option<Affine>,
    /// Which column a logit stands in.
    pub columns: Columns,
}

impl<W: SampleWeighter> Weighting<W> {
    pub(super) fn new(weighter: W) -> Self {
        let request = weighter.statistics();
        Self {
            weighter,
            spare: None,
            unseen: BatchStatistics::default(),
            base: None,
            adjustments: Vec::new(),
            reduction: Reduction::Mean,
            request,
            scratch: BatchStatistics::default(),
            formulas: Default::default(),
        }
    }

    /// The weighter.
    pub fn weighter(&self) -> &W {
        &self.weighter
    }

    /// The reduction.
    pub fn reduction(&self) -> Reduction {
        self.reduction
    }

    /// The base, where it is not cross entropy.
    pub fn base(&self) -> Option<&BoxedBase> {
        self.base.as_ref()
    }

    /// The adjustments, in order.
    pub fn adjustments(&self) -> &[BoxedAdjustment] {
        &self.adjustments
    }

    /// What the weighter asks to be counted.
    pub fn request(&self) -> &Statistics {
        &self.request
    }

    /// Whether an adjustment maps probabilities, so that regions are read from what it makes of the margin.
    pub fn maps_samples(&self) -> bool {
        self.adjustments.iter().any(Adjustment::maps_samples)
    }

    /// Asks every part whether it fits a batch of that form, and what it does to the logits.
    ///
    /// # Errors
    ///
    /// What the first that does not fit says.
    pub fn fit(&self, form: &BatchForm<'_>) -> Result<Fit, WeightError> {
        self.weighter.fits(form)?;
        if let Some(base) = &self.base {
            base.fits(form)?;
        }
        let mut affine = None;
        for (index, adjustment) in self.adjustments.iter().enumerate() {
            let next = adjustment.affine(form)?;
            if adjustment.maps_samples() {
                if index + 1 < self.adjustments.len() {
                    return Err(WeightError::NotLast { position: index + 1 });
                }
                form.ask_binary("an adjustment of the probability", "a probability of its own for each logit")?;
                form.ask_hard_labels("an adjustment of the probability")?;
            }
            let together = match &affine {
                None => next,
                Some(before) => {
                    compatible(before, &next, form)?;
                    Affine::then(before, &next)
                }
            };
            affine = Some(together);
        }
        Ok(Fit { affine: affine.filter(|affine| !affine.is_identity()), columns: form.columns() })
    }

    /// The recorded formula for samples of that kind.
    ///
    /// # Errors
    ///
    /// Where a part uses symbols of another recording, or is too long.
    pub fn formula(&self, kind: SampleKind) -> Result<&Formula, WeightError> {
        let slot = &self.formulas[usize::from(kind == SampleKind::SoftBinary)];
        slot.get_or_init(|| Formula::of(self, kind)).as_ref().map_err(|error| (*error).into())
    }

    /// The program of what is wanted of samples of that kind.
    ///
    /// # Errors
    ///
    /// As [`formula`](Self::formula).
    pub fn program(&self, kind: SampleKind, wanted: Quantities) -> Result<&Program, WeightError> {
        Ok(self.formula(kind)?.program(self, wanted)?)
    }

    /// The same in the order and memory that a block of samples is run in.
    ///
    /// # Errors
    ///
    /// As [`formula`](Self::formula).
    pub fn schedule(&self, kind: SampleKind, wanted: Quantities) -> Result<&Schedule, WeightError> {
        Ok(self.formula(kind)?.schedule(self, wanted)?)
    }

    /// The sample as weighters and base see it.
    pub(crate) fn map<R: Real>(&self, sample: Sample<R>) -> Sample<R> {
        self.adjustments.iter().fold(sample, |sample, adjustment| adjustment.sample(sample))
    }

    /// The unweighted loss of a sample that is mapped already.
    pub(crate) fn base_loss<R: Real>(&self, sample: &Sample<R>) -> R {
        match &self.base {
            Some(base) => base.loss(sample),
            None => sample.cross_entropy(),
        }
    }

    /// Whether the loss has second derivatives of that form.
    ///
    /// # Errors
    ///
    /// [`LossError::Hessian`] for the Gauss–Newton form of soft labels under a base other than cross entropy.
    pub fn check_hessian(&self, form: HessianForm, kind: SampleKind) -> Result<(), LossError> {
        if form == HessianForm::GaussNewton && kind == SampleKind::SoftBinary && self.base.is_some() {
            return Err(LossError::Hessian(
                "the gauss-newton form of soft labels is that of cross entropy: leave the base out, or take `clamped`",
            ));
        }
        Ok(())
    }

    /// The error for a weight (0), loss (1), slope (2) or second derivative (3) that is not finite.
    pub fn not_finite(&self, quantity: usize, index: usize, value: f64, margin: f64) -> LossError {
        let weighter = format!("{:?}", self.weighter);
        let shown = weighter.char_indices().nth(120).map_or(weighter.len(), |(at, _)| at);
        LossError::NotFinite {
            quantity: ["weight", "loss", "gradient", "second derivative"][quantity.min(3)],
            index,
            value,
            margin,
            weighter: weighter[..shown].to_owned(),
            cure: "take smaller factors (class weights, `scale`) or `f64`; a formula of one's own must be finite at every margin",
        }
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
        self.spare = None;
        self.weighter.observe(counts)?;
        self.refresh();
        Ok(())
    }

    /// Takes one step: observes `counts`, runs `step`, and is as it was where either fails. `step` sees the loss as it is after
    /// the observation.
    ///
    /// # Errors
    ///
    /// Those of the observation and of `step`.
    pub fn take_step<R, E: From<WeightError>>(
        &mut self,
        counts: &BatchStatistics,
        step: impl FnOnce(&Self) -> Result<R, E>,
    ) -> Result<R, E> {
        if counts.valid == 0 || !self.weighter.observes() {
            return step(self);
        }
        let mut next = match self.spare.take() {
            Some(mut behind) => {
                behind.observe(&self.unseen)?;
                behind
            }
            None => self.weighter.clone(),
        };
        next.observe(counts)?;
        std::mem::swap(&mut self.weighter, &mut next);
        self.refresh();
        match step(self) {
            Ok(result) => {
                self.spare = Some(next);
                self.unseen.copy_from(counts);
                Ok(result)
            }
            Err(error) => {
                self.weighter = next;
                self.refresh();
                Err(error)
            }
        }
    }

    /// Puts the weighter's tables into the recorded formulas, or forgets those that are no longer its own.
    fn refresh(&mut self) {
        for at in 0..self.formulas.len() {
            let Some(Ok(mut formula)) = self.formulas[at].take() else { continue };
            if formula.refresh(self) {
                let _ = self.formulas[at].set(Ok(formula));
            }
        }
    }

    /// A copy that has observed `counts`, for evaluation: the loss itself stays as it is.
    ///
    /// # Errors
    ///
    /// As [`observe`](Self::observe).
    pub fn preview(&self, counts: &BatchStatistics) -> Result<Self, WeightError> {
        let mut copy = self.clone();
        copy.observe(counts)?;
        Ok(copy)
    }

    /// Lets the weighter be changed, and records its formula anew when it is next wanted.
    pub(super) fn change<R>(&mut self, change: impl FnOnce(&mut W) -> R) -> R {
        self.spare = None;
        let result = change(&mut self.weighter);
        self.refresh();
        result
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

/// In BCE a margin is a label's and a scale may be a column's: one after the other they would be a table of both.
fn compatible(before: &Affine, next: &Affine, form: &BatchForm<'_>) -> Result<(), WeightError> {
    let mixed = form.objective() == Objective::Bce && !before.margin.is_empty() && next.scale.len() > 1;
    if mixed {
        let reason = "an adjustment with one scale a column cannot follow one with a margin a label: put it first";
        return Err(WeightError::Custom(reason.to_owned()));
    }
    Ok(())
}
