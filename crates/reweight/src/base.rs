//! The contract: the loss that is weighed.

use std::fmt::Debug;

use crate::error::WeightError;
use crate::form::BatchForm;
use crate::real::Real;
use crate::sample::Sample;

/// The loss of one sample before it is weighed: one formula, cross entropy unless another is named.
///
/// What follows from a weighter's formula follows from this one too: gradient, second derivative, vectorised loop, kernel.
///
/// ```
/// use reweight::{BaseLoss, BceLoss, Focal, Real, Sample};
///
/// /// 1 − p_t: bounded, so that a wrong label pulls no harder than 1.
/// #[derive(Clone, Debug)]
/// struct MeanAbsoluteError;
///
/// impl BaseLoss for MeanAbsoluteError {
///     fn loss<R: Real>(&self, s: &Sample<R>) -> R {
///         s.q()
///     }
/// }
///
/// # fn main() -> Result<(), reweight::ParameterError> {
/// let loss = BceLoss::new(Focal::new(1.0)?).with_base(MeanAbsoluteError);
/// # Ok(())
/// # }
/// ```
///
/// # For implementers
///
/// The loss must be finite and at least 0 for every sample. It must fall as p_t rises, so that
/// [`HessianForm::GaussNewton`](crate::HessianForm::GaussNewton) is at least 0. As for a weighter: stay in log space, do not
/// branch on a sample's values, depend on nothing but sample and settings.
pub trait BaseLoss: Clone + Debug + Send + Sync {
    /// The loss of one sample, in nats.
    fn loss<R: Real>(&self, sample: &Sample<R>) -> R;

    /// Checks that the base fits a batch, once a batch.
    ///
    /// # Errors
    ///
    /// Where it does not.
    fn fits(&self, form: &BatchForm<'_>) -> Result<(), WeightError> {
        let _ = form;
        Ok(())
    }
}
