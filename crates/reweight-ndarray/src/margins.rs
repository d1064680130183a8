//! Some margins at a time, and all that follows from them, function by function.
//!
//! A loss is one long chain of dependent operations: over a hundred cycles, while a processor looks ahead over less than
//! one such chain. So the chain is cut into pieces, each run over a block of samples before the next: the pieces of
//! neighbouring samples overlap, and what lies between them stays in the first cache.

use crate::element::FloatLanes;
use crate::lanes::{Lanes, Logistic, Tail};

/// Samples at a time: a whole number of the widest pair of registers.
pub(crate) const BLOCK: usize = 256;

/// A block of margins s, and what ±s have in common.
pub(crate) struct Margins<A> {
    margin: [A; BLOCK],
    ln_1p: [A; BLOCK],
    greater: [A; BLOCK],
    less: [A; BLOCK],
}

impl<A: FloatLanes> Margins<A> {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        let zeros = [A::ZERO; BLOCK];
        Self { margin: zeros, ln_1p: zeros, greater: zeros, less: zeros }
    }

    /// Puts in a register of margins; those from `at` on.
    #[inline(always)]
    pub(crate) fn put<L: Lanes<Scalar = A>>(&mut self, at: usize, margins: L) {
        margins.store(&mut self.margin[at..at + L::COUNT]);
        margins.exp_minus_abs().store(&mut self.less[at..at + L::COUNT]);
    }

    /// Puts in a register of what is no margin and has nothing worked out.
    #[inline(always)]
    pub(crate) fn keep<L: Lanes<Scalar = A>>(&mut self, at: usize, values: L) {
        values.store(&mut self.margin[at..at + L::COUNT]);
    }

    /// A register as it was put in.
    #[inline(always)]
    pub(crate) fn kept<L: Lanes<Scalar = A>>(&self, at: usize) -> L {
        L::load(&self.margin[at..at + L::COUNT])
    }

    /// Works out the first `len`, all of which have been put in, to the end of the last register.
    #[inline(always)]
    pub(crate) fn work_out<L: Lanes<Scalar = A>>(&mut self, len: usize) {
        let mut at = 0;
        while at < len {
            let lanes = at..at + L::COUNT;
            let Tail { ln_1p, greater, less } = L::load(&self.less[lanes.clone()]).tail();
            ln_1p.store(&mut self.ln_1p[lanes.clone()]);
            greater.store(&mut self.greater[lanes.clone()]);
            less.store(&mut self.less[lanes]);
            at += L::COUNT;
        }
    }

    /// A register of margins and what follows from them; what of it nobody reads costs nothing.
    #[inline(always)]
    pub(crate) fn get<L: Lanes<Scalar = A>>(&self, at: usize) -> (L, Logistic<L>) {
        let lanes = at..at + L::COUNT;
        let tail = Tail {
            ln_1p: L::load(&self.ln_1p[lanes.clone()]),
            greater: L::load(&self.greater[lanes.clone()]),
            less: L::load(&self.less[lanes]),
        };
        let margin = self.kept::<L>(at);
        (margin, margin.logistic_with(tail))
    }
}
