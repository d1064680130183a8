//! Published rules by their formulas, typed in plainly in `f64`: what docs/porting.md says of them, at logits where the plain formula is
//! right.

#![allow(clippy::unwrap_used, reason = "a helper of tests fails as the tests do")]

use reweight::reference::{BceBatch, BceTargets, SoftmaxBatch};
use reweight::{BceLoss, ConfiguredLoss, Focal, HardExamples, LossConfig, Sample, SampleWeighter};

const LOGITS: [f64; 6] = [-2.5, -0.4, 0.0, 0.7, 1.9, -3.5];

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// −t·log p − (1 − t)·log(1 − p).
fn cross_entropy(x: f64, t: f64) -> f64 {
    -t * sigmoid(x).ln() - (1.0 - t) * sigmoid(-x).ln()
}

/// Each element's loss and gradient under a config, whose reduction is the sum.
fn binary(parts: &str, targets: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let config = LossConfig::from_toml(&format!("objective = \"bce\"\nreduction = \"sum\"\n{parts}")).unwrap();
    let ConfiguredLoss::Bce(mut loss) = config.build().unwrap() else { panic!("a binary loss") };
    let outcome = BceBatch::new(&LOGITS, BceTargets::Soft(targets)).value_and_grad(&mut loss).unwrap();
    (outcome.losses, outcome.grad)
}

/// Holds a config to a formula, and its gradient to the formula's central difference.
#[track_caller]
fn equal(parts: &str, targets: [f64; 6], formula: impl Fn(f64, f64) -> f64) {
    let (losses, slopes) = binary(parts, &targets);
    for (at, (&x, &t)) in LOGITS.iter().zip(&targets).enumerate() {
        let expected = formula(x, t);
        assert!(
            (losses[at] - expected).abs() <= 1e-12 * expected.abs().max(1.0),
            "{} instead of {expected}",
            losses[at]
        );
        let step = 1e-5;
        let slope = (formula(x + step, t) - formula(x - step, t)) / (2.0 * step);
        assert!((slopes[at] - slope).abs() < 1e-8, "the slope at {x} is {} instead of {slope}", slopes[at]);
    }
}

const HARD: [f64; 6] = [0.0, 1.0, 0.0, 1.0, 0.0, 0.0];
const SOFT: [f64; 6] = [0.0, 0.3, 0.9, 0.0, 1.0, 0.5];

#[test]
fn pos_weight_is_torchs_for_soft_targets_too() {
    let softplus = |x: f64| x.exp().ln_1p();
    for targets in [HARD, SOFT] {
        equal("weighter = [{ kind = \"pos-weight\", values = 3.0 }]", targets, |x, t| {
            3.0 * t * softplus(-x) + (1.0 - t) * softplus(x)
        });
    }
}

#[test]
fn the_asymmetric_loss_with_its_gradient_and_without() {
    let of = |detached| {
        format!(
            "adjustment = [{{ kind = \"probability-shift\", margin = 0.05 }}]\n\
             weighter = [{{ kind = \"focal\", gamma_pos = 1.0, gamma_neg = 4.0, detached = {detached} }}]"
        )
    };
    let shifted = |x: f64| (sigmoid(-x) + 0.05).min(1.0);
    let weight = |x: f64, t: f64| if t == 1.0 { 1.0 - sigmoid(x) } else { (1.0 - shifted(x)).powi(4) };
    let plain = |x: f64, t: f64| if t == 1.0 { -sigmoid(x).ln() } else { -shifted(x).ln() };
    equal(&of(false), HARD, |x, t| weight(x, t) * plain(x, t));
    // −3.5 is below the margin: no loss there.
    let (losses, slopes) = binary(&of(true), &HARD);
    assert_eq!((losses[5], slopes[5]), (0.0, 0.0));
    for at in 0..5 {
        let (x, t, step) = (LOGITS[at], HARD[at], 1e-5);
        let slope = weight(x, t) * (plain(x + step, t) - plain(x - step, t)) / (2.0 * step);
        assert!((slopes[at] - slope).abs() < 1e-8, "{} instead of {slope}", slopes[at]);
    }
}

#[test]
fn poly_1_under_focal_is_the_papers() {
    equal(
        "base = { kind = \"poly-1\", epsilon = 1.0 }\nweighter = [{ kind = \"focal\", gamma = 2.0 }]",
        HARD,
        |x, t| {
            let p_t = if t == 1.0 { sigmoid(x) } else { sigmoid(-x) };
            (1.0 - p_t).powi(2) * -p_t.ln() + (1.0 - p_t).powi(3)
        },
    );
}

