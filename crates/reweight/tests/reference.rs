//! The reference by numbers worked out by hand and by differences of itself: everything else is compared with it.
#![allow(clippy::unwrap_used, reason = "a test's helpers may fail as the test itself may")]

use reweight::reference::{BceBatch, BceTargets, SoftmaxBatch};
use reweight::{
    BceLoss, Focal, Ghm, HessianForm, LossError, Poly1, PosWeight, Real, Sample, SampleWeighter, SoftmaxLoss,
    Statistics, VectorScaling,
};

const LOGITS: [f64; 6] = [0.5, -1.2, 2.0, 0.0, -3.5, 1.1];
const HARD: [i64; 6] = [1, 0, 0, 1, 0, 1];
const SOFT: [f64; 6] = [0.3, 0.0, 0.5, 1.0, 0.9, 0.7];
const FORMS: [HessianForm; 3] = [HessianForm::Exact, HessianForm::Clamped, HessianForm::GaussNewton];

/// Three rows of four classes, and their labels.
const ROWS: [f64; 12] = [0.3, -1.0, 2.0, 0.1, -0.4, 0.9, 0.2, -2.0, 1.5, 0.7, -0.8, 0.6];
const LABELS: [i64; 3] = [2, 0, 3];

/// Asks for counts by class and by gradient norm.
#[derive(Clone, Debug)]
struct Counting;

impl SampleWeighter for Counting {
    fn weight<R: Real>(&self, _: &Sample<R>) -> R {
        R::lit(1.0)
    }
    fn statistics(&self) -> Statistics {
        Statistics::class_counts().and(Ghm::new(4, 0.0).unwrap().statistics())
    }
}

#[test]
fn what_counts_is_counted_once() {
    let valid = [true, true, false, true, true, true];
    let batch = BceBatch { valid: Some(&valid), ..BceBatch::new(&LOGITS, BceTargets::Hard(&HARD)) };
    let counts = batch.statistics(&BceLoss::new(Counting)).unwrap();
    assert_eq!((counts.valid, counts.positives), (5, 3));
    assert_eq!(counts.class_counts, [2, 3]);
    // What merges such counts begins with none.
    let mut sum = BceLoss::new(Counting).empty_statistics();
    assert_eq!((sum.valid, &sum.class_counts[..], sum.histogram(4).unwrap().counts()), (0, &[0, 0][..], &[0; 4][..]));
    sum.merge(&counts).unwrap();
    assert_eq!(sum, counts);
    // |σ(x) − y| is 0.378, 0.231, 0.5, 0.029 and 0.250 (σ(1.1) = 0.7503).
    assert_eq!(counts.histogram(4).unwrap().counts(), [3, 1, 1, 0]);

    // A label of 0.5 or more is a positive.
    let counts = BceBatch::new(&LOGITS, BceTargets::Soft(&SOFT)).statistics(&BceLoss::new(Counting)).unwrap();
    assert_eq!((counts.valid, counts.positives), (6, 4));
    assert_eq!(counts.class_counts, [2, 4]);

    let valid = [true, false, true];
    let batch = SoftmaxBatch { valid: Some(&valid), ..SoftmaxBatch::new(&ROWS, 4, &LABELS) };
    let counts = batch.statistics(&SoftmaxLoss::new(Counting)).unwrap();
    assert_eq!((counts.valid, counts.positives), (2, 2));
    assert_eq!(counts.class_counts, [0, 0, 1, 1]);
    // 1 − p_t: 0.264 and 0.773.
    assert_eq!(counts.histogram(4).unwrap().counts(), [0, 1, 0, 1]);
    let ignoring = SoftmaxLoss::new(Counting).with_ignore_index(3);
    let counts = SoftmaxBatch::new(&ROWS, 4, &LABELS).statistics(&ignoring).unwrap();
    assert_eq!((counts.valid, counts.positives, &counts.class_counts[..]), (2, 1, &[1, 0, 1, 0][..]));
    let mut sum = ignoring.empty_statistics(4);
    sum.merge(&counts).unwrap();
    assert_eq!(sum, counts);
}

