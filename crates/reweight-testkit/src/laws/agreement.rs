//! Agreement with the reference, to the accuracy that the project states.

use reweight::{Reduction, SampleWeighter};

use super::parts::Curved;
use super::{Law, REDUCTIONS, any_reduction, batch, compare, everywhere, stated};
use crate::backend::{Backend, Reference};
use crate::compare::{Check, Tolerance};
use crate::problem::Problem;

pub(super) struct Agreement;

impl Law for Agreement {
    const NAME: &'static str = "a backend agrees with the reference";

    fn check<B: Backend, W: SampleWeighter + 'static>(check: &Check, backend: &B, problem: &Problem, weighter: &W) {
        for reduction in REDUCTIONS.into_iter().filter(|&reduction| backend.reduces_by(reduction)) {
            two_steps(&check.with(&format!("reduction {reduction:?}")), backend, problem, weighter, reduction);
        }
    }
}

/// Two steps, so that the second weighs with the state of the first.
fn two_steps<B: Backend, W: SampleWeighter>(
    check: &Check,
    backend: &B,
    problem: &Problem,
    weighter: &W,
    reduction: Reduction,
) {
    let tolerance = stated(backend, problem);
    let mut ours = problem.loss(weighter.clone(), reduction);
    let mut theirs = ours.clone();
    for seed in [1, 2] {
        let Some(batch) = batch(backend, problem, seed) else { return };
        let check = check.with(&format!("step {seed}"));
        let state = ours.state();
        let value = check.unwrap(backend.value(&ours, &batch));
        check.equal("the state after an evaluation", &ours.state(), &state);
        let own = check.unwrap(backend.step(&mut ours, &batch));
        let other = check.unwrap(Reference.step(&mut theirs, &batch));
        compare(&check, &own, &other, tolerance);
        // Whole numbers. Those of hard BCE labels do not depend on the precision; a softmax margin or a soft label's norm
        // is computed, and none of these seeds' lies within rounding of a region's edge.
        check.equal("the state after the step", &ours.state(), &theirs.state());
        let tolerance = Tolerance::stated(backend.precision());
        check.close_number("the value for evaluation", value, own.loss, tolerance);
    }
}

/// Loss, gradient, weights, losses, counts and state are the reference's, over two steps, with every reduction; and
/// the value for evaluation is the step's loss, which leaves the state untouched.
///
/// # Panics
///
/// Where the law does not hold.
pub fn with_the_reference(backend: &impl Backend) {
    everywhere::<Agreement>(backend, &Problem::all());
}

struct Large;

impl Law for Large {
    const NAME: &'static str = "a backend agrees with the reference on large batches";

    fn check<B: Backend, W: SampleWeighter + 'static>(check: &Check, backend: &B, problem: &Problem, weighter: &W) {
        two_steps(check, backend, problem, weighter, any_reduction(backend));
    }
}

/// The same on batches that are cut into stretches, blocks and threads.
///
/// # Panics
///
/// Where the law does not hold.
pub fn on_large_batches(backend: &impl Backend) {
    everywhere::<Large>(backend, &Problem::large());
}

/// Fewest and most of what an engine may do row by row and what it may do along the row, and between: vectors' and blocks' ends.
/// One class is refused, by another law.
const WIDTHS: [usize; 7] = [2, 31, 32, 33, 40, 100, 1_003];

struct Widths;

impl Law for Widths {
    const NAME: &'static str = "a backend agrees with the reference on rows of every width";

    fn check<B: Backend, W: SampleWeighter + 'static>(check: &Check, backend: &B, problem: &Problem, weighter: &W) {
        let check = check.with(&format!("{} classes", problem.classes()));
        two_steps(&check, backend, problem, weighter, any_reduction(backend));
        // The reference sums over pairs of classes there.
        if problem.classes() <= 100 {
            Curved::check(&check, backend, problem, weighter);
        }
    }
}

/// The same, second derivatives too, on rows of few and of many classes whose labels are right, wrong and random.
///
/// # Panics
///
/// Where the law does not hold.
pub fn on_rows_of_every_width(backend: &impl Backend) {
    for classes in WIDTHS {
        everywhere::<Widths>(backend, &Problem::of_width(classes));
    }
}
