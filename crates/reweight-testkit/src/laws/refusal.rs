//! Bad input: the right error, the state as it was, and the gradient as it was or all zeros.

use reweight::{AlphaBalance, Chain, Focal, Ghm, LossError, WeightError};

use super::{any_reduction, batch};
use crate::backend::Backend;
use crate::batch::{Batch, Targets, Tensor};
use crate::compare::Check;
use crate::custom::Inverse;
use crate::problem::{Kind, Problem};
use crate::weighters::boxed;

/// One row of the table of errors: what is wrong with the batch, and the error that must come.
struct Row {
    name: &'static str,
    batch: Batch,
    error: LossError,
}

/// Refuses the batch in every call, with that error, and leaves everything as it was.
fn refused(backend: &impl Backend, problem: &Problem, weighter: &Chain, row: &Row) {
    let Row { name, batch: bad, error } = row;
    if !backend.supports(bad) {
        return;
    }
    let case = format!("backend {}, {}, {name}", backend.name(), problem.name);
    let check = Check::new("bad input is refused and changes nothing", case);
    let Some(good) = batch(backend, problem, 101) else { return };
    let mut loss = problem.loss(weighter.clone(), any_reduction(backend));
    let fits = !matches!(error, LossError::Weight(_));
    if fits {
        check.unwrap(backend.step(&mut loss, &good));
    }
    let state = loss.state();
    let untouched = loss.clone();
    let expect = |call: &str, result: Option<LossError>| match result {
        None => check.fail(&format!("{call} accepts it, instead of: {error}")),
        Some(found) if !alike(&found, error) => check.fail(&format!("{call} says \"{found}\" instead of \"{error}\"")),
        Some(_) => {}
    };
    expect("step", backend.step(&mut loss, bad).err());
    check.equal("the state after step", &loss.state(), &state);
    expect("value", backend.value(&loss, bad).err());
    if let Some(result) = backend.statistics(&loss, bad) {
        expect("statistics", result.err());
    }
    if let Some(result) = backend.weigh(&loss, bad) {
        expect("weigh", result.err());
    }
    let mut buffer = bad.logits.clone();
    (0..buffer.data.len()).for_each(|i| buffer.data[i] = i as f64);
    let before = buffer.clone();
    if let Some(result) = backend.step_into(&mut loss, bad, &mut buffer) {
        expect("step_into", result.err());
        // Checks ride along with the weighing: what was written by then is taken back as zeros, never left as half a step.
        let untouched_or_zero = buffer == before || buffer.data.iter().all(|&slope| slope == 0.0);
        check.holds(untouched_or_zero, || format!("the caller's gradient is {:?}", buffer.data));
    }
    check.equal("the state after all", &loss.state(), &state);
    if fits {
        // What comes after is what would have come.
        let mut untouched = untouched;
        let own = check.unwrap(backend.step(&mut loss, &good));
        let expected = check.unwrap(backend.step(&mut untouched, &good));
        check.same("the gradient of the next step", &own.grad, &expected.grad);
        check.equal("the state of the next step", &loss.state(), &untouched.state());
    }
}

/// The same error, where NaN is NaN.
fn alike(ours: &LossError, theirs: &LossError) -> bool {
    ours == theirs || format!("{ours:?}") == format!("{theirs:?}")
}

fn shape(name: &'static str, expected: &[usize], found: &[usize]) -> LossError {
    LossError::Shape { name, expected: expected.to_vec(), found: found.to_vec() }
}

