//! State: steps gathered in parts, saved and restored, evaluated in between, are the single uninterrupted run.

use reweight::{Reduction, SampleWeighter, State};

use super::{Law, any_reduction, batch, everywhere};
use crate::backend::{Backend, Observed};
use crate::batch::{Batch, Targets};
use crate::compare::Check;
use crate::problem::Problem;

/// Both results are the same, bit by bit.
fn same(check: &Check, ours: &Observed, theirs: &Observed) {
    check.same("gradient", &ours.grad, &theirs.grad);
    check.same("loss", ours.loss.as_slice(), theirs.loss.as_slice());
    check.same("weights", ours.weights.as_deref().unwrap_or_default(), theirs.weights.as_deref().unwrap_or_default());
    check.same("losses", ours.losses.as_deref().unwrap_or_default(), theirs.losses.as_deref().unwrap_or_default());
    check.equal("summary", &ours.summary, &theirs.summary);
}

struct Split;

impl Law for Split {
    const NAME: &'static str = "a step gathered in parts is the single step";

    fn check<B: Backend, W: SampleWeighter + 'static>(check: &Check, backend: &B, problem: &Problem, weighter: &W) {
        if !backend.reduces_by(Reduction::Sum) {
            return;
        }
        let mut whole_loss = problem.loss(weighter.clone(), Reduction::Sum);
        let mut parts_loss = whole_loss.clone();
        for seed in [71, 72] {
            let Some(batch) = batch(backend, problem, seed) else { return };
            // As one row first: cutting a batch is then nothing but cutting a row.
            let samples: Vec<usize> = (0..batch.samples()).collect();
            let whole = batch.reordered(&samples);
            let (first, second) = samples.split_at(samples.len() / 3);
            let parts = [batch.reordered(first), batch.reordered(second)];
            let expected = check.unwrap(backend.step(&mut whole_loss, &whole));

            let Some(counts) = backend.statistics(&parts_loss, &parts[0]) else { return };
            let mut counts = check.unwrap(counts);
            // The other part's counts come from elsewhere: another machine sends them as text, or as plain integers.
            let Some(other) = backend.statistics(&parts_loss, &parts[1]) else { return };
            let sent = check.unwrap(serde_json::to_string(&check.unwrap(other)));
            let other = check.unwrap(serde_json::from_str(&sent));
            check.unwrap(counts.merge(&other));
            let before = parts_loss.state();
            check.unwrap(parts_loss.observe(&counts));
            check.equal("the state", &parts_loss.state(), &whole_loss.state());

            let weigh = |part: &Batch| backend.weigh(&parts_loss, part).map(|result| check.unwrap(result));
            let (Some(one), Some(two)) = (weigh(&parts[0]), weigh(&parts[1])) else { return };
            check.equal("the state after weighing", &parts_loss.state(), &whole_loss.state());
            check
                .holds(!weighter.observes() || before != parts_loss.state(), || "observing changed nothing".to_owned());
            check.same("gradient", &[one.grad, two.grad].concat(), &expected.grad);
            let joined = |a: Option<Vec<f64>>, b: Option<Vec<f64>>| a.zip(b).map(|(a, b)| [a, b].concat());
            if let (Some(own), Some(all)) = (joined(one.weights, two.weights), &expected.weights) {
                check.same("weights", &own, all);
            }
            if let (Some(own), Some(all)) = (joined(one.losses, two.losses), &expected.losses) {
                check.same("losses", &own, all);
            }
        }
    }
}

/// Statistics of two parts, one sent as JSON, merged, observed, and each part weighed: gradient, weights, losses and
/// state are those of the single step, to the bit.
///
/// # Panics
///
/// Where the law does not hold.
pub fn gathered_in_parts_is_single(backend: &impl Backend) {
    everywhere::<Split>(backend, &Problem::all());
}

pub(super) struct Saved;

impl Law for Saved {
    const NAME: &'static str = "saved, restored and gone on is uninterrupted";

