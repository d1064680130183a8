//! Reductions name their denominator; sample weights multiply.

use reweight::{Reduction, SampleWeighter};

use super::{Law, REDUCTIONS, any_reduction, batch, everywhere, stated};
use crate::backend::{Backend, Observed};
use crate::batch::{Batch, Targets, Tensor};
use crate::compare::{Check, Tolerance};
use crate::problem::{Numbers, Problem};

struct Denominators;

/// What the sum is divided by, counted here from the batch itself.
fn denominator(problem: &Problem, batch: &Batch, weights: &[f64], reduction: Reduction) -> f64 {
    let valid = || (0..batch.samples()).filter(|&i| problem.is_valid(batch, i));
    let positive = |i: &usize| match &batch.targets {
        Targets::Hard(targets) | Targets::Classes(targets) => targets.data[*i] != 0,
        Targets::Soft(targets) => targets.data[*i] >= 0.5,
    };
    match reduction {
        Reduction::Mean => valid().count() as f64,
        Reduction::Sum | Reduction::None => 1.0,
        Reduction::WeightedMean => weights.iter().sum(),
        Reduction::Positives => valid().filter(positive).count().max(1) as f64,
        Reduction::Divisor(divisor) => divisor,
    }
}

impl Law for Denominators {
    const NAME: &'static str = "a reduction divides the sum by the denominator that it names";

    fn check<B: Backend, W: SampleWeighter + 'static>(check: &Check, backend: &B, problem: &Problem, weighter: &W) {
        let Some(batch) = batch(backend, problem, 61) else { return };
        if !backend.reduces_by(Reduction::Sum) {
            return;
        }
        let sum = check.unwrap(backend.step(&mut problem.loss(weighter.clone(), Reduction::Sum), &batch));
        let Some(weights) = sum.weights.as_deref() else { return };
        let tolerance = Tolerance::stated(backend.precision()).doubled();
        if let Some(losses) = &sum.losses {
            check.close_number("sum of the losses", Some(losses.iter().sum()), sum.loss, tolerance);
        }
        for reduction in REDUCTIONS.into_iter().filter(|&reduction| backend.reduces_by(reduction)) {
            let check = check.with(&format!("{reduction:?}"));
            let own = check.unwrap(backend.step(&mut problem.loss(weighter.clone(), reduction), &batch));
            let factor = 1.0 / denominator(problem, &batch, weights, reduction);
            let grad: Vec<f64> = sum.grad.iter().map(|slope| slope * factor).collect();
            check.close("gradient", &own.grad, &grad, stated(backend, problem).doubled());
            let loss = if reduction == Reduction::None { None } else { sum.loss.map(|loss| loss * factor) };
            check.close_number("loss", own.loss, loss, tolerance);
            // Per sample nothing is reduced.
            check.equal("weights", &own.weights, &sum.weights);
            check.equal("losses", &own.losses, &sum.losses);
        }
    }
}

/// Every reduction is the sum over the denominator that it names, loss and gradient alike; what is per sample is not
/// reduced.
///
/// # Panics
///
/// Where the law does not hold.
pub fn names_its_denominator(backend: &impl Backend) {
    everywhere::<Denominators>(backend, &Problem::all());
}

struct Multiply;

impl Law for Multiply {
    const NAME: &'static str = "sample weights multiply";

    fn check<B: Backend, W: SampleWeighter + 'static>(check: &Check, backend: &B, problem: &Problem, weighter: &W) {
        let Some(plain) = batch(backend, problem, 62) else { return };
        let plain = Batch { sample_weight: None, ..plain };
        let mut numbers = Numbers::new(63);
        // Quarters are exact in every precision, so that only products round.
        let weights: Vec<f64> = (0..plain.samples()).map(|_| numbers.below(13) as f64 / 4.0).collect();
        let factors = Tensor::new(plain.targets.shape(), weights.clone());
        let weighted = Batch { sample_weight: Some(factors), ..plain.clone() };
        if !backend.supports(&weighted) {
            return;
        }
        // Not by the sum of the weights, which the factors change.
        let reduction = any_reduction(backend);
        let mut loss = problem.loss(weighter.clone(), reduction);
        let mut other = loss.clone();
        let without = check.unwrap(backend.step(&mut loss, &plain));
        let own = check.unwrap(backend.step(&mut other, &weighted));
        check.equal("the state", &other.state(), &loss.state());
        let times = |values: &[f64]| values.iter().zip(&weights).map(|(x, factor)| x * factor).collect::<Vec<_>>();
        let mut grad = vec![0.0; without.grad.len()];
        for (i, factor) in weights.iter().enumerate() {
            plain.logits_of(i).into_iter().for_each(|at| grad[at] = factor * without.grad[at]);
        }
        let tolerance = stated(backend, problem).doubled();
        let strict = Tolerance::stated(backend.precision()).doubled();
        check.close("gradient", &own.grad, &grad, tolerance);
        let Observed { weights: Some(own_weights), losses: Some(own_losses), .. } = &own else { return };
        let (Some(weights), Some(losses)) = (without.weights, without.losses) else { return };
        check.close("weights", own_weights, &times(&weights), strict);
        check.close("losses", own_losses, &times(&losses), strict);
    }
}

/// A sample weight multiplies its sample's weight, loss and gradient, and changes no count and no state.
///
/// # Panics
///
/// Where the law does not hold.
pub fn sample_weights_multiply(backend: &impl Backend) {
    everywhere::<Multiply>(backend, &Problem::all());
}
