//! F16C: numbers of 16 bits by instructions that pulp has no token for.
#![expect(unsafe_code, reason = "a function compiled for F16C is entered from one that is not")]

use std::arch::x86_64::{
    _MM_FROUND_TO_NEAREST_INT, _mm256_and_si256, _mm256_cvtph_ps, _mm256_cvtps_ph, _mm256_max_epu32, _mm256_mul_ps,
    _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_si256,
};

use pulp::{cast, u32x8};

use super::{Avx2, half};

/// See [`Isa::widen_f16`](super::Isa::widen_f16).
#[inline(always)]
pub(super) fn widen(_: Avx2, from: &[u16], to: &mut [f32]) {
    // SAFETY: an AVX2 token is had only where `dispatch` found AVX2, which by `InstructionSet::is_available` has F16C.
    unsafe { widen_8(from, to) }
}

/// See [`Isa::narrow_f16`](super::Isa::narrow_f16).
#[inline(always)]
pub(super) fn narrow(_: Avx2, from: &[f32], factor: f32, to: &mut [u16]) -> bool {
    // SAFETY: as in `widen`.
    unsafe { narrow_8(from, factor, to) }
}

#[target_feature(enable = "avx2,f16c")]
fn widen_8(from: &[u16], to: &mut [f32]) {
    let (whole, rest) = from.as_chunks::<8>();
    for (to, &from) in to.as_chunks_mut::<8>().0.iter_mut().zip(whole) {
        *to = cast(_mm256_cvtph_ps(cast(from)));
    }
    if rest.is_empty() {
        return;
    }
    // The last register ends with the numbers, and converts some of them again.
    match (from.last_chunk::<8>(), to.last_chunk_mut::<8>()) {
        (Some(&from), Some(to)) => *to = cast(_mm256_cvtph_ps(cast(from))),
        _ => half::widen_f16(from, to),
    }
}

#[target_feature(enable = "avx2,f16c")]
fn narrow_8(from: &[f32], factor: f32, to: &mut [u16]) -> bool {
    let (whole, rest) = from.as_chunks::<8>();
    let (factors, magnitude) = (_mm256_set1_ps(factor), _mm256_set1_epi32(half::MAGNITUDE as i32));
    let mut largest = _mm256_setzero_si256();
    for (to, &from) in to.as_chunks_mut::<8>().0.iter_mut().zip(whole) {
        let value = _mm256_mul_ps(cast(from), factors);
        largest = _mm256_max_epu32(largest, _mm256_and_si256(cast(value), magnitude));
        *to = cast(_mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(value));
    }
    if !rest.is_empty() {
        match (from.last_chunk::<8>(), to.last_chunk_mut::<8>()) {
            (Some(&from), Some(to)) => {
                let value = _mm256_mul_ps(cast(from), factors);
                largest = _mm256_max_epu32(largest, _mm256_and_si256(cast(value), magnitude));
                *to = cast(_mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(value));
            }
            _ => return half::narrow_f16(from, factor, to),
        }
    }
    let u32x8(a, b, c, d, e, f, g, h) = cast(largest);
    [a, b, c, d, e, f, g, h].into_iter().all(half::is_f16)
}