    fn check<B: Backend, W: SampleWeighter + 'static>(check: &Check, backend: &B, problem: &Problem, weighter: &W) {
        let mut uninterrupted = problem.loss(weighter.clone(), any_reduction(backend));
        let mut resumed = uninterrupted.clone();
        for seed in 81..85 {
            let Some(batch) = batch(backend, problem, seed) else { return };
            let check = check.with(&format!("step {seed}"));
            let expected = check.unwrap(backend.step(&mut uninterrupted, &batch));
            // Every step in a process of its own.
            let text = check.unwrap(serde_json::to_string(&resumed.state()));
            let mut fresh = problem.loss(weighter.clone(), any_reduction(backend));
            let state: State = check.unwrap(serde_json::from_str(&text));
            check.unwrap(fresh.restore(&state));
            let own = check.unwrap(backend.step(&mut fresh, &batch));
            same(&check, &own, &expected);
            check.equal("the state", &fresh.state(), &uninterrupted.state());
            resumed = fresh;
        }
    }
}

/// Saving as JSON and restoring into a fresh loss before every step changes no bit.
///
/// # Panics
///
/// Where the law does not hold.
pub fn restored_goes_on(backend: &impl Backend) {
    everywhere::<Saved>(backend, &Problem::all());
}

pub(super) struct Evaluated;

impl Law for Evaluated {
    const NAME: &'static str = "evaluation changes nothing, and reset starts anew";

    fn check<B: Backend, W: SampleWeighter + 'static>(check: &Check, backend: &B, problem: &Problem, weighter: &W) {
        let mut trained = problem.loss(weighter.clone(), any_reduction(backend));
        let mut watched = trained.clone();
        let mut first = None;
        for seed in [91, 92, 93] {
            let (Some(batch), Some(other)) = (batch(backend, problem, seed), batch(backend, problem, seed + 10)) else {
                return;
            };
            let expected = check.unwrap(backend.step(&mut trained, &batch));
            check.unwrap(backend.value(&watched, &other));
            check.unwrap(backend.value(&watched, &batch));
            let own = check.unwrap(backend.step(&mut watched, &batch));
            same(check, &own, &expected);
            first.get_or_insert((batch, own));
        }
        let Some((batch, expected)) = first else { return };
        watched.reset();
        let own = check.unwrap(backend.step(&mut watched, &batch));
        same(&check.with("after reset"), &own, &expected);
    }
}

/// Evaluations between training steps change no bit of the steps, and after `reset` the first step comes again.
///
/// # Panics
///
/// Where the law does not hold.
pub fn evaluation_changes_nothing(backend: &impl Backend) {
    everywhere::<Evaluated>(backend, &Problem::all());
}

pub(super) struct Into;

impl Law for Into {
    const NAME: &'static str = "a gradient written into a buffer is the returned one";

    fn check<B: Backend, W: SampleWeighter + 'static>(check: &Check, backend: &B, problem: &Problem, weighter: &W) {
        let Some(batch) = batch(backend, problem, 95) else { return };
        let mut loss = problem.loss(weighter.clone(), any_reduction(backend));
        let mut other = loss.clone();
        let mut buffer = batch.logits.clone();
        buffer.data.fill(f64::NAN);
        let Some(result) = backend.step_into(&mut other, &batch, &mut buffer) else { return };
        let own = check.unwrap(result);
        let expected = check.unwrap(backend.step(&mut loss, &batch));
        check.same("gradient", &buffer.data, &expected.grad);
        check.same("loss", own.as_slice(), expected.loss.as_slice());
        check.equal("the state", &other.state(), &loss.state());
    }
}

/// The gradient that is written into the caller's buffer, whatever that held, is the returned one to the bit.
///
/// # Panics
///
/// Where the law does not hold.
pub fn a_buffer_holds_the_same(backend: &impl Backend) {
    everywhere::<Into>(backend, &Problem::all());
}

struct Twice;

impl Law for Twice {
    const NAME: &'static str = "the same step twice is the same bits";

    fn check<B: Backend, W: SampleWeighter + 'static>(check: &Check, backend: &B, problem: &Problem, weighter: &W) {
        let Some(batch) = batch(backend, problem, 96) else { return };
        let mut one = problem.loss(weighter.clone(), any_reduction(backend));
        let mut two = one.clone();
        let expected = check.unwrap(backend.step(&mut one, &batch));
        let targets = match &batch.targets {
            Targets::Hard(all) | Targets::Classes(all) => all.data.len(),
            Targets::Soft(all) => all.data.len(),
        };
        check.equal("samples", &batch.samples(), &targets);
        same(check, &check.unwrap(backend.step(&mut two, &batch)), &expected);
    }
}

/// The same step on the same large batch gives the same bits: no result depends on how threads happened to run.
///
/// # Panics
///
/// Where the law does not hold.
pub fn a_step_is_deterministic(backend: &impl Backend) {
    everywhere::<Twice>(backend, &Problem::large());
}
