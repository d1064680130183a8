//! `value_and_grad_into` allocates nothing once it is warm: not for the counts, nor for what a thread works with.
#![allow(clippy::unwrap_used, reason = "a test's helpers may fail as the test itself may")]

use allocation_counter::measure;
use half::f16;
use ndarray::{Array1, Array2, s};
use reweight_ndarray::prelude::*;
use reweight_ndarray::reweight::{AlphaBalance, Focal, Ghm};

fn logits(n: usize) -> Array1<f32> {
    (0..n).map(|i| ((i * 7919) % 1000) as f32 * 0.016 - 10.0).collect()
}

fn targets(n: usize) -> Array1<u8> {
    (0..n).map(|i| u8::from(i % 17 == 0)).collect()
}

/// Calls after which everything that is kept has its size.
const WARM: usize = 3;

/// On a pool of one thread, so that this thread's allocations are all that there are. (From outside the pool, rayon's
/// own queue takes a block of memory every few dozen calls.)
fn allocations(mut step: impl FnMut() + Send) -> u64 {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    pool.install(|| {
        for _ in 0..WARM {
            step();
        }
        measure(step).count_total
    })
}

#[test]
fn a_warm_step_allocates_nothing() {
    // Within one stretch, and long enough for several.
    for n in [256, 100_003] {
        let (logits, targets) = (logits(n), targets(n));
        let mut grad = Array1::zeros(n);
        let (alpha, focal) = (AlphaBalance::binary(0.25).unwrap(), Focal::new(1.5).unwrap());
        let mut plain = BceLoss::new((alpha, focal.clone()));
        let step = || {
            plain.value_and_grad_into(&logits, &targets, &mut grad).unwrap();
        };
        assert_eq!(allocations(step), 0, "α·focal, {n}");
        let mut ghm = BceLoss::new(Ghm::new(10, 0.75).unwrap());
        let step = || {
            ghm.value_and_grad_into(&logits, &targets, &mut grad).unwrap();
        };
        assert_eq!(allocations(step), 0, "GHM, {n}");

        for classes in [5, 100] {
            let rows = n / classes;
            let logits = Array2::from_shape_fn((rows, classes), |(i, j)| logits[i * classes + j]);
            let labels: Array1<i64> = (0..rows).map(|row| (row % classes) as i64).collect();
            let mut grad = Array2::zeros((rows, classes));
            let mut softmax = SoftmaxLoss::new((focal.clone(), Ghm::new(30, 0.75).unwrap()));
            let step = || {
                softmax.value_and_grad_into(&logits, &labels, &mut grad).unwrap();
            };
            assert_eq!(allocations(step), 0, "softmax, {rows} × {classes}");
        }
    }
}

#[test]
fn neither_do_logits_with_gaps() {
    let n = 50_000;
    let (longer, targets) = (logits(2 * n), targets(n));
    let mut grad = Array1::zeros(n);
    let mut loss = BceLoss::new(Focal::new(2.0).unwrap());
    let step = || {
        loss.value_and_grad_into(longer.slice(s![..;2]), &targets, &mut grad).unwrap();
    };
    assert_eq!(allocations(step), 0);
}

#[test]
fn neither_do_halves() {
    let n = 100_003;
    let (halves, targets) = (logits(n).mapv(f16::from_f32), targets(n));
    let mut grad = Array1::from_elem(n, f16::ZERO);
    let ghm = || Ghm::new(10, 0.75).unwrap();
    let mut loss = BceLoss::new(ghm()).with_reduction(Reduction::WeightedMean).unwrap();
    let step = || {
        loss.value_and_grad_into(&halves, &targets, &mut grad).unwrap();
    };
    assert_eq!(allocations(step), 0, "GHM");
    let mut spaced = grad.slice(s![..n / 2]).to_owned();
    let step = || {
        loss.value_and_grad_into(halves.slice(s![1..;2]), targets.slice(s![..n / 2]), &mut spaced).unwrap();
    };
    assert_eq!(allocations(step), 0, "with gaps");
    for classes in [5, 100] {
        let rows = n / classes;
        let halves = Array2::from_shape_fn((rows, classes), |(i, j)| halves[i * classes + j]);
        let labels: Array1<i64> = (0..rows).map(|row| (row % classes) as i64).collect();
        let mut grad = Array2::from_elem((rows, classes), f16::ZERO);
        let mut softmax = SoftmaxLoss::new(ghm());
        let step = || {
            softmax.value_and_grad_into(&halves, &labels, &mut grad).unwrap();
        };
        assert_eq!(allocations(step), 0, "softmax, {rows} × {classes}");
    }
}

#[test]
fn the_counter_counts() {
    assert_ne!(allocations(|| drop(std::hint::black_box(vec![0_u8; 100]))), 0);
}
