//! CUDA C from a loss's formula.
//!
//! A loss's recorded formula and its derivative, adjustments, weighters and base together, become kernels that compute loss
//! and gradient in one pass, and kernels that count what the weighter asks for. Nothing here compiles or runs them, and no CUDA is needed: a backend
//! hands [`KernelSource::source`] to NVRTC; this crate's tests compile the same text for the host and compare it with
//! [`reweight::reference`].
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use reweight::{AlphaBalance, BceLoss, Focal, Poly1};
//! use reweight_codegen::{BceShape, Element, Formula, Labels, Precision};
//!
//! let shape = BceShape::new(Precision::F32, Element::U8, Labels::Hard)?;
//! let loss = BceLoss::new((AlphaBalance::binary(0.25)?, Focal::new(2.0)?)).with_base(Poly1::new(1.5)?);
//! let kernels = shape.loss(&Formula::of(loss.weighting(), shape.kind())?)?;
//! assert!(kernels.source.contains("reweight_bce_fused"));
//! // α and ε are arguments: others are the same kernel.
//! let other = BceLoss::new((AlphaBalance::binary(0.75)?, Focal::new(2.0)?)).with_base(Poly1::new(3.0)?);
//! assert_eq!(shape.loss(&Formula::of(other.weighting(), shape.kind())?)?.key, kernels.key);
//! # Ok(())
//! # }
//! ```
//!
//! # One step
//!
//! 1. Where the weighter asks for statistics: the statistics kernel validates and counts; the host lets the weighter
//!    observe the counts (a few hundred bytes) and sends [`Formula::constants`].
//! 2. The value kernel validates and sums; [`finish`] makes loss and factor of the sums, on the device.
//! 3. In the backward pass the fused kernel writes the gradient, scaled by that factor, without the host having seen it.
//!
//! Where the denominator is known before (a sum, or a mean after the counts of step 1), the fused kernel alone does
//! step 2 and 3. See `docs/cuda.md` for what each choice costs.
#![forbid(unsafe_code)]

mod arguments;
mod bce;
mod error;
mod formula;
mod layout;
mod map;
mod shape;
mod softmax;
mod source;
mod statistics;
mod template;

pub use arguments::{
    Argument, BceArguments, FinishArguments, FoldArguments, GatherArguments, SoftmaxArguments, StatisticsArguments,
    reduction_code,
};
pub use bce::BceShape;
pub use error::{CodegenError, Fault};
pub use formula::Formula;
pub use layout::{fold, gather};
pub use map::MapTables;
pub use shape::{Element, Labels, Precision};
pub use softmax::{RowStrategy, SoftmaxShape};
pub use source::{Entry, KernelSource, finish};
pub use statistics::edges;
