//! The CPU engine of `reweight`: fused, vectorised, multi-threaded losses over ndarray views.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use ndarray::array;
//! use reweight_ndarray::prelude::*;
//! use reweight_ndarray::reweight::{AlphaBalance, Focal};
//!
//! let mut loss = BceLoss::new((AlphaBalance::binary(0.25)?, Focal::new(2.0)?));
//! let step = loss.value_and_grad(&array![1.5_f32, -0.3, 4.0], &array![1_u8, 0, 0])?;
//! assert_eq!(step.grad.len(), 3);
//! # Ok(())
//! # }
//! ```
//!
//! [`compare`] has it beside torch, torchvision, timm and optax; [`failures`] tells what happens when something goes wrong.
#![deny(unsafe_code)]

mod bce;
mod block;
mod copies;
mod counting;
mod dispatch;
mod element;
mod kernels;
mod lanes;
mod layout;
mod outcome;
mod parallel;
mod part;
mod registers;
mod short;
mod softmax;
mod step;
mod stored;
mod tree;

pub use bce::BceBatch;
pub use dispatch::{ENVIRONMENT_VARIABLE, InstructionSet, InstructionSetError};
pub use element::{BceTarget, ClassIndex, Float};
pub use outcome::{Buffers, LossAndGrad, Outcome, SecondOrder};
pub use parallel::ALONE;
pub use reweight;
pub use short::{BceArrays, SoftmaxArrays};
pub use softmax::SoftmaxBatch;

#[doc = include_str!("../pages/compare.md")]
pub mod compare {}

#[doc = include_str!("../pages/failures.md")]
pub mod failures {}

/// What most users need: the losses, and their methods on arrays.
pub mod prelude {
    pub use reweight::{BceLoss, Reduction, SampleWeighter, SoftmaxLoss};

    pub use crate::{BceArrays, BceBatch, SoftmaxArrays, SoftmaxBatch};
}
