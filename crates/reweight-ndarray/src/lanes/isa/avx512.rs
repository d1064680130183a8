//! AVX-512: masks are bits, and scaling by a power of two is one instruction that gets every edge right.

use std::arch::x86_64::_MM_FROUND_TO_NEAREST_INT;

use pulp::{NullaryFnOnce, Simd, b8, b16, cast, f32x8, f32x16, f64x8, u8x16, u32x16, u64x8};

use super::through_pulp::{fused_through_pulp, through_pulp};
use super::{Avx512, Isa, first_bytes, first_elements, half};

impl Isa for Avx512 {
    through_pulp!();
    fused_through_pulp!();

    const SCALE_IS_TOTAL: bool = true;
    const F32_LOOKS_UP: bool = true;
    const F64_LOOKS_UP: bool = true;

    #[inline(always)]
    fn f32_lookup(self, table: f32x16, index: u32x16) -> f32x16 {
        cast(self.avx512f._mm512_permutexvar_ps(cast(index), cast(table)))
    }
    #[inline(always)]
    fn f64_lookup(self, table: f64x8, index: u64x8) -> f64x8 {
        cast(self.avx512f._mm512_permutexvar_pd(cast(index), cast(table)))
    }
    /// The highest bit of the index that it looks at says which table, too.
    #[inline(always)]
    fn f32_lookup_2(self, [first, second]: [f32x16; 2], _: b16, index: u32x16) -> f32x16 {
        cast(self.avx512f._mm512_permutex2var_ps(cast(first), cast(index), cast(second)))
    }
    #[inline(always)]
    fn f64_lookup_2(self, [first, second]: [f64x8; 2], _: b8, index: u64x8) -> f64x8 {
        cast(self.avx512f._mm512_permutex2var_pd(cast(first), cast(index), cast(second)))
    }
    #[inline(always)]
    fn u32_one_at(self, n: u32x16) -> u32x16 {
        cast(self.avx512f._mm512_sllv_epi32(cast(self.splat_u32s(1)), cast(n)))
    }
    #[inline(always)]
    fn u64_one_at(self, n: u64x8) -> u64x8 {
        cast(self.avx512f._mm512_sllv_epi64(cast(self.splat_u64s(1)), cast(n)))
    }

    #[inline(always)]
    fn enter<F: NullaryFnOnce>(f: F) -> F::Output {
        <Self as super::Token>::token().vectorize(f)
    }

    #[inline(always)]
    fn prefetch<T>(self, place: &T) {
        self.sse._mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(std::ptr::from_ref(place).cast());
    }

    /// Pairs and fours of rows interleaved, then quarters of registers put beside each other: 64 instructions for 256 elements.
    #[inline(always)]
    fn f32_transpose(self, from: &[f32], from_step: usize, to: &mut [f32], to_step: usize) {
        let isa = self.avx512f;
        // No closure: it might be left outside the instruction set.
        macro_rules! four {
            ($first:literal) => {{
                let from = &from[$first * from_step..];
                let a = cast(first_elements::<16, f32>(from));
                let b = cast(first_elements::<16, f32>(&from[from_step..]));
                let c = cast(first_elements::<16, f32>(&from[2 * from_step..]));
                let d = cast(first_elements::<16, f32>(&from[3 * from_step..]));
                let (ab, ab_2) = (cast(isa._mm512_unpacklo_ps(a, b)), cast(isa._mm512_unpackhi_ps(a, b)));
                let (cd, cd_2) = (cast(isa._mm512_unpacklo_ps(c, d)), cast(isa._mm512_unpackhi_ps(c, d)));
                // Columns j, j + 4, j + 8 and j + 12 of the four rows, for each j below 4.
                [
                    cast(isa._mm512_unpacklo_pd(ab, cd)),
                    cast(isa._mm512_unpackhi_pd(ab, cd)),
                    cast(isa._mm512_unpacklo_pd(ab_2, cd_2)),
                    cast(isa._mm512_unpackhi_pd(ab_2, cd_2)),
                ]
            }};
        }
        let (first, second, third, fourth) = (four!(0), four!(4), four!(8), four!(12));
        let mut turned = [[0.0_f32; 16]; 16];
        for j in 0..4 {
            // 0x44 takes the lower halves of both, 0xee the upper ones; 0x88 the even quarters, 0xdd the odd ones.
            let lower = isa._mm512_shuffle_f32x4::<0x44>(first[j], second[j]);
            let lower_2 = isa._mm512_shuffle_f32x4::<0x44>(third[j], fourth[j]);
            let upper = isa._mm512_shuffle_f32x4::<0xee>(first[j], second[j]);
            let upper_2 = isa._mm512_shuffle_f32x4::<0xee>(third[j], fourth[j]);
            turned[j] = cast(isa._mm512_shuffle_f32x4::<0x88>(lower, lower_2));
            turned[j + 4] = cast(isa._mm512_shuffle_f32x4::<0xdd>(lower, lower_2));
            turned[j + 8] = cast(isa._mm512_shuffle_f32x4::<0x88>(upper, upper_2));
            turned[j + 12] = cast(isa._mm512_shuffle_f32x4::<0xdd>(upper, upper_2));
        }
        for (j, row) in turned.iter().enumerate() {
            to[j * to_step..][..16].copy_from_slice(row);
        }
    }