#[test]
fn quality_and_varifocal_are_mmdetections() {
    equal("weighter = [{ kind = \"quality-focal\", beta = 2.0 }]", SOFT, |x, t| {
        (sigmoid(x) - t).abs().powi(2) * cross_entropy(x, t)
    });
    equal("weighter = [{ kind = \"varifocal\", alpha = 0.75, gamma = 2.0 }]", SOFT, |x, t| {
        let weight = if t > 0.0 { t } else { 0.75 * sigmoid(x).powi(2) };
        weight * cross_entropy(x, t)
    });
}

/// The mean loss of rows of three classes, as `F.cross_entropy` computes it on changed logits.
fn rows(parts: &str, labels: [i64; 2], change: impl Fn(&[f64], usize) -> Vec<f64>) {
    let config = LossConfig::from_toml(&format!("objective = \"softmax-ce\"\n{parts}")).unwrap();
    let ConfiguredLoss::Softmax(loss) = config.build().unwrap() else { panic!("a softmax loss") };
    let found = SoftmaxBatch::new(&LOGITS, 3, &labels).value(&loss).unwrap().summary.loss.unwrap();
    let each = LOGITS.chunks(3).zip(labels).map(|(row, label)| {
        let row = change(row, label as usize);
        row.iter().map(|logit| logit.exp()).sum::<f64>().ln() - row[label as usize]
    });
    let expected = each.sum::<f64>() / 2.0;
    assert!((found - expected).abs() < 1e-12, "{found} instead of {expected}");
}

#[test]
fn alpha_weighs_positives_and_what_is_left_of_one_the_others() {
    let alpha = "weighter = [{ kind = \"alpha-balance\", alpha = 0.2 }]";
    for targets in [HARD, SOFT] {
        equal(alpha, targets, |x, t| (0.2 * t + 0.8 * (1.0 - t)) * cross_entropy(x, t));
    }
}

/// Of what ties, all keep the same part.
#[test]
fn hard_examples_share_what_is_kept_of_a_tie() {
    for (keep, expected) in [(1.0, 1.0), (0.5, 0.5), (0.25, 0.25)] {
        let mut loss = BceLoss::new(HardExamples::new(keep).unwrap());
        let outcome = BceBatch::new(&[0.0; 8], BceTargets::Hard(&[1; 8])).value_and_grad(&mut loss).unwrap();
        assert_eq!(outcome.weights, [expected; 8]);
    }
}

#[test]
fn focal_has_one_exponent_a_class_where_it_is_given_them() {
    let focal = "weighter = [{ kind = \"focal\", gammas = [0.5, 2.0] }]";
    equal(focal, HARD, |x, t| {
        let p = sigmoid((2.0 * t - 1.0) * x);
        -(1.0 - p).powf(if t == 1.0 { 2.0 } else { 0.5 }) * p.ln()
    });
    let own = Focal::per_class(&[0.5, 2.0]).unwrap();
    assert_eq!((own.check(2).is_ok(), own.check(3).is_ok()), (true, false));
    assert!((own.weight(&Sample::binary(0.3_f64, 1.0)) - sigmoid(-0.3).powi(2)).abs() < 1e-15);
}

#[test]
fn ldam_and_logit_adjustment_are_changes_of_the_logits() {
    let counts = [5000.0_f64, 120.0, 7.0];
    for labels in [[0, 2], [1, 1]] {
        for scale in [1.0, 30.0] {
            let ldam = format!("adjustment = [{{ kind = \"ldam\", counts = [5000, 120, 7], scale = {scale:?} }}]");
            rows(&ldam, labels, |row, label| {
                let margin = counts[label].powf(-0.25) * (0.5 / counts[2].powf(-0.25));
                let moved = |(class, x): (usize, &f64)| scale * (x - if class == label { margin } else { 0.0 });
                row.iter().enumerate().map(moved).collect()
            });
        }
        let balanced = "adjustment = [{ kind = \"logit-adjustment\", counts = [5000, 120, 7] }]";
        rows(balanced, labels, |row, _| row.iter().zip(counts).map(|(x, count)| x + count.ln()).collect());
        let milder = "adjustment = [{ kind = \"logit-adjustment\", counts = [5000, 120, 7], tau = 0.5 }]";
        rows(milder, labels, |row, _| {
            row.iter().zip(counts).map(|(x, count)| x + 0.5 * (count / 5127.0).ln()).collect()
        });
    }
}
