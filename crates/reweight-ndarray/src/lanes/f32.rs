//! A register of `f32` and its elementary functions.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::isa::{Isa, elements};
use super::{Lanes, polynomial};
use crate::element::FloatLanes;

/// `f32` lanes of the instruction set `S`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct F32s<S: Isa>(S::f32s);

// The polynomials are minimax in the relative error of the function that they complete (Remez exchange with 50 digits, then rounded to
// f32); the bound beside each is that of the rounded coefficients, before the rounding of the evaluation.

/// (eʳ − 1 − r) / r² on |r| ≤ ½·ln 2; lowest power first. eʳ within 3.7e-9.
const EXP: [f64; 5] = [4.999_999_404e-1, 1.666_652_113e-1, 4.166_838_899e-2, 8.368_745_446e-3, 1.381_458_016e-3];
/// (ln(1 + e)/e − 1) / e on [0, 1]; ln(1 + e) within 1.9e-8. Cheaper than the atanh form, which needs the quotient first.
const LN_1P: [f64; 9] = [
    -4.999_993_145e-1,
    3.333_051_205e-1,
    -2.495_858_818e-1,
    1.969_540_119e-1,
    -1.535_539_776e-1,
    1.068_055_555e-1,
    -5.766_443_536e-2,
    2.020_457_573e-2,
    -3.318_469_739e-3,
];
/// (ln(1 + f) − f + f²/2) / f³ for 1 + f in [√½, √2]; ln within 3.2e-9.
const LN: [f64; 9] = [
    3.333_331_347e-1,
    -2.500_000_894e-1,
    2.000_211_924e-1,
    -1.666_799_635e-1,
    1.421_955_228e-1,
    -1.240_558_997e-1,
    1.188_816_279e-1,
    -1.167_565_063e-1,
    6.746_637_821e-2,
];
/// ln 2 in two parts (Cody and Waite): the upper one has 9 bits, so its product with an exponent is exact even without FMA.
const LN_2_UPPER: f64 = 355.0 / 512.0;
const LN_2_LOWER: f64 = -2.121_944_417e-4;
/// The largest argument whose exponential is finite, and the smallest whose exponential is a normal number.
const EXP_MAX: f64 = 88.722_83;
const EXP_MIN: f64 = -87.336_54;
/// Its power of two has the exponent −127, whose bits are those of 0: what lies below is flushed to zero by the scaling itself.
const EXP_FLUSHED: f64 = -88.0;
/// Below this even the smallest denormal is far; a bound that keeps ∞ − ∞ out of the argument's reduction.
const EXP_ZERO: f64 = -105.0;

/// `(r, n)` with x = r + n·ln 2, `n` integral and |r| ≤ ½·ln 2, for |x| below 2²¹.
#[inline(always)]
fn reduce<L: Lanes<Scalar = f32>>(x: L) -> (L, L) {
    // Adding 1.5·2²³ rounds to an integer.
    let shift = L::splat(12_582_912.0);
    let n = x.mul_add(L::splat(std::f64::consts::LOG2_E), shift) - shift;
    let r = n.mul_add(L::splat(-LN_2_UPPER), x);
    (n.mul_add(L::splat(-LN_2_LOWER), r), n)
}

/// eʳ, in [√½, √2].
#[inline(always)]
fn exp_of_small<L: Lanes<Scalar = f32>>(r: L) -> L {
    let one = L::splat(1.0);
    polynomial(r, &EXP).mul_add(r, one).mul_add(r, one)
}

/// See [`Lanes::exp_minus_abs`].
#[inline(always)]
pub(super) fn exp_minus_abs<L: Lanes<Scalar = f32>>(x: L) -> L {
    let least = if L::SCALE_IS_TOTAL { EXP_ZERO } else { EXP_FLUSHED };
    let (r, n) = reduce(L::splat(least).max(x.minus_abs()));
    exp_of_small(r).scale_down(n)
}

