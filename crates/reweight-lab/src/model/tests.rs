//! The network against hand-worked steps, exclusive or, and its own seed.

use super::*;
use dfdx::tensor::CpuError;
use ndarray::array;

type Mlp = super::Mlp<Cpu>;

fn config() -> MlpConfig {
    MlpConfig { inputs: 2, hidden: vec![8], outputs: 1, seed: 5 }
}

/// Exclusive or: the smallest problem that a linear model cannot solve.
fn exclusive_or() -> (Array2<f32>, Vec<f32>) {
    (array![[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]], vec![0.0, 1.0, 1.0, 0.0])
}

fn train(config: &MlpConfig, steps: usize) -> (Mlp, Vec<f32>) {
    let (rows, targets) = exclusive_or();
    let mut mlp = Mlp::new(config, AdamSettings { learning_rate: 0.05, weight_decay: 0.0 }).unwrap();
    let targets = mlp.device().tensor_from_vec(targets, (4, 1));
    let losses = (0..steps)
        .map(|_| {
            mlp.step(&rows, |_, logits| {
                Ok::<_, CpuError>(binary_cross_entropy_with_logits_loss(logits, targets.clone()))
            })
            .unwrap()
        })
        .collect();
    (mlp, losses)
}

#[test]
fn learns_exclusive_or() {
    let (mlp, losses) = train(&config(), 300);
    assert!(losses[299] < 0.05 * losses[0], "{} -> {}", losses[0], losses[299]);
    let logits = mlp.predict(&exclusive_or().0).unwrap();
    let signs: Vec<bool> = logits.iter().map(|&x| x > 0.0).collect();
    assert_eq!(signs, [false, true, true, false]);
}

#[test]
fn a_seed_fixes_every_bit() {
    let bits = |config: &MlpConfig| -> Vec<u32> { train(config, 50).1.iter().map(|x| x.to_bits()).collect() };
    assert_eq!(bits(&config()), bits(&config()));
    assert_ne!(bits(&config()), bits(&MlpConfig { seed: 6, ..config() }));
}

#[test]
fn one_step_of_a_linear_model_is_the_one_worked_by_hand() {
    let config = MlpConfig { inputs: 1, hidden: vec![], outputs: 1, seed: 1 };
    let mut mlp = Mlp::new(&config, AdamSettings { learning_rate: 0.1, weight_decay: 0.0 }).unwrap();
    let rows = array![[2.0_f32]];
    let before = mlp.predict(&rows).unwrap()[0];
    // d loss / d logit = 1, so Adam's first step is the learning rate against each gradient's sign: the logit
    // falls by 0.1 · 2 for the weight and 0.1 for the bias.
    mlp.step(&rows, |_, logits| logits.try_sum()).unwrap();
    let after = mlp.predict(&rows).unwrap()[0];
    // Adam's eps of 1e-8 and f32 rounding of numbers near 1.
    assert!((before - after - 0.3).abs() < 1e-6, "{before} -> {after}");
}

#[test]
fn initial_weights_keep_their_bounds_and_fill_them() {
    let config = MlpConfig { inputs: 6, hidden: vec![64], outputs: 1, seed: 1 };
    let mlp = Mlp::new(&config, AdamSettings::default()).unwrap();
    let largest = |layer: usize| {
        let values = mlp.layers[layer].weights.values.as_vec();
        values.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()))
    };
    // The largest of 384 and of 64 uniform draws lies below 0.9 of the bound with chance 0.9^64 ≈ 0.1 % at most.
    assert!((0.9..=1.0).contains(&largest(0)));
    let bound = (6.0_f32 / 65.0).sqrt();
    assert!((0.9 * bound..=bound).contains(&largest(1)));
}

#[test]
fn bad_input_is_named_and_changes_nothing() {
    assert!(matches!(
        Mlp::new(&MlpConfig { hidden: vec![4, 0], ..config() }, AdamSettings::default()),
        Err(ModelError::EmptyLayer { layer: 2 })
    ));
    let (mut mlp, _) = train(&config(), 1);
    let rows = exclusive_or().0;
    let before = mlp.predict(&rows).unwrap();
    assert!(matches!(mlp.predict(&Array2::zeros((1, 3))), Err(ModelError::InputWidth { expected: 2, actual: 3 })));
    assert!(matches!(mlp.set_output_bias(&[0.0; 2]), Err(ModelError::OutputBias { expected: 1, actual: 2 })));
    let diverged = mlp.step(&rows, |_, logits| logits.try_mul(f32::INFINITY)?.try_abs()?.try_sum());
    assert!(matches!(diverged, Err(ModelError::Diverged { step: 2, .. })));
    let failed = mlp.step(&rows, |_, _| Err(std::io::Error::other("no")));
    assert!(matches!(failed, Err(ModelError::Loss(_))));
    assert_eq!(before, mlp.predict(&rows).unwrap());
}

#[test]
fn the_output_bias_is_added_to_every_logit() {
    let (mut mlp, _) = train(&config(), 0);
    let rows = exclusive_or().0;
    let before = mlp.predict(&rows).unwrap();
    mlp.set_output_bias(&[-3.0]).unwrap();
    for (a, b) in mlp.predict(&rows).unwrap().iter().zip(before) {
        // One f32 rounding of numbers below 8.
        assert!((a - (b - 3.0)).abs() < 1e-6);
    }
}
