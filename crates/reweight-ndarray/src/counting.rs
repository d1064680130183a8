//! Counting the unit regions: comparisons of keys with thresholds, without a probability.

use reweight::{Grid, RegionAxis, Regions};

use crate::block::grid_index;
use crate::element::PickLanes;
use crate::lanes::{Lanes, MOST_LANES};
use crate::registers::{each_register, load};

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
        None => count_thresholds::<L>(keys, A::thresholds(regions, axis), counts),
    }
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
    reached[0] = keys.iter().filter(|&&key| key.into() < f64::INFINITY).count() as u64;
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
