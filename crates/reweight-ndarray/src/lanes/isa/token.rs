//! The one place with `unsafe`: an instruction set's token without asking the processor.
#![expect(unsafe_code, reason = "a number type's `splat(x)` has no argument that a token could come in by")]

use std::fmt::Debug;

/// An instruction set whose token can be had from its type alone.
///
/// # Invariant
///
/// `token` must run only where the processor has the instruction set. Nothing in the signature says so; what keeps it is that the crate
/// names these types in one function, `dispatch`, which needs an `Available`, and an `Available` is made only by asking the processor.
pub(crate) trait Token: Copy + Debug + Send + Sync + 'static {
    /// The token; a value without size.
    fn token() -> Self;
}

#[cfg(target_arch = "x86_64")]
impl Token for super::Avx512 {
    #[inline(always)]
    fn token() -> Self {
        // SAFETY: only code that `dispatch` entered for an `Available` AVX-512 names this type; see the trait's invariant.
        unsafe { Self::new_unchecked() }
    }
}

#[cfg(target_arch = "x86_64")]
impl Token for super::Avx2 {
    #[inline(always)]
    fn token() -> Self {
        // SAFETY: only code that `dispatch` entered for an `Available` AVX2 names this type; see the trait's invariant.
        unsafe { Self::new_unchecked() }
    }
}

#[cfg(target_arch = "aarch64")]
impl Token for super::Neon {
    #[inline(always)]
    fn token() -> Self {
        // SAFETY: only code that `dispatch` entered for an `Available` NEON names this type; see the trait's invariant.
        unsafe { Self::new_unchecked() }
    }
}

#[cfg(target_arch = "x86_64")]
impl Token for super::Sse2 {
    #[inline(always)]
    fn token() -> Self {
        // SAFETY: SSE, SSE2 and FXSR are part of every x86-64 processor.
        unsafe { Self::new_unchecked() }
    }
}

#[cfg(any(test, not(target_arch = "x86_64")))]
impl Token for super::Portable {
    #[inline(always)]
    fn token() -> Self {
        Self
    }
}
