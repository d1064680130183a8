//! Unit regions: their edges, and that the precision of a key does not change its region.

use super::{Histogram, RegionAxis, RegionTable, Regions, Spacing};
use crate::real::Real;

fn region(key: f64, regions: &Regions, axis: RegionAxis) -> usize {
    regions.thresholds_f64(axis).iter().filter(|&&edge| key <= edge).count()
}

#[test]
fn a_norm_inside_a_region_is_found_in_it() {
    for bins in [1, 2, 3, 7, 10, 30, 100] {
        let regions = Regions::new(bins).expect("valid");
        for i in 0..bins as usize {
            let g = (i as f64 + 0.5) / f64::from(bins);
            // g = σ(−s).
            let margin = ((1.0 - g) / g).ln();
            assert_eq!(region(margin, &regions, RegionAxis::Margin), i, "{bins} regions, g = {g}");
            assert_eq!(region(-g, &regions, RegionAxis::NegatedNorm), i, "{bins} regions, g = {g}");
        }
    }
}

#[test]
fn regions_are_closed_below_and_the_last_one_above() {
    let regions = Regions::new(4).expect("valid");
    let at = |key, axis| region(key, &regions, axis);
    // g = ½ exactly lies in the region that begins there.
    assert_eq!(at(0.0, RegionAxis::Margin), 2);
    assert_eq!(at(1e-300, RegionAxis::Margin), 1);
    assert_eq!(at(-0.25, RegionAxis::NegatedNorm), 1);
    assert_eq!(at(-1.0, RegionAxis::NegatedNorm), 3, "the last region holds g = 1");
    assert_eq!(at(-0.0, RegionAxis::NegatedNorm), 0);
    assert_eq!(at(-1e4, RegionAxis::Margin), 3);
    assert_eq!(at(1e4, RegionAxis::Margin), 0);
}

#[test]
fn an_f32_key_lies_in_the_region_of_the_same_f64_number() {
    for bins in (1..200).chain([1000, 4096, Regions::MOST]) {
        let regions = Regions::new(bins).expect("valid");
        for axis in [RegionAxis::Margin, RegionAxis::NegatedNorm] {
            let (wide, narrow) = (regions.thresholds_f64(axis), regions.thresholds_f32(axis));
            assert_eq!(wide.len() as u32, bins - 1);
            for (&wide, &narrow) in wide.iter().zip(narrow) {
                // The keys next to the threshold on both sides, where the rounding would show.
                for key in [narrow.next_down(), narrow, narrow.next_up(), wide as f32] {
                    assert_eq!(key <= narrow, f64::from(key) <= wide, "{bins} regions, {axis:?}, key {key:e}");
                }
            }
            assert!(narrow.is_sorted_by(|a, b| a >= b), "{bins} regions, {axis:?}: not descending");
        }
    }
}

#[test]
fn both_precisions_read_the_same_weight() {
    let mut table = RegionTable::neutral(Regions::new(10).expect("valid"));
    table.fill(|i| 1.0 + i as f64 / 8.0);
    for i in -400..400 {
        let key = i as f32 / 40.0;
        let (narrow, wide) =
            (key.region(&table, RegionAxis::Margin), f64::from(key).region(&table, RegionAxis::Margin));
        assert_eq!(f64::from(narrow), wide, "key {key}");
    }
}

#[test]
fn a_weight_too_large_for_f32_is_its_largest() {
    let mut table = RegionTable::neutral(Regions::new(1).expect("valid"));
    table.fill(|_| 1e300);
    assert_eq!((table.weights()[0], table.weights_f32()[0]), (1e300, f32::MAX));
}

#[test]
fn impossible_numbers_of_regions_are_refused() {
    for bins in [0, Regions::MOST + 1] {
        let error = Regions::new(bins).expect_err("refused");
        assert_eq!((error.name.as_str(), error.value), ("bins", f64::from(bins)));
    }
}

#[test]
fn a_histogram_comes_back_from_json() {
    let mut histogram = Histogram::new(Regions::new(3).expect("valid"));
    histogram.counts_mut().copy_from_slice(&[5, 0, u64::MAX]);
    let text = serde_json::to_string(&histogram).expect("serialises");
    assert_eq!(serde_json::from_str::<Histogram>(&text).expect("comes back"), histogram);
    assert!(serde_json::from_str::<Histogram>(r#"{"counts": []}"#).is_err(), "no region at all");
    let three = serde_json::from_str::<Histogram>(r#"{"counts": [1, 2, 3], "spacing": "margin"}"#);
    assert!(three.is_err_and(|error| error.to_string().contains("4096 counts of margins")));
}

#[test]
fn a_region_of_margins_is_found_by_its_edges_and_by_arithmetic() {
    let regions = Regions::margins();
    assert_eq!((regions.bins(), regions.spacing()), (4096, Spacing::Margin));
    // From 64 − 1/32 down to −64 + 1/32, and from 0 − 1/4096 to −1 + 1/4096 where the label is soft.
    let edges = |axis| (regions.thresholds_f64(axis)[0], regions.thresholds_f64(axis)[4094]);
    assert_eq!(edges(RegionAxis::Margin), (63.96875, -63.96875));
    assert_eq!(edges(RegionAxis::NegatedNorm), (-1.0 / 4096.0, -4095.0 / 4096.0));
    for (axis, span) in [(RegionAxis::Margin, 70.0), (RegionAxis::NegatedNorm, 1.0)] {
        let grid = regions.grid(axis).expect("spaced in margins");
        for key in (-999..=999).map(|step| f64::from(step) / 999.0 * span) {
            let by_arithmetic = (grid.origin - (key * grid.factor).ceil()).clamp(0.0, 4095.0);
            assert_eq!(region(key, &regions, axis), by_arithmetic as usize, "{key} along {axis:?}");
            assert_eq!(regions.region_of(key, axis), by_arithmetic as usize, "{key} along {axis:?}");
        }
    }
    let equal = Regions::new(4096).expect("valid");
    assert!(equal.grid(RegionAxis::Margin).is_none() && !equal.same(&regions), "as many, spaced otherwise");
}

/// The region that a tree's decisions end in: the first is the lowest bit of where they are, and the region's highest.
fn descend<F: Copy + PartialOrd>(tree: &[F], key: F, levels: u32) -> usize {
    let decide = |index: usize, level: u32| index | usize::from(key <= tree[(1 << level) + index]) << level;
    let index = (0..levels).fold(0, decide);
    (0..levels).fold(0, |region, bit| 2 * region + (index >> bit & 1))
}

#[test]
fn a_search_tree_leads_where_a_search_does() {
    for bins in [1_u32, 2, 10, 30, 64] {
        let regions = Regions::new(bins).unwrap();
        let levels = bins.next_power_of_two().ilog2();
        for axis in [RegionAxis::Margin, RegionAxis::NegatedNorm] {
            for key in (-200..200).map(|step| step as f32 * 0.03) {
                let region = regions.region_of(f64::from(key), axis);
                let wide = descend(regions.search_tree_f64(axis), f64::from(key), levels);
                assert_eq!(
                    (wide, descend(regions.search_tree_f32(axis), key, levels)),
                    (region, region),
                    "{key} of {bins}"
                );
            }
        }
    }
    let many = Regions::new(65).unwrap();
    assert!(many.search_tree_f64(RegionAxis::Margin).is_empty() && many.search_tree_f32(RegionAxis::Margin).is_empty());
}
