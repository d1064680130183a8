//! Quality focal: focal modulation by the distance to a soft label, with its gradient.

use serde::{Deserialize, Serialize};

use crate::built_in::BuiltIn;
use crate::error::{ParameterError, WeightError};
use crate::form::BatchForm;
use crate::real::Real;
use crate::sample::Sample;
use crate::weighter::SampleWeighter;

/// The modulating factor |σ(x) − t|^β of the quality focal loss, for soft labels: the quality of a box, say.
///
/// **Formula.** w = |σ(x) − t|^β = exp(β·log|σ − t|). The gradient flows through it; with hard labels it is focal's (1 − p_t)^β.
///
/// **Symbols.** β = [`beta`](QualityFocalConfig::beta), at least 1: below, the slope at σ = t is infinite.
///
/// **Stability.** σ − t is (1 − t)·σ(x) − t·σ(−x), and its logarithm is held above log 10⁻³⁷.
///
/// **Limits.** β → ∞ leaves the farthest samples alone.
///
/// ```
/// # fn main() -> Result<(), reweight::ParameterError> {
/// use reweight::{QualityFocal, Sample, SampleWeighter};
///
/// let undecided = Sample::soft(0.0_f64, 1.0);
/// assert!((QualityFocal::new(2.0)?.weight(&undecided) - 0.25).abs() < 1e-15);
/// # Ok(())
/// # }
/// ```
///
/// **Reference.** Li et al. 2020, *Generalized Focal Loss*, eq. 3 (`QualityFocalLoss` in mmdetection).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "QualityFocalConfig", into = "QualityFocalConfig")]
pub struct QualityFocal {
    beta: f64,
}

/// Quality focal as a config file holds it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct QualityFocalConfig {
    /// β, finite and at least 1.
    pub beta: f64,
}

impl QualityFocal {
    /// |σ(x) − t|^β.
    ///
    /// # Errors
    ///
    /// Unless β is finite and at least 1.
    pub fn new(beta: f64) -> Result<Self, ParameterError> {
        QualityFocalConfig { beta }.try_into()
    }
}

impl TryFrom<QualityFocalConfig> for QualityFocal {
    type Error = ParameterError;

    fn try_from(config: QualityFocalConfig) -> Result<Self, ParameterError> {
        let inside = config.beta.is_finite() && config.beta >= 1.0;
        Ok(Self { beta: ParameterError::check("beta", config.beta, inside, "finite and at least 1")? })
    }
}

impl From<QualityFocal> for QualityFocalConfig {
    fn from(weighter: QualityFocal) -> Self {
        Self { beta: weighter.beta }
    }
}

impl BuiltIn for QualityFocal {
    const KIND: &'static str = "quality-focal";
    const FORMULA: &'static str = "|σ(x) − t|^β";
    const SETTINGS: &'static str = "`beta` β ≥ 1; BCE";
    type Config = QualityFocalConfig;

    fn config(&self) -> QualityFocalConfig {
        (*self).into()
    }

    fn examples(_: usize, _: usize) -> Vec<QualityFocalConfig> {
        [1.0, 2.0, 2.5].map(|beta| QualityFocalConfig { beta }).into()
    }
}

impl SampleWeighter for QualityFocal {
    fn weight<R: Real>(&self, sample: &Sample<R>) -> R {
        if self.beta == 1.0 {
            return sample.residual();
        }
        if self.beta == 2.0 {
            return sample.residual() * sample.residual();
        }
        sample.log_residual().scale(self.beta).exp()
    }

    fn fits(&self, form: &BatchForm<'_>) -> Result<(), WeightError> {
        form.ask_binary(Self::KIND, "labels between 0 and 1")
    }
}
