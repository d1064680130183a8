//! The loss as a node of the tape: scaled, added, accumulated, per sample.

use dfdx::prelude::*;
use reweight_dfdx::BceBatch;
use reweight_dfdx::prelude::{BceLoss, Reduction, SampleWeighter, SoftmaxLoss, TensorLoss};
use reweight_dfdx::reweight::{AlphaBalance, Focal};

use crate::support::{assert_all_close, assert_close, spread, thirds};

type Logits<T = NoneTape> = Tensor<Rank2<4, 6>, f64, Cpu, T>;

/// Sums of the same products in another order, in `f64`.
const ROUNDING: f64 = 1e-14;

fn batch(dev: &Cpu) -> (Logits, Tensor<Rank2<4, 6>, u8, Cpu>) {
    (dev.tensor(spread(24, -5.0, 5.0)), dev.tensor(thirds(24)))
}

fn focal() -> BceLoss<(AlphaBalance, Focal)> {
    BceLoss::new((AlphaBalance::binary(0.25).unwrap(), Focal::new(2.0).unwrap()))
}

fn gradient<W: SampleWeighter>(loss: &mut BceLoss<W>, dev: &Cpu) -> Vec<f64> {
    let (logits, targets) = batch(dev);
    loss.forward(logits.leaky_trace(), &targets).unwrap().backward().get(&logits).as_vec()
}

fn times(values: &[f64], factor: f64) -> Vec<f64> {
    values.iter().map(|value| value * factor).collect()
}

#[test]
fn scaling_the_loss_scales_the_gradient() {
    let dev = Cpu::default();
    let (logits, targets) = batch(&dev);
    let once = gradient(&mut focal(), &dev);
    assert!(once.iter().any(|slope| slope.abs() > 1e-3));
    let scaled = focal().forward(logits.leaky_trace(), &targets).unwrap() * -3.0;
    assert_all_close(&scaled.backward().get(&logits).as_vec(), &times(&once, -3.0), ROUNDING);
}

#[test]
fn losses_on_the_same_logits_add_up() {
    let dev = Cpu::default();
    let (logits, targets) = batch(&dev);
    let mut plain = BceLoss::new(());
    let expected: Vec<f64> =
        gradient(&mut focal(), &dev).iter().zip(gradient(&mut plain, &dev)).map(|(a, b)| a + 2.0 * b).collect();
    let traced = logits.leaky_trace();
    let second = traced.with_empty_tape();
    let first = focal().forward(traced, &targets).unwrap();
    let sum = first + plain.forward(second, &targets).unwrap() * 2.0;
    assert_all_close(&sum.backward().get(&logits).as_vec(), &expected, ROUNDING);
}

#[test]
fn a_loss_of_dfdx_can_be_added() {
    let dev = Cpu::default();
    let (logits, targets) = batch(&dev);
    let traced = logits.leaky_trace();
    let penalty = traced.with_empty_tape().square().mean() * 0.1;
    let total = focal().forward(traced, &targets).unwrap() + penalty;
    let ours = gradient(&mut focal(), &dev);
    let expected: Vec<f64> =
        ours.iter().zip(logits.as_vec()).map(|(slope, logit)| slope + 0.1 * 2.0 * logit / 24.0).collect();
    assert_all_close(&total.backward().get(&logits).as_vec(), &expected, ROUNDING);
}

#[test]
fn gradients_accumulate_over_batches() {
    type Batch = (Tensor<Rank2<5, 6>, f64, Cpu>, Tensor<Rank2<5, 1>, u8, Cpu>);
    let dev = Cpu::default();
    let model = dev.build_module::<Linear<6, 1>, f64>();
    let batches: Vec<Batch> = (0..2)
        .map(|i| {
            let low = -2.0 + f64::from(i);
            (dev.tensor(spread(30, low, 2.0)), dev.tensor(thirds(5)))
        })
        .collect();
    let mut expected = vec![0.0; 6];
    for (features, targets) in &batches {
        let logits = model.forward(features.leaky_trace());
        let gradients = focal().forward(logits, targets).unwrap().backward();
        for (sum, slope) in expected.iter_mut().zip(gradients.get(&model.weight).as_vec()) {
            *sum += slope;
        }
    }
    let mut gradients = model.alloc_grads();
    for (features, targets) in &batches {
        let logits = model.forward(features.trace(gradients));
        gradients = focal().forward(logits, targets).unwrap().backward();
    }
    assert_all_close(&gradients.get(&model.weight).as_vec(), &expected, ROUNDING);
}

