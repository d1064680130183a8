//!
//! The library exists so that tests and the binary reach the same modules; the supported interface is the
//! command line.

#![forbid(unsafe_code)]

pub mod folds;
pub mod model;
pub mod random;
pub mod table;
