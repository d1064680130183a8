//! The region of a key by a search tree that lies in registers: one look-up and one comparison a level, so that thirty regions
//! cost hardly more than ten.

use crate::lanes::Lanes;
use crate::registers::each_register;

/// Up to so many thresholds a comparison with each is faster.
pub(crate) const FEW: usize = 16;

/// The most regions that a tree is made for.
pub(crate) const MOST: usize = 64;

/// Where the keys of a register lie.
#[derive(Clone, Copy)]
pub(crate) struct Found<L: Lanes> {
    /// The region.
    index: L::Counter,
    /// The first decisions: the highest bits of the region, from the highest on.
    upper: [L::Mask; 3],
}

/// Walks down a tree of `LEVELS` levels, as [`Regions`](reweight::Regions) keeps it.
#[inline(always)]
pub(crate) fn descend<L: Lanes, const LEVELS: usize>(key: L, tree: &[L::Scalar]) -> Found<L> {
    let root = key.le(L::splat_scalar(tree[1]));
    let mut index = L::descend(L::counter_zero(), root);
    let mut upper = [root; 3];
    for level in 1..LEVELS {
        let below = key.le(look_up(&tree[1 << level..], level, Found { index, upper }));
        if level < upper.len() {
            upper[level] = below;
        }
        index = L::descend(index, below);
    }
    Found { index, upper }
}

/// The entry of a table of 2^`bits` entries, for the first `bits` bits of what was found: at most eight registers of entries,
/// which all that look up have lanes enough for. A shorter table is followed by anything that fills a register.
#[inline(always)]
pub(crate) fn look_up<L: Lanes>(table: &[L::Scalar], bits: usize, found: Found<L>) -> L {
    let Found { index, upper: [first, second, third] } = found;
    let registers = (1 << bits) / L::TABLE;
    match registers {
        0 | 1 => one(table, 0, index),
        2 => L::select(first, one(table, 1, index), one(table, 0, index)),
        4 => four(table, 0, index, first, second),
        _ => L::select(first, four(table, 4, index, second, third), four(table, 0, index, second, third)),
    }
}

#[inline(always)]
fn one<L: Lanes>(table: &[L::Scalar], register: usize, index: L::Counter) -> L {
    L::lookup(L::load_table(&table[register * L::TABLE..][..L::TABLE]), index)
}

#[inline(always)]
fn four<L: Lanes>(table: &[L::Scalar], from: usize, index: L::Counter, first: L::Mask, second: L::Mask) -> L {
    let lower = L::select(second, one(table, from + 1, index), one(table, from, index));
    let higher = L::select(second, one(table, from + 3, index), one(table, from + 2, index));
    L::select(first, higher, lower)
}

/// Adds how many of the whole registers of `keys` lie in each region to `totals`.
///
/// Each lane counts in four bits a region, which is one shift and one addition for eight regions or more; they are emptied
/// into bytes before they can overflow, and these into the totals.
#[inline(always)]
pub(crate) fn count<L: Lanes, const LEVELS: usize>(keys: &[L::Scalar], tree: &[L::Scalar], totals: &mut [u64; MOST]) {
    /// What four bits hold, and what bytes hold of that.
    const ROUND: usize = 15;
    const ROUNDS: usize = 17;
    let groups = (1 << LEVELS) / L::NIBBLES;
    for keys in keys.chunks(ROUNDS * ROUND * L::COUNT) {
        let mut bytes = [[L::counter_zero(); 2]; MOST / 8];
        for keys in keys.chunks(ROUND * L::COUNT) {
            let mut nibbles = [L::counter_zero(); MOST / 8];
            each_register::<L>(
                keys.len(),
                #[inline(always)]
                |range, whole| {
                    if whole {
                        let found = descend::<L, LEVELS>(L::load(&keys[range]), tree);
                        for (group, nibbles) in nibbles.iter_mut().enumerate().take(groups) {
                            *nibbles = L::nibble_add(*nibbles, found.index, group * L::NIBBLES);
                        }
                    }
                },
            );
            for (bytes, nibbles) in bytes.iter_mut().zip(nibbles).take(groups) {
                *bytes = L::nibbles_to_bytes(*bytes, nibbles);
            }
        }
        for (group, [even, odd]) in bytes.into_iter().enumerate().take(groups) {
            let at = group * L::NIBBLES;
            L::add_bytes(even, &mut totals[at..at + L::NIBBLES], 2);
            L::add_bytes(odd, &mut totals[at + 1..at + L::NIBBLES], 2);
        }
    }
}

#[cfg(test)]
mod tests;
