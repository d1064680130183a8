//! The pass that weighs: loss, gradient, weights, second derivatives, a block of samples at a time; checks ride along.

use reweight::{Columns, HessianForm, Output, Schedule, Totals};

use super::block::{Adjusted, Checked, Checks, adjust, prefetch, read, read_columns};
use super::labels::Labels;
use crate::block::{BLOCK, Formula, Memory};
use crate::dispatch::Kernel;
use crate::element::PickLanes;
use crate::lanes::{Lanes, Pair};
use crate::parallel::Merge;
use crate::part::{Block, Slices};
use crate::registers::{Running, each_register, load, store, valid_lanes};
use crate::step::{Factors, Sums};
use crate::stored::Stage;

/// Weighs a stretch.
pub(crate) struct Weigh<'a, 'b, A: PickLanes, K: Labels<A>> {
    pub(crate) formula: Formula<'b>,
    pub(crate) memory: &'b mut Memory<A>,
    pub(crate) adjusted: Option<&'b Adjusted<A>>,
    pub(crate) columns: Columns,
    pub(crate) part: Slices<'a, A, K::Target>,
    /// What gradient and second derivative are multiplied by.
    pub(crate) factors: Factors<A>,
    /// The form of the second derivatives, where they are wanted.
    pub(crate) form: HessianForm,
}

/// Sums, and what was found along the way.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Weighed {
    pub(crate) sums: Sums,
    pub(crate) checked: Checked,
}

impl Weighed {
    /// What reductions are made of.
    pub(crate) fn totals(&self) -> Totals {
        let Self { sums, checked } = self;
        Totals { loss_sum: sums.loss, weight_sum: sums.weight, valid: checked.valid, positives: checked.positives }
    }
}

impl Merge for Weighed {
    fn merge(self, other: Self) -> Self {
        Self {
            sums: self.sums.merge(other.sums),
            checked: Checked {
                faulty: self.checked.faulty | other.checked.faulty,
                valid: self.checked.valid + other.checked.valid,
                positives: self.checked.positives + other.checked.positives,
            },
        }
    }
}

impl<A: PickLanes, K: Labels<A>> Kernel for Weigh<'_, '_, A, K> {
    type Output = Weighed;

    #[inline(always)]
    fn run<F32: Lanes<Scalar = f32>, F64: Lanes<Scalar = f64>>(self) -> Weighed {
        weigh::<A, K, A::Of<F32, F64>>(self)
    }
}

