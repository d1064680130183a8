//! Shapes, layouts and number types: whatever way the same numbers lie in a tensor, loss and gradient are the same.

use dfdx::prelude::*;
use reweight_dfdx::Element;
use reweight_dfdx::prelude::{BceLoss, Reduction, SoftmaxLoss, TensorLoss};
use reweight_dfdx::reweight::reference;
use reweight_dfdx::reweight::{AlphaBalance, Focal};
use reweight_dfdx::{BceBatch, SoftmaxBatch};

use crate::support::{assert_all_close, assert_close, spread, thirds};

/// The accuracy that the project states for each precision, relative to the reference's `f64`.
const SINGLE: f64 = 4e-6;
const DOUBLE: f64 = 1e-11;

fn focal() -> BceLoss<(AlphaBalance, Focal)> {
    BceLoss::new((AlphaBalance::binary(0.25).unwrap(), Focal::new(1.5).unwrap()))
}

fn softmax() -> SoftmaxLoss<Focal> {
    SoftmaxLoss::new(Focal::new(1.5).unwrap()).with_label_smoothing(0.1).unwrap()
}

fn reference_bce(logits: &[f64], targets: &[u8]) -> reference::Outcome {
    let targets: Vec<i64> = targets.iter().map(|&target| target.into()).collect();
    let batch = reference::BceBatch::new(logits, reference::BceTargets::Hard(&targets));
    batch.value_and_grad(&mut focal()).unwrap()
}

/// The numbers in precision `E`, and what the reference makes of them once they are rounded to it.
fn rounded<E: Element>(values: &[f64]) -> (Vec<E>, Vec<f64>) {
    let values: Vec<E> = values.iter().map(|&value| E::nearest(value)).collect();
    let wide = values.iter().map(|&value| value.into()).collect();
    (values, wide)
}

fn bce_agrees<S: Shape, E: Element>(shape: S, tolerance: f64)
where
    Cpu: Device<E>,
{
    let dev = Cpu::default();
    let count = shape.num_elements();
    let (values, wide) = rounded::<E>(&spread(count, -8.0, 8.0));
    let hard = thirds(count);
    let expected = reference_bce(&wide, &hard);
    let logits: Tensor<S, E, _> = dev.tensor((values, shape));
    let targets = dev.tensor((hard, shape));
    let on_tape = focal().forward(logits.leaky_trace(), &targets).unwrap();
    assert_close(on_tape.array().into(), expected.summary.loss.unwrap(), tolerance);
    assert_all_close(&on_tape.backward().get(&logits).as_vec(), &expected.grad, tolerance);
    let each = focal().forward_each(logits, &targets).unwrap();
    assert_all_close(&each.as_vec(), &expected.losses, tolerance);
}

fn bce_agrees_in_all_shapes<E: Element>(tolerance: f64)
where
    Cpu: Device<E>,
{
    bce_agrees::<_, E>((), tolerance);
    bce_agrees::<_, E>((Const::<7>,), tolerance);
    bce_agrees::<_, E>((3, Const::<5>), tolerance);
    bce_agrees::<_, E>([4, 3, 5], tolerance);
    bce_agrees::<_, E>((2, 3, Const::<1>, 4), tolerance);
    bce_agrees::<_, E>((1, 1, 100), tolerance);
}

#[test]
fn bce_in_single_precision() {
    bce_agrees_in_all_shapes::<f32>(SINGLE);
}

#[test]
fn bce_in_double_precision() {
    bce_agrees_in_all_shapes::<f64>(DOUBLE);
}

fn softmax_agrees<B: Dim, C: Dim, E: Element>(rows: B, classes: C, tolerance: f64)
where
    Cpu: Device<E>,
{
    let dev = Cpu::default();
    let count = rows.size() * classes.size();
    let (values, wide) = rounded::<E>(&spread(count, -8.0, 8.0));
    let labels: Vec<usize> = (0..rows.size()).map(|i| (i * i) % classes.size()).collect();
    let wide_labels: Vec<i64> = labels.iter().map(|&label| label as i64).collect();
    let batch = reference::SoftmaxBatch::new(&wide, classes.size(), &wide_labels);
    let expected = batch.value_and_grad(&mut softmax()).unwrap();
    let logits: Tensor<(B, C), E, _> = dev.tensor((values, (rows, classes)));
    let labels: Tensor<(B,), usize, _> = dev.tensor((labels, (rows,)));
    let on_tape = softmax().forward(logits.leaky_trace(), &labels).unwrap();
    assert_close(on_tape.array().into(), expected.summary.loss.unwrap(), tolerance);
    assert_all_close(&on_tape.backward().get(&logits).as_vec(), &expected.grad, tolerance);
    let each = softmax().forward_each(logits, &labels).unwrap();
    assert_all_close(&each.as_vec(), &expected.losses, tolerance);
}

