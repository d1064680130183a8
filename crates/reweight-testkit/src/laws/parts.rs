//! Losses of all parts, and their second derivatives.

use reweight::{HessianForm, LossError, Reduction, SampleWeighter};

use super::{Law, any_reduction, batch, compare, compare_with, stated};
use crate::backend::{Backend, Reference};
use crate::batch::{Batch, Loss, Precision};
use crate::compare::{Check, Tolerance};
use crate::parts::{Drawn, draw, problems};
use crate::problem::{Numbers, Problem};

/// Losses that are drawn for each problem.
const LOSSES: u64 = 24;

fn each(backend: &impl Backend, law: &'static str, mut then: impl FnMut(&Check, &Problem, Drawn, Batch)) {
    for problem in problems() {
        for seed in 0..LOSSES {
            let mut numbers = Numbers::new(1_000 + seed);
            let reduction = super::REDUCTIONS[numbers.below(super::REDUCTIONS.len())];
            let reduction = if backend.reduces_by(reduction) { reduction } else { any_reduction(backend) };
            let drawn = draw(&problem, &mut numbers, reduction);
            if !drawn.is_comparable(backend.precision()) || (drawn.by_column && !backend.keeps_shapes()) {
                continue;
            }
            let Some(batch) = batch(backend, &problem, seed) else { continue };
            let case = format!("backend {}, {}, {}", backend.name(), problem.name, drawn.config);
            then(&Check::new(law, case), &problem, drawn, batch);
        }
    }
}

/// Any loss of any parts gives the reference's loss, gradient, weights and counts, over two steps.
///
/// # Panics
///
/// Where the law does not hold.
pub fn agree_with_the_reference(backend: &impl Backend) {
    each(backend, "a loss of all parts agrees with the reference", |check, problem, drawn, first| {
        let (mut ours, mut theirs) = (drawn.loss.clone(), drawn.loss.clone());
        let second = batch(backend, problem, 77);
        for batch in [Some(first), second].into_iter().flatten() {
            match (backend.step(&mut ours, &batch), Reference.step(&mut theirs, &batch)) {
                (Ok(own), Ok(other)) if drawn.weighs_by_differences => {
                    let tolerance = stated(backend, problem).of_differences();
                    compare_with(check, &own, &other, tolerance, tolerance);
                }
                (Ok(own), Ok(other)) => compare(check, &own, &other, stated(backend, problem)),
                (own, Err(other)) => {
                    let own = own.map(|_| ()).map_err(|error| error.to_string());
                    check.equal("what a batch is refused with", &own, &Err(other.to_string()));
                }
                (Err(own), Ok(_)) => check.fail(&format!("unexpected error: {own}")),
            }
        }
    });
}

/// Second derivatives of one loss in every form against the reference's; in double precision where weights have edges.
pub(super) fn curved<W: SampleWeighter>(
    check: &Check,
    backend: &impl Backend,
    loss: &Loss<W>,
    batch: &Batch,
    tolerance: Tolerance,
) {
    for form in HessianForm::ALL {
        let Some(own) = backend.hessian(&mut loss.clone(), batch, form) else { return };
        let Some(other) = Reference.hessian(&mut loss.clone(), batch, form) else { return };
        match (own, other) {
            (Ok(own), Ok(other)) => {
                let check = check.with(form.name());
                // The exact one is a sum of terms of both signs: its error is relative to them.
                let differs = form != HessianForm::GaussNewton;
                check.close("hessian", &own, &other, if differs { tolerance.of_differences() } else { tolerance });
                if form != HessianForm::Exact {
                    check.holds(own.iter().all(|&value| value >= 0.0), || "one is below 0".to_owned());
                }
            }
            (own, other) => {
                let text = |result: Result<Vec<f64>, LossError>| result.map(|_| ()).map_err(|error| error.to_string());
                check.equal("what is refused", &text(own), &text(other));
            }
        }
    }
}

