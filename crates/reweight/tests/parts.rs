//! The kinds of all parts against their papers' formulas in plain arithmetic, their neutral settings, and what they refuse.
#![allow(clippy::unwrap_used, reason = "a test's helpers may fail as the test itself may")]

use reweight::reference::{BceBatch, BceTargets, Outcome, SoftmaxBatch};
use reweight::{
    Adjustment, AlphaBalance, BatchForm, BceLoss, BoxedWeighter, CountScheme, Dual, Focal, GeneralizedCrossEntropy,
    HardExamples, HessianForm, Ldam, LogitAdjustment, LossConfig, LossError, Poly1, PosWeight, ProbabilityShift,
    QualityFocal, Reduction, Sample, SampleWeighter, SelfPaced, SoftmaxLoss, State, StateError, Varifocal,
    VectorScaling, WeightError,
};

const LOGITS: [f64; 6] = [0.5, -1.2, 2.0, 0.0, -3.5, 1.1];
const HARD: [i64; 6] = [1, 0, 0, 1, 0, 1];

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

fn hard<W: SampleWeighter>(loss: &mut BceLoss<W>) -> Outcome {
    BceBatch::new(&LOGITS, BceTargets::Hard(&HARD)).value_and_grad(loss).unwrap()
}

#[track_caller]
fn close(own: &[f64], expected: &[f64]) {
    assert_eq!(own.len(), expected.len());
    for (own, expected) in own.iter().zip(expected) {
        assert!((own - expected).abs() <= 1e-13 * expected.abs().max(1e-3), "{own} for {expected}");
    }
}

/// The losses of a BCE batch against `expected(x, y)`, and the gradient against its central difference.
#[track_caller]
fn matches<W: SampleWeighter>(loss: BceLoss<W>, expected: impl Fn(f64, f64) -> f64) {
    let mut loss = loss.with_reduction(Reduction::Sum).unwrap();
    let outcome = hard(&mut loss);
    for (i, (&x, &y)) in LOGITS.iter().zip(&HARD).enumerate() {
        let y = y as f64;
        let value = expected(x, y);
        assert!((outcome.losses[i] - value).abs() <= 1e-13 * value.max(1e-3), "{} for {value}", outcome.losses[i]);
        let difference = (expected(x + 1e-6, y) - expected(x - 1e-6, y)) / 2e-6;
        assert!((outcome.grad[i] - difference).abs() < 1e-8, "{} for {difference}", outcome.grad[i]);
    }
}

#[test]
fn pos_weight_is_torchs_for_soft_targets_too() {
    let (logits, targets) = ([0.5, -1.2, 2.0, 0.0], [0.3, 0.8, 0.5, 1.0]);
    let mut loss = BceLoss::new(PosWeight::new(3.0).unwrap());
    let outcome = BceBatch::new(&logits, BceTargets::Soft(&targets)).value_and_grad(&mut loss).unwrap();
    // torch.nn.BCEWithLogitsLoss(pos_weight=torch.tensor(3.0)) gives 2.0015888.
    assert!((outcome.summary.loss.unwrap() - 2.001_588_8).abs() < 5e-8);
    let torch = |x: f64, t: f64| 3.0 * t * softplus(-x) + (1.0 - t) * softplus(x);
    for ((&x, &t), (&loss, &slope)) in logits.iter().zip(&targets).zip(outcome.losses.iter().zip(&outcome.grad)) {
        assert!((loss - torch(x, t)).abs() < 1e-14);
        let exact = (-3.0 * t * sigmoid(-x) + (1.0 - t) * sigmoid(x)) / 4.0;
        assert!((slope - exact).abs() < 1e-14, "{slope} for {exact}");
    }
    // One value in a list is one for all.
    let mut listed = BceLoss::new(PosWeight::new([3.0]).unwrap());
    let other = BceBatch::new(&logits, BceTargets::Soft(&targets)).value_and_grad(&mut listed).unwrap();
    assert_eq!(other, outcome);
    matches(BceLoss::new(PosWeight::new(3.0).unwrap()), |x, y| 3.0 * y * softplus(-x) + (1.0 - y) * softplus(x));
}