#[test]
fn softmax_with_const_and_run_time_sizes() {
    softmax_agrees::<_, _, f32>(Const::<9>, Const::<4>, SINGLE);
    softmax_agrees::<_, _, f32>(9, Const::<4>, SINGLE);
    softmax_agrees::<_, _, f64>(9, 17, DOUBLE);
    softmax_agrees::<_, _, f64>(Const::<1>, 2, DOUBLE);
}

#[test]
fn softmax_over_the_second_of_many_axes() {
    let dev = Cpu::default();
    // (N, C, d) is (N, d, C) with its axes moved.
    let moved: Tensor<Rank3<2, 5, 3>, f64, _> = dev.tensor(spread(30, -4.0, 4.0));
    let labels: Tensor<Rank2<2, 5>, usize, _> = dev.tensor(vec![0, 1, 2, 0, 1, 2, 0, 1, 2, 0]);
    let flat: Tensor<Rank2<10, 3>, f64, _> = dev.tensor(moved.as_vec());
    let flat_labels: Tensor<Rank1<10>, usize, _> = dev.tensor(labels.as_vec());
    let expected = softmax().forward(flat.leaky_trace(), &flat_labels).unwrap();
    let found = softmax().forward(moved.leaky_trace().permute::<Rank3<2, 3, 5>, _>(), &labels).unwrap();
    assert_close(found.array(), expected.array(), DOUBLE);
    assert_all_close(&found.backward().get(&moved).as_vec(), &expected.backward().get(&flat).as_vec(), DOUBLE);
}

#[test]
fn permuted_logits() {
    let dev = Cpu::default();
    let logits: Tensor<Rank3<2, 3, 4>, f64, _> = dev.tensor(spread(24, -4.0, 4.0));
    let targets: Tensor<Rank3<4, 2, 3>, u8, _> = dev.tensor(thirds(24));
    let permuted = || logits.leaky_trace().permute::<Rank3<4, 2, 3>, Axes3<2, 0, 1>>();
    // The same numbers in the plain order, which dfdx makes of them by reading them out.
    let plain: Tensor<Rank3<4, 2, 3>, f64, _> = dev.tensor(permuted().as_vec());
    let expected = focal().forward(plain.leaky_trace(), &targets).unwrap();
    let expected_loss = expected.array();
    let slopes: Tensor<Rank3<4, 2, 3>, f64, _> = expected.backward().get(&plain);
    let slopes = slopes.permute::<Rank3<2, 3, 4>, Axes3<1, 2, 0>>().as_vec();

    let found = focal().forward(permuted(), &targets).unwrap();
    assert_close(found.array(), expected_loss, DOUBLE);
    assert_all_close(&found.backward().get(&logits).as_vec(), &slopes, DOUBLE);

    let each = focal().forward_each(permuted(), &targets).unwrap();
    let plain_each = focal().forward_each(plain, &targets).unwrap();
    assert_all_close(&each.as_vec(), &plain_each.as_vec(), DOUBLE);
    let mean = each.mean::<Rank0, _>();
    assert_all_close(&mean.backward().get(&logits).as_vec(), &slopes, DOUBLE);
}

#[test]
fn permuted_targets_masks_and_weights() {
    let dev = Cpu::default();
    let logits: Tensor<Rank2<4, 6>, f32, _> = dev.tensor(vec![0.5; 24]);
    let targets: Tensor<Rank2<6, 4>, f32, _> = dev.tensor(thirds(24).iter().map(|&t| t.into()).collect::<Vec<f32>>());
    let valid: Tensor<Rank2<6, 4>, bool, _> = dev.tensor((0..24).map(|i| i % 5 != 0).collect::<Vec<bool>>());
    let factors: Tensor<Rank2<6, 4>, f32, _> = dev.tensor((0..24).map(|i| i as f32).collect::<Vec<f32>>());
    // All logits are equal, so the loss of the transposed batch is that of the plain one.
    let plain: Tensor<Rank2<6, 4>, f32, _> = dev.tensor(vec![0.5; 24]);
    let expected = BceBatch::new(plain, &targets).valid(&valid).sample_weight(&factors).value(&focal()).unwrap();
    let (targets, valid, factors) = (targets.permute(), valid.permute(), factors.permute());
    let found = BceBatch::new(logits, &targets).valid(&valid).sample_weight(&factors).value(&focal()).unwrap();
    assert_eq!(found.valid, expected.valid);
    assert_close(found.loss.unwrap(), expected.loss.unwrap(), SINGLE);
}

#[test]
fn broadcast_logits_gather_the_gradients_of_their_copies() {
    let dev = Cpu::default();
    let logits: Tensor<Rank1<3>, f64, _> = dev.tensor([0.3, -1.2, 2.0]);
    let targets: Tensor<Rank3<2, 3, 4>, u8, _> = dev.tensor(thirds(24));
    let broadcast = || logits.leaky_trace().broadcast::<Rank3<2, 3, 4>, Axes2<0, 2>>();
    let plain: Tensor<Rank3<2, 3, 4>, f64, _> = dev.tensor(broadcast().as_vec());
    let expected = focal().forward(plain.leaky_trace(), &targets).unwrap();
    let expected_loss = expected.array();
    let sums: Tensor<Rank1<3>, f64, _> = expected.backward().get(&plain).sum();

    let found = focal().forward(broadcast(), &targets).unwrap();
    assert_close(found.array(), expected_loss, DOUBLE);
    assert_all_close(&found.backward().get(&logits).as_vec(), &sums.as_vec(), DOUBLE);
    let each = focal().forward_each(broadcast(), &targets).unwrap().mean::<Rank0, _>();
    assert_close(each.array(), expected_loss, DOUBLE);
    assert_all_close(&each.backward().get(&logits).as_vec(), &sums.as_vec(), DOUBLE);
}

