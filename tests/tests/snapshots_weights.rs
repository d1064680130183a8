//! A table of weights: weighters against margins. Against drift, not as proof; numbers are rounded by their format.

use std::fmt::Write;

use reweight::{
    AlphaBalance, BatchStatistics, BoxedWeighter, CountScheme, Dual, Focal, Ghm, GhmConfig, GhmPreset, Sample,
    SampleWeighter,
};
use reweight_testkit::{custom::RootNorm, modified_chain};

const MARGINS: [f64; 9] = [-1e4, -8.0, -2.0, -0.5, 0.0, 0.5, 2.0, 8.0, 1e4];

/// What a weighter makes of positives and negatives at every margin: weight, and its slope in the margin.
fn rows(table: &mut String, name: &str, weighter: &impl SampleWeighter) {
    let _ = writeln!(table, "{name}");
    for (label, target) in [("positive", 1.0), ("negative", 0.0)] {
        for margin in MARGINS {
            let weight = weighter.weight(&Sample::binary(Dual::variable(margin), Dual::constant(target)));
            // Six digits: libraries' exponentials differ in the last of sixteen. No sign of zero.
            let (value, slope) = (weight.value + 0.0, weight.slope + 0.0);
            let _ = writeln!(table, "  {label} {margin:>8} {value:>14.5e} {slope:>14.5e}");
        }
    }
}

fn observed(preset: GhmPreset) -> Ghm {
    let mut ghm = Ghm::try_from(GhmConfig { preset, ..GhmConfig::new(5, 0.75) }).expect("valid");
    for counts in [[60, 20, 10, 6, 4], [70, 10, 0, 10, 10]] {
        let mut batch = BatchStatistics::zero(&ghm.statistics(), 2);
        batch.set_counts(&[&[100, 7][..], &counts].concat()).expect("as many as asked for");
        ghm.observe(&batch).expect("counted as asked");
    }
    ghm
}

#[test]
fn weights() {
    let mut table = String::from("weighter, label, margin, weight, slope\n");
    rows(&mut table, "none", &());
    rows(&mut table, "alpha 0.25", &AlphaBalance::binary(0.25).expect("valid"));
    let rare = AlphaBalance::from_counts(&[950, 50], CountScheme::InverseFrequency).expect("valid");
    rows(&mut table, "inverse frequency of 950, 50", &rare);
    let rare = AlphaBalance::effective_number(&[950, 50], 0.999).expect("valid");
    rows(&mut table, "effective number of 950, 50", &rare);
    for gamma in [0.5, 1.0, 2.0, 5.0] {
        rows(&mut table, &format!("focal {gamma}"), &Focal::new(gamma).expect("valid"));
    }
    rows(&mut table, "focal, positives 0, negatives 4", &Focal::by_target(0.0, 4.0).expect("valid"));
    for preset in [GhmPreset::Mmdet, GhmPreset::Paper, GhmPreset::Corrected] {
        rows(&mut table, &format!("ghm {preset:?}, two steps"), &observed(preset));
    }
    let product = (AlphaBalance::binary(0.25).expect("valid"), Focal::new(2.0).expect("valid"));
    rows(&mut table, "alpha 0.25, focal 2", &product);
    rows(&mut table, "root norm, boxed", &BoxedWeighter::new(RootNorm { factor: 1.0 }).expect("recordable"));
    rows(&mut table, "chain with modifiers", &modified_chain());
    insta::assert_snapshot!(table);
}
