//! What the lanes ask of an instruction set: a token out of nothing, registers, and the operations on them.

use std::fmt::Debug;

use pulp::NullaryFnOnce;
use pulp::bytemuck::Pod;

use super::half;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod f16c;
#[cfg(target_arch = "aarch64")]
mod neon;
// What x86-64 has in its place is tested beside it.
#[cfg(any(test, not(target_arch = "x86_64")))]
mod portable;
#[cfg(target_arch = "x86_64")]
mod sse2;
mod through_pulp;
mod token;

pub(crate) use token::Token;

/// AVX-512 F, BW, CD, DQ, VL.
#[cfg(target_arch = "x86_64")]
pub(crate) type Avx512 = pulp::x86::V4;
/// AVX2, FMA and F16C.
#[cfg(target_arch = "x86_64")]
pub(crate) type Avx2 = pulp::x86::V3;
/// 128 bits of Arm.
#[cfg(target_arch = "aarch64")]
pub(crate) type Neon = pulp::aarch64::Neon;
/// What the target guarantees.
#[cfg(target_arch = "x86_64")]
pub(crate) type Baseline = Sse2;
/// SSE2, which every x86-64 processor has.
#[cfg(target_arch = "x86_64")]
pub(crate) type Sse2 = pulp::x86::V1;
/// What the target guarantees.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) type Baseline = Portable;
/// Arrays of 128 bits that LLVM turns into whatever vectors the target has.
#[cfg(any(test, not(target_arch = "x86_64")))]
pub(crate) type Portable = pulp::Scalar128b;

/// An instruction set that the lanes run on. The defaults are right everywhere; an implementation replaces what it can do in fewer instructions.
#[expect(non_camel_case_types, reason = "registers are named after the numbers in them, as everywhere")]
pub(crate) trait Isa: Token {
    /// A register of `f32`.
    type f32s: Pod + Debug + Send + Sync;
    /// A register of `f64`.
    type f64s: Pod + Debug + Send + Sync;
    /// A register of `u32`, as many as it holds of `f32`.
    type u32s: Pod + Debug;
    /// A register of `u64`, as many as it holds of `f64`.
    type u64s: Pod + Debug;
    /// A truth value for each `f32`.
    type m32s: Copy + Debug;
    /// A truth value for each `f64`.
    type m64s: Copy + Debug;
    /// Numbers in a register of `f32`.
    const F32_LANES: usize;
    /// Numbers in a register of `f64`.
    const F64_LANES: usize;
    /// Whether `f*_scale` overflows to infinity and underflows gradually by itself and lets NaN through.
    const SCALE_IS_TOTAL: bool = false;

    /// Runs `f` as a function of its own, compiled for this instruction set.
    fn enter<F: NullaryFnOnce>(f: F) -> F::Output;

    /// Reads a whole register.
    fn f32_load(self, slice: &[f32]) -> Self::f32s;
    /// Reads at most a register; the other lanes are 0.
    fn f32_load_partial(self, slice: &[f32]) -> Self::f32s;
    /// Writes a whole register.
    fn f32_store(self, x: Self::f32s, slice: &mut [f32]);
    /// Writes as many lanes as the slice has, at most a register.
    fn f32_store_partial(self, x: Self::f32s, slice: &mut [f32]);
    /// Reads a whole register.
    fn f64_load(self, slice: &[f64]) -> Self::f64s;
    /// Reads at most a register; the other lanes are 0.
    fn f64_load_partial(self, slice: &[f64]) -> Self::f64s;
    /// Writes a whole register.
    fn f64_store(self, x: Self::f64s, slice: &mut [f64]);
    /// Writes as many lanes as the slice has, at most a register.
    fn f64_store_partial(self, x: Self::f64s, slice: &mut [f64]);

    /// `COUNT` bytes as floats.
    fn f32_from_u8(self, bytes: &[u8]) -> Self::f32s;
    /// `COUNT` bytes as doubles.
    fn f64_from_u8(self, bytes: &[u8]) -> Self::f64s;
    /// The lower and the upper lanes as doubles.
    fn f32_widen(self, x: Self::f32s) -> [Self::f64s; 2];

