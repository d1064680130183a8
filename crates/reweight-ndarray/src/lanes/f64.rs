//! A register of `f64` and its elementary functions.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::isa::{Isa, elements};
use super::{Lanes, polynomial};

/// `f64` lanes of the instruction set `S`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct F64s<S: Isa>(S::f64s);

// The polynomials are minimax in the relative error of the function that they complete (Remez exchange with 50 digits, then rounded to
// f64); the bound beside each is that of the rounded coefficients, before the rounding of the evaluation.

/// (eʳ − 1 − r) / r² on |r| ≤ ½·ln 2; lowest power first. eʳ within 1.2e-17.
const EXP: [f64; 10] = [
    0.500_000_000_000_001_1,
    0.166_666_666_666_664_1,
    0.041_666_666_666_529_725,
    0.008_333_333_333_494_987,
    0.001_388_888_894_376_021,
    0.000_198_412_695_057_508_53,
    2.480_149_294_946_301_6e-5,
    2.755_758_682_645_607_4e-6,
    2.763_030_629_262_763_7e-7,
    2.500_001_120_812_371e-8,
];
/// (2·atanh(z)/z − 2) / z² in powers of z² on [0, 1/9], for ln(1 + e) with z = e/(2 + e); within 3.6e-18. A polynomial in e itself would
/// need twice as many terms at this accuracy.
const ATANH: [f64; 10] = [
    0.666_666_666_666_663_1,
    0.400_000_000_001_572_43,
    0.285_714_285_478_538_33,
    0.222_222_239_697_393_83,
    0.181_817_439_245_249_5,
    0.153_865_599_330_438_83,
    0.133_009_734_439_561_57,
    0.121_060_874_295_836_88,
    0.083_400_962_450_740_08,
    0.170_185_852_022_682_74,
];
/// The same for z = f/(2 + f) with 1 + f in [√½, √2]; within 1.9e-18.
const ATANH_OF_SMALL: [f64; 7] = [
    0.666_666_666_666_673_4,
    0.399_999_999_994_146_87,
    0.285_714_287_423_864_73,
    0.222_221_985_732_788_98,
    0.181_835_643_217_907_4,
    0.153_140_506_514_144_76,
    0.147_959_488_275_469_62,
];
/// ln 2 in two parts (Cody and Waite): the upper one has 32 bits, so its product with an exponent is exact even without FMA.
const LN_2_UPPER: f64 = 0.693_147_180_369_123_8;
const LN_2_LOWER: f64 = 1.908_214_929_270_587_7e-10;
/// The largest argument whose exponential is finite, and one just above the smallest whose exponential is a normal number.
const EXP_MAX: f64 = 709.782_712_893_384;
const EXP_MIN: f64 = -708.396_418_532_264;
/// Its power of two has the exponent −1023, whose bits are those of 0: what lies below is flushed to zero by the scaling itself.
const EXP_FLUSHED: f64 = -709.0;
/// Below this even the smallest denormal is far; a bound that keeps ∞ − ∞ out of the argument's reduction.
const EXP_ZERO: f64 = -746.0;

/// `(r, n)` with x = r + n·ln 2, `n` integral and |r| ≤ ½·ln 2, for |x| below 2⁵⁰.
#[inline(always)]
fn reduce<L: Lanes<Scalar = f64>>(x: L) -> (L, L) {
    // Adding 1.5·2⁵² rounds to an integer.
    let shift = L::splat(6_755_399_441_055_744.0);
    let n = x.mul_add(L::splat(std::f64::consts::LOG2_E), shift) - shift;
    let r = n.mul_add(L::splat(-LN_2_UPPER), x);
    (n.mul_add(L::splat(-LN_2_LOWER), r), n)
}

/// eʳ, in [√½, √2].
#[inline(always)]
fn exp_of_small<L: Lanes<Scalar = f64>>(r: L) -> L {
    let one = L::splat(1.0);
    polynomial(r, &EXP).mul_add(r, one).mul_add(r, one)
}

