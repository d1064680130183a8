//! The kinds that a config may name: the built-in ones, and those of others.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{ConfigError, PartConfig, in_plain_words};
use crate::adjustment::Adjustment;
use crate::base::BaseLoss;
use crate::boxed::{BoxedAdjustment, BoxedBase, BoxedWeighter};
use crate::built_in::{
    AdjustmentVisitor, BaseVisitor, BuiltIn, WeighterVisitor, each_adjustment, each_base, each_weighter,
};
use crate::weighter::SampleWeighter;

type Build<T> = Arc<dyn Fn(Value) -> Result<T, String> + Send + Sync>;

/// The kinds of weighters, bases and adjustments that configs may name.
///
/// A weighter of somebody else's takes part with its formula and a `Deserialize`:
///
/// ```
/// # fn main() -> Result<(), reweight::ConfigError> {
/// use reweight::{LossConfig, Real, Registry, Sample, SampleWeighter};
///
/// #[derive(Clone, Debug, serde::Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct Linear { slope: f64 }
///
/// impl SampleWeighter for Linear {
///     fn weight<R: Real>(&self, s: &Sample<R>) -> R { s.q().scale(self.slope) }
/// }
///
/// let mut registry = Registry::built_in();
/// registry.register::<Linear>("linear")?;
/// let config = LossConfig::from_json(r#"{"objective": "bce", "weighter": [{"kind": "linear", "slope": 3.0}]}"#)?;
/// let loss = config.build_with(&registry)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Registry {
    weighters: BTreeMap<String, Build<BoxedWeighter>>,
    bases: BTreeMap<String, Build<BoxedBase>>,
    adjustments: BTreeMap<String, Build<BoxedAdjustment>>,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("weighters", &self.weighters.keys())
            .field("bases", &self.bases.keys())
            .field("adjustments", &self.adjustments.keys())
            .finish()
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::built_in()
    }
}

/// What is wrong with an entry's settings: which of them, and what every weighter may have besides.
fn misread(error: &serde_path_to_error::Error<serde_json::Error>, modifiers: bool) -> String {
    let (path, reason) = (error.path().to_string(), in_plain_words(error.inner()));
    if reason.starts_with("unknown field") {
        let rest = if modifiers { "; every kind also has `scale`, `clamp` and `detached`" } else { "" };
        return format!("{reason}{rest}");
    }
    if path == "." { reason } else { format!("`{path}`: {reason}") }
}

/// Settings read as `S`, made into the part `T`.
fn build<S, T>(settings: Value, modifiers: bool) -> Result<T, String>
where
    S: DeserializeOwned,
    T: TryFrom<S>,
    T::Error: fmt::Display,
{
    let settings: S = serde_path_to_error::deserialize(settings).map_err(|error| misread(&error, modifiers))?;
    T::try_from(settings).map_err(|error| error.to_string())
}

fn weighter<S, W>(settings: Value) -> Result<BoxedWeighter, String>
where
    S: DeserializeOwned,
    W: SampleWeighter + TryFrom<S> + 'static,
    W::Error: fmt::Display,
{
    let weighter: W = build(settings, true)?;
    BoxedWeighter::new(weighter).map_err(|error| error.to_string())
}

/// Adds what is not there yet.
fn add<T>(kinds: &mut BTreeMap<String, Build<T>>, kind: &str, build: Build<T>) -> Result<(), ConfigError> {
    if kinds.contains_key(kind) {
        return Err(ConfigError::DuplicateKind(kind.to_owned()));
    }
    kinds.insert(kind.to_owned(), build);
    Ok(())
}

impl WeighterVisitor for Registry {
    fn visit<T>(&mut self)
    where
        T: BuiltIn + SampleWeighter + TryFrom<T::Config, Error = crate::ParameterError>,
    {
        self.weighters.insert(T::KIND.to_owned(), Arc::new(weighter::<T::Config, T>));
    }
}

impl BaseVisitor for Registry {
    fn visit<T>(&mut self)
    where
        T: BuiltIn + BaseLoss + TryFrom<T::Config, Error = crate::ParameterError>,
    {
        let base = |settings| build::<T::Config, T>(settings, false).map(BoxedBase::new);
        self.bases.insert(T::KIND.to_owned(), Arc::new(base));
    }
}

