//! Identities: weighters that are known to change nothing, or a constant factor; objectives that coincide.

use reweight::{AlphaBalance, Chain, Focal, Ghm, GhmConfig, GhmPreset, Reduction, SampleWeighter};

use super::{REDUCTIONS, any_reduction, batch, compare, stated};
use crate::backend::{Backend, Observed};
use crate::batch::{Batch, Layout, Targets, Tensor};
use crate::compare::Check;
use crate::problem::{Kind, Problem};
use crate::weighters::{boxed, chain};

/// Two weighters give the same but for a factor, on every problem and reduction that scales with the weights.
fn proportional<V: SampleWeighter, W: SampleWeighter>(
    law: &'static str,
    backend: &impl Backend,
    ours: &V,
    theirs: &W,
    factor: f64,
) {
    for problem in Problem::all() {
        for reduction in REDUCTIONS.into_iter().filter(|&reduction| backend.reduces_by(reduction)) {
            let Some(batch) = batch(backend, &problem, 11) else { continue };
            let check = Check::new(law, format!("backend {}, {}, {reduction:?}", backend.name(), problem.name));
            let own = check.unwrap(backend.step(&mut problem.loss(ours.clone(), reduction), &batch));
            let other = check.unwrap(backend.step(&mut problem.loss(theirs.clone(), reduction), &batch));
            // Σw·ce / Σw does not see a constant factor.
            let of_mean = if reduction == Reduction::WeightedMean { 1.0 } else { factor };
            let scaled = scaled(other, factor, of_mean);
            compare(&check, &own, &scaled, stated(backend, &problem).doubled());
        }
    }
}

fn scaled(mut observed: Observed, factor: f64, of_mean: f64) -> Observed {
    let times = |values: &mut Vec<f64>, factor: f64| values.iter_mut().for_each(|x| *x *= factor);
    times(&mut observed.grad, of_mean);
    observed.loss = observed.loss.map(|loss| loss * of_mean);
    observed.weights.iter_mut().for_each(|weights| times(weights, factor));
    observed.losses.iter_mut().for_each(|losses| times(losses, factor));
    if let Some(summary) = &mut observed.summary {
        summary.weight_sum *= factor;
    }
    observed
}

/// Focal with γ = 0 is plain cross entropy.
///
/// # Panics
///
/// Where the law does not hold.
pub fn gamma_zero_is_plain(backend: &impl Backend) {
    let law = "focal with γ = 0 is plain cross entropy";
    let focal = Focal::new(0.0).expect("γ ≥ 0");
    proportional(law, backend, &focal, &(), 1.0);
    proportional(law, backend, &Focal::by_target(0.0, 0.0).expect("γ ≥ 0"), &Chain::default(), 1.0);
}

/// α = ½ halves.
///
/// # Panics
///
/// Where the law does not hold.
pub fn alpha_half_halves(backend: &impl Backend) {
    let half = boxed(AlphaBalance::binary(0.5).expect("α ≤ 1"));
    proportional("α = ½ halves", backend, &half, &(), 0.5);
}

/// `scaled(c)` multiplies by c.
///
/// # Panics
///
/// Where the law does not hold.
pub fn scaling_multiplies(backend: &impl Backend) {
    let focal = Focal::new(1.5).expect("γ ≥ 0");
    let scaled = chain(r#"{"objective": "bce", "weighter": [{"kind": "focal", "gamma": 1.5, "scale": 3.25}]}"#);
    proportional("scaled(c) multiplies by c", backend, &scaled, &focal, 3.25);
}

/// GHM with one bin is the mean.
///
/// # Panics
///
/// Where the law does not hold.
pub fn one_bin_is_the_mean(backend: &impl Backend) {
    for preset in [GhmPreset::Mmdet, GhmPreset::Paper, GhmPreset::Corrected] {
        let ghm = Ghm::try_from(GhmConfig { preset, ..GhmConfig::new(1, 0.0) }).expect("valid settings");
        proportional("GHM with one bin is the mean", backend, &boxed(ghm), &(), 1.0);
    }
    let corrected = GhmConfig { preset: GhmPreset::Corrected, ..GhmConfig::new(1, 0.9) };
    let corrected = Ghm::try_from(corrected).expect("valid settings");
    proportional("GHM with one bin is the mean from the first step on", backend, &boxed(corrected), &(), 1.0);
}

/// Softmax over two classes is BCE on the difference of the logits.
///
/// # Panics
///
/// Where the law does not hold.
pub fn two_classes_are_binary(backend: &impl Backend) {
    let softmax = Problem::new("two classes", Kind::Classes, &[41, 2]);
    let binary = Problem::new("their difference", Kind::Hard, &[41]);
    let Some(rows) = batch(backend, &softmax, 12) else { return };
    let Targets::Classes(classes) = &rows.targets else { return };
    let mut rows = rows.clone();
    // On a grid, so that the difference is exact in every precision; with 8 bits, as bfloat16 has, up to 32.
    rows.logits.data.iter_mut().for_each(|x| *x = (*x * 8.0).round() / 8.0);
    let difference = rows.logits.data.chunks(2).map(|row| row[1] - row[0]).collect();
    let elements = Batch {
        layout: Layout::RowMajor,
        ..Batch::new(Tensor::new(&[41], difference), Targets::Hard(classes.clone()))
    };
    if !backend.supports(&elements) {
        return;
    }
    let weighter = (
        AlphaBalance::per_class(&[0.4, 1.7]).expect("valid"),
        Focal::by_target(0.5, 2.0).expect("valid"),
        Ghm::new(8, 0.5).expect("valid"),
    );
    let reduction = any_reduction(backend);
    let check = Check::new("two-class softmax is BCE on the difference of the logits", backend.name());
    let of_rows = check.unwrap(backend.step(&mut softmax.loss(weighter.clone(), reduction), &rows));
    let of_elements = check.unwrap(backend.step(&mut binary.loss(weighter, reduction), &elements));
    let tolerance = stated(backend, &binary).doubled();
    let second = Observed { grad: of_rows.grad.chunks(2).map(|row| row[1]).collect(), ..of_rows.clone() };
    compare(&check, &second, &of_elements, tolerance);
    let first = Observed { grad: of_rows.grad.chunks(2).map(|row| -row[0]).collect(), ..of_rows };
    compare(&check, &first, &of_elements, tolerance);
}