#[test]
fn bases_are_their_papers() {
    let ce = |x: f64, y: f64| softplus(-(2.0 * y - 1.0) * x);
    let p = |x: f64, y: f64| sigmoid((2.0 * y - 1.0) * x);
    let focal = || Focal::new(1.5).unwrap();
    matches(BceLoss::new(focal()).with_base(Poly1::new(2.0).unwrap()), |x, y| {
        (1.0 - p(x, y)).powf(1.5) * (ce(x, y) + 2.0 * (1.0 - p(x, y)))
    });
    matches(BceLoss::new(()).with_base(GeneralizedCrossEntropy::new(0.7).unwrap()), |x, y| {
        (1.0 - p(x, y).powf(0.7)) / 0.7
    });
}

#[test]
fn the_asymmetric_loss_is_its_papers() {
    let weighter = Focal::by_target(1.0, 4.0).unwrap();
    matches(BceLoss::new(weighter).adjusted(ProbabilityShift::new(0.05).unwrap()), |x, y| {
        if y > 0.5 {
            (1.0 - sigmoid(x)) * softplus(-x)
        } else {
            let shifted = (sigmoid(x) - 0.05).max(0.0);
            -shifted.powi(4) * (-shifted).ln_1p()
        }
    });
    // A negative within the margin has no loss and no slope, under any γ.
    for gamma in [0.0, 0.5, 2.0] {
        let loss = BceLoss::new(Focal::new(gamma).unwrap()).adjusted(ProbabilityShift::new(0.05).unwrap());
        let outcome = hard(&mut loss.with_reduction(Reduction::Sum).unwrap());
        assert_eq!((outcome.losses[4], outcome.grad[4]), (0.0, 0.0), "γ = {gamma}");
    }
}

#[test]
fn adjustments_of_bce_are_their_formulas() {
    let tau = 0.5_f64;
    let odds = tau * (100.0_f64 / 900.0).ln();
    matches(BceLoss::new(()).adjusted(LogitAdjustment::from_counts(&[900, 100], tau).unwrap()), |x, y| {
        softplus(-(2.0 * y - 1.0) * (x + odds))
    });
    let ldam = Ldam::new(&[900, 100], 0.5, 4.0).unwrap();
    let margins = [0.5 * (100.0_f64 / 900.0).powf(0.25), 0.5];
    matches(BceLoss::new(()).adjusted(ldam), |x, y| {
        softplus(-4.0 * ((2.0 * y - 1.0) * x - margins[usize::from(y > 0.5)]))
    });
    matches(BceLoss::new(()).adjusted(VectorScaling::new(0.7, -0.3).unwrap()), |x, y| {
        softplus(-(2.0 * y - 1.0) * (0.7 * x - 0.3))
    });
}

#[test]
fn adjusted_softmax_is_the_papers() {
    let (logits, targets, counts) = ([0.3, -1.0, 2.0, 0.1, 0.2, -0.4], [1, 0], [500_u64, 40, 8]);
    let total: f64 = 548.0;
    let mut loss = SoftmaxLoss::new(()).adjusted(LogitAdjustment::from_counts(&counts, 1.0).unwrap());
    let outcome = SoftmaxBatch::new(&logits, 3, &targets).value_and_grad(&mut loss).unwrap();
    let mut ldam = SoftmaxLoss::new(()).adjusted(Ldam::new(&counts, 0.5, 2.0).unwrap());
    let margins = Ldam::new(&counts, 0.5, 2.0).unwrap().margins().to_vec();
    let with_margins = SoftmaxBatch::new(&logits, 3, &targets).value_and_grad(&mut ldam).unwrap();
    for (row, &label) in targets.iter().enumerate() {
        let label = label as usize;
        let x = &logits[row * 3..][..3];
        let cross_entropy = |z: [f64; 3]| z.iter().map(|z| z.exp()).sum::<f64>().ln() - z[label];
        let adjusted = [0, 1, 2].map(|j| x[j] + (counts[j] as f64 / total).ln());
        close(&[outcome.losses[row]], &[cross_entropy(adjusted)]);
        let shifted = [0, 1, 2].map(|j| 2.0 * (x[j] - if j == label { margins[j] } else { 0.0 }));
        close(&[with_margins.losses[row]], &[cross_entropy(shifted)]);
    }
}

