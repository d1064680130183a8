//! The types that a kernel is made for.

use std::fmt;

use crate::error::CodegenError;

/// The number type of logits, gradients, weights and of all arithmetic but the sums (which are `double`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Precision {
    /// `float`.
    F32,
    /// `double`.
    F64,
}

impl Precision {
    /// Short name, as in keys: `f32`, `f64`.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F64 => "f64",
        }
    }

    /// The bytes of one number.
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }
}

/// The type of one target in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Element {
    /// `u8`, also a `bool`.
    U8,
    /// `i8`.
    I8,
    /// `u16`.
    U16,
    /// `i16`.
    I16,
    /// `u32`.
    U32,
    /// `i32`.
    I32,
    /// `u64`, also a `usize`.
    U64,
    /// `i64`, also an `isize`.
    I64,
    /// `float`.
    F32,
    /// `double`.
    F64,
}

impl Element {
    /// The type's name in C.
    pub fn c_type(self) -> &'static str {
        match self {
            Self::U8 => "unsigned char",
            Self::I8 => "signed char",
            Self::U16 => "unsigned short",
            Self::I16 => "short",
            Self::U32 => "unsigned int",
            Self::I32 => "int",
            Self::U64 => "unsigned long long",
            Self::I64 => "long long",
            Self::F32 => "float",
            Self::F64 => "double",
        }
    }

    fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64)
    }

    /// The type as class index.
    pub(crate) fn class_index(self) -> Result<Self, CodegenError> {
        if self.is_float() {
            return Err(CodegenError::Targets { element: self, role: "class indices", accepted: "U8, I32 or I64" });
        }
        Ok(self)
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What BCE targets mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Labels {
    /// 0 or 1, anything else is a fault.
    Hard,
    /// Anywhere in [0, 1]; floats.
    Soft,
}

impl Labels {
    pub(crate) fn check(self, element: Element) -> Result<Self, CodegenError> {
        if self == Self::Soft && !element.is_float() {
            return Err(CodegenError::Targets { element, role: "soft labels", accepted: "F32 or F64" });
        }
        Ok(self)
    }
}
