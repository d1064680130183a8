//! The laws on random batches (proptest): what fixed seeds may have missed, shrunk to the smallest batch that fails.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use reweight::{AlphaBalance, BoxedWeighter, Chain, Focal, Ghm, LossError, Reduction, SampleWeighter};
use reweight_testkit::parts::draw;
use reweight_testkit::{
    Backend, Batch, Check, Kind, Loss, Numbers, Observed, Precision, Problem, Reference, Targets, Tensor, Tolerance,
};

/// Cases a property: enough for shapes, masks and settings to meet, few enough for a second.
const CASES: u32 = 192;

/// A random batch with its loss's settings.
#[derive(Clone, Debug)]
struct Random {
    kind: Kind,
    rows: usize,
    classes: usize,
    /// Logits in ± this.
    spread: f64,
    seed: u64,
    masked: bool,
    weighted: bool,
    gamma: f64,
    alpha: f64,
    smoothing: f64,
    reduction: Reduction,
}

fn random() -> impl Strategy<Value = Random> {
    let kind = prop_oneof![Just(Kind::Hard), Just(Kind::Soft), Just(Kind::Classes)];
    let spread = prop_oneof![Just(0.01), 1.0..30.0, Just(150.0), Just(1e4)];
    let gamma = prop_oneof![0.0..5.0, (0_u8..6).prop_map(f64::from)];
    let reduction = prop_oneof![
        Just(Reduction::Mean),
        Just(Reduction::Sum),
        Just(Reduction::None),
        Just(Reduction::Positives),
        Just(Reduction::WeightedMean),
        (0.5..100.0).prop_map(Reduction::Divisor),
    ];
    let smoothing = prop_oneof![3 => Just(0.0), 1 => 0.01..0.5];
    let sizes = (0_usize..40, 2_usize..12);
    let flags = (any::<bool>(), any::<bool>());
    (kind, sizes, spread, any::<u64>(), flags, gamma, 0.0..=1.0, smoothing, reduction).prop_map(
        |(kind, (rows, classes), spread, seed, (masked, weighted), gamma, alpha, smoothing, reduction)| Random {
            kind,
            rows,
            classes,
            spread,
            seed,
            masked,
            weighted,
            gamma,
            alpha,
            smoothing,
            reduction,
        },
    )
}

impl Random {
    fn problem(&self) -> Problem {
        let shape = if self.kind == Kind::Classes { vec![self.rows, self.classes] } else { vec![self.rows, 2] };
        Problem {
            spread: self.spread,
            masked: self.masked,
            weighted: self.weighted,
            label_smoothing: if self.kind == Kind::Classes { self.smoothing } else { 0.0 },
            ..Problem::new("random", self.kind, &shape)
        }
    }

    fn chain(&self) -> Chain {
        let alpha = AlphaBalance::binary(self.alpha).expect("α in [0, 1]");
        let focal = Focal::new(self.gamma).expect("γ ≥ 0");
        Chain::from(vec![boxed(alpha), boxed(focal)])
    }

    fn loss<W: SampleWeighter>(&self, weighter: W) -> Loss<W> {
        self.problem().loss(weighter, self.reduction)
    }
}

fn boxed(weighter: impl SampleWeighter + 'static) -> BoxedWeighter {
    BoxedWeighter::new(weighter).expect("recordable")
}