#[test]
fn a_batch_out_of_order_is_refused_by_its_place() {
    let message = |error: LossError| error.to_string().split([':', ';']).next().unwrap().to_owned();
    let binary = |batch: BceBatch<'_>| message(batch.value_and_grad(&mut BceLoss::new(())).unwrap_err());
    let hard = |targets: &[i64; 6]| binary(BceBatch::new(&LOGITS, BceTargets::Hard(targets)));
    assert_eq!(hard(&[1, 0, 0, 2, 0, 1]), "the label at index 3 is 2, but must be from 0 to 1");
    assert_eq!(hard(&[1, 0, 0, 0, -1, 1]), "the label at index 4 is -1, but must be from 0 to 1");
    assert_eq!(
        binary(BceBatch::new(&LOGITS, BceTargets::Soft(&[0.0, 1.0, 1.5, 0.0, 0.0, 0.0]))),
        "the target at index 2 is 1.5, but must lie in [0, 1]"
    );
    assert_eq!(
        binary(BceBatch::new(&LOGITS, BceTargets::Hard(&[1]))),
        "`targets` has shape [1], but must have shape [6]"
    );
    let with = |logits: &[f64; 6], weights: &[f64]| {
        binary(BceBatch { sample_weight: Some(weights), ..BceBatch::new(logits, BceTargets::Hard(&HARD)) })
    };
    assert_eq!(
        with(&[0.0, f64::NAN, 0.0, 0.0, 0.0, 0.0], &[1.0; 6]),
        "the logit at index 1 is NaN, but must be finite"
    );
    assert_eq!(
        with(&LOGITS, &[1.0, 1.0, 1.0, -1.0, 1.0, 1.0]),
        "the sample weight at index 3 is -1, but must be finite and at least 0"
    );
    assert_eq!(with(&LOGITS, &[1.0; 5]), "`sample_weight` has shape [5], but must have shape [6]");
    let softmax = |logits: &[f64], labels: &[i64]| {
        message(SoftmaxBatch::new(logits, 4, labels).value_and_grad(&mut SoftmaxLoss::new(())).unwrap_err())
    };
    assert_eq!(softmax(&ROWS, &[2, 4, 0]), "the label at index 1 is 4, but must be from 0 to 3");
    assert_eq!(softmax(&ROWS, &[2, 0]), "`logits` has shape [12], but must have shape [8]");
    assert_eq!(softmax(&[f64::INFINITY; 4], &[0]), "the logit at index 0 is inf, but must be finite");
    let mut second = ROWS;
    second[4 + 2] = f64::NAN;
    assert_eq!(softmax(&second, &LABELS), "the logit at index 6 is NaN, but must be finite");
}

/// Σ_j −((1 − ε)·[j = y] + ε/C)·log p_j of a row.
fn smoothed(row: &[f64], label: i64, epsilon: f64) -> f64 {
    let sum: f64 = row.iter().map(|x| x.exp()).sum();
    let part = |(j, x): (usize, &f64)| {
        let target = epsilon / row.len() as f64 + if j as i64 == label { 1.0 - epsilon } else { 0.0 };
        -target * (x - sum.ln())
    };
    row.iter().enumerate().map(part).sum()
}

#[test]
fn smoothed_labels_are_the_sum_over_classes() {
    for epsilon in [0.0, 0.1, 0.75] {
        let mut loss = SoftmaxLoss::new(()).with_label_smoothing(epsilon).unwrap();
        let outcome = SoftmaxBatch::new(&ROWS, 4, &LABELS).value_and_grad(&mut loss).unwrap();
        for (i, &label) in LABELS.iter().enumerate() {
            let expected = smoothed(&ROWS[4 * i..][..4], label, epsilon);
            assert!((outcome.losses[i] - expected).abs() < 1e-14 * expected, "{} for {expected}", outcome.losses[i]);
        }
    }
}

