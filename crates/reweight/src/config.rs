//! Losses as TOML (feature `toml`) and JSON.

mod chain;
mod registry;
#[cfg(feature = "schema")]
mod schema;
#[cfg(feature = "toml")]
mod toml_text;
mod words;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use chain::{Chain, Link, PartConfig, WeighterConfig};
pub use registry::Registry;
pub use words::in_plain_words;

use crate::boxed::{BoxedAdjustment, BoxedBase};
use crate::error::ParameterError;
use crate::expr::TraceError;
use crate::loss::{BceLoss, SoftmaxLoss};
use crate::reduction::Reduction;

/// What the logits are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Objective {
    /// Binary cross entropy with independent sigmoids.
    Bce,
    /// Softmax cross entropy.
    SoftmaxCe,
}

/// A loss as a file holds it.
///
/// ```
/// # fn main() -> Result<(), reweight::ConfigError> {
/// use reweight::LossConfig;
///
/// let config = LossConfig::from_toml(r#"
///     objective = "bce"
///     reduction = "mean"
///     [[weighter]]
///     kind = "alpha-balance"
///     alpha = 0.25
///     [[weighter]]
///     kind = "focal"
///     gamma = 2.0
/// "#)?;
/// let loss = config.build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LossConfig {
    /// What the logits are compared with.
    pub objective: Objective,
    /// How the losses become one number.
    #[serde(default)]
    pub reduction: Reduction,
    /// Softmax: the label of rows to leave out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore_index: Option<i64>,
    /// Softmax: label smoothing ε in [0, 1].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_smoothing: Option<f64>,
    /// What is done to the logits before anything else, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "schema::adjustments"))]
    pub adjustment: Vec<PartConfig>,
    /// The loss that is weighed; cross entropy where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(schema_with = "schema::base"))]
    pub base: Option<PartConfig>,
    /// The weighters, whose product weighs a sample; none is an unweighted loss.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weighter: Vec<WeighterConfig>,
}

/// A loss that came from a file.
#[derive(Clone, Debug)]
pub enum ConfiguredLoss {
    /// `objective = "bce"`.
    Bce(BceLoss<Chain>),
    /// `objective = "softmax-ce"`.
    Softmax(SoftmaxLoss<Chain>),
}

/// A config that is not one.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Not TOML, or not of the config's form; the text says where.
    #[error("the config is not right: {0}")]
    Toml(String),
    /// Not JSON, or not of the config's form; the text says where.
    #[error("the config is not right: {0}")]
    Json(String),
    /// A kind that nobody registered.
    #[error("{part} {position}: unknown kind `{kind}`; the known kinds are {}", known.join(", "))]
    UnknownKind {
        /// Weighter, base or adjustment.
        part: &'static str,
        /// Its place in the list, from 1.
        position: usize,
        /// The kind given.
        kind: String,
        /// The kinds that are registered.
        known: Vec<String>,
    },
    /// A weighter's settings are not right.
    #[error("weighter {position} ({kind}): {reason}")]
    Weighter {
        /// Its place in the list, from 1.
        position: usize,
        /// Its kind.
        kind: String,
        /// What is wrong.
        reason: String,
    },
    /// The base's settings are not right.
    #[error("base ({kind}): {reason}")]
    Base {
        /// Its kind.
        kind: String,
        /// What is wrong.
        reason: String,
    },
    /// An adjustment's settings are not right.
    #[error("adjustment {position} ({kind}): {reason}")]
    Adjustment {
        /// Its place in the list, from 1.
        position: usize,
        /// Its kind.
        kind: String,
        /// What is wrong.
        reason: String,
    },
    /// A setting that the other objective has.
    #[error("`{setting}` is a setting of objective \"{belongs_to}\": leave it out, or change the objective")]
    Misplaced {
        /// The setting.
        setting: &'static str,
        /// The objective that has it.
        belongs_to: &'static str,
    },
    /// A kind was registered twice.
    #[error("the kind `{0}` is registered already: choose another name")]
    DuplicateKind(String),
    /// A part put in by code that has no entry in a config.
    #[error("a part of this type has no config entry: register its type, and build the loss from a config")]
    NoEntry,
    /// A parameter is outside its domain.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// A weighter's formula cannot be recorded.
    #[error(transparent)]
    Trace(#[from] TraceError),
}

