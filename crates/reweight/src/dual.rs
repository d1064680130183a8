//! Forward-mode differentiation: a value that carries its derivative.

use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::erased::Erased;
use crate::real::{Logistic, Real};
use crate::regions::{RegionAxis, RegionTable};
use crate::sample::Sample;

/// A value and its derivative with respect to one variable.
///
/// `Dual<f64>` gives first derivatives, `Dual<Dual<f64>>` second ones: the exact rule of each operation, no step size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dual<R> {
    /// The value.
    pub value: R,
    /// Its derivative.
    pub slope: R,
}

impl<R: Real> Dual<R> {
    /// The variable itself, at `value`: slope 1.
    #[inline(always)]
    pub fn variable(value: R) -> Self {
        Self { value, slope: R::lit(1.0) }
    }

    /// A constant: slope 0.
    #[inline(always)]
    pub fn constant(value: R) -> Self {
        Self { value, slope: R::lit(0.0) }
    }
}

impl<R: Real> Add for Dual<R> {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self { value: self.value + other.value, slope: self.slope + other.slope }
    }
}

impl<R: Real> Sub for Dual<R> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self { value: self.value - other.value, slope: self.slope - other.slope }
    }
}

impl<R: Real> Mul for Dual<R> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self { value: self.value * other.value, slope: self.slope * other.value + self.value * other.slope }
    }
}

impl<R: Real> Div for Dual<R> {
    type Output = Self;
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        let value = self.value / other.value;
        Self { value, slope: (self.slope - value * other.slope) / other.value }
    }
}

impl<R: Real> Neg for Dual<R> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self { value: -self.value, slope: -self.slope }
    }
}

impl<R: Real> Real for Dual<R> {
    #[inline(always)]
    fn lit(value: f64) -> Self {
        Self::constant(R::lit(value))
    }

    #[inline(always)]
    fn scale(self, factor: f64) -> Self {
        Self { value: self.value.scale(factor), slope: self.slope.scale(factor) }
    }

    #[inline(always)]
    fn exp(self) -> Self {
        let value = self.value.exp();
        Self { value, slope: value * self.slope }
    }

    #[inline(always)]
    fn ln(self) -> Self {
        Self { value: self.value.ln(), slope: self.slope / self.value }
    }

    #[inline(always)]
    fn exp_m1(self) -> Self {
        Self { value: self.value.exp_m1(), slope: self.value.exp() * self.slope }
    }

    #[inline(always)]
    fn ln_1p(self) -> Self {
        Self { value: self.value.ln_1p(), slope: self.slope / (R::lit(1.0) + self.value) }
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        let value = self.value.sqrt();
        Self { value, slope: self.slope / (value + value) }
    }

    #[inline(always)]
    fn abs(self) -> Self {
        let zero = R::lit(0.0);
        Self { value: self.value.abs(), slope: zero.select_le(self.value, self.slope, -self.slope) }
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Self { value: self.value.max(other.value), slope: other.value.select_le(self.value, self.slope, other.slope) }
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        Self { value: self.value.min(other.value), slope: self.value.select_le(other.value, self.slope, other.slope) }
    }

    #[inline(always)]
    fn select_le(self, bound: Self, then: Self, otherwise: Self) -> Self {
        Self {
            value: self.value.select_le(bound.value, then.value, otherwise.value),
            slope: self.value.select_le(bound.value, then.slope, otherwise.slope),
        }
    }

    fn erased(formula: &dyn Erased, sample: &Sample<Self>) -> [Self; 4] {
        R::erased_dual(formula, sample)
    }

    fn erased_dual(formula: &dyn Erased, sample: &Sample<Dual<Self>>) -> [Dual<Self>; 4] {
        R::erased_second(formula, sample)
    }

    #[inline(always)]
    fn detach(self) -> Self {
        Self::constant(self.value.detach())
    }

    #[inline(always)]
    fn logistic(self) -> Logistic<Self> {
        self.value.logistic().along(self.slope)
    }

    #[inline(always)]
    fn gather(self, values: &[f64]) -> Self {
        Self::constant(self.value.gather(values))
    }

    #[inline(always)]
    fn region(self, table: &RegionTable, axis: RegionAxis) -> Self {
        Self::constant(self.value.region(table, axis))
    }
}

impl<R: Real> Logistic<R> {
    /// The derivatives that belong to these values, where the margin's own is `slope`.
    #[inline(always)]
    pub fn along(self, slope: R) -> Logistic<Dual<R>> {
        // d log σ(s)/ds = σ(−s) and d σ(s)/ds = σ(s)σ(−s): products of probabilities, so bounded and free of 0·∞.
        let bell = self.p * self.q * slope;
        Logistic {
            log_p: Dual { value: self.log_p, slope: self.q * slope },
            log_q: Dual { value: self.log_q, slope: -(self.p * slope) },
            p: Dual { value: self.p, slope: bell },
            q: Dual { value: self.q, slope: -bell },
        }
    }
}

#[cfg(test)]
mod tests;