/// See [`Lanes::exp_minus_abs`].
#[inline(always)]
pub(super) fn exp_minus_abs<L: Lanes<Scalar = f64>>(x: L) -> L {
    let least = if L::SCALE_IS_TOTAL { EXP_ZERO } else { EXP_FLUSHED };
    let (r, n) = reduce(L::splat(least).max(x.minus_abs()));
    exp_of_small(r).scale_down(n)
}

/// See [`Lanes::exp`].
#[inline(always)]
pub(super) fn exp<L: Lanes<Scalar = f64>>(x: L) -> L {
    // The constants stand first, so that a NaN gets through.
    if L::SCALE_IS_TOTAL {
        let (r, n) = reduce(L::splat(710.0).min(L::splat(EXP_ZERO).max(x)));
        return exp_of_small(r).scale(n);
    }
    let (least, greatest) = (L::splat(EXP_MIN), L::splat(EXP_MAX));
    let (r, n) = reduce(greatest.min(least.max(x)));
    let e = L::select(x.lt(least), L::splat(0.0), exp_of_small(r).scale(n));
    // Above the greatest the sum is +∞, for NaN it is NaN.
    L::select(x.le(greatest), e, x + L::splat_scalar(f64::INFINITY))
}

/// See [`Lanes::ln_1p`].
#[inline(always)]
pub(super) fn ln_1p<L: Lanes<Scalar = f64>>(e: L) -> L {
    let z = e / (e + L::splat(2.0));
    let square = z * z;
    z.mul_add(square * polynomial(square, &ATANH), z + z)
}

impl<S: Isa> Lanes for F64s<S> {
    type Scalar = f64;
    type Mask = S::m64s;
    type Counter = S::u64s;
    type Wide = S::f64s;
    const COUNT: usize = S::F64_LANES;
    #[inline(always)]
    fn enter<F: pulp::NullaryFnOnce>(f: F) -> F::Output {
        S::enter(f)
    }
    const SCALE_IS_TOTAL: bool = S::SCALE_IS_TOTAL;

    #[inline(always)]
    fn splat(x: f64) -> Self {
        Self::splat_scalar(x)
    }
    #[inline(always)]
    fn splat_scalar(x: f64) -> Self {
        Self(S::token().f64_splat(x))
    }
    #[inline(always)]
    fn load(slice: &[f64]) -> Self {
        debug_assert_eq!(slice.len(), Self::COUNT);
        Self(S::token().f64_load(slice))
    }
    #[inline(always)]
    fn load_partial(slice: &[f64]) -> Self {
        debug_assert!(slice.len() <= Self::COUNT);
        Self(S::token().f64_load_partial(slice))
    }
    #[inline(always)]
    fn store(self, slice: &mut [f64]) {
        debug_assert_eq!(slice.len(), Self::COUNT);
        S::token().f64_store(self.0, slice);
    }
    #[inline(always)]
    fn store_partial(self, slice: &mut [f64]) {
        debug_assert!(slice.len() <= Self::COUNT);
        S::token().f64_store_partial(self.0, slice);
    }
    #[inline(always)]
    fn from_u8(bytes: &[u8]) -> Self {
        debug_assert_eq!(bytes.len(), Self::COUNT);
        Self(S::token().f64_from_u8(bytes))
    }
    #[inline(always)]
    fn from_u8_partial(bytes: &[u8]) -> Self {
        debug_assert!(bytes.len() <= Self::COUNT);
        let mut padded = [0; 8];
        for (to, from) in padded.iter_mut().zip(bytes) {
            *to = *from;
        }
        Self(S::token().f64_from_u8(&padded[..Self::COUNT]))
    }

