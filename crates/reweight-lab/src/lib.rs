//! What the program `reweight` reads, trains and measures: all of it whose time grows with the data.
//! The interface follows the program's needs; the supported one is the command line.

#![forbid(unsafe_code)]

pub mod device;
pub mod fit;
pub mod folds;
pub mod metrics;
pub mod model;
pub mod npy;
pub mod problem;
pub mod random;
pub mod scored;
pub mod seen;
pub mod table;
pub mod text;
pub mod train;
pub mod wine;
