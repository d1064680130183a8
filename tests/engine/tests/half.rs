//! Half precision: the engine's `f32` results of the widened batch, rounded once.
#![allow(clippy::unwrap_used, reason = "a test's helpers may fail as the test itself may")]

use std::fmt::Debug;

use half::{bf16, f16};
use ndarray::{Array, Array1, Array2, Array3, ArrayView, Dimension, ShapeBuilder, s};
use reweight_ndarray::prelude::*;
use reweight_ndarray::reweight::{
    AlphaBalance, Focal, Ghm, HessianForm, LogitAdjustment, LossError, Poly1, PosWeight, VectorScaling,
};
use reweight_ndarray::{BceTarget, Float, SecondOrder};

/// A type of 16 bits.
trait Half: Float + BceTarget + Copy + Debug + PartialEq {
    const NAME: &'static str;
    const LARGEST: f32;
    fn from_f32(value: f32) -> Self;
    fn to_f32(self) -> f32;
}

macro_rules! half {
    ($($half:ident)*) => {$(
        impl Half for $half {
            const NAME: &'static str = stringify!($half);
            const LARGEST: f32 = $half::MAX.to_f32_const();
            fn from_f32(value: f32) -> Self {
                $half::from_f32(value)
            }
            fn to_f32(self) -> f32 {
                $half::to_f32(self)
            }
        }
    )*};
}
half!(f16 bf16);

const REDUCTIONS: [Reduction; 6] = [
    Reduction::Mean,
    Reduction::Sum,
    Reduction::WeightedMean,
    Reduction::Positives,
    Reduction::Divisor(700.0),
    Reduction::None,
];

/// Numbers between ±15, of which no two neighbours are alike.
fn numbers<H: Half>(n: usize) -> Array1<H> {
    (0..n).map(|i| H::from_f32(((i * 7919) % 1009) as f32 * 0.03 - 15.0)).collect()
}

fn wide<H: Half, D: Dimension>(array: &ArrayView<'_, H, D>) -> Array<f32, D> {
    array.mapv(H::to_f32)
}

/// Every array of `narrow` is that of `wide`, rounded once; all else is the same.
fn assert_rounded<H: Half, D: Dimension, E: Dimension>(
    narrow: &SecondOrder<H, D, E>,
    wide: &SecondOrder<f32, D, E>,
    what: impl Debug,
) {
    assert_eq!(narrow.outcome.summary, wide.outcome.summary, "{what:?}");
    assert_eq!(narrow.outcome.grad, wide.outcome.grad.mapv(H::from_f32), "{what:?}: gradient");
    assert_eq!(narrow.outcome.weights, wide.outcome.weights.mapv(H::from_f32), "{what:?}: weights");
    assert_eq!(narrow.outcome.losses, wide.outcome.losses.mapv(H::from_f32), "{what:?}: losses");
    assert_eq!(narrow.hessian, wide.hessian.mapv(H::from_f32), "{what:?}: second derivatives");
}

/// A batch for BCE, in two dimensions so that columns can be told apart.
struct Batch<H, T> {
    logits: Array2<H>,
    targets: Array2<T>,
    valid: Array2<bool>,
    sample_weight: Array2<H>,
}

impl<H: Half, T: BceTarget + Copy> Batch<H, T> {
    fn new(rows: usize, columns: usize, target: impl Fn(usize) -> T) -> Self {
        let n = rows * columns;
        let shape = (rows, columns);
        let mut logits: Array2<H> = numbers(n).into_shape_with_order(shape).unwrap();
        let valid = Array2::from_shape_fn(shape, |(i, j)| !(i * columns + j).is_multiple_of(13));
        // What does not count may hold anything.
        logits.zip_mut_with(&valid, |logit, &valid| {
            if !valid {
                *logit = H::from_f32(f32::NAN);
            }
        });
        Self {
            logits,
            targets: Array2::from_shape_fn(shape, |(i, j)| target(i * columns + j)),
            valid,
            sample_weight: Array2::from_shape_fn(shape, |(i, j)| H::from_f32(((i + j) % 7) as f32 * 0.37)),
        }
    }

