//! AVX2 with FMA: masks are lanes of ones, so that subtracting a mask counts it.

use pulp::{NullaryFnOnce, Simd, cast, f32x4, f32x8, f64x4, m32x8, m64x4, u8x16, u32x8, u64x4};

use super::through_pulp::{fused_through_pulp, through_pulp};
use super::{Avx2, Isa, f16c, first_bytes, first_elements};

impl Isa for Avx2 {
    through_pulp!();
    fused_through_pulp!();

    const F32_LOOKS_UP: bool = true;

    #[inline(always)]
    fn f32_lookup(self, table: f32x8, index: u32x8) -> f32x8 {
        cast(self.avx2._mm256_permutevar8x32_ps(cast(table), cast(index)))
    }
    #[inline(always)]
    fn u32_one_at(self, n: u32x8) -> u32x8 {
        cast(self.avx2._mm256_sllv_epi32(cast(self.splat_u32s(1)), cast(n)))
    }
    #[inline(always)]
    fn u64_one_at(self, n: u64x4) -> u64x4 {
        cast(self.avx2._mm256_sllv_epi64(cast(self.splat_u64s(1)), cast(n)))
    }

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
    fn widen_f16(self, from: &[u16], to: &mut [f32]) {
        f16c::widen(self, from, to);
    }
    #[inline(always)]
    fn narrow_f16(self, from: &[f32], factor: f32, to: &mut [u16]) -> bool {
        f16c::narrow(self, from, factor, to)
    }

    #[inline(always)]
    fn prefetch<T>(self, place: &T) {
        self.sse._mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(std::ptr::from_ref(place).cast());
    }

    /// Pairs, fours and halves of rows interleaved: 24 instructions for 64 elements.
    #[inline(always)]
    fn f32_transpose(self, from: &[f32], from_step: usize, to: &mut [f32], to_step: usize) {
        let isa = self.avx;
        // No closure: it might be left outside the instruction set.
        macro_rules! rows {
            ($($i:literal)*) => { [$(cast(first_elements::<8, f32>(&from[$i * from_step..]))),*] };
        }
        let [a, b, c, d, e, f, g, h] = rows!(0 1 2 3 4 5 6 7);
        let (ab, ab_2) = (isa._mm256_unpacklo_ps(a, b), isa._mm256_unpackhi_ps(a, b));
        let (cd, cd_2) = (isa._mm256_unpacklo_ps(c, d), isa._mm256_unpackhi_ps(c, d));
        let (ef, ef_2) = (isa._mm256_unpacklo_ps(e, f), isa._mm256_unpackhi_ps(e, f));
        let (gh, gh_2) = (isa._mm256_unpacklo_ps(g, h), isa._mm256_unpackhi_ps(g, h));
        // 0x44 takes the lower pairs of both, 0xee the upper ones.
        let upper = [
            isa._mm256_shuffle_ps::<0x44>(ab, cd),
            isa._mm256_shuffle_ps::<0xee>(ab, cd),
            isa._mm256_shuffle_ps::<0x44>(ab_2, cd_2),
            isa._mm256_shuffle_ps::<0xee>(ab_2, cd_2),
        ];
        let lower = [
            isa._mm256_shuffle_ps::<0x44>(ef, gh),
            isa._mm256_shuffle_ps::<0xee>(ef, gh),
            isa._mm256_shuffle_ps::<0x44>(ef_2, gh_2),
            isa._mm256_shuffle_ps::<0xee>(ef_2, gh_2),
        ];
        for j in 0..4 {
            let half: [f32; 8] = cast(isa._mm256_permute2f128_ps::<0x20>(upper[j], lower[j]));
            to[j * to_step..][..8].copy_from_slice(&half);
        }
        for j in 0..4 {
            let half: [f32; 8] = cast(isa._mm256_permute2f128_ps::<0x31>(upper[j], lower[j]));
            to[(4 + j) * to_step..][..8].copy_from_slice(&half);
        }
    }

    #[inline(always)]
    fn f64_transpose(self, from: &[f64], from_step: usize, to: &mut [f64], to_step: usize) {
        let isa = self.avx;
        macro_rules! rows {
            ($($i:literal)*) => { [$(cast(first_elements::<4, f64>(&from[$i * from_step..]))),*] };
        }
        let [a, b, c, d] = rows!(0 1 2 3);
        let (ab, ab_2) = (isa._mm256_unpacklo_pd(a, b), isa._mm256_unpackhi_pd(a, b));
        let (cd, cd_2) = (isa._mm256_unpacklo_pd(c, d), isa._mm256_unpackhi_pd(c, d));
        let turned: [[f64; 4]; 4] = [
            cast(isa._mm256_permute2f128_pd::<0x20>(ab, cd)),
            cast(isa._mm256_permute2f128_pd::<0x20>(ab_2, cd_2)),
            cast(isa._mm256_permute2f128_pd::<0x31>(ab, cd)),
            cast(isa._mm256_permute2f128_pd::<0x31>(ab_2, cd_2)),
        ];
        for (j, row) in turned.iter().enumerate() {
            to[j * to_step..][..4].copy_from_slice(row);
        }
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