/// Runs a property; a failed check panics, and proptest shrinks to the smallest case that does.
fn run(backend: &impl Backend, property: impl Fn(&Check, &Random, &Batch)) {
    // No file of past failures, and the same cases every time: a run depends on nothing but the code.
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(
        config,
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let name = backend.name();
    let result = runner.run(&random(), |random| {
        let batch = backend.seen(&random.problem().batch(random.seed));
        if backend.supports(&batch) && backend.reduces_by(random.reduction) {
            property(
                &Check::new("a property of random batches", format!("backend {name}, {random:?}")),
                &random,
                &batch,
            );
        }
        Ok::<(), TestCaseError>(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}

/// Loss and gradient agree with the reference to the stated accuracy.
///
/// # Panics
///
/// Where they do not.
pub fn agree_with_the_reference(backend: &impl Backend) {
    run(backend, |check, random, batch| {
        let own = check.unwrap(backend.step(&mut random.loss(random.chain()), batch));
        let expected = check.unwrap(Reference.step(&mut random.loss(random.chain()), batch));
        let strict = Tolerance::stated(backend.precision());
        let tolerance = if random.problem().has_differences() { strict.of_differences() } else { strict };
        // Where all weights lie below the normal floats they have lost digits, and their mean has them no more.
        let lost = backend.precision() == Precision::F32
            && random.reduction == Reduction::WeightedMean
            && expected.summary.is_some_and(|summary| summary.weight_sum < f64::from(f32::MIN_POSITIVE) * 1e7);
        if lost {
            return;
        }
        check.close("gradient", &own.grad, &expected.grad, tolerance);
        check.close_number("loss", own.loss, expected.loss, strict);
    });
}

/// Counts merged over any cut of the batch are the counts of the whole, and so is the state that observes them.
///
/// # Panics
///
/// Where they are not.
pub fn counts_merge(backend: &impl Backend) {
    run(backend, |check, random, batch| {
        let mut loss = random.loss(Chain::from(vec![boxed(Ghm::new(7, 0.5).expect("valid"))]));
        let mut numbers = Numbers::new(random.seed);
        let order = numbers.order(batch.samples());
        let cut = numbers.below(order.len() + 1);
        let count = |samples: &[usize]| backend.statistics(&loss, &batch.reordered(samples));
        let (Some(whole), Some(first), Some(second)) = (count(&order), count(&order[..cut]), count(&order[cut..]))
        else {
            return;
        };
        let mut merged = check.unwrap(first);
        check.unwrap(merged.merge(&check.unwrap(second)));
        let whole = check.unwrap(whole);
        check.equal("merged counts", &merged, &whole);
        let mut other = loss.clone();
        check.unwrap(loss.observe(&merged));
        check.unwrap(other.observe(&whole));
        check.equal("state", &loss.state(), &other.state());
        // In f32 a softmax margin or a soft label's norm may round across an edge; hard labels count alike in both.
        if backend.precision() == Precision::F64 || random.kind == Kind::Hard {
            let expected = Reference.statistics(&random.loss(loss.weighter().clone()), batch);
            check.equal("counts of the reference", &whole, &check.unwrap(expected.expect("the reference counts")));
        }
    });
}

/// A logit that is not finite, at any valid place, is refused with its place, and the state stays.
///
/// # Panics
///
/// Where it is not.
pub fn bad_logits_are_found(backend: &impl Backend) {
    run(backend, |check, random, batch| {
        let problem = random.problem();
        let valid: Vec<usize> = (0..batch.samples()).filter(|&i| problem.is_valid(batch, i)).collect();
        let mut numbers = Numbers::new(random.seed ^ 1);
        let Some(&sample) = valid.get(numbers.below(valid.len())) else { return };
        let positions = batch.logits_of(sample);
        let at = positions[numbers.below(positions.len())];
        let mut bad = batch.clone();
        bad.logits.data[at] = f64::NEG_INFINITY;
        let mut loss = random.loss(Chain::from(vec![boxed(Ghm::new(5, 0.9).expect("valid"))]));
        check.unwrap(backend.step(&mut loss, batch));
        let state = loss.state();
        let found = backend.step(&mut loss, &bad).err();
        let expected = LossError::NonFiniteLogit { index: at, logit: f64::NEG_INFINITY };
        check.equal("error", &found, &Some(expected));
        check.equal("state", &loss.state(), &state);
    });
}

/// Moving every logit of a row by the same amount changes nothing but rounding; flipping signs and labels of BCE
/// mirrors the gradient.
///
/// # Panics
///
/// Where it does not.
pub fn symmetries_hold(backend: &impl Backend) {
    run(backend, |check, random, batch| {
        let focal = Chain::from(vec![boxed(Focal::new(random.gamma).expect("valid"))]);
        let own = check.unwrap(backend.step(&mut random.loss(focal.clone()), batch));
        let mut mirrored = batch.clone();
        let strict = Tolerance::stated(backend.precision()).doubled();
        match &mut mirrored.targets {
            Targets::Classes(targets) => {
                // Reversing the classes reverses each row's gradient.
                let last = random.classes as i64 - 1;
                targets.data.iter_mut().filter(|label| **label >= 0).for_each(|label| *label = last - *label);
                mirrored.logits.data = reversed_rows(&batch.logits);
                if random.reduction == Reduction::Positives {
                    return;
                }
                let other = check.unwrap(backend.step(&mut random.loss(focal), &mirrored));
                let grad = reversed_rows(&Tensor::new(&batch.logits.shape, own.grad));
                let tolerance = if random.smoothing > 0.0 { strict.of_differences() } else { strict };
                check.close("gradient of reversed classes", &other.grad, &grad, tolerance);
                check.close_number("loss of reversed classes", other.loss, own.loss, strict);
            }
            Targets::Hard(targets) => {
                targets.data.iter_mut().filter(|label| **label >= 0).for_each(|label| *label = 1 - *label);
                mirrored.logits.data.iter_mut().for_each(|x| *x = -*x);
                if random.reduction == Reduction::Positives {
                    return;
                }
                let other = check.unwrap(backend.step(&mut random.loss(focal), &mirrored));
                let grad: Vec<f64> = own.grad.iter().map(|slope| -slope).collect();
                check.close("gradient of the mirrored batch", &other.grad, &grad, strict);
                check.close_number("loss of the mirrored batch", other.loss, own.loss, strict);
            }
            Targets::Soft(_) => {}
        }
    });
}

fn reversed_rows(tensor: &Tensor<f64>) -> Vec<f64> {
    let classes = tensor.shape[1];
    tensor.data.chunks(classes).flat_map(|row| row.iter().rev().copied()).collect()
}

/// Losses of random parts agree with the reference: every kind meets every other, on random batches.
///
/// # Panics
///
/// Where they do not.
pub fn all_parts_agree(backend: &impl Backend) {
    run(backend, |check, random, batch| {
        let problem = random.problem();
        let columns = problem.shape.last().copied().unwrap_or(0);
        // Adjusted logits are exact to an ulp of theirs, and a column of one value has no pair beside it.
        if random.spread > 30.0 || random.rows == 0 || columns < 2 {
            return;
        }
        let drawn = draw(&problem, &mut Numbers::new(random.seed), random.reduction);
        let is_left_out = !drawn.is_comparable(backend.precision()) || (drawn.by_column && !backend.keeps_shapes());
        if is_left_out || drawn.weighs_by_differences {
            return;
        }
        let check = check.with(&drawn.config);
        let own = backend.step(&mut drawn.loss.clone(), batch);
        let expected = Reference.step(&mut drawn.loss.clone(), batch);
        match (own, expected) {
            (Ok(own), Ok(expected)) => {
                let strict = Tolerance::stated(backend.precision());
                let lost = backend.precision() == Precision::F32
                    && random.reduction == Reduction::WeightedMean
                    && expected.summary.is_some_and(|summary| summary.weight_sum < f64::from(f32::MIN_POSITIVE) * 1e7);
                if lost {
                    return;
                }
                let tolerance = if problem.has_differences() { strict.of_differences() } else { strict };
                check.close("gradient", &own.grad, &expected.grad, tolerance);
                check.close_number("loss", own.loss, expected.loss, strict);
            }
            (own, expected) => {
                let text =
                    |result: Result<_, LossError>| result.map(|_: Observed| ()).map_err(|error| error.to_string());
                check.equal("what a batch is refused with", &text(own), &text(expected));
            }
        }
    });
}