#[test]
fn weights_of_soft_labels_are_their_formulas() {
    let targets = [0.3, 0.0, 0.5, 1.0, 0.0, 0.9];
    let ce = |x: f64, t: f64| t * softplus(-x) + (1.0 - t) * softplus(x);
    let outcome = |mut loss: BceLoss<QualityFocal>| {
        BceBatch::new(&LOGITS, BceTargets::Soft(&targets)).value_and_grad(&mut loss).unwrap()
    };
    let sum = |loss: BceLoss<QualityFocal>| loss.with_reduction(Reduction::Sum).unwrap();
    for beta in [1.0, 2.0, 2.5] {
        let outcome = outcome(sum(BceLoss::new(QualityFocal::new(beta).unwrap())));
        for (i, (&x, &t)) in LOGITS.iter().zip(&targets).enumerate() {
            let value = |x: f64| (sigmoid(x) - t).abs().powf(beta) * ce(x, t);
            close(&[outcome.losses[i]], &[value(x)]);
            let difference = (value(x + 1e-6) - value(x - 1e-6)) / 2e-6;
            // The kink of β = 1 is at σ = t, which is none of these.
            assert!((outcome.grad[i] - difference).abs() < 1e-7, "β = {beta}: {} for {difference}", outcome.grad[i]);
        }
    }
    let mut loss = BceLoss::new(Varifocal::new(0.75, 2.0).unwrap());
    let outcome = BceBatch::new(&LOGITS, BceTargets::Soft(&targets)).value_and_grad(&mut loss).unwrap();
    let weights: Vec<f64> =
        LOGITS.iter().zip(&targets).map(|(&x, &t)| if t > 0.0 { t } else { 0.75 * sigmoid(x).powi(2) }).collect();
    close(&outcome.weights, &weights);
}

#[test]
fn hard_examples_keep_their_share() {
    for keep in [0.1, 0.25, 0.5, 0.9, 1.0] {
        let mut loss = BceLoss::new(HardExamples::new(keep).unwrap());
        let outcome = hard(&mut loss);
        assert!((outcome.summary.weight_sum - 6.0 * keep).abs() < 1e-12, "{keep}: {}", outcome.summary.weight_sum);
        // The harder, the heavier: margins against weights.
        let margin = |i: usize| (2.0 * HARD[i] as f64 - 1.0) * LOGITS[i];
        for (i, j) in (0..6).flat_map(|i| (0..6).map(move |j| (i, j))).filter(|&(i, j)| margin(i) < margin(j)) {
            assert!(outcome.weights[i] >= outcome.weights[j]);
        }
        let state = loss.state();
        let mut other = BceLoss::new(HardExamples::new(keep).unwrap());
        other.restore(&state).unwrap();
        assert_eq!(other.weighter(), loss.weighter());
    }
}

#[test]
fn a_cut_that_cannot_be_is_refused() {
    let mut loss = BceLoss::new(HardExamples::new(0.5).unwrap());
    hard(&mut loss);
    let before = loss.clone();
    let saved = serde_json::to_string(&loss.state()).unwrap();
    let cut = |region: &str, fraction: &str| {
        let (head, rest) = saved.split_once("\"region\":").unwrap();
        let rest = rest.split_once('}').unwrap().1;
        serde_json::from_str(&format!("{head}\"region\":{region},\"fraction\":{fraction}}}{rest}")).unwrap()
    };
    for (region, fraction) in [("0", "1.5"), ("0", "-0.1"), ("4000000000", "0.5")] {
        let refused = loss.restore(&cut(region, fraction));
        assert!(matches!(refused, Err(StateError::Damaged { .. })), "{region}, {fraction}: {refused:?}");
        assert_eq!(loss.weighter(), before.weighter());
    }
    loss.restore(&cut("0", "1.0")).unwrap();
}

/// Settings need not be a record with names.
#[test]
fn a_state_of_other_settings_is_told_from_its_own() {
    let state = State::record("own", 1, &5, &7).unwrap();
    assert_eq!(state.read::<i32>("own", 1, &5), Ok(7));
    let (name, expected, found) = ("settings".to_owned(), "6".to_owned(), "5".to_owned());
    let refused = StateError::Settings { kind: "own".to_owned(), name, expected, found };
    assert_eq!(state.read::<i32>("own", 1, &6), Err(refused));
}

#[test]
fn self_paced_is_its_formula() {
    let paced = hard(&mut BceLoss::new(SelfPaced::linear(1.5).unwrap()));
    let expected: Vec<f64> =
        LOGITS.iter().zip(&HARD).map(|(&x, &y)| (1.0 - softplus(-(2.0 * y as f64 - 1.0) * x) / 1.5).max(0.0)).collect();
    close(&paced.weights, &expected);
}

