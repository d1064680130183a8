//! SSE2, which every x86-64 processor has: 128 bits, no fused multiply-add; masks are lanes of ones.

use std::arch::x86_64::{__m128, __m128d, __m128i};

use pulp::{NullaryFnOnce, cast};

use super::{Isa, Sse2, first_bytes, first_elements};

/// Up to `N` elements, then zeros.
#[inline(always)]
fn padded<A: Copy + Default, const N: usize>(slice: &[A]) -> [A; N] {
    let mut padded = [A::default(); N];
    for (to, &from) in padded.iter_mut().zip(slice) {
        *to = from;
    }
    padded
}

/// The first `N` elements, or as many as the slice has.
#[inline(always)]
fn put<A: Copy, const N: usize>(values: [A; N], slice: &mut [A]) {
    for (to, from) in slice.iter_mut().zip(values) {
        *to = from;
    }
}

/// Operations that are an instruction on registers of one kind.
macro_rules! instructions {
    ($($operation:ident: $set:ident $instruction:ident($($x:ident: $X:ty),+) -> $Result:ty;)*) => {$(
        #[inline(always)]
        fn $operation(self, $($x: $X),+) -> $Result {
            self.$set.$instruction($($x),+)
        }
    )*};
}

impl Isa for Sse2 {
    type f32s = __m128;
    type f64s = __m128d;
    type u32s = __m128i;
    type u64s = __m128i;
    type m32s = __m128;
    type m64s = __m128d;
    const F32_LANES: usize = 4;
    const F64_LANES: usize = 2;

    #[inline(always)]
    fn enter<F: NullaryFnOnce>(f: F) -> F::Output {
        super::apart(f)
    }

    #[inline(always)]
    fn f32_load(self, slice: &[f32]) -> __m128 {
        cast(first_elements::<4, f32>(slice))
    }
    #[inline(always)]
    fn f32_load_partial(self, slice: &[f32]) -> __m128 {
        cast(padded::<f32, 4>(slice))
    }
    #[inline(always)]
    fn f32_store(self, x: __m128, slice: &mut [f32]) {
        pulp::as_arrays_mut::<4, f32>(slice).0[0] = cast(x);
    }
    #[inline(always)]
    fn f32_store_partial(self, x: __m128, slice: &mut [f32]) {
        put::<f32, 4>(cast(x), slice);
    }
    #[inline(always)]
    fn f64_load(self, slice: &[f64]) -> __m128d {
        cast(first_elements::<2, f64>(slice))
    }
    #[inline(always)]
    fn f64_load_partial(self, slice: &[f64]) -> __m128d {
        cast(padded::<f64, 2>(slice))
    }
    #[inline(always)]
    fn f64_store(self, x: __m128d, slice: &mut [f64]) {
        pulp::as_arrays_mut::<2, f64>(slice).0[0] = cast(x);
    }
    #[inline(always)]
    fn f64_store_partial(self, x: __m128d, slice: &mut [f64]) {
        put::<f64, 2>(cast(x), slice);
    }

    #[inline(always)]
    fn f32_from_u8(self, bytes: &[u8]) -> __m128 {
        let bytes = self.sse2._mm_cvtsi32_si128(i32::from_ne_bytes(first_bytes::<4>(bytes)));
        let words = self.sse2._mm_unpacklo_epi8(bytes, self.sse2._mm_setzero_si128());
        self.sse2._mm_cvtepi32_ps(self.sse2._mm_unpacklo_epi16(words, self.sse2._mm_setzero_si128()))
    }
    #[inline(always)]
    fn f64_from_u8(self, bytes: &[u8]) -> __m128d {
        let [a, b] = first_bytes::<2>(bytes);
        self.sse2._mm_cvtepi32_pd(self.sse2._mm_set_epi32(0, 0, b.into(), a.into()))
    }
    #[inline(always)]
    fn f32_widen(self, x: __m128) -> [__m128d; 2] {
        [self.sse2._mm_cvtps_pd(x), self.sse2._mm_cvtps_pd(self.sse._mm_movehl_ps(x, x))]
    }