impl LossConfig {
    /// Plain cross entropy, mean over the valid samples.
    pub fn new(objective: Objective) -> Self {
        Self {
            objective,
            reduction: Reduction::Mean,
            ignore_index: None,
            label_smoothing: None,
            adjustment: Vec::new(),
            base: None,
            weighter: Vec::new(),
        }
    }

    /// Reads JSON.
    ///
    /// # Errors
    ///
    /// Where it is no JSON, or has an unknown or missing key; the text gives line and column and lists the known keys.
    pub fn from_json(text: &str) -> Result<Self, ConfigError> {
        serde_json::from_str(text).map_err(|error| ConfigError::Json(in_plain_words(&error)))
    }

    /// Writes JSON.
    ///
    /// # Errors
    ///
    /// Where a setting has no JSON form.
    pub fn to_json(&self) -> Result<String, ConfigError> {
        serde_json::to_string_pretty(self).map_err(|error| ConfigError::Json(error.to_string()))
    }

    /// Builds the loss from the built-in kinds.
    ///
    /// # Errors
    ///
    /// Where a kind is unknown or a setting is outside its domain.
    pub fn build(&self) -> Result<ConfiguredLoss, ConfigError> {
        self.build_with(&Registry::built_in())
    }

    /// Builds the loss from the kinds of `registry`.
    ///
    /// # Errors
    ///
    /// Where a kind is unknown or a setting is outside its domain.
    pub fn build_with(&self, registry: &Registry) -> Result<ConfiguredLoss, ConfigError> {
        let chain = Chain::from_config(&self.weighter, registry)?;
        let base = self.base.as_ref().map(|entry| registry.build_base(entry)).transpose()?;
        let adjustment = |(index, entry)| registry.build_adjustment(index + 1, entry);
        let adjustments = self.adjustment.iter().enumerate().map(adjustment).collect::<Result<Vec<_>, _>>()?;
        match self.objective {
            Objective::Bce => {
                let misplaced = |setting| Err(ConfigError::Misplaced { setting, belongs_to: "softmax-ce" });
                if self.ignore_index.is_some() {
                    return misplaced("ignore_index");
                }
                if self.label_smoothing.is_some() {
                    return misplaced("label_smoothing");
                }
                let loss = BceLoss::new(chain).with_parts(base, adjustments);
                Ok(ConfiguredLoss::Bce(loss.with_reduction(self.reduction)?))
            }
            Objective::SoftmaxCe => {
                let mut loss = SoftmaxLoss::new(chain).with_parts(base, adjustments).with_reduction(self.reduction)?;
                if let Some(label) = self.ignore_index {
                    loss = loss.with_ignore_index(label);
                }
                Ok(ConfiguredLoss::Softmax(loss.with_label_smoothing(self.label_smoothing.unwrap_or(0.0))?))
            }
        }
    }
}

fn base(base: Option<&BoxedBase>) -> Result<Option<PartConfig>, ConfigError> {
    base.map(|base| PartConfig::of(base.entry())).transpose()
}

fn adjustments(adjustments: &[BoxedAdjustment]) -> Result<Vec<PartConfig>, ConfigError> {
    adjustments.iter().map(|adjustment| PartConfig::of(adjustment.entry())).collect()
}

impl ConfiguredLoss {
    /// The config that gives this loss.
    ///
    /// # Errors
    ///
    /// [`ConfigError::NoEntry`] where a weighter was put in by code and its type is not registered.
    pub fn to_config(&self) -> Result<LossConfig, ConfigError> {
        Ok(match self {
            Self::Bce(loss) => LossConfig {
                reduction: loss.reduction(),
                weighter: loss.weighter().to_config()?,
                base: base(loss.weighting().base())?,
                adjustment: adjustments(loss.weighting().adjustments())?,
                ..LossConfig::new(Objective::Bce)
            },
            Self::Softmax(loss) => LossConfig {
                reduction: loss.reduction(),
                weighter: loss.weighter().to_config()?,
                base: base(loss.weighting().base())?,
                adjustment: adjustments(loss.weighting().adjustments())?,
                ignore_index: loss.ignore_index(),
                label_smoothing: (loss.label_smoothing() > 0.0).then_some(loss.label_smoothing()),
                ..LossConfig::new(Objective::SoftmaxCe)
            },
        })
    }
}

#[cfg(all(test, feature = "toml"))]
mod tests;