#[test]
fn the_sum_of_each_is_the_reduction_sum() {
    let dev = Cpu::default();
    let (logits, targets) = batch(&dev);
    let mut summed = focal().with_reduction(Reduction::Sum).unwrap();
    let expected = gradient(&mut summed, &dev);
    let value = summed.forward(logits.clone(), &targets).unwrap().array();
    // Whatever the loss's own reduction is, the losses are not divided by its denominator.
    for reduction in [Reduction::None, Reduction::Mean, Reduction::WeightedMean] {
        let mut loss = focal().with_reduction(reduction).unwrap();
        let sum = loss.forward_each(logits.leaky_trace(), &targets).unwrap().sum::<Rank0, _>();
        assert_close(sum.array(), value, ROUNDING);
        assert_all_close(&sum.backward().get(&logits).as_vec(), &expected, ROUNDING);
        assert_eq!(loss.reduction(), reduction);
    }
}

#[test]
fn factors_on_each_act_as_sample_weights() {
    let dev = Cpu::default();
    let (logits, targets) = batch(&dev);
    let factors: Logits = dev.tensor(spread(24, 0.0, 3.0));
    let mut loss = focal().with_reduction(Reduction::Sum).unwrap();
    let weighted = BceBatch::new(logits.leaky_trace(), &targets).sample_weight(&factors).forward(&mut loss).unwrap();
    let each = loss.forward_each(logits.leaky_trace(), &targets).unwrap();
    let product = (each * factors).sum::<Rank0, _>();
    assert_close(product.array(), weighted.array(), ROUNDING);
    let expected = weighted.backward().get(&logits).as_vec();
    assert_all_close(&product.backward().get(&logits).as_vec(), &expected, ROUNDING);
}

#[test]
fn factors_on_each_row_act_as_sample_weights() {
    let dev = Cpu::default();
    let (logits, _) = batch(&dev);
    let labels = dev.tensor([0_usize, 5, 2, 1]);
    let factors = dev.tensor([0.5, 2.0, 0.0, 1.5]);
    let mut loss = SoftmaxLoss::new(Focal::new(1.5).unwrap())
        .with_reduction(Reduction::Sum)
        .unwrap()
        .with_label_smoothing(0.1)
        .unwrap();
    let batch = reweight_dfdx::SoftmaxBatch::new(logits.leaky_trace(), &labels).sample_weight(&factors);
    let weighted = batch.forward(&mut loss).unwrap();
    let product = (loss.forward_each(logits.leaky_trace(), &labels).unwrap() * factors).sum::<Rank0, _>();
    assert_close(product.array(), weighted.array(), ROUNDING);
    let expected = weighted.backward().get(&logits).as_vec();
    assert_all_close(&product.backward().get(&logits).as_vec(), &expected, ROUNDING);
}

#[test]
fn the_weights_of_each_are_the_weighters() {
    let dev = Cpu::default();
    let (logits, targets) = batch(&dev);
    let each = BceBatch::new(logits.clone(), &targets).each(&mut focal()).unwrap();
    let plain = BceBatch::new(logits, &targets).each(&mut BceLoss::new(())).unwrap();
    let product: Vec<f64> =
        each.weights.as_vec().iter().zip(plain.losses.as_vec()).map(|(weight, loss)| weight * loss).collect();
    assert_all_close(&each.losses.as_vec(), &product, ROUNDING);
    assert_close(each.weights.as_vec().iter().sum(), each.summary.weight_sum, ROUNDING);
    assert_close(each.losses.mean::<Rank0, _>().array(), each.summary.loss.unwrap(), ROUNDING);
}
