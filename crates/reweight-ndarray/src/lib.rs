//! reweight-ndarray

#[allow(dead_code, reason = "used by the engine next")]
mod dispatch;
#[allow(dead_code, reason = "used by the engine next")]
mod lanes;

pub use dispatch::{ENVIRONMENT_VARIABLE, InstructionSet, InstructionSetError};
