//! Configs as text: read, written, and a part of one checked by itself.

use pyo3::{PyResult, pyfunction};
use reweight::{LossConfig, Objective};
use serde_json::Value;

use crate::error;

/// A config of TOML, as JSON.
#[pyfunction]
#[pyo3(signature = (toml, /))]
pub(crate) fn read_config(toml: &str) -> PyResult<String> {
    LossConfig::from_toml(toml).and_then(|config| config.to_json()).map_err(error::config)
}

/// A config of JSON, as TOML.
#[pyfunction]
#[pyo3(signature = (json, /))]
pub(crate) fn write_config(json: &str) -> PyResult<String> {
    LossConfig::from_json(json).and_then(|config| config.to_toml()).map_err(error::config)
}

/// Checks one part: `role` is weighter, base or adjustment, `entry` its entry as JSON. Returns the entry as it was read.
#[pyfunction]
#[pyo3(signature = (role, entry, /))]
pub(crate) fn check_part(role: &str, entry: &str) -> PyResult<String> {
    let entry: Value = serde_json::from_str(entry).map_err(error::config)?;
    let mut config = LossConfig::new(Objective::Bce);
    match role {
        "weighter" => config.weighter = vec![serde_json::from_value(entry).map_err(error::config)?],
        "base" => config.base = Some(serde_json::from_value(entry).map_err(error::config)?),
        "adjustment" => config.adjustment = vec![serde_json::from_value(entry).map_err(error::config)?],
        _ => return Err(error::config(format!("`{role}` is no part of a loss"))),
    }
    config.build().map_err(error::config)?;
    let read = match role {
        "weighter" => serde_json::to_string(&config.weighter[0]),
        "base" => serde_json::to_string(&config.base),
        _ => serde_json::to_string(&config.adjustment[0]),
    };
    read.map_err(error::config)
}