#[inline(always)]
fn weigh<A: PickLanes, K: Labels<A>, L: Lanes<Scalar = A>>(kernel: Weigh<'_, '_, A, K>) -> Weighed {
    let Weigh { formula, memory, adjusted, columns, part: Slices { inputs, mut outputs }, factors, form } = kernel;
    let mut checks = Checks::<Pair<L>>::new();
    let mut sums = Both { loss: Running::new(), weight: Running::new() };
    let mut directions = [A::ZERO; BLOCK];
    let by_column = formula.schedule.reads_column() || adjusted.is_some_and(Adjusted::by_column);
    let exp = formula.schedule.reads_exp();
    let n = inputs.logits.len();
    let mut staged = memory.take_stage();
    let stage = Stage::new(&mut staged, inputs.logits.is_half(), false, BLOCK, 1);
    let mut fit = true;
    let mut first = 0;
    while first < n {
        let len = BLOCK.min(n - first);
        let logits = inputs.logits.read(first, len, stage.logits, 0);
        let block = inputs.block(first, len, stage.sample_weight);
        read::<A, K, Pair<L>>(memory, &block, logits, adjusted, exp, &mut checks);
        prefetch::<L, _, _>(&inputs, outputs.grad.as_ref(), first + len..n.min(first + len + BLOCK));
        inputs.ahead.prefetch::<L>(first..first + len);
        if by_column {
            read_columns(memory, &inputs, first, len, columns);
        }
        if let Some(adjusted) = adjusted {
            adjust::<A, K, Pair<L>>(memory, adjusted, &mut directions, exp, len);
        }
        memory.run::<L>(formula, len);
        let turn = match adjusted {
            Some(_) => Turn::By(&directions),
            None if K::SOFT => Turn::No,
            None => Turn::Sign,
        };
        let results = formula.schedule.outputs();
        let to = To {
            grad: outputs.grad.as_mut().map(|all| all.open(first, stage.grad, 0)),
            hessian: outputs.hessian.as_mut().map(|all| all.open(first, stage.hessian, 0)),
            weights: outputs.weights.as_mut().map(|all| all.open(first, stage.weights, 0)),
            losses: outputs.losses.as_mut().map(|all| all.open(first, stage.losses, 0)),
        };
        finish::<A, _, Pair<L>>(memory, results, &turn, &block, to, factors.first, form, &mut checks, &mut sums);
        for (to, staged, factor) in [
            (&mut outputs.grad, &stage.grad, factors.last),
            (&mut outputs.hessian, &stage.hessian, factors.last),
            (&mut outputs.weights, &stage.weights, A::ONE),
            (&mut outputs.losses, &stage.losses, A::ONE),
        ] {
            if let Some(to) = to {
                fit &= to.close(first, len, factor, staged, 0);
            }
        }
        first += len;
    }
    memory.keep_stage(staged);
    let checked = checks.checked(n, inputs.valid.is_some());
    let sums = Sums { loss: sums.loss.total(), weight: sums.weight.total() };
    let faulty = checked.faulty | !fit | !sums.loss.is_finite() | !sums.weight.is_finite();
    Weighed { sums, checked: Checked { faulty, ..checked } }
}

/// How a slope in the margin becomes one in the logit.
enum Turn<'a, A> {
    /// It is one.
    No,
    /// Times 2t − 1.
    Sign,
    /// Times what is given for each element.
    By(&'a [A; BLOCK]),
}

struct Both<L: Lanes> {
    loss: Running<L>,
    weight: Running<L>,
}

/// Where a block's results are written, those that are wanted.
struct To<'a, A> {
    grad: Option<&'a mut [A]>,
    hessian: Option<&'a mut [A]>,
    weights: Option<&'a mut [A]>,
    losses: Option<&'a mut [A]>,
}

