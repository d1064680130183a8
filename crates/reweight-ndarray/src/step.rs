//! What both objectives' steps share: the instruction set, counts over threads, late denominators.

use std::cell::RefCell;
use std::sync::{Mutex, PoisonError};

use ndarray::{ArrayViewMut, Dimension};
use reweight::{BatchStatistics, LossError};

use crate::dispatch::{Available, Kernel};
use crate::element::{FloatLanes, PickLanes};
use crate::kernels::Kernels;
use crate::lanes::{Format, Lanes};
use crate::parallel::{Divide, From, LEAF, Merge, middle, reduce};
use crate::registers::{each_register, load, store};

/// Σ w·ce and Σ w.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums {
    pub(crate) loss: f64,
    pub(crate) weight: f64,
}

impl Merge for Sums {
    fn merge(self, other: Self) -> Self {
        Self { loss: self.loss + other.loss, weight: self.weight + other.weight }
    }
}

/// What slopes are multiplied by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Factors<A> {
    /// As they are computed: 1 over the reduction's denominator, or 1 where that is known only after all weights are.
    pub(crate) first: f64,
    /// Halves, before they are rounded: 1 over a denominator of the latter kind, else 1.
    pub(crate) last: A,
}

/// A late factor as it is multiplied by. A sum of weights may be so small that its inverse is no float of this type; 0·∞ would be
/// no number.
pub(crate) fn late<A: FloatLanes>(factor: f64) -> A {
    A::from_f64(factor.min(A::LARGEST.into()))
}

/// The instruction set of this process.
pub(crate) fn available() -> Result<Available, LossError> {
    Available::from_environment().map_err(|error| LossError::Backend(error.to_string()))
}

/// The first of a sample's weight, loss, slope and second derivative that `format` cannot hold, of those that are wanted.
pub(crate) fn overflow(format: Format, index: usize, results: [Option<f64>; 4]) -> Option<LossError> {
    let beyond = |result: &Option<f64>| result.is_some_and(|value| !format.holds(value as f32));
    let at = results.iter().position(beyond)?;
    let slope = at > 1;
    Some(LossError::Overflow {
        quantity: ["weight", "loss", "gradient", "second derivative"][at],
        index,
        value: results[at]?,
        format: format.name(),
        largest: format.largest().into(),
        cure: if slope {
            "compute in f32, or divide the loss by more (reduction `mean`, a larger divisor)"
        } else {
            "compute in f32, or take smaller factors (class weights, `scale`, sample weights)"
        },
    })
}

thread_local! {
    /// Counts of the stretch that this thread works on; kept, so that a warm thread allocates nothing.
    static SCRATCH: RefCell<BatchStatistics> = RefCell::default();
}

/// Lets `count` fill counts of this thread's own, and adds them to `total`: whole numbers, so the order is free.
pub(crate) fn with_scratch<R>(total: &Mutex<&mut BatchStatistics>, count: impl FnOnce(&mut BatchStatistics) -> R) -> R {
    SCRATCH.with_borrow_mut(|scratch| {
        {
            let total = total.lock().unwrap_or_else(PoisonError::into_inner);
            if scratch.same_layout(&total) { scratch.clear() } else { *scratch = empty_like(&total) }
        }
        let result = count(scratch);
        let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
        // Of the same layout by construction, so that merging cannot be refused.
        let merged = total.merge(scratch);
        debug_assert!(merged.is_ok());
        result
    })
}

fn empty_like(other: &BatchStatistics) -> BatchStatistics {
    let mut empty = other.clone();
    empty.clear();
    empty
}

/// Multiplies a gradient: where the denominator is known only after all weights are.
pub(crate) fn rescale<A: Kernels, D: Dimension>(isa: Available, mut grad: ArrayViewMut<'_, A, D>, factor: f64) {
    let factor = late(factor);
    match grad.as_slice_memory_order_mut() {
        Some(slice) => {
            reduce(Whole(slice), From::Start, &|part: Whole<'_, A>| A::rescale(isa, Rescale { grad: part.0, factor }));
        }
        None => grad.iter_mut().for_each(|slope| {
            A::rescale(isa, Rescale { grad: std::slice::from_mut(slope), factor });
        }),
    }
}

struct Whole<'a, A>(&'a mut [A]);

impl<A: FloatLanes> Divide for Whole<'_, A> {
    fn size(&self) -> usize {
        self.0.len()
    }

    fn is_leaf(&self) -> bool {
        self.0.len() <= LEAF
    }

    fn halve(self) -> (Self, Self) {
        let at = middle(self.0.len());
        let (first, second) = self.0.split_at_mut(at);
        (Self(first), Self(second))
    }
}

/// Multiplies a stretch of a gradient.
pub(crate) struct Rescale<'a, A> {
    grad: &'a mut [A],
    factor: A,
}

impl<A: PickLanes> Kernel for Rescale<'_, A> {
    type Output = ();

    #[inline(always)]
    fn run<F32: Lanes<Scalar = f32>, F64: Lanes<Scalar = f64>>(self) {
        rescale_registers::<A::Of<F32, F64>>(self.grad, self.factor);
    }
}

#[inline(always)]
fn rescale_registers<L: Lanes>(grad: &mut [L::Scalar], factor: L::Scalar) {
    let factor = L::splat_scalar(factor);
    each_register::<L>(
        grad.len(),
        #[inline(always)]
        |range, whole| {
            let scaled = load::<L>(&grad[range.clone()], whole) * factor;
            store(scaled, &mut grad[range], whole);
        },
    );
}
