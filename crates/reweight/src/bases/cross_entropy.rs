//! Cross entropy: the base where none is named.

use serde::{Deserialize, Serialize};

use crate::base::BaseLoss;
use crate::built_in::BuiltIn;
use crate::error::ParameterError;
use crate::real::Real;
use crate::sample::Sample;

/// −log p_t, the base where none is named.
///
/// **Formula.** b = −log p_t = softplus(−s); for a soft label t·softplus(−x) + (1 − t)·softplus(x).
///
/// **Stability.** softplus is finite at any finite logit; its slope −q is bounded.
///
/// ```
/// use reweight::{BaseLoss, CrossEntropy, Sample};
///
/// let undecided = Sample::binary(0.0_f64, 1.0);
/// assert_eq!(CrossEntropy.loss(&undecided), 2.0_f64.ln());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "CrossEntropyConfig", into = "CrossEntropyConfig")]
pub struct CrossEntropy;

/// Cross entropy as a config file holds it: without settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CrossEntropyConfig {}

impl TryFrom<CrossEntropyConfig> for CrossEntropy {
    type Error = ParameterError;

    fn try_from(_: CrossEntropyConfig) -> Result<Self, ParameterError> {
        Ok(Self)
    }
}

impl From<CrossEntropy> for CrossEntropyConfig {
    fn from(_: CrossEntropy) -> Self {
        Self {}
    }
}

impl BuiltIn for CrossEntropy {
    const KIND: &'static str = "cross-entropy";
    const FORMULA: &'static str = "−log p_t";
    const SETTINGS: &'static str = "";
    type Config = CrossEntropyConfig;

    fn config(&self) -> CrossEntropyConfig {
        CrossEntropyConfig {}
    }

    fn examples(_: usize, _: usize) -> Vec<CrossEntropyConfig> {
        vec![CrossEntropyConfig {}]
    }
}

impl BaseLoss for CrossEntropy {
    fn loss<R: Real>(&self, sample: &Sample<R>) -> R {
        sample.cross_entropy()
    }
}
