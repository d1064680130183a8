//! The element types that the engine takes: floats as logits, anything that can be a target.

use std::any::TypeId;
use std::cell::Cell;
use std::fmt::Debug;

use half::{bf16, f16};
use ndarray::{ArrayViewMut, Dimension};
use pulp::bytemuck::{AnyBitPattern, NoUninit, Pod, cast_slice, cast_slice_mut};
use reweight::{RegionAxis, RegionTable, Regions, ValueTable};

use crate::block::Memory;
use crate::dispatch::{Available, convert};
use crate::kernels::Kernels;
use crate::lanes::{Format, Lanes};
use crate::stored::{Stored, StoredMut};

mod sealed {
    pub trait Sealed {}
}
use sealed::Sealed;

/// A float that logits, gradients and sample weights are made of: `f32`, `f64`, or in half the memory [`half::f16`] or
/// [`half::bf16`].
///
/// Of halves everything is computed in `f32`, and what is written is rounded once.
#[expect(private_bounds, reason = "the vectors behind a float are the engine's own")]
pub trait Float: Sealed + Element {}

/// How a batch's numbers come to the kernels.
pub(crate) trait Element:
    Pod + Debug + Default + PartialEq + PartialOrd + Into<f64> + Send + Sync + 'static
{
    /// What is computed in.
    type Wide: Kernels + Float + Element<Wide = Self::Wide>;
    /// The format, where it is half of what is computed in.
    const HALF: Option<Format>;
    /// Numbers to be read.
    fn stored(isa: Available, numbers: &[Self]) -> Stored<'_, Self::Wide>;
    /// Numbers to be written.
    fn stored_mut(isa: Available, numbers: &mut [Self]) -> StoredMut<'_, Self::Wide>;
    /// The array itself, where it is in the precision that is computed in.
    fn wide<D: Dimension>(array: ArrayViewMut<'_, Self, D>) -> Option<ArrayViewMut<'_, Self::Wide, D>>;
}

macro_rules! half {
    ($($half:ident $format:ident)*) => {$(
        impl Sealed for $half {}
        impl Float for $half {}
        impl Element for $half {
            type Wide = f32;
            const HALF: Option<Format> = Some(Format::$format);
            fn stored(isa: Available, numbers: &[Self]) -> Stored<'_, f32> {
                Stored::Half(cast_slice(numbers), convert(isa, Format::$format))
            }
            fn stored_mut(isa: Available, numbers: &mut [Self]) -> StoredMut<'_, f32> {
                StoredMut::Half(cast_slice_mut(numbers), convert(isa, Format::$format))
            }
            fn wide<D: Dimension>(_: ArrayViewMut<'_, Self, D>) -> Option<ArrayViewMut<'_, f32, D>> {
                None
            }
        }
    )*};
}
half!(f16 F16 bf16 Bf16);

/// What the engine needs of a float that it computes in beyond what its users need to see.
pub(crate) trait FloatLanes:
    Pod + Debug + Default + PartialEq + PartialOrd + Into<f64> + Send + Sync + 'static
{
    /// Zero.
    const ZERO: Self;
    /// One.
    const ONE: Self;
    /// The largest finite value.
    const LARGEST: Self;
    /// 1.5 times the power of two from which on floats are whole numbers: adding and subtracting it rounds to one.
    const ROUNDING: Self;
    /// The values of a table in this precision.
    fn values(table: &ValueTable) -> &[Self];
    /// This thread's memory for a block's formula, of any length and contents.
    fn take_block_memory() -> Memory<Self>;
    /// Gives it back.
    fn keep_block_memory(memory: Memory<Self>);
    /// The difference.
    fn minus(self, other: Self) -> Self;
    /// The nearest float; the largest one for what is finite and beyond it.
    fn from_f64(value: f64) -> Self;
    /// The nearest float to a class index.
    fn from_label(label: i64) -> Self;
    /// The regions' thresholds in this precision.
    fn thresholds(regions: &Regions, axis: RegionAxis) -> &[Self];
    /// The same as a search tree.
    fn search_tree(regions: &Regions, axis: RegionAxis) -> &[Self];
    /// The regions' weights in this precision.
    fn region_weights(table: &RegionTable) -> &[Self];
    /// This thread's memory for what must be copied together, of any length and contents; kept, so that a warm thread
    /// allocates nothing. Within `with` there is no other.
    fn with_scratch<R>(with: impl FnOnce(&mut Vec<Self>) -> R) -> R;
}

