//! The two precisions, from .npy arrays and back.

use ndarray::ArrayD;
use reweight_dfdx::{BceTarget, Element};

use super::tensors::OnTensors;
use crate::npy::NpyArray;

/// `f32` or `f64`.
pub(super) trait Number: Element + BceTarget + OnTensors {
    /// The array in this precision, rounded to the nearest.
    fn read(array: &NpyArray) -> ArrayD<Self>;
    /// As a .npy file holds it.
    fn pack(array: ArrayD<Self>) -> NpyArray;
}

impl Number for f32 {
    fn read(array: &NpyArray) -> ArrayD<Self> {
        array.to_f32()
    }
    fn pack(array: ArrayD<Self>) -> NpyArray {
        NpyArray::F32(array)
    }
}

impl Number for f64 {
    fn read(array: &NpyArray) -> ArrayD<Self> {
        array.to_f64()
    }
    fn pack(array: ArrayD<Self>) -> NpyArray {
        NpyArray::F64(array)
    }
}