    /// `x` in every lane.
    fn f32_splat(self, x: f32) -> Self::f32s;
    /// `a + b`.
    fn f32_add(self, a: Self::f32s, b: Self::f32s) -> Self::f32s;
    /// `a − b`.
    fn f32_sub(self, a: Self::f32s, b: Self::f32s) -> Self::f32s;
    /// `a · b`.
    fn f32_mul(self, a: Self::f32s, b: Self::f32s) -> Self::f32s;
    /// `a / b`.
    fn f32_div(self, a: Self::f32s, b: Self::f32s) -> Self::f32s;
    /// `a · b + c`, in one rounding where there is an instruction for it.
    fn f32_mul_add(self, a: Self::f32s, b: Self::f32s, c: Self::f32s) -> Self::f32s;
    /// `−x`, of NaN, too.
    fn f32_neg(self, x: Self::f32s) -> Self::f32s;
    /// `|x|`.
    fn f32_abs(self, x: Self::f32s) -> Self::f32s;
    /// `−|x|`.
    fn f32_minus_abs(self, x: Self::f32s) -> Self::f32s;
    /// `√x`.
    fn f32_sqrt(self, x: Self::f32s) -> Self::f32s;
    /// `a < b`.
    fn f32_lt(self, a: Self::f32s, b: Self::f32s) -> Self::m32s;
    /// `a ≤ b`.
    fn f32_le(self, a: Self::f32s, b: Self::f32s) -> Self::m32s;
    /// `a = b`.
    fn f32_eq(self, a: Self::f32s, b: Self::f32s) -> Self::m32s;
    /// `mask ? a : b`.
    fn f32_select(self, mask: Self::m32s, a: Self::f32s, b: Self::f32s) -> Self::f32s;
    /// The largest lane; no lane may be NaN.
    fn f32_largest(self, x: Self::f32s) -> f32;

    /// Both.
    fn m32_and(self, a: Self::m32s, b: Self::m32s) -> Self::m32s;
    /// One at least.
    fn m32_or(self, a: Self::m32s, b: Self::m32s) -> Self::m32s;
    /// The opposite.
    fn m32_not(self, mask: Self::m32s) -> Self::m32s;
    /// How many lanes are true.
    fn m32_count(self, mask: Self::m32s) -> u32;
    /// Adds one where `mask` is true.
    fn m32_add_to(self, counter: Self::u32s, mask: Self::m32s) -> Self::u32s;

    /// `x` in every lane.
    fn u32_splat(self, x: u32) -> Self::u32s;
    /// `a + b`, wrapping.
    fn u32_add(self, a: Self::u32s, b: Self::u32s) -> Self::u32s;
    /// `a − b`, wrapping.
    fn u32_sub(self, a: Self::u32s, b: Self::u32s) -> Self::u32s;
    /// Bits of both.
    fn u32_and(self, a: Self::u32s, b: Self::u32s) -> Self::u32s;
    /// Bits of either.
    fn u32_or(self, a: Self::u32s, b: Self::u32s) -> Self::u32s;
    /// `mask ? a : b`.
    fn u32_select(self, mask: Self::m32s, a: Self::u32s, b: Self::u32s) -> Self::u32s;
    /// Bits moved up, by less than 32.
    fn u32_shl(self, x: Self::u32s, by: u32) -> Self::u32s;
    /// Bits moved down, by less than 32.
    fn u32_shr(self, x: Self::u32s, by: u32) -> Self::u32s;

