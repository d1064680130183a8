//! The gradient of a group of rows, from the exponentials that were kept and the coefficients that the formula gave.

use super::rows::{Group, Turns, lanes};
use super::weigh::Coefficients;
use crate::element::PickLanes;
use crate::lanes::Lanes;

/// Rows as lanes: class by class in registers, then turned into the first `count` rows of `grad`; what lies beyond them
/// may be overwritten.
#[inline(always)]
pub(super) fn narrow_gradient<A: PickLanes, L: Lanes<Scalar = A>>(
    group: &Group<L>,
    weighed: &Coefficients<L>,
    scale: Option<&[A]>,
    work: &mut [A],
    grad: &mut [A],
    count: usize,
    classes: usize,
) {
    let (zero, one) = (L::splat(0.0), L::splat(1.0));
    let mut class = zero;
    for work in work[..classes * L::COUNT].chunks_exact_mut(L::COUNT) {
        let own = group.labels.eq(class);
        let others = L::select(group.valid, L::load(work).mul_add(weighed.others, weighed.floor), zero);
        L::select(own, weighed.own, others).store(work);
        class = class + one;
    }
    if let Some(scale) = scale {
        for (&scale, work) in scale.iter().zip(work[..classes * L::COUNT].chunks_exact_mut(L::COUNT)) {
            (L::load(work) * L::splat_scalar(scale)).store(work);
        }
    }
    if let Some(turns) = Turns::within::<L>(classes, count, grad.len()) {
        turns.each(
            #[inline(always)]
            |class| L::transpose(&work[class * L::COUNT..], L::COUNT, &mut grad[class..], classes),
        );
        return;
    }
    for (row, grad) in grad[..count * classes].chunks_exact_mut(classes).enumerate() {
        for (class, slope) in grad.iter_mut().enumerate() {
            *slope = work[class * L::COUNT + row];
        }
    }
}

/// Rows along the classes with their labels, from the group's row `first` on.
#[inline(always)]
pub(super) fn wide_gradients<A: PickLanes, L: Lanes<Scalar = A>>(
    group: &Group<L>,
    weighed: &Coefficients<L>,
    scale: Option<&[A]>,
    first: usize,
    labels: &[i64],
    grad: &mut [A],
    classes: usize,
) {
    let (others, floor, own) = (lanes(weighed.others), lanes(weighed.floor), lanes(weighed.own));
    let valid = lanes(L::select(group.valid, L::splat(1.0), L::splat(0.0)));
    for (row, (grad, &label)) in grad.chunks_exact_mut(classes).zip(labels).enumerate() {
        let row = first + row;
        if valid[row] == A::ZERO {
            grad.fill(A::ZERO);
        } else {
            wide_gradient::<A, L>([others[row], floor[row], own[row]], scale, label as usize, grad);
        }
    }
}

/// A row along the classes: the exponentials that lie in the gradient are scaled where they are.
#[inline(always)]
fn wide_gradient<A: PickLanes, L: Lanes<Scalar = A>>(
    [others, floor, own]: [A; 3],
    scale: Option<&[A]>,
    label: usize,
    grad: &mut [A],
) {
    let (others, floor) = (L::splat_scalar(others), L::splat_scalar(floor));
    // Read before anything is written: the last register begins within the one before.
    let last = grad.len() - L::COUNT;
    let end = L::load(&grad[last..]).mul_add(others, floor);
    let mut at = 0;
    while at < last {
        let lanes = at..at + L::COUNT;
        L::load(&grad[lanes.clone()]).mul_add(others, floor).store(&mut grad[lanes]);
        at += L::COUNT;
    }
    end.store(&mut grad[last..]);
    grad[label] = own;
    if let Some(scale) = scale {
        by_raw::<A, L>(grad, scale);
    }
}

/// A row's slopes by the adjusted logits, made those by the raw ones.
#[inline(always)]
fn by_raw<A: PickLanes, L: Lanes<Scalar = A>>(slopes: &mut [A], scale: &[A]) {
    // Read before anything is written: the last register begins within the one before.
    let last = slopes.len() - L::COUNT;
    let end = L::load(&slopes[last..]) * L::load(&scale[last..last + L::COUNT]);
    let mut at = 0;
    while at < last {
        let lanes = at..at + L::COUNT;
        (L::load(&slopes[lanes.clone()]) * L::load(&scale[lanes.clone()])).store(&mut slopes[lanes]);
        at += L::COUNT;
    }
    end.store(&mut slopes[last..]);
}
