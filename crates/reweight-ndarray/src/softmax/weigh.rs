//! The pass that weighs: loss, gradient, weights, a few rows at a time.

use reweight::{Dual, Sample, SampleWeighter};

use super::rows::{Group, NARROW, NarrowWork, is_valid, narrow_group, wide_group};
use crate::dispatch::Kernel;
use crate::element::PickLanes;
use crate::lanes::Lanes;
use crate::number::{MOST_LANES, Number};
use crate::part::{Inputs, Slices};
use crate::registers::{Running, each_register, load, store};
use crate::step::Sums;

/// Weighs a stretch of rows.
pub(super) struct Weigh<'a, 'b, A, W> {
    pub(super) weighter: &'b W,
    pub(super) part: Slices<'a, A, i64>,
    pub(super) ignore: Option<i64>,
    /// ε of label smoothing.
    pub(super) epsilon: f64,
    /// What the gradient is multiplied by: 1 over the reduction's denominator.
    pub(super) factor: f64,
}

impl<A: PickLanes, W: SampleWeighter> Kernel for Weigh<'_, '_, A, W> {
    type Output = Sums;

    #[inline(always)]
    fn run<F32: Lanes<Scalar = f32>, F64: Lanes<Scalar = f64>>(self) -> Sums {
        weigh::<A, W, A::Of<F32, F64>>(self)
    }
}

/// A group's results: per row the weight and the loss, and the gradient as others·e_j + floor, own at the label.
#[derive(Clone, Copy)]
struct Weighed<L> {
    weight: L,
    loss: L,
    others: L,
    floor: L,
    own: L,
}

#[inline(always)]
fn weigh<A: PickLanes, W: SampleWeighter, L: Lanes<Scalar = A>>(kernel: Weigh<'_, '_, A, W>) -> Sums {
    let Weigh { weighter, part, ignore, epsilon, factor } = kernel;
    let Slices { inputs, mut outputs } = part;
    let (rows, classes) = (inputs.targets.len(), inputs.row);
    let smoothed = epsilon > 0.0;
    let mut work: NarrowWork<A> = [[A::ZERO; MOST_LANES]; NARROW];
    let (mut loss_sum, mut weight_sum) = (Running::<L>::new(), Running::<L>::new());
    let mut first = 0;
    while first < rows {
        let count = L::COUNT.min(rows - first);
        let span = first * classes..(first + count) * classes;
        let narrow = classes <= NARROW;
        let group = if narrow {
            narrow_group::<A, L>(&inputs, first, count, ignore, smoothed, &mut work)
        } else {
            let keep = outputs.grad.as_deref_mut().map(|grad| &mut grad[span.clone()]);
            wide_group::<A, L>(&inputs, first, count, ignore, smoothed, keep)
        };
        let weighed = weigh_group(weighter, &group, sample_weights::<A, L>(&inputs, first, count), epsilon, classes);
        loss_sum.add(weighed.loss);
        weight_sum.add(weighed.weight);
        let whole = count == L::COUNT;
        for (to, value) in [(&mut outputs.weights, weighed.weight), (&mut outputs.losses, weighed.loss)] {
            if let Some(to) = to {
                store(value, &mut to[first..first + count], whole);
            }
        }
        if let Some(grad) = &mut outputs.grad {
            let weighed = scaled(weighed, L::splat(factor));
            if narrow {
                narrow_gradient(&group, &weighed, &mut work, &mut grad[span], classes);
            } else {
                wide_gradient(&inputs, first, ignore, &weighed, &mut grad[span], classes);
            }
        }
        first += count;
    }
    Sums { loss: loss_sum.total(), weight: weight_sum.total() }
}

#[inline(always)]
fn sample_weights<A: PickLanes, L: Lanes<Scalar = A>>(
    inputs: &Inputs<'_, A, i64>,
    first: usize,
    count: usize,
) -> Option<L> {
    inputs.sample_weight.map(|all| load::<L>(&all[first..first + count], count == L::COUNT))
}

