//! Figures beyond the floats that they were computed in: an error that names the value, never an infinity in the results.

use reweight::{LossConfig, LossError, LossSummary};
use reweight_lab::npy::NpyArray;
use serde_json::Value;

use super::EvalError;

/// A batch's figures as they would have been, had there been no bound.
pub(super) struct Computed {
    pub(super) summary: LossSummary,
    pub(super) details: Details,
}

/// Of each element or row.
pub(super) struct Details {
    pub(super) weight: NpyArray,
    pub(super) loss: NpyArray,
}

/// That all of these figures are finite, or the first that is not.
///
/// `bits` is the precision that they were computed in, `logits` the file that messages name.
pub(super) fn check(computed: &Computed, logits: &str, bits: u32) -> Result<(), EvalError> {
    let Computed { summary, details: Details { weight, loss } } = computed;
    check_array("weight", weight, logits, bits)?;
    if let Some((index, value)) = loss.first_not_finite() {
        let weight = at(weight, index).map_or_else(String::new, |weight| format!(" (its weight is {weight})"));
        return Err(beyond_floats(format!("the weighted loss at index {index} is {value}{weight}"), logits, bits));
    }
    // No element of them need be beyond it alone.
    let largest = |of: &NpyArray| {
        largest(of)
            .map_or_else(String::new, |(index, value)| format!(", of which the largest is {value} at index {index}"))
    };
    check_sums(summary, (&largest(loss), &largest(weight)), logits, bits)
}

/// That the elements of an array of results are finite.
pub(super) fn check_array(name: &str, array: &NpyArray, logits: &str, bits: u32) -> Result<(), EvalError> {
    match array.first_not_finite() {
        Some((index, value)) => Err(beyond_floats(format!("the {name} at index {index} is {value}"), logits, bits)),
        None => Ok(()),
    }
}

/// That the sums of losses and weights are finite, of which the largest are known or not.
pub(super) fn check_sums(
    summary: &LossSummary,
    (loss, weight): (&str, &str),
    logits: &str,
    bits: u32,
) -> Result<(), EvalError> {
    let refuse = |what: String| Err(beyond_floats(what, logits, bits));
    match summary.loss {
        Some(sum) if !sum.is_finite() => refuse(format!("the sum of the weighted losses is {sum}{loss}")),
        _ if !summary.weight_sum.is_finite() => {
            refuse(format!("the sum of the weights is {}{weight}", summary.weight_sum))
        }
        _ => Ok(()),
    }
}

/// The same of what the engine refused, and has no more figures of.
pub(super) fn refused(source: &LossError, logits: &str, bits: u32) -> Option<EvalError> {
    let what = match source {
        LossError::NotFinite { quantity, index, value, .. } => {
            let quantity = if *quantity == "loss" { "weighted loss" } else { quantity };
            format!("the {quantity} at index {index} is {value}")
        }
        LossError::SumNotFinite => "the sum of the weighted losses, or of the weights, is not finite".to_owned(),
        _ => return None,
    };
    Some(beyond_floats(what, logits, bits))
}

fn beyond_floats(what: String, logits: &str, bits: u32) -> EvalError {
    let cure = if bits == 32 {
        "compute with --dtype f64, or lower class weights, `scale` or sample weights"
    } else {
        "lower class weights, `scale`, sample weights or the logits"
    };
    EvalError::Overflow { path: logits.to_owned(), what, bits, cure }
}

/// That no setting of the config is beyond 32 bits, where a sample weight would be refused too.
pub(super) fn check_config(config: &LossConfig, path: &str) -> Result<(), EvalError> {
    let refuse =
        |setting: String, value: f64| EvalError::SettingBeyondPrecision { path: path.to_owned(), setting, value };
    for (index, entry) in config.weighter.iter().enumerate() {
        let of = |setting: &str| format!("weighter {} ({}): `{setting}`", index + 1, entry.kind);
        if let Some(scale) = entry.scale.filter(|&scale| is_beyond(scale)) {
            return Err(refuse(of("scale"), scale));
        }
        if let Some((place, value)) = entry.settings.iter().find_map(beyond) {
            return Err(refuse(of(&place), value));
        }
    }
    for (index, entry) in config.adjustment.iter().enumerate() {
        if let Some((place, value)) = entry.settings.iter().find_map(beyond) {
            return Err(refuse(format!("adjustment {} ({}): `{place}`", index + 1, entry.kind), value));
        }
    }
    Ok(())
}

fn is_beyond(value: f64) -> bool {
    value.is_finite() && (value as f32).is_infinite()
}

/// The first number of a setting, which holds one or a list, that is beyond 32 bits, and where it stands.
fn beyond((name, value): (&String, &Value)) -> Option<(String, f64)> {
    match value {
        Value::Array(values) => {
            let mut values = values.iter().filter_map(Value::as_f64).enumerate();
            let (at, value) = values.find(|&(_, value)| is_beyond(value))?;
            Some((format!("{name}[{at}]"), value))
        }
        value => value.as_f64().filter(|&value| is_beyond(value)).map(|value| (name.clone(), value)),
    }
}

/// The largest element and its position.
fn largest(array: &NpyArray) -> Option<(usize, String)> {
    let index = array.largest()?;
    Some((index, at(array, index)?))
}

/// An element in as many digits as its precision has.
fn at(array: &NpyArray, index: usize) -> Option<String> {
    match array {
        NpyArray::F16(array) => array.iter().nth(index).map(|value| format!("{value:?}")),
        NpyArray::Bf16(array) => array.iter().nth(index).map(|value| format!("{value:?}")),
        NpyArray::F32(array) => array.iter().nth(index).map(|value| format!("{value:?}")),
        NpyArray::F64(array) => array.iter().nth(index).map(|value| format!("{value:?}")),
    }
}
