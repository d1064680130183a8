//! The operations that pulp has of its own instruction sets.

/// Functions of the same signature under another name.
macro_rules! forward {
    ($($operation:ident: $pulp:ident($($x:ident: $X:ty),*) -> $Result:ty;)*) => {$(
        #[inline(always)]
        fn $operation(self, $($x: $X),*) -> $Result {
            pulp::Simd::$pulp(self, $($x),*)
        }
    )*};
}
pub(super) use forward;

/// What stands in an implementation of [`Isa`](super::Isa) for a type of pulp's.
macro_rules! through_pulp {
    () => {
        type f32s = <Self as pulp::Simd>::f32s;
        type f64s = <Self as pulp::Simd>::f64s;
        type u32s = <Self as pulp::Simd>::u32s;
        type u64s = <Self as pulp::Simd>::u64s;
        type m32s = <Self as pulp::Simd>::m32s;
        type m64s = <Self as pulp::Simd>::m64s;
        const F32_LANES: usize = <Self as pulp::Simd>::F32_LANES;
        const F64_LANES: usize = <Self as pulp::Simd>::F64_LANES;

        #[inline(always)]
        fn f32_load(self, slice: &[f32]) -> <Self as Isa>::f32s {
            <Self as pulp::Simd>::as_simd_f32s(slice).0[0]
        }
        #[inline(always)]
        fn f32_store(self, x: <Self as Isa>::f32s, slice: &mut [f32]) {
            <Self as pulp::Simd>::as_mut_simd_f32s(slice).0[0] = x;
        }
        #[inline(always)]
        fn f32_store_partial(self, x: <Self as Isa>::f32s, slice: &mut [f32]) {
            pulp::Simd::partial_store_f32s(self, slice, x);
        }
        #[inline(always)]
        fn f64_load(self, slice: &[f64]) -> <Self as Isa>::f64s {
            <Self as pulp::Simd>::as_simd_f64s(slice).0[0]
        }
        #[inline(always)]
        fn f64_store(self, x: <Self as Isa>::f64s, slice: &mut [f64]) {
            <Self as pulp::Simd>::as_mut_simd_f64s(slice).0[0] = x;
        }
        #[inline(always)]
        fn f64_store_partial(self, x: <Self as Isa>::f64s, slice: &mut [f64]) {
            pulp::Simd::partial_store_f64s(self, slice, x);
        }
        #[inline(always)]
        fn f32_minus_abs(self, x: <Self as Isa>::f32s) -> <Self as Isa>::f32s {
            pulp::Simd::or_f32s(self, x, pulp::Simd::splat_f32s(self, -0.0))
        }
        #[inline(always)]
        fn f64_minus_abs(self, x: <Self as Isa>::f64s) -> <Self as Isa>::f64s {
            pulp::Simd::or_f64s(self, x, pulp::Simd::splat_f64s(self, -0.0))
        }
        #[inline(always)]
        fn u32_shl(self, x: <Self as Isa>::u32s, by: u32) -> <Self as Isa>::u32s {
            pulp::Simd::wrapping_dyn_shl_u32s(self, x, pulp::Simd::splat_u32s(self, by))
        }
        #[inline(always)]
        fn u32_shr(self, x: <Self as Isa>::u32s, by: u32) -> <Self as Isa>::u32s {
            pulp::Simd::wrapping_dyn_shr_u32s(self, x, pulp::Simd::splat_u32s(self, by))
        }
        $crate::lanes::isa::through_pulp::forward! {
            f32_splat: splat_f32s(x: f32) -> <Self as Isa>::f32s;
            f32_load_partial: partial_load_f32s(slice: &[f32]) -> <Self as Isa>::f32s;
            f32_add: add_f32s(a: <Self as Isa>::f32s, b: <Self as Isa>::f32s) -> <Self as Isa>::f32s;
            f32_sub: sub_f32s(a: <Self as Isa>::f32s, b: <Self as Isa>::f32s) -> <Self as Isa>::f32s;
            f32_mul: mul_f32s(a: <Self as Isa>::f32s, b: <Self as Isa>::f32s) -> <Self as Isa>::f32s;
            f32_div: div_f32s(a: <Self as Isa>::f32s, b: <Self as Isa>::f32s) -> <Self as Isa>::f32s;
            f32_neg: neg_f32s(x: <Self as Isa>::f32s) -> <Self as Isa>::f32s;
            f32_abs: abs_f32s(x: <Self as Isa>::f32s) -> <Self as Isa>::f32s;
            f32_sqrt: sqrt_f32s(x: <Self as Isa>::f32s) -> <Self as Isa>::f32s;
            f32_lt: less_than_f32s(a: <Self as Isa>::f32s, b: <Self as Isa>::f32s) -> <Self as Isa>::m32s;
            f32_le: less_than_or_equal_f32s(a: <Self as Isa>::f32s, b: <Self as Isa>::f32s) -> <Self as Isa>::m32s;
            f32_eq: equal_f32s(a: <Self as Isa>::f32s, b: <Self as Isa>::f32s) -> <Self as Isa>::m32s;
            f32_largest: reduce_max_f32s(x: <Self as Isa>::f32s) -> f32;
            m32_and: and_m32s(a: <Self as Isa>::m32s, b: <Self as Isa>::m32s) -> <Self as Isa>::m32s;
            m32_or: or_m32s(a: <Self as Isa>::m32s, b: <Self as Isa>::m32s) -> <Self as Isa>::m32s;
            m32_not: not_m32s(mask: <Self as Isa>::m32s) -> <Self as Isa>::m32s;
            u32_splat: splat_u32s(x: u32) -> <Self as Isa>::u32s;
            u32_add: add_u32s(a: <Self as Isa>::u32s, b: <Self as Isa>::u32s) -> <Self as Isa>::u32s;
            u32_sub: sub_u32s(a: <Self as Isa>::u32s, b: <Self as Isa>::u32s) -> <Self as Isa>::u32s;
            u32_and: and_u32s(a: <Self as Isa>::u32s, b: <Self as Isa>::u32s) -> <Self as Isa>::u32s;
            u32_or: or_u32s(a: <Self as Isa>::u32s, b: <Self as Isa>::u32s) -> <Self as Isa>::u32s;
            u32_select: select_u32s(mask: <Self as Isa>::m32s, a: <Self as Isa>::u32s, b: <Self as Isa>::u32s) -> <Self as Isa>::u32s;
            f64_splat: splat_f64s(x: f64) -> <Self as Isa>::f64s;
            f64_load_partial: partial_load_f64s(slice: &[f64]) -> <Self as Isa>::f64s;
            f64_add: add_f64s(a: <Self as Isa>::f64s, b: <Self as Isa>::f64s) -> <Self as Isa>::f64s;
            f64_sub: sub_f64s(a: <Self as Isa>::f64s, b: <Self as Isa>::f64s) -> <Self as Isa>::f64s;
            f64_mul: mul_f64s(a: <Self as Isa>::f64s, b: <Self as Isa>::f64s) -> <Self as Isa>::f64s;
            f64_div: div_f64s(a: <Self as Isa>::f64s, b: <Self as Isa>::f64s) -> <Self as Isa>::f64s;
            f64_neg: neg_f64s(x: <Self as Isa>::f64s) -> <Self as Isa>::f64s;
            f64_abs: abs_f64s(x: <Self as Isa>::f64s) -> <Self as Isa>::f64s;
            f64_sqrt: sqrt_f64s(x: <Self as Isa>::f64s) -> <Self as Isa>::f64s;
            f64_lt: less_than_f64s(a: <Self as Isa>::f64s, b: <Self as Isa>::f64s) -> <Self as Isa>::m64s;
            f64_le: less_than_or_equal_f64s(a: <Self as Isa>::f64s, b: <Self as Isa>::f64s) -> <Self as Isa>::m64s;
            f64_eq: equal_f64s(a: <Self as Isa>::f64s, b: <Self as Isa>::f64s) -> <Self as Isa>::m64s;
            f64_largest: reduce_max_f64s(x: <Self as Isa>::f64s) -> f64;
            m64_and: and_m64s(a: <Self as Isa>::m64s, b: <Self as Isa>::m64s) -> <Self as Isa>::m64s;
            m64_or: or_m64s(a: <Self as Isa>::m64s, b: <Self as Isa>::m64s) -> <Self as Isa>::m64s;
            m64_not: not_m64s(mask: <Self as Isa>::m64s) -> <Self as Isa>::m64s;
            u64_splat: splat_u64s(x: u64) -> <Self as Isa>::u64s;
            u64_add: add_u64s(a: <Self as Isa>::u64s, b: <Self as Isa>::u64s) -> <Self as Isa>::u64s;
            u64_sub: sub_u64s(a: <Self as Isa>::u64s, b: <Self as Isa>::u64s) -> <Self as Isa>::u64s;
            u64_and: and_u64s(a: <Self as Isa>::u64s, b: <Self as Isa>::u64s) -> <Self as Isa>::u64s;
            u64_or: or_u64s(a: <Self as Isa>::u64s, b: <Self as Isa>::u64s) -> <Self as Isa>::u64s;
            u64_select: select_u64s(mask: <Self as Isa>::m64s, a: <Self as Isa>::u64s, b: <Self as Isa>::u64s) -> <Self as Isa>::u64s;
            f64_sum: reduce_sum_f64s(x: <Self as Isa>::f64s) -> f64;
        }
    };
}
pub(super) use through_pulp;

/// Where there is a fused multiplication, and a selection in one instruction.
macro_rules! fused_through_pulp {
    () => {
        $crate::lanes::isa::through_pulp::forward! {
            f32_mul_add: mul_add_f32s(a: <Self as Isa>::f32s, b: <Self as Isa>::f32s, c: <Self as Isa>::f32s) -> <Self as Isa>::f32s;
            f32_select: select_f32s(mask: <Self as Isa>::m32s, a: <Self as Isa>::f32s, b: <Self as Isa>::f32s) -> <Self as Isa>::f32s;
            f64_mul_add: mul_add_f64s(a: <Self as Isa>::f64s, b: <Self as Isa>::f64s, c: <Self as Isa>::f64s) -> <Self as Isa>::f64s;
            f64_select: select_f64s(mask: <Self as Isa>::m64s, a: <Self as Isa>::f64s, b: <Self as Isa>::f64s) -> <Self as Isa>::f64s;
        }
    };
}
pub(super) use fused_through_pulp;