impl AdjustmentVisitor for Registry {
    fn visit<T>(&mut self)
    where
        T: BuiltIn + Adjustment + TryFrom<T::Config, Error = crate::ParameterError>,
    {
        let adjustment = |settings| build::<T::Config, T>(settings, false).map(BoxedAdjustment::new);
        self.adjustments.insert(T::KIND.to_owned(), Arc::new(adjustment));
    }
}

/// The part of that kind, or the error that names the kinds there are.
fn find<'a, T>(
    kinds: &'a BTreeMap<String, Build<T>>,
    part: &'static str,
    position: usize,
    kind: &str,
) -> Result<&'a Build<T>, ConfigError> {
    kinds.get(kind).ok_or_else(|| {
        let known = kinds.keys().cloned().collect();
        ConfigError::UnknownKind { part, position, kind: kind.to_owned(), known }
    })
}

impl Registry {
    /// All built-in kinds of weighters, bases and adjustments.
    pub fn built_in() -> Self {
        let mut registry = Self { weighters: BTreeMap::new(), bases: BTreeMap::new(), adjustments: BTreeMap::new() };
        each_weighter(&mut registry);
        each_base(&mut registry);
        each_adjustment(&mut registry);
        registry
    }

    /// Adds a kind of weighter whose settings are the fields of `W`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::DuplicateKind`] where the kind is taken.
    pub fn register<W>(&mut self, kind: &str) -> Result<(), ConfigError>
    where
        W: SampleWeighter + DeserializeOwned + 'static,
    {
        add(&mut self.weighters, kind, Arc::new(weighter::<W, W>))
    }

    /// Adds a kind of base whose settings are the fields of `B`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::DuplicateKind`] where the kind is taken.
    pub fn register_base<B>(&mut self, kind: &str) -> Result<(), ConfigError>
    where
        B: BaseLoss + DeserializeOwned + 'static,
    {
        add(&mut self.bases, kind, Arc::new(|settings| build::<B, B>(settings, false).map(BoxedBase::new)))
    }

    /// Adds a kind of adjustment whose settings are the fields of `J`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::DuplicateKind`] where the kind is taken.
    pub fn register_adjustment<J>(&mut self, kind: &str) -> Result<(), ConfigError>
    where
        J: Adjustment + DeserializeOwned + 'static,
    {
        let adjustment = |settings| build::<J, J>(settings, false).map(BoxedAdjustment::new);
        add(&mut self.adjustments, kind, Arc::new(adjustment))
    }

    /// The kinds of weighters, sorted.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.weighters.keys().map(String::as_str)
    }

    /// The kinds of bases, sorted.
    pub fn bases(&self) -> impl Iterator<Item = &str> {
        self.bases.keys().map(String::as_str)
    }

    /// The kinds of adjustments, sorted.
    pub fn adjustments(&self) -> impl Iterator<Item = &str> {
        self.adjustments.keys().map(String::as_str)
    }

    /// Builds the weighter at `position` (from 1) of a config's list.
    pub(super) fn build(&self, position: usize, kind: &str, settings: Value) -> Result<BoxedWeighter, ConfigError> {
        let build = find(&self.weighters, "weighter", position, kind)?;
        build(settings).map_err(|reason| ConfigError::Weighter { position, kind: kind.to_owned(), reason })
    }

    /// Builds a config's base.
    pub(super) fn build_base(&self, entry: &PartConfig) -> Result<BoxedBase, ConfigError> {
        let build = find(&self.bases, "base", 1, &entry.kind)?;
        build(Value::Object(entry.settings.clone()))
            .map_err(|reason| ConfigError::Base { kind: entry.kind.clone(), reason })
    }

    /// Builds the adjustment at `position` (from 1) of a config's list.
    pub(super) fn build_adjustment(&self, position: usize, entry: &PartConfig) -> Result<BoxedAdjustment, ConfigError> {
        let build = find(&self.adjustments, "adjustment", position, &entry.kind)?;
        build(Value::Object(entry.settings.clone())).map_err(|reason| ConfigError::Adjustment {
            position,
            kind: entry.kind.clone(),
            reason,
        })
    }
}
