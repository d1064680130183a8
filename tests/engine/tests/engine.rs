//! What only the engine promises: the same bits for any number of threads, any memory layout, and what a refused batch
//! leaves behind. The laws are in the workspace's tests.
#![allow(clippy::unwrap_used, reason = "a test's helpers may fail as the test itself may")]

use ndarray::{Array, Array1, Array2, Array3, ShapeBuilder, s};
use reweight_ndarray::prelude::*;
use reweight_ndarray::reweight::{AlphaBalance, Focal, Ghm, LossError, LossSummary, PosWeight, Real, Sample, State};

type Weighter = (AlphaBalance, Focal, Ghm);

fn weighter() -> Weighter {
    (AlphaBalance::binary(0.75).unwrap(), Focal::new(1.5).unwrap(), Ghm::new(10, 0.5).unwrap())
}

/// Evenly spread in [0, 1), the same on every machine.
fn spread(i: usize, salt: u64) -> f64 {
    let mixed = (i as u64 ^ salt << 40).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 11) as f64 / (1_u64 << 53) as f64
}

fn logits(n: usize) -> Array1<f32> {
    (0..n).map(|i| (spread(i, 1) * 16.0 - 10.0) as f32).collect()
}

fn targets(n: usize) -> Array1<u8> {
    (0..n).map(|i| u8::from(spread(i, 2) < 0.1)).collect()
}

/// Everything that a step leaves, as bits.
fn bits(summary: &LossSummary, grad: impl IntoIterator<Item = f32>, state: &State) -> (u64, u64, Vec<u32>, String) {
    let grad = grad.into_iter().map(f32::to_bits).collect();
    (summary.loss.unwrap().to_bits(), summary.weight_sum.to_bits(), grad, format!("{state:?}"))
}

#[test]
fn the_bits_do_not_depend_on_the_number_of_threads() {
    // Long enough for several leaves, with a ragged end.
    let n = 150_013;
    let (logits, targets) = (logits(n), targets(n));
    let valid: Array1<bool> = (0..n).map(|i| spread(i, 3) < 0.9).collect();
    let factors: Array1<f32> = (0..n).map(|i| spread(i, 4) as f32).collect();
    let rows = Array2::from_shape_fn((n / 7, 7), |(i, j)| logits[i * 7 + j]);
    let labels: Array1<i64> = (0..n / 7).map(|i| (spread(i, 5) * 7.0) as i64).collect();
    let step = || {
        let mut bce = BceLoss::new(weighter());
        let mut softmax = SoftmaxLoss::new(weighter()).with_label_smoothing(0.1).unwrap();
        let batch = BceBatch::new(&logits, &targets).valid(&valid).sample_weight(&factors);
        let first = batch.value_and_grad(&mut bce).unwrap();
        let second = SoftmaxBatch::new(&rows, &labels).value_and_grad(&mut softmax).unwrap();
        (bits(&first.summary, first.grad, &bce.state()), bits(&second.summary, second.grad, &softmax.state()))
    };
    let on = |threads: usize| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(step);
    let alone = on(1);
    for threads in [2, 3, 8] {
        assert!(on(threads) == alone, "{threads} threads give other bits than one");
    }
}

