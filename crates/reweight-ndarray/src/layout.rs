//! Memory layouts: when arrays of one shape can be walked side by side as plain slices.

use ndarray::{ArrayBase, Dimension, RawData};
use reweight::LossError;

/// What decides whether two arrays of one shape have their elements in the same order in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout<'a> {
    strides: &'a [isize],
    standard: bool,
}

impl<'a> Layout<'a> {
    pub(crate) fn of<S: RawData, D: Dimension>(array: &'a ArrayBase<S, D>) -> Self {
        Self { strides: array.strides(), standard: array.is_standard_layout() }
    }
}

/// Whether all arrays lie in the same order; whether they lie without gaps is asked when a slice is taken.
pub(crate) fn share_order(first: Layout<'_>, others: &[Option<Layout<'_>>]) -> bool {
    let mut others = others.iter().flatten();
    if first.standard { others.all(|other| other.standard) } else { others.all(|other| other.strides == first.strides) }
}

/// `found` must be `expected`.
pub(crate) fn check_shape(name: &'static str, expected: &[usize], found: &[usize]) -> Result<(), LossError> {
    if expected == found {
        Ok(())
    } else {
        Err(LossError::Shape { name, expected: expected.to_vec(), found: found.to_vec() })
    }
}
