//! Generalised cross entropy: bounded, so that wrong labels do not own the gradient.

use serde::{Deserialize, Serialize};

use crate::base::BaseLoss;
use crate::built_in::BuiltIn;
use crate::error::ParameterError;
use crate::real::Real;
use crate::sample::Sample;

/// (1 − p_t^k)/k: between cross entropy (k → 0) and the mean absolute error (k = 1).
///
/// **Formula.** b = (1 − p_t^k)/k = −expm1(k·log p_t)/k, with slope −p_t^k·q in the margin: a sample that the network is sure to be
/// wrong about, p_t → 0, pulls at nothing. A soft label's p_t is the mixture t·σ(x) + (1 − t)·σ(−x).
///
/// **Symbols.** k = [`exponent`](GeneralizedCrossEntropyConfig::exponent) (the paper's q) in (0, 1].
///
/// **Stability.** From log p_t, without 1 − p_t^k: small losses keep their digits.
///
/// **Limits.** k = 1 is 1 − p_t; the loss never exceeds 1/k.
///
/// ```
/// # fn main() -> Result<(), reweight::ParameterError> {
/// use reweight::{BaseLoss, GeneralizedCrossEntropy, Sample};
///
/// let hopeless = Sample::binary(-800.0_f64, 1.0);
/// assert_eq!(GeneralizedCrossEntropy::new(0.5)?.loss(&hopeless), 2.0);
/// # Ok(())
/// # }
/// ```
///
/// **Reference.** Zhang and Sabuncu 2018, *Generalized Cross Entropy Loss for Training Deep Neural Networks with Noisy Labels*, eq. 6.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "GeneralizedCrossEntropyConfig", into = "GeneralizedCrossEntropyConfig")]
pub struct GeneralizedCrossEntropy {
    exponent: f64,
}

/// Generalised cross entropy as a config file holds it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GeneralizedCrossEntropyConfig {
    /// k in (0, 1].
    pub exponent: f64,
}

impl GeneralizedCrossEntropy {
    /// (1 − p_t^k)/k with k = `exponent`.
    ///
    /// # Errors
    ///
    /// Unless 0 < k ≤ 1.
    pub fn new(exponent: f64) -> Result<Self, ParameterError> {
        GeneralizedCrossEntropyConfig { exponent }.try_into()
    }
}

impl TryFrom<GeneralizedCrossEntropyConfig> for GeneralizedCrossEntropy {
    type Error = ParameterError;

    fn try_from(config: GeneralizedCrossEntropyConfig) -> Result<Self, ParameterError> {
        let k = config.exponent;
        // Below the smallest of `f32` 1/k would be no float there.
        let inside = (1e-30..=1.0).contains(&k);
        Ok(Self { exponent: ParameterError::check("exponent", k, inside, "above 0 (at least 1e-30) and at most 1")? })
    }
}

impl From<GeneralizedCrossEntropy> for GeneralizedCrossEntropyConfig {
    fn from(base: GeneralizedCrossEntropy) -> Self {
        Self { exponent: base.exponent }
    }
}

impl BuiltIn for GeneralizedCrossEntropy {
    const KIND: &'static str = "generalized-cross-entropy";
    const FORMULA: &'static str = "(1 − p_t^k)/k";
    const SETTINGS: &'static str = "`exponent` k in (0, 1]";
    type Config = GeneralizedCrossEntropyConfig;

    fn config(&self) -> GeneralizedCrossEntropyConfig {
        (*self).into()
    }

    fn examples(_: usize, _: usize) -> Vec<GeneralizedCrossEntropyConfig> {
        [0.01, 0.7, 1.0].map(|exponent| GeneralizedCrossEntropyConfig { exponent }).into()
    }
}

impl BaseLoss for GeneralizedCrossEntropy {
    fn loss<R: Real>(&self, sample: &Sample<R>) -> R {
        -sample.log_p().scale(self.exponent).exp_m1().scale(1.0 / self.exponent)
    }
}
