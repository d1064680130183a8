//! A state's numbers in one row, without a text between: what a training step of PyTorch writes down each time.

use serde_json::{Map, Value};

/// `name`, then the numbers of all records in a state, in the order of their names.
pub(crate) fn of_state(state: &Value, name: i64) -> Vec<i64> {
    let mut row = vec![name];
    records(state, &mut row);
    row
}

/// The records of the weighters that observe, in order.
fn records(state: &Value, row: &mut Vec<i64>) {
    match state {
        Value::Array(all) => all.iter().for_each(|each| records(each, row)),
        Value::Object(all) => match all.get("record") {
            Some(record) => numbers(&record["data"], row),
            None => in_order(all).for_each(|each| records(each, row)),
        },
        _ => {}
    }
}

fn numbers(data: &Value, row: &mut Vec<i64>) {
    match data {
        Value::Array(all) => all.iter().for_each(|each| numbers(each, row)),
        Value::Object(all) => in_order(all).for_each(|each| numbers(each, row)),
        Value::Number(number) if number.is_f64() => {
            row.push(i64::from_ne_bytes(number.as_f64().unwrap_or(f64::NAN).to_ne_bytes()));
        }
        Value::Number(number) => row.push(number.as_i64().unwrap_or(i64::MAX)),
        _ => {}
    }
}

/// A map's values by their names, whichever order the map itself keeps.
fn in_order(all: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let mut named: Vec<(&String, &Value)> = all.iter().collect();
    named.sort_unstable_by_key(|(name, _)| *name);
    named.into_iter().map(|(_, value)| value)
}