#[test]
fn any_layout_gives_the_same_gradient() {
    let (rows, columns) = (61, 45);
    let (flat, flags) = (logits(rows * columns), targets(rows * columns));
    let plain = Array2::from_shape_fn((rows, columns), |(i, j)| flat[i * columns + j]);
    let marks = Array2::from_shape_fn((rows, columns), |(i, j)| flags[i * columns + j]);
    let mut loss = BceLoss::new(Focal::new(2.0).unwrap());
    let expected = loss.value_and_grad(&plain, &marks).unwrap();

    let by_columns = Array2::from_shape_fn((rows, columns).f(), |at| plain[at]);
    let marks_by_columns = Array2::from_shape_fn((rows, columns).f(), |at| marks[at]);
    let spaced = Array2::from_shape_fn((2 * rows, 3 * columns), |(i, j)| plain[[i / 2, j / 3]]);
    let turned = Array2::from_shape_fn((rows, columns), |(i, j)| plain[[rows - 1 - i, j]]);
    let layouts = [
        ("by columns", by_columns.view()),
        ("spaced", spaced.slice(s![..;2, ..;3])),
        ("turned", turned.slice(s![..;-1, ..])),
    ];
    for (name, view) in layouts {
        for marks in [&marks, &marks_by_columns] {
            let found = loss.value_and_grad(view, marks).unwrap();
            assert_eq!(found.grad, expected.grad, "{name}");
            let (loss, wanted) = (found.summary.loss.unwrap(), expected.summary.loss.unwrap());
            // The order of the sum follows the memory, and with it the last bits.
            assert!((loss - wanted).abs() <= 1e-6 * wanted, "{name}: {loss} and {wanted}");
        }
    }

    // The caller's buffer may have a layout of its own, and what lies between its elements is not touched.
    let mut buffer = Array2::from_elem((2 * rows, columns).f(), 7.0_f32);
    loss.value_and_grad_into(&plain, &marks, buffer.slice_mut(s![..;2, ..])).unwrap();
    assert_eq!(buffer.slice(s![..;2, ..]), expected.grad);
    assert!(buffer.slice(s![1..;2, ..]).iter().all(|&untouched| untouched == 7.0));
}

#[test]
fn columns_go_on_from_one_block_to_the_next() {
    // At logit 0 a positive's slope is half of its weight.
    let (rows, weights) = (40_001, [2.0, 4.0, 10.0]);
    let (zeros, ones) = (Array2::<f32>::zeros((rows, 3)), Array2::<u8>::ones((rows, 3)));
    let mut loss = BceLoss::new(PosWeight::new(weights).unwrap()).with_reduction(Reduction::Sum).unwrap();
    let outcome = loss.value_and_grad(&zeros, &ones).unwrap();
    assert!(outcome.grad.indexed_iter().all(|((_, column), &slope)| slope == -0.5 * weights[column] as f32));
    // By columns in memory, and along the first axis.
    let by_columns = Array2::<f32>::zeros((rows, 3).f());
    assert_eq!(loss.value_and_grad(&by_columns, &ones).unwrap().grad, outcome.grad);
    let mut loss = BceLoss::new(PosWeight::new(weights).unwrap().along(0)).with_reduction(Reduction::Sum).unwrap();
    let outcome = loss.value_and_grad(&zeros.t(), &ones.t()).unwrap();
    assert!(outcome.grad.indexed_iter().all(|((column, _), &slope)| slope == -0.5 * weights[column] as f32));
    // Gaps in memory, and as many rows as columns.
    let (spaced, marks) = (Array2::<f32>::zeros((6, 9)), Array2::<u8>::ones((3, 3)));
    let mut across = BceLoss::new(PosWeight::new(weights).unwrap()).with_reduction(Reduction::Sum).unwrap();
    for (loss, axis) in [(&mut across, 1), (&mut loss, 0)] {
        let grad = loss.value_and_grad(spaced.slice(s![..;2, ..;3]), &marks).unwrap().grad;
        let of = |at: (usize, usize)| weights[if axis == 1 { at.1 } else { at.0 }] as f32;
        assert!(grad.indexed_iter().all(|(at, &slope)| slope == -0.5 * of(at)), "along axis {axis}: {grad}");
    }
    let wide = (Array2::<f32>::zeros((3, rows)), Array2::<u8>::ones((3, rows)));
    assert_eq!(loss.value_and_grad(&wide.0, &wide.1).unwrap().grad, outcome.grad);
}