#[test]
fn neutral_settings_leave_the_same_bits() {
    let plain = hard(&mut BceLoss::new(Focal::new(1.5).unwrap()));
    let loss = || BceLoss::new(Focal::new(1.5).unwrap());
    let same = [
        hard(&mut loss().adjusted(LogitAdjustment::from_counts(&[900, 100], 0.0).unwrap())),
        hard(&mut loss().adjusted(Ldam::new(&[900, 100], 0.0, 1.0).unwrap())),
        hard(&mut loss().adjusted(VectorScaling::new(1.0, 0.0).unwrap())),
        hard(&mut loss().adjusted(ProbabilityShift::new(0.0).unwrap())),
        hard(&mut loss().with_base(Poly1::new(0.0).unwrap())),
        hard(&mut BceLoss::new((Focal::new(1.5).unwrap(), PosWeight::new(1.0).unwrap()))),
        hard(&mut BceLoss::new((Focal::new(1.5).unwrap(), HardExamples::new(1.0).unwrap()))),
    ];
    for other in same {
        assert_eq!(other, plain);
    }
}

#[test]
fn columns_have_values_of_their_own() {
    let weighter = PosWeight::new([1.0, 2.0, 5.0]).unwrap();
    let batch = BceBatch { shape: Some(&[2, 3]), ..BceBatch::new(&LOGITS, BceTargets::Hard(&[1; 6])) };
    let outcome = batch.value_and_grad(&mut BceLoss::new(weighter.clone())).unwrap();
    assert_eq!(outcome.weights, [1.0, 2.0, 5.0, 1.0, 2.0, 5.0]);
    let batch = BceBatch { shape: Some(&[3, 2]), ..BceBatch::new(&LOGITS, BceTargets::Hard(&[1; 6])) };
    let outcome = batch.value_and_grad(&mut BceLoss::new(weighter.along(0))).unwrap();
    assert_eq!(outcome.weights, [1.0, 1.0, 2.0, 2.0, 5.0, 5.0]);
    let pairs = [[90, 10], [50, 50]];
    let balance = AlphaBalance::from_column_counts(&pairs, CountScheme::InverseFrequency, -1).unwrap();
    let batch = BceBatch { shape: Some(&[3, 2]), ..BceBatch::new(&LOGITS, BceTargets::Hard(&HARD)) };
    let outcome = batch.value_and_grad(&mut BceLoss::new(balance)).unwrap();
    close(&outcome.weights, &[5.0, 1.0, 100.0 / 180.0, 1.0, 100.0 / 180.0, 1.0]);
    let balance = AlphaBalance::from_column_counts(&pairs, CountScheme::InverseSqrt, -1).unwrap();
    let outcome = batch.value_and_grad(&mut BceLoss::new(balance)).unwrap();
    close(&outcome.weights, &[5_f64.sqrt(), 1.0, (100.0_f64 / 180.0).sqrt(), 1.0, (100.0_f64 / 180.0).sqrt(), 1.0]);
    let balance =
        AlphaBalance::from_column_counts(&[[9, 1], [1, 1], [1, 9]], CountScheme::InverseFrequency, 0).unwrap();
    let outcome = batch.value_and_grad(&mut BceLoss::new(balance)).unwrap();
    close(&outcome.weights, &[5.0, 10.0 / 18.0, 1.0, 1.0, 5.0, 10.0 / 18.0]);
    let scaling = || VectorScaling::new(1.0, [0.5, -0.5, 0.0]).unwrap();
    let refused = batch.value_and_grad(&mut BceLoss::new(()).adjusted(scaling())).unwrap_err();
    assert!(matches!(refused, LossError::Weight(WeightError::Columns { given: 3, columns: 2, .. })), "{refused}");
    let rows = SoftmaxBatch::new(&LOGITS, 2, &[0, 1, 1]);
    let refused = rows.value_and_grad(&mut SoftmaxLoss::new(()).adjusted(scaling())).unwrap_err();
    assert!(matches!(refused, LossError::Weight(WeightError::ClassCount { given: 3, classes: 2, .. })), "{refused}");
}

