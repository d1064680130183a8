//! That training falls, repeats itself to the bit, and batches alike under every loss.

use super::*;
use dfdx::prelude::*;
use dfdx::tensor::CpuError;
use ndarray::Array2;

/// Trains on 60 rows of one feature whose sign is the class; also returns the batches seen.
fn run(seed: u64, fold: u32, scale: f32) -> (Trained<Cpu>, Vec<Vec<usize>>) {
    let inputs = Array2::from_shape_fn((60, 1), |(row, _)| row as f32 / 30.0 - 0.98);
    let adam = AdamSettings { learning_rate: 0.02, weight_decay: 0.0 };
    let settings = TrainSettings { hidden: vec![4], epochs: 30, batch_size: 16, adam };
    let mut batches = Vec::new();
    let loss = |model: &Mlp<Cpu>, logits, rows: &[usize]| {
        batches.push(rows.to_vec());
        let targets = rows.iter().map(|&row| f32::from(u8::from(row >= 30))).collect();
        let targets = model.device().try_tensor_from_vec(targets, (rows.len(), 1))?;
        binary_cross_entropy_with_logits_loss(logits, targets).try_mul(scale)
    };
    let trained = train(&inputs, 1, None, &settings, (seed, fold), loss, |_, _| Ok(()));
    (trained.unwrap(), batches)
}

#[test]
fn the_loss_falls() {
    let losses = run(1, 0, 1.0).0.epoch_losses;
    assert_eq!(losses.len(), 30);
    assert!(losses[29] < 0.5 * losses[0], "{losses:?}");
}

#[test]
fn batches_depend_on_seed_and_fold_and_not_on_the_loss() {
    let batches = |seed, fold, scale| run(seed, fold, scale).1;
    let reference = batches(1, 0, 1.0);
    assert_eq!(reference, batches(1, 0, 7.0));
    assert_ne!(reference, batches(1, 1, 1.0));
    assert_ne!(reference, batches(2, 0, 1.0));
    for epoch in reference.chunks(4) {
        let mut rows = epoch.concat();
        rows.sort_unstable();
        assert!(rows.into_iter().eq(0..60));
    }
}

#[test]
fn a_run_can_be_repeated_to_the_bit() {
    let bits = |seed| run(seed, 0, 1.0).0.epoch_losses.iter().map(|loss| loss.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(4), bits(4));
}

#[test]
fn the_output_bias_is_where_training_starts() {
    let inputs = Array2::zeros((1, 1));
    let adam = AdamSettings::default();
    let settings = TrainSettings { hidden: vec![], epochs: 0, batch_size: 1, adam };
    let loss = |_: &Mlp<Cpu>, logits: Logits<Cpu>, _: &[usize]| -> Result<Loss<Cpu>, CpuError> { logits.try_sum() };
    let trained = train(&inputs, 2, Some(&[1.0, -2.0]), &settings, (0, 0), loss, |_, _| Ok(())).unwrap();
    assert_eq!(trained.model.predict(&inputs).unwrap(), [1.0, -2.0]);
}