    #[inline(always)]
    fn f64_transpose(self, from: &[f64], from_step: usize, to: &mut [f64], to_step: usize) {
        let isa = self.avx512f;
        macro_rules! two {
            ($first:literal) => {{
                let from = &from[$first * from_step..];
                let a = cast(first_elements::<8, f64>(from));
                let b = cast(first_elements::<8, f64>(&from[from_step..]));
                // The even columns of both rows, and the odd ones.
                [isa._mm512_unpacklo_pd(a, b), isa._mm512_unpackhi_pd(a, b)]
            }};
        }
        let (first, second, third, fourth) = (two!(0), two!(2), two!(4), two!(6));
        let mut turned = [[0.0_f64; 8]; 8];
        for j in 0..2 {
            let lower = isa._mm512_shuffle_f64x2::<0x44>(first[j], second[j]);
            let lower_2 = isa._mm512_shuffle_f64x2::<0x44>(third[j], fourth[j]);
            let upper = isa._mm512_shuffle_f64x2::<0xee>(first[j], second[j]);
            let upper_2 = isa._mm512_shuffle_f64x2::<0xee>(third[j], fourth[j]);
            turned[j] = cast(isa._mm512_shuffle_f64x2::<0x88>(lower, lower_2));
            turned[j + 2] = cast(isa._mm512_shuffle_f64x2::<0xdd>(lower, lower_2));
            turned[j + 4] = cast(isa._mm512_shuffle_f64x2::<0x88>(upper, upper_2));
            turned[j + 6] = cast(isa._mm512_shuffle_f64x2::<0xdd>(upper, upper_2));
        }
        for (j, row) in turned.iter().enumerate() {
            to[j * to_step..][..8].copy_from_slice(row);
        }
    }

    #[inline(always)]
    fn widen_f16(self, from: &[u16], to: &mut [f32]) {
        let (whole, rest) = from.as_chunks::<16>();
        for (to, &from) in to.as_chunks_mut::<16>().0.iter_mut().zip(whole) {
            *to = cast(self.avx512f._mm512_cvtph_ps(cast(from)));
        }
        if rest.is_empty() {
            return;
        }
        // The last register ends with the numbers, and converts some of them again.
        match (from.last_chunk::<16>(), to.last_chunk_mut::<16>()) {
            (Some(&from), Some(to)) => *to = cast(self.avx512f._mm512_cvtph_ps(cast(from))),
            _ => half::widen_f16(from, to),
        }
    }
    #[inline(always)]
    fn narrow_f16(self, from: &[f32], factor: f32, to: &mut [u16]) -> bool {
        let (whole, rest) = from.as_chunks::<16>();
        let (factors, magnitude) = (self.splat_f32s(factor), self.splat_u32s(half::MAGNITUDE));
        let mut largest = cast(self.splat_u32s(0));
        for (to, &from) in to.as_chunks_mut::<16>().0.iter_mut().zip(whole) {
            let value = self.mul_f32s(cast(from), factors);
            largest = self.avx512f._mm512_max_epu32(largest, cast(self.and_u32s(cast(value), magnitude)));
            *to = cast(self.avx512f._mm512_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(cast(value)));
        }
        if !rest.is_empty() {
            match (from.last_chunk::<16>(), to.last_chunk_mut::<16>()) {
                (Some(&from), Some(to)) => {
                    let value = self.mul_f32s(cast(from), factors);
                    largest = self.avx512f._mm512_max_epu32(largest, cast(self.and_u32s(cast(value), magnitude)));
                    *to = cast(self.avx512f._mm512_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(cast(value)));
                }
                _ => return half::narrow_f16(from, factor, to),
            }
        }
        half::is_f16(self.avx512f._mm512_reduce_max_epu32(largest))
    }