#[test]
fn adjustments_follow_each_other_unless_they_would_be_a_table_of_both() {
    let on = |loss: BceLoss<()>| {
        let mut loss = loss;
        let batch = BceBatch { shape: Some(&[3, 2]), ..BceBatch::new(&LOGITS, BceTargets::Hard(&HARD)) };
        batch.value_and_grad(&mut loss).map(|outcome| outcome.losses)
    };
    let columns = || VectorScaling::new([2.0, 0.5], 0.0).unwrap();
    let ldam = || Ldam::new(&[9, 1], 0.5, 1.0).unwrap();
    assert!(on(BceLoss::new(()).adjusted(columns()).adjusted(ldam())).is_ok());
    let twice = on(BceLoss::new(()).adjusted(columns()).adjusted(columns())).unwrap();
    assert_eq!(twice, on(BceLoss::new(()).adjusted(VectorScaling::new([4.0, 0.25], 0.0).unwrap())).unwrap());
    let refused = on(BceLoss::new(()).adjusted(ldam()).adjusted(columns())).unwrap_err().to_string();
    assert!(refused.contains("put it first"), "{refused}");
}

#[test]
fn parts_that_contradict_each_other_or_the_batch_are_refused_by_a_sentence() {
    let soft = [0.3, 0.0, 0.5, 1.0, 0.0, 0.9];
    let on_soft = |loss: BceLoss<()>| {
        let mut loss = loss;
        BceBatch::new(&LOGITS, BceTargets::Soft(&soft)).value_and_grad(&mut loss).unwrap_err()
    };
    let shift = || ProbabilityShift::new(0.05).unwrap();
    let found = on_soft(BceLoss::new(()).adjusted(shift()));
    assert!(matches!(found, LossError::Weight(WeightError::SoftLabels { .. })), "{found}");
    let found = on_soft(BceLoss::new(()).adjusted(Ldam::new(&[9, 1], 0.5, 1.0).unwrap()));
    assert!(matches!(found, LossError::Weight(WeightError::SoftLabels { .. })), "{found}");

    let batch = SoftmaxBatch::new(&LOGITS, 3, &[0, 2]);
    let found = batch.value_and_grad(&mut SoftmaxLoss::new(()).adjusted(shift())).unwrap_err();
    assert!(matches!(found, LossError::Weight(WeightError::Objective { .. })), "{found}");
    let found = batch.value_and_grad(&mut SoftmaxLoss::new(PosWeight::new(2.0).unwrap())).unwrap_err();
    assert!(matches!(found, LossError::Weight(WeightError::Objective { .. })), "{found}");
    // Asked alone, it says so in its own name.
    for form in [BatchForm::binary(&[6], true), BatchForm::softmax(&[2, 3], 3)] {
        let message = shift().affine(&form).unwrap_err().to_string();
        assert!(message.contains("`probability-shift`"), "{message}");
    }
    let counts = LogitAdjustment::from_counts(&[5, 5], 1.0).unwrap();
    let found = batch.value_and_grad(&mut SoftmaxLoss::new(()).adjusted(counts.clone())).unwrap_err();
    assert!(matches!(found, LossError::Weight(WeightError::ClassCount { given: 2, classes: 3, .. })), "{found}");

    let mut early = BceLoss::new(()).adjusted(shift()).adjusted(counts);
    let batch = BceBatch::new(&LOGITS, BceTargets::Hard(&HARD));
    let found = batch.value_and_grad(&mut early).unwrap_err();
    assert!(matches!(found, LossError::Weight(WeightError::NotLast { position: 1 })), "{found}");
    let by_column = Ldam::new(&[9, 1, 4], 0.5, 1.0).unwrap();
    let found = batch.value_and_grad(&mut BceLoss::new(()).adjusted(by_column)).unwrap_err();
    assert!(matches!(found, LossError::Weight(WeightError::ClassCount { given: 3, classes: 2, .. })), "{found}");
    let narrow = BceBatch { shape: Some(&[2, 3]), ..batch };
    let found = narrow.value_and_grad(&mut BceLoss::new(PosWeight::new([1.0, 2.0]).unwrap())).unwrap_err();
    assert!(matches!(found, LossError::Weight(WeightError::Columns { given: 2, axis: -1, columns: 3, .. })), "{found}");

    let poly = BceLoss::new(()).with_base(Poly1::new(1.0).unwrap());
    let found = BceBatch::new(&LOGITS, BceTargets::Soft(&soft)).hessian(&poly, HessianForm::GaussNewton).unwrap_err();
    assert!(matches!(found, LossError::Hessian(_)), "{found}");
}

