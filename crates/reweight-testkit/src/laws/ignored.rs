//! Ignored samples have no loss, no gradient, are in no count, and may hold anything.

use reweight::SampleWeighter;

use super::{Law, REDUCTIONS, any_reduction, batch, compare, everywhere, stated};
use crate::backend::{Backend, Observed};
use crate::batch::{Batch, Targets, Tensor};
use crate::compare::Check;
use crate::problem::{Kind, Numbers, Problem};

struct LeftOut;

impl Law for LeftOut {
    const NAME: &'static str = "ignored samples are as if they were not there";

    fn check<B: Backend, W: SampleWeighter + 'static>(check: &Check, backend: &B, problem: &Problem, weighter: &W) {
        let Some(mut whole) = batch(backend, problem, 51) else { return };
        if whole.valid.is_none() && problem.ignore_index.is_none() {
            let mut numbers = Numbers::new(52);
            let valid: Vec<bool> = (0..whole.samples()).map(|_| numbers.chance(0.6)).collect();
            (0..valid.len()).filter(|&i| !valid[i]).for_each(|i| whole.spoil(i, &mut numbers));
            whole.valid = Some(Tensor::new(whole.targets.shape(), valid));
        }
        let kept: Vec<usize> = (0..whole.samples()).filter(|&i| problem.is_valid(&whole, i)).collect();
        let part = Batch { valid: None, ..whole.reordered(&kept) };
        if !backend.supports(&whole) || !backend.supports(&part) {
            return;
        }
        for reduction in REDUCTIONS.into_iter().filter(|&reduction| backend.reduces_by(reduction)) {
            let check = check.with(&format!("{reduction:?}"));
            let mut of_part = problem.loss(weighter.clone(), reduction);
            let mut of_whole = of_part.clone();
            let expected = check.unwrap(backend.step(&mut of_part, &part));
            let own = check.unwrap(backend.step(&mut of_whole, &whole));
            for i in (0..whole.samples()).filter(|i| !kept.contains(i)) {
                let zero = |what: &str, value: f64| {
                    check.holds(value == 0.0, || format!("{what} of ignored sample {i}: {value} instead of 0"));
                };
                whole.logits_of(i).into_iter().for_each(|at| zero("gradient", own.grad[at]));
                own.weights.iter().for_each(|weights| zero("weight", weights[i]));
                own.losses.iter().for_each(|losses| zero("loss", losses[i]));
            }
            let pick = |values: Option<Vec<f64>>| values.map(|all| kept.iter().map(|&i| all[i]).collect());
            let own = Observed {
                grad: kept.iter().flat_map(|&i| whole.logits_of(i)).map(|at| own.grad[at]).collect(),
                weights: pick(own.weights),
                losses: pick(own.losses),
                ..own
            };
            compare(&check, &own, &expected, stated(backend, problem).doubled());
            check.equal("the state", &of_whole.state(), &of_part.state());
        }
    }
}

/// A batch with ignored samples, which hold NaN, infinities and impossible labels, gives what the batch without them
/// gives; their own loss, weight and gradient are 0.
///
/// # Panics
///
/// Where the law does not hold.
pub fn are_as_if_not_there(backend: &impl Backend) {
    everywhere::<LeftOut>(backend, &Problem::moderate());
}

/// A batch of nothing, and one with everything ignored.
fn without_samples(problem: &Problem) -> [(&'static str, Batch); 2] {
    let mut shape = problem.shape.clone();
    shape[0] = 0;
    let empty = Problem { shape, ..problem.clone() }.batch(53);
    let mut ignored = problem.batch(53);
    let mut numbers = Numbers::new(54);
    (0..ignored.samples()).for_each(|i| ignored.spoil(i, &mut numbers));
    match (&mut ignored.targets, problem.ignore_index) {
        (Targets::Classes(targets), Some(label)) => targets.data.fill(label),
        (targets, _) => ignored.valid = Some(Tensor::filled(targets.shape(), false)),
    }
    [("empty", empty), ("all ignored", ignored)]
}

struct Nothing;

impl Law for Nothing {
    const NAME: &'static str = "a batch without valid samples has loss 0 and changes nothing";

    fn check<B: Backend, W: SampleWeighter + 'static>(check: &Check, backend: &B, problem: &Problem, weighter: &W) {
        for (name, nothing) in without_samples(problem) {
            if !backend.supports(&nothing) {
                continue;
            }
            for reduction in REDUCTIONS.into_iter().filter(|&reduction| backend.reduces_by(reduction)) {
                let check = check.with(&format!("{name}, {reduction:?}"));
                let mut loss = problem.loss(weighter.clone(), reduction);
                // After a step, so that there is a state to lose.
                if let Some(some) = batch(backend, problem, 55) {
                    check.unwrap(backend.step(&mut loss, &some));
                }
                let state = loss.state();
                let value = check.unwrap(backend.value(&loss, &nothing));
                let observed = check.unwrap(backend.step(&mut loss, &nothing));
                check.equal("the state", &loss.state(), &state);
                check.equal("the value for evaluation", &value, &observed.loss);
                check.holds(observed.loss.is_none_or(|loss| loss == 0.0), || format!("loss {:?}", observed.loss));
                check.equal("length of the gradient", &observed.grad.len(), &nothing.logits.data.len());
                check
                    .holds(observed.grad.iter().all(|&slope| slope == 0.0), || format!("gradient {:?}", observed.grad));
                if let Some(summary) = observed.summary {
                    check.equal("counts", &(summary.valid, summary.positives), &(0, 0));
                }
            }
        }
    }
}

/// An empty batch, or one with everything ignored, has loss 0 and a zero gradient, and leaves the state untouched.
///
/// # Panics
///
/// Where the law does not hold.
pub fn alone_change_nothing(backend: &impl Backend) {
    everywhere::<Nothing>(backend, &Problem::moderate());
}

/// A sample weight of 0 is no mask: the sample has no loss, but it counts.
///
/// # Panics
///
/// Where the law does not hold.
pub fn a_weight_of_zero_counts(backend: &impl Backend) {
    for kind in [Kind::Hard, Kind::Soft, Kind::Classes] {
        let shape: &[usize] = if kind == Kind::Classes { &[12, 3] } else { &[12] };
        let problem = Problem::new("weights of zero", kind, shape);
        let Some(mut batch) = batch(backend, &problem, 56) else { continue };
        let mut weights = vec![1.0; 12];
        weights[..5].fill(0.0);
        batch.sample_weight = Some(Tensor::new(&[12], weights));
        if !backend.supports(&batch) {
            continue;
        }
        let check = Check::new("a sample weight of 0 is no mask", format!("backend {}, {kind:?}", backend.name()));
        let observed = check.unwrap(backend.step(&mut problem.loss((), any_reduction(backend)), &batch));
        if let Some(summary) = observed.summary {
            check.equal("valid", &summary.valid, &12);
            check.equal("weight sum", &summary.weight_sum, &7.0);
        }
        let lost = (0..5).flat_map(|i| batch.logits_of(i)).all(|at| observed.grad[at] == 0.0);
        check.holds(lost, || "a gradient flows to a sample of weight 0".to_owned());
    }
}
