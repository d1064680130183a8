//! The pass that weighs: loss, gradient, weights, second derivatives, some rows at a time; checks ride along.

use reweight::{HessianForm, Output, Schedule, Totals};

use super::classes::{Adjusted, ClassMap};
use super::curvature::{Curvature, write_hessian};
use super::gradient::{narrow_gradient, wide_gradients};
use super::rows::{Found, Group, NARROW, NARROW_GROUP, NARROW_WORK, narrow_group, rows_at_a_time, wide_group};
use crate::block::{BLOCK, Formula, Memory};
use crate::dispatch::Kernel;
use crate::element::PickLanes;
use crate::lanes::Lanes;
use crate::parallel::Merge;
use crate::part::{Block, Slices};
use crate::registers::{Running, load, store};
use crate::step::{Factors, Sums};
use crate::stored::{AT_ONCE, Rows, Stage};

/// Weighs a stretch of rows.
pub(crate) struct Weigh<'a, 'b, A> {
    pub(crate) formula: Formula<'b>,
    pub(crate) memory: &'b mut Memory<A>,
    pub(crate) map: Option<&'b ClassMap<A>>,
    pub(crate) part: Slices<'a, A, i64>,
    pub(crate) ignore: Option<i64>,
    /// ε of label smoothing.
    pub(crate) epsilon: f64,
    /// What gradient and second derivatives are multiplied by.
    pub(crate) factors: Factors<A>,
    /// The form of the second derivatives, where they are wanted.
    pub(crate) form: Option<HessianForm>,
}

/// Sums, and what was found along the way.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Weighed {
    pub(crate) sums: Sums,
    pub(crate) found: Found,
}

impl Weighed {
    /// What reductions are made of.
    pub(crate) fn totals(&self) -> Totals {
        let Self { sums, found } = self;
        Totals { loss_sum: sums.loss, weight_sum: sums.weight, valid: found.valid, positives: found.positives }
    }
}

impl Merge for Weighed {
    fn merge(self, other: Self) -> Self {
        Self { sums: self.sums.merge(other.sums), found: self.found.merge(other.found) }
    }
}

impl Merge for Found {
    fn merge(self, other: Self) -> Self {
        Self {
            faulty: self.faulty | other.faulty,
            valid: self.valid + other.valid,
            positives: self.positives + other.positives,
        }
    }
}

impl<A: PickLanes> Kernel for Weigh<'_, '_, A> {
    type Output = Weighed;

    #[inline(always)]
    fn run<F32: Lanes<Scalar = f32>, F64: Lanes<Scalar = f64>>(self) -> Weighed {
        weigh::<A, A::Of<F32, F64>>(self)
    }
}

/// A group's results: per row the weight and the loss, and the gradient as others·e_j + floor, own at the label.
#[derive(Clone, Copy)]
pub(super) struct Coefficients<L> {
    weight: L,
    loss: L,
    pub(super) others: L,
    pub(super) floor: L,
    pub(super) own: L,
}

/// Logits that are asked for ahead.
const AHEAD: usize = 1024;

