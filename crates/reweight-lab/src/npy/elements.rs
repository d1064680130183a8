//! The elements of a .npy file in the type that is wanted. Each type's loop is compiled here, and not in the crate that calls.

use half::{bf16, f16};
use ndarray::ArrayD;

use super::{NpyArray, NpyError, NpyFile, Scalar};

/// Which samples count. What is masked out may hold anything, also what has no form in the type that is wanted: it becomes 0.
#[derive(Debug, Clone, Copy)]
pub struct Masked<'a> {
    /// Sample after sample in C order; empty where none is masked out.
    pub valid: &'a [bool],
    /// For rows of elements: their length, and the product of the axes behind it.
    pub rows: Option<(usize, usize)>,
}

impl Masked<'_> {
    /// Whether the element at `index`, counted in C order, is masked out.
    fn is_out(&self, index: usize) -> bool {
        if self.valid.is_empty() {
            return false;
        }
        let sample = match self.rows {
            None => index,
            Some((length, inner)) => index / (length * inner) * inner + index % inner,
        };
        self.valid.get(sample) == Some(&false)
    }
}

/// Why a file's elements are not what is wanted.
#[derive(Debug, thiserror::Error)]
pub enum ElementError {
    /// The file itself.
    #[error(transparent)]
    Npy(#[from] NpyError),
    /// An element has no form in the type that is wanted.
    #[error("the element at index {index} is {value}")]
    Unfit {
        /// Counted in C order.
        index: usize,
        /// As the file holds it, or the nearest.
        value: f64,
    },
}

/// A type of .npy files' elements that results are written in, too: `f16`, `bf16`, `f32` or `f64`.
pub trait Element: Copy + Default + Into<f64> {
    /// Numbers, rounded to the nearest; what was finite must stay so, and an infinity of the file's own is kept.
    ///
    /// # Errors
    ///
    /// [`ElementError`].
    fn read(file: &mut NpyFile, masked: Masked<'_>) -> Result<ArrayD<Self>, ElementError>;

    /// As a .npy file holds it.
    fn pack(array: ArrayD<Self>) -> NpyArray;
}

/// Not generic where it is called: every implementation has a loop of its own.
macro_rules! elements {
    ($file:ident, $masked:ident, $convert:expr) => {
        $file.read(|index, element: Scalar| {
            if $masked.is_out(index) {
                return Ok(Default::default());
            }
            ($convert)(element).ok_or_else(|| ElementError::Unfit { index, value: element.to_f64() })
        })
    };
}

macro_rules! element {
    ($type:ident $variant:ident $convert:expr) => {
        impl Element for $type {
            fn read(file: &mut NpyFile, masked: Masked<'_>) -> Result<ArrayD<Self>, ElementError> {
                elements!(file, masked, |element: Scalar| {
                    let value: Self = ($convert)(element);
                    (value.is_finite() || !element.to_f64().is_finite()).then_some(value)
                })
            }

            fn pack(array: ArrayD<Self>) -> NpyArray {
                NpyArray::$variant(array)
            }
        }
    };
}
// Halves in one step from 64 bits, so that nothing is rounded twice.
element!(f16 F16 |element: Scalar| f16::from_f64(element.to_f64()));
element!(bf16 Bf16 |element: Scalar| bf16::from_f64(element.to_f64()));
element!(f32 F32 Scalar::to_f32);
element!(f64 F64 Scalar::to_f64);

impl NpyFile {
    /// Truth values: 0 or 1 in any type.
    ///
    /// # Errors
    ///
    /// [`ElementError`].
    pub fn truths(&mut self) -> Result<ArrayD<bool>, ElementError> {
        self.read(|index, element| match element.to_f64() {
            0.0 => Ok(false),
            1.0 => Ok(true),
            value => Err(ElementError::Unfit { index, value }),
        })
    }

    /// Whole numbers.
    ///
    /// # Errors
    ///
    /// [`ElementError`].
    pub fn integers(&mut self, masked: Masked<'_>) -> Result<ArrayD<i64>, ElementError> {
        elements!(self, masked, Scalar::to_i64)
    }

    /// Whole numbers that all fit into a byte; none where they do not.
    ///
    /// # Errors
    ///
    /// [`ElementError`].
    pub fn bytes(&mut self, masked: Masked<'_>) -> Result<Option<ArrayD<u8>>, ElementError> {
        let mut fits = true;
        let bytes = elements!(self, masked, |element: Scalar| {
            element.to_i64().map(|integer| {
                u8::try_from(integer).unwrap_or_else(|_| {
                    fits = false;
                    0
                })
            })
        })?;
        Ok(fits.then_some(bytes))
    }
}

impl NpyArray {
    /// The first element that is not finite, and its position.
    #[must_use]
    pub fn first_not_finite(&self) -> Option<(usize, f64)> {
        fn first<A: Copy + Into<f64>>(array: &ArrayD<A>) -> Option<(usize, f64)> {
            let mut values = array.iter().map(|&value| value.into()).enumerate();
            values.find(|(_, value): &(usize, f64)| !value.is_finite())
        }
        match self {
            Self::F16(array) => first(array),
            Self::Bf16(array) => first(array),
            Self::F32(array) => first(array),
            Self::F64(array) => first(array),
        }
    }

    /// The position of the largest element.
    #[must_use]
    pub fn largest(&self) -> Option<usize> {
        fn of<A: Copy + Into<f64>>(array: &ArrayD<A>) -> Option<usize> {
            let values = array.iter().map(|&value| value.into()).enumerate();
            values.max_by(|(_, one): &(usize, f64), (_, other)| one.total_cmp(other)).map(|(index, _)| index)
        }
        match self {
            Self::F16(array) => of(array),
            Self::Bf16(array) => of(array),
            Self::F32(array) => of(array),
            Self::F64(array) => of(array),
        }
    }
}
