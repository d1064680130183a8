//! `cuda-conformance [--short | --only PART | --share K/N | --one-step]`: every law on dfdx's Cuda and on its Cpu in one
//! process, and each compared with the other.
//!
//! It ends with code 0 where all holds, 1 where something does not, 2 where there is no device to try it on. `--short` is
//! for a tool that makes every memory access cost a hundredfold. `--one-step` is for a device that is made to fail: a step
//! of each objective by nothing but calls that return errors, and code 2 with the error where it fails. `--only` is for the
//! checks whose name has this part. `--share` runs each N-th check, from the K-th on (K from 0): most of the time goes into
//! compiling kernels, on one of the host's processors, so that N such programs beside each other take little more than an
//! N-th of it.
#![forbid(unsafe_code)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Instant;

use dfdx::prelude::{Axes2, Backward, Cpu, Cuda, Device, PermuteTo, Rank0, SumTo, Tensor, TensorFromVec, Trace};
use reweight::{
    AlphaBalance, BatchStatistics, BceLoss, BoxedWeighter, Chain, Focal, Ghm, LogitAdjustment, Reduction, SoftmaxLoss,
    VectorScaling,
};
use reweight_conformance::{Dfdx, DfdxCpu, DfdxCuda, Number, Place, fixtures, properties};
use reweight_dfdx::{BceBatch, SoftmaxBatch, TensorLossError};
use reweight_testkit::{Backend, Check, Kind, Observed, Problem, Tolerance, laws};

/// What holds and what does not.
#[derive(Debug, Default)]
struct Report {
    selection: Selection,
    /// Checks that were looked at.
    seen: usize,
    failed: Vec<String>,
    passed: usize,
}

impl Report {
    /// Runs one check; its message has been printed where it panics.
    fn check(&mut self, name: &str, check: impl FnOnce()) {
        let position = self.seen;
        self.seen += 1;
        if !self.selection.takes(name, position) {
            return;
        }
        let begun = Instant::now();
        let holds = catch_unwind(AssertUnwindSafe(check)).is_ok();
        println!("{} {name} ({:.1} s)", if holds { "ok    " } else { "FAILED" }, begun.elapsed().as_secs_f64());
        if holds { self.passed += 1 } else { self.failed.push(name.to_owned()) }
    }
}

/// Which of the checks are run.
#[derive(Debug, Default)]
enum Selection {
    #[default]
    All,
    /// Those whose name contains this.
    Named(String),
    /// Each `of`-th, from `first` on.
    Share { first: usize, of: usize },
}

impl Selection {
    fn takes(&self, name: &str, position: usize) -> bool {
        match self {
            Self::All => true,
            Self::Named(part) => name.contains(part),
            Self::Share { first, of } => position % of == *first,
        }
    }

    /// Of `K/N`.
    fn share(text: &str) -> Option<Self> {
        let (first, of) = text.split_once('/')?;
        let (first, of) = (first.parse().ok()?, of.parse().ok()?);
        (first < of).then_some(Self::Share { first, of })
    }
}

/// What to run.
#[derive(Debug)]
enum Mode {
    OneStep,
    Checks { selection: Selection, short: bool },
}

impl Mode {
    fn of(words: &[String]) -> Option<Self> {
        let checks = |selection, short| Some(Self::Checks { selection, short });
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words[..] {
            [] => checks(Selection::All, false),
            ["--short"] => checks(Selection::All, true),
            ["--one-step"] => Some(Self::OneStep),
            ["--only", part] => checks(Selection::Named(part.to_owned()), false),
            ["--share", share] => checks(Selection::share(share)?, false),
            _ => None,
        }
    }
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some(mode) = Mode::of(&words) else {
        eprintln!(
            "error: there are --short, --one-step, --only PART and --share K/N (K < N), of which one may be given"
        );
        return ExitCode::from(2);
    };
    let made = match &mode {
        Mode::OneStep => one_step(),
        Mode::Checks { .. } => reweight_dfdx::cuda_device(0, 0).map(drop),
    };
    if let Err(error) = made {
        eprintln!("error: {error}");
        return ExitCode::from(2);
    }
    match mode {
        Mode::OneStep => ExitCode::SUCCESS,
        Mode::Checks { selection, short } => run(Report { selection, ..Report::default() }, short),
    }
}

