//! Varifocal: positives weigh by their quality, negatives by focal modulation.

use serde::{Deserialize, Serialize};

use crate::built_in::BuiltIn;
use crate::error::{ParameterError, WeightError};
use crate::form::BatchForm;
use crate::real::Real;
use crate::sample::Sample;
use crate::weighter::SampleWeighter;

/// The weights of the varifocal loss: a positive weighs its target, a negative α·σ(x)^γ.
///
/// **Formula.** w = t where t > 0, and α·σ(x)^γ where t = 0; the latter with its gradient.
///
/// **Symbols.** α = [`alpha`](VarifocalConfig::alpha), 0.75 where it is left out; γ = [`gamma`](VarifocalConfig::gamma), 2 where it is
/// left out.
///
/// **Stability.** σ(x)^γ = exp(γ·log σ(x)), finite at any logit.
///
/// **Limits.** γ = 0 and α = 1 leave negatives as they are. mmdetection's code stops the gradient through the weight; so does
/// `detached = true`.
///
/// ```
/// # fn main() -> Result<(), reweight::ParameterError> {
/// use reweight::{Sample, SampleWeighter, Varifocal};
///
/// let varifocal = Varifocal::new(0.75, 2.0)?;
/// assert_eq!(varifocal.weight(&Sample::soft(0.3_f64, 0.8)), 0.8);
/// # Ok(())
/// # }
/// ```
///
/// **Reference.** Zhang et al. 2021, *VarifocalNet: An IoU-aware Dense Object Detector*, eq. 2.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "VarifocalConfig", into = "VarifocalConfig")]
pub struct Varifocal {
    alpha: f64,
    gamma: f64,
}

/// Varifocal weights as a config file holds them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct VarifocalConfig {
    /// α, finite and at least 0; 0.75 where it is left out.
    #[serde(default = "default_alpha")]
    pub alpha: f64,
    /// γ, finite and at least 0; 2 where it is left out.
    #[serde(default = "default_gamma")]
    pub gamma: f64,
}

fn default_alpha() -> f64 {
    0.75
}

fn default_gamma() -> f64 {
    2.0
}

impl Varifocal {
    /// t for positives, α·σ(x)^γ for negatives.
    ///
    /// # Errors
    ///
    /// Unless α and γ are finite and at least 0.
    pub fn new(alpha: f64, gamma: f64) -> Result<Self, ParameterError> {
        VarifocalConfig { alpha, gamma }.try_into()
    }
}

impl TryFrom<VarifocalConfig> for Varifocal {
    type Error = ParameterError;

    fn try_from(config: VarifocalConfig) -> Result<Self, ParameterError> {
        let check = |name: &str, value: f64| {
            ParameterError::check(name, value, value.is_finite() && value >= 0.0, "finite and at least 0")
        };
        Ok(Self { alpha: check("alpha", config.alpha)?, gamma: check("gamma", config.gamma)? })
    }
}

impl From<Varifocal> for VarifocalConfig {
    fn from(weighter: Varifocal) -> Self {
        Self { alpha: weighter.alpha, gamma: weighter.gamma }
    }
}

impl BuiltIn for Varifocal {
    const KIND: &'static str = "varifocal";
    const FORMULA: &'static str = "t where t > 0, else α·σ(x)^γ";
    const SETTINGS: &'static str = "`alpha` = 0.75, `gamma` = 2; BCE";
    type Config = VarifocalConfig;

    fn config(&self) -> VarifocalConfig {
        (*self).into()
    }

    fn examples(_: usize, _: usize) -> Vec<VarifocalConfig> {
        [(0.75, 2.0), (1.0, 0.0), (0.5, 1.5)].map(|(alpha, gamma)| VarifocalConfig { alpha, gamma }).into()
    }
}

impl SampleWeighter for Varifocal {
    fn weight<R: Real>(&self, sample: &Sample<R>) -> R {
        // Of what the label 1 would have: log σ(x).
        let log_sigma = -sample.loss_if_positive();
        let negative = log_sigma.scale(self.gamma).exp().scale(self.alpha);
        sample.target().select_le(R::lit(0.0), negative, sample.target())
    }

    fn fits(&self, form: &BatchForm<'_>) -> Result<(), WeightError> {
        form.ask_binary(Self::KIND, "σ(x) and a quality as its target")
    }
}