    /// `x` in every lane.
    fn f64_splat(self, x: f64) -> Self::f64s;
    /// `a + b`.
    fn f64_add(self, a: Self::f64s, b: Self::f64s) -> Self::f64s;
    /// `a − b`.
    fn f64_sub(self, a: Self::f64s, b: Self::f64s) -> Self::f64s;
    /// `a · b`.
    fn f64_mul(self, a: Self::f64s, b: Self::f64s) -> Self::f64s;
    /// `a / b`.
    fn f64_div(self, a: Self::f64s, b: Self::f64s) -> Self::f64s;
    /// `a · b + c`, in one rounding where there is an instruction for it.
    fn f64_mul_add(self, a: Self::f64s, b: Self::f64s, c: Self::f64s) -> Self::f64s;
    /// `−x`, of NaN, too.
    fn f64_neg(self, x: Self::f64s) -> Self::f64s;
    /// `|x|`.
    fn f64_abs(self, x: Self::f64s) -> Self::f64s;
    /// `−|x|`.
    fn f64_minus_abs(self, x: Self::f64s) -> Self::f64s;
    /// `√x`.
    fn f64_sqrt(self, x: Self::f64s) -> Self::f64s;
    /// `a < b`.
    fn f64_lt(self, a: Self::f64s, b: Self::f64s) -> Self::m64s;
    /// `a ≤ b`.
    fn f64_le(self, a: Self::f64s, b: Self::f64s) -> Self::m64s;
    /// `a = b`.
    fn f64_eq(self, a: Self::f64s, b: Self::f64s) -> Self::m64s;
    /// `mask ? a : b`.
    fn f64_select(self, mask: Self::m64s, a: Self::f64s, b: Self::f64s) -> Self::f64s;
    /// The largest lane; no lane may be NaN.
    fn f64_largest(self, x: Self::f64s) -> f64;
    /// The lanes' sum.
    fn f64_sum(self, x: Self::f64s) -> f64;

    /// Both.
    fn m64_and(self, a: Self::m64s, b: Self::m64s) -> Self::m64s;
    /// One at least.
    fn m64_or(self, a: Self::m64s, b: Self::m64s) -> Self::m64s;
    /// The opposite.
    fn m64_not(self, mask: Self::m64s) -> Self::m64s;
    /// How many lanes are true.
    fn m64_count(self, mask: Self::m64s) -> u32;
    /// Adds one where `mask` is true.
    fn m64_add_to(self, counter: Self::u64s, mask: Self::m64s) -> Self::u64s;

    /// `x` in every lane.
    fn u64_splat(self, x: u64) -> Self::u64s;
    /// `a + b`, wrapping.
    fn u64_add(self, a: Self::u64s, b: Self::u64s) -> Self::u64s;
    /// `a − b`, wrapping.
    fn u64_sub(self, a: Self::u64s, b: Self::u64s) -> Self::u64s;
    /// Bits of both.
    fn u64_and(self, a: Self::u64s, b: Self::u64s) -> Self::u64s;
    /// Bits of either.
    fn u64_or(self, a: Self::u64s, b: Self::u64s) -> Self::u64s;
    /// `mask ? a : b`.
    fn u64_select(self, mask: Self::m64s, a: Self::u64s, b: Self::u64s) -> Self::u64s;