fn run(mut report: Report, short: bool) -> ExitCode {
    beside::<f32>(&mut report, short);
    beside::<f64>(&mut report, short);
    if !short {
        suite(&mut report, &DfdxCuda::<f32>::new());
        suite(&mut report, &DfdxCuda::<f64>::new());
        suite(&mut report, &DfdxCpu::<f32>::new());
        suite(&mut report, &DfdxCpu::<f64>::new());
    }
    println!("{} passed, {} failed", report.passed, report.failed.len());
    report.failed.iter().for_each(|name| println!("failed: {name}"));
    if report.failed.is_empty() && report.passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Laws, fixtures and properties.
fn suite<B: Backend>(report: &mut Report, backend: &B) {
    let name = backend.name();
    for (law, holds) in laws::<B>() {
        report.check(&format!("{name}: {law}"), || holds(backend));
    }
    report.check(&format!("{name}: foreign code agrees"), || assert!(fixtures::check(backend) > 8));
    report.check(&format!("{name}: random batches agree"), || properties::agree_with_the_reference(backend));
    report.check(&format!("{name}: counts merge"), || properties::counts_merge(backend));
    report.check(&format!("{name}: bad logits are found"), || properties::bad_logits_are_found(backend));
    report.check(&format!("{name}: symmetries hold"), || properties::symmetries_hold(backend));
    report.check(&format!("{name}: random losses of all parts agree"), || properties::all_parts_agree(backend));
}

/// α, a broken γ and, where counts are the same on every device, GHM.
fn chain(ghm: bool) -> Chain {
    let boxed = |weighter: Result<BoxedWeighter, _>| weighter.expect("recordable");
    let mut weighters = vec![
        boxed(BoxedWeighter::new(AlphaBalance::binary(0.25).expect("α in [0, 1]"))),
        boxed(BoxedWeighter::new(Focal::new(1.5).expect("γ ≥ 0"))),
    ];
    if ghm {
        weighters.push(boxed(BoxedWeighter::new(Ghm::new(10, 0.75).expect("valid"))));
    }
    Chain::from(weighters)
}

/// A training step of each objective on logits that lie by columns, with all that a batch may have.
fn one_step() -> Result<(), TensorLossError> {
    let device = reweight_dfdx::cuda_device(0, 0)?;
    let numbers = |count: usize| (0..count).map(|at| (at as f32 * 0.61).sin()).collect::<Vec<_>>();
    let by_columns = device.try_tensor_from_vec(numbers(35), (5_usize, 7_usize))?;
    let logits: Tensor<(usize, usize), f32, Cuda> = by_columns.try_permute::<_, Axes2<1, 0>>()?;
    let ghm = || Ghm::new(10, 0.75);

    let targets = device.try_tensor_from_vec(numbers(35).iter().map(|x| x.abs()).collect(), (7, 5))?;
    let valid = device.try_tensor_from_vec((0..35).map(|at| at % 6 != 0).collect(), (7, 5))?;
    let sample_weight = device.try_tensor_from_vec(vec![0.5_f32; 35], (7, 5))?;
    let mut loss = BceLoss::new(ghm()?).adjusted(VectorScaling::new(2.0, 0.5)?);
    let state = loss.state();
    let batch = || BceBatch::new(logits.leaky_trace(), &targets).valid(&valid).sample_weight(&sample_weight);
    let step = batch().forward(&mut loss).inspect_err(|_| assert_eq!(loss.state(), state));
    step?.try_backward()?;
    let state = loss.state();
    let each = batch().each(&mut loss).inspect_err(|_| assert_eq!(loss.state(), state));
    each?.losses.try_sum::<Rank0, _>()?.try_backward()?;

    let labels = device.try_tensor_from_vec((0..7).map(|at| at % 5).collect::<Vec<i64>>(), (7,))?;
    let mut loss = SoftmaxLoss::new(ghm()?).adjusted(LogitAdjustment::from_counts(&[50, 20, 10, 5, 2], 1.0)?);
    let state = loss.state();
    let step = SoftmaxBatch::new(logits.leaky_trace(), &labels).forward(&mut loss);
    step.inspect_err(|_| assert_eq!(loss.state(), state))?.try_backward()?;
    Ok(())
}

/// The same batches on both devices: the same counts, losses and gradients within the stated accuracy, and a second step
/// on the device with the same bits as the first.
fn beside<A: Number>(report: &mut Report, short: bool)
where
    Cpu: Device<A> + Place<A>,
    Cuda: Device<A> + Place<A>,
{
    let (host, device) = (Dfdx::<A, Cpu>::new(), Dfdx::<A, Cuda>::new());
    let rows: &[usize] = if short { &[67] } else { &[1, 67, 4099] };
    let kinds = [(Kind::Hard, 3), (Kind::Soft, 3), (Kind::Classes, 5), (Kind::Classes, 1100), (Kind::Classes, 9000)];
    for (kind, classes) in kinds {
        for &rows in rows.iter().filter(|&&rows| rows * classes < 700_000) {
            let problem = Problem { masked: true, weighted: true, ..Problem::new("beside", kind, &[rows, classes]) };
            let batch = problem.batch(rows as u64).rounded(device.precision());
            let case = format!("{kind:?} of {rows} × {classes}");
            report.check(&format!("{} beside {}: {case}", device.name(), host.name()), || {
                let check = Check::new("both devices agree", case);
                for reduction in [Reduction::Mean, Reduction::WeightedMean, Reduction::None] {
                    // Counts of soft labels and softmax margins may differ by a sample at a region's edge.
                    let loss = || problem.loss(chain(kind == Kind::Hard), reduction);
                    if kind == Kind::Hard {
                        let counts = |found: Option<Result<_, _>>| check.unwrap(found.expect("counted"));
                        let expected: BatchStatistics = counts(host.statistics(&loss(), &batch));
                        check.equal("counts", &counts(device.statistics(&loss(), &batch)), &expected);
                    }
                    let expected = check.unwrap(host.step(&mut loss(), &batch));
                    let found = check.unwrap(device.step(&mut loss(), &batch));
                    let strict = Tolerance::stated(device.precision()).doubled();
                    let tolerance = if problem.has_differences() { strict.of_differences() } else { strict };
                    check.close("gradient", &found.grad, &expected.grad, tolerance);
                    check.close_number("loss", found.loss, expected.loss, strict);
                    let ghm = || problem.loss(chain(true), reduction);
                    let (first, second) = (device.step(&mut ghm(), &batch), device.step(&mut ghm(), &batch));
                    let same = same_bits(&check.unwrap(first), &check.unwrap(second));
                    check.holds(same, || "a second run has other bits".to_owned());
                }
            });
        }
    }
}

fn same_bits(one: &Observed, other: &Observed) -> bool {
    let bits = |numbers: &[f64]| numbers.iter().map(|number| number.to_bits()).collect::<Vec<_>>();
    let all = |own: &Observed| {
        let parts = [&own.grad, own.weights.as_ref().unwrap_or(&own.grad), own.losses.as_ref().unwrap_or(&own.grad)];
        (own.loss.map(f64::to_bits), parts.map(|part| bits(part)))
    };
    all(one) == all(other)
}
