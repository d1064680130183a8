//! The laws of one weighter, base or adjustment on a backend.

use reweight::{
    Adjustment, BaseLoss, BoxedAdjustment, BoxedBase, Focal, Ghm, LossError, ParameterError, SampleWeighter,
};

use crate::backend::{Backend, Reference};
use crate::compare::Check;
use crate::laws::each_of;
use crate::problem::{Kind, Problem, ProblemParts};
use crate::weighters::boxed;

/// Rows of `classes` classes, plain, masked and weighted, and smoothed with rows to leave out; BCE on `classes` columns, of hard
/// and of soft labels.
fn problems(classes: usize) -> Vec<Problem> {
    use Kind::{Classes, Hard, Soft};
    vec![
        Problem::new("rows", Classes, &[19, classes]),
        Problem { masked: true, weighted: true, ..Problem::new("masked, weighted rows", Classes, &[7, classes, 3]) },
        Problem {
            label_smoothing: 0.1,
            ignore_index: Some(-100),
            ..Problem::new("smoothed rows with ignored ones", Classes, &[21, classes])
        },
        Problem::new("hard labels", Hard, &[13, classes]),
        Problem { masked: true, weighted: true, ..Problem::new("masked, weighted hard labels", Hard, &[11, classes]) },
        Problem { masked: true, ..Problem::new("soft labels", Soft, &[9, classes]) },
    ]
}

/// Every law on those problems that the loss fits; it must fit one.
fn check_each<W: SampleWeighter + 'static>(backend: &impl Backend, classes: usize, parts: &ProblemParts, weighter: &W) {
    let mut refused = Vec::new();
    let mut fits = false;
    for problem in problems(classes) {
        let problem = Problem { parts: parts.clone(), ..problem };
        let mut loss = problem.loss(weighter.clone(), reweight::Reduction::Mean);
        match Reference.step(&mut loss, &problem.batch(1)) {
            Err(LossError::Weight(error)) => refused.push(error.to_string()),
            _ => {
                fits = true;
                each_of(backend, &problem, weighter);
            }
        }
    }
    Check::new("a part fits some batch", format!("{parts:?} {weighter:?}")).holds(fits, || refused.join("; "));
}

/// Weighters that a base or an adjustment meets: none, one whose gradient flows, and one that counts.
fn check_with_weighters(backend: &impl Backend, classes: usize, parts: &ProblemParts) -> Result<(), ParameterError> {
    check_each(backend, classes, parts, &boxed(()));
    check_each(backend, classes, parts, &boxed((Focal::new(1.5)?, Ghm::new(5, 0.5)?)));
    Ok(())
}

/// Checks a weighter on a backend, of anybody's both: losses, gradients, weights and second derivatives are the reference's over
/// two steps and every reduction, in every memory layout, an evaluation changes nothing, and a saved state goes on to the bit.
///
/// `classes` is the number of classes that it fits, and of columns under BCE. What it is by itself is checked by
/// [`check_weighter`](crate::check_weighter).
///
/// ```
/// # fn main() -> Result<(), reweight::ParameterError> {
/// reweight_testkit::check_weighter_on(&reweight_testkit::Reference, &reweight::Focal::new(1.5)?, 2);
/// # Ok(())
/// # }
/// ```
///
/// # Panics
///
/// Where a law does not hold; the message names it, backend, batch and both values.
pub fn check_weighter_on<W: SampleWeighter + 'static>(backend: &impl Backend, weighter: &W, classes: usize) {
    let mut fresh = weighter.clone();
    fresh.reset();
    check_each(backend, classes, &ProblemParts::default(), &fresh);
}

/// Checks a base on a backend, as [`check_weighter_on`] does a weighter: unweighted, and under weighters.
///
/// # Panics
///
/// Where a law does not hold; the message names it, backend, batch and both values.
pub fn check_base_on<B: BaseLoss + 'static>(backend: &impl Backend, base: &B, classes: usize) {
    let parts = ProblemParts { base: Some(BoxedBase::new(base.clone())), ..ProblemParts::default() };
    check_with_weighters(backend, classes, &parts).expect("valid settings");
}

/// Checks an adjustment on a backend, as [`check_weighter_on`] does a weighter: unweighted, and under weighters.
///
/// # Panics
///
/// Where a law does not hold; the message names it, backend, batch and both values.
pub fn check_adjustment_on<J: Adjustment + 'static>(backend: &impl Backend, adjustment: &J, classes: usize) {
    let parts = ProblemParts { adjustments: vec![BoxedAdjustment::new(adjustment.clone())], ..ProblemParts::default() };
    check_with_weighters(backend, classes, &parts).expect("valid settings");
}
