//! `cuda-bench`: loss and gradient on dfdx's Cuda, one JSON object a line with the median milliseconds of a step.
//!
//! A step is forward and backward, timed on the host's clock between two points at which the device has nothing left to
//! do; what the host spends on it is in it.
#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::time::Instant;

use dfdx::prelude::{Backward, Cuda, Synchronize, TensorFromVec, Trace};
use reweight::{AlphaBalance, BceLoss, Focal, Ghm, SampleWeighter, SoftmaxLoss};
use reweight_dfdx::{TensorLoss, TensorLossError};

/// Numbers of logits.
const SIZES: [usize; 5] = [4 << 10, 64 << 10, 1 << 20, 16 << 20, 256 << 20];
/// Rows and classes.
const ROWS: [(usize, usize); 2] = [(64 << 10, 100), (8 << 10, 32 << 10)];

fn main() -> ExitCode {
    let device = match reweight_dfdx::cuda_device(0, 0) {
        Ok(device) => device,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    match all(&device) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn all(device: &Cuda) -> Result<(), TensorLossError> {
    for count in SIZES {
        bce(device, "alpha-focal", count, (AlphaBalance::binary(0.25)?, Focal::new(2.0)?))?;
        bce(device, "ghm", count, Ghm::new(30, 0.75)?)?;
    }
    for (rows, classes) in ROWS {
        let logits = device.try_tensor_from_vec(numbers(rows * classes), (rows, classes))?;
        let labels: Vec<i64> = (0..rows).map(|row| (row * 7919 % classes) as i64).collect();
        let labels = device.try_tensor_from_vec(labels, (rows,))?;
        let mut loss = SoftmaxLoss::new(Focal::new(2.0)?);
        time(device, "softmax-focal", &[rows, classes], || {
            loss.forward(logits.leaky_trace(), &labels)?.try_backward()?;
            Ok(())
        })?;
    }
    Ok(())
}

fn bce(device: &Cuda, name: &str, count: usize, weighter: impl SampleWeighter) -> Result<(), TensorLossError> {
    let shape = (count,);
    let logits = device.try_tensor_from_vec(numbers(count), shape)?;
    // One positive in 64, as long-tailed data has them.
    let targets: Vec<u8> = (0..count).map(|at| u8::from(at % 64 == 0)).collect();
    let targets = device.try_tensor_from_vec(targets, shape)?;
    let mut loss = BceLoss::new(weighter);
    time(device, name, &[count], || {
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
    name: &str,
    size: &[usize],
    mut step: impl FnMut() -> Result<(), TensorLossError>,
) -> Result<(), TensorLossError> {
    // The first step compiles the kernels.
    for _ in 0..5 {
        step()?;
    }
    let mut milliseconds = Vec::new();
    for _ in 0..30 {
        device.try_synchronize()?;
        let begun = Instant::now();
        step()?;
        device.try_synchronize()?;
        milliseconds.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    milliseconds.sort_by(f64::total_cmp);
    let median = milliseconds[milliseconds.len() / 2];
    println!("{{\"case\": \"{name}\", \"size\": {size:?}, \"peer\": \"reweight\", \"milliseconds\": {median:.6}}}");
    Ok(())
}
