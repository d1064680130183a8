//! The tree against the plain search, on every instruction set that this processor has.

use reweight::{RegionAxis, Regions};

use crate::counting::count_regions;
use crate::dispatch::{Available, InstructionSet, Kernel, dispatch};
use crate::element::PickLanes;
use crate::lanes::{Lanes, MOST_LANES, Pair};
use crate::tree;

/// Numbers that lie in every region, on every edge, beside it, and in none.
fn keys<A: PickLanes>(thresholds: &[A], narrow: fn(f64) -> A) -> Vec<A> {
    let spread = (0..3000).map(|i| narrow(f64::from(i) * 0.006 - 9.0));
    let beside = thresholds.iter().flat_map(|&edge| {
        let edge: f64 = edge.into();
        [edge, edge * (1.0 + 1e-7), edge * (1.0 - 1e-7)].map(narrow)
    });
    let ends = [0.0, -0.0, f64::INFINITY, 1e30, -1e30].map(narrow);
    spread.chain(beside).chain(ends).collect()
}

struct Both<'a>(&'a Regions, RegionAxis);

impl Kernel for Both<'_> {
    type Output = ();
    #[inline(always)]
    fn run<F32: Lanes<Scalar = f32>, F64: Lanes<Scalar = f64>>(self) {
        check::<f32, F32>(self.0, self.1, |x| x as f32);
        check::<f64, F64>(self.0, self.1, |x| x);
        check::<f32, Pair<F32>>(self.0, self.1, |x| x as f32);
        check::<f64, Pair<F64>>(self.0, self.1, |x| x);
    }
}

fn check<A: PickLanes + PartialOrd, L: Lanes<Scalar = A>>(regions: &Regions, axis: RegionAxis, narrow: fn(f64) -> A) {
    let (thresholds, tree) = (A::thresholds(regions, axis), A::search_tree(regions, axis));
    let keys = keys(thresholds, narrow);
    let region = |key: &A| thresholds.partition_point(|edge| key <= edge);
    let mut expected = vec![0; regions.bins() as usize];
    for key in keys.iter().filter(|&&key| key.into() < f64::INFINITY) {
        expected[region(key)] += 1;
    }
    let mut counts = vec![0; regions.bins() as usize];
    count_regions::<A, L>(&keys, regions, axis, &mut counts);
    assert_eq!(counts, expected, "{} regions", regions.bins());

    // What was found leads to the entry of the region.
    if L::LOOKS_UP && regions.bins() > 16 && !tree.is_empty() {
        let regions_of = tree::mirrored(if regions.bins() <= 32 { 5 } else { 6 });
        let numbers: Vec<A> =
            regions_of.into_iter().chain([0; MOST_LANES]).map(|region| narrow(region.into())).collect();
        for keys in keys.chunks_exact(L::COUNT) {
            let mut found = vec![A::ZERO; L::COUNT];
            if regions.bins() <= 32 {
                tree::look_up(&numbers, 5, tree::descend::<L, 5>(L::load(keys), tree)).store(&mut found);
            } else {
                tree::look_up(&numbers, 6, tree::descend::<L, 6>(L::load(keys), tree)).store(&mut found);
            }
            for (key, found) in keys.iter().zip(found) {
                assert_eq!(found.into(), region(key) as f64, "{key:?} of {} regions", regions.bins());
            }
        }
    }
}

#[test]
fn the_tree_finds_what_a_search_finds() {
    for bins in [1, 2, 10, 16, 17, 18, 30, 31, 32, 33, 50, 63, 64, 65, 100] {
        let regions = Regions::new(bins).unwrap();
        for axis in [RegionAxis::Margin, RegionAxis::NegatedNorm] {
            for set in InstructionSet::available() {
                dispatch(Available::require(set).unwrap(), Both(&regions, axis));
            }
        }
    }
}
