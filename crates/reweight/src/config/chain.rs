//! A product of weighters put together at run time, each with its modifiers.

use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::{ConfigError, Registry};
use crate::adapt::{check_clamp, check_scale};
use crate::boxed::BoxedWeighter;
use crate::error::{StateError, WeightError};
use crate::form::BatchForm;
use crate::real::Real;
use crate::sample::Sample;
use crate::state::State;
use crate::statistics::{BatchStatistics, Statistics};
use crate::weighter::SampleWeighter;

/// One weighter of a chain as a file holds it: its kind, modifiers that every kind has, and the kind's own settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WeighterConfig {
    /// The kind, such as `focal`.
    pub kind: String,
    /// Whether the gradient through the weight is cut.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub detached: bool,
    /// A factor, finite and at least 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
    /// Bounds `[low, high]` of the weight, after the factor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clamp: Option<[f64; 2]>,
    /// The kind's own settings.
    #[serde(flatten, deserialize_with = "distinct")]
    pub settings: Map<String, Value>,
}

/// A base or an adjustment as a file holds it: its kind and the kind's own settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartConfig {
    /// The kind, such as `poly-1`.
    pub kind: String,
    /// The kind's own settings.
    #[serde(flatten, deserialize_with = "distinct")]
    pub settings: Map<String, Value>,
}

impl PartConfig {
    /// The entry of a part that was put in by code; [`ConfigError::NoEntry`] where it is no built-in one.
    pub(super) fn of(entry: Option<(&'static str, serde_json::Result<Value>)>) -> Result<Self, ConfigError> {
        let (kind, settings) = entry.ok_or(ConfigError::NoEntry)?;
        let Value::Object(settings) = settings.map_err(|error| ConfigError::Json(error.to_string()))? else {
            return Err(ConfigError::NoEntry);
        };
        Ok(Self { kind: kind.to_owned(), settings })
    }
}

/// Settings that are given once each: a JSON map would silently keep the last of two.
fn distinct<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Map<String, Value>, D::Error> {
    struct Distinct;
    impl<'de> Visitor<'de> for Distinct {
        type Value = Map<String, Value>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an entry's settings")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
            let mut settings = Map::new();
            while let Some((name, value)) = entries.next_entry::<String, Value>()? {
                if settings.contains_key(&name) {
                    return Err(A::Error::custom(format_args!("duplicate field `{name}`")));
                }
                settings.insert(name, value);
            }
            Ok(settings)
        }
    }
    deserializer.deserialize_map(Distinct)
}

/// One weighter of a [`Chain`], with its modifiers: first the factor, then the bounds, then the cut.
#[derive(Clone, Debug)]
pub struct Link {
    weighter: BoxedWeighter,
    detached: bool,
    scale: Option<f64>,
    clamp: Option<[f64; 2]>,
    /// The entry that it was built from, for kinds that this crate does not know.
    origin: Option<WeighterConfig>,
}

impl Link {
    /// A weighter without modifiers.
    pub fn new(weighter: BoxedWeighter) -> Self {
        Self { weighter, detached: false, scale: None, clamp: None, origin: None }
    }

    /// The weighter inside.
    pub fn weighter(&self) -> &BoxedWeighter {
        &self.weighter
    }

    fn from_config(config: &WeighterConfig, position: usize, registry: &Registry) -> Result<Self, ConfigError> {
        let weighter = registry.build(position, &config.kind, Value::Object(config.settings.clone()))?;
        let refuse = |error: crate::ParameterError| ConfigError::Weighter {
            position,
            kind: config.kind.clone(),
            reason: error.to_string(),
        };
        Ok(Self {
            weighter,
            detached: config.detached,
            scale: config.scale.map(check_scale).transpose().map_err(refuse)?,
            clamp: config.clamp.map(check_clamp).transpose().map_err(refuse)?,
            origin: Some(config.clone()),
        })
    }

