//! Self-paced learning: easy samples first.

use serde::{Deserialize, Serialize};

use crate::built_in::BuiltIn;
use crate::error::ParameterError;
use crate::real::Real;
use crate::sample::Sample;
use crate::weighter::SampleWeighter;

/// Leaves out what is still too hard: samples whose cross entropy exceeds λ.
///
/// **Formula.** `hard`: w = 1 where ce < λ, else 0. `linear`: w = max(0, 1 − ce/λ). Constant in the gradient, as the alternating
/// minimisation that it comes from has it.
///
/// **Symbols.** λ = [`threshold`](SelfPacedConfig::threshold) in nats; [`form`](SelfPacedConfig::form), `hard` where it is left out.
/// ce is the sample's cross entropy, whatever the base.
///
/// **Limits.** λ → ∞ weighs all samples 1. It is the opposite of [`HardExamples`](crate::HardExamples): against wrong labels, not
/// for rare ones.
///
/// ```
/// # fn main() -> Result<(), reweight::ParameterError> {
/// use reweight::{Sample, SampleWeighter, SelfPaced};
///
/// let paced = SelfPaced::hard(1.0)?;
/// assert_eq!(paced.weight(&Sample::binary(2.0_f64, 1.0)), 1.0);
/// assert_eq!(paced.weight(&Sample::binary(-2.0_f64, 1.0)), 0.0);
/// # Ok(())
/// # }
/// ```
///
/// **Reference.** Kumar et al. 2010, *Self-Paced Learning for Latent Variable Models*, eq. 3; Jiang et al. 2014, *Easy Samples
/// First*, eq. 5.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "SelfPacedConfig", into = "SelfPacedConfig")]
pub struct SelfPaced {
    threshold: f64,
    form: SelfPacedForm,
}

/// How the weight falls with the loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SelfPacedForm {
    /// 1 below λ, else 0.
    #[default]
    Hard,
    /// 1 − ce/λ, at least 0.
    Linear,
}

/// Self-paced weights as a config file holds them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SelfPacedConfig {
    /// λ in nats, finite and above 0.
    pub threshold: f64,
    /// `hard` or `linear`.
    #[serde(default)]
    pub form: SelfPacedForm,
}

impl SelfPaced {
    /// 1 where ce < λ, else 0.
    ///
    /// # Errors
    ///
    /// Unless λ is finite and above 0.
    pub fn hard(threshold: f64) -> Result<Self, ParameterError> {
        SelfPacedConfig { threshold, form: SelfPacedForm::Hard }.try_into()
    }

    /// max(0, 1 − ce/λ).
    ///
    /// # Errors
    ///
    /// Unless λ is finite and above 0.
    pub fn linear(threshold: f64) -> Result<Self, ParameterError> {
        SelfPacedConfig { threshold, form: SelfPacedForm::Linear }.try_into()
    }
}

impl TryFrom<SelfPacedConfig> for SelfPaced {
    type Error = ParameterError;

    fn try_from(config: SelfPacedConfig) -> Result<Self, ParameterError> {
        let threshold = config.threshold;
        let inside = threshold.is_finite() && threshold > 0.0;
        ParameterError::check("threshold", threshold, inside, "finite and above 0")?;
        Ok(Self { threshold, form: config.form })
    }
}

impl From<SelfPaced> for SelfPacedConfig {
    fn from(weighter: SelfPaced) -> Self {
        Self { threshold: weighter.threshold, form: weighter.form }
    }
}

impl BuiltIn for SelfPaced {
    const KIND: &'static str = "self-paced";
    const FORMULA: &'static str = "1 where ce < λ, else 0; or max(0, 1 − ce/λ)";
    const SETTINGS: &'static str = "`threshold` λ, `form` = `hard` or `linear`";
    type Config = SelfPacedConfig;

    fn config(&self) -> SelfPacedConfig {
        (*self).into()
    }

    fn examples(_: usize, _: usize) -> Vec<SelfPacedConfig> {
        let of = |threshold, form| SelfPacedConfig { threshold, form };
        vec![of(0.7, SelfPacedForm::Hard), of(0.7, SelfPacedForm::Linear), of(50.0, SelfPacedForm::Linear)]
    }
}

impl SampleWeighter for SelfPaced {
    fn weight<R: Real>(&self, sample: &Sample<R>) -> R {
        let (zero, one) = (R::lit(0.0), R::lit(1.0));
        let loss = sample.cross_entropy().detach();
        match self.form {
            SelfPacedForm::Hard => R::lit(self.threshold).select_le(loss, zero, one),
            SelfPacedForm::Linear => (one - loss.scale(1.0 / self.threshold)).max(zero),
        }
    }
}
