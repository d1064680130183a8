//! Figures beyond the floats that they were computed in: an error that names the value, never an infinity in the results.

use ndarray::ArrayD;
use reweight::{LossConfig, LossError, LossSummary};
use serde_json::{Map, Value};

use super::{Computed, Details, EvalError};
use crate::npy::NpyArray;

/// That all figures are finite, or the first that is not.
///
/// `bits` is the precision that they were computed in, `logits` the file that messages name.
pub(super) fn check(computed: &Computed, logits: &str, bits: u32) -> Result<(), EvalError> {
    let summary = &computed.summary;
    let refuse = |what: String| beyond_floats(what, logits, bits);
    if let Some(Details { grad, weight, loss, hessian }) = &computed.details {
        let hessian = hessian.as_ref().map(|hessian| ("second derivative", hessian));
        for (name, array) in
            [("weight", weight), ("weighted loss", loss), ("gradient", grad)].into_iter().chain(hessian)
        {
            if let Some((index, value)) = first_not_finite(array) {
                let weight = (name == "weighted loss").then(|| at(weight, index)).flatten();
                let weight = weight.map_or_else(String::new, |weight| format!(" (its weight is {weight})"));
                return Err(refuse(format!("the {name} at index {index} is {value}{weight}")));
            }
        }
    }
    // No element of them need be beyond it alone.
    let largest = |of: fn(&Details) -> &NpyArray| {
        let place = computed.details.as_ref().and_then(|details| largest(of(details)));
        place.map_or_else(String::new, |(index, value)| format!(", of which the largest is {value} at index {index}"))
    };
    let LossSummary { loss, weight_sum, .. } = *summary;
    match loss {
        Some(loss) if !loss.is_finite() => {
            Err(refuse(format!("the sum of the weighted losses is {loss}{}", largest(|details| &details.loss))))
        }
        _ if !weight_sum.is_finite() => {
            Err(refuse(format!("the sum of the weights is {weight_sum}{}", largest(|details| &details.weight))))
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

/// That no weight of the config is beyond 32 bits, where a sample weight would be refused too.
pub(super) fn check_config(config: &LossConfig, path: &str) -> Result<(), EvalError> {
    let refuse =
        |setting: String, value: f64| EvalError::SettingBeyondPrecision { path: path.to_owned(), setting, value };
    for (index, entry) in config.weighter.iter().enumerate() {
        let of = |setting: &str| format!("weighter {} ({}): `{setting}`", index + 1, entry.kind);
        if let Some(scale) = entry.scale.filter(|&scale| is_beyond(scale)) {
            return Err(refuse(of("scale"), scale));
        }
        if let Some((place, weight)) = ["class_weights", "values"].iter().find_map(|name| beyond(&entry.settings, name))
        {
            return Err(refuse(of(&place), weight));
        }
    }
    for (index, entry) in config.adjustment.iter().enumerate() {
        if let Some((place, value)) = ["scale", "offset"].iter().find_map(|name| beyond(&entry.settings, name)) {
            return Err(refuse(format!("adjustment {} ({}): `{place}`", index + 1, entry.kind), value));
        }
    }
    Ok(())
}

fn is_beyond(value: f64) -> bool {
    value.is_finite() && (value as f32).is_infinite()
}

/// The first number of a setting, which holds one or a list, that is beyond 32 bits, and where it stands.
fn beyond(settings: &Map<String, Value>, name: &str) -> Option<(String, f64)> {
    match settings.get(name)? {
        Value::Array(values) => {
            let mut values = values.iter().filter_map(Value::as_f64).enumerate();
            let (at, value) = values.find(|&(_, value)| is_beyond(value))?;
            Some((format!("{name}[{at}]"), value))
        }
        value => value.as_f64().filter(|&value| is_beyond(value)).map(|value| (name.to_owned(), value)),
    }
}

fn first_not_finite(array: &NpyArray) -> Option<(usize, f64)> {
    fn first<A: Copy + Into<f64>>(array: &ArrayD<A>) -> Option<(usize, f64)> {
        let mut values = array.iter().map(|&value| value.into()).enumerate();
        values.find(|(_, value): &(usize, f64)| !value.is_finite())
    }
    match array {
        NpyArray::F16(array) => first(array),
        NpyArray::Bf16(array) => first(array),
        NpyArray::F32(array) => first(array),
        NpyArray::F64(array) => first(array),
    }
}

/// The largest element and its position.
fn largest(array: &NpyArray) -> Option<(usize, String)> {
    fn of<A: Copy + Into<f64>>(array: &ArrayD<A>) -> Option<usize> {
        let values = array.iter().map(|&value| value.into()).enumerate();
        values.max_by(|(_, one): &(usize, f64), (_, other)| one.total_cmp(other)).map(|(index, _)| index)
    }
    let index = match array {
        NpyArray::F16(array) => of(array),
        NpyArray::Bf16(array) => of(array),
        NpyArray::F32(array) => of(array),
        NpyArray::F64(array) => of(array),
    }?;
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