    #[inline(always)]
    fn prefetch<T>(place: &T) {
        S::token().prefetch(place);
    }
    #[inline(always)]
    fn transpose(from: &[f64], from_step: usize, to: &mut [f64], to_step: usize) {
        S::token().f64_transpose(from, from_step, to, to_step);
    }

    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        Self(S::token().f64_mul_add(self.0, a.0, b.0))
    }
    #[inline(always)]
    fn abs(self) -> Self {
        Self(S::token().f64_abs(self.0))
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        Self(S::token().f64_min(self.0, other.0))
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Self(S::token().f64_max(self.0, other.0))
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        Self(S::token().f64_sqrt(self.0))
    }

    #[inline(always)]
    fn le(self, other: Self) -> S::m64s {
        S::token().f64_le(self.0, other.0)
    }
    #[inline(always)]
    fn lt(self, other: Self) -> S::m64s {
        S::token().f64_lt(self.0, other.0)
    }
    #[inline(always)]
    fn eq(self, other: Self) -> S::m64s {
        S::token().f64_eq(self.0, other.0)
    }
    #[inline(always)]
    fn mask_and(a: S::m64s, b: S::m64s) -> S::m64s {
        S::token().m64_and(a, b)
    }
    #[inline(always)]
    fn mask_or(a: S::m64s, b: S::m64s) -> S::m64s {
        S::token().m64_or(a, b)
    }
    #[inline(always)]
    fn mask_not(mask: S::m64s) -> S::m64s {
        S::token().m64_not(mask)
    }
    #[inline(always)]
    fn select(mask: S::m64s, if_true: Self, if_false: Self) -> Self {
        Self(S::token().f64_select(mask, if_true.0, if_false.0))
    }
    #[inline(always)]
    fn mask_any(mask: S::m64s) -> bool {
        Self::mask_count(mask) != 0
    }
    #[inline(always)]
    fn mask_count(mask: S::m64s) -> u32 {
        S::token().m64_count(mask)
    }

    #[inline(always)]
    fn counter_zero() -> S::u64s {
        S::token().u64_splat(0)
    }
    #[inline(always)]
    fn count_add(counter: S::u64s, mask: S::m64s) -> S::u64s {
        S::token().m64_add_to(counter, mask)
    }
    #[inline(always)]
    fn counter_sum(counter: S::u64s) -> u64 {
        elements::<_, u64>(&counter).iter().sum()
    }

    const LOOKS_UP: bool = S::F64_LOOKS_UP;
    const NIBBLES: usize = 16;
    const TABLE: usize = Self::COUNT;
    #[inline(always)]
    fn load_table(entries: &[f64]) -> Self {
        Self::load(entries)
    }
    #[inline(always)]
    fn lookup(table: Self, index: S::u64s) -> Self {
        Self(S::token().f64_lookup(table.0, index))
    }
    #[inline(always)]
    fn descend(index: S::u64s, mask: S::m64s, level: usize) -> S::u64s {
        let isa = S::token();
        let bit = isa.u64_or(index, isa.u64_splat(1 << level));
        isa.u64_select(mask, bit, index)
    }
    #[inline(always)]
    fn lookup_2([first, second]: [Self; 2], mask: S::m64s, index: S::u64s) -> Self {
        Self(S::token().f64_lookup_2([first.0, second.0], mask, index))
    }
    #[inline(always)]
    fn nibble_place(index: S::u64s) -> S::u64s {
        let isa = S::token();
        let twofold = isa.u64_add(index, index);
        isa.u64_add(twofold, twofold)
    }
    #[inline(always)]
    fn nibble_add(nibbles: S::u64s, place: S::u64s, first: usize) -> S::u64s {
        let isa = S::token();
        // Below the first it wraps, and is as far out as what lies above the last.
        isa.u64_add(nibbles, isa.u64_one_at(isa.u64_sub(place, isa.u64_splat(4 * first as u64))))
    }
    #[inline(always)]
    fn nibbles_to_bytes(bytes: [S::u64s; 2], nibbles: S::u64s) -> [S::u64s; 2] {
        let isa = S::token();
        let words: S::u32s = pulp::cast(nibbles);
        let lower = isa.u32_splat(0x0f0f_0f0f);
        let odd = isa.u32_and(isa.u32_shr(words, 4), lower);
        let even = isa.u32_and(words, lower);
        [isa.u64_add(bytes[0], pulp::cast(even)), isa.u64_add(bytes[1], pulp::cast(odd))]
    }
    #[inline(always)]
    fn add_bytes(bytes: S::u64s, totals: &mut [u64], step: usize) {
        for lane in elements::<_, [u8; 8]>(&bytes) {
            for (total, &byte) in totals.iter_mut().step_by(step).zip(lane) {
                *total += u64::from(byte);
            }
        }
    }

    #[inline(always)]
    fn minus_abs(self) -> Self {
        Self(S::token().f64_minus_abs(self.0))
    }
    #[inline(always)]
    fn scale(self, n: Self) -> Self {
        Self(S::token().f64_scale(self.0, n.0))
    }
    #[inline(always)]
    fn scale_down(self, n: Self) -> Self {
        Self(S::token().f64_scale_down(self.0, n.0))
    }

    #[inline(always)]
    fn ln(self) -> Self {
        let isa = S::token();
        let (zero, infinity) = (Self::splat(0.0), Self::splat_scalar(f64::INFINITY));
        let denormal = self.lt(Self::splat(f64::MIN_POSITIVE));
        let x = Self::select(denormal, self * Self::splat(18_014_398_509_481_984.0), self);
        let offset = Self::select(denormal, Self::splat(-54.0), zero);
        // x = 2ᵏ·(1 + f) with 1 + f in [√½, √2]: the bits of √½ are moved to those of 1, so that the exponent changes there.
        let root = isa.u64_splat(std::f64::consts::FRAC_1_SQRT_2.to_bits());
        let moved = isa.u64_add(isa.u64_sub(pulp::cast(x.0), root), isa.u64_splat(1.0f64.to_bits()));
        // pulp has no shift of 64 bits: within the upper word the exponent goes to the place where 2²⁰ has its units.
        let words: S::u32s = pulp::cast(moved);
        let shifted = pulp::cast(isa.u32_shr(words, 20));
        let exponent = isa.u64_and(shifted, isa.u64_splat(0x7ff << 32));
        let biased = isa.u64_or(exponent, isa.u64_splat(1_048_576.0f64.to_bits()));
        let k = Self(pulp::cast(biased)) - Self::splat(1_048_576.0 + 1023.0) + offset;
        let significand = isa.u64_add(isa.u64_and(moved, isa.u64_splat(0x000f_ffff_ffff_ffff)), root);
        let f = Self(pulp::cast(significand)) - Self::splat(1.0);

        let z = f / (f + Self::splat(2.0));
        let square = z * z;
        let tail = square * polynomial(square, &ATANH_OF_SMALL);
        let ln_significand = z.mul_add(tail, z + z);
        let tail = k.mul_add(Self::splat(LN_2_LOWER), ln_significand);
        let ln = k.mul_add(Self::splat(LN_2_UPPER), tail);

        let ln = Self::select(self.lt(infinity), ln, self);
        let at_most_zero = Self::select(self.eq(zero), -infinity, Self::splat(f64::NAN));
        Self::select(zero.lt(self), ln, at_most_zero)
    }

    #[inline(always)]
    fn largest(self) -> f64 {
        S::token().f64_largest(self.0)
    }
    #[inline(always)]
    fn wide_zero() -> S::f64s {
        S::token().f64_splat(0.0)
    }
    #[inline(always)]
    fn wide_add(sums: S::f64s, x: Self) -> S::f64s {
        S::token().f64_add(sums, x.0)
    }
    #[inline(always)]
    fn wide_sum(sums: S::f64s) -> f64 {
        S::token().f64_sum(sums)
    }
}

impl<S: Isa> Add for F64s<S> {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(S::token().f64_add(self.0, other.0))
    }
}
impl<S: Isa> Sub for F64s<S> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(S::token().f64_sub(self.0, other.0))
    }
}
impl<S: Isa> Mul for F64s<S> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self(S::token().f64_mul(self.0, other.0))
    }
}
impl<S: Isa> Div for F64s<S> {
    type Output = Self;
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        Self(S::token().f64_div(self.0, other.0))
    }
}
impl<S: Isa> Neg for F64s<S> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self(S::token().f64_neg(self.0))
    }
}
