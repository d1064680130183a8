//! The gradient through a whole network, against finite differences of the loss.

use dfdx::nn::modules::Linear;
use dfdx::prelude::{Linear as LinearBuilder, *};
use reweight_dfdx::prelude::{BceLoss, SoftmaxLoss, TensorLoss};
use reweight_dfdx::reweight::{AlphaBalance, Focal};

use crate::support::{spread, thirds};

type Builder<const OUT: usize> = ((LinearBuilder<3, 5>, Tanh), LinearBuilder<5, OUT>);
type Model<const OUT: usize> = ((Linear<3, 5, f64, Cpu>, Tanh), Linear<5, OUT, f64, Cpu>);
type Taped<S> = Tensor<S, f64, Cpu, OwnedTape<f64, Cpu>>;

/// Central differences with a step of 1e-5 are off by about the step squared, and by rounding (1e-16) over the step.
const STEP: f64 = 1e-5;
const TOLERANCE: f64 = 1e-9;

fn agrees<const OUT: usize>(mut model: Model<OUT>, mut loss: impl FnMut(Taped<Rank2<8, OUT>>) -> Taped<Rank0>) {
    let features: Tensor<Rank2<8, 3>, f64, _> = Cpu::default().tensor(spread(24, -2.0, 2.0));
    let mut run = |model: &Model<OUT>| loss(model.forward(features.leaky_trace()));
    let slopes = run(&model).backward().get(&model.0.0.weight).array();
    for [i, j] in [[0, 0], [2, 1], [4, 2]] {
        let mut at = |step: f64| {
            model.0.0.weight[[i, j]] += step;
            let value = run(&model).array();
            model.0.0.weight[[i, j]] -= step;
            value
        };
        let slope = (at(STEP) - at(-STEP)) / (2.0 * STEP);
        assert!((slopes[i][j] - slope).abs() < TOLERANCE, "{} against {slope}", slopes[i][j]);
        assert!(slope.abs() > 1e4 * TOLERANCE, "a slope of {slope} shows nothing");
    }
}

fn alpha_focal(gamma: f64) -> BceLoss<(AlphaBalance, Focal)> {
    BceLoss::new((AlphaBalance::binary(0.25).unwrap(), Focal::new(gamma).unwrap()))
}

#[test]
fn bce() {
    let dev = Cpu::seed_from_u64(1);
    let targets: Tensor<Rank2<8, 2>, u8, _> = dev.tensor(thirds(16));
    let mut loss = alpha_focal(2.0);
    agrees(dev.build_module::<Builder<2>, f64>(), |logits| loss.forward(logits, &targets).unwrap());
}

#[test]
fn bce_per_sample() {
    let dev = Cpu::seed_from_u64(2);
    let targets: Tensor<Rank2<8, 2>, f64, _> = dev.tensor(spread(16, 0.0, 1.0));
    let mut loss = alpha_focal(0.5);
    // The worst samples' losses, softly chosen: what a scalar loss cannot say.
    agrees(dev.build_module::<Builder<2>, f64>(), |logits| loss.forward_each(logits, &targets).unwrap().square().sum());
}

#[test]
fn softmax() {
    let dev = Cpu::seed_from_u64(3);
    let labels: Tensor<Rank1<8>, usize, _> = dev.tensor([0, 1, 2, 3, 0, 1, 2, 3]);
    let gammas = Focal::per_class(&[0.5, 1.0, 2.0, 4.0]).unwrap();
    let mut loss = SoftmaxLoss::new(gammas).with_label_smoothing(0.1).unwrap();
    agrees(dev.build_module::<Builder<4>, f64>(), |logits| loss.forward(logits, &labels).unwrap());
}

#[test]
fn softmax_per_row() {
    let dev = Cpu::seed_from_u64(4);
    let labels: Tensor<Rank1<8>, usize, _> = dev.tensor([0, 1, 2, 3, 0, 1, 2, 3]);
    let mut loss = SoftmaxLoss::new(Focal::new(1.0).unwrap());
    agrees(dev.build_module::<Builder<4>, f64>(), |logits| loss.forward_each(logits, &labels).unwrap().square().sum());
}
