//! Along one row: its largest logit, and its exponentials and their sum.

use crate::element::{FloatLanes, PickLanes};
use crate::lanes::{Lanes, MOST_LANES};
use crate::registers::SHORT;

/// The largest of at least a register's number of logits, and `finite` as it was where they are finite; the last register may
/// look at some again.
#[inline(always)]
pub(super) fn largest_of<A: PickLanes, L: Lanes<Scalar = A>>(logits: &[A], mut finite: L) -> (A, L) {
    let zero = L::splat(0.0);
    let (n, last) = (L::COUNT, logits.len() - L::COUNT);
    let mut largest = L::load(&logits[last..]);
    finite = largest.mul_add(zero, finite);
    // Two registers at a time, so that no chain is as long as the row.
    let (mut also_finite, mut also_largest) = (zero, largest);
    let mut at = 0;
    while at + n < last {
        let (one, two) = (L::load(&logits[at..at + n]), L::load(&logits[at + n..at + 2 * n]));
        finite = one.mul_add(zero, finite);
        also_finite = two.mul_add(zero, also_finite);
        largest = one.max(largest);
        also_largest = two.max(also_largest);
        at += 2 * n;
    }
    if at < last {
        let logits = L::load(&logits[at..at + n]);
        finite = logits.mul_add(zero, finite);
        largest = logits.max(largest);
    }
    (largest.max(also_largest).largest(), finite + also_finite)
}

/// The same of all but one.
#[inline(always)]
pub(super) fn largest_but<A: PickLanes, L: Lanes<Scalar = A>>(logits: &[A], label: usize) -> A {
    let before = largest_of_any::<A, L>(&logits[..label]);
    let after = largest_of_any::<A, L>(&logits[label + 1..]);
    if before > after { before } else { after }
}

/// The same of any number of logits, −∞ of none. No closure: it would be compiled outside of the instruction set.
#[inline(always)]
fn largest_of_any<A: PickLanes, L: Lanes<Scalar = A>>(part: &[A]) -> A {
    if part.len() >= L::COUNT {
        return largest_of::<A, L>(part, L::splat(0.0)).0;
    }
    let mut largest = A::from_f64(f64::NEG_INFINITY);
    for &logit in part {
        if logit > largest {
            largest = logit;
        }
    }
    largest
}

/// Which lanes of a row's last register, which ends with the row, lie beyond the whole ones.
#[inline(always)]
pub(super) fn beyond_whole<L: Lanes>(classes: usize) -> L::Mask
where
    L::Scalar: PickLanes,
{
    let again = whole::<L>(classes) + L::COUNT - classes;
    L::splat(again as f64).le(ramp::<L>())
}

/// How many of a row's logits lie in whole registers before the last one, which is always there.
#[inline(always)]
fn whole<L: Lanes>(classes: usize) -> usize {
    (classes - 1) / L::COUNT * L::COUNT
}

/// Σ e^−|x − shift| and, where it is `SMOOTHED`, Σ of finite shares of −|x − shift|; `keep` receives the exponentials if
/// they are to be `KEPT`. What is wanted is known when this is compiled: the loop has little more than an exponential in it.
/// `new` is what [`beyond_whole`] tells.
#[inline(always)]
pub(super) fn exponentials<L: Lanes, const KEPT: bool, const SMOOTHED: bool>(
    logits: &[L::Scalar],
    shift: L,
    share: L,
    keep: &mut [L::Scalar],
    new: L::Mask,
) -> (f64, f64)
where
    L::Scalar: PickLanes,
{
    let (mut sum, mut rest) = (L::wide_zero(), L::wide_zero());
    let (whole, last) = (whole::<L>(logits.len()), logits.len() - L::COUNT);
    let mut first = 0;
    while first < whole {
        // Sums of a few registers stay in their own precision.
        let end = whole.min(first + SHORT * L::COUNT);
        let (mut short_sum, mut short_rest) = (L::splat(0.0), L::splat(0.0));
        let logits = &logits[first..end];
        let keep = if KEPT { &mut keep[first..end] } else { &mut *keep };
        let mut at = 0;
        while at + L::COUNT <= logits.len() {
            let lanes = at..at + L::COUNT;
            let shifted = (L::load(&logits[lanes.clone()]) - shift).minus_abs();
            let exponential = shifted.exp_minus_abs();
            short_sum = short_sum + exponential;
            if SMOOTHED {
                short_rest = short_rest + finite_share(shifted, share);
            }
            if KEPT {
                exponential.store(&mut keep[lanes]);
            }
            at += L::COUNT;
        }
        sum = L::wide_add(sum, short_sum);
        if SMOOTHED {
            rest = L::wide_add(rest, short_rest);
        }
        first = end;
    }
    // What of the last register was summed already is left out, and written again as it was.
    let shifted = (L::load(&logits[last..]) - shift).minus_abs();
    let exponential = shifted.exp_minus_abs();
    if KEPT {
        exponential.store(&mut keep[last..logits.len()]);
    }
    let zero = L::splat(0.0);
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
