//! The header of a .npy file: what the elements are, how many, and in which order. Nothing is allocated by its word.

use std::io::{self, Read};

use ndarray_npy::npy::header::Header;

use super::NpyError;
use crate::text::on_one_line;

/// Most brackets in a header; a plain number type needs two, and the parser recurses into each.
const MOST_BRACKETS: usize = 16;

/// Most bytes of a header's text: what its first version can say. NumPy writes 118, and itself refuses more than 10,000.
const LONGEST: usize = 65_535;

/// Most axes; NumPy has at most 64.
const MOST_AXES: usize = 64;

/// Columns of a header's words that a message quotes.
const QUOTED: usize = 120;

/// What an element is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ElementType {
    Bool,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    F16,
    Bf16,
    F32,
    F64,
    /// Two bytes that the file does not say the meaning of.
    Untold,
}

impl ElementType {
    fn of(descriptor: &str) -> Option<Self> {
        // NumPy knows no bfloat16. Its own two bytes without a type are '|V2'; with a byte order, which those cannot have, they
        // come from ml_dtypes, whose only type of two bytes is bfloat16.
        if descriptor == "|V2" {
            return Some(Self::Untold);
        }
        Some(match descriptor.trim_start_matches(['<', '>', '|', '=']) {
            "V2" => Self::Bf16,
            "b1" => Self::Bool,
            "i1" => Self::I8,
            "i2" => Self::I16,
            "i4" => Self::I32,
            "i8" => Self::I64,
            "u1" => Self::U8,
            "u2" => Self::U16,
            "u4" => Self::U32,
            "u8" => Self::U64,
            "f2" => Self::F16,
            "f4" => Self::F32,
            "f8" => Self::F64,
            _ => return None,
        })
    }

    /// Bytes an element.
    pub(super) fn size(self) -> usize {
        match self {
            Self::Bool | Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 | Self::F16 | Self::Bf16 | Self::Untold => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 | Self::U64 | Self::F64 => 8,
        }
    }
}

/// A header that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NpyHeader {
    pub(super) element: ElementType,
    pub(super) big_endian: bool,
    pub(super) shape: Vec<usize>,
    pub(super) columns_first: bool,
    /// How many elements.
    pub(super) count: usize,
    /// Bytes before the elements.
    pub(super) length: u64,
}

impl NpyHeader {
    /// Reads as much of `source` as is a header.
    pub(super) fn read(name: &str, source: &mut impl Read) -> Result<Self, NpyError> {
        let bytes = bytes(name, source)?;
        let bad = |reason: String| NpyError::BadHeader { name: name.to_owned(), reason: on_one_line(&reason, QUOTED) };
        if bytes.iter().filter(|byte| b"([{".contains(byte)).count() > MOST_BRACKETS {
            return Err(bad(format!("it has more than {MOST_BRACKETS} brackets")));
        }
        let header = Header::from_reader(&mut &bytes[..]).map_err(|error| bad(in_words(&error.to_string())))?;
        let descriptor = header.type_descriptor.as_string().map_or("", String::as_str);
        let Some(element) = ElementType::of(descriptor) else {
            let found = on_one_line(&header.type_descriptor.to_string(), QUOTED);
            return Err(NpyError::UnsupportedType { name: name.to_owned(), found });
        };
        let big_endian = descriptor.starts_with('>') || descriptor.starts_with('=') && cfg!(target_endian = "big");
        let shape = header.shape;
        if shape.len() > MOST_AXES {
            return Err(bad(format!("it has {} axes, and NumPy has at most {MOST_AXES}", shape.len())));
        }
        // An array without elements has axes too, whose product must be a size. Eight bytes are the widest that one becomes.
        let axes = shape.iter().filter(|&&size| size != 0);
        let size = axes.copied().try_fold(8_usize, usize::checked_mul);
        if size.is_none_or(|size| isize::try_from(size).is_err()) {
            return Err(NpyError::TooLarge { name: name.to_owned(), shape: shape_text(&shape) });
        }
        let (count, length) = (shape.iter().product(), bytes.len() as u64);
        Ok(Self { element, big_endian, columns_first: header.layout.is_fortran(), shape, count, length })
    }

    /// Bytes of all elements.
    pub(super) fn size(&self) -> u64 {
        // The product was checked for the widest elements.
        (self.count * self.element.size()) as u64
    }
}

/// What is wrong with a header, in the words of its keys.
fn in_words(error: &str) -> String {
    let error = error.strip_prefix("error parsing header: ").unwrap_or(error);
    match error.strip_prefix("illegal value for key ").and_then(|rest| rest.split_once(": ")) {
        Some(("shape", shape)) => format!("its shape is {shape}, which is no list of whole numbers such as (3, 2)"),
        Some((key, value)) => format!("its {key} is {value}"),
        None => error.to_owned(),
    }
}

/// A shape as NumPy writes it, or its beginning.
pub(super) fn shape_text(shape: &[usize]) -> String {
    on_one_line(&format!("{shape:?}"), QUOTED)
}

/// The bytes of a header, and none behind it: its length is a u16 in version 1, a u32 in the later ones.
fn bytes(name: &str, source: &mut impl Read) -> Result<Vec<u8>, NpyError> {
    const MAGIC: &[u8] = b"\x93NUMPY";
    let bad = |reason: String| NpyError::BadHeader { name: name.to_owned(), reason };
    let mut bytes = Vec::new();
    let mut more = |bytes: &mut Vec<u8>, count: usize| -> Result<bool, NpyError> {
        let read = source.by_ref().take(count as u64).read_to_end(bytes);
        read.map(|read| read == count).map_err(|source| unreadable(name, source))
    };
    more(&mut bytes, MAGIC.len())?;
    if bytes != MAGIC {
        let zipped = bytes.starts_with(b"PK");
        let hint = if zipped { ", but it looks like a .npz or .zip file, which holds several" } else { "" };
        return Err(NpyError::NotNpy { name: name.to_owned(), hint });
    }
    let cut = || bad("it is cut off".to_owned());
    more(&mut bytes, 2)?.then_some(()).ok_or_else(cut)?;
    let before = bytes.len();
    let width = if bytes.get(6) == Some(&1) { 2 } else { 4 };
    more(&mut bytes, width)?.then_some(()).ok_or_else(cut)?;
    let length = bytes[before..].iter().rev().fold(0_usize, |length, &byte| length << 8 | usize::from(byte));
    if length > LONGEST {
        return Err(bad(format!("it says that it is {length} bytes long, and at most {LONGEST} are read")));
    }
    more(&mut bytes, length)?.then_some(()).ok_or_else(cut)?;
    Ok(bytes)
}

/// That a file could not be read.
pub(super) fn unreadable(name: &str, source: io::Error) -> NpyError {
    match source.kind() {
        io::ErrorKind::NotFound => NpyError::NotFound { name: name.to_owned() },
        _ => NpyError::Unreadable { name: name.to_owned(), source },
    }
}