#[test]
fn counts_are_the_references_wherever_a_column_stands() {
    use reweight_ndarray::reweight::{VectorScaling, reference};

    // Eighths, moved by halves: exact in either precision.
    let (rows, columns) = (20_003, 3);
    let logits =
        Array2::from_shape_fn((rows, columns), |(i, j)| (spread(i * columns + j, 8) * 64.0).floor() / 8.0 - 4.0);
    let targets = Array2::from_shape_fn((rows, columns), |(i, j)| i64::from(spread(i * columns + j, 9) < 0.3));
    let loss = BceLoss::new(Ghm::new(10, 0.5).unwrap()).adjusted(VectorScaling::new(1.0, [0.5, -1.0, 2.5]).unwrap());
    let (flat, labels) = (logits.as_slice().unwrap(), targets.as_slice().unwrap());
    let batch = reference::BceBatch::new(flat, reference::BceTargets::Hard(labels));
    let expected = reference::BceBatch { shape: Some(&[rows, columns]), ..batch }.statistics(&loss).unwrap();
    assert_eq!(BceBatch::new(&logits, &targets).statistics(&loss).unwrap(), expected);
    assert_eq!(BceBatch::new(&logits.mapv(|x| x as f32), &targets).statistics(&loss).unwrap(), expected);
}

/// Weighs more than a float holds where the sample is wrong.
#[derive(Clone, Debug)]
struct Exploding;

impl SampleWeighter for Exploding {
    fn weight<R: Real>(&self, sample: &Sample<R>) -> R {
        sample.q().scale(200.0).exp()
    }
}

#[test]
fn a_weight_that_is_no_number_is_named_with_the_samples_margin() {
    let margin = |error: LossError| match error {
        LossError::NotFinite { index, margin, .. } => (index, margin),
        other => panic!("{other}"),
    };
    for rows in [1, 50] {
        // All but the last are right.
        let logits =
            Array2::from_shape_fn(
                (rows, 3),
                |(i, j)| {
                    if i + 1 < rows { [9.0, 0.0, 0.0][j] } else { [0.0_f32, 1.0, 3.0][j] }
                },
            );
        let error = SoftmaxLoss::new(Exploding).value_and_grad(&logits, &Array1::<u8>::zeros(rows)).unwrap_err();
        let (index, found) = margin(error);
        // 0 − log(e + e³).
        assert!(index == rows - 1 && (found + 3.126_928).abs() < 1e-5, "{found} at {index}");
        let logits = Array1::from_shape_fn(rows, |i| if i + 1 < rows { -9.0 } else { 2.5_f32 });
        let error = BceLoss::new(Exploding).value_and_grad(&logits, &Array1::<u8>::zeros(rows)).unwrap_err();
        assert_eq!(margin(error), (rows - 1, -2.5));
    }
}

#[test]
fn classes_may_lie_along_the_second_of_several_axes() {
    let (batch, classes, height, width) = (3, 40, 4, 5);
    let logit = |n: usize, c: usize, h: usize, w: usize| {
        (spread(((n * classes + c) * height + h) * width + w, 6) * 8.0 - 4.0) as f32
    };
    let images = Array::from_shape_fn((batch, classes, height, width), |(n, c, h, w)| logit(n, c, h, w));
    let labels = Array3::from_shape_fn((batch, height, width), |(n, h, w)| (n * 7 + h * 3 + w) as u16 % 40);
    let place = |row: usize| (row / (height * width), row / width % height, row % width);
    let rows = Array2::from_shape_fn((batch * height * width, classes), |(row, c)| {
        let (n, h, w) = place(row);
        logit(n, c, h, w)
    });
    let flat: Array1<u16> = labels.iter().copied().collect();
    let mut loss = SoftmaxLoss::new(Focal::new(2.0).unwrap());
    let expected = loss.value_and_grad(&rows, &flat).unwrap();
    let found = loss.value_and_grad(&images, &labels).unwrap();
    assert_eq!(found.summary, expected.summary);
    for ((row, c), &slope) in expected.grad.indexed_iter() {
        let (n, h, w) = place(row);
        assert_eq!(found.grad[[n, c, h, w]], slope);
    }
}

