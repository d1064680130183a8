//! The kinds that a config may name: the built-in ones, and those of others.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::ConfigError;
use crate::boxed::BoxedWeighter;
use crate::weighter::SampleWeighter;
use crate::weighters::{AlphaBalance, Focal, Ghm, GhmConfig};

type Build = Arc<dyn Fn(Value) -> Result<BoxedWeighter, String> + Send + Sync>;

/// The weighter kinds that configs may name.
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
    kinds: BTreeMap<String, Build>,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("kinds", &self.kinds.keys()).finish()
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::built_in()
    }
}

/// What is wrong with an entry's settings: which of them, and what every kind may have besides.
fn misread(error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    let (path, reason) = (error.path().to_string(), error.inner().to_string());
    if reason.starts_with("unknown field") {
        return format!("{reason}; every kind also has `scale`, `clamp` and `detached`");
    }
    if path == "." { reason } else { format!("`{path}`: {reason}") }
}

/// Settings read as `S`, made into the weighter `W`.
fn build<S, W>(settings: Value) -> Result<BoxedWeighter, String>
where
    S: DeserializeOwned,
    W: SampleWeighter + TryFrom<S> + 'static,
    W::Error: fmt::Display,
{
    let settings: S = serde_path_to_error::deserialize(settings).map_err(|error| misread(&error))?;
    let weighter = W::try_from(settings).map_err(|error| error.to_string())?;
    BoxedWeighter::new(weighter).map_err(|error| error.to_string())
}

impl Registry {
    /// `alpha-balance`, `focal` and `ghm`.
    pub fn built_in() -> Self {
        let mut kinds: BTreeMap<String, Build> = BTreeMap::new();
        kinds.insert("alpha-balance".to_owned(), Arc::new(build::<AlphaBalance, AlphaBalance>));
        kinds.insert("focal".to_owned(), Arc::new(build::<Focal, Focal>));
        kinds.insert("ghm".to_owned(), Arc::new(build::<GhmConfig, Ghm>));
        Self { kinds }
    }

    /// Adds a kind whose settings are the fields of `W`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::DuplicateKind`] where the kind is taken.
    pub fn register<W>(&mut self, kind: &str) -> Result<(), ConfigError>
    where
        W: SampleWeighter + DeserializeOwned + 'static,
    {
        if self.kinds.contains_key(kind) {
            return Err(ConfigError::DuplicateKind(kind.to_owned()));
        }
        self.kinds.insert(kind.to_owned(), Arc::new(build::<W, W>));
        Ok(())
    }

    /// The kinds, sorted.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.kinds.keys().map(String::as_str)
    }

    /// Builds the weighter at `position` (from 1) of a config's list.
    pub(super) fn build(&self, position: usize, kind: &str, settings: Value) -> Result<BoxedWeighter, ConfigError> {
        let Some(build) = self.kinds.get(kind) else {
            let known = self.kinds().map(str::to_owned).collect();
            return Err(ConfigError::UnknownKind { position, kind: kind.to_owned(), known });
        };
        build(settings).map_err(|reason| ConfigError::Weighter { position, kind: kind.to_owned(), reason })
    }
}