    fn to_config(&self) -> Result<WeighterConfig, ConfigError> {
        if let Some(origin) = &self.origin {
            return Ok(origin.clone());
        }
        let PartConfig { kind, settings } = PartConfig::of(self.weighter.entry())?;
        Ok(WeighterConfig { kind, detached: self.detached, scale: self.scale, clamp: self.clamp, settings })
    }
}

impl SampleWeighter for Link {
    #[inline(always)]
    fn weight<R: Real>(&self, sample: &Sample<R>) -> R {
        let mut weight = self.weighter.weight(sample);
        if let Some(factor) = self.scale {
            weight = weight.scale(factor);
        }
        if let Some([low, high]) = self.clamp {
            weight = weight.max(R::lit(low)).min(R::lit(high));
        }
        if self.detached { weight.detach() } else { weight }
    }
    fn statistics(&self) -> Statistics {
        self.weighter.statistics()
    }
    fn observes(&self) -> bool {
        self.weighter.observes()
    }
    fn observe(&mut self, batch: &BatchStatistics) -> Result<(), WeightError> {
        self.weighter.observe(batch)
    }
    fn reset(&mut self) {
        self.weighter.reset();
    }
    fn check(&self, classes: usize) -> Result<(), WeightError> {
        self.weighter.check(classes)
    }
    fn fits(&self, form: &BatchForm<'_>) -> Result<(), WeightError> {
        self.weighter.fits(form)
    }
    fn state(&self) -> State {
        self.weighter.state()
    }
    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        self.weighter.restore(state)
    }
}

/// A product of weighters put together at run time; the empty one weighs everything 1.
#[derive(Clone, Default)]
pub struct Chain {
    links: Vec<Link>,
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.links.iter().map(Link::weighter)).finish()
    }
}

impl Chain {
    /// Builds the chain that a config lists, from the kinds of `registry`.
    ///
    /// # Errors
    ///
    /// Where a kind is unknown or a setting is outside its domain; the text names the entry.
    pub fn from_config(entries: &[WeighterConfig], registry: &Registry) -> Result<Self, ConfigError> {
        let link = |(index, entry)| Link::from_config(entry, index + 1, registry);
        Ok(Self { links: entries.iter().enumerate().map(link).collect::<Result<_, _>>()? })
    }

    /// The entries that give this chain.
    ///
    /// # Errors
    ///
    /// [`ConfigError::NoEntry`] where a weighter was put in by code and is no built-in one.
    pub fn to_config(&self) -> Result<Vec<WeighterConfig>, ConfigError> {
        self.links.iter().map(Link::to_config).collect()
    }

    /// Adds a weighter at the end.
    pub fn push(&mut self, weighter: BoxedWeighter) {
        self.links.push(Link::new(weighter));
    }

    /// The weighters.
    pub fn links(&self) -> &[Link] {
        &self.links
    }
}

impl From<Vec<BoxedWeighter>> for Chain {
    fn from(weighters: Vec<BoxedWeighter>) -> Self {
        Self { links: weighters.into_iter().map(Link::new).collect() }
    }
}

impl SampleWeighter for Chain {
    #[inline(always)]
    fn weight<R: Real>(&self, sample: &Sample<R>) -> R {
        self.links.weight(sample)
    }
    fn statistics(&self) -> Statistics {
        self.links.statistics()
    }
    fn observes(&self) -> bool {
        self.links.observes()
    }
    fn observe(&mut self, batch: &BatchStatistics) -> Result<(), WeightError> {
        self.links.observe(batch)
    }
    fn reset(&mut self) {
        self.links.reset();
    }
    fn check(&self, classes: usize) -> Result<(), WeightError> {
        self.links.check(classes)
    }
    fn fits(&self, form: &BatchForm<'_>) -> Result<(), WeightError> {
        self.links.fits(form)
    }
    fn state(&self) -> State {
        self.links.state()
    }
    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        self.links.restore(state)
    }
}
