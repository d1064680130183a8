//! The program `reweight`, as a library.
//! The library exists so that tests and the binary reach the same modules; the supported interface is the
//! command line.

#![deny(unsafe_code)]

pub mod arguments;
pub mod compare;
pub mod completions;
pub mod evaluate;
pub mod files;
pub mod inspect;
mod interrupt;
pub mod plot;
pub mod program;
pub mod report;
pub mod standard_output;
pub mod strategy;
pub mod terminal;
pub mod threads;
pub mod tune;
pub mod versions;

/// The exit code of bad input; clap uses the same for a wrong command line.
pub const BAD_INPUT: u8 = 2;

/// The exit code after Ctrl-C: 128 and the signal's number, as shells have it.
pub const INTERRUPTED: u8 = 130;
