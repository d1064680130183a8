//! NEON: 128 bits with a fused multiply-add; masks are lanes of ones.

use pulp::{NullaryFnOnce, Simd, cast, f32x4, f64x2, m32x4, m64x2, u32x4, u64x2};

use super::through_pulp::{fused_through_pulp, through_pulp};
use super::{Isa, Neon, first_bytes};

impl Isa for Neon {
    through_pulp!();
    fused_through_pulp!();

    #[inline(always)]
    fn enter<F: NullaryFnOnce>(f: F) -> F::Output {
        <Self as super::Token>::token().vectorize(f)
    }

    #[inline(always)]
    fn f32_from_u8(self, bytes: &[u8]) -> f32x4 {
        let [a, b, c, d] = first_bytes::<4>(bytes);
        f32x4(a.into(), b.into(), c.into(), d.into())
    }
    #[inline(always)]
    fn f64_from_u8(self, bytes: &[u8]) -> f64x2 {
        let [a, b] = first_bytes::<2>(bytes);
        f64x2(a.into(), b.into())
    }
    #[inline(always)]
    fn f32_widen(self, x: f32x4) -> [f64x2; 2] {
        [f64x2(x.0.into(), x.1.into()), f64x2(x.2.into(), x.3.into())]
    }
    #[inline(always)]
    fn m32_count(self, mask: m32x4) -> u32 {
        let lanes: [u32; 4] = cast(mask);
        lanes.iter().map(|lane| lane & 1).sum()
    }
    #[inline(always)]
    fn m64_count(self, mask: m64x2) -> u32 {
        let [a, b]: [u64; 2] = cast(mask);
        u32::from(a != 0) + u32::from(b != 0)
    }
    #[inline(always)]
    fn m32_add_to(self, counter: u32x4, mask: m32x4) -> u32x4 {
        self.sub_u32s(counter, cast(mask))
    }
    #[inline(always)]
    fn m64_add_to(self, counter: u64x2, mask: m64x2) -> u64x2 {
        self.sub_u64s(counter, cast(mask))
    }
}