/// What every kind of batch may have wrong.
fn common(good: &Batch) -> Vec<Row> {
    let samples = good.targets.shape().to_vec();
    let mut rows = Vec::new();
    let n = good.samples();
    for (name, logit) in [("a NaN logit", f64::NAN), ("an infinite logit", f64::INFINITY)] {
        let mut batch = good.clone();
        let index = batch.logits.data.len() - 2;
        batch.logits.data[index] = logit;
        rows.push(Row { name, batch, error: LossError::NonFiniteLogit { index, logit } });
    }
    for (name, weight) in
        [("a negative sample weight", -1.0), ("a NaN sample weight", f64::NAN), ("an infinite one", f64::INFINITY)]
    {
        let mut batch = good.clone();
        let mut weights = Tensor::filled(&samples, 1.0);
        let index = n - 1;
        weights.data[index] = weight;
        batch.sample_weight = Some(weights);
        rows.push(Row { name, batch, error: LossError::SampleWeight { index, weight } });
    }
    let short = Tensor::filled(&samples, 1.0).shortened();
    let error = shape("sample_weight", &samples, &short.shape);
    rows.push(Row {
        name: "sample weights of another shape",
        batch: Batch { sample_weight: Some(short), ..good.clone() },
        error,
    });
    let short = Tensor::filled(&samples, true).shortened();
    let error = shape("valid", &samples, &short.shape);
    rows.push(Row { name: "a mask of another shape", batch: Batch { valid: Some(short), ..good.clone() }, error });
    let targets = match &good.targets {
        Targets::Hard(targets) => Targets::Hard(targets.shortened()),
        Targets::Soft(targets) => Targets::Soft(targets.shortened()),
        Targets::Classes(targets) => Targets::Classes(targets.shortened()),
    };
    let error = shape("targets", &samples, targets.shape());
    rows.push(Row { name: "targets of another shape", batch: Batch { targets, ..good.clone() }, error });
    rows
}

fn labels(good: &Batch, wrong: &[i64]) -> Vec<Row> {
    let with = |label: i64| {
        let mut batch = good.clone();
        let index = batch.samples() - 3;
        if let Targets::Hard(targets) | Targets::Classes(targets) = &mut batch.targets {
            targets.data[index] = label;
        }
        Row { name: "a label out of range", error: LossError::label(index, label, batch.classes()), batch }
    };
    wrong.iter().map(|&label| with(label)).collect()
}

/// Every bad batch is refused by every call with the right error, and changes nothing.
///
/// # Panics
///
/// Where the law does not hold.
pub fn changes_nothing(backend: &impl Backend) {
    let weighter = boxed((Focal::new(1.5).expect("valid"), Ghm::new(10, 0.75).expect("valid")));
    let problems = [
        Problem::new("hard labels", Kind::Hard, &[6, 5]),
        Problem::new("soft labels", Kind::Soft, &[6, 5]),
        Problem::new("rows", Kind::Classes, &[9, 4]),
        Problem::new("positions", Kind::Classes, &[4, 3, 5]),
    ];
    for problem in &problems {
        let Some(good) = batch(backend, problem, 102) else { continue };
        let mut rows = common(&good);
        match problem.kind {
            Kind::Hard => rows.extend(labels(&good, &[2, -1, 100])),
            Kind::Soft => {
                for target in [1.5, -0.25, f64::NAN, f64::INFINITY] {
                    let mut batch = good.clone();
                    let index = 7;
                    if let Targets::Soft(targets) = &mut batch.targets {
                        targets.data[index] = target;
                    }
                    rows.push(Row {
                        name: "a target outside [0, 1]",
                        batch,
                        error: LossError::Target { index, target },
                    });
                }
            }
            Kind::Classes => {
                rows.extend(labels(&good, &[problem.classes() as i64, -1, -100]));
                rows.extend(classless(problem));
            }
        }
        for row in &rows {
            refused(backend, problem, &weighter, row);
        }
        wrong_table(backend, problem, &good);
        wrong_buffer(backend, problem, &good);
    }
}

