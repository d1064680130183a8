//! The precisions, from .npy files and back.

use half::{bf16, f16};
use ndarray::ArrayD;
use reweight_dfdx::BceTarget;
use reweight_lab::npy::{Element, NpyArray};
use reweight_ndarray::Float;

use super::tensors::OnTensors;

/// `f16`, `bf16`, `f32` or `f64`.
pub(super) trait Number: Float + BceTarget + OnTensors + Element {
    /// The bits of what is computed in.
    const BITS: u32;
    /// What messages call numbers that it can hold, and the precision to take for larger ones.
    const SIZE: (&'static str, &'static str);
    /// The nearest in what is computed in, infinite where they are beyond it, as a .npy file holds them.
    fn round(array: &ArrayD<f64>) -> NpyArray;
}

macro_rules! single {
    ($($type:ident $name:literal $wider:literal)*) => {
        $(impl Number for $type {
            const BITS: u32 = 32;
            const SIZE: (&'static str, &'static str) = ($name, $wider);

            fn round(array: &ArrayD<f64>) -> NpyArray {
                NpyArray::F32(array.mapv(|value| value as f32))
            }
        })*
    };
}
single! { f16 "f16" "f32" bf16 "bf16" "f32" f32 "32 bits" "f64" }

impl Number for f64 {
    const BITS: u32 = 64;
    const SIZE: (&'static str, &'static str) = ("64 bits", "f64");

    fn round(array: &ArrayD<f64>) -> NpyArray {
        NpyArray::F64(array.clone())
    }
}
