//! `Real` for `f32` and `f64`, on the standard library's functions.

use super::{Logistic, Real};
use crate::dual::Dual;
use crate::erased::Erased;
use crate::regions::{RegionAxis, RegionTable};
use crate::sample::Sample;

macro_rules! float {
    ($float:ident, $on:ident, $on_dual:ident, $on_second:ident) => {
        impl Real for $float {
            fn lit(value: f64) -> Self {
                // Finite stays finite: a weight beyond the floats times a vanished slope would be ∞·0, no number.
                let nearest = value as $float;
                if nearest.is_infinite() && value.is_finite() { $float::MAX.copysign(nearest) } else { nearest }
            }
            fn exp(self) -> Self {
                $float::exp(self)
            }
            fn ln(self) -> Self {
                $float::ln(self)
            }
            fn exp_m1(self) -> Self {
                $float::exp_m1(self)
            }
            fn ln_1p(self) -> Self {
                $float::ln_1p(self)
            }
            fn sqrt(self) -> Self {
                $float::sqrt(self)
            }
            fn abs(self) -> Self {
                $float::abs(self)
            }
            fn max(self, other: Self) -> Self {
                if self >= other { self } else { other }
            }
            fn min(self, other: Self) -> Self {
                if self <= other { self } else { other }
            }
            fn select_le(self, bound: Self, then: Self, otherwise: Self) -> Self {
                if self <= bound { then } else { otherwise }
            }
            fn detach(self) -> Self {
                self
            }
            fn logistic(self) -> Logistic<Self> {
                // e ≤ 1, so nothing overflows, and the smaller of the two probabilities is e/(1+e): never 1 − σ.
                let e = (-$float::abs(self)).exp();
                let log_larger = -e.ln_1p();
                let log_smaller = log_larger - $float::abs(self);
                let larger = 1.0 / (1.0 + e);
                let smaller = e * larger;
                if self >= 0.0 {
                    Logistic { log_p: log_larger, log_q: log_smaller, p: larger, q: smaller }
                } else {
                    Logistic { log_p: log_smaller, log_q: log_larger, p: smaller, q: larger }
                }
            }
            fn gather(self, values: &[f64]) -> Self {
                // A cast saturates, so a negative index or NaN would read entry 0: send those outside instead.
                let index = if self >= 0.0 { self as usize } else { usize::MAX };
                values.get(index).map_or($float::NAN, |&value| Self::lit(value))
            }
            fn region(self, table: &RegionTable, axis: RegionAxis) -> Self {
                Self::lit(table.weights()[table.regions().region_of(f64::from(self), axis)])
            }
            fn erased(formula: &dyn Erased, sample: &Sample<Self>) -> [Self; 4] {
                formula.$on(sample)
            }
            fn erased_dual(formula: &dyn Erased, sample: &Sample<Dual<Self>>) -> [Dual<Self>; 4] {
                formula.$on_dual(sample)
            }
            fn erased_second(formula: &dyn Erased, sample: &Sample<Dual<Dual<Self>>>) -> [Dual<Dual<Self>>; 4] {
                formula.$on_second(sample)
            }
        }
    };
}

float!(f32, on_f32, on_dual_f32, on_second_f32);
float!(f64, on_f64, on_dual_f64, on_second_f64);
