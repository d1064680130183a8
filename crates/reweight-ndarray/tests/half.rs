//! Half precision: the engine's `f32` results of the widened batch, rounded once.
#![allow(clippy::unwrap_used, reason = "a test's helpers may fail as the test itself may")]

use std::fmt::Debug;

use half::{bf16, f16};
use ndarray::{Array, Array1, Array2, Array3, ArrayView, Axis, Dimension, RemoveAxis, ShapeBuilder, s};
use reweight_ndarray::prelude::*;
use reweight_ndarray::reweight::{
    AlphaBalance, Focal, Ghm, HessianForm, LogitAdjustment, LossError, Poly1, PosWeight, VectorScaling,
};
use reweight_ndarray::{BceTarget, Float, SecondOrder};

/// A type of 16 bits.
trait Half: Float + BceTarget + Copy + Debug + PartialEq {
    const NAME: &'static str;
    const LARGEST: f32;
    fn from_f32(value: f32) -> Self;
    fn to_f32(self) -> f32;
}

macro_rules! half {
    ($($half:ident)*) => {$(
        impl Half for $half {
            const NAME: &'static str = stringify!($half);
            const LARGEST: f32 = $half::MAX.to_f32_const();
            fn from_f32(value: f32) -> Self {
                $half::from_f32(value)
            }
            fn to_f32(self) -> f32 {
                $half::to_f32(self)
            }
        }
    )*};
}
half!(f16 bf16);

const REDUCTIONS: [Reduction; 6] = [
    Reduction::Mean,
    Reduction::Sum,
    Reduction::WeightedMean,
    Reduction::Positives,
    Reduction::Divisor(700.0),
    Reduction::None,
];

/// Numbers between ±15, of which no two neighbours are alike.
fn numbers<H: Half>(n: usize) -> Array1<H> {
    (0..n).map(|i| H::from_f32(((i * 7919) % 1009) as f32 * 0.03 - 15.0)).collect()
}

fn wide<H: Half, D: Dimension>(array: ArrayView<'_, H, D>) -> Array<f32, D> {
    array.mapv(H::to_f32)
}

/// Every array of `narrow` is that of `wide`, rounded once; all else is the same.
fn assert_rounded<H: Half, D: Dimension, E: Dimension>(
    narrow: &SecondOrder<H, D, E>,
    wide: &SecondOrder<f32, D, E>,
    what: impl Debug,
) {
    assert_eq!(narrow.outcome.summary, wide.outcome.summary, "{what:?}");
    assert_eq!(narrow.outcome.grad, wide.outcome.grad.mapv(H::from_f32), "{what:?}: gradient");
    assert_eq!(narrow.outcome.weights, wide.outcome.weights.mapv(H::from_f32), "{what:?}: weights");
    assert_eq!(narrow.outcome.losses, wide.outcome.losses.mapv(H::from_f32), "{what:?}: losses");
    assert_eq!(narrow.hessian, wide.hessian.mapv(H::from_f32), "{what:?}: second derivatives");
}