#[test]
fn a_loss_of_all_parts_goes_through_a_file() {
    let text = r#"
        objective = "softmax-ce"
        reduction = "weighted-mean"
        label_smoothing = 0.1
        adjustment = [{ kind = "logit-adjustment", counts = [5000, 120, 7] }]
        base = { kind = "poly-1", epsilon = 1.0 }
        weighter = [{ kind = "focal", gamma = 2.0 }, { kind = "ghm", bins = 10, momentum = 0.75 }]
    "#;
    let config = LossConfig::from_toml(text).unwrap();
    let back = config.build().unwrap().to_config().unwrap();
    assert_eq!(back.adjustment[0].kind, "logit-adjustment");
    assert_eq!(back.base.as_ref().map(|base| base.kind.as_str()), Some("poly-1"));
    let again = LossConfig::from_toml(&back.to_toml().unwrap()).unwrap();
    assert_eq!(again, back);
    let unknown = text.replace("counts", "count");
    let message = LossConfig::from_toml(&unknown).unwrap().build().map(|_| ()).unwrap_err().to_string();
    assert!(message.starts_with("adjustment 1 (logit-adjustment): unknown field `count`"), "{message}");
}

#[test]
fn hessians_of_plain_cross_entropy_are_the_textbooks() {
    let loss = BceLoss::new(()).with_reduction(Reduction::Sum).unwrap();
    let batch = BceBatch::new(&LOGITS, BceTargets::Hard(&HARD));
    let expected: Vec<f64> = LOGITS.iter().map(|&x| sigmoid(x) * sigmoid(-x)).collect();
    for form in HessianForm::ALL {
        close(&batch.hessian(&loss, form).unwrap(), &expected);
    }
    let loss = SoftmaxLoss::new(()).with_reduction(Reduction::Sum).unwrap();
    let batch = SoftmaxBatch::new(&LOGITS, 3, &[1, 0]);
    let probabilities: Vec<f64> = LOGITS
        .chunks(3)
        .flat_map(|row| {
            let sum: f64 = row.iter().map(|x| x.exp()).sum();
            row.iter().map(move |x| x.exp() / sum).collect::<Vec<f64>>()
        })
        .collect();
    let expected: Vec<f64> = probabilities.iter().map(|p| p * (1.0 - p)).collect();
    for form in HessianForm::ALL {
        close(&batch.hessian(&loss, form).unwrap(), &expected);
    }
    // Focal's is negative for the hard ones, and held at 0 where that is asked for.
    let loss = BceLoss::new(Focal::new(2.0).unwrap());
    let batch = BceBatch::new(&[-6.0, 1.0], BceTargets::Hard(&[1, 1]));
    assert!(batch.hessian(&loss, HessianForm::Exact).unwrap()[0] < 0.0);
    assert_eq!(batch.hessian(&loss, HessianForm::Clamped).unwrap()[0], 0.0);
    assert!(batch.hessian(&loss, HessianForm::GaussNewton).unwrap()[0] > 0.0);
}

#[test]
fn an_adjustment_alone_tells_what_it_does() {
    let form = BatchForm::softmax(&[4, 3], 3);
    let ldam = Ldam::new(&[10_000, 16, 1], 0.5, 30.0).unwrap();
    let affine = ldam.affine(&form).unwrap();
    assert_eq!(affine.scale, [30.0]);
    close(&affine.margin, &[30.0 * 0.5 * 0.1, 30.0 * 0.5 * 0.5, 15.0]);
}

#[test]
fn a_box_runs_its_record_over_numbers_that_it_has_no_method_for() {
    type Third = Dual<Dual<Dual<f64>>>;
    let focal = Focal::new(1.5).unwrap();
    let boxed = BoxedWeighter::new(focal.clone()).unwrap();
    for x in [-3.0, 0.2, 4.0] {
        let variable: Third = Dual::variable(Dual::variable(Dual::variable(x)));
        let sample = Sample::binary(variable, Dual::constant(Dual::constant(Dual::constant(1.0))));
        let (own, direct) = (boxed.weight(&sample), focal.weight(&sample));
        close(&[own.value.value.value, own.slope.slope.slope], &[direct.value.value.value, direct.slope.slope.slope]);
    }
}

#[test]
fn a_map_of_the_sample_is_told_from_one_of_the_logits() {
    let (counts, plain) = (LogitAdjustment::from_counts(&[900, 100], 1.0).unwrap(), BceLoss::new(()));
    assert!(!plain.weighting().maps_samples());
    let moved = plain.adjusted(counts);
    assert!(!moved.weighting().maps_samples());
    assert!(moved.adjusted(ProbabilityShift::new(0.05).unwrap()).weighting().maps_samples());
}
