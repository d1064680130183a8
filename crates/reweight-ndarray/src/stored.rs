//! Numbers as a batch holds them: in the precision that is computed in, or in 16 bits that pass through a block in first-level
//! cache on their way in and out.

use std::ops::Range;

use crate::element::FloatLanes;
use crate::lanes::{Convert, Lanes, MOST_LANES};
use crate::registers::CACHE_LINE;

/// Numbers to be read.
#[derive(Clone, Copy)]
pub(crate) enum Stored<'a, A> {
    /// As they are computed with.
    Same(&'a [A]),
    /// Of 16 bits.
    Half(&'a [u16], Convert<A>),
}

/// Numbers to be written.
pub(crate) enum StoredMut<'a, A> {
    /// As they are computed with.
    Same(&'a mut [A]),
    /// Of 16 bits.
    Half(&'a mut [u16], Convert<A>),
}

impl<'a, A: FloatLanes> Stored<'a, A> {
    /// How many.
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Same(all) => all.len(),
            Self::Half(all, _) => all.len(),
        }
    }

    /// Whether they have to be widened.
    #[inline(always)]
    pub(crate) fn is_half(&self) -> bool {
        matches!(self, Self::Half(..))
    }

    /// The first `at`, and the others.
    #[inline(always)]
    pub(crate) fn split_at(self, at: usize) -> (Self, Self) {
        match self {
            Self::Same(all) => {
                let (first, second) = all.split_at(at);
                (Self::Same(first), Self::Same(second))
            }
            Self::Half(all, convert) => {
                let (first, second) = all.split_at(at);
                (Self::Half(first, convert), Self::Half(second, convert))
            }
        }
    }

    /// At least `count` numbers from `first` on: where they lie, or widened into `stage` from `at` on. What is behind them may be
    /// anything.
    #[inline(always)]
    pub(crate) fn read<'s>(&self, first: usize, count: usize, stage: &'s mut [A], at: usize) -> &'s [A]
    where
        'a: 's,
    {
        if let Self::Half(all, convert) = self {
            (convert.widen)(&all[first..first + count], &mut stage[at..at + count]);
        }
        self.again(first, stage, at)
    }

    /// The same where they have been widened before.
    #[inline(always)]
    pub(crate) fn again<'s>(&self, first: usize, stage: &'s [A], at: usize) -> &'s [A]
    where
        'a: 's,
    {
        match *self {
            Self::Same(all) => &all[first..],
            Self::Half(..) => &stage[at..],
        }
    }

    /// Asks for the memory of some of them.
    #[inline(always)]
    pub(crate) fn prefetch<L: Lanes>(&self, span: Range<usize>) {
        match self {
            Self::Same(all) => prefetch::<L, _>(&all[span]),
            Self::Half(all, _) => prefetch::<L, _>(&all[span]),
        }
    }
}

impl<A: FloatLanes> StoredMut<'_, A> {
    /// The first `at`, and the others.
    #[inline(always)]
    pub(crate) fn split_at(self, at: usize) -> (Self, Self) {
        match self {
            Self::Same(all) => {
                let (first, second) = all.split_at_mut(at);
                (Self::Same(first), Self::Same(second))
            }
            Self::Half(all, convert) => {
                let (first, second) = all.split_at_mut(at);
                (Self::Half(first, convert), Self::Half(second, convert))
            }
        }
    }

    /// Where the numbers from `first` on are to be written: in their place, or in `stage` from `at` on. What is behind them may
    /// be overwritten.
    #[inline(always)]
    pub(crate) fn open<'s>(&'s mut self, first: usize, stage: &'s mut [A], at: usize) -> &'s mut [A] {
        match self {
            Self::Same(all) => &mut all[first..],
            Self::Half(..) => &mut stage[at..],
        }
    }

    /// Narrows what was written to `stage` from `at` on, times `factor`, where it is not in its place already; whether all of it
    /// is finite there.
    #[inline(always)]
    pub(crate) fn close(&mut self, first: usize, count: usize, factor: A, stage: &[A], at: usize) -> bool {
        match self {
            Self::Same(_) => true,
            Self::Half(all, convert) => {
                (convert.narrow)(&stage[at..at + count], factor, &mut all[first..first + count])
            }
        }
    }

    /// Asks for the memory of some of them.
    #[inline(always)]
    pub(crate) fn prefetch<L: Lanes>(&self, span: Range<usize>) {
        match self {
            Self::Same(all) => prefetch::<L, _>(&all[span]),
            Self::Half(all, _) => prefetch::<L, _>(&all[span]),
        }
    }
}

