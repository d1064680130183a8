//! `cuda-bench [--short | --profile]`: loss and gradient on dfdx's Cuda, one JSON object a line with the median milliseconds
//! of a step.
//!
//! A step is forward and backward, from a point at which the device has nothing left to do to the next one. `milliseconds`
//! lie between two CUDA events around it, as the peers are timed; `host_milliseconds` are on the host's clock, and what
//! the host spends before the device has its first work is in them, too. `loss` and, of few logits, the beginning of
//! `gradient` are of the first step, for the peers to be compared with. `--short` is for seeing that it runs
//! at all, `--profile` for a profiler, which repeats each kernel.
#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::time::Instant;

use dfdx::prelude::{
    AsArray, Backward, Cache, Cuda, Gradients, HasShape, Rank0, Shape, Synchronize, Tensor, TensorFromVec, Trace,
    TryMul,
};
use reweight::{AlphaBalance, BceLoss, Focal, Ghm, SampleWeighter, SoftmaxLoss};
use reweight_dfdx::{CudaTimer, TensorLoss, TensorLossError};

/// Numbers of logits.
const SIZES: [usize; 5] = [4 << 10, 64 << 10, 1 << 20, 16 << 20, 256 << 20];
/// Rows and classes.
const ROWS: [(usize, usize); 2] = [(64 << 10, 100), (8 << 10, 32 << 10)];
/// Steps before the measured ones, of which the first compiles the kernels, and measured ones.
const STEPS: (usize, usize) = (5, 30);
/// Of more logits the gradient is not read: dfdx does so one element at a time.
const MOST_READ: usize = 1 << 20;

/// What is measured.
struct Effort {
    sizes: &'static [usize],
    rows: &'static [(usize, usize)],
    steps: (usize, usize),
}

const FULL: Effort = Effort { sizes: &SIZES, rows: &ROWS, steps: STEPS };
const SHORT: Effort = Effort { sizes: &[1 << 10], rows: &[(64, 100)], steps: (1, 3) };
const PROFILE: Effort = Effort { sizes: &[16 << 20], rows: &ROWS, steps: (1, 1) };

fn main() -> ExitCode {
    let effort = match std::env::args().nth(1).as_deref() {
        None => FULL,
        Some("--short") => SHORT,
        Some("--profile") => PROFILE,
        Some(other) => {
            eprintln!("error: `{other}` is no option; there are --short and --profile");
            return ExitCode::from(2);
        }
    };
    let device = match reweight_dfdx::cuda_device(0, 0) {
        Ok(device) => device,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    match all(&device, &effort) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn all(device: &Cuda, effort: &Effort) -> Result<(), TensorLossError> {
    // Memory that a step gives back is kept for the next one, as torch does of its own accord.
    device.try_enable_cache()?;
    for &count in effort.sizes {
        bce(device, effort, "alpha-focal", count, (AlphaBalance::binary(0.25)?, Focal::new(2.0)?))?;
        bce(device, effort, "ghm", count, Ghm::new(30, 0.75)?)?;
        device.try_empty_cache()?;
    }
    for &(rows, classes) in effort.rows {
        // Computed on the device, as a network's logits are: a tensor from the host keeps the copy that it was made of, and to
        // find out how it lies then costs a gradient's memory.
        let logits = device.try_tensor_from_vec(numbers(rows * classes), (rows, classes))?.try_mul(1.0)?;
        let labels: Vec<i64> = (0..rows).map(|row| (row * 7919 % classes) as i64).collect();
        let labels = device.try_tensor_from_vec(labels, (rows,))?;
        let mut loss = SoftmaxLoss::new(Focal::new(2.0)?);
        time(device, effort, "softmax-focal", &[rows, classes], |sees| {
            let on_tape = loss.forward(logits.leaky_trace(), &labels)?;
            Ok(First::of(sees, &on_tape.retaped(), &logits, &on_tape.try_backward()?))
        })?;
        drop((logits, labels));
        device.try_empty_cache()?;
    }
    Ok(())
}

fn bce(
    device: &Cuda,
    effort: &Effort,
    name: &str,
    count: usize,
    weighter: impl SampleWeighter,
) -> Result<(), TensorLossError> {
    let shape = (count,);
    let logits = device.try_tensor_from_vec(numbers(count), shape)?;
    // One positive in 64, as long-tailed data has them.
    let targets: Vec<u8> = (0..count).map(|at| u8::from(at % 64 == 0)).collect();
    let targets = device.try_tensor_from_vec(targets, shape)?;
    let mut loss = BceLoss::new(weighter);
    time(device, effort, name, &[count], |sees| {
        let on_tape = loss.forward(logits.leaky_trace(), &targets)?;
        Ok(First::of(sees, &on_tape.retaped(), &logits, &on_tape.try_backward()?))
    })
}

/// What the first step gave.
#[derive(Default)]
struct First {
    loss: f32,
    gradient: Vec<f32>,
}

impl First {
    /// Nothing, where nobody `sees` it: reading it would be timed, too.
    fn of<S: Shape>(
        sees: bool,
        loss: &Tensor<Rank0, f32, Cuda>,
        logits: &Tensor<S, f32, Cuda>,
        gradients: &Gradients<f32, Cuda>,
    ) -> Self {
        if !sees {
            return Self::default();
        }
        let is_small = logits.shape().num_elements() <= MOST_READ;
        let mut gradient = if is_small { gradients.get(logits).as_vec() } else { Vec::new() };
        gradient.truncate(8);
        Self { loss: loss.array(), gradient }
    }
}

/// Logits spread over ±6 without pattern.
fn numbers(count: usize) -> Vec<f32> {
    (0..count).map(|at| (12.0 * (at as f64 * 0.618_033_988_749_895).fract() - 6.0) as f32).collect()
}

fn time(
    device: &Cuda,
    effort: &Effort,
    name: &str,
    size: &[usize],
    mut step: impl FnMut(bool) -> Result<First, TensorLossError>,
) -> Result<(), TensorLossError> {
    let timer = CudaTimer::new(device)?;
    let (before, measured) = effort.steps;
    let First { loss, gradient } = step(true)?;
    for _ in 1..before {
        step(false)?;
    }
    let (mut device_times, mut host_times) = (Vec::new(), Vec::new());
    for _ in 0..measured {
        device.try_synchronize()?;
        let begun = Instant::now();
        timer.begin()?;
        step(false)?;
        device_times.push(timer.end()?);
        host_times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    let (milliseconds, host_milliseconds) = (median(device_times), median(host_times));
    let line = serde_json::json!({
        "case": name, "size": size, "peer": "reweight", "milliseconds": milliseconds, "host_milliseconds": host_milliseconds,
        "loss": loss, "gradient": gradient,
    });
    println!("{line}");
    Ok(())
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
