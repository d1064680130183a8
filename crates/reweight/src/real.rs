//! The number type of a formula: the backend picks it, the formula does not know it.
//!
//! A weighter is written once over `R: Real` and runs as plain floats, as dual numbers (exact derivatives), as SIMD
//! vectors, or as symbols that record the formula.

mod float;

use std::fmt::Debug;
use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::dual::Dual;
use crate::erased::{Erased, interpreted};
use crate::regions::{RegionAxis, RegionTable};
use crate::sample::Sample;

/// A real number, or something that stands for one: `f32`, `f64`, [`Dual`](crate::Dual), [`Expr`](crate::Expr), or a
/// backend's vector of floats.
///
/// Formulas must not branch on a value (a vector has many, a symbol none): they use [`max`](Real::max),
/// [`min`](Real::min) and [`select_le`](Real::select_le). Branching on a weighter's own parameters is fine.
///
/// # For implementers
///
/// Every function must be finite for finite arguments inside its domain as far as the result is representable, and must
/// not panic. Scalars keep IEEE semantics.
pub trait Real:
    Copy + Debug + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self>
{
    /// The constant `value`; its derivative is zero.
    fn lit(value: f64) -> Self;

    /// eˣ.
    fn exp(self) -> Self;

    /// Natural logarithm; −∞ at 0.
    fn ln(self) -> Self;

    /// eˣ − 1, without the cancellation near 0.
    fn exp_m1(self) -> Self;

    /// ln(1 + x), without the cancellation near 0; −∞ at −1.
    fn ln_1p(self) -> Self;

    /// Square root.
    fn sqrt(self) -> Self;

    /// |x|; its derivative at 0 is taken as 1.
    fn abs(self) -> Self;

    /// The larger of the two; the derivative is that of the one chosen (`self` on a tie).
    fn max(self, other: Self) -> Self;

    /// The smaller of the two; the derivative is that of the one chosen (`self` on a tie).
    fn min(self, other: Self) -> Self;

    /// `then` where `self ≤ bound`, else `otherwise`; no gradient flows through the comparison.
    fn select_le(self, bound: Self, then: Self, otherwise: Self) -> Self;

    /// The same value as a constant: derivatives are zero from here on.
    fn detach(self) -> Self;

    /// log σ(s), log σ(−s), σ(s) and σ(−s) of `self` = s, all from one exponential.
    fn logistic(self) -> Logistic<Self>;

    /// `values[i]` where `self` holds the index i as a number; a constant. An index outside gives NaN.
    ///
    /// Weighters use [`Sample::per_class`](crate::Sample::per_class) instead.
    fn gather(self, values: &[f64]) -> Self;

    /// The table's weight of the unit region that `self` lies in, read along `axis`; a constant.
    ///
    /// Weighters use [`Sample::by_gradient_norm`](crate::Sample::by_gradient_norm) instead.
    fn region(self, table: &RegionTable, axis: RegionAxis) -> Self;

    /// A boxed formula over this number: by itself over those that a box has methods for, by its record over any other.
    #[doc(hidden)]
    fn erased(formula: &dyn Erased, sample: &Sample<Self>) -> [Self; 4] {
        interpreted(formula, sample)
    }

    /// The same over its duals.
    #[doc(hidden)]
    fn erased_dual(formula: &dyn Erased, sample: &Sample<Dual<Self>>) -> [Dual<Self>; 4] {
        interpreted(formula, sample)
    }

    /// The same over those of its duals.
    #[doc(hidden)]
    fn erased_second(formula: &dyn Erased, sample: &Sample<Dual<Dual<Self>>>) -> [Dual<Dual<Self>>; 4] {
        interpreted(formula, sample)
    }

    /// The product with a constant.
    #[inline(always)]
    fn scale(self, factor: f64) -> Self {
        self * Self::lit(factor)
    }

    /// xⁿ by repeated squaring: exact to rounding, without a logarithm.
    #[inline(always)]
    fn powi(self, exponent: u32) -> Self {
        // A loop, since what calls itself is inlined into nobody's vectors.
        let (mut power, mut rest) = (self, exponent);
        let mut product: Option<Self> = None;
        while rest > 0 {
            if rest % 2 == 1 {
                product = Some(match product {
                    Some(product) => product * power,
                    None => power,
                });
            }
            rest /= 2;
            if rest > 0 {
                power = power * power;
            }
        }
        product.unwrap_or_else(
            #[inline(always)]
            || Self::lit(1.0),
        )
    }

    /// xᵃ for x ≥ 0 as exp(a·ln x).
    ///
    /// Where x is a probability that may underflow, take the exponential of a multiple of its logarithm instead
    /// ([`Sample::log_p`](crate::Sample::log_p), [`Sample::log_q`](crate::Sample::log_q)).
    #[inline(always)]
    fn powf(self, exponent: f64) -> Self {
        // 0⁰ is 1, and 0 · ln 0 would be NaN.
        if exponent == 0.0 { Self::lit(1.0) } else { self.ln().scale(exponent).exp() }
    }

    /// σ(x) = 1 / (1 + e⁻ˣ), without overflow.
    #[inline(always)]
    fn sigmoid(self) -> Self {
        self.logistic().p
    }

    /// log(1 + eˣ), without overflow.
    #[inline(always)]
    fn softplus(self) -> Self {
        -self.logistic().log_q
    }
}

/// What [`Real::logistic`] computes of a margin s.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Logistic<R> {
    /// log σ(s) = −softplus(−s).
    pub log_p: R,
    /// log σ(−s) = −softplus(s).
    pub log_q: R,
    /// σ(s).
    pub p: R,
    /// σ(−s) = 1 − σ(s), without the subtraction.
    pub q: R,
}