#[test]
fn a_refused_batch_leaves_gradient_and_state_as_they_were() {
    let n = 40_000;
    let (mut logits, targets) = (logits(n), targets(n));
    let mut loss = BceLoss::new(weighter());
    loss.value_and_grad(&logits, &targets).unwrap();
    let before = loss.state();
    logits[n - 3] = f32::NAN;
    let mut grad = Array1::from_elem(n, 7.0_f32);
    let refused = loss.value_and_grad_into(&logits, &targets, &mut grad);
    assert!(matches!(refused, Err(LossError::NonFiniteLogit { index, .. }) if index == n - 3), "{refused:?}");
    assert!(grad.iter().all(|&untouched| untouched == 7.0));
    assert_eq!(loss.state(), before);
}

/// Targets of a wider float than the logits round to the logits' before they are hard or soft.
#[test]
fn targets_of_another_float_are_rounded_once() {
    let logits = Array1::from(vec![2.0_f32, 2.0, -1.0, 0.5]);
    let wide = Array1::from(vec![1.0 - 1e-16, 1e-50, 1.0, 0.0]);
    let narrow = Array1::from(vec![1.0_f32, 0.0, 1.0, 0.0]);
    let bits = |loss: &mut BceLoss<Weighter>| loss.value_and_grad(&logits, &narrow).unwrap();
    let expected = bits(&mut BceLoss::new(weighter()));
    let found = BceLoss::new(weighter()).value_and_grad(&logits, &wide).unwrap();
    assert_eq!((found.grad, found.summary), (expected.grad, expected.summary));

    let soft = Array1::from(vec![0.25_f64, 1e-50, 1.0, 0.5]);
    let found = BceLoss::new(weighter()).value_and_grad(&logits, &soft).unwrap();
    let expected = BceLoss::new(weighter()).value_and_grad(&logits, &soft.mapv(|target| target as f32)).unwrap();
    assert_eq!((found.grad, found.summary), (expected.grad, expected.summary));

    let beyond = Array1::from(vec![1.0_f64 + 1e-15, 0.0, 1.0, 0.0]);
    let refused = BceLoss::new(weighter()).value_and_grad(&logits, &beyond);
    assert!(matches!(refused, Err(LossError::Target { index: 0, .. })), "{refused:?}");

    let doubles = logits.mapv(f64::from);
    let found = BceLoss::new(weighter()).value_and_grad(&doubles, &narrow).unwrap();
    let expected = BceLoss::new(weighter()).value_and_grad(&doubles, &narrow.mapv(f64::from)).unwrap();
    assert_eq!((found.grad, found.summary), (expected.grad, expected.summary));
}

/// Settings that are floats in `f64` and none in `f32` give the largest float, never ∞·0.
#[test]
fn settings_beyond_the_narrow_floats_stay_finite() {
    let logits = Array1::from(vec![200.0_f32, -200.0, 0.0]);
    let targets = Array1::from(vec![1_u8, 0, 1]);
    let finite = |step: reweight_ndarray::LossAndGrad<f32, ndarray::Ix1>| {
        assert!(step.grad.iter().all(|slope| !slope.is_nan()), "{}", step.grad);
    };
    let divided = BceLoss::new(()).with_reduction(Reduction::Divisor(1e-39)).unwrap().value_and_grad(&logits, &targets);
    finite(divided.unwrap());
    finite(BceLoss::new(Focal::new(1e39).unwrap()).value_and_grad(&logits, &targets).unwrap());
    finite(BceLoss::new(AlphaBalance::per_class(&[1.0, 1e39]).unwrap()).value_and_grad(&logits, &targets).unwrap());
    finite(BceLoss::new(Focal::new(2.0).unwrap().scaled(1e39).unwrap()).value_and_grad(&logits, &targets).unwrap());
}

