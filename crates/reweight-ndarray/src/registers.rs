//! Walking over slices a register at a time, and sums that stay exact over many.

use std::ops::Range;

use crate::lanes::{Lanes, MOST_LANES};

/// Bytes that memory comes in.
pub(crate) const CACHE_LINE: usize = 64;

/// Calls `body` for each register's range of `0..len`; the last may be shorter, which the flag says.
///
/// The flag is a constant in each of the two calls, so the whole registers' code has no trace of the ragged one.
#[inline(always)]
pub(crate) fn each_register<L: Lanes>(len: usize, mut body: impl FnMut(Range<usize>, bool)) {
    let whole = len / L::COUNT * L::COUNT;
    let mut start = 0;
    while start < whole {
        body(start..start + L::COUNT, true);
        start += L::COUNT;
    }
    if whole < len {
        body(whole..len, false);
    }
}

/// Calls `of` for the place of each of the first `len` numbers' whole registers.
///
/// Counted, and not walked with iterators over chunks: those of three slices are zipped, and their steps are not inlined everywhere.
#[inline(always)]
pub(crate) fn each_whole<L: Lanes>(len: usize, mut of: impl FnMut(Range<usize>)) {
    let mut at = 0;
    while at + L::COUNT <= len {
        of(at..at + L::COUNT);
        at += L::COUNT;
    }
}

/// Reads a register; lanes past the end of a ragged one are 0.
#[inline(always)]
pub(crate) fn load<L: Lanes>(slice: &[L::Scalar], whole: bool) -> L {
    if whole { L::load(slice) } else { L::load_partial(slice) }
}

/// Writes a register, or the lanes that a ragged one has.
#[inline(always)]
pub(crate) fn store<L: Lanes>(value: L, slice: &mut [L::Scalar], whole: bool) {
    if whole {
        value.store(slice);
    } else {
        value.store_partial(slice);
    }
}

/// Reads a register of bytes as numbers; lanes past the end are 0.
#[inline(always)]
pub(crate) fn load_bytes<L: Lanes>(bytes: &[u8], whole: bool) -> L {
    if whole { L::from_u8(bytes) } else { L::from_u8_partial(bytes) }
}

/// Which lanes count, where not all do: a mask is given, or the register is ragged.
#[inline(always)]
pub(crate) fn valid_lanes<L: Lanes>(valid: Option<&[bool]>, len: usize, whole: bool) -> Option<L::Mask> {
    let half = L::splat(0.5);
    match valid {
        None if whole => None,
        None => Some(half.le(L::from_u8_partial(&[1; MOST_LANES][..len]))),
        Some(valid) => {
            let bytes: &[u8] = pulp::bytemuck::cast_slice(valid);
            Some(half.le(if whole { L::from_u8(bytes) } else { L::from_u8_partial(bytes) }))
        }
    }
}

/// A sum of registers: a few in their own precision, then on in `f64`, so that its error does not grow with the length.
pub(crate) struct Running<L: Lanes> {
    short: L,
    added: usize,
    long: L::Wide,
}

/// Registers that are added up before their sum is widened: their rounding stays below that of one sample.
pub(crate) const SHORT: usize = 8;

impl<L: Lanes> Running<L> {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self { short: L::splat(0.0), added: 0, long: L::wide_zero() }
    }

    #[inline(always)]
    pub(crate) fn add(&mut self, value: L) {
        self.short = self.short + value;
        self.added += 1;
        if self.added == SHORT {
            self.long = L::wide_add(self.long, self.short);
            self.short = L::splat(0.0);
            self.added = 0;
        }
    }

    #[inline(always)]
    pub(crate) fn total(self) -> f64 {
        L::wide_sum(L::wide_add(self.long, self.short))
    }
}
