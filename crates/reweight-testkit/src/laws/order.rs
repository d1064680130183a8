//! Order, shape and memory layout do not matter.

use reweight::SampleWeighter;

use super::{Law, any_reduction, batch, compare, everywhere, stated};
use crate::backend::{Backend, Observed};
use crate::batch::{Batch, Layout};
use crate::compare::Check;
use crate::problem::{Numbers, Problem};

struct Permuted;

/// What was observed of the samples in the order that `order` lists them.
fn reordered(batch: &Batch, observed: &Observed, order: &[usize]) -> Observed {
    let pick = |values: &Option<Vec<f64>>| values.as_ref().map(|all| order.iter().map(|&i| all[i]).collect());
    Observed {
        grad: order.iter().flat_map(|&i| batch.logits_of(i)).map(|at| observed.grad[at]).collect(),
        weights: pick(&observed.weights),
        losses: pick(&observed.losses),
        ..observed.clone()
    }
}

impl Law for Permuted {
    const NAME: &'static str = "permuting the batch permutes the result";

    fn check<B: Backend, W: SampleWeighter + 'static>(check: &Check, backend: &B, problem: &Problem, weighter: &W) {
        let Some(batch) = batch(backend, problem, 41) else { return };
        let order = Numbers::new(42).order(batch.samples());
        let permuted = batch.reordered(&order);
        if !backend.supports(&permuted) {
            return;
        }
        let mut loss = problem.loss(weighter.clone(), any_reduction(backend));
        let mut other = loss.clone();
        let expected = check.unwrap(backend.step(&mut loss, &batch));
        let own = check.unwrap(backend.step(&mut other, &permuted));
        compare(check, &own, &reordered(&batch, &expected, &order), stated(backend, problem).doubled());
        check.equal("the state", &other.state(), &loss.state());
    }
}

/// Permuting the samples permutes gradient, weights and losses, and leaves loss and state; with it, since the permuted
/// batch has one axis (BCE) or two (softmax), the shape does not matter.
///
/// # Panics
///
/// Where the law does not hold.
pub fn permutes_the_result(backend: &impl Backend) {
    everywhere::<Permuted>(backend, &Problem::all());
}

pub(super) struct LaidOut;

impl Law for LaidOut {
    const NAME: &'static str = "the memory layout does not matter";

    fn check<B: Backend, W: SampleWeighter + 'static>(check: &Check, backend: &B, problem: &Problem, weighter: &W) {
        let Some(batch) = batch(backend, problem, 43) else { return };
        let loss = problem.loss(weighter.clone(), any_reduction(backend));
        let mut plain = loss.clone();
        let expected = check.unwrap(backend.step(&mut plain, &batch));
        for layout in Layout::ALL {
            let check = check.with(&format!("layout {layout:?}"));
            let (batch, mut loss) = (Batch { layout, ..batch.clone() }, loss.clone());
            let own = check.unwrap(backend.step(&mut loss, &batch));
            compare(&check, &own, &expected, stated(backend, problem).doubled());
            check.equal("the state", &loss.state(), &plain.state());
        }
    }
}

/// Column-major, reversed, strided and mixed layouts give what the row-major one gives.
///
/// # Panics
///
/// Where the law does not hold.
pub fn ignores_the_layout(backend: &impl Backend) {
    everywhere::<LaidOut>(backend, &Problem::all());
}
