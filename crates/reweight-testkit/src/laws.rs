//! The laws, one function each: `law(&backend)` panics where the backend breaks it.

pub mod agreement;
pub mod chains;
pub mod extremes;
pub mod gradient;
pub mod identity;
pub mod ignored;
pub mod order;
pub mod parts;
pub mod product;
pub mod reduction;
pub mod refusal;
pub mod state;

use std::marker::PhantomData;

use reweight::{Reduction, SampleWeighter};

use crate::backend::{Backend, Observed};
use crate::batch::Batch;
use crate::compare::{Check, Tolerance};
use crate::problem::Problem;
use crate::weighters::{Visitor, each_weighter};

/// Every reduction.
pub const REDUCTIONS: [Reduction; 6] = [
    Reduction::Mean,
    Reduction::Sum,
    Reduction::None,
    Reduction::WeightedMean,
    Reduction::Positives,
    Reduction::Divisor(12.5),
];

/// The first reduction that the backend has, to be used where the law is about something else.
fn any_reduction(backend: &impl Backend) -> Reduction {
    REDUCTIONS.into_iter().find(|&reduction| backend.reduces_by(reduction)).unwrap_or_default()
}

/// The problem's batch of that seed as the backend sees it, where it takes such.
fn batch(backend: &impl Backend, problem: &Problem, seed: u64) -> Option<Batch> {
    let batch = backend.seen(&problem.batch(seed));
    backend.supports(&batch).then_some(batch)
}

/// The stated accuracy for that problem.
fn stated(backend: &impl Backend, problem: &Problem) -> Tolerance {
    let tolerance = Tolerance::stated(backend.precision());
    if problem.has_differences() { tolerance.of_differences() } else { tolerance }
}

/// Compares all that both results tell.
fn compare(check: &Check, ours: &Observed, theirs: &Observed, tolerance: Tolerance) {
    // Losses and weights are sums and products of terms of one sign: nothing cancels in them.
    compare_with(check, ours, theirs, tolerance, Tolerance { floor: 1e-6, ..tolerance });
}

/// The same with a tolerance of its own for weights and losses.
fn compare_with(check: &Check, ours: &Observed, theirs: &Observed, tolerance: Tolerance, plain: Tolerance) {
    if let (Some(ours), Some(theirs)) = (&ours.weights, &theirs.weights) {
        check.close("weights", ours, theirs, plain);
    }
    if let (Some(ours), Some(theirs)) = (&ours.losses, &theirs.losses) {
        check.close("losses", ours, theirs, plain);
    }
    check.close("gradient", &ours.grad, &theirs.grad, tolerance);
    check.close_number("loss", ours.loss, theirs.loss, plain);
    if let (Some(ours), Some(theirs)) = (&ours.summary, &theirs.summary) {
        check.equal("valid", &ours.valid, &theirs.valid);
        check.equal("positives", &ours.positives, &theirs.positives);
        check.close("weight sum", &[ours.weight_sum], &[theirs.weight_sum], plain);
    }
}

/// A law of every weighter.
trait Law {
    /// For messages.
    const NAME: &'static str;

    /// Checks it on one problem with one weighter.
    fn check<B: Backend, W: SampleWeighter + 'static>(check: &Check, backend: &B, problem: &Problem, weighter: &W);
}

struct Everywhere<'a, B, L> {
    backend: &'a B,
    problem: &'a Problem,
    law: PhantomData<L>,
}

impl<B: Backend, L: Law> Visitor for Everywhere<'_, B, L> {
    fn visit<W: SampleWeighter + 'static>(&mut self, name: &str, weighter: W) {
        let case = format!("backend {}, {}, weighter {name}", self.backend.name(), self.problem.name);
        L::check(&Check::new(L::NAME, case), self.backend, self.problem, &weighter);
    }
}

/// Checks a law on these problems with every weighter.
fn everywhere<L: Law>(backend: &impl Backend, problems: &[Problem]) {
    for problem in problems {
        each_weighter(problem.classes(), &mut Everywhere { backend, problem, law: PhantomData::<L> });
    }
}

/// The laws that hold for any weighter on any problem, columns included, with one weighter on one problem.
pub(crate) fn each_of<B: Backend, W: SampleWeighter + 'static>(backend: &B, problem: &Problem, weighter: &W) {
    let shown = format!("{weighter:?}");
    let name: String = shown.chars().take(120).collect();
    let everywhere = |law: &'static str, check: fn(&Check, &B, &Problem, &W)| {
        let case = format!("backend {}, {}, weighter {name}", backend.name(), problem.name);
        check(&Check::new(law, case), backend, problem, weighter);
    };
    everywhere(agreement::Agreement::NAME, agreement::Agreement::check);
    everywhere(order::LaidOut::NAME, order::LaidOut::check);
    everywhere(state::Saved::NAME, state::Saved::check);
    everywhere(state::Evaluated::NAME, state::Evaluated::check);
    everywhere(state::Into::NAME, state::Into::check);
    everywhere(parts::Curved::NAME, parts::Curved::check);
}
