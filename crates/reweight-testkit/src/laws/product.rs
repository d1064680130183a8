//! Chains: the weight of a product is the product of the weights, however the product is put together.

use reweight::{AlphaBalance, BoxedWeighter, Chain, Focal, Ghm, SampleWeighter};

use super::{any_reduction, batch, compare, stated};
use crate::backend::{Backend, Observed, Reference};
use crate::batch::Batch;
use crate::compare::{Check, Tolerance};
use crate::problem::Problem;
use crate::weighters::{boxed, chain};

/// Two steps of a weighter on a problem; what the second gave.
fn second_step<W: SampleWeighter>(
    check: &Check,
    backend: &impl Backend,
    problem: &Problem,
    batches: &[Batch; 2],
    weighter: &W,
) -> Observed {
    let mut loss = problem.loss(weighter.clone(), any_reduction(backend));
    check.unwrap(backend.step(&mut loss, &batches[0]));
    check.unwrap(backend.step(&mut loss, &batches[1]))
}

fn each_problem(law: &'static str, backend: &impl Backend, body: impl Fn(&Check, &Problem, &[Batch; 2])) {
    for problem in Problem::all() {
        let (Some(first), Some(second)) = (batch(backend, &problem, 21), batch(backend, &problem, 22)) else {
            continue;
        };
        let check = Check::new(law, format!("backend {}, {}", backend.name(), problem.name));
        body(&check, &problem, &[first, second]);
    }
}

fn parts() -> (AlphaBalance, Focal, Ghm) {
    let ghm = Ghm::new(10, 0.5).expect("valid");
    (AlphaBalance::binary(0.25).expect("valid"), Focal::new(2.0).expect("valid"), ghm)
}

/// The chain's weight of each sample is the product of its links' weights.
///
/// # Panics
///
/// Where the law does not hold.
pub fn weights_multiply(backend: &impl Backend) {
    each_problem("a chain's weight is the product", backend, |check, problem, batches| {
        let (alpha, focal, ghm) = parts();
        // A sample weight multiplies once, not once a link.
        let mut batches = batches.clone();
        batches.iter_mut().for_each(|batch| batch.sample_weight = None);
        let whole = second_step(check, backend, problem, &batches, &(alpha.clone(), focal.clone(), ghm.clone()));
        let links = [
            second_step(check, backend, problem, &batches, &boxed(alpha)),
            second_step(check, backend, problem, &batches, &focal),
            second_step(check, backend, problem, &batches, &boxed(ghm)),
        ];
        let (Some(weights), [Some(a), Some(b), Some(c)]) = (whole.weights, links.map(|link| link.weights)) else {
            return;
        };
        let product: Vec<f64> = a.iter().zip(&b).zip(&c).map(|((a, b), c)| a * b * c).collect();
        let tolerance = Tolerance::stated(backend.precision()).doubled();
        check.close("weights", &weights, &product, tolerance);
    });
}

/// A tuple, a `Vec` of boxes, a `Chain` from a config and a box of the recorded formula give the same.
///
/// # Panics
///
/// Where the law does not hold.
pub fn every_form_is_the_same(backend: &impl Backend) {
    each_problem("all forms of a chain are one", backend, |check, problem, batches| {
        let (alpha, focal, ghm) = parts();
        let tolerance = stated(backend, problem).doubled();
        let tuple = second_step(check, backend, problem, batches, &(alpha.clone(), focal.clone(), ghm.clone()));
        let form = |name: &str| check.with(name);
        // On the reference: a backend's loops are not compiled for a type that a chain holds anyway.
        let links =
            [BoxedWeighter::new(alpha.clone()), BoxedWeighter::new(focal.clone()), BoxedWeighter::new(ghm.clone())];
        let vector: Vec<BoxedWeighter> = links.map(|link| check.unwrap(link)).into();
        compare(&form("Vec of boxes"), &second_step(check, &Reference, problem, batches, &vector), &tuple, tolerance);
        let configured = chain(
            r#"{"objective": "bce", "weighter": [{"kind": "alpha-balance", "alpha": 0.25},
                {"kind": "focal", "gamma": 2.0}, {"kind": "ghm", "bins": 10, "momentum": 0.5}]}"#,
        );
        compare(&form("from a config"), &second_step(check, backend, problem, batches, &configured), &tuple, tolerance);
        let links = [BoxedWeighter::new(alpha.clone()), BoxedWeighter::new((focal.clone(), ghm.clone()))];
        let links = Chain::from(Vec::from(links.map(|link| check.unwrap(link))));
        compare(&form("boxes of products"), &second_step(check, backend, problem, batches, &links), &tuple, tolerance);
        let whole = boxed((alpha, (focal, ghm)));
        compare(&form("one box"), &second_step(check, backend, problem, batches, &whole), &tuple, tolerance);
    });
}

/// A constant weight (α, GHM, anything detached) multiplies the gradient of what is left without it.
///
/// # Panics
///
/// Where the law does not hold.
pub fn constant_weights_multiply_the_gradient(backend: &impl Backend) {
    each_problem("no gradient flows through a constant weight", backend, |check, problem, batches| {
        let (alpha, focal, ghm) = parts();
        let root = Focal::new(0.5).expect("valid");
        let constant = (root.clone().detached(), ghm.clone(), alpha.clone());
        let whole = boxed((root.detached(), (ghm, alpha), focal.clone()));
        let mut batches = batches.clone();
        batches.iter_mut().for_each(|batch| batch.sample_weight = None);
        let batches = &batches;
        // Divided by a constant, so that only the weights change the scale.
        let whole = second_step(check, backend, problem, batches, &whole);
        let rest = second_step(check, backend, problem, batches, &focal);
        let weights = second_step(check, &Reference, problem, batches, &constant).weights.unwrap_or_default();
        let mut expected = rest.grad;
        for (i, weight) in weights.iter().enumerate() {
            for at in batches[1].logits_of(i) {
                expected[at] *= weight;
            }
        }
        check.close("gradient", &whole.grad, &expected, stated(backend, problem).doubled());
    });
}
