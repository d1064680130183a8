//! Trains a small network on two classes, one of them rare, under several re-weighting rules, and prints what each did:
//! the operating point moves a lot (precision for recall), the ranking less.
//!
//! `cargo run --release -p reweight-dfdx --example train_mlp`

use std::error::Error;

use dfdx::optim::{Adam, AdamConfig};
use dfdx::prelude::*;
use reweight_dfdx::prelude::*;
use reweight_dfdx::reweight::{AlphaBalance, BoxedWeighter, Focal, Ghm};

/// Where it trains: with the feature `cuda`, `Cuda` is the one change to make.
type Place = Cpu;
type Mlp = ((Linear<2, 32>, ReLU), (Linear<32, 32>, ReLU), Linear<32, 1>);
/// A run-time number of rows.
type Rows<const COLUMNS: usize, E> = Tensor<(usize, Const<COLUMNS>), E, Place>;

const TRAINING_ROWS: usize = 4_000;
const TEST_ROWS: usize = 20_000;
const EPOCHS: usize = 400;

/// Two overlapping clouds: 2 % of the points are positive and lie around (1.5, 1.5), the others around the origin.
fn clouds(device: &Place, rows: usize) -> (Rows<2, f32>, Rows<1, u8>) {
    let noise: Rows<2, f32> = device.sample_normal_like(&(rows, Const));
    let targets: Vec<u8> = (0..rows).map(|row| u8::from(row % 50 == 0)).collect();
    let centres = targets.iter().flat_map(|&target| [1.5 * f32::from(target); 2]).collect();
    let features = noise + device.tensor((centres, (rows, Const)));
    (features, device.tensor((targets, (rows, Const))))
}

/// The share of positives that a false alarm on one negative in a hundred buys.
fn recall_at_one_percent(logits: &[f32], targets: &[u8]) -> f64 {
    let of = |wanted: u8| logits.iter().zip(targets).filter(move |(_, target)| **target == wanted).map(|(x, _)| *x);
    let mut negatives: Vec<f32> = of(0).collect();
    negatives.sort_by(|a, b| b.total_cmp(a));
    let threshold = negatives[negatives.len() / 100];
    of(1).filter(|&logit| logit > threshold).count() as f64 / of(1).count() as f64
}

/// The share of positives among the samples that the network calls positive, and of the positives that it finds.
fn precision_and_recall(logits: &[f32], targets: &[u8]) -> (f64, f64) {
    let count = |test: fn(bool, bool) -> bool| {
        logits.iter().zip(targets).filter(|(logit, target)| test(**logit > 0.0, **target == 1)).count() as f64
    };
    let found = count(|called, positive| called && positive);
    (found / count(|called, _| called).max(1.0), found / count(|_, positive| positive))
}

fn main() -> Result<(), Box<dyn Error>> {
    let strategies: [(&str, Vec<BoxedWeighter>); 4] = [
        ("plain CE", vec![]),
        ("α-balance 0.9", vec![BoxedWeighter::new(AlphaBalance::binary(0.9)?)?]),
        ("α·focal", vec![BoxedWeighter::new(AlphaBalance::binary(0.75)?)?, BoxedWeighter::new(Focal::new(2.0)?)?]),
        ("GHM", vec![BoxedWeighter::new(Ghm::new(10, 0.75)?)?]),
    ];
    println!("{:<14} {:>9} {:>10} {:>8} {:>16}", "strategy", "last loss", "precision", "recall", "recall at 1 % FP");
    for (name, weighter) in strategies {
        // The seed is the device's, so that each strategy sees the same points and starts from the same network.
        let device = Place::seed_from_u64(7);
        let (features, targets) = clouds(&device, TRAINING_ROWS);
        let (test_features, test_targets) = clouds(&device, TEST_ROWS);
        let mut model = device.build_module::<Mlp, f32>();
        let mut optimizer = Adam::new(&model, AdamConfig { lr: 3e-3, ..Default::default() });
        let mut gradients = model.alloc_grads();

        let mut loss = BceLoss::new(weighter);
        let mut last = 0.0;
        for _ in 0..EPOCHS {
            let logits = model.forward_mut(features.trace(gradients));
            let on_tape = loss.forward(logits, &targets)?;
            last = on_tape.array();
            gradients = on_tape.backward();
            optimizer.update(&mut model, &gradients)?;
            model.zero_grads(&mut gradients);
        }

        let (logits, targets) = (model.forward(test_features).as_vec(), test_targets.as_vec());
        let (precision, recall) = precision_and_recall(&logits, &targets);
        let at_one_percent = recall_at_one_percent(&logits, &targets);
        println!("{name:<14} {last:>9.4} {precision:>10.3} {recall:>8.3} {at_one_percent:>16.3}");
    }
    Ok(())
}