    /// The step of the batch, and of the same in `f32` with targets that are `as_wide`.
    fn check<U: BceTarget>(&self, loss: &BceLoss<impl SampleWeighter>, as_wide: impl Fn(T) -> U, what: impl Debug) {
        let form = HessianForm::GaussNewton;
        let mut other = loss.clone();
        let batch = BceBatch::new(&self.logits, &self.targets).valid(&self.valid).sample_weight(&self.sample_weight);
        let (logits, sample_weight) = (wide(&self.logits.view()), wide(&self.sample_weight.view()));
        let targets = self.targets.mapv(as_wide);
        let expected = BceBatch::new(&logits, &targets).valid(&self.valid).sample_weight(&sample_weight);
        assert_eq!(batch.value(loss), expected.value(loss), "{what:?}");
        assert_eq!(batch.statistics(loss), expected.statistics(loss), "{what:?}");
        let (mut step, mut all) = (other.clone(), loss.clone());
        let narrow = batch.second_order(&mut step, form).unwrap();
        assert_rounded(&narrow, &expected.second_order(&mut other, form).unwrap(), &what);
        assert_eq!(step.state(), other.state(), "{what:?}");
        assert_eq!(batch.outcome(&mut all).unwrap().grad, narrow.outcome.grad, "{what:?}");
    }
}

fn bce_is_rounded_once<H: Half>() {
    // Short of a register, of a block, of a stretch, and several stretches.
    for rows in [1, 5, 90, 9_001] {
        let hard = Batch::<H, u8>::new(rows, 5, |i| u8::from(i % 17 == 0));
        let soft = Batch::<H, H>::new(rows, 5, |i| H::from_f32((i % 9) as f32 * 0.125));
        for reduction in REDUCTIONS {
            let what = (H::NAME, rows, reduction);
            let alpha_focal = (AlphaBalance::binary(0.25).unwrap(), Focal::new(1.5).unwrap());
            let loss = BceLoss::new(alpha_focal).with_reduction(reduction).unwrap();
            hard.check(&loss, u8::from, what);
            soft.check(&loss, H::to_f32, what);
            let observing =
                BceLoss::new((Ghm::new(10, 0.75).unwrap(), PosWeight::new(vec![1.0, 2.0, 3.0, 4.0, 5.0]).unwrap()))
                    .adjusted(VectorScaling::new(1.25, vec![0.0, 0.5, -0.5, 1.0, 0.25]).unwrap())
                    .with_base(Poly1::new(0.5).unwrap())
                    .with_reduction(reduction)
                    .unwrap();
            hard.check(&observing, u8::from, what);
            // Floats that are all 0 or 1 are hard.
            let floats = Batch::<H, H>::new(rows, 5, |i| H::from_f32((i % 2) as f32));
            floats.check(&observing, H::to_f32, what);
        }
    }
}

fn softmax_is_rounded_once<H: Half>() {
    // Rows as lanes, along the registers, and longer than a stretch.
    for (rows, classes) in [(1, 2), (7, 3), (900, 10), (130, 32), (67, 33), (300, 1000), (3, 20_000)] {
        let logits: Array2<H> = numbers(rows * classes).into_shape_with_order((rows, classes)).unwrap();
        let labels: Array1<i64> =
            (0..rows).map(|row| if row % 11 == 3 { -1 } else { ((row * 31) % classes) as i64 }).collect();
        let sample_weight: Array1<H> = (0..rows).map(|row| H::from_f32((row % 5) as f32 * 0.3)).collect();
        let (wide_logits, wide_weight) = (wide(&logits.view()), wide(&sample_weight.view()));
        for (reduction, smoothing) in REDUCTIONS.into_iter().zip([0.0, 0.1].into_iter().cycle()) {
            let counts: Vec<u64> = (1..=classes as u64).collect();
            let plain = SoftmaxLoss::new((Focal::new(2.0).unwrap(), Ghm::new(30, 0.75).unwrap()))
                .with_ignore_index(-1)
                .with_label_smoothing(smoothing)
                .unwrap()
                .with_reduction(reduction)
                .unwrap();
            let adjusted = plain.clone().adjusted(LogitAdjustment::from_counts(&counts, 1.0).unwrap());
            for loss in [plain, adjusted] {
                let what = (H::NAME, rows, classes, reduction, smoothing);
                let batch = SoftmaxBatch::new(&logits, &labels).sample_weight(&sample_weight);
                let expected = SoftmaxBatch::new(&wide_logits, &labels).sample_weight(&wide_weight);
                assert_eq!(batch.value(&loss), expected.value(&loss), "{what:?}");
                assert_eq!(batch.statistics(&loss), expected.statistics(&loss), "{what:?}");
                let (mut step, mut other, mut all) = (loss.clone(), loss.clone(), loss);
                let form = HessianForm::Exact;
                let narrow = batch.second_order(&mut step, form).unwrap();
                assert_rounded(&narrow, &expected.second_order(&mut other, form).unwrap(), what);
                assert_eq!(step.state(), other.state(), "{what:?}");
                assert_eq!(batch.outcome(&mut all).unwrap().grad, narrow.outcome.grad, "{what:?}");
            }
        }
    }
}

