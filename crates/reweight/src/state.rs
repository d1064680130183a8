//! What a weighter has observed, in a form that can be written to a checkpoint.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::in_plain_words;
use crate::error::StateError;

/// A weighter's saved state.
///
/// It serialises with serde into any self-describing format; floats come back to the bit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// The weighter observes nothing.
    #[default]
    Stateless,
    /// One weighter's record.
    Record(StateRecord),
    /// A chain's, link by link.
    Chain(Vec<State>),
}

/// One stateful weighter's state: enough to refuse it where it does not belong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateRecord {
    /// The weighter's kind, as in a config file.
    pub kind: String,
    /// Version of the format of `data`.
    pub version: u32,
    /// The settings under which it was gathered, as in a config file.
    pub settings: Value,
    /// What was observed.
    pub data: Value,
}

impl State {
    /// Who saved it, for messages.
    pub fn kind(&self) -> String {
        match self {
            Self::Stateless => "a weighter without state".to_owned(),
            Self::Record(record) => record.kind.clone(),
            Self::Chain(links) => format!("a chain of {}", links.len()),
        }
    }

    /// A record of `data`, observed under `settings`.
    ///
    /// # Errors
    ///
    /// [`StateError::Damaged`] where one of them has no JSON form (a map with keys that are no strings).
    pub fn record(
        kind: &str,
        version: u32,
        settings: &impl Serialize,
        data: &impl Serialize,
    ) -> Result<Self, StateError> {
        let value =
            |reason: serde_json::Error| StateError::Damaged { kind: kind.to_owned(), reason: reason.to_string() };
        Ok(Self::Record(StateRecord {
            kind: kind.to_owned(),
            version,
            settings: serde_json::to_value(settings).map_err(value)?,
            data: serde_json::to_value(data).map_err(value)?,
        }))
    }

    /// Reads a record back, where kind, version and settings are those given.
    ///
    /// # Errors
    ///
    /// The [`StateError`] that names what differs.
    pub fn read<T: serde::de::DeserializeOwned>(
        &self,
        kind: &str,
        version: u32,
        settings: &impl Serialize,
    ) -> Result<T, StateError> {
        let Self::Record(record) = self else {
            return Err(StateError::Kind { expected: kind.to_owned(), found: self.kind() });
        };
        if record.kind != kind {
            return Err(StateError::Kind { expected: kind.to_owned(), found: record.kind.clone() });
        }
        if record.version != version {
            let kind = kind.to_owned();
            return Err(StateError::Version { kind, expected: version, found: record.version });
        }
        let damaged =
            |error: serde_json::Error| StateError::Damaged { kind: kind.to_owned(), reason: in_plain_words(&error) };
        let settings = serde_json::to_value(settings).map_err(damaged)?;
        if let Some((name, expected, found)) = first_difference(&settings, &record.settings) {
            return Err(StateError::Settings { kind: kind.to_owned(), name, expected, found });
        }
        serde_json::from_value(record.data.clone()).map_err(damaged)
    }
}

/// The first setting that two records do not share.
fn first_difference(own: &Value, other: &Value) -> Option<(String, String, String)> {
    let (Value::Object(own), Value::Object(other)) = (own, other) else {
        return (own != other).then(|| ("settings".to_owned(), own.to_string(), other.to_string()));
    };
    own.keys().chain(other.keys()).find(|key| own.get(*key) != other.get(*key)).map(|key| {
        let text = |value: Option<&Value>| value.map_or_else(|| "none".to_owned(), Value::to_string);
        (key.clone(), text(own.get(key)), text(other.get(key)))
    })
}
