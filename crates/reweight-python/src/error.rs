//! Python's exceptions, one a concern, with the texts of the errors that they stand for.

use std::fmt::Display;

use pyo3::exceptions::PyValueError;
use pyo3::{PyErr, create_exception};

create_exception!(reweight_losses, Error, PyValueError, "What this package refuses; its text says what would mend it.");
create_exception!(reweight_losses, ConfigError, Error, "A part's setting, or a loss's, that is not right.");
create_exception!(reweight_losses, BatchError, Error, "A batch that a loss refuses; the loss is as it was.");
create_exception!(reweight_losses, DtypeError, Error, "An array of a type that is not taken.");
create_exception!(
    reweight_losses,
    StateError,
    Error,
    "A saved state that does not belong to the loss; the loss is as it was."
);

/// A [`ConfigError`] with the text of `error`.
pub(crate) fn config(error: impl Display) -> PyErr {
    ConfigError::new_err(error.to_string())
}

/// A [`BatchError`] with the text of `error`.
pub(crate) fn batch(error: impl Display) -> PyErr {
    BatchError::new_err(error.to_string())
}

/// A [`StateError`] with the text of `error`.
pub(crate) fn state(error: impl Display) -> PyErr {
    StateError::new_err(error.to_string())
}
