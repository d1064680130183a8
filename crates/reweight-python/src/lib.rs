//! The native module of the Python package `reweight_losses`: conversions and errors around the losses, and no arithmetic.
//!
//! Its supported interface is the Python package; what this module offers to it is written down in
//! `python/reweight_losses/_native.pyi`.
#![forbid(unsafe_code)]

mod arrays;
mod config;
mod error;
mod formula;
mod kinds;
mod laws;
mod loss;
#[cfg(feature = "program")]
mod program;
mod row;
mod step;
mod threads;

/// The module as Python imports it.
#[pyo3::pymodule]
mod _native {
    /// The version, of the whole workspace.
    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "Python's own name for it")]
    const __version__: &str = env!("CARGO_PKG_VERSION");

    #[pymodule_export]
    use crate::config::{check_part, read_config, write_config};
    #[pymodule_export]
    use crate::error::{BatchError, ConfigError, DtypeError, Error, StateError};
    #[pymodule_export]
    use crate::kinds::kinds;
    #[pymodule_export]
    use crate::laws::check_laws;
    #[pymodule_export]
    use crate::loss::Loss;
    #[cfg(feature = "program")]
    #[pymodule_export]
    use crate::program::run_program;
    #[pymodule_export]
    use crate::threads::{instruction_set, leave_threads, set_threads, threads};
}