    instructions! {
        f32_splat: sse _mm_set1_ps(x: f32) -> __m128;
        f32_add: sse _mm_add_ps(a: __m128, b: __m128) -> __m128;
        f32_sub: sse _mm_sub_ps(a: __m128, b: __m128) -> __m128;
        f32_mul: sse _mm_mul_ps(a: __m128, b: __m128) -> __m128;
        f32_div: sse _mm_div_ps(a: __m128, b: __m128) -> __m128;
        f32_sqrt: sse _mm_sqrt_ps(x: __m128) -> __m128;
        f32_min: sse _mm_min_ps(a: __m128, b: __m128) -> __m128;
        f32_max: sse _mm_max_ps(a: __m128, b: __m128) -> __m128;
        f32_lt: sse _mm_cmplt_ps(a: __m128, b: __m128) -> __m128;
        f32_le: sse _mm_cmple_ps(a: __m128, b: __m128) -> __m128;
        f32_eq: sse _mm_cmpeq_ps(a: __m128, b: __m128) -> __m128;
        m32_and: sse _mm_and_ps(a: __m128, b: __m128) -> __m128;
        m32_or: sse _mm_or_ps(a: __m128, b: __m128) -> __m128;

        f64_splat: sse2 _mm_set1_pd(x: f64) -> __m128d;
        f64_add: sse2 _mm_add_pd(a: __m128d, b: __m128d) -> __m128d;
        f64_sub: sse2 _mm_sub_pd(a: __m128d, b: __m128d) -> __m128d;
        f64_mul: sse2 _mm_mul_pd(a: __m128d, b: __m128d) -> __m128d;
        f64_div: sse2 _mm_div_pd(a: __m128d, b: __m128d) -> __m128d;
        f64_sqrt: sse2 _mm_sqrt_pd(x: __m128d) -> __m128d;
        f64_min: sse2 _mm_min_pd(a: __m128d, b: __m128d) -> __m128d;
        f64_max: sse2 _mm_max_pd(a: __m128d, b: __m128d) -> __m128d;
        f64_lt: sse2 _mm_cmplt_pd(a: __m128d, b: __m128d) -> __m128d;
        f64_le: sse2 _mm_cmple_pd(a: __m128d, b: __m128d) -> __m128d;
        f64_eq: sse2 _mm_cmpeq_pd(a: __m128d, b: __m128d) -> __m128d;
        m64_and: sse2 _mm_and_pd(a: __m128d, b: __m128d) -> __m128d;
        m64_or: sse2 _mm_or_pd(a: __m128d, b: __m128d) -> __m128d;

        u32_add: sse2 _mm_add_epi32(a: __m128i, b: __m128i) -> __m128i;
        u32_sub: sse2 _mm_sub_epi32(a: __m128i, b: __m128i) -> __m128i;
        u32_and: sse2 _mm_and_si128(a: __m128i, b: __m128i) -> __m128i;
        u32_or: sse2 _mm_or_si128(a: __m128i, b: __m128i) -> __m128i;
        u64_add: sse2 _mm_add_epi64(a: __m128i, b: __m128i) -> __m128i;
        u64_sub: sse2 _mm_sub_epi64(a: __m128i, b: __m128i) -> __m128i;
        u64_and: sse2 _mm_and_si128(a: __m128i, b: __m128i) -> __m128i;
        u64_or: sse2 _mm_or_si128(a: __m128i, b: __m128i) -> __m128i;
    }

    #[inline(always)]
    fn f32_neg(self, x: __m128) -> __m128 {
        self.sse._mm_xor_ps(x, self.sse._mm_set1_ps(-0.0))
    }
    #[inline(always)]
    fn f32_abs(self, x: __m128) -> __m128 {
        self.sse._mm_andnot_ps(self.sse._mm_set1_ps(-0.0), x)
    }
    #[inline(always)]
    fn f32_minus_abs(self, x: __m128) -> __m128 {
        self.sse._mm_or_ps(x, self.sse._mm_set1_ps(-0.0))
    }
    #[inline(always)]
    fn f64_neg(self, x: __m128d) -> __m128d {
        self.sse2._mm_xor_pd(x, self.sse2._mm_set1_pd(-0.0))
    }
    #[inline(always)]
    fn f64_abs(self, x: __m128d) -> __m128d {
        self.sse2._mm_andnot_pd(self.sse2._mm_set1_pd(-0.0), x)
    }
    #[inline(always)]
    fn f64_minus_abs(self, x: __m128d) -> __m128d {
        self.sse2._mm_or_pd(x, self.sse2._mm_set1_pd(-0.0))
    }