/// See [`Lanes::exp`].
#[inline(always)]
pub(super) fn exp<L: Lanes<Scalar = f32>>(x: L) -> L {
    // The constants stand first, so that a NaN gets through.
    if L::SCALE_IS_TOTAL {
        let (r, n) = reduce(L::splat(89.0).min(L::splat(EXP_ZERO).max(x)));
        return exp_of_small(r).scale(n);
    }
    let (least, greatest) = (L::splat(EXP_MIN), L::splat(EXP_MAX));
    let (r, n) = reduce(greatest.min(least.max(x)));
    let e = L::select(x.lt(least), L::splat(0.0), exp_of_small(r).scale(n));
    // Above the greatest the sum is +∞, for NaN it is NaN.
    L::select(x.le(greatest), e, x + L::splat_scalar(f32::INFINITY))
}

/// See [`Lanes::ln_1p`].
#[inline(always)]
pub(super) fn ln_1p<L: Lanes<Scalar = f32>>(e: L) -> L {
    polynomial(e, &LN_1P).mul_add(e, L::splat(1.0)) * e
}

impl<S: Isa> Lanes for F32s<S> {
    type Scalar = f32;
    type Mask = S::m32s;
    type Counter = S::u32s;
    type Wide = [S::f64s; 2];
    const COUNT: usize = S::F32_LANES;
    #[inline(always)]
    fn enter<F: pulp::NullaryFnOnce>(f: F) -> F::Output {
        S::enter(f)
    }
    const SCALE_IS_TOTAL: bool = S::SCALE_IS_TOTAL;

    #[inline(always)]
    fn splat(x: f64) -> Self {
        Self::splat_scalar(f32::from_f64(x))
    }
    #[inline(always)]
    fn splat_scalar(x: f32) -> Self {
        Self(S::token().f32_splat(x))
    }
    #[inline(always)]
    fn load(slice: &[f32]) -> Self {
        debug_assert_eq!(slice.len(), Self::COUNT);
        Self(S::token().f32_load(slice))
    }
    #[inline(always)]
    fn load_partial(slice: &[f32]) -> Self {
        debug_assert!(slice.len() <= Self::COUNT);
        Self(S::token().f32_load_partial(slice))
    }
    #[inline(always)]
    fn store(self, slice: &mut [f32]) {
        debug_assert_eq!(slice.len(), Self::COUNT);
        S::token().f32_store(self.0, slice);
    }
    #[inline(always)]
    fn store_partial(self, slice: &mut [f32]) {
        debug_assert!(slice.len() <= Self::COUNT);
        S::token().f32_store_partial(self.0, slice);
    }
    #[inline(always)]
    fn from_u8(bytes: &[u8]) -> Self {
        debug_assert_eq!(bytes.len(), Self::COUNT);
        Self(S::token().f32_from_u8(bytes))
    }
    #[inline(always)]
    fn from_u8_partial(bytes: &[u8]) -> Self {
        debug_assert!(bytes.len() <= Self::COUNT);
        let mut padded = [0; 16];
        for (to, from) in padded.iter_mut().zip(bytes) {
            *to = *from;
        }
        Self(S::token().f32_from_u8(&padded[..Self::COUNT]))
    }

