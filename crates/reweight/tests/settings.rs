//! The settings of all parts: what they are where they are left out, and what is refused.
#![allow(clippy::unwrap_used, reason = "a test's helpers may fail as the test itself may")]

use reweight::{
    Adjustment, AlphaBalance, BatchForm, Focal, GeneralizedCrossEntropy, Ghm, HardExamples, Ldam, LdamConfig,
    LogitAdjustment, LogitAdjustmentConfig, LossConfig, Poly1, PosWeight, PosWeightConfig, ProbabilityShift,
    QualityFocal, Reduction, SampleWeighter, SelfPaced, SelfPacedConfig, SelfPacedForm, Statistics, Varifocal,
    VarifocalConfig, VectorScaling, VectorScalingConfig,
};

#[test]
fn settings_left_out_are_their_papers() {
    fn read<C: serde::de::DeserializeOwned>(json: &str) -> C {
        serde_json::from_str(json).unwrap()
    }
    assert_eq!(
        read::<LdamConfig>(r#"{"counts": [9, 1]}"#),
        LdamConfig { counts: vec![9, 1], max_margin: 0.5, scale: 30.0 }
    );
    assert_eq!(
        read::<LogitAdjustmentConfig>(r#"{"counts": [9, 1]}"#),
        LogitAdjustmentConfig { counts: (&[9, 1][..]).into(), tau: 1.0, axis: -1 }
    );
    assert_eq!(
        read::<VectorScalingConfig>("{}"),
        VectorScalingConfig { scale: 1.0.into(), offset: 0.0.into(), axis: -1 }
    );
    assert_eq!(read::<VarifocalConfig>("{}"), VarifocalConfig { alpha: 0.75, gamma: 2.0 });
    assert_eq!(
        read::<SelfPacedConfig>(r#"{"threshold": 2.0}"#),
        SelfPacedConfig { threshold: 2.0, form: SelfPacedForm::Hard }
    );
    assert_eq!(read::<PosWeightConfig>(r#"{"values": 3.0}"#), PosWeightConfig { values: 3.0.into(), axis: -1 });
}

/// A prior's logarithm: that all of them moved together changes no softmax, but the numbers that one reads.
#[test]
fn logits_are_adjusted_by_logarithms_of_priors() {
    let adjustment = LogitAdjustment::from_counts(&[900, 60, 40], 0.5).unwrap();
    let affine = adjustment.affine(&BatchForm::softmax(&[1, 3], 3)).unwrap();
    for (offset, prior) in affine.offset.iter().zip([0.9_f64, 0.06, 0.04]) {
        assert!((offset - 0.5 * prior.ln()).abs() < 1e-15, "{offset} for {prior}");
    }
    assert_eq!((affine.offset.len(), affine.scale.len(), affine.margin.len()), (3, 0, 0));
}

#[test]
fn numbers_that_are_none_are_refused_by_name() {
    for bad in [f64::NAN, f64::INFINITY] {
        let all = [
            (Ldam::new(&[5, 5], bad, 1.0).map(|_| ()), "max_margin"),
            (Ldam::new(&[5, 5], 0.5, bad).map(|_| ()), "scale"),
            (LogitAdjustment::from_counts(&[5, 5], bad).map(|_| ()), "tau"),
            (VectorScaling::new(bad, 0.0).map(|_| ()), "scale"),
            (VectorScaling::new(1.0, [0.0, bad]).map(|_| ()), "offset[1]"),
            (ProbabilityShift::new(bad).map(|_| ()), "margin"),
            (Poly1::new(bad).map(|_| ()), "epsilon"),
            (GeneralizedCrossEntropy::new(bad).map(|_| ()), "exponent"),
            (HardExamples::new(bad).map(|_| ()), "keep"),
            (QualityFocal::new(bad).map(|_| ()), "beta"),
            (PosWeight::new([2.0, bad]).map(|_| ()), "values[1]"),
            (SelfPaced::hard(bad).map(|_| ()), "threshold"),
            (Varifocal::new(bad, 2.0).map(|_| ()), "alpha"),
            (Varifocal::new(0.75, bad).map(|_| ()), "gamma"),
            (Focal::new(bad).map(|_| ()), "gamma"),
            (AlphaBalance::binary(bad).map(|_| ()), "alpha"),
            (AlphaBalance::per_class(&[1.0, bad]).map(|_| ()), "class_weights[1]"),
        ];
        for (result, name) in all {
            let message = result.unwrap_err().to_string();
            assert!(
                message.starts_with(&format!("`{name}` is {}", if bad.is_nan() { "NaN" } else { "inf" })),
                "{message}"
            );
        }
    }
}

fn refused(config: &str) -> String {
    LossConfig::from_toml(config).unwrap().build().map(|_| ()).unwrap_err().to_string()
}

#[test]
fn settings_outside_their_domain_are_refused_by_name() {
    let adjustment = |settings: &str| refused(&format!("objective = \"bce\"\n[[adjustment]]\n{settings}"));
    let weighter = |settings: &str| refused(&format!("objective = \"bce\"\n[[weighter]]\n{settings}"));
    let base = |settings: &str| refused(&format!("objective = \"bce\"\nbase = {{ {settings} }}"));
    let all = [
        (adjustment("kind = \"logit-adjustment\"\ncounts = [5, 0]"), "`counts[1]` is 0"),
        (adjustment("kind = \"logit-adjustment\"\ncounts = [[5, 1], [0, 2]]"), "`counts[1][0]` is 0"),
        (adjustment("kind = \"ldam\"\ncounts = [5]"), "`counts` is 1"),
        (adjustment("kind = \"ldam\"\ncounts = [5, 5]\nscale = 0"), "`scale` is 0"),
        (adjustment("kind = \"vector-scaling\"\nscale = [1.0, -1.0]"), "`scale[1]` is -1"),
        (adjustment("kind = \"probability-shift\"\nmargin = 1.0"), "`margin` is 1"),
        (adjustment("kind = \"shift\""), "adjustment 1: unknown kind `shift`"),
        (base("kind = \"poly-1\", epsilon = -1.5"), "`epsilon` is -1.5"),
        (base("kind = \"generalized-cross-entropy\", exponent = 0"), "`exponent` is 0"),
        (base("kind = \"poly\""), "unknown kind `poly`"),
        (weighter("kind = \"hard-examples\"\nkeep = 0"), "`keep` is 0"),
        (weighter("kind = \"quality-focal\"\nbeta = 0.5"), "`beta` is 0.5"),
        (weighter("kind = \"pos-weight\"\nvalues = []"), "`number of values` is 0"),
        (weighter("kind = \"self-paced\"\nthreshold = 0"), "`threshold` is 0"),
        (adjustment("kind = \"ldam\"\ncounts = [5, 5]\nmax_margin = -1"), "`max_margin` is -1"),
        (adjustment("kind = \"probability-shift\"\nmargin = -0.1"), "`margin` is -0.1"),
        (base("kind = \"generalized-cross-entropy\", exponent = 1.5"), "`exponent` is 1.5"),
        (weighter("kind = \"hard-examples\"\nkeep = 1.5"), "`keep` is 1.5"),
        (weighter("kind = \"varifocal\"\ngamma = -1"), "`gamma` is -1"),
    ];
    for (message, expected) in all {
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn only_a_mean_by_weights_waits_for_them() {
    let waits = |reduction: Reduction| reduction.needs_weight_sum();
    assert!(waits(Reduction::WeightedMean));
    for known in [Reduction::Mean, Reduction::Sum, Reduction::None, Reduction::Positives, Reduction::Divisor(2.0)] {
        assert!(!waits(known), "{known:?}");
    }
}

#[test]
fn what_is_asked_for_can_be_read() {
    let asked = Ghm::new(4, 0.0).unwrap().statistics();
    assert_eq!(asked.histograms().len(), 1);
    assert!(!asked.wants_class_counts() && !asked.is_empty());
    assert!(Statistics::none().histograms().is_empty() && Statistics::none().is_empty());
}
