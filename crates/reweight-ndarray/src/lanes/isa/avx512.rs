//! AVX-512: masks are bits, and scaling by a power of two is one instruction that gets every edge right.

use std::arch::x86_64::_MM_FROUND_TO_NEAREST_INT;

use pulp::{NullaryFnOnce, Simd, b8, b16, cast, f32x8, f32x16, f64x8, u8x16, u32x16, u64x8};

use super::{Avx512, Isa, first_bytes, half};

impl Isa for Avx512 {
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
