//! What an instruction set adds to `pulp::Simd`: a token out of nothing, and the operations that pulp has no portable form of.

use pulp::{NullaryFnOnce, Simd};

use super::half;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod baseline;
#[cfg(target_arch = "x86_64")]
mod f16c;
#[cfg(target_arch = "aarch64")]
mod neon;
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
/// What the target guarantees (SSE2 on x86-64): arrays of 128 bits that LLVM turns into its vectors.
pub(crate) type Baseline = pulp::Scalar128b;

/// An instruction set that the lanes run on. The defaults are right everywhere; an implementation replaces what it can do in fewer instructions.
pub(crate) trait Isa: Token {
    /// Whether `f*_scale` overflows to infinity and underflows gradually by itself and lets NaN through.
    const SCALE_IS_TOTAL: bool = false;

    /// Runs `f` compiled for this instruction set.
    fn enter<F: NullaryFnOnce>(f: F) -> F::Output;

    /// `COUNT` bytes as floats.
    fn f32_from_u8(self, bytes: &[u8]) -> Self::f32s;
    /// `COUNT` bytes as doubles.
    fn f64_from_u8(self, bytes: &[u8]) -> Self::f64s;
    /// The lower and the upper lanes as doubles.
    fn f32_widen(self, x: Self::f32s) -> [Self::f64s; 2];
    /// How many lanes are true.
    fn m32_count(self, mask: Self::m32s) -> u32;
    /// How many lanes are true.
    fn m64_count(self, mask: Self::m64s) -> u32;
    /// Adds one where `mask` is true.
    fn m32_add_to(self, counter: Self::u32s, mask: Self::m32s) -> Self::u32s;
    /// Adds one where `mask` is true.
    fn m64_add_to(self, counter: Self::u64s, mask: Self::m64s) -> Self::u64s;

    /// Whether `f32_lookup` is an instruction.
    const F32_LOOKS_UP: bool = false;
    /// Whether `f64_lookup` is an instruction.
    const F64_LOOKS_UP: bool = false;
    /// See [`Lanes::lookup_2`](super::Lanes::lookup_2).
    #[inline(always)]
    fn f32_lookup_2(self, [first, second]: [Self::f32s; 2], mask: Self::m32s, index: Self::u32s) -> Self::f32s {
        let (first, second) = (self.f32_lookup(first, index), self.f32_lookup(second, index));
        self.select_f32s(mask, second, first)
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
        self.select_f64s(mask, second, first)
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
    /// `a · b + c`.
    #[inline(always)]
    fn f32_mul_add(self, a: Self::f32s, b: Self::f32s, c: Self::f32s) -> Self::f32s {
        self.mul_add_f32s(a, b, c)
    }
    /// `a · b + c`.
    #[inline(always)]
    fn f64_mul_add(self, a: Self::f64s, b: Self::f64s, c: Self::f64s) -> Self::f64s {
        self.mul_add_f64s(a, b, c)
    }
    /// `mask ? a : b`.
    #[inline(always)]
    fn f32_select(self, mask: Self::m32s, a: Self::f32s, b: Self::f32s) -> Self::f32s {
        self.select_f32s(mask, a, b)
    }
    /// `mask ? a : b`.
    #[inline(always)]
    fn f64_select(self, mask: Self::m64s, a: Self::f64s, b: Self::f64s) -> Self::f64s {
        self.select_f64s(mask, a, b)
    }
    /// `a < b ? a : b`. pulp's own minimum treats NaN as each instruction set likes, so only x86, where this is the instruction, uses it.
    #[inline(always)]
    fn f32_min(self, a: Self::f32s, b: Self::f32s) -> Self::f32s {
        self.f32_select(self.less_than_f32s(a, b), a, b)
    }
    /// `a > b ? a : b`.
    #[inline(always)]
    fn f32_max(self, a: Self::f32s, b: Self::f32s) -> Self::f32s {
        self.f32_select(self.less_than_f32s(b, a), a, b)
    }
    /// `a < b ? a : b`.
    #[inline(always)]
    fn f64_min(self, a: Self::f64s, b: Self::f64s) -> Self::f64s {
        self.f64_select(self.less_than_f64s(a, b), a, b)
    }
    /// `a > b ? a : b`.
    #[inline(always)]
    fn f64_max(self, a: Self::f64s, b: Self::f64s) -> Self::f64s {
        self.f64_select(self.less_than_f64s(b, a), a, b)
    }

    /// `x · 2ⁿ` for an integral `n`, if the result is normal; else, unless [`SCALE_IS_TOTAL`](Self::SCALE_IS_TOTAL), any value.
    #[inline(always)]
    fn f32_scale(self, x: Self::f32s, n: Self::f32s) -> Self::f32s {
        let exponent = f32_exponent(self, n, 0.0);
        self.transmute_f32s_u32s(self.add_u32s(self.transmute_u32s_f32s(x), exponent))
    }
    /// `x · 2ⁿ` for an integral `n` in [−126, 0], and 0 for −127; NaN stays NaN, which adding to the exponent's bits does not promise.
    #[inline(always)]
    fn f32_scale_down(self, x: Self::f32s, n: Self::f32s) -> Self::f32s {
        self.mul_f32s(x, self.transmute_f32s_u32s(f32_exponent(self, n, 127.0)))
    }
    /// `x · 2ⁿ` for an integral `n`, if the result is normal; else, unless [`SCALE_IS_TOTAL`](Self::SCALE_IS_TOTAL), any value.
    #[inline(always)]
    fn f64_scale(self, x: Self::f64s, n: Self::f64s) -> Self::f64s {
        let exponent = f64_exponent(self, n, 0.0);
        self.transmute_f64s_u64s(self.add_u64s(self.transmute_u64s_f64s(x), exponent))
    }
    /// `x · 2ⁿ` for an integral `n` in [−1022, 0], and 0 for −1023; NaN stays NaN.
    #[inline(always)]
    fn f64_scale_down(self, x: Self::f64s, n: Self::f64s) -> Self::f64s {
        self.mul_f64s(x, self.transmute_f64s_u64s(f64_exponent(self, n, 1023.0)))
    }
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
fn f32_exponent<S: Simd>(isa: S, n: S::f32s, bias: f32) -> S::u32s {
    let shifted = isa.add_f32s(n, isa.splat_f32s(12_582_912.0 + bias));
    isa.wrapping_dyn_shl_u32s(isa.transmute_u32s_f32s(shifted), isa.splat_u32s(23))
}

/// As [`f32_exponent`], without a shift of 64 bits, which pulp does not have: added to 1.5·2²⁰ the integer stands in the lowest bits of the
/// upper word, and the lower word is zero.
#[inline(always)]
fn f64_exponent<S: Simd>(isa: S, n: S::f64s, bias: f64) -> S::u64s {
    let shifted = isa.add_f64s(n, isa.splat_f64s(1_572_864.0 + bias));
    let words: S::u32s = pulp::cast(shifted);
    pulp::cast(isa.wrapping_dyn_shl_u32s(words, isa.splat_u32s(20)))
}

/// The elements of a vector.
#[inline(always)]
pub(super) fn elements<V: pulp::bytemuck::Pod, T: pulp::bytemuck::Pod>(vector: &V) -> &[T] {
    pulp::bytemuck::cast_slice(std::slice::from_ref(vector))
}

/// The elements of a vector, to be replaced.
#[inline(always)]
fn elements_mut<V: pulp::bytemuck::Pod, T: pulp::bytemuck::Pod>(vector: &mut V) -> &mut [T] {
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
