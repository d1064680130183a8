//! The built-in adjustments, one file each.

mod ldam;
mod logit_adjustment;
mod probability_shift;
mod vector_scaling;

pub use ldam::{Ldam, LdamConfig};
pub use logit_adjustment::{LogitAdjustment, LogitAdjustmentConfig};
pub use probability_shift::{ProbabilityShift, ProbabilityShiftConfig};
pub use vector_scaling::{VectorScaling, VectorScalingConfig};
