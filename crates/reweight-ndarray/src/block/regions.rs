//! The regions of a block's keys, and their weights.

use reweight::{Grid, RegionAxis, RegionTable};

use crate::element::{FloatLanes, PickLanes};
use crate::lanes::Lanes;
use crate::registers::each_whole;
use crate::tree;

/// More thresholds than these are searched key by key: each costs a comparison and a selection for all lanes.
const MOST_SELECTED: usize = 64;

/// The weight of each key's region.
#[inline(always)]
pub(super) fn region_weights<A: PickLanes, L: Lanes<Scalar = A>>(
    to: &mut [A],
    keys: &[A],
    table: &RegionTable,
    axis: RegionAxis,
) {
    let weights = A::region_weights(table);
    if let Some(grid) = table.regions().grid(axis) {
        indices_of::<A, L>(to, keys, grid, weights.len());
        for to in to {
            let index: f64 = (*to).into();
            *to = weights.get(index as usize).copied().unwrap_or(A::from_f64(f64::NAN));
        }
        return;
    }
    let thresholds = A::thresholds(table.regions(), axis);
    if thresholds.len() > MOST_SELECTED {
        for (to, &key) in to.iter_mut().zip(keys) {
            *to = weights[thresholds.partition_point(|&threshold| key <= threshold)];
        }
        return;
    }
    let tree = A::search_tree(table.regions(), axis);
    if L::LOOKS_UP && thresholds.len() > tree::FEW && !tree.is_empty() {
        if weights.len() <= 32 {
            weights_by_tree::<A, L, 5>(to, keys, tree, weights);
        } else {
            weights_by_tree::<A, L, 6>(to, keys, tree, weights);
        }
        return;
    }
    let keys = &keys[..to.len()];
    let next = &weights[1..][..thresholds.len()];
    each_whole::<L>(
        keys.len(),
        #[inline(always)]
        |at| {
            let key = L::load(&keys[at.clone()]);
            // Thresholds descend, so the last that the key does not exceed decides.
            let mut weight = L::splat_scalar(weights[0]);
            for (&threshold, &next) in thresholds.iter().zip(next) {
                weight = L::select(key.le(L::splat_scalar(threshold)), L::splat_scalar(next), weight);
            }
            weight.store(&mut to[at]);
        },
    );
}

#[inline(always)]
fn weights_by_tree<A: PickLanes, L: Lanes<Scalar = A>, const LEVELS: usize>(
    to: &mut [A],
    keys: &[A],
    tree: &[A],
    weights: &[A],
) {
    let mut table = [A::ZERO; tree::MOST];
    let indices = const { tree::mirrored(LEVELS) };
    for (&weight, index) in weights.iter().zip(indices) {
        table[usize::from(index) % tree::MOST] = weight;
    }
    let keys = &keys[..to.len()];
    each_whole::<L>(
        keys.len(),
        #[inline(always)]
        |at| {
            let found = tree::descend::<L, LEVELS>(L::load(&keys[at.clone()]), tree);
            tree::look_up(&table, LEVELS, found).store(&mut to[at]);
        },
    );
}

/// The regions of a grid as numbers: origin − ⌈key·factor⌉, held within 0 and `count` − 1. Exact: the factor is a power of two.
#[inline(always)]
pub(crate) fn indices_of<A: PickLanes, L: Lanes<Scalar = A>>(to: &mut [A], keys: &[A], grid: Grid, count: usize) {
    let keys = &keys[..to.len()];
    each_whole::<L>(
        keys.len(),
        #[inline(always)]
        |at| grid_index(L::load(&keys[at.clone()]), grid, count).store(&mut to[at]),
    );
}

/// The same of one register.
#[inline(always)]
pub(crate) fn grid_index<L: Lanes>(key: L, grid: Grid, count: usize) -> L
where
    L::Scalar: PickLanes,
{
    let (origin, last) = (L::splat(grid.origin), L::splat((count - 1) as f64));
    // Held within a little more than the regions before it is rounded, where rounding works.
    let bound = L::splat(2.0 * count as f64);
    let scaled = (key * L::splat(grid.factor)).max(-bound).min(bound);
    // Adding and subtracting it rounds to a whole number; one too low is put right.
    let shift = L::splat_scalar(L::Scalar::ROUNDING);
    let rounded = (scaled + shift) - shift;
    let ceiling = L::select(scaled.le(rounded), rounded, rounded + L::splat(1.0));
    (origin - ceiling).max(L::splat(0.0)).min(last)
}