    #[inline(always)]
    fn f32_from_u8(self, bytes: &[u8]) -> f32x16 {
        let bytes: u8x16 = cast(first_bytes::<16>(bytes));
        self.convert_i32x16_to_f32x16(self.convert_u8x16_to_i32x16(bytes))
    }
    #[inline(always)]
    fn f64_from_u8(self, bytes: &[u8]) -> f64x8 {
        let bytes: u8x16 = cast([first_bytes::<8>(bytes), [0; 8]]);
        self.convert_i32x8_to_f64x8(self.convert_u8x16_to_i32x8(bytes))
    }
    #[inline(always)]
    fn f32_widen(self, x: f32x16) -> [f64x8; 2] {
        let [low, high]: [f32x8; 2] = cast(x);
        [self.convert_f32x8_to_f64x8(low), self.convert_f32x8_to_f64x8(high)]
    }
    #[inline(always)]
    fn m32_count(self, mask: b16) -> u32 {
        mask.0.count_ones()
    }
    #[inline(always)]
    fn m64_count(self, mask: b8) -> u32 {
        mask.0.count_ones()
    }
    #[inline(always)]
    fn m32_add_to(self, counter: u32x16, mask: b16) -> u32x16 {
        let (counter, one) = (cast(counter), cast(self.splat_u32s(1)));
        cast(self.avx512f._mm512_mask_add_epi32(counter, mask.0, counter, one))
    }
    #[inline(always)]
    fn m64_add_to(self, counter: u64x8, mask: b8) -> u64x8 {
        let (counter, one) = (cast(counter), cast(self.splat_u64s(1)));
        cast(self.avx512f._mm512_mask_add_epi64(counter, mask.0, counter, one))
    }

    #[inline(always)]
    fn f32_min(self, a: f32x16, b: f32x16) -> f32x16 {
        self.min_f32s(a, b)
    }
    #[inline(always)]
    fn f32_max(self, a: f32x16, b: f32x16) -> f32x16 {
        self.max_f32s(a, b)
    }
    #[inline(always)]
    fn f64_min(self, a: f64x8, b: f64x8) -> f64x8 {
        self.min_f64s(a, b)
    }
    #[inline(always)]
    fn f64_max(self, a: f64x8, b: f64x8) -> f64x8 {
        self.max_f64s(a, b)
    }

    #[inline(always)]
    fn f32_scale(self, x: f32x16, n: f32x16) -> f32x16 {
        cast(self.avx512f._mm512_scalef_ps(cast(x), cast(n)))
    }
    #[inline(always)]
    fn f32_scale_down(self, x: f32x16, n: f32x16) -> f32x16 {
        self.f32_scale(x, n)
    }
    #[inline(always)]
    fn f64_scale(self, x: f64x8, n: f64x8) -> f64x8 {
        cast(self.avx512f._mm512_scalef_pd(cast(x), cast(n)))
    }
    #[inline(always)]
    fn f64_scale_down(self, x: f64x8, n: f64x8) -> f64x8 {
        self.f64_scale(x, n)
    }
}
