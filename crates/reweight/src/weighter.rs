//! The contract: what a re-weighting rule is.

use std::fmt::Debug;

use crate::adapt::{Clamped, Detached, Scaled};
use crate::error::{ParameterError, StateError, WeightError};
use crate::form::BatchForm;
use crate::real::Real;
use crate::sample::Sample;
use crate::state::State;
use crate::statistics::{BatchStatistics, Statistics};

/// A re-weighting rule: one formula over one sample.
///
/// Everything else is derived from the formula: the exact gradient, the vectorised loop, the GPU kernel, second
/// derivatives. One method is required:
///
/// ```
/// use reweight::{Real, Sample, SampleWeighter};
///
/// /// Weighs a sample by √g, between plain cross entropy and focal.
/// #[derive(Clone, Debug)]
/// struct RootNorm;
///
/// impl SampleWeighter for RootNorm {
///     fn weight<R: Real>(&self, s: &Sample<R>) -> R {
///         s.log_q().scale(0.5).exp()
///     }
/// }
/// ```
///
/// Rules compose: a tuple, a `Vec` and a [`Chain`](crate::Chain) are the product of their parts, and
/// [`detached`](Self::detached), [`scaled`](Self::scaled) and [`clamped`](Self::clamped) change one.
///
/// # For users of the trait
///
/// A loss calls these methods in their order; a model's code calls the loss, once a step. See
/// [`BceLoss`](crate::BceLoss) and [`SoftmaxLoss`](crate::SoftmaxLoss).
///
/// # For implementers
///
/// The weight must be finite and at least 0 for every sample; a formula in log space
/// ([`log_p`](Sample::log_p), [`log_q`](Sample::log_q)) is so by itself, 1 − p and log(σ) are not. It must not branch
/// on sample values, must not depend on the other samples but through [`observe`](Self::observe), and must give the
/// same for the same sample until the next `observe`, `reset` or `restore`.
///
/// Wrong, NaN at p_t → 1, where the logarithm of the subtraction is −∞ and its slope infinite:
///
/// ```
/// # use reweight::{Real, Sample};
/// fn weight<R: Real>(s: &Sample<R>) -> R {
///     (R::lit(1.0) - s.p()).powf(0.5)
/// }
/// ```
///
/// Right:
///
/// ```
/// # use reweight::{Real, Sample};
/// fn weight<R: Real>(s: &Sample<R>) -> R {
///     s.log_q().scale(0.5).exp()
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no weighter",
    label = "not a `SampleWeighter`",
    note = "a weighter is a built-in such as `Focal`, a type of your own with `impl SampleWeighter`, or a tuple of up to six",
    note = "more than six, or rules known at run time only: `Chain`, of `BoxedWeighter`s; a `Box<dyn SampleWeighter>` cannot be, `BoxedWeighter` is the box",
    note = "constructors give a `Result`: `Focal::new(2.0)?`"
)]
pub trait SampleWeighter: Clone + Debug + Send + Sync {
    /// The weight of one sample.
    fn weight<R: Real>(&self, sample: &Sample<R>) -> R;

    /// What must be counted of the batch before weights can be read. Must depend on the settings alone.
    fn statistics(&self) -> Statistics {
        Statistics::none()
    }

    /// Whether [`observe`](Self::observe) does anything; by default, whether statistics are asked for. A weighter that
    /// only counts steps, or reads the totals that every batch has, says so here: it is not called otherwise.
    fn observes(&self) -> bool {
        !self.statistics().is_empty()
    }

    /// Takes in the counts of one training step; called once a step, before weighting, where the weighter
    /// [`observes`](Self::observes), and never with `valid` = 0.
    ///
    /// # Errors
    ///
    /// Where the counts do not hold what [`statistics`](Self::statistics) asked for. The weighter must then be as it
    /// was.
    fn observe(&mut self, batch: &BatchStatistics) -> Result<(), WeightError> {
        let _ = batch;
        Ok(())
    }

    /// Forgets what was observed; settings stay.
    fn reset(&mut self) {}

    /// Checks that the weighter fits samples of `classes` classes (2 for BCE), once a batch.
    ///
    /// # Errors
    ///
    /// [`WeightError::ClassCount`] where a table with one value a class has another length.
    fn check(&self, classes: usize) -> Result<(), WeightError> {
        let _ = classes;
        Ok(())
    }

    /// Checks that the weighter fits a batch, once a batch: its classes, and with them columns, objective and labels where it reads
    /// those. By default [`check`](Self::check).
    ///
    /// # Errors
    ///
    /// Where it does not; see [`BatchForm`] for what can be asked.
    fn fits(&self, form: &BatchForm<'_>) -> Result<(), WeightError> {
        self.check(form.classes())
    }

    /// What was observed, to be saved; [`State::Stateless`] where there is nothing.
    fn state(&self) -> State {
        State::Stateless
    }

    /// Puts back a saved state, so that going on is the same, to the bit, as never having stopped.
    ///
    /// # Errors
    ///
    /// Where the state is of another kind, version or setting. The weighter must then be as it was.
    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        match state {
            State::Stateless => Ok(()),
            other => Err(StateError::Kind { expected: "a weighter without state".to_owned(), found: other.kind() }),
        }
    }

    /// The same weights as constants: no gradient flows through them.
    fn detached(self) -> Detached<Self>
    where
        Self: Sized,
    {
        Detached::new(self)
    }

    /// The weights times `factor`.
    ///
    /// # Errors
    ///
    /// Where `factor` is negative or not finite.
    fn scaled(self, factor: f64) -> Result<Scaled<Self>, ParameterError>
    where
        Self: Sized,
    {
        Scaled::new(self, factor)
    }

    /// The weights held within [`low`, `high`]; no gradient flows where they are held.
    ///
    /// # Errors
    ///
    /// Unless 0 ≤ `low` ≤ `high` and both are finite.
    fn clamped(self, low: f64, high: f64) -> Result<Clamped<Self>, ParameterError>
    where
        Self: Sized,
    {
        Clamped::new(self, low, high)
    }
}
