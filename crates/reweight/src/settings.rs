//! Forms that settings of several kinds share: a number or a list, counts of classes or of columns.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::error::ParameterError;

/// One number for all, or one each.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Numbers {
    /// One for all.
    One(f64),
    /// One each.
    Each(Vec<f64>),
}

impl Numbers {
    /// The numbers as a list, of length 1 where one stands for all.
    pub fn as_slice(&self) -> &[f64] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Each(values) => values,
        }
    }

    /// Checks each by `accept`.
    ///
    /// # Errors
    ///
    /// Where there are none, or one is not accepted; it is named.
    pub(crate) fn check(&self, name: &str, accept: fn(f64) -> bool, expected: &str) -> Result<(), ParameterError> {
        match self {
            Self::One(value) => ParameterError::check(name, *value, accept(*value), expected).map(|_| ()),
            Self::Each(values) if values.is_empty() => {
                Err(ParameterError::new(format!("number of {name}"), 0.0, "at least 1"))
            }
            Self::Each(values) => values.iter().enumerate().try_for_each(|(at, &value)| {
                ParameterError::check(&format!("{name}[{at}]"), value, accept(value), expected).map(|_| ())
            }),
        }
    }
}

impl From<f64> for Numbers {
    fn from(value: f64) -> Self {
        Self::One(value)
    }
}

impl From<Vec<f64>> for Numbers {
    fn from(values: Vec<f64>) -> Self {
        Self::Each(values)
    }
}

impl<const N: usize> From<[f64; N]> for Numbers {
    fn from(values: [f64; N]) -> Self {
        Self::Each(values.into())
    }
}

fn number<E: Error>(value: &Value) -> Result<f64, E> {
    value
        .as_f64()
        .ok_or_else(|| E::custom(format_args!("{value} is no number; expected a number or a list of numbers")))
}

// By hand: an untagged enum's message names none of what it expected.
impl<'de> Deserialize<'de> for Numbers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Array(values) => Ok(Self::Each(values.iter().map(number).collect::<Result<_, _>>()?)),
            value => Ok(Self::One(number(&value)?)),
        }
    }
}

/// How many samples there are: of each class, or of the labels 0 and 1 in each column.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Counts {
    /// One a class; BCE has the classes 0 and 1.
    Classes(Vec<u64>),
    /// [n₀, n₁] of each column.
    Columns(Vec<[u64; 2]>),
}

impl Counts {
    /// Checks that there are some, and none is 0.
    pub(crate) fn check(&self) -> Result<(), ParameterError> {
        let (length, least) = match self {
            Self::Classes(counts) => (counts.len(), 2),
            Self::Columns(pairs) => (pairs.len(), 1),
        };
        if length < least {
            let expected = "one count a class, for at least 2 classes; or a pair [n₀, n₁] a column";
            return Err(ParameterError::new("counts", length as f64, expected));
        }
        let zero = match self {
            Self::Classes(counts) => counts.iter().position(|&count| count == 0).map(|at| format!("counts[{at}]")),
            Self::Columns(pairs) => pairs.iter().enumerate().find_map(|(at, pair)| {
                pair.iter().position(|&count| count == 0).map(|label| format!("counts[{at}][{label}]"))
            }),
        };
        match zero {
            Some(name) => Err(ParameterError::new(name, 0.0, "at least 1: a class without samples has no share")),
            None => Ok(()),
        }
    }
}

impl From<&[u64]> for Counts {
    fn from(counts: &[u64]) -> Self {
        Self::Classes(counts.to_vec())
    }
}

impl<'de> Deserialize<'de> for Counts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let whole = |value: &Value| {
            let expected = "expected a whole number of at least 1 a class, or a pair [n₀, n₁] of them a column";
            value.as_u64().ok_or_else(|| D::Error::custom(format_args!("{value} is no count; {expected}")))
        };
        let entries = match Value::deserialize(deserializer)? {
            Value::Array(entries) => entries,
            other => return Err(D::Error::custom(format_args!("{other} is no list of counts, one a class"))),
        };
        if !entries.iter().any(Value::is_array) {
            return Ok(Self::Classes(entries.iter().map(whole).collect::<Result<_, _>>()?));
        }
        let pair = |entry: &Value| match entry.as_array().map(Vec::as_slice) {
            Some([negative, positive]) => Ok([whole(negative)?, whole(positive)?]),
            _ => Err(D::Error::custom(format_args!("{entry} is no pair [n₀, n₁]; expected one a column"))),
        };
        Ok(Self::Columns(entries.iter().map(pair).collect::<Result<_, _>>()?))
    }
}

/// The axis that columns are read along where none is named: the last.
pub(crate) const LAST_AXIS: i64 = -1;

pub(crate) fn last_axis() -> i64 {
    LAST_AXIS
}

pub(crate) fn is_last_axis(axis: &i64) -> bool {
    *axis == LAST_AXIS
}
