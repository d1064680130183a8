//! Arrays in and out: .npy files of any number type, shape, order and byte order, read straight into the numbers wanted; .npz
//! files of results.

mod elements;
mod header;
mod read;
mod write;

use std::io;

use half::{bf16, f16};
use ndarray::ArrayD;

pub use elements::{Element, ElementError, Masked};
pub use read::NpyFile;
pub use write::NpzWriter;

/// Why an array could not be read or written. `name` is the file's path.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the message beside each variant says what its fields mean")]
pub enum NpyError {
    #[error("{name}: there is no such file; check the path (it is taken from the folder you are in)")]
    NotFound { name: String },
    #[error("{name}: cannot be read")]
    Unreadable { name: String, source: io::Error },
    #[error("{name}: not a .npy file{hint}; write one with numpy.save")]
    NotNpy { name: String, hint: &'static str },
    #[error("{name}: the header of the .npy file cannot be understood ({reason}); write it again with numpy.save")]
    BadHeader { name: String, reason: String },
    #[error(
        "{name}: elements of type {found} are not numbers; save bool, integers or floats (array.astype(numpy.float32))"
    )]
    UnsupportedType { name: String, found: String },
    #[error(
        "{name}: elements of type '|V2' are two bytes of nobody knows what; where they are bfloat16, say so by --dtype bf16, or save them from an array of ml_dtypes.bfloat16"
    )]
    Untold { name: String },
    #[error("{name}: shape {shape} of {item_size}-byte elements takes {expected} bytes, the file has {actual}; {}", size_hint(.expected, .actual))]
    WrongSize { name: String, shape: String, item_size: usize, expected: u64, actual: String },
    #[error("{name}: shape {shape} is larger than memory can be")]
    TooLarge { name: String, shape: String },
    #[error("{name}: there is no memory for {elements} elements; give the program more, or compute the batch in parts")]
    NoMemory { name: String, elements: usize },
    #[error(
        "{name}: the truth value at index {index} is the byte {byte}, neither 0 nor 1; write it again with numpy.save"
    )]
    NotABool { name: String, index: usize, byte: u8 },
}

fn size_hint(expected: &u64, actual: &str) -> &'static str {
    let shorter = actual.parse::<u64>().is_ok_and(|actual| actual < *expected);
    if shorter { "it was cut off: copy or write it again" } else { "there is something behind the array" }
}

/// An element as a file holds it, in the widest type of its kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scalar {
    /// A signed integer or a truth value.
    Signed(i64),
    /// An unsigned integer.
    Unsigned(u64),
    /// Floating point, 16 or 32 bits.
    Single(f32),
    /// Floating point, 64 bits.
    Double(f64),
}

impl Scalar {
    /// The nearest f64.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        match self {
            Self::Signed(value) => value as f64,
            Self::Unsigned(value) => value as f64,
            Self::Single(value) => f64::from(value),
            Self::Double(value) => value,
        }
    }

    /// The nearest f32; infinite where the value is beyond it.
    #[must_use]
    pub fn to_f32(self) -> f32 {
        match self {
            Self::Signed(value) => value as f32,
            Self::Unsigned(value) => value as f32,
            Self::Single(value) => value,
            Self::Double(value) => value as f32,
        }
    }

    /// The whole number that it is; none where it is no whole number, or beyond i64.
    #[must_use]
    pub fn to_i64(self) -> Option<i64> {
        match self {
            Self::Signed(value) => Some(value),
            Self::Unsigned(value) => i64::try_from(value).ok(),
            Self::Single(value) => Self::Double(f64::from(value)).to_i64(),
            Self::Double(value) => {
                // 2⁶³ is the first f64 above the range.
                let inside = (-9.223_372_036_854_776e18..9.223_372_036_854_776e18).contains(&value);
                (inside && value.fract() == 0.0).then_some(value as i64)
            }
        }
    }
}

/// An array of results, in the precision that they were computed in.
#[derive(Debug, Clone, PartialEq)]
pub enum NpyArray {
    /// 16 bits, IEEE's.
    F16(ArrayD<f16>),
    /// 16 bits, the upper half of 32.
    Bf16(ArrayD<bf16>),
    /// 32 bits.
    F32(ArrayD<f32>),
    /// 64 bits.
    F64(ArrayD<f64>),
}

#[cfg(test)]
mod tests;
