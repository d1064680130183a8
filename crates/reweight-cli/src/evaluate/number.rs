//! The precisions, from .npy files and back.

use half::{bf16, f16};
use ndarray::ArrayD;
use reweight_dfdx::BceTarget;
use reweight_ndarray::Float;

use super::tensors::OnTensors;
use crate::npy::{NpyArray, Scalar};

/// `f16`, `bf16`, `f32` or `f64`.
pub(super) trait Number: Float + BceTarget + OnTensors + Copy + Default + Into<f64> {
    /// The bits of what is computed in.
    const BITS: u32;
    /// What messages call numbers that it can hold, and the precision to take for larger ones.
    const SIZE: (&'static str, &'static str);
    /// The element in this precision, rounded to the nearest; none where it is finite and beyond it.
    fn read(element: Scalar) -> Option<Self>;
    /// As a .npy file holds it.
    fn pack(array: ArrayD<Self>) -> NpyArray;
    /// The nearest in what is computed in, infinite where they are beyond it, as a .npy file holds them.
    fn round(array: &ArrayD<f64>) -> NpyArray;
}

macro_rules! half {
    ($half:ident $variant:ident $name:literal) => {
        impl Number for $half {
            const BITS: u32 = 32;
            const SIZE: (&'static str, &'static str) = ($name, "f32");

            fn read(element: Scalar) -> Option<Self> {
                // In one step, so that nothing is rounded twice.
                let value = $half::from_f64(element.to_f64());
                (value.is_finite() || !element.to_f64().is_finite()).then_some(value)
            }

            fn pack(array: ArrayD<Self>) -> NpyArray {
                NpyArray::$variant(array)
            }

            fn round(array: &ArrayD<f64>) -> NpyArray {
                <f32 as Number>::round(array)
            }
        }
    };
}
half!(f16 F16 "f16");
half!(bf16 Bf16 "bf16");

impl Number for f32 {
    const BITS: u32 = 32;
    const SIZE: (&'static str, &'static str) = ("32 bits", "f64");

    fn read(element: Scalar) -> Option<Self> {
        let value = element.to_f32();
        (value.is_finite() || !element.to_f64().is_finite()).then_some(value)
    }

    fn pack(array: ArrayD<Self>) -> NpyArray {
        NpyArray::F32(array)
    }

    fn round(array: &ArrayD<f64>) -> NpyArray {
        NpyArray::F32(array.mapv(|value| value as Self))
    }
}

impl Number for f64 {
    const BITS: u32 = 64;
    const SIZE: (&'static str, &'static str) = ("64 bits", "f64");

    fn read(element: Scalar) -> Option<Self> {
        Some(element.to_f64())
    }

    fn pack(array: ArrayD<Self>) -> NpyArray {
        NpyArray::F64(array)
    }

    fn round(array: &ArrayD<f64>) -> NpyArray {
        NpyArray::F64(array.clone())
    }
}