#[test]
fn targets_of_every_kind_say_the_same() {
    let dev = Cpu::default();
    let logits = dev.tensor([1.5_f32, -0.3, 4.0, 0.0]);
    let expected = focal().value(&logits, &dev.tensor([1_u8, 0, 0, 1])).unwrap().loss.unwrap();
    let as_bool = focal().value(&logits, &dev.tensor([true, false, false, true])).unwrap();
    let as_usize = focal().value(&logits, &dev.tensor([1_usize, 0, 0, 1])).unwrap();
    let as_float = focal().value(&logits, &dev.tensor([1.0_f32, 0.0, 0.0, 1.0])).unwrap();
    for found in [as_bool, as_usize, as_float] {
        assert_close(found.loss.unwrap(), expected, SINGLE);
        assert_eq!(found.positives, 2);
    }
}

#[test]
fn soft_targets() {
    let dev = Cpu::default();
    let (x, t) = (spread(20, -3.0, 3.0), spread(20, 0.0, 1.0));
    let expected = reference::BceBatch::new(&x, reference::BceTargets::Soft(&t)).value_and_grad(&mut focal()).unwrap();
    let logits: Tensor<Rank2<4, 5>, f64, _> = dev.tensor(x);
    let targets: Tensor<Rank2<4, 5>, f64, _> = dev.tensor(t);
    let found = focal().forward(logits.leaky_trace(), &targets).unwrap();
    assert_close(found.array(), expected.summary.loss.unwrap(), DOUBLE);
    assert_all_close(&found.backward().get(&logits).as_vec(), &expected.grad, DOUBLE);
}

#[test]
fn what_is_masked_may_hold_anything() {
    let dev = Cpu::default();
    let logits = dev.tensor([1.5_f64, f64::NAN, 4.0]);
    let targets = dev.tensor([1.0_f64, 7.0, 0.0]);
    let valid = dev.tensor([true, false, true]);
    let found = BceBatch::new(logits.leaky_trace(), &targets).valid(&valid).reduced(&mut focal()).unwrap();
    let expected = reference_bce(&[1.5, 4.0], &[1, 0]);
    assert_eq!(found.summary.valid, 2);
    let slopes = found.loss.backward().get(&logits).array();
    assert_all_close(&[slopes[0], slopes[2]], &expected.grad, DOUBLE);
    assert_eq!(slopes[1], 0.0);

    let logits = dev.tensor([[0.5, 1.0], [f64::NAN, 0.0], [f64::INFINITY, 0.0]]);
    let labels = dev.tensor([1_usize, 9, 255]);
    let valid = dev.tensor([true, false, true]);
    let mut loss = softmax().with_ignore_index(255);
    let found = SoftmaxBatch::new(logits.leaky_trace(), &labels).valid(&valid).reduced(&mut loss).unwrap();
    assert_eq!(found.summary.valid, 1);
    assert_eq!(found.loss.backward().get(&logits).array()[1..], [[0.0; 2]; 2]);
}

#[test]
fn nothing_valid_is_a_loss_of_zero() {
    let dev = Cpu::default();
    let empty: Tensor<(usize, Const<3>), f32, _> = dev.zeros_like(&(0, Const));
    let targets: Tensor<(usize, Const<3>), bool, _> = dev.zeros_like(&(0, Const));
    let labels: Tensor<(usize,), usize, _> = dev.zeros_like(&(0,));
    for reduction in [Reduction::Mean, Reduction::Sum, Reduction::WeightedMean, Reduction::Positives] {
        let mut loss = focal().with_reduction(reduction).unwrap();
        let scalar = loss.forward(empty.leaky_trace(), &targets).unwrap();
        assert_eq!(scalar.array(), 0.0);
        let _ = scalar.backward();
        let scalar = softmax().with_reduction(reduction).unwrap().forward(empty.leaky_trace(), &labels).unwrap();
        assert_eq!(scalar.array(), 0.0);
    }
    assert_eq!(focal().forward_each(empty, &targets).unwrap().shape().0, 0);

    let logits = dev.tensor([2.0_f32, -1.0]);
    let (targets, valid) = (dev.tensor([true, false]), dev.tensor([false, false]));
    let scalar = BceBatch::new(logits.leaky_trace(), &targets).valid(&valid).forward(&mut focal()).unwrap();
    assert_eq!(scalar.array(), 0.0);
    assert_eq!(scalar.backward().get(&logits).array(), [0.0; 2]);
}
