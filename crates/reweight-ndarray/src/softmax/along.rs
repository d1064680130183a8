//! Along one row: its largest logit, and its exponentials and their sum.

use super::classes::Classes;
use crate::element::{FloatLanes, PickLanes};
use crate::lanes::{Lanes, MOST_LANES};
use crate::registers::SHORT;

/// The largest of at least a register's number of logits, the first of which is class `from`; the last register may look at
/// some again.
#[inline(always)]
pub(super) fn largest_of<A: PickLanes, L: Lanes<Scalar = A>, M: Classes<A>>(
    logits: &[A],
    map: M,
    from: usize,
    finite: &mut L,
) -> A {
    let zero = L::splat(0.0);
    let (n, last) = (L::COUNT, logits.len() - L::COUNT);
    let end = L::load(&logits[last..]);
    *finite = end.mul_add(zero, *finite);
    let mut largest = map.along(end, from + last);
    // Two registers at a time, so that no chain is as long as the row.
    let (mut also_finite, mut also_largest) = (zero, largest);
    let mut at = 0;
    while at + n < last {
        let (one, two) = (L::load(&logits[at..at + n]), L::load(&logits[at + n..at + 2 * n]));
        *finite = one.mul_add(zero, *finite);
        also_finite = two.mul_add(zero, also_finite);
        largest = map.along(one, from + at).max(largest);
        also_largest = map.along(two, from + at + n).max(also_largest);
        at += 2 * n;
    }
    if at < last {
        let logits = L::load(&logits[at..at + n]);
        *finite = logits.mul_add(zero, *finite);
        largest = map.along(logits, from + at).max(largest);
    }
    *finite = *finite + also_finite;
    largest.max(also_largest).largest()
}

/// The same of all but one.
#[inline(always)]
pub(super) fn largest_but<A: PickLanes, L: Lanes<Scalar = A>, M: Classes<A>>(logits: &[A], map: M, label: usize) -> A {
    let before = largest_of_any::<A, L, M>(&logits[..label], map, 0);
    let after = largest_of_any::<A, L, M>(&logits[label + 1..], map, label + 1);
    if before > after { before } else { after }
}

/// The same of any number of logits, −∞ of none. No closure: it would be compiled outside of the instruction set.
#[inline(always)]
fn largest_of_any<A: PickLanes, L: Lanes<Scalar = A>, M: Classes<A>>(part: &[A], map: M, from: usize) -> A {
    if part.len() >= L::COUNT {
        return largest_of::<A, L, M>(part, map, from, &mut L::splat(0.0));
    }
    let mut largest = A::from_f64(f64::NEG_INFINITY);
    for (at, &logit) in part.iter().enumerate() {
        let logit = map.one(logit, from + at);
        if logit > largest {
            largest = logit;
        }
    }
    largest
}

/// What is asked for while a row's exponentials are computed: the same row of the next group, register by register, so that
/// memory works while the registers do.
#[derive(Clone, Copy)]
pub(super) struct Ahead<'a, A> {
    pub(super) logits: &'a [A],
    /// How far on the next group's exponentials are kept.
    pub(super) distance: usize,
}

/// Σ e^−|x − shift| and, where it is `SMOOTHED`, Σ of finite shares of −|x − shift|; `keep` receives the exponentials if
/// they are to be `KEPT`. What is wanted is known when this is compiled: the loop has little more than an exponential in it.
#[inline(always)]
pub(super) fn exponentials<L: Lanes, M: Classes<L::Scalar>, const KEPT: bool, const SMOOTHED: bool>(
    logits: &[L::Scalar],
    map: M,
    shift: L,
    share: L,
    keep: &mut [L::Scalar],
    ahead: Ahead<'_, L::Scalar>,
) -> (f64, f64)
where
    L::Scalar: PickLanes,
{
    let (mut sum, mut rest) = (L::wide_zero(), L::wide_zero());
    let last = logits.len() - L::COUNT;
    let mut at = 0;
    while at < last {
        // Sums of a few registers stay in their own precision.
        let end = last.min(at + SHORT * L::COUNT);
        let (mut short_sum, mut short_rest) = (L::splat(0.0), L::splat(0.0));
        while at < end {
            let lanes = at..at + L::COUNT;
            let shifted = (map.along(L::load(&logits[lanes.clone()]), at) - shift).minus_abs();
            let exponential = shifted.exp_minus_abs();
            short_sum = short_sum + exponential;
            if SMOOTHED {
                short_rest = short_rest + finite_share(shifted, share);
            }
            if KEPT {
                exponential.store(&mut keep[lanes]);
                if let Some(place) = keep.get(at + ahead.distance) {
                    L::prefetch(place);
                }
            }
            if let Some(place) = ahead.logits.get(at) {
                L::prefetch(place);
            }
            at += L::COUNT;
        }
        sum = L::wide_add(sum, short_sum);
        if SMOOTHED {
            rest = L::wide_add(rest, short_rest);
        }
    }
    // The last register ends with the row: what of it was summed already is left out, and written again as it was.
    let shifted = (map.along(L::load(&logits[last..]), last) - shift).minus_abs();
    let exponential = shifted.exp_minus_abs();
    if KEPT {
        exponential.store(&mut keep[last..logits.len()]);
    }
    let (zero, new) = (L::splat(0.0), L::splat((at - last) as f64).le(ramp::<L>()));
    sum = L::wide_add(sum, L::select(new, exponential, zero));
    if SMOOTHED {
        rest = L::wide_add(rest, L::select(new, finite_share(shifted, share), zero));
    }
    (L::wide_sum(sum), L::wide_sum(rest))
}

/// 0, 1, 2, …
#[inline(always)]
fn ramp<L: Lanes>() -> L
where
    L::Scalar: PickLanes,
{
    let mut ramp = [L::Scalar::ZERO; MOST_LANES];
    for (lane, number) in ramp.iter_mut().enumerate() {
        *number = L::Scalar::from_f64(lane as f64);
    }
    L::load(&ramp[..L::COUNT])
}

/// (x_j − largest) / C, 0 at the label (which is −∞), and finite for logits at both ends of the floats.
#[inline(always)]
pub(super) fn finite_share<L: Lanes>(shifted: L, share: L) -> L
where
    L::Scalar: PickLanes,
{
    let least = -L::splat_scalar(L::Scalar::LARGEST);
    let others = least.le(shifted);
    L::select(others, shifted * share, L::splat(0.0))
}