#[inline(always)]
fn weigh<A: PickLanes, L: Lanes<Scalar = A>>(kernel: Weigh<'_, '_, A>) -> Weighed {
    let Weigh { formula, memory, map, part, ignore, epsilon, factors, form } = kernel;
    let Slices { inputs, mut outputs } = part;
    let (rows, classes) = (inputs.targets.len(), inputs.row);
    let narrow = classes <= NARROW;
    let at_a_time = rows_at_a_time::<L>(classes);
    let mut staged = memory.take_stage();
    let half = inputs.logits.is_half();
    let mut stage = Stage::new(&mut staged, half, map.is_some(), at_a_time.min(rows), classes);
    let scale = map.and_then(ClassMap::scale);
    let mut work = memory.take_work(if narrow { NARROW_WORK } else { 0 });
    let mut groups = Groups::new();
    let mut found = Found::default();
    let (mut finite, mut fit) = (L::splat(0.0), true);
    let (mut loss_sum, mut weight_sum) = (Running::<L>::new(), Running::<L>::new());
    let smoothed = epsilon > 0.0;
    let mut first = 0;
    while first < rows {
        let block_rows = at_a_time.min(rows - first);
        let block = inputs.block(first, block_rows, stage.sample_weight);
        let (stored, start) = (inputs.logits, first * classes);
        if narrow {
            stored.read(start, block_rows * classes, stage.logits, 0);
        }
        let mut at = 0;
        while at < block_rows {
            let count = L::COUNT.min(block_rows - at);
            let group = if narrow {
                let logits = stored.again(start, stage.logits, 0);
                let work = &mut work[at * classes..][..NARROW_GROUP];
                narrow_group::<A, L>(&block, logits, map, at, count, ignore, smoothed, work, &mut found)
            } else {
                let span = at * classes..(at + count) * classes;
                let logits = Rows { stored, first: start, stage: &mut *stage.logits };
                let keep = outputs.grad.as_mut().map(|all| all.open(start + span.start, stage.grad, span.start));
                let adjusted = map.map(|map| Adjusted { map, rows: &mut *stage.adjusted });
                let group = wide_group::<A, L>(&block, logits, adjusted, at, count, ignore, smoothed, keep, &mut found);
                if stored.is_half() {
                    let next = upcoming(start, span.end, stored.len());
                    stored.prefetch::<L>(next.clone());
                    if let Some(grad) = &outputs.grad {
                        grad.prefetch::<L>(next);
                    }
                }
                group
            };
            groups.put(at, &group);
            let lanes = at..at + L::COUNT;
            let margin = group.margin();
            margin.store(&mut memory.slot_mut(Schedule::MARGIN)[lanes.clone()]);
            margin.exp_minus_abs().store(&mut memory.slot_mut(Schedule::EXP)[lanes.clone()]);
            group.labels.store(&mut memory.slot_mut(Schedule::CLASS)[lanes]);
            at += L::COUNT;
        }
        fill_pair::<A, L>(memory, at);
        memory.run::<L>(formula, block_rows);
        at = 0;
        while at < block_rows {
            let count = L::COUNT.min(block_rows - at);
            let group = groups.get::<L>(at);
            let times = times(&group, sample_weights::<A, L>(&block, at, count), &mut finite, &mut found);
            let results = Results { memory, outputs: formula.schedule.outputs(), at };
            let weighed = coefficients(&results, &group, epsilon, classes);
            let weighed = masked(weighed, &group, times);
            loss_sum.add(weighed.loss);
            weight_sum.add(weighed.weight);
            finite = (weighed.own + weighed.others).mul_add(L::splat(0.0), finite);
            for (to, staged, value) in [
                (&mut outputs.weights, &mut stage.weights, weighed.weight),
                (&mut outputs.losses, &mut stage.losses, weighed.loss),
            ] {
                if let Some(to) = to {
                    store(value, &mut to.open(first + at, staged, 0)[..count], count == L::COUNT);
                    fit &= to.close(first + at, count, A::ONE, staged, 0);
                }
            }
            let (row, at_row) = (start + at * classes, at * classes);
            if let Some(form) = form
                && let (Some(hessian), Some(grad)) = (&mut outputs.hessian, &mut outputs.grad)
            {
                let exponentials = if narrow { &work[at * classes..] } else { &*grad.open(row, stage.grad, at_row) };
                let curvature = Curvature { form, epsilon, factor: factors.first, narrow, count, classes };
                let to = &mut hessian.open(row, stage.hessian, at_row)[..count * classes];
                found.faulty |= write_hessian(&curvature, map, &results, &group, times, exponentials, to);
                fit &= hessian.close(row, count * classes, factors.last, stage.hessian, at_row);
            }
            if let Some(grad) = &mut outputs.grad {
                let weighed = scaled(weighed, L::splat(factors.first));
                if narrow {
                    let work = &mut work[at * classes..][..NARROW_GROUP];
                    let to = grad.open(row, stage.grad, at_row);
                    narrow_gradient(&group, &weighed, scale, work, to, count, classes);
                    fit &= grad.close(row, count * classes, factors.last, stage.grad, at_row);
                } else {
                    let at_once = if half && count * classes > AT_ONCE { 1 } else { count };
                    for lane in (0..count).step_by(at_once) {
                        let (row, at_row) = (row + lane * classes, at_row + lane * classes);
                        let to = &mut grad.open(row, stage.grad, at_row)[..at_once * classes];
                        let labels = &block.targets[at + lane..][..at_once];
                        wide_gradients(&group, &weighed, scale, lane, labels, to, classes);
                        fit &= grad.close(row, at_once * classes, factors.last, stage.grad, at_row);
                    }
                }
            }
            at += L::COUNT;
        }
        first += block_rows;
    }
    memory.keep_stage(staged);
    memory.keep_work(work);
    let sums = Sums { loss: loss_sum.total(), weight: weight_sum.total() };
    found.faulty |= L::mask_any(L::mask_not(finite.eq(L::splat(0.0))));
    found.faulty |= !fit | !sums.loss.is_finite() | !sums.weight.is_finite();
    Weighed { sums, found }
}

/// The beginning of what comes next, to be asked for; the rest of long rows the processor foresees.
#[inline(always)]
fn upcoming(start: usize, end: usize, len: usize) -> std::ops::Range<usize> {
    start + end..len.min(start + end + AHEAD)
}

/// The formula runs over pairs of registers: what fills the last pair up holds a margin, too.
#[inline(always)]
fn fill_pair<A: PickLanes, L: Lanes<Scalar = A>>(memory: &mut Memory<A>, at: usize) {
    for slot in [Schedule::MARGIN, Schedule::EXP, Schedule::CLASS] {
        let slot = memory.slot_mut(slot);
        let end = (at + L::COUNT).min(slot.len());
        slot[at..end].fill(A::ZERO);
    }
}

/// Groups between the steps.
struct Groups<A> {
    labels: [A; BLOCK],
    /// 1 where a row counts, else 0.
    valid: [A; BLOCK],
    gap: [A; BLOCK],
    sum: [A; BLOCK],
    rest: [A; BLOCK],
}

