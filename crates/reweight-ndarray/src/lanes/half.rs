//! Numbers of 16 bits, widened to `f32` exactly and narrowed to the nearest, ties to even.
//!
//! By integer arithmetic without a branch, so that it vectorises where an instruction set has no conversion of its own.

use super::isa::Isa;

/// A format of 16 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// IEEE binary16: 11 bits of precision.
    F16,
    /// The upper half of an `f32`: 8 bits of precision.
    Bf16,
}

impl Format {
    /// As Rust names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
        }
    }

    /// The largest number.
    pub(crate) fn largest(self) -> f32 {
        match self {
            Self::F16 => 65504.0,
            Self::Bf16 => f32::from_bits(0x7f7f_0000),
        }
    }

    /// Whether a number is rounded to a finite one.
    pub(crate) fn holds(self, value: f32) -> bool {
        let magnitude = value.to_bits() & MAGNITUDE;
        match self {
            Self::F16 => is_f16(magnitude),
            Self::Bf16 => is_bf16(magnitude),
        }
    }
}

/// How numbers of 16 bits become those that are computed with, and back: functions compiled for the instruction set that is used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Convert<A> {
    /// Exact.
    pub(crate) widen: fn(&[u16], &mut [A]),
    /// Times the factor, rounded to the nearest; whether all are finite there.
    pub(crate) narrow: fn(&[A], A, &mut [u16]) -> bool,
}

impl Convert<f32> {
    /// Those of an instruction set; `dispatch` alone may name it.
    pub(crate) fn of<S: Isa>(format: Format) -> Self {
        match format {
            Format::F16 => Self {
                widen: |from, to| {
                    S::enter(
                        #[inline(always)]
                        || S::token().widen_f16(from, to),
                    );
                },
                narrow: |from, factor, to| {
                    S::enter(
                        #[inline(always)]
                        || S::token().narrow_f16(from, factor, to),
                    )
                },
            },
            Format::Bf16 => Self {
                widen: |from, to| {
                    S::enter(
                        #[inline(always)]
                        || widen_bf16(from, to),
                    );
                },
                narrow: |from, factor, to| {
                    S::enter(
                        #[inline(always)]
                        || narrow_bf16(from, factor, to),
                    )
                },
            },
        }
    }
}

/// All bits of an `f32` but the sign. Of magnitudes the order of the bits is that of the numbers, NaN above all.
pub(super) const MAGNITUDE: u32 = 0x7fff_ffff;
const INFINITY: u32 = 0x7f80_0000;

/// Whether a magnitude is rounded to a finite `f16`: it is below 65520, halfway between the largest and what would be next.
#[inline(always)]
pub(super) fn is_f16(magnitude: u32) -> bool {
    magnitude < 0x477f_f000
}

/// The same of a `bf16`.
#[inline(always)]
fn is_bf16(magnitude: u32) -> bool {
    magnitude < 0x7f7f_8000
}

/// As many `f16` as numbers.
#[inline(always)]
pub(super) fn widen_f16(from: &[u16], to: &mut [f32]) {
    // The biases of the exponents differ by 112. As a factor the power is right for denormals, too.
    let power = f32::from_bits((127 + 112) << 23);
    for (to, &bits) in to.iter_mut().zip(from) {
        let bits = u32::from(bits);
        let (sign, magnitude) = ((bits & 0x8000) << 16, bits & 0x7fff);
        let number = f32::from_bits(magnitude << 13) * power;
        let special = if magnitude >= 0x7c00 { INFINITY } else { 0 };
        *to = f32::from_bits(number.to_bits() | special | sign);
    }
}

/// See [`Convert::narrow`].
#[inline(always)]
pub(super) fn narrow_f16(from: &[f32], factor: f32, to: &mut [u16]) -> bool {
    let mut largest = 0;
    for (to, &from) in to.iter_mut().zip(from) {
        let bits = (from * factor).to_bits();
        let magnitude = bits & MAGNITUDE;
        largest = largest.max(magnitude);
        // Half of the last place, less one where the place is even: a tie goes to the even one. A carry moves the exponent up.
        let odd = magnitude >> 13 & 1;
        let normal = magnitude.wrapping_sub(112 << 23).wrapping_add(0xfff + odd) >> 13;
        // Below 2⁻¹⁴ the addition of ½ rounds: an f32's last place is there 2⁻²⁴, the least of the f16.
        let denormal = (f32::from_bits(magnitude) + 0.5).to_bits().wrapping_sub(0.5_f32.to_bits());
        let finite = if magnitude < 113 << 23 { denormal } else { normal };
        let special = if magnitude > INFINITY { 0x7e00 } else { 0x7c00 };
        let all = if is_f16(magnitude) { finite } else { special };
        *to = (all | (bits & !MAGNITUDE) >> 16) as u16;
    }
    is_f16(largest)
}

/// As many `bf16` as numbers.
#[inline(always)]
fn widen_bf16(from: &[u16], to: &mut [f32]) {
    for (to, &bits) in to.iter_mut().zip(from) {
        *to = f32::from_bits(u32::from(bits) << 16);
    }
}

/// See [`Convert::narrow`].
#[inline(always)]
fn narrow_bf16(from: &[f32], factor: f32, to: &mut [u16]) -> bool {
    let mut largest = 0;
    for (to, &from) in to.iter_mut().zip(from) {
        let bits = (from * factor).to_bits();
        let magnitude = bits & MAGNITUDE;
        largest = largest.max(magnitude);
        let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16;
        // Rounding might carry a NaN over into the sign.
        *to = if magnitude > INFINITY { bits >> 16 | 0x40 } else { rounded } as u16;
    }
    is_bf16(largest)
}
