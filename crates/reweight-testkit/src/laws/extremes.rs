//! Every finite logit gives finite results.

use reweight::{AlphaBalance, Focal, Ghm, LossError, Reduction, SampleWeighter};

use super::REDUCTIONS;
use crate::backend::Backend;
use crate::batch::{Batch, Precision, Targets, Tensor};
use crate::compare::Check;
use crate::problem::{Kind, Problem};
use crate::weighters::{GAMMAS, boxed};

/// The largest logits asked for: where sums of losses are far from overflow, and the largest `f32`, where each loss is a
/// float and the sum of two is none.
const LARGEST: [f64; 2] = [1e30, f32::MAX as f64];

/// Zeros, denormals, where exponentials underflow in `f32` and `f64`, ±1e4, and up to `largest`.
fn logits(precision: Precision, largest: f64) -> Vec<f64> {
    let (tiny, smallest) = match precision {
        Precision::F32 => (1e-40, f64::from(f32::from_bits(1))),
        Precision::F64 => (1e-310, f64::from_bits(1)),
    };
    let sizes = [smallest, tiny, 1e-8, 0.5, 17.0, 37.0, 87.0, 88.8, 103.9, 150.0, 708.0, 710.0, 745.2, 1e4, largest];
    [0.0, -0.0].into_iter().chain(sizes.into_iter().flat_map(|x| [x, -x])).collect()
}

fn problems(precision: Precision, largest: f64) -> Vec<(Problem, Batch)> {
    let all = logits(precision, largest);
    let n = all.len();
    let hard = Problem::new("extreme logits with hard labels", Kind::Hard, &[2, n]);
    let twice: Vec<f64> = all.iter().chain(&all).copied().collect();
    let labels = (0..2 * n).map(|i| i64::from(i >= n)).collect();
    let hard_batch = Batch::new(Tensor::new(&[2, n], twice), Targets::Hard(Tensor::new(&[2, n], labels)));

    let targets = [0.0, 1e-30, 0.3, 1.0];
    let soft = Problem::new("extreme logits with soft labels", Kind::Soft, &[4, n]);
    let four = (0..4).flat_map(|_| all.clone()).collect();
    let labels = (0..4 * n).map(|i| targets[i / n]).collect();
    let soft_batch = Batch::new(Tensor::new(&[4, n], four), Targets::Soft(Tensor::new(&[4, n], labels)));

    let rows: Vec<(f64, f64, i64)> =
        all.iter().flat_map(|&a| all.iter().flat_map(move |&b| (0..3).map(move |label| (a, b, label)))).collect();
    let data = rows.iter().flat_map(|&(a, b, _)| [a, b, 0.0]).collect();
    let labels = rows.iter().map(|row| row.2).collect();
    let shape = [rows.len(), 3];
    let classes = Problem::new("extreme rows", Kind::Classes, &shape);
    let rows_batch = Batch::new(Tensor::new(&shape, data), Targets::Classes(Tensor::new(&[rows.len()], labels)));
    let smoothed = Problem { label_smoothing: 0.1, ..classes.clone() };
    // The smoothed loss sums differences of logits: twice the largest float is none, so half the range is asked for.
    let mut halved = rows_batch.clone();
    halved.logits.data.iter_mut().for_each(|x| *x = x.clamp(-1e30, 1e30));
    vec![(hard, hard_batch), (soft, soft_batch), (classes, rows_batch), (smoothed, halved)]
}

fn check_finite<W: SampleWeighter>(backend: &impl Backend, name: &str, weighter: &W) {
    let sized = |largest| problems(backend.precision(), largest).into_iter().map(move |(p, b)| (largest, p, b));
    for (largest, problem, batch) in LARGEST.into_iter().flat_map(sized) {
        if !backend.supports(&batch) {
            continue;
        }
        for reduction in REDUCTIONS.into_iter().filter(|&reduction| backend.reduces_by(reduction)) {
            let case = format!("backend {}, {}, weighter {name}, {reduction:?}", backend.name(), problem.name);
            let check = Check::new("every finite logit gives finite results", case);
            let observed = match backend.step(&mut problem.loss(weighter.clone(), reduction), &batch) {
                // Each loss is a float, and their sum is none: no loss to return. Up to the stated size it must not come to that.
                Err(LossError::SumNotFinite) if largest != LARGEST[0] => continue,
                step => check.unwrap(step),
            };
            let classes = if batch.is_softmax() { batch.classes() } else { 1 };
            let at = |i: usize| {
                format!("{:?} with target {}", &batch.logits.data[i * classes..][..classes], target(&batch, i))
            };
            check.finite("gradient", &observed.grad, |i| at(i / classes));
            if largest == LARGEST[0] {
                check.finite("loss", observed.loss.as_slice(), |_| "the reduced loss".to_owned());
            }
            check.finite("weights", observed.weights.as_deref().unwrap_or_default(), at);
            check.finite("losses", observed.losses.as_deref().unwrap_or_default(), at);
        }
    }
}

fn target(batch: &Batch, i: usize) -> String {
    match &batch.targets {
        Targets::Hard(targets) | Targets::Classes(targets) => targets.data[i].to_string(),
        Targets::Soft(targets) => targets.data[i].to_string(),
    }
}

/// Every finite logit gives finite results for every γ, by every reduction.
///
/// # Panics
///
/// Where the law does not hold.
pub fn are_finite(backend: &impl Backend) {
    for gamma in GAMMAS {
        check_finite(backend, &format!("focal {gamma}"), &Focal::new(gamma).expect("γ ≥ 0"));
    }
    check_finite(backend, "focal by target", &Focal::by_target(0.5, 2.5).expect("γ ≥ 0"));
    check_finite(backend, "plain", &());
    let product = (AlphaBalance::binary(0.25).expect("α ≤ 1"), Focal::new(2.0).expect("γ ≥ 0"));
    check_finite(backend, "alpha·focal", &boxed(product));
    // Weights of at most 1: a larger weight times the largest float is none.
    let ghm = Ghm::new(10, 0.5).expect("valid").clamped(0.0, 1.0).expect("valid");
    check_finite(backend, "ghm", &boxed(ghm));
}

/// Where all weights vanish, or nearly, the weighted mean is finite: its denominator's inverse may be no float.
///
/// # Panics
///
/// Where the law does not hold.
pub fn vanishing_weights_are_finite(backend: &impl Backend) {
    if !backend.reduces_by(Reduction::WeightedMean) {
        return;
    }
    let problem = Problem::new("easy elements", Kind::Hard, &[9]);
    // e^-γx runs from normal floats through denormal ones to 0 in both precisions.
    for size in [10.0, 17.0, 18.0, 19.0, 20.0, 20.5, 25.0, 140.0, 142.0, 147.0, 148.0, 148.5, 150.0, 1e4] {
        let batch = Batch::new(Tensor::filled(&[9], size), Targets::Hard(Tensor::filled(&[9], 1)));
        if !backend.supports(&batch) {
            return;
        }
        let case = format!("backend {}, γ = 5 at logits of {size}", backend.name());
        let check = Check::new("a weighted mean of vanishing weights is finite", case);
        let focal = Focal::new(5.0).expect("γ ≥ 0");
        let observed = check.unwrap(backend.step(&mut problem.loss(focal, Reduction::WeightedMean), &batch));
        check.finite("gradient", &observed.grad, |_| size.to_string());
        check.finite("loss", observed.loss.as_slice(), |_| size.to_string());
    }
}
