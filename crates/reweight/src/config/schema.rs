//! The config's JSON schema, with the built-in kinds spelled out.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;

use super::{LossConfig, WeighterConfig};
use crate::weighters::{AlphaBalanceConfig, FocalConfig, GhmConfig};

/// The built-in kinds as one tagged type, for its schema alone.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[expect(dead_code, reason = "only its schema is used")]
enum BuiltIn {
    AlphaBalance(AlphaBalanceConfig),
    Focal(FocalConfig),
    Ghm(GhmConfig),
}

/// What every kind has besides.
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
    kind: BuiltIn,
}

impl JsonSchema for WeighterConfig {
    fn schema_name() -> Cow<'static, str> {
        "Weighter".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Entry::json_schema(generator)
    }
}

impl LossConfig {
    /// The JSON schema of a loss config with the built-in weighter kinds.
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(LossConfig).to_value()
    }
}