/// Classes so far apart that their sum is no number, under a label that leads them all.
#[test]
fn without_smoothing_no_class_but_the_label_counts() {
    let logits = [1e308, -7e307, -7e307, -7e307];
    let outcome = SoftmaxBatch::new(&logits, 4, &[0]).value_and_grad(&mut SoftmaxLoss::new(())).unwrap();
    assert_eq!((outcome.losses, outcome.grad), (vec![0.0], vec![0.0; 4]));
    let hessian = SoftmaxBatch::new(&logits, 4, &[0]).hessian(&SoftmaxLoss::new(()), HessianForm::Exact).unwrap();
    assert_eq!(hessian, [0.0; 4]);
}

/// Each entry's central difference of `of`, which sees the logits with that entry moved.
fn differences(logits: &[f64], of: impl Fn(&[f64], usize) -> f64) -> Vec<f64> {
    const STEP: f64 = 1e-5;
    let moved = |at: usize, by: f64| {
        let mut logits = logits.to_vec();
        logits[at] += by;
        of(&logits, at)
    };
    (0..logits.len()).map(|at| (moved(at, STEP) - moved(at, -STEP)) / (2.0 * STEP)).collect()
}

/// Truncation is some 1e-10, rounding 1e-16/1e-5.
#[track_caller]
fn near(own: &[f64], expected: &[f64]) {
    assert_eq!(own.len(), expected.len());
    own.iter().zip(expected).for_each(|(own, expected)| assert!((own - expected).abs() < 1e-8, "{own} for {expected}"));
}

#[track_caller]
fn binary_derivatives<W: SampleWeighter>(loss: &BceLoss<W>, scale: f64, targets: BceTargets<'_>) {
    let valid = [true, true, true, false, true, true];
    let weights = [1.0, 0.5, 2.0, 1.0, 0.0, 3.0];
    let on = |logits: &[f64]| {
        let batch = BceBatch::new(logits, targets);
        let batch = BceBatch { valid: Some(&valid), sample_weight: Some(&weights), ..batch };
        batch.value_and_grad(&mut loss.clone()).unwrap()
    };
    near(&on(&LOGITS).grad, &differences(&LOGITS, |logits, _| on(logits).summary.loss.unwrap()));
    let batch = BceBatch { valid: Some(&valid), sample_weight: Some(&weights), ..BceBatch::new(&LOGITS, targets) };
    let [exact, clamped, newton] = FORMS.map(|form| batch.hessian(loss, form).unwrap());
    near(&exact, &differences(&LOGITS, |logits, at| on(logits).grad[at]));
    assert_eq!(clamped, exact.iter().map(|h| h.max(0.0)).collect::<Vec<_>>());
    // w·δ²·σ(δx)·σ(−δx), whatever the label, under the gradient's factor 1/5.
    let outcome = on(&LOGITS);
    let of = |x: f64| scale * scale / ((1.0 + (-x).exp()) * (1.0 + x.exp()));
    let expected: Vec<f64> = (0..6).map(|i| outcome.weights[i] / 5.0 * of(scale * LOGITS[i])).collect();
    near(&newton, &expected);
}

#[test]
fn derivatives_of_binary_losses_are_differences() {
    for targets in [BceTargets::Hard(&HARD), BceTargets::Soft(&SOFT)] {
        binary_derivatives(&BceLoss::new(()), 1.0, targets);
        binary_derivatives(&BceLoss::new(Focal::new(2.0).unwrap()), 1.0, targets);
        binary_derivatives(&BceLoss::new(PosWeight::new(3.0).unwrap()), 1.0, targets);
        let scaled = BceLoss::new(Focal::new(2.0).unwrap()).adjusted(VectorScaling::new(0.5, 0.0).unwrap());
        binary_derivatives(&scaled, 0.5, targets);
    }
}