#[test]
fn f16_is_rounded_once() {
    bce_is_rounded_once::<f16>();
    softmax_is_rounded_once::<f16>();
}

#[test]
fn bf16_is_rounded_once() {
    bce_is_rounded_once::<bf16>();
    softmax_is_rounded_once::<bf16>();
}

/// Every second element along both axes, backwards along the first.
fn gaps_and_orders_change_nothing<H: Half>() {
    let (rows, columns) = (301, 67);
    let double: Array2<H> = numbers(4 * rows * columns).into_shape_with_order((2 * rows, 2 * columns)).unwrap();
    let logits = double.slice(s![..;-2, ..;2]);
    let targets = Array2::from_shape_fn((rows, columns).f(), |(i, j)| (i * 3 + j) % 5 == 0);
    let values: Vec<f64> = (0..columns).map(|column| 1.0 + column as f64 * 0.1).collect();
    let mut loss = BceLoss::new((Focal::new(2.0).unwrap(), PosWeight::new(values).unwrap()));
    let expected = loss.value_and_grad(&wide(&logits), &targets).unwrap();
    let mut grad = Array2::from_elem((2 * rows, columns), H::from_f32(9.0));
    let summary = loss.value_and_grad_into(logits, &targets, grad.slice_mut(s![..;2, ..])).unwrap();
    assert_eq!(summary.valid, expected.summary.valid);
    // The order of the sums is that of the memory; each slope is its own.
    assert_eq!(grad.slice(s![..;2, ..]), expected.grad.mapv(H::from_f32), "{}", H::NAME);
    assert!(grad.slice(s![1..;2, ..]).iter().all(|&slope| slope == H::from_f32(9.0)), "{}", H::NAME);

    let (n, classes, inner) = (41, 9, 50);
    let logits: Array3<H> = numbers(n * classes * inner).into_shape_with_order((n, classes, inner)).unwrap();
    let labels = Array2::from_shape_fn((n, inner), |(i, j)| ((i + j) % classes) as u8);
    let mut loss = SoftmaxLoss::new(Focal::new(2.0).unwrap());
    let expected = loss.value_and_grad(&wide(&logits.view()), &labels).unwrap();
    let step = loss.value_and_grad(&logits, &labels).unwrap();
    assert_eq!(step.summary, expected.summary, "{}", H::NAME);
    assert_eq!(step.grad, expected.grad.mapv(H::from_f32), "{}", H::NAME);
}

#[test]
fn f16_with_gaps_is_the_same() {
    gaps_and_orders_change_nothing::<f16>();
}

#[test]
fn bf16_with_gaps_is_the_same() {
    gaps_and_orders_change_nothing::<bf16>();
}

/// What `step` says with `threads` threads.
fn with_threads<R: Send>(threads: usize, step: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(step)
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let n = 200_003;
    let logits = numbers::<f16>(n);
    let targets: Array1<u8> = (0..n).map(|i| u8::from(i % 17 == 0)).collect();
    let step = |threads| {
        let mut loss = BceLoss::new(Ghm::new(30, 0.75).unwrap()).with_reduction(Reduction::WeightedMean).unwrap();
        with_threads(threads, || loss.value_and_grad(&logits, &targets).unwrap())
    };
    let alone = step(1);
    assert_eq!(alone, step(2));
    assert_eq!(alone, step(5));
}

