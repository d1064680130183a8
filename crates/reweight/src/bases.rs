//! The built-in bases, one file each.

mod cross_entropy;
mod generalized_cross_entropy;
mod poly_1;

pub use cross_entropy::{CrossEntropy, CrossEntropyConfig};
pub use generalized_cross_entropy::{GeneralizedCrossEntropy, GeneralizedCrossEntropyConfig};
pub use poly_1::{Poly1, Poly1Config};
