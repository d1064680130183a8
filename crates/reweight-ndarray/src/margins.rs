//! Some margins at a time, and all that follows from them, function by function.
//!
//! A loss is one long chain of dependent operations: over a hundred cycles, while a processor looks ahead over less than
//! one such chain. So the chain is cut into pieces, each run over a block of samples before the next: the pieces of
//! neighbouring samples overlap, and what lies between them stays in the first cache.

use crate::element::FloatLanes;
use crate::lanes::{Lanes, Logistic};

/// Samples at a time: a whole number of the widest pair of registers.
pub(crate) const BLOCK: usize = 256;

/// A block of margins, and p, q and their logarithms of each.
pub(crate) struct Margins<A> {
    margin: [A; BLOCK],
    log_p: [A; BLOCK],
    log_q: [A; BLOCK],
    p: [A; BLOCK],
    q: [A; BLOCK],
}

impl<A: FloatLanes> Margins<A> {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        let zeros = [A::ZERO; BLOCK];
        Self { margin: zeros, log_p: zeros, log_q: zeros, p: zeros, q: zeros }
    }

    /// Puts in a register of margins; those from `at` on.
    #[inline(always)]
    pub(crate) fn put<L: Lanes<Scalar = A>>(&mut self, at: usize, margins: L) {
        margins.store(&mut self.margin[at..at + L::COUNT]);
        let (r, n) = margins.reduce_minus_abs();
        r.store(&mut self.p[at..at + L::COUNT]);
        n.store(&mut self.q[at..at + L::COUNT]);
    }

    /// Works out the first `len`, all of which have been put in, to the end of the last register.
    #[inline(always)]
    pub(crate) fn work_out<L: Lanes<Scalar = A>>(&mut self, len: usize) {
        let mut at = 0;
        while at < len {
            let lanes = at..at + L::COUNT;
            let (r, n) = (L::load(&self.p[lanes.clone()]), L::load(&self.q[lanes.clone()]));
            L::exp_reduced(r, n).store(&mut self.q[lanes]);
            at += L::COUNT;
        }
        at = 0;
        while at < len {
            let lanes = at..at + L::COUNT;
            L::load(&self.q[lanes.clone()]).ln_1p().store(&mut self.log_p[lanes]);
            at += L::COUNT;
        }
        at = 0;
        while at < len {
            let lanes = at..at + L::COUNT;
            let (e, ln_1p) = (L::load(&self.q[lanes.clone()]), L::load(&self.log_p[lanes.clone()]));
            let Logistic { log_p, log_q, p, q } = L::load(&self.margin[lanes.clone()]).logistic_with(e, ln_1p);
            log_p.store(&mut self.log_p[lanes.clone()]);
            log_q.store(&mut self.log_q[lanes.clone()]);
            p.store(&mut self.p[lanes.clone()]);
            q.store(&mut self.q[lanes]);
            at += L::COUNT;
        }
    }

    /// A register of margins and what was worked out for them.
    #[inline(always)]
    pub(crate) fn get<L: Lanes<Scalar = A>>(&self, at: usize) -> (L, Logistic<L>) {
        let lanes = at..at + L::COUNT;
        let logistic = Logistic {
            log_p: L::load(&self.log_p[lanes.clone()]),
            log_q: L::load(&self.log_q[lanes.clone()]),
            p: L::load(&self.p[lanes.clone()]),
            q: L::load(&self.q[lanes.clone()]),
        };
        (L::load(&self.margin[lanes]), logistic)
    }
}
