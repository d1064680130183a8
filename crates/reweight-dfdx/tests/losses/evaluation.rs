//! Training steps and evaluations: what observes, what leaves the state alone, and the three steps apart.

use dfdx::prelude::*;
use reweight_dfdx::prelude::{BceLoss, Reduction, SoftmaxLoss, TensorLoss};
use reweight_dfdx::reweight::Ghm;
use reweight_dfdx::{BceBatch, SoftmaxBatch};

use crate::support::{assert_all_close, ghm, spread, thirds};

type Batch = (Tensor<(usize,), f64, Cpu>, Tensor<(usize,), u8, Cpu>);

fn batch(dev: &Cpu, count: usize) -> Batch {
    (dev.tensor((spread(count, -4.0, 3.0), (count,))), dev.tensor((thirds(count), (count,))))
}

/// A loss whose state has seen a batch.
fn trained(dev: &Cpu) -> BceLoss<Ghm> {
    let mut loss = BceLoss::new(ghm());
    let (logits, targets) = batch(dev, 30);
    let _ = loss.forward(logits.leaky_trace(), &targets).unwrap();
    loss
}

#[test]
fn without_a_tape_the_state_stays() {
    let dev = Cpu::default();
    let mut loss = trained(&dev);
    let state = loss.state();
    let (logits, targets) = batch(&dev, 50);
    let value = loss.value(&logits, &targets).unwrap();
    let scalar = loss.forward(logits.clone(), &targets).unwrap();
    assert_eq!(Some(scalar.array()), value.loss);
    let _ = loss.forward_each(logits.clone(), &targets).unwrap();
    let _ = loss.value(&logits.leaky_trace(), &targets).unwrap();
    assert_eq!(loss.state(), state);
    // With a tape the same call observes, and gives the value that the evaluation foretold.
    let scalar = loss.forward(logits.leaky_trace(), &targets).unwrap();
    assert_eq!(Some(scalar.array()), value.loss);
    assert_ne!(loss.state(), state);
}

#[test]
fn each_observes_as_forward_does() {
    let dev = Cpu::default();
    let (mut one, mut other) = (trained(&dev), trained(&dev));
    let (logits, targets) = batch(&dev, 50);
    let forward = one.forward(logits.leaky_trace(), &targets).unwrap();
    let each = BceBatch::new(logits.leaky_trace(), &targets).each(&mut other).unwrap();
    assert_eq!(one.state(), other.state());
    assert_eq!(each.summary.valid, 50);
    assert!((each.summary.loss.unwrap() - forward.array()).abs() < 1e-14);
}

#[test]
fn the_three_steps_are_the_one_step() {
    let dev = Cpu::default();
    let (mut one, mut three) = (trained(&dev), trained(&dev));
    let (logits, targets) = batch(&dev, 50);
    let step = one.forward(logits.leaky_trace(), &targets).unwrap();

    let traced = BceBatch::new(logits.leaky_trace(), &targets);
    let counts = traced.statistics(&three).unwrap();
    three.observe(&counts).unwrap();
    let weighed = traced.weigh(&three).unwrap();

    assert_eq!(one.state(), three.state());
    assert_eq!(step.array(), weighed.loss.array());
    assert_eq!(step.backward().get(&logits).as_vec(), weighed.loss.backward().get(&logits).as_vec());
}

#[test]
fn statistics_of_parts_merge_to_those_of_the_whole() {
    let dev = Cpu::default();
    let (logits, targets) = batch(&dev, 50);
    let mut whole = trained(&dev).with_reduction(Reduction::Sum).unwrap();
    let mut parts = whole.clone();
    let expected = whole.forward(logits.leaky_trace(), &targets).unwrap().backward().get(&logits).as_vec();

    let halves: Vec<Batch> = [(0, 20), (20, 50)]
        .into_iter()
        .map(|(from, to)| {
            let part: Vec<f64> = logits.as_vec()[from..to].to_vec();
            (dev.tensor((part, (to - from,))), dev.tensor((targets.as_vec()[from..to].to_vec(), (to - from,))))
        })
        .collect();
    let mut merged = BceBatch::new(halves[0].0.clone(), &halves[0].1).statistics(&parts).unwrap();
    merged.merge(&BceBatch::new(halves[1].0.clone(), &halves[1].1).statistics(&parts).unwrap()).unwrap();
    parts.observe(&merged).unwrap();
    let found: Vec<f64> = halves
        .iter()
        .flat_map(|(logits, targets)| {
            let step = BceBatch::new(logits.leaky_trace(), targets).weigh(&parts).unwrap();
            step.loss.backward().get(logits).as_vec()
        })
        .collect();
    // The weights are the same to the bit; the order of additions does not enter a sum's gradient.
    assert_all_close(&found, &expected, 1e-15);
}

#[test]
fn softmax_without_a_tape_leaves_the_state() {
    let dev = Cpu::default();
    let logits: Tensor<Rank2<12, 4>, f64, _> = dev.tensor(spread(48, -3.0, 3.0));
    let labels: Tensor<Rank1<12>, i64, _> = dev.tensor((0..12).map(|i| i % 4).collect::<Vec<i64>>());
    let mut loss = SoftmaxLoss::new(ghm());
    let fresh = loss.state();
    let evaluated = loss.forward(logits.clone(), &labels).unwrap();
    let value = SoftmaxBatch::new(logits.clone(), &labels).value(&loss).unwrap();
    assert_eq!(Some(evaluated.array()), value.loss);
    assert_eq!(loss.state(), fresh);
    let trained = loss.forward(logits.leaky_trace(), &labels).unwrap();
    assert_eq!(trained.array(), evaluated.array());
    assert_ne!(loss.state(), fresh);
}