/// Second derivatives in every form are the reference's.
///
/// # Panics
///
/// Where the law does not hold.
pub fn have_the_references_hessian(backend: &impl Backend) {
    each(backend, "second derivatives agree with the reference", |check, problem, drawn, batch| {
        curved(check, backend, &drawn.loss, &batch, stated(backend, problem));
    });
}

/// The same of one weighter.
pub(super) struct Curved;

impl Law for Curved {
    const NAME: &'static str = "second derivatives agree with the reference";

    fn check<B: Backend, W: SampleWeighter + 'static>(check: &Check, backend: &B, problem: &Problem, weighter: &W) {
        let Some(batch) = batch(backend, problem, 61) else { return };
        let loss = problem.loss(weighter.clone(), any_reduction(backend));
        curved(check, backend, &loss, &batch, stated(backend, problem));
    }
}

/// The exact second derivative is the derivative of the gradient, by central differences; in double precision, with what was
/// observed left as it is.
///
/// # Panics
///
/// Where the law does not hold.
pub fn hessian_is_the_gradients_derivative(backend: &impl Backend) {
    if backend.precision() != Precision::F64 {
        return;
    }
    each(backend, "the exact second derivative is the gradient's derivative", |check, _, drawn, batch| {
        if drawn.has_edges || drawn.is_detached {
            return;
        }
        // A sum: the mean of the weights is a constant of the gradient, and no constant of the loss.
        let loss = check.unwrap(drawn.loss.with_reduction(Reduction::Sum));
        let Some(Ok(hessian)) = backend.hessian(&mut loss.clone(), &batch, HessianForm::Exact) else { return };
        let step = 1e-5;
        for at in (0..batch.logits.data.len()).step_by(1 + batch.logits.data.len() / 12) {
            if !batch.logits.data[at].is_finite() {
                continue;
            }
            let slope = |by: f64| {
                let mut moved = batch.clone();
                moved.logits.data[at] += by;
                backend.weigh(&loss, &moved).map(|result| check.unwrap(result).grad[at])
            };
            let (Some(ahead), Some(behind)) = (slope(step), slope(-step)) else { return };
            let difference = (ahead - behind) / (2.0 * step);
            // Truncation is step²·g‴/6, rounding 1e-16·g/step: both far below this, also for steep scales.
            let largest = hessian.iter().fold(1e-3_f64, |largest, value| largest.max(value.abs()));
            let apart = (hessian[at] - difference).abs();
            check.holds(apart <= 2e-6 * (largest + difference.abs()), || {
                format!("element {at}: {:e} against the difference {difference:e}", hessian[at])
            });
        }
    });
}

/// Nothing is NaN at logits of ±10⁴, and no clamped or Gauss–Newton Hessian is below 0.
///
/// # Panics
///
/// Where the law does not hold.
pub fn are_finite_at_large_logits(backend: &impl Backend) {
    let large = Problem::all().into_iter().filter(|problem| problem.spread > 100.0);
    for problem in large {
        for seed in 0..LOSSES {
            let mut numbers = Numbers::new(9_000 + seed);
            let drawn = draw(&problem, &mut numbers, any_reduction(backend));
            let Some(batch) = batch(backend, &problem, seed) else { continue };
            let case = format!("backend {}, {}, {}", backend.name(), problem.name, drawn.config);
            let check = Check::new("a loss of all parts is finite at large logits", case);
            let skipped = drawn.by_column && !backend.keeps_shapes();
            if skipped || Reference.step(&mut drawn.loss.clone(), &batch).is_err() {
                continue;
            }
            let own = check.unwrap(backend.step(&mut drawn.loss.clone(), &batch));
            check.holds(own.grad.iter().all(|slope| slope.is_finite()), || "a slope is not finite".to_owned());
            for form in HessianForm::ALL {
                if let Some(Ok(hessian)) = backend.hessian(&mut drawn.loss.clone(), &batch, form) {
                    let right = |&value: &f64| value.is_finite() && (form == HessianForm::Exact || value >= 0.0);
                    check.holds(hessian.iter().all(right), || format!("{} is not right", form.name()));
                }
            }
        }
    }
}
