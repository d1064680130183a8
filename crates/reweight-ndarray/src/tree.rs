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
    /// The region, with its bits in the other order: the first decision is the lowest.
    index: L::Counter,
    /// The latest decisions: the highest bits of the index, from the highest on.
    latest: [L::Mask; 3],
}

/// The index that a tree of so many levels finds for each region, and the other way round.
pub(crate) const fn mirrored(levels: usize) -> [u8; MOST] {
    let mut all = [0; MOST];
    let mut region = 0;
    while region < 1 << levels {
        all[region] = (region.reverse_bits() >> (usize::BITS as usize - levels)) as u8;
        region += 1;
    }
    all
}

/// Walks down a tree of `LEVELS` levels, as [`Regions`](reweight::Regions) keeps it.
#[inline(always)]
pub(crate) fn descend<L: Lanes, const LEVELS: usize>(key: L, tree: &[L::Scalar]) -> Found<L> {
    let root = key.le(L::splat_scalar(tree[1]));
    let mut found = Found { index: L::descend(L::counter_zero(), root, 0), latest: [root; 3] };
    for level in 1..LEVELS {
        let below = key.le(look_up(&tree[1 << level..], level, found));
        let [last, before, _] = found.latest;
        found = Found { index: L::descend(found.index, below, level), latest: [below, last, before] };
    }
    found
}

/// The entry of a table of 2^`bits` entries, for the first `bits` bits of what was found: at most eight registers of entries,
/// which all that look up have lanes enough for. A shorter table is followed by anything that fills a register.
#[inline(always)]
pub(crate) fn look_up<L: Lanes>(table: &[L::Scalar], bits: usize, found: Found<L>) -> L {
    let Found { index, latest: [first, second, third] } = found;
    let registers = (1 << bits) / L::TABLE;
    match registers {
        0 | 1 => one(table, 0, index),
        2 => two(table, 0, index, first),
        4 => four(table, 0, index, first, second),
        _ => L::select(first, four(table, 4, index, second, third), four(table, 0, index, second, third)),
    }
}

#[inline(always)]
fn one<L: Lanes>(table: &[L::Scalar], register: usize, index: L::Counter) -> L {
    L::lookup(loaded(table, register), index)
}

#[inline(always)]
fn two<L: Lanes>(table: &[L::Scalar], from: usize, index: L::Counter, second: L::Mask) -> L {
    L::lookup_2([loaded(table, from), loaded(table, from + 1)], second, index)
}

#[inline(always)]
fn loaded<L: Lanes>(table: &[L::Scalar], register: usize) -> L {
    L::load_table(&table[register * L::TABLE..][..L::TABLE])
}

#[inline(always)]
fn four<L: Lanes>(table: &[L::Scalar], from: usize, index: L::Counter, first: L::Mask, second: L::Mask) -> L {
    L::select(first, two(table, from + 2, index, second), two(table, from, index, second))
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
    let mut by_index = [0; MOST];
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
                        let place = L::nibble_place(found.index);
                        for (group, nibbles) in nibbles.iter_mut().enumerate().take(groups) {
                            *nibbles = L::nibble_add(*nibbles, place, group * L::NIBBLES);
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
            L::add_bytes(even, &mut by_index[at..at + L::NIBBLES], 2);
            L::add_bytes(odd, &mut by_index[at + 1..at + L::NIBBLES], 2);
        }
    }
    let indices = const { mirrored(LEVELS) };
    for (total, index) in totals.iter_mut().zip(indices).take(1 << LEVELS) {
        *total += by_index[usize::from(index)];
    }
}

#[cfg(test)]
mod tests;
