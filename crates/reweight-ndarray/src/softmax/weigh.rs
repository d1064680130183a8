//! The pass that weighs: loss, gradient, weights, a few rows at a time.

use reweight::{Dual, Sample, SampleWeighter};

use super::rows::{Group, NARROW, NarrowWork, ROWS, Turns, is_valid, narrow_group, wide_group};
use crate::dispatch::Kernel;
use crate::element::PickLanes;
use crate::lanes::{Lanes, Logistic};
use crate::margins::Margins;
use crate::number::{MOST_LANES, Number};
use crate::part::{Inputs, Outputs, Slices};
use crate::registers::{CACHE_LINE, Running, load, store};
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
        if self.part.inputs.row <= NARROW {
            weigh_narrow::<A, W, A::Of<F32, F64>>(self)
        } else {
            weigh_wide::<A, W, A::Of<F32, F64>>(self)
        }
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
fn weigh_wide<A: PickLanes, W: SampleWeighter, L: Lanes<Scalar = A>>(kernel: Weigh<'_, '_, A, W>) -> Sums {
    let Weigh { weighter, part, ignore, epsilon, factor } = kernel;
    let Slices { inputs, mut outputs } = part;
    let (rows, classes) = (inputs.targets.len(), inputs.row);
    let (mut loss_sum, mut weight_sum) = (Running::<L>::new(), Running::<L>::new());
    let mut first = 0;
    while first < rows {
        let count = L::COUNT.min(rows - first);
        let span = first * classes..(first + count) * classes;
        let keep = outputs.grad.as_deref_mut().map(|grad| &mut grad[span.clone()]);
        let group = wide_group::<A, L>(&inputs, first, count, ignore, epsilon > 0.0, keep);
        prefetch::<L>(&inputs.logits[span.end..]);
        if let Some(grad) = &outputs.grad {
            prefetch::<L>(&grad[span.end..]);
        }
        let margin = group.margin();
        let sample_weight = sample_weights::<A, L>(&inputs, first, count);
        let weighed = weigh_group(weighter, &group, margin, margin.logistic(), sample_weight, epsilon, classes);
        loss_sum.add(weighed.loss);
        weight_sum.add(weighed.weight);
        store_rows(&mut outputs, &weighed, first, count);
        if let Some(grad) = &mut outputs.grad {
            let weighed = scaled(weighed, L::splat(factor));
            wide_gradient(&inputs, first, ignore, &weighed, &mut grad[span], classes);
        }
        first += count;
    }
    Sums { loss: loss_sum.total(), weight: weight_sum.total() }
}

/// Asks for the beginning of what comes next; the rest of long rows the processor foresees.
#[inline(always)]
fn prefetch<L: Lanes>(next: &[L::Scalar]) {
    for place in next.iter().take(1024).step_by((CACHE_LINE / size_of::<L::Scalar>()).max(1)) {
        L::prefetch(place);
    }
}

/// A register of rows at a time is too few: the chain from exponentials to slopes is long, so some of them go through it
/// step by step.
#[inline(always)]
fn weigh_narrow<A: PickLanes, W: SampleWeighter, L: Lanes<Scalar = A>>(kernel: Weigh<'_, '_, A, W>) -> Sums {
    let Weigh { weighter, part, ignore, epsilon, factor } = kernel;
    let Slices { inputs, mut outputs } = part;
    let (rows, classes) = (inputs.targets.len(), inputs.row);
    let mut work: NarrowWork<A> = [A::ZERO; NARROW * ROWS];
    let mut groups = Groups {
        labels: [A::ZERO; ROWS],
        valid: [A::ZERO; ROWS],
        gap: [A::ZERO; ROWS],
        sum: [A::ZERO; ROWS],
        rest: [A::ZERO; ROWS],
    };
    let mut margins = Margins::new();
    let (mut loss_sum, mut weight_sum) = (Running::<L>::new(), Running::<L>::new());
    let mut first = 0;
    while first < rows {
        let block = ROWS.min(rows - first);
        let mut at = 0;
        while at < block {
            let count = L::COUNT.min(block - at);
            let work = &mut work[at * NARROW..][..L::COUNT * NARROW];
            groups.put(at, &narrow_group::<A, L>(&inputs, first + at, count, ignore, epsilon > 0.0, work));
            at += L::COUNT;
        }
        at = 0;
        while at < block {
            margins.put::<L>(at, groups.get::<L>(at).margin());
            at += L::COUNT;
        }
        margins.work_out::<L>(block);
        at = 0;
        while at < block {
            let count = L::COUNT.min(block - at);
            let row = first + at;
            let group = groups.get::<L>(at);
            let (margin, logistic) = margins.get::<L>(at);
            let sample_weight = sample_weights::<A, L>(&inputs, row, count);
            let weighed = weigh_group(weighter, &group, margin, logistic, sample_weight, epsilon, classes);
            loss_sum.add(weighed.loss);
            weight_sum.add(weighed.weight);
            store_rows(&mut outputs, &weighed, row, count);
            if let Some(grad) = &mut outputs.grad {
                let weighed = scaled(weighed, L::splat(factor));
                let work = &mut work[at * NARROW..][..L::COUNT * NARROW];
                narrow_gradient(&group, &weighed, work, &mut grad[row * classes..], count, classes);
            }
            at += L::COUNT;
        }
        first += block;
    }
    Sums { loss: loss_sum.total(), weight: weight_sum.total() }
}