/// Which of an instruction set's two vector types holds a float.
pub(crate) trait PickLanes: FloatLanes {
    type Of<F32: Lanes<Scalar = f32>, F64: Lanes<Scalar = f64>>: Lanes<Scalar = Self>;
}

/// Kept for each thread, under the names of the floats.
mod block_memory {
    #![expect(non_upper_case_globals, reason = "named after the floats, for a macro to find")]
    use std::cell::Cell;

    use crate::block::Memory;

    thread_local! {
        pub(super) static f32: Cell<Memory<f32>> = const { Cell::new(Memory::empty()) };
        pub(super) static f64: Cell<Memory<f64>> = const { Cell::new(Memory::empty()) };
    }
}

macro_rules! float {
    ($float:ident, $lanes:ident, $thresholds:ident, $tree:ident, $weights:ident, $values:expr, $rounding:expr) => {
        impl Sealed for $float {}
        impl Float for $float {}
        impl Element for $float {
            type Wide = Self;
            const HALF: Option<Format> = None;
            fn stored(_: Available, numbers: &[Self]) -> Stored<'_, Self> {
                Stored::Same(numbers)
            }
            fn stored_mut(_: Available, numbers: &mut [Self]) -> StoredMut<'_, Self> {
                StoredMut::Same(numbers)
            }
            fn wide<D: Dimension>(array: ArrayViewMut<'_, Self, D>) -> Option<ArrayViewMut<'_, Self, D>> {
                Some(array)
            }
        }
        impl FloatLanes for $float {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const LARGEST: Self = Self::MAX;
            const ROUNDING: Self = $rounding;
            fn values(table: &ValueTable) -> &[Self] {
                let values: fn(&ValueTable) -> &[Self] = $values;
                values(table)
            }
            fn take_block_memory() -> Memory<Self> {
                block_memory::$float.replace(Memory::empty())
            }
            fn keep_block_memory(memory: Memory<Self>) {
                block_memory::$float.set(memory);
            }
            #[inline(always)]
            fn minus(self, other: Self) -> Self {
                self - other
            }
            #[inline(always)]
            fn from_f64(value: f64) -> Self {
                // A weight beyond the floats times a vanished slope would be ∞·0, which is no number.
                let nearest = value as Self;
                if nearest.is_infinite() && value.is_finite() { Self::MAX.copysign(nearest) } else { nearest }
            }
            #[inline(always)]
            fn from_label(label: i64) -> Self {
                label as Self
            }
            #[inline(always)]
            fn thresholds(regions: &Regions, axis: RegionAxis) -> &[Self] {
                regions.$thresholds(axis)
            }
            #[inline(always)]
            fn search_tree(regions: &Regions, axis: RegionAxis) -> &[Self] {
                regions.$tree(axis)
            }
            #[inline(always)]
            fn region_weights(table: &RegionTable) -> &[Self] {
                table.$weights()
            }
            fn with_scratch<R>(with: impl FnOnce(&mut Vec<Self>) -> R) -> R {
                thread_local! {
                    static SCRATCH: Cell<Vec<$float>> = const { Cell::new(Vec::new()) };
                }
                let mut scratch = SCRATCH.take();
                let result = with(&mut scratch);
                SCRATCH.set(scratch);
                result
            }
        }
        impl PickLanes for $float {
            type Of<F32: Lanes<Scalar = f32>, F64: Lanes<Scalar = f64>> = $lanes;
        }
    };
}
float!(f32, F32, thresholds_f32, search_tree_f32, weights_f32, ValueTable::narrow, 12_582_912.0);
float!(f64, F64, thresholds_f64, search_tree_f64, weights, |table| table, 6_755_399_441_055_744.0);

/// A BCE target: `bool` or an integer, 0 or 1; or a float in [0, 1], which may be soft.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no target of binary cross entropy",
    note = "targets are `bool` or integers, 0 or 1, or floats from 0 to 1: `labels.mapv(u8::from)` makes some"
)]
#[expect(private_bounds, reason = "how a target is read is the engine's own")]
pub trait BceTarget: Sealed + Target {}

