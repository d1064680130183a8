//! The program `reweight`, for the command of that name that an installation brings.

use std::ffi::OsString;

use pyo3::prelude::*;

/// Runs a command line, the program's name first, and returns its exit code. `closed` says that there is no standard output.
#[pyfunction]
#[pyo3(signature = (arguments, closed, /))]
pub(crate) fn run_program(py: Python<'_>, arguments: Vec<OsString>, closed: bool) -> u8 {
    py.detach(|| reweight_cli::program::main(arguments, closed))
}
