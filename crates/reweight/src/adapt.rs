//! Adapters and products: weighters made of weighters.

mod adapters;
mod product;

pub use adapters::{Clamped, Detached, Scaled};
pub(crate) use adapters::{check_clamp, check_scale};
