//! Sample re-weighting for long-tailed data.
//!
//! Long-tailed data starves a classifier: many easy samples own the gradient, the few rare and hard ones hardly move it.
//! The cure is to re-weight the samples' losses, and this crate makes the rule a value: a [`SampleWeighter`], one formula
//! over one [`Sample`], which composes with others, with binary or softmax cross entropy, and with any backend.
//!
//! This crate holds the contract, the weighters, and a plain [`reference`](mod@reference); a backend crate computes losses over arrays or
//! tensors.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use reweight::{AlphaBalance, BceLoss, Focal};
//! use reweight::reference::{BceBatch, BceTargets};
//!
//! let mut loss = BceLoss::new((AlphaBalance::binary(0.25)?, Focal::new(2.0)?));
//! let batch = BceBatch::new(&[2.0, -1.0, 0.5], BceTargets::Hard(&[1, 0, 0]));
//! let outcome = batch.value_and_grad(&mut loss)?;
//! assert_eq!(outcome.summary.valid, 3);
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod adapt;
mod boxed;
mod config;
mod dual;
mod error;
mod expr;
mod loss;
mod real;
mod reduction;
pub mod reference;
mod regions;
mod sample;
mod state;
mod statistics;
mod weighter;
mod weighters;

pub use adapt::{Clamped, Detached, Scaled};
pub use boxed::BoxedWeighter;
pub use config::{Chain, ConfigError, ConfiguredLoss, Link, LossConfig, Objective, Registry, WeighterConfig};
pub use dual::Dual;
pub use error::{LossError, ParameterError, StateError, WeightError};
pub use expr::{Expr, Leaf, Node, Program, Table, TraceError};
pub use loss::{BceLoss, LossSummary, SoftmaxLoss, Weighting};
pub use real::{Logistic, Real};
pub use reduction::{Reduction, Totals};
pub use regions::{Histogram, RegionAxis, RegionTable, Regions};
pub use sample::Sample;
pub use state::{State, StateRecord};
pub use statistics::{BatchStatistics, Statistics};
pub use weighter::SampleWeighter;
pub use weighters::{
    AlphaBalance, AlphaBalanceConfig, CountScheme, Decay, Focal, FocalConfig, Ghm, GhmConfig, GhmPreset, GhmUnit,
    Normaliser,
};
