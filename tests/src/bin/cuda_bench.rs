//! `cuda-bench [--short]`: loss and gradient on dfdx's Cuda, one JSON object a line with the median milliseconds of a step.
//!
//! A step is forward and backward, from a point at which the device has nothing left to do to the next one. `milliseconds`
//! lie between two CUDA events around it, as the peers are timed; `host_milliseconds` are on the host's clock, and what
//! the host spends before the device has its first work is in them, too. `--short` is for seeing that it runs at all.
#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::time::Instant;

use dfdx::prelude::{Backward, Cache, Cuda, Synchronize, TensorFromVec, Trace};
use reweight::{AlphaBalance, BceLoss, Focal, Ghm, SampleWeighter, SoftmaxLoss};
use reweight_dfdx::{CudaTimer, TensorLoss, TensorLossError};

/// Numbers of logits.
const SIZES: [usize; 5] = [4 << 10, 64 << 10, 1 << 20, 16 << 20, 256 << 20];
/// Rows and classes.
const ROWS: [(usize, usize); 2] = [(64 << 10, 100), (8 << 10, 32 << 10)];
/// Steps before the measured ones, of which the first compiles the kernels, and measured ones.
const STEPS: (usize, usize) = (5, 30);

/// What is measured.
struct Effort {
    sizes: &'static [usize],
    rows: &'static [(usize, usize)],
    steps: (usize, usize),
}

const FULL: Effort = Effort { sizes: &SIZES, rows: &ROWS, steps: STEPS };
const SHORT: Effort = Effort { sizes: &[1 << 10], rows: &[(64, 100)], steps: (1, 3) };

fn main() -> ExitCode {
    let effort = match std::env::args().nth(1).as_deref() {
        None => FULL,
        Some("--short") => SHORT,
        Some(other) => {
            eprintln!("error: `{other}` is no option; there is --short");
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
        let logits = device.try_tensor_from_vec(numbers(rows * classes), (rows, classes))?;
        let labels: Vec<i64> = (0..rows).map(|row| (row * 7919 % classes) as i64).collect();
        let labels = device.try_tensor_from_vec(labels, (rows,))?;
        let mut loss = SoftmaxLoss::new(Focal::new(2.0)?);
        time(device, effort, "softmax-focal", &[rows, classes], || {
            loss.forward(logits.leaky_trace(), &labels)?.try_backward()?;
            Ok(())
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
    time(device, effort, name, &[count], || {
        loss.forward(logits.leaky_trace(), &targets)?.try_backward()?;
        Ok(())
    })
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
    mut step: impl FnMut() -> Result<(), TensorLossError>,
) -> Result<(), TensorLossError> {
    let timer = CudaTimer::new(device)?;
    let (before, measured) = effort.steps;
    for _ in 0..before {
        step()?;
    }
    let (mut device_times, mut host_times) = (Vec::new(), Vec::new());
    for _ in 0..measured {
        device.try_synchronize()?;
        let begun = Instant::now();
        timer.begin()?;
        step()?;
        device_times.push(timer.end()?);
        host_times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    let (milliseconds, host_milliseconds) = (median(device_times), median(host_times));
    let line = serde_json::json!({
        "case": name, "size": size, "peer": "reweight", "milliseconds": milliseconds, "host_milliseconds": host_milliseconds,
    });
    println!("{line}");
    Ok(())
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
