//! A loss as TOML text, and what is said of text that is not one.

use super::words::in_plain_words;
use super::{ConfigError, LossConfig, PartConfig};

impl LossConfig {
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

    /// Writes TOML.
    ///
    /// # Errors
    ///
    /// Where a setting has no TOML form, such as an integer above 2⁶³.
    pub fn to_toml(&self) -> Result<String, ConfigError> {
        toml::to_string(self).map_err(|error| ConfigError::Toml(error.to_string()))
    }
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