/// A class index: any integer.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no class index",
    note = "softmax losses take one integer a sample, from 0 on, such as `u32` or `i64`; of one-hot rows take each row's largest entry"
)]
#[expect(private_bounds, reason = "how a class index is read is the engine's own")]
pub trait ClassIndex: Sealed + Index {}

/// What the engine needs of a BCE target.
pub(crate) trait Target: Copy + NoUninit + Send + Sync + 'static {
    /// Whether values between 0 and 1 are meant.
    const SOFT: bool;
    /// Whether the precision that is computed in may be less than the target's.
    const ROUNDED: bool = false;
    /// The target as a number.
    fn number(self) -> f64;

    /// The hard target: 0, 1, or 2 for what is neither.
    #[inline(always)]
    fn hard(self) -> u8 {
        let number = self.number();
        if number == 1.0 {
            1
        } else if number == 0.0 {
            0
        } else {
            2
        }
    }

    /// Targets in the precision that is computed in, where that is a conversion of whole registers; whether they are `to`'s.
    fn widened<A: FloatLanes>(_: Available, _targets: &[Self], _to: &mut [A]) -> bool {
        false
    }

    /// The hard targets of a slice whose elements are bytes.
    fn as_hard(targets: &[Self]) -> Option<&[u8]> {
        let byte = [TypeId::of::<u8>(), TypeId::of::<i8>(), TypeId::of::<bool>()].contains(&TypeId::of::<Self>());
        byte.then(|| cast_slice(targets))
    }
}

/// The slice itself, where its elements are of the type wanted.
pub(crate) fn same_type<T: NoUninit, U: AnyBitPattern>(slice: &[T]) -> Option<&[U]> {
    (TypeId::of::<T>() == TypeId::of::<U>()).then(|| cast_slice(slice))
}

/// What the engine needs of a class index.
pub(crate) trait Index: Copy + NoUninit + Send + Sync + 'static {
    /// The label; saturated where it does not fit.
    fn label(self) -> i64;
}

macro_rules! integer {
    ($($integer:ident)*) => {$(
        impl Sealed for $integer {}
        impl BceTarget for $integer {}
        impl ClassIndex for $integer {}
        impl Target for $integer {
            const SOFT: bool = false;
            #[inline(always)]
            fn number(self) -> f64 {
                self as f64
            }
        }
        impl Index for $integer {
            #[inline(always)]
            fn label(self) -> i64 {
                i64::try_from(self).unwrap_or(i64::MAX)
            }
        }
    )*};
}
integer!(u8 i8 u16 i16 u32 i32 u64 i64 usize isize);

impl Sealed for bool {}
impl BceTarget for bool {}
impl Target for bool {
    const SOFT: bool = false;
    #[inline(always)]
    fn number(self) -> f64 {
        f64::from(u8::from(self))
    }
}

macro_rules! float_target {
    ($($float:ident)*) => {$(
        impl BceTarget for $float {}
        impl Target for $float {
            const SOFT: bool = true;
            const ROUNDED: bool = true;
            #[inline(always)]
            fn number(self) -> f64 {
                f64::from(self)
            }
        }
    )*};
}
float_target!(f32 f64);

macro_rules! half_target {
    ($($half:ident $format:ident)*) => {$(
        impl BceTarget for $half {}
        impl Target for $half {
            const SOFT: bool = true;
            #[inline(always)]
            fn number(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn hard(self) -> u8 {
                const ONE: u16 = $half::ONE.to_bits();
                match self.to_bits() {
                    ONE => 1,
                    0 | 0x8000 => 0,
                    _ => 2,
                }
            }
            fn widened<A: FloatLanes>(isa: Available, targets: &[Self], to: &mut [A]) -> bool {
                let same = TypeId::of::<A>() == TypeId::of::<f32>();
                if same {
                    (convert(isa, Format::$format).widen)(cast_slice(targets), cast_slice_mut(to));
                }
                same
            }
        }
    )*};
}
half_target!(f16 F16 bf16 Bf16);
