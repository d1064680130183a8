//! The types of targets, as the kernels know them and as they lie in memory.

use std::any::TypeId;

use reweight_codegen::Element as TargetType;

use super::failure::CudaFailure;

/// How a target type lies in memory.
pub(super) fn target_type<Y: 'static>() -> Result<TargetType, CudaFailure> {
    use TargetType::{F32, F64, I8, I16, I32, I64, U8, U16, U32, U64};
    let is = |other: TypeId| TypeId::of::<Y>() == other;
    macro_rules! among {
        ($($type:ty => $element:expr),*) => {
            $(if is(TypeId::of::<$type>()) {
                return Ok($element);
            })*
        };
    }
    let (signed, unsigned) = if size_of::<usize>() == 8 { (I64, U64) } else { (I32, U32) };
    among!(bool => U8, u8 => U8, i8 => I8, u16 => U16, i16 => I16, u32 => U32, i32 => I32, u64 => U64, i64 => I64,
        usize => unsigned, isize => signed, f32 => F32, f64 => F64);
    let reason = format!("targets of type {} have no kernel", std::any::type_name::<Y>());
    Err(CudaFailure::Other { reason })
}

pub(super) fn target_bytes(element: TargetType) -> usize {
    match element {
        TargetType::U8 | TargetType::I8 => 1,
        TargetType::U16 | TargetType::I16 => 2,
        TargetType::U32 | TargetType::I32 | TargetType::F32 => 4,
        TargetType::U64 | TargetType::I64 | TargetType::F64 => 8,
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Real(f64),
    Label(i64),
}

/// A target from its bytes.
pub(super) fn number_of(element: TargetType, bytes: [u8; 8]) -> Number {
    let [a, b, c, d, ..] = bytes;
    Number::Label(match element {
        TargetType::F32 => return Number::Real(f32::from_ne_bytes([a, b, c, d]).into()),
        TargetType::F64 => return Number::Real(f64::from_ne_bytes(bytes)),
        TargetType::U8 => a.into(),
        TargetType::I8 => i8::from_ne_bytes([a]).into(),
        TargetType::U16 => u16::from_ne_bytes([a, b]).into(),
        TargetType::I16 => i16::from_ne_bytes([a, b]).into(),
        TargetType::U32 => u32::from_ne_bytes([a, b, c, d]).into(),
        TargetType::I32 => i32::from_ne_bytes([a, b, c, d]).into(),
        TargetType::U64 => i64::try_from(u64::from_ne_bytes(bytes)).unwrap_or(i64::MAX),
        TargetType::I64 => i64::from_ne_bytes(bytes),
    })
}