    /// Whether `f32_lookup` is an instruction.
    const F32_LOOKS_UP: bool = false;
    /// Whether `f64_lookup` is an instruction.
    const F64_LOOKS_UP: bool = false;
    /// See [`Lanes::lookup_2`](super::Lanes::lookup_2).
    #[inline(always)]
    fn f32_lookup_2(self, [first, second]: [Self::f32s; 2], mask: Self::m32s, index: Self::u32s) -> Self::f32s {
        let (first, second) = (self.f32_lookup(first, index), self.f32_lookup(second, index));
        self.f32_select(mask, second, first)
    }
    /// See [`Lanes::lookup`](super::Lanes::lookup).
    #[inline(always)]
    fn f32_lookup(self, table: Self::f32s, index: Self::u32s) -> Self::f32s {
        let mut found = table;
        let (table, index) = (elements::<_, f32>(&table), elements::<_, u32>(&index));
        for (to, &index) in elements_mut::<_, f32>(&mut found).iter_mut().zip(index) {
            *to = table[index as usize % Self::F32_LANES];
        }
        found
    }
    /// See [`Lanes::lookup_2`](super::Lanes::lookup_2).
    #[inline(always)]
    fn f64_lookup_2(self, [first, second]: [Self::f64s; 2], mask: Self::m64s, index: Self::u64s) -> Self::f64s {
        let (first, second) = (self.f64_lookup(first, index), self.f64_lookup(second, index));
        self.f64_select(mask, second, first)
    }
    /// See [`Lanes::lookup`](super::Lanes::lookup).
    #[inline(always)]
    fn f64_lookup(self, table: Self::f64s, index: Self::u64s) -> Self::f64s {
        let mut found = table;
        let (table, index) = (elements::<_, f64>(&table), elements::<_, u64>(&index));
        for (to, &index) in elements_mut::<_, f64>(&mut found).iter_mut().zip(index) {
            *to = table[index as usize % Self::F64_LANES];
        }
        found
    }
    /// 2ⁿ, or 0 where there is no such bit.
    #[inline(always)]
    fn u32_one_at(self, n: Self::u32s) -> Self::u32s {
        let mut powers = n;
        for power in elements_mut::<_, u32>(&mut powers) {
            *power = 1_u32.checked_shl(*power).unwrap_or(0);
        }
        powers
    }
    /// 2ⁿ, or 0 where there is no such bit.
    #[inline(always)]
    fn u64_one_at(self, n: Self::u64s) -> Self::u64s {
        let mut powers = n;
        for power in elements_mut::<_, u64>(&mut powers) {
            *power = u32::try_from(*power).ok().and_then(|n| 1_u64.checked_shl(n)).unwrap_or(0);
        }
        powers
    }
    /// As many `f16` as numbers.
    #[inline(always)]
    fn widen_f16(self, from: &[u16], to: &mut [f32]) {
        half::widen_f16(from, to);
    }
    /// Numbers times `factor` as `f16`; whether all of them are finite there.
    #[inline(always)]
    fn narrow_f16(self, from: &[f32], factor: f32, to: &mut [u16]) -> bool {
        half::narrow_f16(from, factor, to)
    }

    /// Asks for the memory at `place`; nothing where there is no such instruction.
    #[inline(always)]
    fn prefetch<T>(self, _place: &T) {}
    /// See [`Lanes::transpose`](super::Lanes::transpose).
    #[inline(always)]
    fn f32_transpose(self, from: &[f32], from_step: usize, to: &mut [f32], to_step: usize) {
        transpose(Self::F32_LANES, from, from_step, to, to_step);
    }
    /// See [`Lanes::transpose`](super::Lanes::transpose).
    #[inline(always)]
    fn f64_transpose(self, from: &[f64], from_step: usize, to: &mut [f64], to_step: usize) {
        transpose(Self::F64_LANES, from, from_step, to, to_step);
    }
    /// `a < b ? a : b`, which is x86's instruction; those of others treat NaN as they like.
    #[inline(always)]
    fn f32_min(self, a: Self::f32s, b: Self::f32s) -> Self::f32s {
        self.f32_select(self.f32_lt(a, b), a, b)
    }
    /// `a > b ? a : b`.
    #[inline(always)]
    fn f32_max(self, a: Self::f32s, b: Self::f32s) -> Self::f32s {
        self.f32_select(self.f32_lt(b, a), a, b)
    }
    /// `a < b ? a : b`.
    #[inline(always)]
    fn f64_min(self, a: Self::f64s, b: Self::f64s) -> Self::f64s {
        self.f64_select(self.f64_lt(a, b), a, b)
    }
    /// `a > b ? a : b`.
    #[inline(always)]
    fn f64_max(self, a: Self::f64s, b: Self::f64s) -> Self::f64s {
        self.f64_select(self.f64_lt(b, a), a, b)
    }