/// A weight that is no finite number is refused with its sample's index, its margin and the weighter, however many samples are in
/// order; the state is as it was, and a caller's gradient as it was or all zeros.
///
/// # Panics
///
/// Where the law does not hold.
pub fn results_that_are_no_numbers(backend: &impl Backend) {
    let problems = [Problem::new("hard labels", Kind::Hard, &[6, 5]), Problem::new("rows", Kind::Classes, &[9, 4])];
    for problem in &problems {
        let case = format!("backend {}, {}", backend.name(), problem.name);
        let check = Check::new("a weight that is no number is refused by name", case);
        let Some(good) = batch(backend, problem, 103) else { continue };
        let mut loss = problem.loss(boxed((Inverse, Ghm::new(5, 0.5).expect("valid"))), any_reduction(backend));
        check.unwrap(backend.step(&mut loss, &good));
        let state = loss.state();
        let (mut bad, index) = (good.clone(), 4);
        for at in bad.logits_of(index) {
            bad.logits.data[at] = 0.0;
        }
        let (at, sign) = match &bad.targets {
            Targets::Classes(targets) => (bad.logits_of(index)[targets.data[index] as usize], 1.0),
            Targets::Hard(targets) => (index, 2.0 * targets.data[index] as f64 - 1.0),
            Targets::Soft(_) => continue,
        };
        // Every float holds it, those of 16 bits too.
        let large = 8192.0;
        bad.logits.data[at] = large * sign;
        let expect = |call: &str, result: Option<LossError>| match result {
            Some(LossError::NotFinite { quantity: "weight", index: found, margin, weighter, .. })
                if found == index && (margin - large).abs() < 2.0 && weighter.contains("Inverse") => {}
            other => check.fail(&format!("{call} says {other:?}")),
        };
        expect("step", backend.step(&mut loss, &bad).err());
        expect("value", backend.value(&loss, &bad).err());
        let mut buffer = bad.logits.clone();
        let before = buffer.clone();
        if let Some(result) = backend.step_into(&mut loss, &bad, &mut buffer) {
            expect("step_into", result.err());
            let untouched_or_zero = buffer == before || buffer.data.iter().all(|&slope| slope == 0.0);
            check.holds(untouched_or_zero, || format!("the caller's gradient is {:?}", buffer.data));
        }
        check.equal("the state after all", &loss.state(), &state);
    }
}

/// Logits without classes, or with one.
fn classless(problem: &Problem) -> Vec<Row> {
    let n = problem.shape[0];
    let of = |shape: &[usize], samples: &[usize], name| Row {
        name,
        batch: Batch::new(Tensor::filled(shape, 0.5), Targets::Classes(Tensor::filled(samples, 0))),
        error: LossError::Classes { found: shape.to_vec() },
    };
    vec![of(&[n, 1], &[n], "one class"), of(&[n, 0], &[n], "no class")]
}

/// A table with one value a class that has another length.
fn wrong_table(backend: &impl Backend, problem: &Problem, good: &Batch) {
    let classes = problem.classes();
    let values = vec![1.0; classes + 1];
    let error = |weighter: &str| {
        LossError::Weight(WeightError::ClassCount { weighter: weighter.to_owned(), given: classes + 1, classes })
    };
    let row = |error| Row { name: "a table for other classes", batch: good.clone(), error };
    let alpha = AlphaBalance::per_class(&values).expect("valid");
    refused(backend, problem, &boxed((Focal::new(1.0).expect("valid"), alpha)), &row(error("alpha-balance")));
    let focal = Focal::per_class(&values).expect("valid");
    refused(backend, problem, &boxed((Focal::new(1.0).expect("valid"), focal)), &row(error("focal")));
}

/// A caller's gradient of another shape.
fn wrong_buffer(backend: &impl Backend, problem: &Problem, good: &Batch) {
    let check = Check::new("bad input is refused and changes nothing", format!("backend {}, grad", backend.name()));
    let mut loss = problem.loss(boxed(Ghm::new(5, 0.5).expect("valid")), any_reduction(backend));
    let state = loss.state();
    let mut buffer = good.logits.shortened();
    let before = buffer.clone();
    let Some(result) = backend.step_into(&mut loss, good, &mut buffer) else { return };
    let expected = shape("grad", &good.logits.shape, &before.shape);
    match result {
        Err(error) => check.equal("error", &error, &expected),
        Ok(_) => check.fail("a gradient of another shape is accepted"),
    }
    check.equal("the caller's gradient", &buffer, &before);
    check.equal("the state", &loss.state(), &state);
}
