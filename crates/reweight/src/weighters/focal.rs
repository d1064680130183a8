//! Focal modulation: down-weigh what is classified well.

use serde::{Deserialize, Serialize};

use super::alpha_balance::{check_classes, check_per_class};
use crate::built_in::BuiltIn;
use crate::error::{ParameterError, WeightError};
use crate::real::Real;
use crate::sample::Sample;
use crate::weighter::SampleWeighter;

/// The modulating factor (1 − p_t)^γ.
///
/// **Formula.** w = (1 − p_t)^γ = exp(γ·log q), with γ ≥ 0: one, or one for negatives and one for positives, or one a
/// class.
///
/// **Stability.** log q = −softplus(s) is finite for every finite logit and its slope −p_t is bounded, so that γ < 1,
/// whose slope is infinite at q = 0 as a power of q, is exact too. A small whole γ is a product of q's, which needs no
/// exponential.
///
/// **Limits.** γ = 0 is plain cross entropy; γ → ∞ leaves only samples with p_t → 0.
///
/// ```
/// # fn main() -> Result<(), reweight::ParameterError> {
/// use reweight::{Focal, Sample, SampleWeighter};
///
/// let focal = Focal::new(2.0)?;
/// let undecided = Sample::binary(0.0_f64, 1.0);
/// assert_eq!(focal.weight(&undecided), 0.25);
/// # Ok(())
/// # }
/// ```
///
/// **Reference.** Lin et al. 2017, *Focal Loss for Dense Object Detection*, eq. 4.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "FocalConfig", into = "FocalConfig")]
pub struct Focal {
    power: Power,
    config: FocalConfig,
}

#[derive(Clone, Debug, PartialEq)]
enum Power {
    /// γ ∈ {0, 1, … 8}: a product of q's.
    Whole(u32),
    One(f64),
    ByTarget {
        negative: f64,
        positive: f64,
    },
    PerClass(Vec<f64>),
}

/// Above this, repeated products round worse than the exponential and save nothing.
const LARGEST_WHOLE: f64 = 8.0;

/// Focal modulation as a config file holds it: `gamma`, or `gamma_pos` and `gamma_neg`, or `gammas`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FocalConfig {
    /// γ ≥ 0 for all samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gamma: Option<f64>,
    /// γ ≥ 0 of positives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gamma_pos: Option<f64>,
    /// γ ≥ 0 of negatives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gamma_neg: Option<f64>,
    /// One γ ≥ 0 a class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gammas: Option<Vec<f64>>,
}

impl Focal {
    /// One γ for all samples.
    ///
    /// # Errors
    ///
    /// Unless γ is finite and at least 0.
    pub fn new(gamma: f64) -> Result<Self, ParameterError> {
        FocalConfig { gamma: Some(gamma), ..Default::default() }.try_into()
    }

    /// One γ for positives and one for negatives (softmax: class 0 is the negative one). A soft label mixes them.
    ///
    /// # Errors
    ///
    /// Unless both are finite and at least 0.
    pub fn by_target(gamma_pos: f64, gamma_neg: f64) -> Result<Self, ParameterError> {
        FocalConfig { gamma_pos: Some(gamma_pos), gamma_neg: Some(gamma_neg), ..Default::default() }.try_into()
    }

    /// One γ a class; BCE has the classes 0 and 1.
    ///
    /// # Errors
    ///
    /// Where there are fewer than two, or one is negative or not finite.
    pub fn per_class(gammas: &[f64]) -> Result<Self, ParameterError> {
        FocalConfig { gammas: Some(gammas.to_vec()), ..Default::default() }.try_into()
    }
}

impl TryFrom<FocalConfig> for Focal {
    type Error = ParameterError;

    fn try_from(config: FocalConfig) -> Result<Self, ParameterError> {
        let check = |name: &str, gamma: f64| {
            ParameterError::check(name, gamma, gamma.is_finite() && gamma >= 0.0, "finite and at least 0")
        };
        let power = match (&config.gamma, &config.gamma_pos, &config.gamma_neg, &config.gammas) {
            (&Some(gamma), None, None, None) => {
                check("gamma", gamma)?;
                if gamma.fract() == 0.0 && gamma <= LARGEST_WHOLE {
                    Power::Whole(gamma as u32)
                } else {
                    Power::One(gamma)
                }
            }
            (None, &Some(positive), &Some(negative), None) => {
                Power::ByTarget { negative: check("gamma_neg", negative)?, positive: check("gamma_pos", positive)? }
            }
            (None, None, None, Some(gammas)) => Power::PerClass(check_per_class("gammas", gammas)?),
            (gamma, pos, neg, gammas) => {
                let given = [gamma.is_some(), pos.is_some(), neg.is_some(), gammas.is_some()];
                let given = given.into_iter().filter(|&given| given).count() as f64;
                let expected = "`gamma` alone, or `gamma_pos` and `gamma_neg`, or `gammas` alone";
                return Err(ParameterError::new("γ", given, expected));
            }
        };
        Ok(Self { power, config })
    }
}

impl From<Focal> for FocalConfig {
    fn from(weighter: Focal) -> Self {
        weighter.config
    }
}

impl BuiltIn for Focal {
    const KIND: &'static str = "focal";
    const FORMULA: &'static str = "(1 − p_t)^γ";
    const SETTINGS: &'static str = "`gamma`, or `gamma_pos` and `gamma_neg`, or `gammas`, one a class";
    type Config = FocalConfig;

    fn config(&self) -> FocalConfig {
        self.config.clone()
    }

    fn examples(classes: usize, _: usize) -> Vec<FocalConfig> {
        let one = |gamma| FocalConfig { gamma: Some(gamma), ..FocalConfig::default() };
        let by_target = FocalConfig { gamma_pos: Some(0.5), gamma_neg: Some(2.5), ..FocalConfig::default() };
        let gammas = (0..classes).map(|class| 0.5 * (class % 7) as f64).collect();
        vec![
            one(0.0),
            one(0.5),
            one(1.0),
            one(1.5),
            one(2.0),
            one(5.0),
            by_target,
            FocalConfig { gammas: Some(gammas), ..FocalConfig::default() },
        ]
    }
}

impl SampleWeighter for Focal {
    #[inline(always)]
    fn weight<R: Real>(&self, sample: &Sample<R>) -> R {
        let exponent = match &self.power {
            Power::Whole(2) => return sample.q() * sample.q(),
            Power::Whole(gamma) => return sample.q().powi(*gamma),
            Power::One(gamma) => return sample.log_q().scale(*gamma).exp(),
            Power::ByTarget { negative, positive } => sample.by_target(*negative, *positive),
            Power::PerClass(gammas) => sample.per_class(gammas),
        };
        (exponent * sample.log_q()).exp()
    }

    fn check(&self, classes: usize) -> Result<(), WeightError> {
        match &self.power {
            Power::PerClass(gammas) => check_classes("focal", gammas.len(), classes),
            _ => Ok(()),
        }
    }
}