    /// Two roundings: without the instruction a fused one is a call into the C library for every lane.
    #[inline(always)]
    fn f32_mul_add(self, a: __m128, b: __m128, c: __m128) -> __m128 {
        self.sse._mm_add_ps(self.sse._mm_mul_ps(a, b), c)
    }
    #[inline(always)]
    fn f64_mul_add(self, a: __m128d, b: __m128d, c: __m128d) -> __m128d {
        self.sse2._mm_add_pd(self.sse2._mm_mul_pd(a, b), c)
    }

    #[inline(always)]
    fn f32_select(self, mask: __m128, a: __m128, b: __m128) -> __m128 {
        self.sse._mm_or_ps(self.sse._mm_and_ps(mask, a), self.sse._mm_andnot_ps(mask, b))
    }
    #[inline(always)]
    fn f64_select(self, mask: __m128d, a: __m128d, b: __m128d) -> __m128d {
        self.sse2._mm_or_pd(self.sse2._mm_and_pd(mask, a), self.sse2._mm_andnot_pd(mask, b))
    }
    #[inline(always)]
    fn u32_select(self, mask: __m128, a: __m128i, b: __m128i) -> __m128i {
        cast(self.f32_select(mask, cast(a), cast(b)))
    }
    #[inline(always)]
    fn u64_select(self, mask: __m128d, a: __m128i, b: __m128i) -> __m128i {
        cast(self.f64_select(mask, cast(a), cast(b)))
    }

    #[inline(always)]
    fn m32_not(self, mask: __m128) -> __m128 {
        self.sse._mm_xor_ps(mask, cast([u32::MAX; 4]))
    }
    #[inline(always)]
    fn m64_not(self, mask: __m128d) -> __m128d {
        self.sse2._mm_xor_pd(mask, cast([u64::MAX; 2]))
    }
    #[inline(always)]
    fn m32_count(self, mask: __m128) -> u32 {
        self.sse._mm_movemask_ps(mask).count_ones()
    }
    #[inline(always)]
    fn m64_count(self, mask: __m128d) -> u32 {
        self.sse2._mm_movemask_pd(mask).count_ones()
    }
    #[inline(always)]
    fn m32_add_to(self, counter: __m128i, mask: __m128) -> __m128i {
        self.sse2._mm_sub_epi32(counter, cast(mask))
    }
    #[inline(always)]
    fn m64_add_to(self, counter: __m128i, mask: __m128d) -> __m128i {
        self.sse2._mm_sub_epi64(counter, cast(mask))
    }

    #[inline(always)]
    fn u32_splat(self, x: u32) -> __m128i {
        cast([x; 4])
    }
    #[inline(always)]
    fn u64_splat(self, x: u64) -> __m128i {
        cast([x; 2])
    }
    #[inline(always)]
    fn u32_shl(self, x: __m128i, by: u32) -> __m128i {
        self.sse2._mm_sll_epi32(x, cast([u64::from(by), 0]))
    }
    #[inline(always)]
    fn u32_shr(self, x: __m128i, by: u32) -> __m128i {
        self.sse2._mm_srl_epi32(x, cast([u64::from(by), 0]))
    }

    #[inline(always)]
    fn f32_largest(self, x: __m128) -> f32 {
        let x = self.sse._mm_max_ps(x, self.sse._mm_movehl_ps(x, x));
        let [a, b, ..]: [f32; 4] = cast(x);
        if a > b { a } else { b }
    }
    #[inline(always)]
    fn f64_largest(self, x: __m128d) -> f64 {
        let [a, b]: [f64; 2] = cast(x);
        if a > b { a } else { b }
    }
    #[inline(always)]
    fn f64_sum(self, x: __m128d) -> f64 {
        let [a, b]: [f64; 2] = cast(x);
        a + b
    }
}
