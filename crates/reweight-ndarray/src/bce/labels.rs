//! Hard and soft labels: how targets come to the kernels.
//!
//! Hard targets come as bytes and soft ones as floats of the logits' type, whatever the batch holds: a kernel for each type of
//! target would be ten times as much code.

use reweight::SampleKind;

use crate::dispatch::{Available, Kernel};
use crate::element::{PickLanes, Target, same_type};
use crate::kernels::Kernels;
use crate::lanes::Lanes;
use crate::parallel::Merge;
use crate::part::{Run, Slices};
use crate::registers::{load, load_bytes};

/// Hard or soft labels.
pub(crate) trait Labels<A: PickLanes> {
    /// A target as the kernels read it.
    type Target: Copy + Default + Send + Sync;
    /// What samples they make.
    const KIND: SampleKind;
    /// Whether targets lie between 0 and 1.
    const SOFT: bool;

    /// The targets as they are, where they are of the type already.
    fn same<T: Target>(targets: &[T]) -> Option<&[Self::Target]>;
    /// Targets of another type.
    fn convert<T: Target>(isa: Available, targets: &[T], to: &mut [Self::Target]);
    /// A register of targets as numbers.
    fn load<L: Lanes<Scalar = A>>(targets: &[Self::Target], whole: bool) -> L;
}

/// Targets of 0 and 1.
pub(crate) struct Hard;

/// Targets in [0, 1].
pub(crate) struct Soft;

/// Floats to the bytes that hard targets are read as: 0, 1, or 2 for what is neither.
pub(crate) struct Harden<'a, A> {
    pub(crate) targets: &'a [A],
    pub(crate) to: &'a mut [u8],
}

impl<A: PickLanes> Kernel for Harden<'_, A> {
    type Output = ();

    #[inline(always)]
    fn run<F32: Lanes<Scalar = f32>, F64: Lanes<Scalar = f64>>(self) {
        // Comparisons and a pack, which the compiler makes of it for any instruction set.
        for (to, &target) in self.to.iter_mut().zip(self.targets) {
            let (zero, one) = (target == A::ZERO, target == A::ONE);
            *to = u8::from(one) | u8::from(!(zero | one)) << 1;
        }
    }
}

impl<A: Kernels> Labels<A> for Hard {
    type Target = u8;
    const KIND: SampleKind = SampleKind::Binary;
    const SOFT: bool = false;

    fn same<T: Target>(targets: &[T]) -> Option<&[u8]> {
        T::as_hard(targets)
    }

    fn convert<T: Target>(isa: Available, targets: &[T], to: &mut [u8]) {
        // Of the logits' own type nothing is rounded.
        if let Some(targets) = same_type::<T, A>(targets) {
            return A::harden(isa, Harden { targets, to });
        }
        for (to, &target) in to.iter_mut().zip(targets) {
            *to = if T::ROUNDED {
                // As the survey saw it: a float next to 0 or 1 may become that in the logits' precision.
                let rounded: f64 = soft::<A, T>(target).into();
                rounded.hard()
            } else {
                target.hard()
            };
        }
    }

    #[inline(always)]
    fn load<L: Lanes<Scalar = A>>(targets: &[u8], whole: bool) -> L {
        load_bytes(targets, whole)
    }
}

impl<A: PickLanes> Labels<A> for Soft {
    type Target = A;
    const KIND: SampleKind = SampleKind::SoftBinary;
    const SOFT: bool = true;

    fn same<T: Target>(targets: &[T]) -> Option<&[A]> {
        same_type(targets)
    }

    #[inline(always)]
    fn convert<T: Target>(isa: Available, targets: &[T], to: &mut [A]) {
        if !T::widened(isa, targets, to) {
            for (to, &target) in to.iter_mut().zip(targets) {
                *to = soft(target);
            }
        }
    }

    #[inline(always)]
    fn load<L: Lanes<Scalar = A>>(targets: &[A], whole: bool) -> L {
        load(targets, whole)
    }
}

/// A target in the precision that is computed in.
pub(super) fn soft<A: PickLanes, T: Target>(target: T) -> A {
    let number = target.number();
    // What is no target stays none, where rounding to a narrower float would move it onto 0 or 1.
    A::from_f64(if (0.0..=1.0).contains(&number) { number } else { f64::NAN })
}

/// Runs `kernel` over the stretch with its targets as `K` reads them.
pub(crate) fn with_labels<A: PickLanes, T: Target, K: Labels<A>, R: Merge>(
    isa: Available,
    part: Slices<'_, A, T>,
    kernel: &Run<'_, A, K::Target, R>,
) -> R {
    let same = K::same(part.inputs.targets);
    part.retarget(same, &|targets, to| K::convert(isa, targets, to), kernel)
}
