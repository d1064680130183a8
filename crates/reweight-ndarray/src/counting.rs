//! Counting the unit regions: comparisons of keys with thresholds, without a probability.

use reweight::{Grid, RegionAxis, Regions};

use crate::block::grid_index;
use crate::element::PickLanes;
use crate::lanes::{Lanes, MOST_LANES};
use crate::registers::{each_register, load};
use crate::tree;

/// More thresholds than these are searched key by key.
const MOST_COMPARED: usize = 64;

/// Adds the regions of `keys`, read along `axis`, to `counts`; a key of +∞ is in none.
#[inline(always)]
pub(crate) fn count_regions<A: PickLanes, L: Lanes<Scalar = A>>(
    keys: &[A],
    regions: &Regions,
    axis: RegionAxis,
    counts: &mut [u64],
) {
    match regions.grid(axis) {
        Some(grid) => count_grid::<A, L>(keys, grid, counts),
        None => {
            let (thresholds, tree) = (A::thresholds(regions, axis), A::search_tree(regions, axis));
            if !L::LOOKS_UP || thresholds.len() <= tree::FEW || tree.is_empty() {
                count_thresholds::<L>(keys, thresholds, counts);
            } else if counts.len() <= 32 {
                count_by_tree::<L, 5>(keys, thresholds, tree, counts);
            } else {
                count_by_tree::<L, 6>(keys, thresholds, tree, counts);
            }
        }
    }
}

#[inline(always)]
fn count_by_tree<L: Lanes, const LEVELS: usize>(
    keys: &[L::Scalar],
    thresholds: &[L::Scalar],
    tree: &[L::Scalar],
    counts: &mut [u64],
) where
    L::Scalar: PartialOrd,
{
    let mut totals = [0; tree::MOST];
    let (whole, ragged) = keys.split_at(keys.len() / L::COUNT * L::COUNT);
    tree::count::<L, LEVELS>(whole, tree, &mut totals);
    for key in ragged {
        totals[thresholds.partition_point(|threshold| key <= threshold)] += 1;
    }
    // A key of +∞ is above all thresholds, as those of the first region are.
    totals[0] -= keys.len() as u64 - finite(keys);
    for (count, total) in counts.iter_mut().zip(totals) {
        *count += total;
    }
}

/// How many keys lie in a region.
#[inline(always)]
fn finite<S: Copy + Into<f64>>(keys: &[S]) -> u64 {
    keys.iter().filter(|&&key| key.into() < f64::INFINITY).count() as u64
}

/// By arithmetic: thousands of regions cost what one does.
#[inline(always)]
fn count_grid<A: PickLanes, L: Lanes<Scalar = A>>(keys: &[A], grid: Grid, counts: &mut [u64]) {
    each_register::<L>(
        keys.len(),
        #[inline(always)]
        |range, whole| {
            let mut lanes = [A::ZERO; MOST_LANES];
            grid_index(load::<L>(&keys[range.clone()], whole), grid, counts.len()).store(&mut lanes[..L::COUNT]);
            for (&index, &key) in lanes.iter().zip(&keys[range]) {
                let (index, key): (f64, f64) = (index.into(), key.into());
                if key < f64::INFINITY {
                    counts[index as usize] += 1;
                }
            }
        },
    );
}

/// M regions by M − 1 descending thresholds.
#[inline(always)]
fn count_thresholds<L: Lanes>(keys: &[L::Scalar], thresholds: &[L::Scalar], counts: &mut [u64])
where
    L::Scalar: PartialOrd,
{
    if thresholds.len() > MOST_COMPARED {
        for &key in keys.iter().filter(|&&key| key.into() < f64::INFINITY) {
            counts[thresholds.partition_point(|&threshold| key <= threshold)] += 1;
        }
        return;
    }
    // How many keys reach at least region i; region i then holds the difference of two neighbours.
    let mut reached = [0_u64; MOST_COMPARED + 2];
    let mut at = 1;
    let mut rest = thresholds;
    // As many counters as stay in registers together; the remainder in halves.
    while let Some((group, more)) = rest.split_first_chunk::<8>() {
        count_group::<L, 8>(keys, group, &mut reached[at..]);
        (rest, at) = (more, at + 8);
    }
    if let Some((group, more)) = rest.split_first_chunk::<4>() {
        count_group::<L, 4>(keys, group, &mut reached[at..]);
        (rest, at) = (more, at + 4);
    }
    if let Some((group, more)) = rest.split_first_chunk::<2>() {
        count_group::<L, 2>(keys, group, &mut reached[at..]);
        (rest, at) = (more, at + 2);
    }
    if let [threshold] = rest {
        count_group::<L, 1>(keys, &[*threshold], &mut reached[at..]);
    }
    reached[0] = finite(keys);
    for (count, pair) in counts.iter_mut().zip(reached.windows(2)) {
        *count += pair[0] - pair[1];
    }
}

#[inline(always)]
fn count_group<L: Lanes, const N: usize>(keys: &[L::Scalar], thresholds: &[L::Scalar; N], reached: &mut [u64]) {
    let mut counters = [L::counter_zero(); N];
    let mut bounds = [L::splat(0.0); N];
    for (bound, &threshold) in bounds.iter_mut().zip(thresholds) {
        *bound = L::splat_scalar(threshold);
    }
    each_register::<L>(
        keys.len(),
        #[inline(always)]
        |range, whole| {
            if whole {
                let keys = load::<L>(&keys[range], true);
                for (counter, bound) in counters.iter_mut().zip(bounds) {
                    *counter = L::count_add(*counter, keys.le(bound));
                }
            }
        },
    );
    // The ragged end, whose missing lanes would count as 0: key by key.
    let ragged = &keys[keys.len() / L::COUNT * L::COUNT..];
    for ((total, counter), threshold) in reached.iter_mut().zip(counters).zip(thresholds) {
        let threshold: f64 = (*threshold).into();
        *total = L::counter_sum(counter) + ragged.iter().filter(|&&key| key.into() <= threshold).count() as u64;
    }
}
