//! Sample re-weighting for long-tailed data.
//!
//! Long-tailed data starves a classifier: many easy samples own the gradient, the few rare and hard ones hardly move it.
//! The cure is to re-weight the samples' losses, and this crate makes the rule a value: a [`SampleWeighter`], one formula
//! over one [`Sample`], which composes with others, with binary or softmax cross entropy, and with any backend.
//!
//! This crate holds the contract and the rules. An engine computes losses with them, and re-exports this crate:
//!
//! | you have | add | then |
//! |---|---|---|
//! | `ndarray` 0.17 arrays | `cargo add reweight-ndarray ndarray@0.17` | `use reweight_ndarray::prelude::*;` |
//! | `dfdx` 0.13 tensors | `cargo add reweight-dfdx dfdx@0.13` | `use reweight_dfdx::prelude::*;` |
//! | a backend of your own | `cargo add reweight` | [`Weighting`] and [`Schedule`], held by `reweight-testkit`'s laws |
//!
//! What follows runs on the [`reference`](mod@reference), which is there to compare engines with: plain, in `f64`, and slow.
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
mod adjustment;
mod adjustments;
mod base;
mod bases;
mod boxed;
mod built_in;
mod config;
mod dual;
mod erased;
mod error;
mod expr;
mod form;
mod formula;
mod hessian;
mod loss;
mod real;
mod recorded;
mod reduction;
pub mod reference;
mod regions;
mod sample;
mod settings;
mod state;
mod statistics;
mod weighter;
mod weighters;

pub use adapt::{Clamped, Detached, Scaled};
pub use adjustment::{Adjustment, Affine};
pub use adjustments::{
    Ldam, LdamConfig, LogitAdjustment, LogitAdjustmentConfig, ProbabilityShift, ProbabilityShiftConfig, VectorScaling,
    VectorScalingConfig,
};
pub use base::BaseLoss;
pub use bases::{
    CrossEntropy, CrossEntropyConfig, GeneralizedCrossEntropy, GeneralizedCrossEntropyConfig, Poly1, Poly1Config,
};
pub use boxed::{BoxedAdjustment, BoxedBase, BoxedWeighter};
pub use built_in::{
    AdjustmentVisitor, BaseVisitor, BuiltIn, WeighterVisitor, each_adjustment, each_base, each_weighter,
};
pub use config::{
    Chain, ConfigError, ConfiguredLoss, Link, LossConfig, Objective, PartConfig, Registry, WeighterConfig,
    in_plain_words,
};
pub use dual::Dual;
pub use error::{LossError, ParameterError, StateError, WeightError};
pub use expr::{Expr, Instruction, Leaf, Node, Operation, Output, Program, Schedule, Table, TraceError, ValueTable};
pub use form::{BatchForm, Columns};
pub use formula::{Formula, Quantities};
pub use hessian::HessianForm;
pub use loss::{BceLoss, Fit, LossSummary, SoftmaxLoss, Weighting};
pub use real::{Logistic, Real};
pub use recorded::{Recorded, RecordedConfig, Step};
pub use reduction::{Reduction, Totals};
pub use regions::{Grid, Histogram, RegionAxis, RegionTable, Regions, Spacing};
pub use sample::{Sample, SampleKind};
pub use settings::{Counts, Numbers};
pub use state::{State, StateRecord};
pub use statistics::{BatchStatistics, Statistics};
pub use weighter::SampleWeighter;
pub use weighters::{
    AlphaBalance, AlphaBalanceConfig, CountScheme, Decay, Focal, FocalConfig, Ghm, GhmConfig, GhmPreset, GhmUnit,
    HardExamples, HardExamplesConfig, Normaliser, PosWeight, PosWeightConfig, QualityFocal, QualityFocalConfig,
    SelfPaced, SelfPacedConfig, SelfPacedForm, Varifocal, VarifocalConfig,
};