impl<A: PickLanes> Groups<A> {
    #[inline(always)]
    fn new() -> Self {
        let zeros = [A::ZERO; BLOCK];
        Self { labels: zeros, valid: zeros, gap: zeros, sum: zeros, rest: zeros }
    }

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

/// What the formula gave for a register of rows.
pub(crate) struct Results<'a, A> {
    memory: &'a Memory<A>,
    outputs: &'a [Output],
    at: usize,
}

impl<A: PickLanes> Results<'_, A> {
    /// The result of that number.
    #[inline(always)]
    pub(crate) fn get<L: Lanes<Scalar = A>>(&self, number: usize) -> L {
        match self.outputs.get(number) {
            Some(&Output { slot, negative }) => {
                let value = L::load(&self.memory.slot(slot)[self.at..self.at + L::COUNT]);
                if negative { -value } else { value }
            }
            None => L::splat(f64::NAN),
        }
    }

    /// The rows' margins.
    #[inline(always)]
    pub(crate) fn margin<L: Lanes<Scalar = A>>(&self) -> L {
        L::load(&self.memory.slot(Schedule::MARGIN)[self.at..self.at + L::COUNT])
    }
}

#[inline(always)]
fn sample_weights<A: PickLanes, L: Lanes<Scalar = A>>(
    block: &Block<'_, A, i64>,
    first: usize,
    count: usize,
) -> Option<L> {
    block.sample_weight.map(
        #[inline(always)]
        |all| load::<L>(&all[first..first + count], count == L::COUNT),
    )
}

/// The rows' factors: sample weights where they count, else 0. Weights of rows that count are looked at.
#[inline(always)]
fn times<L: Lanes>(group: &Group<L>, sample_weight: Option<L>, finite: &mut L, found: &mut Found) -> L {
    let zero = L::splat(0.0);
    let Some(weights) = sample_weight else {
        return L::select(group.valid, L::splat(1.0), zero);
    };
    let weights = L::select(group.valid, weights, zero);
    *finite = weights.mul_add(zero, *finite);
    found.faulty |= L::mask_any(weights.lt(zero));
    weights
}

/// −(1/C)·Σ_j log p_j: what label smoothing puts beside the base.
///
/// log p_j of another class is log q − log Σ + (z_j − largest): all terms at most 0, so that nothing cancels.
#[inline(always)]
pub(crate) fn uniform<L: Lanes>(log_p: L, log_q: L, group: &Group<L>, classes: usize) -> L {
    let share = 1.0 / classes as f64;
    -(log_p * L::splat(share) + (log_q - group.sum.ln()) * L::splat((classes - 1) as f64 * share) + group.rest)
}

/// From the formula's results to weights, losses, and the coefficients of the gradient by the adjusted logits.
#[inline(always)]
fn coefficients<A: PickLanes, L: Lanes<Scalar = A>>(
    results: &Results<'_, A>,
    group: &Group<L>,
    epsilon: f64,
    classes: usize,
) -> Coefficients<L> {
    let (weight, base) = (results.get::<L>(0), results.get::<L>(1));
    let (weight_slope, base_slope) = (results.get::<L>(2), results.get::<L>(3));
    if epsilon == 0.0 {
        // dL/ds·∂s/∂z_j, with ∂s/∂z_j = −e_j/Σ for the others.
        let slope = weight_slope.mul_add(base, weight * base_slope);
        return Coefficients {
            weight,
            loss: weight * base,
            others: -slope / group.sum,
            floor: L::splat(0.0),
            own: slope,
        };
    }
    let at = results.margin::<L>().logistic();
    let share = epsilon / classes as f64;
    let uniform = uniform(at.log_p, at.log_q, group, classes);
    let value = base * L::splat(1.0 - epsilon) + uniform * L::splat(epsilon);
    // S·w′ + w·(1 − ε)·b′ through the margin, and w·(ε·p_j − ε/C) beside it.
    let through = value * weight_slope;
    let base_slope = base_slope * L::splat(1.0 - epsilon);
    Coefficients {
        weight,
        loss: weight * value,
        others: (weight * (at.q * L::splat(epsilon) - base_slope) - through) / group.sum,
        floor: -(weight * L::splat(share)),
        own: weight * (base_slope + at.p * L::splat(epsilon) - L::splat(share)) + through,
    }
}

/// Selected, not only multiplied: a row that does not count may hold anything.
#[inline(always)]
fn masked<L: Lanes>(weighed: Coefficients<L>, group: &Group<L>, times: L) -> Coefficients<L> {
    let zero = L::splat(0.0);
    macro_rules! keep {
        ($value:expr) => {
            L::select(group.valid, $value * times, zero)
        };
    }
    Coefficients {
        weight: keep!(weighed.weight),
        loss: keep!(weighed.loss),
        others: keep!(weighed.others),
        floor: keep!(weighed.floor),
        own: keep!(weighed.own),
    }
}

#[inline(always)]
fn scaled<L: Lanes>(weighed: Coefficients<L>, factor: L) -> Coefficients<L> {
    Coefficients {
        others: weighed.others * factor,
        floor: weighed.floor * factor,
        own: weighed.own * factor,
        ..weighed
    }
}
