//! NumPy's arrays as the engine's views: types found out, nothing copied.

use numpy::{
    Element, PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn, PyReadwriteArrayDyn, PyUntypedArray, PyUntypedArrayMethods,
};
use pyo3::prelude::*;

use crate::error::{self, DtypeError};

/// What an array that is not taken is told.
fn wrong_type(name: &str, array: &Bound<'_, PyAny>, cure: &str) -> PyErr {
    match array.cast::<PyUntypedArray>() {
        Ok(array) => DtypeError::new_err(format!("`{name}` is an array of {}, {cure}", array.dtype())),
        Err(_) => {
            let kind = array.get_type().name().map_or_else(|_| "something else".to_owned(), |name| name.to_string());
            DtypeError::new_err(format!("`{name}` is a {kind}, but must be a NumPy array"))
        }
    }
}

/// An array whose elements cannot be read where they lie.
fn check_aligned<T: Element>(name: &str, array: &Bound<'_, PyArrayDyn<T>>) -> PyResult<()> {
    if array.is_aligned() {
        return Ok(());
    }
    Err(error::batch(format!("`{name}` lies across its elements' alignment: give `{name}.copy()`")))
}

/// The array, where its elements are of type `T`.
pub(crate) fn read<'py, T: Element>(
    name: &str,
    array: &Bound<'py, PyAny>,
) -> PyResult<Option<PyReadonlyArrayDyn<'py, T>>> {
    let Ok(array) = array.cast::<PyArrayDyn<T>>() else { return Ok(None) };
    check_aligned(name, array)?;
    let read = array.try_readonly().map_err(|_| error::batch(format!("`{name}` is being written to elsewhere")))?;
    Ok(Some(read))
}

/// Whether an array is of bfloat16, which NumPy has only where a package has brought it; elsewhere its type must not be asked for.
pub(crate) fn is_bfloat16(array: &Bound<'_, PyAny>) -> bool {
    let name = |array: &Bound<'_, PyUntypedArray>| array.dtype().getattr("name")?.extract::<String>();
    array.cast::<PyUntypedArray>().is_ok_and(|array| name(array).is_ok_and(|name| name == "bfloat16"))
}

/// An array that goes with logits of type `A`, where there is one.
pub(crate) fn read_as<'py, A: Element>(
    name: &str,
    array: Option<&Bound<'py, PyAny>>,
    like: &str,
) -> PyResult<Option<PyReadonlyArrayDyn<'py, A>>> {
    let Some(array) = array else { return Ok(None) };
    match read(name, array)? {
        Some(read) => Ok(Some(read)),
        None => Err(wrong_type(name, array, &format!("but must be of {like}"))),
    }
}

/// An array to be written, of the logits' type.
pub(crate) fn write<'py, A: Element>(
    name: &str,
    array: Option<&Bound<'py, PyAny>>,
) -> PyResult<Option<PyReadwriteArrayDyn<'py, A>>> {
    let Some(array) = array else { return Ok(None) };
    let Ok(array) = array.cast::<PyArrayDyn<A>>() else {
        return Err(wrong_type(name, array, "but must be of the logits' type"));
    };
    check_aligned(name, array)?;
    let text = |_| error::batch(format!("`{name}` is read-only, or is one of the inputs: give an array of its own"));
    array.try_readwrite().map_err(text).map(Some)
}

/// The error for an array of no type that is taken.
pub(crate) fn refuse(name: &str, array: &Bound<'_, PyAny>, cure: &str) -> PyErr {
    wrong_type(name, array, cure)
}
