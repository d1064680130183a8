//! GHM's presets and flags against numbers worked out by hand, and its state.

use super::{Decay, Ghm, GhmConfig, GhmPreset, GhmUnit, Normaliser};
use crate::error::StateError;
use crate::state::State;
use crate::statistics::BatchStatistics;
use crate::weighter::SampleWeighter;

/// Three steps over two regions, the last of another size; the second leaves region 1 empty.
const STEPS: [[u64; 2]; 3] = [[3, 1], [4, 0], [1, 1]];

fn counts(weighter: &Ghm, regions: &[u64]) -> BatchStatistics {
    let mut batch = BatchStatistics::zero(&weighter.statistics(), 2);
    let totals = [regions.iter().sum(), 0];
    batch.set_counts(&[&totals[..], regions].concat()).expect("as many as asked for");
    batch
}

/// Observes the steps and compares the weights after each with `expected`.
fn follow(config: &GhmConfig, expected: [[f64; 2]; 3]) {
    let mut weighter = Ghm::try_from(config.clone()).expect("valid");
    assert_eq!(weighter.region_weights(), [1.0, 1.0], "before the first step");
    for (step, (regions, expected)) in STEPS.iter().zip(expected).enumerate() {
        weighter.observe(&counts(&weighter, regions)).expect("counted as asked");
        for (own, expected) in weighter.region_weights().iter().zip(expected) {
            // A handful of roundings.
            assert!((own - expected).abs() < 1e-14 * expected, "{config:?}, step {step}: {own} instead of {expected}");
        }
    }
    assert_eq!(weighter.steps(), 3);
}

fn half(preset: GhmPreset) -> GhmConfig {
    GhmConfig { preset, ..GhmConfig::new(2, 0.5) }
}

#[test]
fn mmdet_lets_empty_regions_stand() {
    // S: (1.5, 0.5), then (2.75, 0.5) with n = 1, then (1.875, 0.75) with n = 2 and N = 2.
    follow(&half(GhmPreset::Mmdet), [[4.0 / 3.0, 4.0], [16.0 / 11.0, 8.0], [8.0 / 15.0, 4.0 / 3.0]]);
}

#[test]
fn the_paper_divides_by_all_regions_and_lets_all_decay() {
    // S: (1.5, 0.5), (2.75, 0.25), (1.875, 0.625), n = 2 throughout.
    follow(&half(GhmPreset::Paper), [[4.0 / 3.0, 4.0], [8.0 / 11.0, 8.0], [8.0 / 15.0, 1.6]]);
}

#[test]
fn corrected_averages_fractions_without_bias() {
    // S: (0.375, 0.125)/(1 − ½), (0.6875, 0.0625)/(1 − ¼) with n = 1, (0.59375, 0.28125)/(1 − ⅛).
    follow(&half(GhmPreset::Corrected), [[2.0 / 3.0, 2.0], [12.0 / 11.0, 12.0], [14.0 / 19.0, 14.0 / 9.0]]);
}

#[test]
fn every_flag_overrides_its_preset() {
    let mmdet = || half(GhmPreset::Mmdet);
    let decay = GhmConfig { decay: Some(Decay::All), ..mmdet() };
    follow(&decay, [[4.0 / 3.0, 4.0], [16.0 / 11.0, 16.0], [8.0 / 15.0, 1.6]]);
    let normaliser = GhmConfig { normaliser: Some(Normaliser::All), ..mmdet() };
    follow(&normaliser, [[4.0 / 3.0, 4.0], [8.0 / 11.0, 4.0], [8.0 / 15.0, 4.0 / 3.0]]);
    // S: (0.375, 0.125), (0.6875, 0.125), (0.59375, 0.3125).
    let unit = GhmConfig { unit: Some(GhmUnit::Fractions), ..mmdet() };
    follow(&unit, [[4.0 / 3.0, 4.0], [16.0 / 11.0, 8.0], [16.0 / 19.0, 1.6]]);
    // Region 1 was averaged once after two steps: 0.5/(1 − ½), and (1.875, 0.75)/(⅞, ¾) after three.
    let corrected = GhmConfig { bias_correction: Some(true), ..mmdet() };
    follow(&corrected, [[2.0 / 3.0, 2.0], [12.0 / 11.0, 4.0], [7.0 / 15.0, 1.0]]);
}

