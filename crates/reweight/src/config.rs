//! Losses as TOML and JSON.

mod chain;
mod registry;
#[cfg(feature = "schema")]
mod schema;
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

    /// Reads TOML.
    ///
    /// # Errors
    ///
    /// Where it is no TOML, or has an unknown or missing key; the text gives line and column and lists the known keys.
    /// Where a weighter's setting is `nan` or `inf`.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|error| ConfigError::Toml(misread(text, &error)))?;
        for (index, entry) in config.weighter.iter().enumerate() {
            // TOML has no null: what became one is a number that JSON has not, and must not read as "left out".
            if let Some((name, _)) = entry.settings.iter().find(|(_, value)| has_null(value)) {
                let reason = match not_finite(text, index, name) {
                    Some((place, value)) => format!("`{place}` is {value}, but must be finite"),
                    None => format!("`{name}` must be finite, but is or holds nan or inf"),
                };
                return Err(ConfigError::Weighter { position: index + 1, kind: entry.kind.clone(), reason });
            }
        }
        let null =
            |entry: &PartConfig| entry.settings.iter().find(|(_, value)| has_null(value)).map(|(name, _)| name.clone());
        let reason = |name| format!("`{name}` must be finite, but is or holds nan or inf");
        if let Some((kind, name)) = config.base.as_ref().and_then(|entry| Some((entry.kind.clone(), null(entry)?))) {
            return Err(ConfigError::Base { kind, reason: reason(name) });
        }
        for (index, entry) in config.adjustment.iter().enumerate() {
            if let Some(name) = null(entry) {
                let (position, kind) = (index + 1, entry.kind.clone());
                return Err(ConfigError::Adjustment { position, kind, reason: reason(name) });
            }
        }
        Ok(config)
    }

    /// Reads JSON.
    ///
    /// # Errors
    ///
    /// Where it is no JSON, or has an unknown or missing key; the text gives line and column and lists the known keys.
    pub fn from_json(text: &str) -> Result<Self, ConfigError> {
        serde_json::from_str(text).map_err(|error| ConfigError::Json(in_plain_words(&error)))
    }

    /// Writes TOML.
    ///
    /// # Errors
    ///
    /// Where a setting has no TOML form, such as an integer above 2⁶³.
    pub fn to_toml(&self) -> Result<String, ConfigError> {
        toml::to_string(self).map_err(|error| ConfigError::Toml(error.to_string()))
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

/// The longest line that a message quotes.
const QUOTED: usize = 200;

/// Where it went wrong, the line itself, and what was expected there.
fn misread(text: &str, error: &toml::de::Error) -> String {
    let (whole, message) = (error.to_string(), in_plain_words(&error.message()));
    let context = whole.trim_end().strip_suffix(error.message()).unwrap_or_default();
    if context.lines().all(|line| line.chars().count() <= QUOTED) {
        return format!("{context}{message}");
    }
    let before = text.get(..error.span().map_or(0, |span| span.start)).unwrap_or(text);
    let column = before.chars().rev().take_while(|letter| *letter != '\n').count() + 1;
    format!("TOML parse error at line {}, column {column}: {message}", before.matches('\n').count() + 1)
}

/// The first number of a weighter's setting that is not finite, and where it stands.
fn not_finite(text: &str, index: usize, name: &str) -> Option<(String, f64)> {
    fn first(place: String, value: &toml::Value) -> Option<(String, f64)> {
        match value {
            toml::Value::Float(number) => (!number.is_finite()).then_some((place, *number)),
            toml::Value::Array(values) => {
                values.iter().enumerate().find_map(|(at, value)| first(format!("{place}[{at}]"), value))
            }
            toml::Value::Table(values) => values.iter().find_map(|(key, value)| first(format!("{place}.{key}"), value)),
            _ => None,
        }
    }
    let table: toml::Table = toml::from_str(text).ok()?;
    first(name.to_owned(), table.get("weighter")?.get(index)?.get(name)?)
}

fn has_null(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Null => true,
        serde_json::Value::Array(values) => values.iter().any(has_null),
        serde_json::Value::Object(values) => values.values().any(has_null),
        _ => false,
    }
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

#[cfg(test)]
mod tests;
