//! The config's JSON schema, with the built-in kinds spelled out.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;

use super::{LossConfig, PartConfig, WeighterConfig};
use crate::built_in::{AdjustmentKind, BaseKind, WeighterKind};

/// What every weighter has besides its kind's own settings.
#[derive(Serialize, JsonSchema)]
struct Entry {
    /// Whether the gradient through the weight is cut.
    #[serde(default)]
    detached: bool,
    /// A factor, finite and at least 0.
    #[serde(default)]
    scale: Option<f64>,
    /// Bounds `[low, high]` of the weight, after the factor.
    #[serde(default)]
    clamp: Option<[f64; 2]>,
    #[serde(flatten)]
    kind: WeighterKind,
}

impl JsonSchema for WeighterConfig {
    fn schema_name() -> Cow<'static, str> {
        "Weighter".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Entry::json_schema(generator)
    }
}

/// A base's entry.
pub(super) fn base(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<Option<BaseKind>>()
}

/// The adjustments' entries.
pub(super) fn adjustments(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<Vec<AdjustmentKind>>()
}

impl JsonSchema for PartConfig {
    fn schema_name() -> Cow<'static, str> {
        "Part".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<serde_json::Map<String, serde_json::Value>>()
    }
}

impl LossConfig {
    /// The JSON schema of a loss config with the built-in kinds.
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(LossConfig).to_value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_alone_has_a_schema_too() {
        let part = schemars::schema_for!(PartConfig).to_value();
        assert_eq!((&part["title"], &part["type"]), (&"Part".into(), &"object".into()));
        let weighter = schemars::schema_for!(WeighterConfig).to_value();
        assert_eq!(weighter["title"], "Weighter");
        assert!(weighter["properties"]["clamp"].is_object() && weighter["oneOf"].is_array(), "{weighter}");
    }
}