/// Asks for the memory of some numbers.
#[inline(always)]
pub(crate) fn prefetch<L: Lanes, T>(next: &[T]) {
    for place in next.iter().step_by((CACHE_LINE / size_of::<T>()).max(1)) {
        L::prefetch(place);
    }
}

/// Up to so many logits of 16 bits are converted at once: what is made of them next finds them in first-level cache. More
/// are converted row by row.
pub(crate) const AT_ONCE: usize = 1 << 12;

/// The logits of a block's rows, which are widened row by row where they have to be: each is then in first-level cache.
pub(crate) struct Rows<'a, A> {
    pub(crate) stored: Stored<'a, A>,
    /// Where the block's first logit is.
    pub(crate) first: usize,
    pub(crate) stage: &'a mut [A],
}

impl<A: FloatLanes> Rows<'_, A> {
    /// `count` logits from the block's logit `at` on.
    #[inline(always)]
    pub(crate) fn read(&mut self, at: usize, count: usize) -> &[A] {
        &self.stored.read(self.first + at, count, self.stage, at)[..count]
    }

    /// Up to `count` logits from `at` on, for their memory to be asked for; none where they have to be widened first.
    #[inline(always)]
    pub(crate) fn ahead(&self, at: usize, count: usize) -> &[A] {
        match self.stored {
            Stored::Same(all) => {
                let rest = all.get(self.first + at..).unwrap_or_default();
                &rest[..count.min(rest.len())]
            }
            Stored::Half(..) => &[],
        }
    }

    /// The same where they have been read before.
    #[inline(always)]
    pub(crate) fn again(&self, at: usize, count: usize) -> &[A] {
        &self.stored.again(self.first + at, self.stage, at)[..count]
    }
}

/// Room for a block's numbers between 16 bits and the kernels, none where nothing has 16 bits; and for adjusted logits.
pub(crate) struct Stage<'a, A> {
    pub(crate) logits: &'a mut [A],
    pub(crate) sample_weight: &'a mut [A],
    pub(crate) grad: &'a mut [A],
    pub(crate) hessian: &'a mut [A],
    pub(crate) weights: &'a mut [A],
    pub(crate) losses: &'a mut [A],
    /// Those of a register of rows.
    pub(crate) adjusted: &'a mut [A],
}

impl<'a, A: FloatLanes> Stage<'a, A> {
    /// For so many rows of so many logits at a time, in memory that is kept.
    pub(crate) fn new(memory: &'a mut Vec<A>, half: bool, adjusted: bool, rows: usize, row: usize) -> Self {
        // Squares of registers may take in what is behind a block.
        let (rows, numbers) = if half { (rows, rows * row + MOST_LANES) } else { (0, 0) };
        let adjusted = if adjusted { MOST_LANES * row } else { 0 };
        let size = 3 * numbers + 3 * rows + adjusted;
        if memory.len() < size {
            memory.resize(size, A::ZERO);
        }
        let (logits, rest) = memory.split_at_mut(numbers);
        let (grad, rest) = rest.split_at_mut(numbers);
        let (hessian, rest) = rest.split_at_mut(numbers);
        let (sample_weight, rest) = rest.split_at_mut(rows);
        let (weights, rest) = rest.split_at_mut(rows);
        let (losses, rest) = rest.split_at_mut(rows);
        let adjusted = &mut rest[..adjusted];
        Self { logits, sample_weight, grad, hessian, weights, losses, adjusted }
    }
}
