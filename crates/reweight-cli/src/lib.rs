//!
//! The library exists so that tests and the binary reach the same modules; the supported interface is the
//! command line.

#![forbid(unsafe_code)]

pub mod arguments;
pub mod evaluate;
pub mod files;
pub mod folds;
pub mod metrics;
pub mod model;
pub mod npy;
pub mod problem;
pub mod random;
pub mod table;
pub mod train;
pub mod wine;