    #[inline(always)]
    fn prefetch<T>(place: &T) {
        S::token().prefetch(place);
    }
    #[inline(always)]
    fn transpose(from: &[f32], from_step: usize, to: &mut [f32], to_step: usize) {
        S::token().f32_transpose(from, from_step, to, to_step);
    }

    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        Self(S::token().f32_mul_add(self.0, a.0, b.0))
    }
    #[inline(always)]
    fn abs(self) -> Self {
        Self(S::token().f32_abs(self.0))
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        Self(S::token().f32_min(self.0, other.0))
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Self(S::token().f32_max(self.0, other.0))
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        Self(S::token().f32_sqrt(self.0))
    }

    #[inline(always)]
    fn le(self, other: Self) -> S::m32s {
        S::token().f32_le(self.0, other.0)
    }
    #[inline(always)]
    fn lt(self, other: Self) -> S::m32s {
        S::token().f32_lt(self.0, other.0)
    }
    #[inline(always)]
    fn eq(self, other: Self) -> S::m32s {
        S::token().f32_eq(self.0, other.0)
    }
    #[inline(always)]
    fn mask_and(a: S::m32s, b: S::m32s) -> S::m32s {
        S::token().m32_and(a, b)
    }
    #[inline(always)]
    fn mask_or(a: S::m32s, b: S::m32s) -> S::m32s {
        S::token().m32_or(a, b)
    }
    #[inline(always)]
    fn mask_not(mask: S::m32s) -> S::m32s {
        S::token().m32_not(mask)
    }
    #[inline(always)]
    fn select(mask: S::m32s, if_true: Self, if_false: Self) -> Self {
        Self(S::token().f32_select(mask, if_true.0, if_false.0))
    }
    #[inline(always)]
    fn mask_any(mask: S::m32s) -> bool {
        Self::mask_count(mask) != 0
    }
    #[inline(always)]
    fn mask_count(mask: S::m32s) -> u32 {
        S::token().m32_count(mask)
    }

    #[inline(always)]
    fn counter_zero() -> S::u32s {
        S::token().u32_splat(0)
    }
    #[inline(always)]
    fn count_add(counter: S::u32s, mask: S::m32s) -> S::u32s {
        S::token().m32_add_to(counter, mask)
    }
    #[inline(always)]
    fn counter_sum(counter: S::u32s) -> u64 {
        elements::<_, u32>(&counter).iter().map(|&lane| u64::from(lane)).sum()
    }

    const LOOKS_UP: bool = S::F32_LOOKS_UP;
    const NIBBLES: usize = 8;
    const TABLE: usize = Self::COUNT;
    #[inline(always)]
    fn load_table(entries: &[f32]) -> Self {
        Self::load(entries)
    }
    #[inline(always)]
    fn lookup(table: Self, index: S::u32s) -> Self {
        Self(S::token().f32_lookup(table.0, index))
    }
    #[inline(always)]
    fn descend(index: S::u32s, mask: S::m32s, level: usize) -> S::u32s {
        let isa = S::token();
        let bit = isa.u32_or(index, isa.u32_splat(1 << level));
        isa.u32_select(mask, bit, index)
    }
    #[inline(always)]
    fn lookup_2([first, second]: [Self; 2], mask: S::m32s, index: S::u32s) -> Self {
        Self(S::token().f32_lookup_2([first.0, second.0], mask, index))
    }
    #[inline(always)]
    fn nibble_place(index: S::u32s) -> S::u32s {
        let isa = S::token();
        let twofold = isa.u32_add(index, index);
        isa.u32_add(twofold, twofold)
    }
    #[inline(always)]
    fn nibble_add(nibbles: S::u32s, place: S::u32s, first: usize) -> S::u32s {
        let isa = S::token();
        // Below the first it wraps, and is as far out as what lies above the last.
        isa.u32_add(nibbles, isa.u32_one_at(isa.u32_sub(place, isa.u32_splat(4 * first as u32))))
    }
    #[inline(always)]
    fn nibbles_to_bytes(bytes: [S::u32s; 2], nibbles: S::u32s) -> [S::u32s; 2] {
        let isa = S::token();
        let words: S::u32s = pulp::cast(nibbles);
        let lower = isa.u32_splat(0x0f0f_0f0f);
        let odd = isa.u32_and(isa.u32_shr(words, 4), lower);
        let even = isa.u32_and(words, lower);
        [isa.u32_add(bytes[0], pulp::cast(even)), isa.u32_add(bytes[1], pulp::cast(odd))]
    }
    #[inline(always)]
    fn add_bytes(bytes: S::u32s, totals: &mut [u64], step: usize) {
        for lane in elements::<_, [u8; 4]>(&bytes) {
            for (total, &byte) in totals.iter_mut().step_by(step).zip(lane) {
                *total += u64::from(byte);
            }
        }
    }

    #[inline(always)]
    fn minus_abs(self) -> Self {
        Self(S::token().f32_minus_abs(self.0))
    }
    #[inline(always)]
    fn scale(self, n: Self) -> Self {
        Self(S::token().f32_scale(self.0, n.0))
    }
    #[inline(always)]
    fn scale_down(self, n: Self) -> Self {
        Self(S::token().f32_scale_down(self.0, n.0))
    }

    #[inline(always)]
    fn ln(self) -> Self {
        let isa = S::token();
        let (zero, infinity) = (Self::splat(0.0), Self::splat_scalar(f32::INFINITY));
        let denormal = self.lt(Self::splat_scalar(f32::MIN_POSITIVE));
        let x = Self::select(denormal, self * Self::splat(33_554_432.0), self);
        let offset = Self::select(denormal, Self::splat(-25.0), zero);
        // x = 2ᵏ·(1 + f) with 1 + f in [√½, √2]: the bits of √½ are moved to those of 1, so that the exponent changes there.
        let root = isa.u32_splat(std::f32::consts::FRAC_1_SQRT_2.to_bits());
        let moved = isa.u32_add(isa.u32_sub(pulp::cast(x.0), root), isa.u32_splat(1.0f32.to_bits()));
        let exponent = isa.u32_shr(moved, 23);
        let biased = isa.u32_or(exponent, isa.u32_splat(8_388_608.0f32.to_bits()));
        let k = Self(pulp::cast(biased)) - Self::splat(8_388_608.0 + 127.0) + offset;
        let significand = isa.u32_add(isa.u32_and(moved, isa.u32_splat(0x007f_ffff)), root);
        let f = Self(pulp::cast(significand)) - Self::splat(1.0);

        let square = f * f;
        let tail = k.mul_add(Self::splat(LN_2_LOWER), square * f * polynomial(f, &LN));
        let tail = square.mul_add(Self::splat(-0.5), tail);
        let ln = k.mul_add(Self::splat(LN_2_UPPER), f + tail);

        let ln = Self::select(self.lt(infinity), ln, self);
        let at_most_zero = Self::select(self.eq(zero), -infinity, Self::splat(f64::NAN));
        Self::select(zero.lt(self), ln, at_most_zero)
    }

    #[inline(always)]
    fn largest(self) -> f32 {
        S::token().f32_largest(self.0)
    }
    #[inline(always)]
    fn wide_zero() -> Self::Wide {
        [S::token().f64_splat(0.0); 2]
    }
    #[inline(always)]
    fn wide_add(sums: Self::Wide, x: Self) -> Self::Wide {
        let isa = S::token();
        let [low, high] = isa.f32_widen(x.0);
        [isa.f64_add(sums[0], low), isa.f64_add(sums[1], high)]
    }
    #[inline(always)]
    fn wide_sum(sums: Self::Wide) -> f64 {
        let isa = S::token();
        isa.f64_sum(isa.f64_add(sums[0], sums[1]))
    }
}

impl<S: Isa> Add for F32s<S> {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(S::token().f32_add(self.0, other.0))
    }
}
impl<S: Isa> Sub for F32s<S> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(S::token().f32_sub(self.0, other.0))
    }
}
impl<S: Isa> Mul for F32s<S> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self(S::token().f32_mul(self.0, other.0))
    }
}
impl<S: Isa> Div for F32s<S> {
    type Output = Self;
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        Self(S::token().f32_div(self.0, other.0))
    }
}
impl<S: Isa> Neg for F32s<S> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self(S::token().f32_neg(self.0))
    }
}