/// A block's results on their way out: masked, summed up, scaled, stored.
#[expect(clippy::too_many_arguments, reason = "one loop over all of them")]
#[inline(always)]
fn finish<A: PickLanes, T, L: Lanes<Scalar = A>>(
    memory: &Memory<A>,
    results: &[Output],
    turn: &Turn<'_, A>,
    block: &Block<'_, A, T>,
    mut to: To<'_, A>,
    factor: f64,
    form: HessianForm,
    checks: &mut Checks<L>,
    sums: &mut Both<L>,
) {
    let zero = L::splat(0.0);
    let one = L::splat(1.0);
    let output = |at: usize| results.get(at).map(|output| (memory.slot(output.slot), output.negative));
    let (Some((weights, weight_sign)), Some((bases, base_sign)), Some((weight_slopes, _)), Some((base_slopes, _))) =
        (output(0), output(1), output(2), output(3))
    else {
        return;
    };
    let sign_of = |at: usize| results[at].negative;
    let targets = memory.slot(Schedule::TARGET);
    let Block { valid, sample_weight, .. } = *block;
    let len = block.targets.len();
    let mut grad = to.grad.as_deref_mut().map(|all| &mut all[..len]);
    let mut to_weights = to.weights.as_deref_mut().map(|all| &mut all[..len]);
    let mut to_losses = to.losses.as_deref_mut().map(|all| &mut all[..len]);
    let signed = |negative: bool, by: f64| L::splat(if negative { -by } else { by });
    // dL/ds = w′·b + w·b′; the signs that results come with are those of the two products.
    let (weight_sign, loss_sign) = (signed(weight_sign, 1.0), signed(weight_sign != base_sign, 1.0));
    let first_factor = signed(sign_of(2) != sign_of(1), factor);
    let second_factor = signed(sign_of(0) != sign_of(3), factor);
    let plain = valid.is_none() && sample_weight.is_none();
    each_register::<L>(
        len,
        #[inline(always)]
        |range, whole| {
            let lanes = range.start..range.start + L::COUNT;
            let (weight, base) = (L::load(&weights[lanes.clone()]), L::load(&bases[lanes.clone()]));
            let first = L::load(&weight_slopes[lanes.clone()]) * base;
            let second = weight * L::load(&base_slopes[lanes.clone()]);
            let mut slope = first.mul_add(first_factor, second * second_factor);
            let mut loss = weight * base * loss_sign;
            let mut weight = weight * weight_sign;
            match turn {
                Turn::No => {}
                Turn::Sign => {
                    let target = L::load(&targets[lanes.clone()]);
                    slope = slope * (target + target - one);
                }
                Turn::By(directions) => slope = slope * L::load(&directions[lanes.clone()]),
            }
            if !(plain && whole) {
                if let Some(all) = sample_weight {
                    let times = load::<L>(&all[range.clone()], whole);
                    (weight, loss, slope) = (weight * times, loss * times, slope * times);
                }
                // Selected, not only multiplied: what does not count may hold anything.
                let valid = valid.map(
                    #[inline(always)]
                    |valid| &valid[range.clone()],
                );
                if let Some(counted) = valid_lanes::<L>(valid, range.len(), whole) {
                    weight = L::select(counted, weight, zero);
                    loss = L::select(counted, loss, zero);
                    slope = L::select(counted, slope, zero);
                }
            }
            checks.finite(slope);
            sums.loss.add(loss);
            sums.weight.add(weight);
            if let Some(grad) = &mut grad {
                store(slope, &mut grad[range.clone()], whole);
            }
            if let Some(to) = &mut to_weights {
                store(weight, &mut to[range.clone()], whole);
            }
            if let Some(to) = &mut to_losses {
                store(loss, &mut to[range.clone()], whole);
            }
        },
    );
    if let Some(hessian) = to.hessian {
        let hessian = &mut hessian[..len];
        let result = |at: usize| output(at).unwrap_or((targets, false));
        let newton = form == HessianForm::GaussNewton;
        let factor = L::splat(factor);
        each_register::<L>(
            len,
            #[inline(always)]
            |range, whole| {
                let lanes = range.start..range.start + L::COUNT;
                macro_rules! value {
                    ($at:expr) => {{
                        let (values, negative) = result($at);
                        let value = L::load(&values[lanes.clone()]);
                        if negative { -value } else { value }
                    }};
                }
                let mut curvature = if newton {
                    value!(4)
                } else {
                    // (w·b)″ = w″·b + 2·w′·b′ + w·b″.
                    let crossed = value!(2) * value!(3);
                    value!(4).mul_add(value!(1), value!(0) * value!(5)) + (crossed + crossed)
                };
                curvature = curvature * factor;
                if let Turn::By(directions) = turn {
                    let direction = L::load(&directions[lanes.clone()]);
                    curvature = curvature * direction * direction;
                }
                if let Some(all) = sample_weight {
                    curvature = curvature * load::<L>(&all[range.clone()], whole);
                }
                let valid = valid.map(
                    #[inline(always)]
                    |valid| &valid[range.clone()],
                );
                if let Some(counted) = valid_lanes::<L>(valid, range.len(), whole) {
                    curvature = L::select(counted, curvature, zero);
                }
                checks.finite(curvature);
                if form == HessianForm::Clamped {
                    curvature = curvature.max(zero);
                }
                store(curvature, &mut hessian[range], whole);
            },
        );
    }
}
