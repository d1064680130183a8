//! A formula run over a block of samples: each operation one loop over some hundred numbers that lie in the first cache.
//!
//! Formulas come as [`Schedule`]s, so these loops are compiled once for each float and instruction set, whatever weighters there are.

mod operations;
mod regions;

use std::marker::PhantomData;

use pulp::NullaryFnOnce;
use reweight::{RegionAxis, Schedule, Table};

use crate::element::PickLanes;
use crate::lanes::{Lanes, Pair};
use operations::run;
pub(crate) use regions::grid_index;

/// Samples at a time: a whole number of the widest pair of registers.
pub(crate) const BLOCK: usize = 256;

/// A formula ready to run: its order, its tables, and what regions are read from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Formula<'a> {
    pub(crate) schedule: &'a Schedule,
    pub(crate) tables: &'a [Table],
    pub(crate) axis: RegionAxis,
}

/// The memory that a formula runs in: [`BLOCK`] numbers a slot.
pub(crate) struct Memory<A> {
    slots: Vec<A>,
    /// The schedule that its constants are of.
    id: u64,
    /// What a block of 16 bits passes through.
    stage: Vec<A>,
    /// What a backend keeps of a block beside the slots.
    work: Vec<A>,
}

impl<A: PickLanes> Memory<A> {
    /// This thread's memory, ready for `formula`; to be given back by [`keep`](Self::keep), so that a warm thread allocates
    /// nothing. A kernel gets it as an argument: what a closure does is compiled outside of the kernel's instruction set.
    pub(crate) fn take(formula: Formula<'_>) -> Self {
        let mut memory = A::take_block_memory();
        memory.prepare(formula);
        memory
    }

    /// The same as it is, for its stage alone.
    pub(crate) fn take_any() -> Self {
        A::take_block_memory()
    }

    /// Gives the memory back to the thread.
    pub(crate) fn keep(self) {
        A::keep_block_memory(self);
    }

    /// The memory of [`Stage`](crate::stored::Stage), to be given back by [`keep_stage`](Self::keep_stage).
    pub(crate) fn take_stage(&mut self) -> Vec<A> {
        std::mem::take(&mut self.stage)
    }

    /// Gives it back.
    pub(crate) fn keep_stage(&mut self, stage: Vec<A>) {
        self.stage = stage;
    }

    /// Memory for at least `size` numbers of any value, to be given back by [`keep_work`](Self::keep_work).
    pub(crate) fn take_work(&mut self, size: usize) -> Vec<A> {
        if self.work.len() < size {
            self.work.resize(size, A::ZERO);
        }
        std::mem::take(&mut self.work)
    }

    /// Gives it back.
    pub(crate) fn keep_work(&mut self, work: Vec<A>) {
        self.work = work;
    }

    fn prepare(&mut self, formula: Formula<'_>) {
        if self.id == formula.schedule.id() && self.id > 0 {
            return;
        }
        let size = formula.schedule.slots() * BLOCK;
        if self.slots.len() < size {
            self.slots.resize(size, A::ZERO);
        }
        self.id = formula.schedule.id();
        for &(slot, value) in formula.schedule.constants() {
            self.slot_mut(slot).fill(A::from_f64(value));
        }
    }

    /// A slot's numbers.
    #[inline(always)]
    pub(crate) fn slot(&self, slot: u16) -> &[A] {
        &self.slots[usize::from(slot) * BLOCK..][..BLOCK]
    }

    /// A slot's numbers, to be filled.
    #[inline(always)]
    pub(crate) fn slot_mut(&mut self, slot: u16) -> &mut [A] {
        &mut self.slots[usize::from(slot) * BLOCK..][..BLOCK]
    }

    /// The slots of margins, targets and exponentials, to be filled.
    #[inline(always)]
    pub(crate) fn inputs_mut(&mut self) -> [&mut [A]; 3] {
        let (margins, rest) = self.slots.split_at_mut(BLOCK);
        let (targets, rest) = rest.split_at_mut(BLOCK);
        let exps = usize::from(Schedule::EXP - Schedule::TARGET - 1) * BLOCK;
        [margins, targets, &mut rest[exps..][..BLOCK]]
    }

    /// The slot to write, and all others to read.
    #[inline(always)]
    fn apart(&mut self, to: u16) -> (&mut [A], Others<'_, A>) {
        let at = usize::from(to) * BLOCK;
        let (before, rest) = self.slots.split_at_mut(at);
        let (to, after) = rest.split_at_mut(BLOCK);
        (to, Others { before, after, at })
    }

    /// Runs the formula over the first `len` samples, and over what fills the last pair of registers up. A function of its own: it
    /// is compiled once for each float and instruction set, and not for every loop that calls it.
    #[inline(always)]
    pub(crate) fn run<L: Lanes<Scalar = A>>(&mut self, formula: Formula<'_>, len: usize) {
        let len = len.next_multiple_of(Pair::<L>::COUNT);
        L::enter(Run::<A, L> { memory: self, formula, len, lanes: PhantomData });
    }
}

impl<A> Memory<A> {
    /// None, as a thread has at first.
    pub(crate) const fn empty() -> Self {
        Self { slots: Vec::new(), id: 0, stage: Vec::new(), work: Vec::new() }
    }
}

struct Run<'a, A, L> {
    memory: &'a mut Memory<A>,
    formula: Formula<'a>,
    len: usize,
    lanes: PhantomData<L>,
}

impl<A: PickLanes, L: Lanes<Scalar = A>> NullaryFnOnce for Run<'_, A, L> {
    type Output = ();
    #[inline(always)]
    fn call(self) {
        run::<A, Pair<L>>(self.memory, self.formula, self.len);
    }
}

/// All slots but one.
#[derive(Clone, Copy)]
struct Others<'a, A> {
    before: &'a [A],
    after: &'a [A],
    /// Where the one begins.
    at: usize,
}

impl<'a, A> Others<'a, A> {
    /// A schedule reads no slot that it writes in the same instruction.
    #[inline(always)]
    fn slot(self, slot: u16) -> &'a [A] {
        let at = usize::from(slot) * BLOCK;
        if at < self.at { &self.before[at..][..BLOCK] } else { &self.after[at - self.at - BLOCK..][..BLOCK] }
    }
}

#[cfg(test)]
mod tests;
