//! Where a target's vectors have no code of their own: plain operations on 128-bit arrays, written so that LLVM sees the vectors in them.

use pulp::{NullaryFnOnce, Simd, cast, f32x4, f64x2, m32x4, m64x2, u32x4, u64x2};

use super::through_pulp::through_pulp;
use super::{Isa, Portable, first_bytes};

impl Isa for Portable {
    through_pulp!();

    #[inline(always)]
    fn enter<F: NullaryFnOnce>(f: F) -> F::Output {
        super::apart(f)
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

    /// Two roundings: without the instruction a fused one is a call into the C library for every lane.
    #[inline(always)]
    fn f32_mul_add(self, a: f32x4, b: f32x4, c: f32x4) -> f32x4 {
        self.add_f32s(self.mul_f32s(a, b), c)
    }
    #[inline(always)]
    fn f64_mul_add(self, a: f64x2, b: f64x2, c: f64x2) -> f64x2 {
        self.add_f64s(self.mul_f64s(a, b), c)
    }
    /// By bits: pulp's form branches on every lane.
    #[inline(always)]
    fn f32_select(self, mask: m32x4, a: f32x4, b: f32x4) -> f32x4 {
        let mask: u32x4 = cast(mask);
        let (a, b) = (self.and_u32s(mask, cast(a)), self.and_u32s(self.not_u32s(mask), cast(b)));
        cast(self.or_u32s(a, b))
    }
    #[inline(always)]
    fn f64_select(self, mask: m64x2, a: f64x2, b: f64x2) -> f64x2 {
        let mask: u64x2 = cast(mask);
        let (a, b) = (self.and_u64s(mask, cast(a)), self.and_u64s(self.not_u64s(mask), cast(b)));
        cast(self.or_u64s(a, b))
    }
    #[inline(always)]
    fn f32_min(self, a: f32x4, b: f32x4) -> f32x4 {
        let lane = |a, b| if a < b { a } else { b };
        f32x4(lane(a.0, b.0), lane(a.1, b.1), lane(a.2, b.2), lane(a.3, b.3))
    }
    #[inline(always)]
    fn f32_max(self, a: f32x4, b: f32x4) -> f32x4 {
        let lane = |a, b| if a > b { a } else { b };
        f32x4(lane(a.0, b.0), lane(a.1, b.1), lane(a.2, b.2), lane(a.3, b.3))
    }
    #[inline(always)]
    fn f64_min(self, a: f64x2, b: f64x2) -> f64x2 {
        let lane = |a, b| if a < b { a } else { b };
        f64x2(lane(a.0, b.0), lane(a.1, b.1))
    }
    #[inline(always)]
    fn f64_max(self, a: f64x2, b: f64x2) -> f64x2 {
        let lane = |a, b| if a > b { a } else { b };
        f64x2(lane(a.0, b.0), lane(a.1, b.1))
    }
}