/// From margins to weights, losses, and the coefficients of the gradient.
#[inline(always)]
fn weigh_group<L: Lanes, W: SampleWeighter>(
    weighter: &W,
    group: &Group<L>,
    sample_weight: Option<L>,
    epsilon: f64,
    classes: usize,
) -> Weighed<L>
where
    L::Scalar: PickLanes,
{
    let sample = Sample::class_of(Dual::variable(Number(group.margin())), Dual::constant(Number(group.labels)));
    let weight = weighter.weight(&sample);
    let (weight, slope) = (weight.value.0, weight.slope.0);
    let (log_p, q) = (sample.log_p().value.0, sample.q().value.0);
    let mut cross_entropy = -log_p;
    let mut floor = L::splat(0.0);
    let mut residual = -q;
    if epsilon > 0.0 {
        // log p_j of another class is log q − log Σ + (x_j − largest): all terms at most 0, so that nothing cancels.
        let share = 1.0 / classes as f64;
        let log_q = sample.log_q().value.0;
        let mean =
            log_p * L::splat(share) + (log_q - group.sum.ln()) * L::splat((classes - 1) as f64 * share) + group.rest;
        cross_entropy = cross_entropy * L::splat(1.0 - epsilon) - mean * L::splat(epsilon);
        floor = -(weight * L::splat(epsilon * share));
        residual = residual + L::splat(epsilon - epsilon * share);
    }
    // w·(p_j − target_j) + ce·w′·∂s/∂x_j, with p_j = q·e_j/Σ and ∂s/∂x_j = −e_j/Σ for the others.
    let through = cross_entropy * slope;
    let weighed = Weighed {
        weight,
        loss: weight * cross_entropy,
        others: (weight * q - through) / group.sum,
        floor,
        own: weight * residual + through,
    };
    let times = match sample_weight {
        Some(times) => L::select(group.valid, times, L::splat(0.0)),
        None => L::select(group.valid, L::splat(1.0), L::splat(0.0)),
    };
    // Selected, not only multiplied: a row that does not count may hold anything.
    let zero = L::splat(0.0);
    let keep = |value: L| L::select(group.valid, value * times, zero);
    Weighed {
        weight: keep(weighed.weight),
        loss: keep(weighed.loss),
        others: keep(weighed.others),
        floor: keep(weighed.floor),
        own: keep(weighed.own),
    }
}

#[inline(always)]
fn scaled<L: Lanes>(weighed: Weighed<L>, factor: L) -> Weighed<L> {
    Weighed { others: weighed.others * factor, floor: weighed.floor * factor, own: weighed.own * factor, ..weighed }
}

/// Rows as lanes: class by class in registers, then transposed into the rows.
#[inline(always)]
fn narrow_gradient<L: Lanes>(
    group: &Group<L>,
    weighed: &Weighed<L>,
    work: &mut NarrowWork<L::Scalar>,
    grad: &mut [L::Scalar],
    classes: usize,
) where
    L::Scalar: PickLanes,
{
    let zero = L::splat(0.0);
    for (class, work) in work[..classes].iter_mut().enumerate() {
        let own = group.labels.eq(L::splat(class as f64));
        let others = L::select(group.valid, L::load(&work[..L::COUNT]).mul_add(weighed.others, weighed.floor), zero);
        L::select(own, weighed.own, others).store(&mut work[..L::COUNT]);
    }
    for (row, grad) in grad.chunks_exact_mut(classes).enumerate() {
        for (slope, work) in grad.iter_mut().zip(work.iter()) {
            *slope = work[row];
        }
    }
}

/// Rows along the classes: the exponentials that lie in the gradient are scaled where they are.
#[inline(always)]
fn wide_gradient<A: PickLanes, L: Lanes<Scalar = A>>(
    inputs: &Inputs<'_, A, i64>,
    first: usize,
    ignore: Option<i64>,
    weighed: &Weighed<L>,
    grad: &mut [A],
    classes: usize,
) {
    let lanes = |register: L| {
        let mut lanes = [A::ZERO; MOST_LANES];
        register.store(&mut lanes[..L::COUNT]);
        lanes
    };
    let (others, floor, own) = (lanes(weighed.others), lanes(weighed.floor), lanes(weighed.own));
    for (row, grad) in grad.chunks_exact_mut(classes).enumerate() {
        if !is_valid(inputs, first + row, ignore) {
            grad.fill(A::ZERO);
            continue;
        }
        let (others, floor) = (L::splat_scalar(others[row]), L::splat_scalar(floor[row]));
        each_register::<L>(
            classes,
            #[inline(always)]
            |range, whole| {
                let slopes = load::<L>(&grad[range.clone()], whole).mul_add(others, floor);
                store(slopes, &mut grad[range], whole);
            },
        );
        grad[inputs.targets[first + row] as usize] = own[row];
    }
}