/// A gradient beyond the type is an error that says so; state and gradient are as they were or 0.
fn overflow_is_refused<H: Half>(slope: f64) {
    let n = 40_000;
    let at = 33_333;
    let mut logits = Array1::from_elem(n, H::from_f32(-20.0));
    logits[at] = H::from_f32(10.0);
    let targets = Array1::from_elem(n, 0_u8);
    let weighter = |scale| (Ghm::new(10, 0.75).unwrap(), AlphaBalance::per_class(&[scale, scale]).unwrap());
    // A small divisor, so that weights and losses fit where the gradient does not.
    let plain = BceLoss::new(weighter(1.0)).with_reduction(Reduction::Divisor(1e-3)).unwrap();
    let step = plain.clone().value_and_grad(&wide(&logits.view()), &targets).unwrap();
    let scale = slope / f64::from(step.grad[at]);
    let mut loss = BceLoss::new(weighter(scale)).with_reduction(plain.reduction()).unwrap();
    let before = loss.state();
    let mut grad = Array1::from_elem(n, H::from_f32(1.0));
    let error = loss.value_and_grad_into(&logits, &targets, &mut grad).unwrap_err();
    let LossError::Overflow { quantity, index, value, format, largest, .. } = error.clone() else {
        panic!("{}: {error}", H::NAME)
    };
    assert_eq!((quantity, index, format, largest), ("gradient", at, H::NAME, f64::from(H::LARGEST)));
    assert!(value > largest, "{value}");
    assert_eq!(loss.state(), before);
    assert!(grad.iter().all(|&slope| slope == H::from_f32(0.0) || slope == H::from_f32(1.0)));
    assert!(grad.windows(2).into_iter().all(|pair| pair[0] == pair[1]), "half a step");
    // A loss is no gradient.
    assert!(loss.value(&logits, &targets).is_ok());
    // What the message advises.
    let mut mean = loss.clone().with_reduction(Reduction::Mean).unwrap();
    assert!(mean.value_and_grad(&logits, &targets).is_ok());
    assert!(loss.value_and_grad(&wide(&logits.view()), &targets).is_ok());

    // Softmax, where a row's weight is beyond it: wanted, it is refused, and else not.
    let labels: Array1<usize> = (0..64).map(|row| usize::from(row == 1)).collect();
    let rows = Array2::from_shape_fn((64, 3), |(i, j)| H::from_f32(if j == labels[i] { 20.0 } else { -1.0 }));
    let mut loss = SoftmaxLoss::new(AlphaBalance::per_class(&[1.0, slope, 1.0]).unwrap());
    let error = SoftmaxBatch::new(&rows, &labels).outcome(&mut loss).unwrap_err();
    assert!(matches!(&error, LossError::Overflow { quantity: "weight", index: 1, .. }), "{}: {error}", H::NAME);
    assert!(loss.value_and_grad(&rows, &labels).is_ok());
}

#[test]
fn f16_beyond_its_largest_is_refused() {
    overflow_is_refused::<f16>(1e5);
}

#[test]
fn bf16_beyond_its_largest_is_refused() {
    // Between the largest `bf16` and the largest `f32` there is little room: half of the former's last place.
    overflow_is_refused::<bf16>(3.4e38);
}

#[test]
fn bad_input_is_refused_as_that_of_other_floats() {
    let targets = Array1::from_elem(600, 0_u8);
    let mut loss = BceLoss::new(Ghm::new(10, 0.75).unwrap());
    let before = loss.state();
    for bad in [f16::INFINITY, f16::NAN] {
        let mut logits = Array1::from_elem(600, f16::ONE);
        logits[513] = bad;
        let error = loss.value_and_grad(&logits, &targets).unwrap_err();
        assert!(matches!(error, LossError::NonFiniteLogit { index: 513, .. }), "{error}");
    }
    let logits = Array1::from_elem(600, bf16::ONE);
    let mut weights = Array1::from_elem(600, bf16::ONE);
    weights[99] = bf16::NEG_ONE;
    let error = BceBatch::new(&logits, &targets).sample_weight(&weights).value_and_grad(&mut loss).unwrap_err();
    assert!(matches!(error, LossError::SampleWeight { index: 99, weight: -1.0 }), "{error}");
    let mut soft = Array1::from_elem(600, bf16::ZERO);
    soft[7] = bf16::from_f32(1.5);
    let error = loss.value_and_grad(&logits, &soft).unwrap_err();
    assert!(matches!(error, LossError::Target { index: 7, target: 1.5 }), "{error}");
    let rows = logits.into_shape_with_order((200, 3)).unwrap();
    let mut softmax = SoftmaxLoss::new(Focal::new(2.0).unwrap());
    let error = softmax.value_and_grad(&rows, &Array1::from_elem(200, 3)).unwrap_err();
    assert!(matches!(error, LossError::Label { index: 0, label: 3, .. }), "{error}");
    assert_eq!(loss.state(), before);
}

#[test]
fn a_loss_of_nothing_is_nothing() {
    let mut loss = BceLoss::new(Focal::new(2.0).unwrap()).with_reduction(Reduction::WeightedMean).unwrap();
    let step = loss.value_and_grad(&Array1::<f16>::from_vec(Vec::new()), &Array1::<u8>::zeros(0)).unwrap();
    assert_eq!((step.loss(), step.grad.len()), (Some(0.0), 0));
}
