//! Arrays in and out: .npy files of any number type, shape, order and byte order; .npz files of results.

use std::io::{self, Cursor};
use std::path::Path;

use ndarray::{ArrayD, IxDyn, ShapeBuilder};
use ndarray_npy::npy::header::{Header, ReadHeaderError};
use ndarray_npy::{NpzWriter, ReadNpyError, ReadNpyExt, WriteNpzError};

use crate::files::write_whole;

/// Most brackets in a header; a plain number type needs two, and the parser recurses into each.
const MOST_BRACKETS: usize = 16;

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
    #[error("{name}: the header of the .npy file cannot be understood; write it again with numpy.save")]
    BadHeader { name: String, source: Option<ReadHeaderError> },
    #[error(
        "{name}: elements of type {found} are not numbers; save bool, integers or floats (array.astype(numpy.float32))"
    )]
    UnsupportedType { name: String, found: String },
    #[error("{name}: shape {shape:?} of {item_size}-byte elements takes {expected} bytes, the file has {actual}; {}", size_hint(.expected, .actual))]
    WrongSize { name: String, shape: Vec<usize>, item_size: usize, expected: usize, actual: usize },
    #[error("{name}: shape {shape:?} is larger than memory can be")]
    TooLarge { name: String, shape: Vec<usize> },
    #[error("{name}: the elements cannot be read")]
    BadData { name: String, source: ReadNpyError },
    #[error("{name}: cannot be written; check that the folder exists and may be written to")]
    Unwritable { name: String, source: io::Error },
    #[error("{name}: the arrays cannot be packed into a .npz file")]
    Pack { name: String, source: WriteNpzError },
}

fn size_hint(expected: &usize, actual: &usize) -> &'static str {
    if actual < expected { "it was cut off: copy or write it again" } else { "there is something behind the array" }
}

