//! AVX2 with FMA: masks are lanes of ones, so that subtracting a mask counts it.

use pulp::{NullaryFnOnce, Simd, cast, f32x4, f32x8, f64x4, m32x8, m64x4, u8x16, u32x8, u64x4};

use super::{Avx2, Isa, first_bytes};

impl Isa for Avx2 {
    #[inline(always)]
    fn enter<F: NullaryFnOnce>(f: F) -> F::Output {
        <Self as super::Token>::token().vectorize(f)
    }

    #[inline(always)]
    fn f32_from_u8(self, bytes: &[u8]) -> f32x8 {
        let bytes: u8x16 = cast([first_bytes::<8>(bytes), [0; 8]]);
        self.convert_i32x8_to_f32x8(self.convert_u8x16_to_i32x8(bytes))
    }
    #[inline(always)]
    fn f64_from_u8(self, bytes: &[u8]) -> f64x4 {
        let bytes: u8x16 = cast([first_bytes::<4>(bytes), [0; 4], [0; 4], [0; 4]]);
        self.convert_i32x4_to_f64x4(self.convert_u8x16_to_i32x4(bytes))
    }
    #[inline(always)]
    fn f32_widen(self, x: f32x8) -> [f64x4; 2] {
        let [low, high]: [f32x4; 2] = cast(x);
        [self.convert_f32x4_to_f64x4(low), self.convert_f32x4_to_f64x4(high)]
    }
    #[inline(always)]
    fn m32_count(self, mask: m32x8) -> u32 {
        self.avx._mm256_movemask_ps(cast(mask)).count_ones()
    }
    #[inline(always)]
    fn m64_count(self, mask: m64x4) -> u32 {
        self.avx._mm256_movemask_pd(cast(mask)).count_ones()
    }
    #[inline(always)]
    fn m32_add_to(self, counter: u32x8, mask: m32x8) -> u32x8 {
        self.sub_u32s(counter, cast(mask))
    }
    #[inline(always)]
    fn m64_add_to(self, counter: u64x4, mask: m64x4) -> u64x4 {
        self.sub_u64s(counter, cast(mask))
    }

    #[inline(always)]
    fn f32_min(self, a: f32x8, b: f32x8) -> f32x8 {
        self.min_f32s(a, b)
    }
    #[inline(always)]
    fn f32_max(self, a: f32x8, b: f32x8) -> f32x8 {
        self.max_f32s(a, b)
    }
    #[inline(always)]
    fn f64_min(self, a: f64x4, b: f64x4) -> f64x4 {
        self.min_f64s(a, b)
    }
    #[inline(always)]
    fn f64_max(self, a: f64x4, b: f64x4) -> f64x4 {
        self.max_f64s(a, b)
    }
}
