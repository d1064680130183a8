//! Re-weighted losses for [dfdx](https://docs.rs/dfdx/0.13) tensors, on the tape.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use dfdx::prelude::*;
//! use reweight_dfdx::prelude::*;
//! use reweight_dfdx::reweight::Focal;
//!
//! type Mlp = ((Linear<2, 8>, ReLU), Linear<8, 3>);
//! let dev = Cpu::default();
//! let model = dev.build_module::<Mlp, f32>();
//! let features: Tensor<Rank2<4, 2>, f32, _> = dev.sample_normal();
//! let labels = dev.tensor([0_usize, 2, 1, 0]);
//!
//! let mut loss = SoftmaxLoss::new(Focal::new(2.0)?);
//! let on_tape = loss.forward(model.forward(features.traced(model.alloc_grads())), &labels)?;
//! let gradients = on_tape.backward();
//! # Ok(())
//! # }
//! ```
//!
//! - [`TensorLoss`] is the short form: `loss.forward(logits, &targets)?` gives the scalar on the logits' tape, to be
//!   added, scaled and run backward as any other. [`BceBatch`] and [`SoftmaxBatch`] are the long form, with a mask of
//!   valid samples, sample weights, every sample's loss, and the three steps of a gathered batch.
//! - Tensors are of any shape, const or run-time, of any layout (permuted and broadcast ones too), of `f32` or `f64`.
//! - With a tape a call is a training step. Without one it is an evaluation, and the weighter's state stays as it is.
//! - With the feature `cuda` all of it works on `Cuda` too: `cuda_device(0, seed)?` is the device, and nothing else changes.
//! - [`BceDevice`] and [`SoftmaxDevice`] are what a device must do.
#![deny(unsafe_code)]

mod bce;
mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
mod device;
mod error;
mod outcome;
mod softmax;
mod tape;
mod tensor_loss;

pub use bce::BceBatch;
pub use cpu::CpuGradient;
#[cfg(feature = "cuda")]
pub use cuda::{CudaFailure, CudaGradient, CudaTimer, cuda_device};
pub use device::{BceDevice, EachSample, Element, LossDevice, SoftmaxDevice};
pub use error::TensorLossError;
pub use outcome::{Each, Reduced, SecondOrder};
pub use reweight;
pub use reweight_ndarray::{BceTarget, ClassIndex};
pub use softmax::SoftmaxBatch;
pub use tensor_loss::TensorLoss;

/// What a training program needs beside dfdx's own prelude. [`BceBatch`] and [`SoftmaxBatch`] are called by their full names, so
/// that this goes with the prelude of `reweight_ndarray`, whose batches have the same.
///
/// ```
/// use reweight_dfdx::prelude::*;
/// use reweight_ndarray::prelude::*;
///
/// let loss = BceLoss::new(());
/// let (logits, targets) = (ndarray::array![1.0_f32], ndarray::array![1_u8]);
/// assert!(BceBatch::new(&logits, &targets).value(&loss).is_ok());
/// ```
pub mod prelude {
    pub use crate::{TensorLoss, TensorLossError};
    pub use reweight::{BceLoss, Reduction, SampleWeighter, SoftmaxLoss};
}