macro_rules! array_types {
    ($($(#[$doc:meta])* $variant:ident($type:ty) = $($code:literal)|+, $size:literal;)+) => {
        /// An array as a .npy file holds it.
        #[derive(Debug, Clone, PartialEq)]
        pub enum NpyArray { $($(#[$doc])* $variant(ArrayD<$type>),)+ }

        impl NpyArray {
            /// Sizes of the axes.
            #[must_use]
            pub fn shape(&self) -> &[usize] {
                match self { $(Self::$variant(array) => array.shape(),)+ }
            }

            /// The element type's name.
            #[must_use]
            pub fn type_name(&self) -> &'static str {
                match self { $(Self::$variant(_) => stringify!($type),)+ }
            }

            /// Puts 0 (false) where `masked` is true of an element's position, counted in C order.
            pub(crate) fn clear_where(&mut self, masked: impl Fn(usize) -> bool) {
                match self {
                    $(Self::$variant(array) => {
                        let masked = array.iter_mut().enumerate().filter(|(index, _)| masked(*index));
                        masked.for_each(|(_, element)| *element = <$type>::default());
                    })+
                }
            }

            fn pack(&self, writer: &mut NpzWriter<Cursor<Vec<u8>>>, name: &str) -> Result<(), WriteNpzError> {
                match self { $(Self::$variant(array) => writer.add_array(name, array),)+ }
            }
        }

        /// Bytes an element of a type takes; `None` for a type that is no number.
        fn item_size(code: &str) -> Option<usize> {
            match code { "f2" => Some(2), $($($code)|+ => Some($size),)+ _ => None }
        }

        /// Reads a whole file whose header says `code`.
        fn read_elements(code: &str, bytes: &[u8]) -> Option<Result<NpyArray, ReadNpyError>> {
            match code {
                $($($code)|+ => Some(ArrayD::<$type>::read_npy(bytes).map(NpyArray::$variant)),)+
                _ => None,
            }
        }
    };
}

array_types! {
    /// Truth values.
    Bool(bool) = "b1", 1;
    /// Signed, 8 bits.
    I8(i8) = "i1", 1;
    /// Signed, 16 bits.
    I16(i16) = "i2", 2;
    /// Signed, 32 bits.
    I32(i32) = "i4", 4;
    /// Signed, 64 bits.
    I64(i64) = "i8", 8;
    /// Unsigned, 8 bits.
    U8(u8) = "u1", 1;
    /// Unsigned, 16 bits.
    U16(u16) = "u2", 2;
    /// Unsigned, 32 bits.
    U32(u32) = "u4", 4;
    /// Unsigned, 64 bits.
    U64(u64) = "u8", 8;
    /// Floating point, 32 bits; files of 16 bits become this, which holds each of their values.
    F32(f32) = "f4", 4;
    /// Floating point, 64 bits.
    F64(f64) = "f8", 8;
}

/// Reads a .npy file.
///
/// # Errors
///
/// [`NpyError`]: no such file, not a .npy file, elements that are not numbers, cut off.
pub fn read_npy(path: &Path) -> Result<NpyArray, NpyError> {
    let name = path.display().to_string();
    match std::fs::read(path) {
        Ok(bytes) => parse_npy(&name, &bytes),
        Err(source) if source.kind() == io::ErrorKind::NotFound => Err(NpyError::NotFound { name }),
        Err(source) => Err(NpyError::Unreadable { name, source }),
    }
}

/// Reads the bytes of a .npy file; `name` is what messages call them.
///
/// # Errors
///
/// As [`read_npy`].
pub fn parse_npy(name: &str, bytes: &[u8]) -> Result<NpyArray, NpyError> {
    let named = || name.to_owned();
    if !bytes.starts_with(b"\x93NUMPY") {
        let zipped = bytes.starts_with(b"PK");
        let hint = if zipped { ", but it looks like a .npz or .zip file, which holds several" } else { "" };
        return Err(NpyError::NotNpy { name: named(), hint });
    }
    let text = header_text(bytes);
    if text.iter().filter(|byte| b"([{".contains(byte)).count() > MOST_BRACKETS {
        return Err(NpyError::BadHeader { name: named(), source: None });
    }
    let mut rest = bytes;
    let header =
        Header::from_reader(&mut rest).map_err(|source| NpyError::BadHeader { name: named(), source: Some(source) })?;
    let found = header.type_descriptor.to_string();
    let descriptor = header.type_descriptor.as_string().map_or("", String::as_str);
    let code = descriptor.trim_start_matches(['<', '>', '|', '=']);
    let Some(item_size) = item_size(code) else {
        return Err(NpyError::UnsupportedType { name: named(), found });
    };
    // Before anything is allocated: a header may claim any size.
    let shape = header.shape.clone();
    let count = shape.iter().try_fold(1_usize, |count, &size| count.checked_mul(size));
    let expected = count.and_then(|count| count.checked_mul(item_size)).filter(|&bytes| isize::try_from(bytes).is_ok());
    let Some(expected) = expected else {
        return Err(NpyError::TooLarge { name: named(), shape });
    };
    if rest.len() != expected {
        return Err(NpyError::WrongSize { name: named(), shape, item_size, expected, actual: rest.len() });
    }
    let array = if code == "f2" { read_half(rest, descriptor, &header) } else { read_elements(code, bytes) };
    match array {
        Some(Ok(array)) => Ok(array),
        Some(Err(source)) => Err(NpyError::BadData { name: named(), source }),
        None => Err(NpyError::UnsupportedType { name: named(), found }),
    }
}

/// The header's text, or what there is of it: its length is a u16 in version 1, a u32 in the later ones.
fn header_text(bytes: &[u8]) -> &[u8] {
    let (length_bytes, length) = match bytes {
        [_, _, _, _, _, _, 1, _, a, b, ..] => (2, u32::from(u16::from_le_bytes([*a, *b]))),
        [_, _, _, _, _, _, _, _, a, b, c, d, ..] => (4, u32::from_le_bytes([*a, *b, *c, *d])),
        _ => return &[],
    };
    let text = &bytes[8 + length_bytes..];
    &text[..text.len().min(length as usize)]
}

/// Half precision, which ndarray-npy does not read.
fn read_half(data: &[u8], descriptor: &str, header: &Header) -> Option<Result<NpyArray, ReadNpyError>> {
    let (pairs, _) = data.as_chunks::<2>();
    let big_endian = descriptor.starts_with('>');
    let number = |&pair: &[u8; 2]| {
        let bits = if big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) };
        half::f16::from_bits(bits).to_f32()
    };
    let shape = IxDyn(&header.shape).set_f(header.layout.is_fortran());
    ArrayD::from_shape_vec(shape, pairs.iter().map(number).collect()).ok().map(|array| Ok(NpyArray::F32(array)))
}

/// Writes arrays into one compressed .npz file, each under its name, for `numpy.load`.
///
/// The file is packed in memory first and written whole, so that a failure leaves no half-written one.
///
/// # Errors
///
/// [`NpyError::Unwritable`] or [`NpyError::Pack`].
pub fn write_npz(path: &Path, arrays: &[(&str, NpyArray)]) -> Result<(), NpyError> {
    let name = path.display().to_string();
    let mut writer = NpzWriter::new_compressed(Cursor::new(Vec::new()));
    let packed = arrays
        .iter()
        .try_for_each(|(array_name, array)| array.pack(&mut writer, array_name))
        .and_then(|()| writer.finish());
    match packed {
        Ok(packed) => write_whole(path, &packed.into_inner()).map_err(|source| NpyError::Unwritable { name, source }),
        Err(source) => Err(NpyError::Pack { name, source }),
    }
}

impl NpyArray {
    /// The elements as f64; integers beyond ±2⁵³ are rounded, truth values become 0 and 1.
    #[must_use]
    pub fn to_f64(&self) -> ArrayD<f64> {
        match self {
            Self::Bool(array) => array.mapv(f64::from),
            Self::I8(array) => array.mapv(f64::from),
            Self::I16(array) => array.mapv(f64::from),
            Self::I32(array) => array.mapv(f64::from),
            Self::I64(array) => array.mapv(|value| value as f64),
            Self::U8(array) => array.mapv(f64::from),
            Self::U16(array) => array.mapv(f64::from),
            Self::U32(array) => array.mapv(f64::from),
            Self::U64(array) => array.mapv(|value| value as f64),
            Self::F32(array) => array.mapv(f64::from),
            Self::F64(array) => array.clone(),
        }
    }

    /// The elements as f32, rounded to the nearest.
    #[must_use]
    pub fn to_f32(&self) -> ArrayD<f32> {
        match self {
            Self::F32(array) => array.clone(),
            // Each type's way through f64 rounds once only: f64 holds what f32 would have to round, up to 2⁵³.
            other => other.to_f64().mapv(|value| value as f32),
        }
    }

    /// The elements as i64, for class indices; `Err` has the position (in C order) and value of the first that is no
    /// integer in i64's range.
    ///
    /// # Errors
    ///
    /// The position and value of an element that is not an integer.
    pub fn to_i64(&self) -> Result<ArrayD<i64>, (usize, f64)> {
        match self {
            Self::I64(array) => return Ok(array.clone()),
            Self::U64(array) => {
                let too_large = array.iter().position(|&value| i64::try_from(value).is_err());
                return match too_large {
                    Some(index) => Err((index, array.iter().nth(index).map_or(0.0, |&value| value as f64))),
                    None => Ok(array.mapv(|value| value as i64)),
                };
            }
            _ => {}
        }
        let values = self.to_f64();
        // 2⁶³ is the first f64 above the range.
        let is_integer =
            |value: f64| value.fract() == 0.0 && (-9.223_372_036_854_776e18..9.223_372_036_854_776e18).contains(&value);
        match values.iter().position(|&value| !is_integer(value)) {
            Some(index) => Err((index, values.iter().nth(index).copied().unwrap_or(f64::NAN))),
            None => Ok(values.mapv(|value| value as i64)),
        }
    }
}

#[cfg(test)]
mod tests;