#[test]
fn a_cap_comes_before_the_mean() {
    let capped = GhmConfig { cap: Some(1.5), ..GhmConfig::new(2, 0.0) };
    let mean = GhmConfig { mean_one: true, ..capped.clone() };
    let observe = |config: GhmConfig| {
        let mut weighter = Ghm::try_from(config).expect("valid");
        weighter.observe(&counts(&weighter, &[3, 1])).expect("counted as asked");
        weighter.region_weights().to_vec()
    };
    assert_eq!(observe(capped), [2.0 / 3.0, 1.5]);
    // The capped mean is (3·⅔ + 1.5)/4 = ⅞.
    let mean = observe(mean);
    assert!((mean[0] - 16.0 / 21.0).abs() < 1e-15 && (mean[1] - 12.0 / 7.0).abs() < 1e-15, "{mean:?}");
}

#[test]
fn a_batch_in_which_nothing_counts_is_no_step() {
    let mut weighter = Ghm::new(3, 0.5).expect("valid");
    weighter.observe(&counts(&weighter, &[0, 5, 0])).expect("counted as asked");
    let before = weighter.clone();
    weighter.observe(&counts(&weighter, &[0, 0, 0])).expect("counted as asked");
    assert_eq!(weighter, before);
}

#[test]
fn a_region_never_seen_weighs_one() {
    for preset in [GhmPreset::Mmdet, GhmPreset::Paper, GhmPreset::Corrected] {
        let mut weighter = Ghm::try_from(GhmConfig { preset, ..GhmConfig::new(3, 0.9) }).expect("valid");
        weighter.observe(&counts(&weighter, &[0, 5, 0])).expect("counted as asked");
        assert_eq!((weighter.region_weights()[0], weighter.region_weights()[2]), (1.0, 1.0), "{preset:?}");
    }
}

#[test]
fn a_region_long_unseen_stays_finite() {
    for preset in [GhmPreset::Paper, GhmPreset::Corrected] {
        let mut weighter = Ghm::try_from(GhmConfig { preset, ..GhmConfig::new(2, 0.25) }).expect("valid");
        for step in 0..2_000 {
            weighter.observe(&counts(&weighter, if step == 0 { &[1, 1] } else { &[2, 0] })).expect("as asked");
            assert!(weighter.region_weights().iter().all(|w| w.is_finite()), "{preset:?}, step {step}");
        }
    }
}

#[test]
fn counts_without_the_histogram_are_refused() {
    let mut weighter = Ghm::new(4, 0.5).expect("valid");
    let other = Ghm::new(5, 0.5).expect("valid");
    let before = weighter.clone();
    assert!(weighter.observe(&counts(&other, &[1; 5])).is_err());
    assert_eq!(weighter, before);
}

#[test]
fn the_state_goes_through_json_to_the_bit() {
    // Thirds and powers of 0.7 have no short decimal form.
    let mut weighter = Ghm::try_from(GhmConfig { momentum: 0.7, ..half(GhmPreset::Corrected) }).expect("valid");
    let fresh = weighter.clone();
    let whole = serde_json::to_value(&fresh).expect("serialises");
    assert!(whole.get("state").is_none_or(serde_json::Value::is_null), "nothing was observed: {whole}");
    for regions in [[1, 2], [7, 3], [5, 1]] {
        weighter.observe(&counts(&weighter, &regions)).expect("counted as asked");
        let text = serde_json::to_string(&weighter.state()).expect("serialises");
        let mut restored = fresh.clone();
        restored.restore(&serde_json::from_str(&text).expect("comes back")).expect("its own state");
        assert_eq!(restored, weighter);
        let bits = |weighter: &Ghm| weighter.region_weights().iter().map(|w| w.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&restored), bits(&weighter));
        // Settings and state in one, as a checkpoint of the weighter itself holds them.
        let whole = serde_json::to_string(&weighter).expect("serialises");
        assert_eq!(serde_json::from_str::<Ghm>(&whole).expect("comes back"), weighter);
        let newer = whole.replacen("\"version\":1", "\"version\":2", 1);
        let refused = serde_json::from_str::<Ghm>(&newer).map_err(|error| error.to_string());
        assert!(refused.is_err_and(|text| text.contains("format version 2, but this version reads 1")), "{newer}");
    }
}

fn record(weighter: &Ghm) -> crate::state::StateRecord {
    match weighter.state() {
        State::Record(record) => record,
        other => panic!("not a record: {other:?}"),
    }
}

