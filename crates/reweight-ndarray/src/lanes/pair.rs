//! Two registers as one: two independent chains of operations, interleaved.
//!
//! A loss is a long chain of dependent operations, and a processor looks ahead over less than two of them. Operation by
//! operation on two registers it finds twice as many that can run at once.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::Lanes;

/// Two registers side by side.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair<L>(L, L);

macro_rules! operators {
    ($($op:ident $method:ident)*) => {$(
        impl<L: Lanes> $op for Pair<L> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Self(self.0.$method(other.0), self.1.$method(other.1))
            }
        }
    )*};
}
operators!(Add add Sub sub Mul mul Div div);

impl<L: Lanes> Neg for Pair<L> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self(-self.0, -self.1)
    }
}

/// Methods that do the same to both registers.
macro_rules! both {
    ($($method:ident($($other:ident),*);)*) => {$(
        #[inline(always)]
        fn $method(self $(, $other: Self)*) -> Self {
            Self(self.0.$method($($other.0),*), self.1.$method($($other.1),*))
        }
    )*};
}

/// Comparisons.
macro_rules! compare {
    ($($method:ident($($other:ident),*);)*) => {$(
        #[inline(always)]
        fn $method(self $(, $other: Self)*) -> Self::Mask {
            (self.0.$method($($other.0),*), self.1.$method($($other.1),*))
        }
    )*};
}

/// The first register's part of `length` lanes, and how many are left for the second.
#[inline(always)]
fn first_part<L: Lanes>(length: usize) -> usize {
    if length < L::COUNT { length } else { L::COUNT }
}

impl<L: Lanes> Lanes for Pair<L> {
    type Scalar = L::Scalar;
    type Mask = (L::Mask, L::Mask);
    type Counter = (L::Counter, L::Counter);
    type Wide = (L::Wide, L::Wide);
    const COUNT: usize = 2 * L::COUNT;
    #[inline(always)]
    fn enter<F: pulp::NullaryFnOnce>(f: F) -> F::Output {
        L::enter(f)
    }
    const SCALE_IS_TOTAL: bool = L::SCALE_IS_TOTAL;

    #[inline(always)]
    fn splat(x: f64) -> Self {
        Self(L::splat(x), L::splat(x))
    }
    #[inline(always)]
    fn splat_scalar(x: L::Scalar) -> Self {
        Self(L::splat_scalar(x), L::splat_scalar(x))
    }
    #[inline(always)]
    fn load(slice: &[L::Scalar]) -> Self {
        let (first, second) = slice.split_at(L::COUNT);
        Self(L::load(first), L::load(second))
    }
    #[inline(always)]
    fn load_partial(slice: &[L::Scalar]) -> Self {
        let (first, second) = slice.split_at(first_part::<L>(slice.len()));
        Self(L::load_partial(first), L::load_partial(second))
    }
    #[inline(always)]
    fn store(self, slice: &mut [L::Scalar]) {
        let (first, second) = slice.split_at_mut(L::COUNT);
        self.0.store(first);
        self.1.store(second);
    }
    #[inline(always)]
    fn store_partial(self, slice: &mut [L::Scalar]) {
        let (first, second) = slice.split_at_mut(first_part::<L>(slice.len()));
        self.0.store_partial(first);
        self.1.store_partial(second);
    }
    #[inline(always)]
    fn from_u8(bytes: &[u8]) -> Self {
        let (first, second) = bytes.split_at(L::COUNT);
        Self(L::from_u8(first), L::from_u8(second))
    }
    #[inline(always)]
    fn from_u8_partial(bytes: &[u8]) -> Self {
        let (first, second) = bytes.split_at(first_part::<L>(bytes.len()));
        Self(L::from_u8_partial(first), L::from_u8_partial(second))
    }

    #[inline(always)]
    fn prefetch<T>(place: &T) {
        L::prefetch(place);
    }

    /// As four squares.
    #[inline(always)]
    fn transpose(from: &[L::Scalar], from_step: usize, to: &mut [L::Scalar], to_step: usize) {
        let n = L::COUNT;
        for j in [0, n] {
            for i in [0, n] {
                L::transpose(&from[i * from_step + j..], from_step, &mut to[j * to_step + i..], to_step);
            }
        }
    }

    both! {
        mul_add(a, b);
        abs();
        min(other);
        max(other);
        sqrt();
        ln();
        minus_abs();
        scale(n);
        scale_down(n);
    }
    compare! {
        le(other);
        lt(other);
        eq(other);
    }