/// −w·b′·p_t, and of Poly-1 b′ = −(1 − p_t) − ε·p_t·(1 − p_t).
#[test]
fn gauss_and_newton_take_the_slope_of_the_base() {
    let loss = BceLoss::new(()).with_base(Poly1::new(2.0).unwrap());
    let batch = BceBatch::new(&LOGITS, BceTargets::Hard(&HARD));
    let expected = LOGITS.iter().zip(HARD).map(|(&x, y)| {
        let p = 1.0 / (1.0 + (-(2.0 * y as f64 - 1.0) * x).exp());
        p * (1.0 - p) * (1.0 + 2.0 * p) / 6.0
    });
    near(&batch.hessian(&loss, HessianForm::GaussNewton).unwrap(), &expected.collect::<Vec<_>>());
}

#[test]
fn derivatives_of_softmax_losses_are_differences() {
    let scales = [0.5, 1.0, 2.0, 0.25];
    for (epsilon, gamma, scaled) in
        [(0.0, 0.0, false), (0.0, 2.0, false), (0.2, 0.0, false), (0.2, 1.5, false), (0.2, 1.5, true)]
    {
        let delta = if scaled { scales } else { [1.0; 4] };
        let loss = SoftmaxLoss::new(Focal::new(gamma).unwrap()).with_label_smoothing(epsilon).unwrap();
        let loss = if scaled { loss.adjusted(VectorScaling::new(scales, 0.0).unwrap()) } else { loss };
        let weights = [0.5, 2.0, 1.0];
        let on = |logits: &[f64]| {
            let batch = SoftmaxBatch { sample_weight: Some(&weights), ..SoftmaxBatch::new(logits, 4, &LABELS) };
            batch.value_and_grad(&mut loss.clone()).unwrap()
        };
        near(&on(&ROWS).grad, &differences(&ROWS, |logits, _| on(logits).summary.loss.unwrap()));
        let batch = SoftmaxBatch { sample_weight: Some(&weights), ..SoftmaxBatch::new(&ROWS, 4, &LABELS) };
        let [exact, clamped, newton] = FORMS.map(|form| batch.hessian(&loss, form).unwrap());
        near(&exact, &differences(&ROWS, |logits, at| on(logits).grad[at]));
        assert_eq!(clamped, exact.iter().map(|h| h.max(0.0)).collect::<Vec<_>>());
        // w·δ_j²·p_j·(1 − p_j): that of cross entropy, smoothed or not, times the weight, under the factor 1/3.
        let outcome = on(&ROWS);
        let expected: Vec<f64> = (0..12)
            .map(|at| {
                let row = ROWS[at / 4 * 4..][..4].iter().zip(delta);
                let p = (delta[at % 4] * ROWS[at]).exp() / row.map(|(x, delta)| (delta * x).exp()).sum::<f64>();
                outcome.weights[at / 4] / 3.0 * delta[at % 4] * delta[at % 4] * p * (1.0 - p)
            })
            .collect();
        near(&newton, &expected);
    }
}

/// Beyond the floats where the loss is large.
#[derive(Clone, Debug)]
struct Beyond;

impl SampleWeighter for Beyond {
    fn weight<R: Real>(&self, sample: &Sample<R>) -> R {
        sample.cross_entropy().scale(1e308).detach()
    }
}

#[test]
fn results_that_are_no_numbers_are_refused_by_their_place() {
    let logits = [0.5, 0.25, -3.0];
    let refused = BceBatch::new(&logits, BceTargets::Hard(&[1, 1, 1])).value_and_grad(&mut BceLoss::new(Beyond));
    assert!(matches!(refused, Err(LossError::NotFinite { index: 2, .. })), "{refused:?}");
    let logits = [0.5, 0.25, -3.0, 3.0];
    let refused = SoftmaxBatch::new(&logits, 2, &[0, 0]).value_and_grad(&mut SoftmaxLoss::new(Beyond));
    assert!(matches!(refused, Err(LossError::NotFinite { index: 1, .. })), "{refused:?}");
}
