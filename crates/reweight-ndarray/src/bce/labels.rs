//! How a register of logits and targets becomes samples.
//!
//! Hard targets come as bytes and soft ones as floats of the logits' type, whatever the batch holds: a kernel is
//! compiled for each weighter, and once for each type of target would be ten times as much code.

use reweight::{Dual, Sample};

use crate::element::{PickLanes, Target, same_type};
use crate::lanes::Lanes;
use crate::margins::Margins;
use crate::number::Number;
use crate::parallel::Merge;
use crate::part::Slices;
use crate::registers::{load, load_bytes};

/// Hard or soft labels.
pub(super) trait Labels<A: PickLanes> {
    /// A target as the kernels read it.
    type Target: Copy + Default + Send + Sync;
    /// Whether targets lie between 0 and 1.
    const SOFT: bool;

    /// The targets as they are, where they are of the type already.
    fn same<T: Target>(targets: &[T]) -> Option<&[Self::Target]>;
    /// A target of another type.
    fn convert<T: Target>(target: T) -> Self::Target;
    /// A register of targets as numbers.
    fn load<L: Lanes<Scalar = A>>(targets: &[Self::Target], whole: bool) -> L;
    /// Puts into `margins`, from `at` on, what [`samples`](Self::samples) will want.
    fn prepare<L: Lanes<Scalar = A>>(logits: L, targets: L, margins: &mut Margins<A>, at: usize);
    /// Works out the first `len` that were prepared.
    fn work_out<L: Lanes<Scalar = A>>(margins: &mut Margins<A>, len: usize);
    /// Samples, and ∂s/∂x where they are differentiated in the margin s and not in the logit.
    fn samples<L: Lanes<Scalar = A>>(
        targets: L,
        margins: &Margins<A>,
        at: usize,
    ) -> (Sample<Dual<Number<L>>>, Option<L>);
}

/// Targets of 0 and 1.
pub(super) struct Hard;

/// Targets in [0, 1].
pub(super) struct Soft;

impl<A: PickLanes> Labels<A> for Hard {
    type Target = u8;
    const SOFT: bool = false;

    fn same<T: Target>(targets: &[T]) -> Option<&[u8]> {
        T::as_hard(targets)
    }

    #[inline(always)]
    fn convert<T: Target>(target: T) -> u8 {
        if !T::SOFT {
            return target.hard();
        }
        // As the survey saw it: a float next to 0 or 1 may become that in the logits' precision.
        let rounded: f64 = <Soft as Labels<A>>::convert(target).into();
        rounded.hard()
    }

    #[inline(always)]
    fn load<L: Lanes<Scalar = A>>(targets: &[u8], whole: bool) -> L {
        load_bytes(targets, whole)
    }

    #[inline(always)]
    fn prepare<L: Lanes<Scalar = A>>(logits: L, targets: L, margins: &mut Margins<A>, at: usize) {
        margins.put(at, sign(targets) * logits);
    }

    #[inline(always)]
    fn work_out<L: Lanes<Scalar = A>>(margins: &mut Margins<A>, len: usize) {
        margins.work_out::<L>(len);
    }

    /// Differentiated in the margin s = (2y − 1)·x; the sign is ∂s/∂x.
    #[inline(always)]
    fn samples<L: Lanes<Scalar = A>>(
        targets: L,
        margins: &Margins<A>,
        at: usize,
    ) -> (Sample<Dual<Number<L>>>, Option<L>) {
        let (margin, logistic) = margins.get::<L>(at);
        let (margin, target) = (Dual::variable(Number(margin)), Dual::constant(Number(targets)));
        let logistic = logistic.numbers().along(Number(L::splat(1.0)));
        (Sample::binary_at(margin, logistic, target), Some(sign(targets)))
    }
}

impl<A: PickLanes> Labels<A> for Soft {
    type Target = A;
    const SOFT: bool = true;

    fn same<T: Target>(targets: &[T]) -> Option<&[A]> {
        same_type(targets)
    }

    #[inline(always)]
    fn convert<T: Target>(target: T) -> A {
        let number = target.number();
        // What is no target stays none, where rounding to a narrower float would move it onto 0 or 1.
        A::from_f64(if (0.0..=1.0).contains(&number) { number } else { f64::NAN })
    }

    #[inline(always)]
    fn load<L: Lanes<Scalar = A>>(targets: &[A], whole: bool) -> L {
        load(targets, whole)
    }

    /// The logits alone: a soft label's sample follows from no one margin.
    #[inline(always)]
    fn prepare<L: Lanes<Scalar = A>>(logits: L, _: L, margins: &mut Margins<A>, at: usize) {
        margins.keep(at, logits);
    }

    #[inline(always)]
    fn work_out<L: Lanes<Scalar = A>>(_: &mut Margins<A>, _: usize) {}

    #[inline(always)]
    fn samples<L: Lanes<Scalar = A>>(
        targets: L,
        margins: &Margins<A>,
        at: usize,
    ) -> (Sample<Dual<Number<L>>>, Option<L>) {
        let logits = margins.kept::<L>(at);
        (Sample::soft(Dual::variable(Number(logits)), Dual::constant(Number(targets))), None)
    }
}

/// 2y − 1.
#[inline(always)]
fn sign<L: Lanes>(targets: L) -> L {
    targets + targets - L::splat(1.0)
}

/// Runs `kernel` over the stretch with its targets as `K` reads them.
pub(super) fn with_labels<A: PickLanes, T: Target, K: Labels<A>, R: Merge>(
    part: Slices<'_, A, T>,
    kernel: impl Fn(Slices<'_, A, K::Target>) -> R,
) -> R {
    let same = K::same(part.inputs.targets);
    part.retarget(same, K::convert::<T>, kernel)
}
