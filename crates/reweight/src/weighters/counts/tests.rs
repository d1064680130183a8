//! Class weights from counts, against numbers worked out by hand.

use super::CountScheme;
use crate::weighters::AlphaBalance;

const COUNTS: [u64; 3] = [60, 30, 10];

fn close(own: &[f64], expected: &[f64]) {
    assert_eq!(own.len(), expected.len());
    for (own, expected) in own.iter().zip(expected) {
        assert!((own - expected).abs() <= 4e-16 * expected, "{own} instead of {expected}");
    }
}

#[test]
fn inverse_frequency_gives_every_class_the_same_sum() {
    let weights = CountScheme::InverseFrequency.class_weights(&COUNTS, 0.0).expect("valid");
    // N/(C·n_c) with N = 100, C = 3.
    close(&weights, &[100.0 / 180.0, 100.0 / 90.0, 100.0 / 30.0]);
    let sums: Vec<f64> = weights.iter().zip(COUNTS).map(|(w, n)| w * n as f64).collect();
    close(&sums, &[100.0 / 3.0; 3]);
}

#[test]
fn inverse_root_is_its_square_root() {
    let weights = CountScheme::InverseSqrt.class_weights(&[400, 100], 0.0).expect("valid");
    close(&weights, &[(500.0_f64 / 800.0).sqrt(), (500.0_f64 / 200.0).sqrt()]);
}

#[test]
fn the_effective_number_sums_to_the_number_of_classes() {
    // (1 − β)/(1 − β^n) for β = ½: n = 1 gives 1, n = 2 gives ⅔; scaled by 2/(5/3).
    let weights = CountScheme::EffectiveNumber.class_weights(&[1, 2], 0.5).expect("valid");
    close(&weights, &[1.2, 0.8]);
    // β = 0 weighs all classes alike; β → 1 is the inverse frequency.
    close(&CountScheme::EffectiveNumber.class_weights(&COUNTS, 0.0).expect("valid"), &[1.0; 3]);
    let nearly = CountScheme::EffectiveNumber.class_weights(&COUNTS, 1.0 - 1e-12).expect("valid");
    for (own, expected) in nearly.iter().zip([3.0 / 9.0, 6.0 / 9.0, 18.0 / 9.0]) {
        assert!((own - expected).abs() < 1e-9, "{own} instead of {expected}");
    }
    let large = CountScheme::EffectiveNumber.class_weights(&[u64::MAX, 1], 0.999_999).expect("valid");
    assert!(large.iter().all(|w| w.is_finite() && *w > 0.0), "{large:?}");
}

#[test]
fn a_class_without_samples_is_named() {
    for scheme in [CountScheme::InverseFrequency, CountScheme::InverseSqrt, CountScheme::EffectiveNumber] {
        let error = scheme.class_weights(&[5, 0, 3], 0.9).expect_err("refused");
        assert_eq!((error.name.as_str(), error.value), ("counts[1]", 0.0));
        let error = scheme.class_weights(&[5], 0.9).expect_err("refused");
        assert_eq!((error.name.as_str(), error.value), ("counts", 1.0));
    }
    for beta in [1.0, -0.1, f64::NAN] {
        let error = CountScheme::EffectiveNumber.class_weights(&COUNTS, beta).expect_err("refused");
        assert_eq!(error.name, "beta");
    }
}

#[test]
fn alpha_balance_takes_them_in() {
    let own = AlphaBalance::from_counts(&COUNTS, CountScheme::InverseFrequency).expect("valid");
    close(own.class_weights().expect("a table"), &[100.0 / 180.0, 100.0 / 90.0, 100.0 / 30.0]);
    let (own, other) = (
        AlphaBalance::from_counts(&COUNTS, CountScheme::EffectiveNumber).expect("valid"),
        AlphaBalance::effective_number(&COUNTS, 0.999).expect("valid"),
    );
    assert_eq!(own.class_weights(), other.class_weights(), "β is 0.999 where it is left out");
}