    #[inline(always)]
    fn mask_and(a: Self::Mask, b: Self::Mask) -> Self::Mask {
        (L::mask_and(a.0, b.0), L::mask_and(a.1, b.1))
    }
    #[inline(always)]
    fn mask_or(a: Self::Mask, b: Self::Mask) -> Self::Mask {
        (L::mask_or(a.0, b.0), L::mask_or(a.1, b.1))
    }
    #[inline(always)]
    fn mask_not(mask: Self::Mask) -> Self::Mask {
        (L::mask_not(mask.0), L::mask_not(mask.1))
    }
    #[inline(always)]
    fn select(mask: Self::Mask, if_true: Self, if_false: Self) -> Self {
        Self(L::select(mask.0, if_true.0, if_false.0), L::select(mask.1, if_true.1, if_false.1))
    }
    #[inline(always)]
    fn mask_any(mask: Self::Mask) -> bool {
        L::mask_any(L::mask_or(mask.0, mask.1))
    }
    #[inline(always)]
    fn mask_count(mask: Self::Mask) -> u32 {
        L::mask_count(mask.0) + L::mask_count(mask.1)
    }

    #[inline(always)]
    fn counter_zero() -> Self::Counter {
        (L::counter_zero(), L::counter_zero())
    }
    #[inline(always)]
    fn count_add(counter: Self::Counter, mask: Self::Mask) -> Self::Counter {
        (L::count_add(counter.0, mask.0), L::count_add(counter.1, mask.1))
    }
    #[inline(always)]
    fn counter_sum(counter: Self::Counter) -> u64 {
        L::counter_sum(counter.0) + L::counter_sum(counter.1)
    }

    const LOOKS_UP: bool = L::LOOKS_UP;
    const NIBBLES: usize = L::NIBBLES;
    const TABLE: usize = L::TABLE;
    #[inline(always)]
    fn load_table(entries: &[L::Scalar]) -> Self {
        Self(L::load_table(entries), L::load_table(entries))
    }
    #[inline(always)]
    fn lookup(table: Self, index: Self::Counter) -> Self {
        Self(L::lookup(table.0, index.0), L::lookup(table.1, index.1))
    }
    #[inline(always)]
    fn descend(index: Self::Counter, mask: Self::Mask, level: usize) -> Self::Counter {
        (L::descend(index.0, mask.0, level), L::descend(index.1, mask.1, level))
    }
    #[inline(always)]
    fn lookup_2([first, second]: [Self; 2], mask: Self::Mask, index: Self::Counter) -> Self {
        Self(L::lookup_2([first.0, second.0], mask.0, index.0), L::lookup_2([first.1, second.1], mask.1, index.1))
    }
    #[inline(always)]
    fn nibble_place(index: Self::Counter) -> Self::Counter {
        (L::nibble_place(index.0), L::nibble_place(index.1))
    }
    #[inline(always)]
    fn nibble_add(nibbles: Self::Counter, place: Self::Counter, first: usize) -> Self::Counter {
        (L::nibble_add(nibbles.0, place.0, first), L::nibble_add(nibbles.1, place.1, first))
    }
    #[inline(always)]
    fn nibbles_to_bytes(bytes: [Self::Counter; 2], nibbles: Self::Counter) -> [Self::Counter; 2] {
        let first = L::nibbles_to_bytes([bytes[0].0, bytes[1].0], nibbles.0);
        let second = L::nibbles_to_bytes([bytes[0].1, bytes[1].1], nibbles.1);
        [(first[0], second[0]), (first[1], second[1])]
    }
    #[inline(always)]
    fn add_bytes(bytes: Self::Counter, totals: &mut [u64], step: usize) {
        L::add_bytes(bytes.0, totals, step);
        L::add_bytes(bytes.1, totals, step);
    }

    #[inline(always)]
    fn largest(self) -> L::Scalar {
        self.0.max(self.1).largest()
    }
    #[inline(always)]
    fn wide_zero() -> Self::Wide {
        (L::wide_zero(), L::wide_zero())
    }
    #[inline(always)]
    fn wide_add(sums: Self::Wide, x: Self) -> Self::Wide {
        (L::wide_add(sums.0, x.0), L::wide_add(sums.1, x.1))
    }
    #[inline(always)]
    fn wide_sum(sums: Self::Wide) -> f64 {
        L::wide_sum(sums.0) + L::wide_sum(sums.1)
    }
}