    /// `x · 2ⁿ` for an integral `n`, if the result is normal; else, unless [`SCALE_IS_TOTAL`](Self::SCALE_IS_TOTAL), any value.
    #[inline(always)]
    fn f32_scale(self, x: Self::f32s, n: Self::f32s) -> Self::f32s {
        let exponent = f32_exponent(self, n, 0.0);
        pulp::cast(self.u32_add(pulp::cast(x), exponent))
    }
    /// `x · 2ⁿ` for an integral `n` in [−126, 0], and 0 for −127; NaN stays NaN, which adding to the exponent's bits does not promise.
    #[inline(always)]
    fn f32_scale_down(self, x: Self::f32s, n: Self::f32s) -> Self::f32s {
        self.f32_mul(x, pulp::cast(f32_exponent(self, n, 127.0)))
    }
    /// `x · 2ⁿ` for an integral `n`, if the result is normal; else, unless [`SCALE_IS_TOTAL`](Self::SCALE_IS_TOTAL), any value.
    #[inline(always)]
    fn f64_scale(self, x: Self::f64s, n: Self::f64s) -> Self::f64s {
        let exponent = f64_exponent(self, n, 0.0);
        pulp::cast(self.u64_add(pulp::cast(x), exponent))
    }
    /// `x · 2ⁿ` for an integral `n` in [−1022, 0], and 0 for −1023; NaN stays NaN.
    #[inline(always)]
    fn f64_scale_down(self, x: Self::f64s, n: Self::f64s) -> Self::f64s {
        self.f64_mul(x, pulp::cast(f64_exponent(self, n, 1023.0)))
    }
}

/// A function of its own, as the features of other sets make it. Inlined into whatever calls it, a formula's loops would be compiled again
/// for each kernel, within loops that may unwind, which has taken the compiler ten minutes.
#[inline(never)]
fn apart<F: NullaryFnOnce>(f: F) -> F::Output {
    f.call()
}

/// Element by element.
#[inline(always)]
fn transpose<A: Copy>(lanes: usize, from: &[A], from_step: usize, to: &mut [A], to_step: usize) {
    for j in 0..lanes {
        for (i, to) in to[j * to_step..][..lanes].iter_mut().enumerate() {
            *to = from[i * from_step + j];
        }
    }
}

/// The bits of `n + bias` at the place of the exponent. Added to 1.5·2²³ an integer stands in the lowest bits of the significand, in two's
/// complement; the shift drops everything above it.
#[inline(always)]
fn f32_exponent<S: Isa>(isa: S, n: S::f32s, bias: f32) -> S::u32s {
    let shifted = isa.f32_add(n, isa.f32_splat(12_582_912.0 + bias));
    isa.u32_shl(pulp::cast(shifted), 23)
}

/// As [`f32_exponent`], without a shift of 64 bits: added to 1.5·2²⁰ the integer stands in the lowest bits of the
/// upper word, and the lower word is zero.
#[inline(always)]
fn f64_exponent<S: Isa>(isa: S, n: S::f64s, bias: f64) -> S::u64s {
    let shifted = isa.f64_add(n, isa.f64_splat(1_572_864.0 + bias));
    pulp::cast(isa.u32_shl(pulp::cast(shifted), 20))
}

/// The elements of a vector.
#[inline(always)]
pub(super) fn elements<V: Pod, T: Pod>(vector: &V) -> &[T] {
    pulp::bytemuck::cast_slice(std::slice::from_ref(vector))
}

/// The elements of a vector, to be replaced.
#[inline(always)]
fn elements_mut<V: Pod, T: Pod>(vector: &mut V) -> &mut [T] {
    pulp::bytemuck::cast_slice_mut(std::slice::from_mut(vector))
}

/// The first `N` bytes.
#[inline(always)]
fn first_bytes<const N: usize>(bytes: &[u8]) -> [u8; N] {
    first_elements(bytes)
}

/// The first `N` elements.
#[inline(always)]
fn first_elements<const N: usize, A: Copy>(slice: &[A]) -> [A; N] {
    pulp::as_arrays::<N, A>(slice).0[0]
}