/// Groups between the steps.
struct Groups<A> {
    labels: [A; ROWS],
    /// 1 where a row counts, else 0.
    valid: [A; ROWS],
    gap: [A; ROWS],
    sum: [A; ROWS],
    rest: [A; ROWS],
}

impl<A: PickLanes> Groups<A> {
    #[inline(always)]
    fn put<L: Lanes<Scalar = A>>(&mut self, at: usize, group: &Group<L>) {
        let lanes = at..at + L::COUNT;
        group.labels.store(&mut self.labels[lanes.clone()]);
        L::select(group.valid, L::splat(1.0), L::splat(0.0)).store(&mut self.valid[lanes.clone()]);
        group.gap.store(&mut self.gap[lanes.clone()]);
        group.sum.store(&mut self.sum[lanes.clone()]);
        group.rest.store(&mut self.rest[lanes]);
    }

    #[inline(always)]
    fn get<L: Lanes<Scalar = A>>(&self, at: usize) -> Group<L> {
        let lanes = at..at + L::COUNT;
        Group {
            labels: L::load(&self.labels[lanes.clone()]),
            valid: L::splat(0.5).le(L::load(&self.valid[lanes.clone()])),
            gap: L::load(&self.gap[lanes.clone()]),
            sum: L::load(&self.sum[lanes.clone()]),
            rest: L::load(&self.rest[lanes]),
        }
    }
}

/// Weights and losses of `count` rows, where they are wanted.
#[inline(always)]
fn store_rows<A: PickLanes, L: Lanes<Scalar = A>>(
    outputs: &mut Outputs<'_, A>,
    weighed: &Weighed<L>,
    first: usize,
    count: usize,
) {
    for (to, value) in [(&mut outputs.weights, weighed.weight), (&mut outputs.losses, weighed.loss)] {
        if let Some(to) = to {
            store(value, &mut to[first..first + count], count == L::COUNT);
        }
    }
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
    margin: L,
    logistic: Logistic<L>,
    sample_weight: Option<L>,
    epsilon: f64,
    classes: usize,
) -> Weighed<L>
where
    L::Scalar: PickLanes,
{
    let logistic = logistic.numbers().along(Number(L::splat(1.0)));
    let (margin, class) = (Dual::variable(Number(margin)), Dual::constant(Number(group.labels)));
    let sample = Sample::class_at(margin, logistic, class);
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

/// Rows as lanes: class by class in registers, then turned into the first `count` rows of `grad`; what lies beyond them
/// may be overwritten.
#[inline(always)]
fn narrow_gradient<L: Lanes>(
    group: &Group<L>,
    weighed: &Weighed<L>,
    work: &mut [L::Scalar],
    grad: &mut [L::Scalar],
    count: usize,
    classes: usize,
) where
    L::Scalar: PickLanes,
{
    let zero = L::splat(0.0);
    for (class, work) in work[..classes * L::COUNT].chunks_exact_mut(L::COUNT).enumerate() {
        let own = group.labels.eq(L::splat(class as f64));
        let others = L::select(group.valid, L::load(work).mul_add(weighed.others, weighed.floor), zero);
        L::select(own, weighed.own, others).store(work);
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
        // Read before anything is written: the last register begins within the one before.
        let last = classes - L::COUNT;
        let end = L::load(&grad[last..]).mul_add(others, floor);
        let mut at = 0;
        while at < last {
            let lanes = at..at + L::COUNT;
            L::load(&grad[lanes.clone()]).mul_add(others, floor).store(&mut grad[lanes]);
            at += L::COUNT;
        }
        end.store(&mut grad[last..]);
        grad[inputs.targets[first + row] as usize] = own[row];
    }
}
