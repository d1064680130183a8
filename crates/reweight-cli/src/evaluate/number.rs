//! The two precisions, from .npy files and back.

use ndarray::ArrayD;
use reweight_dfdx::{BceTarget, Element};

use super::tensors::OnTensors;
use crate::npy::{NpyArray, Scalar};

/// `f32` or `f64`.
pub(super) trait Number: Element + BceTarget + OnTensors {
    /// Its bits.
    const BITS: u32;
    /// The element in this precision, rounded to the nearest; none where it is finite and beyond it.
    fn read(element: Scalar) -> Option<Self>;
    /// The nearest in this precision, infinite where it is beyond it.
    fn round(value: f64) -> Self;
    /// As a .npy file holds it.
    fn pack(array: ArrayD<Self>) -> NpyArray;
}

impl Number for f32 {
    const BITS: u32 = 32;

    fn read(element: Scalar) -> Option<Self> {
        let value = element.to_f32();
        (value.is_finite() || !element.to_f64().is_finite()).then_some(value)
    }

    fn round(value: f64) -> Self {
        value as Self
    }

    fn pack(array: ArrayD<Self>) -> NpyArray {
        NpyArray::F32(array)
    }
}

impl Number for f64 {
    const BITS: u32 = 64;

    fn read(element: Scalar) -> Option<Self> {
        Some(element.to_f64())
    }

    fn round(value: f64) -> Self {
        value
    }

    fn pack(array: ArrayD<Self>) -> NpyArray {
        NpyArray::F64(array)
    }
}