#[test]
fn second_derivatives_need_no_gradient_beside_them() {
    use reweight_ndarray::Buffers;
    use reweight_ndarray::reweight::HessianForm;
    // Narrow rows and wide ones take different ways.
    for classes in [1, 3, 50] {
        let rows = 40;
        let x = Array2::from_shape_fn((rows, classes), |(i, j)| (spread(i * classes + j, 6) * 8.0 - 4.0) as f32);
        let mut alone = Array2::from_elem((rows, classes), f32::NAN);
        let form = HessianForm::Exact;
        let expected = if classes == 1 {
            let labels = Array2::from_shape_fn((rows, 1), |(i, _)| u8::from(i % 3 == 0));
            let mut loss = BceLoss::new(Focal::new(2.0).unwrap());
            let batch = BceBatch::new(&x, &labels);
            batch
                .train_into(&mut loss, Buffers { hessian: Some((alone.view_mut(), form)), ..Buffers::none() })
                .unwrap();
            batch.second_order(&mut loss, form).unwrap().hessian
        } else {
            let labels: Array1<i64> = (0..rows).map(|i| (i % classes) as i64).collect();
            let mut loss = SoftmaxLoss::new(Focal::new(2.0).unwrap());
            let batch = SoftmaxBatch::new(&x, &labels);
            batch
                .train_into(&mut loss, Buffers { hessian: Some((alone.view_mut(), form)), ..Buffers::none() })
                .unwrap();
            batch.second_order(&mut loss, form).unwrap().hessian
        };
        assert_eq!(alone, expected, "{classes} classes");
    }
}

/// Float targets are taken for hard ones after a look at the first: one soft target at the very end must not go unseen.
#[test]
fn a_soft_target_counts_wherever_it_stands() -> Result<(), LossError> {
    const N: usize = 70_000;
    let logits = Array1::from_shape_fn(N, |at| (at % 37) as f32 / 5.0 - 3.0);
    let hard = Array1::from_shape_fn(N, |at| if at % 11 == 0 { 1.0_f32 } else { 0.0 });
    let mut loss = BceLoss::new(Focal::new(2.0)?);
    let expected = BceBatch::new(&logits, &hard.mapv(|target| target as u8)).value_and_grad(&mut loss)?;
    assert_eq!(BceBatch::new(&logits, &hard).value_and_grad(&mut loss)?, expected);

    let mut late = hard.clone();
    late[N - 1] = 0.25;
    let turned = |all: &Array1<f32>| all.slice(s![..;-1]).to_owned();
    let soft = BceBatch::new(&logits, &late).value_and_grad(&mut loss)?;
    let first = BceBatch::new(&turned(&logits), &turned(&late)).value_and_grad(&mut loss)?;
    assert_eq!(turned(&first.grad), soft.grad);
    assert_ne!(soft.grad[N - 1], expected.grad[N - 1]);
    // One that a mask leaves out changes nothing.
    let mask = Array1::from_shape_fn(N, |at| at != N - 1);
    let masked = BceBatch::new(&logits, &late).valid(&mask).value_and_grad(&mut loss)?;
    assert_eq!(masked, BceBatch::new(&logits, &hard).valid(&mask).value_and_grad(&mut loss)?);

    // Beyond the range it is refused, whether the others are hard or soft, and of the gradient nothing is left.
    let early = turned(&late);
    let wrong = [-0.5, 1.5, f32::NAN, f32::INFINITY];
    for (others, target) in [&hard, &late, &early].into_iter().flat_map(|others| wrong.map(|wrong| (others, wrong))) {
        for at in [1, N / 2, N - 2] {
            let mut targets = others.clone();
            targets[at] = target;
            let mut grad = Array1::from_elem(N, 7.0);
            let error = BceBatch::new(&logits, &targets).value_and_grad_into(&mut loss, &mut grad);
            assert!(matches!(error, Err(LossError::Target { index, .. }) if index == at), "{at} {target} {error:?}");
            assert!(grad.iter().all(|&slope| slope == 7.0 || slope == 0.0));
        }
    }
    Ok(())
}