#[test]
fn foreign_and_damaged_states_are_refused() {
    let mut weighter = Ghm::new(2, 0.5).expect("valid");
    weighter.observe(&counts(&weighter, &[3, 1])).expect("counted as asked");
    let before = weighter.clone();
    let own = record(&weighter);
    let mut refuse = |state: State| {
        let error = weighter.restore(&state).expect_err("refused");
        assert_eq!(weighter, before, "untouched");
        error
    };
    let kind = StateError::Kind { expected: "ghm".into(), found: "a weighter without state".into() };
    assert_eq!(refuse(State::Stateless), kind);
    let mut other = own.clone();
    other.kind = "other".into();
    assert_eq!(refuse(State::Record(other)), StateError::Kind { expected: "ghm".into(), found: "other".into() });
    let mut newer = own.clone();
    newer.version = 2;
    assert_eq!(refuse(State::Record(newer)), StateError::Version { kind: "ghm".into(), expected: 1, found: 2 });
    let bins = record(&Ghm::new(3, 0.5).expect("valid"));
    let expected =
        StateError::Settings { kind: "ghm".into(), name: "bins".into(), expected: "2".into(), found: "3".into() };
    assert_eq!(refuse(State::Record(bins)), expected, "other bins are an error, never a silent reset");
    for (place, value) in [
        ("/weights/0", serde_json::json!(-1.0)),
        ("/weights/1", serde_json::Value::Null),
        ("/density/averages/0", serde_json::json!(-0.5)),
        ("/density/averages", serde_json::json!([1.0])),
        ("/density/averages/0", serde_json::json!(1e300)),
        ("/density/updates", serde_json::json!([1, 2, 3])),
        ("/density/updates/0", serde_json::json!(1000)),
        ("/density/steps", serde_json::json!("one")),
    ] {
        let mut damaged = own.clone();
        *damaged.data.pointer_mut(place).expect("a place in the record") = value;
        let error = refuse(State::Record(damaged));
        assert!(matches!(error, StateError::Damaged { .. }), "{place}: {error}");
    }
}

/// Averages that no batches give are refused; what some give is not, however odd.
#[test]
fn a_state_holds_what_can_have_been_observed() {
    let restored = |config: GhmConfig, averages: [f64; 2]| {
        let mut weighter = Ghm::try_from(config).expect("valid");
        weighter.observe(&counts(&weighter, &[3, 1])).expect("counted as asked");
        let mut state = record(&weighter);
        *state.data.pointer_mut("/density/averages").expect("in the record") = serde_json::json!(averages);
        weighter.restore(&State::Record(state)).map_err(|error| error.to_string())
    };
    let of = |unit, decay| GhmConfig { unit: Some(unit), decay: Some(decay), ..GhmConfig::new(2, 0.5) };
    for decay in [Decay::All, Decay::NonEmpty] {
        assert_eq!(restored(of(GhmUnit::Counts, decay), [1e18, 7.0]), Ok(()));
        assert_eq!(restored(of(GhmUnit::Fractions, decay), [0.25, 0.75]), Ok(()));
        let message = restored(of(GhmUnit::Counts, decay), [1e20, 7.0]).expect_err("more than a count holds");
        assert!(message.contains("a count of samples is 1e20, but at most 1.8446744"), "{message}");
        let message = restored(of(GhmUnit::Fractions, decay), [0.0, 1.5]).expect_err("no fraction");
        assert!(message.contains("a fraction of samples is 1.5, but at most 1 is possible"), "{message}");
    }
    // A region that keeps what it had when it was last seen may have been all of a batch, as others were of theirs.
    assert_eq!(restored(of(GhmUnit::Fractions, Decay::NonEmpty), [0.9, 0.8]), Ok(()));
    // What roundings may add, and no more.
    assert_eq!(restored(of(GhmUnit::Fractions, Decay::All), [0.0, 1.0 + 1e-9]), Ok(()));
    restored(of(GhmUnit::Fractions, Decay::All), [0.0, 1.0 + 2e-9]).expect_err("beyond all roundings");
    let message = restored(of(GhmUnit::Fractions, Decay::All), [0.9, 0.8]).expect_err("more than all");
    assert!(message.contains("the regions' fractions sum to 1.7"), "{message}");
}

#[test]
fn parameters_outside_their_domain_are_refused() {
    let refused = |config: GhmConfig| Ghm::try_from(config).expect_err("refused").name;
    assert_eq!(refused(GhmConfig::new(0, 0.5)), "bins");
    for momentum in [-0.1, 1.0, f64::NAN] {
        assert_eq!(refused(GhmConfig::new(10, momentum)), "momentum");
    }
    for cap in [0.0, -1.0, f64::INFINITY, f64::NAN] {
        assert_eq!(refused(GhmConfig { cap: Some(cap), ..GhmConfig::new(10, 0.5) }), "cap");
    }
}
