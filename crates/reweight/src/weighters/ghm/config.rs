//! GHM's settings and the published variants.

use serde::{Deserialize, Serialize};

use crate::error::ParameterError;
use crate::regions::Regions;

/// A published formulation of GHM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum GhmPreset {
    /// mmdetection's GHM-C, the code most people run: n counts the batch's non-empty regions, only those decay.
    #[default]
    Mmdet,
    /// The paper's equations: n = M, all regions decay.
    Paper,
    /// Ours: all regions decay as fractions of N (so the batch size may vary), the first steps are bias-corrected, n
    /// counts the batch's non-empty regions.
    Corrected,
}

/// Which regions a step's momentum average touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Decay {
    /// Those that hold a sample of this batch; the others stand still.
    NonEmpty,
    /// All.
    All,
}

/// What n counts in w = N / (S·n).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Normaliser {
    /// The regions that hold a sample of this batch.
    NonEmpty,
    /// All M.
    All,
}

/// What is averaged over the steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum GhmUnit {
    /// Counts.
    Counts,
    /// Counts divided by N, so that steps of different size average well.
    Fractions,
}

/// GHM as a config file holds it: a preset, and any flag of it set otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GhmConfig {
    /// M ≥ 1, the number of unit regions.
    pub bins: u32,
    /// m in [0, 1): the share of the past in the average; 0 uses this batch alone.
    #[serde(default)]
    pub momentum: f64,
    /// The formulation that flags left out are taken from.
    #[serde(default)]
    pub preset: GhmPreset,
    /// Which regions decay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decay: Option<Decay>,
    /// What n counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normaliser: Option<Normaliser>,
    /// What is averaged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<GhmUnit>,
    /// Whether the average is divided by 1 − mᵏ after k steps, so that the first are not too small by 1 − m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bias_correction: Option<bool>,
    /// The largest weight, finite and above 0; none where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<f64>,
    /// Whether the weights are scaled to a mean of 1 over the batch (after the cap).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mean_one: bool,
}

impl GhmConfig {
    /// The preset `mmdet` with M = `bins` and momentum m.
    pub fn new(bins: u32, momentum: f64) -> Self {
        Self {
            bins,
            momentum,
            preset: GhmPreset::Mmdet,
            decay: None,
            normaliser: None,
            unit: None,
            bias_correction: None,
            cap: None,
            mean_one: false,
        }
    }

    pub(super) fn check(&self) -> Result<(), ParameterError> {
        Regions::new(self.bins)?;
        let m = self.momentum;
        ParameterError::check("momentum", m, (0.0..1.0).contains(&m), "from 0 to below 1, such as 0.75")?;
        if let Some(cap) = self.cap {
            ParameterError::check("cap", cap, cap.is_finite() && cap > 0.0, "finite and above 0")?;
        }
        Ok(())
    }

    pub(super) fn decay(&self) -> Decay {
        self.decay.unwrap_or(match self.preset {
            GhmPreset::Mmdet => Decay::NonEmpty,
            GhmPreset::Paper | GhmPreset::Corrected => Decay::All,
        })
    }

    pub(super) fn normaliser(&self) -> Normaliser {
        self.normaliser.unwrap_or(match self.preset {
            GhmPreset::Mmdet | GhmPreset::Corrected => Normaliser::NonEmpty,
            GhmPreset::Paper => Normaliser::All,
        })
    }

    pub(super) fn unit(&self) -> GhmUnit {
        self.unit.unwrap_or(match self.preset {
            GhmPreset::Mmdet | GhmPreset::Paper => GhmUnit::Counts,
            GhmPreset::Corrected => GhmUnit::Fractions,
        })
    }

    pub(super) fn bias_correction(&self) -> bool {
        self.bias_correction.unwrap_or(self.preset == GhmPreset::Corrected)
    }
}
