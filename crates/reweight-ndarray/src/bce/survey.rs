//! The passes that only read: what targets there are, and how many samples lie where.

use reweight::{BatchStatistics, Columns, LossError, SampleKind};

use super::block::{Adjusted, Checked, Checks, adjust, read, read_columns};
use super::labels::Labels;
use crate::block::{BLOCK, Formula, Memory};
use crate::counting::count_regions;
use crate::dispatch::Kernel;
use crate::element::{Element, PickLanes, Target};
use crate::lanes::{Lanes, Pair};
use crate::parallel::Merge;
use crate::part::Inputs;
use crate::registers::{each_register, valid_lanes};
use crate::stored::Stage;

/// What a stretch's targets are.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Targets {
    /// One that a valid element must not have.
    pub(crate) faulty: bool,
    /// One between 0 and 1.
    pub(crate) soft: bool,
    pub(crate) valid: u64,
    pub(crate) positives: u64,
}

impl Merge for Targets {
    fn merge(self, other: Self) -> Self {
        Self {
            faulty: self.faulty | other.faulty,
            soft: self.soft | other.soft,
            valid: self.valid + other.valid,
            positives: self.positives + other.positives,
        }
    }
}

/// Looks at the targets and the mask alone: where what is done with a batch, or divided by, depends on them.
pub(crate) struct Look<'a, A: PickLanes, K: Labels<A>> {
    pub(crate) inputs: Inputs<'a, A, K::Target>,
}

impl<A: PickLanes, K: Labels<A>> Kernel for Look<'_, A, K> {
    type Output = Targets;

    #[inline(always)]
    fn run<F32: Lanes<Scalar = f32>, F64: Lanes<Scalar = f64>>(self) -> Targets {
        look::<A, K, A::Of<F32, F64>>(&self.inputs)
    }
}

#[inline(always)]
fn look<A: PickLanes, K: Labels<A>, L: Lanes<Scalar = A>>(inputs: &Inputs<'_, A, K::Target>) -> Targets {
    let (zero, half, one) = (L::splat(0.0), L::splat(0.5), L::splat(1.0));
    let n = inputs.targets.len();
    let mut faulty = half.lt(zero);
    let mut soft = faulty;
    let mut positives = L::counter_zero();
    let mut counted = L::counter_zero();
    each_register::<L>(
        n,
        #[inline(always)]
        |range, whole| {
            let targets = K::load::<L>(&inputs.targets[range.clone()], whole);
            let edge = L::mask_or(targets.eq(zero), targets.eq(one));
            let inside = if K::SOFT { L::mask_and(zero.le(targets), targets.le(one)) } else { edge };
            let mut wrong = L::mask_not(inside);
            let mut between = L::mask_not(edge);
            let mut positive = half.le(targets);
            // Lanes past the end are all 0, which is in order and no positive: only a mask changes anything.
            if let Some(valid) = inputs.valid
                && let Some(lanes) = valid_lanes::<L>(Some(&valid[range.clone()]), range.len(), whole)
            {
                wrong = L::mask_and(wrong, lanes);
                between = L::mask_and(between, lanes);
                positive = L::mask_and(positive, lanes);
                counted = L::count_add(counted, lanes);
            }
            faulty = L::mask_or(faulty, wrong);
            soft = L::mask_or(soft, between);
            positives = L::count_add(positives, positive);
        },
    );
    Targets {
        faulty: L::mask_any(faulty),
        soft: K::SOFT && L::mask_any(soft),
        valid: if inputs.valid.is_some() { L::counter_sum(counted) } else { n as u64 },
        positives: L::counter_sum(positives),
    }
}

/// Checks a stretch and counts its regions.
pub(crate) struct Count<'a, 'b, A: PickLanes, K: Labels<A>> {
    /// What regions are read from, where that is not the margin itself.
    pub(crate) key: Option<Formula<'b>>,
    pub(crate) memory: &'b mut Memory<A>,
    pub(crate) adjusted: Option<&'b Adjusted<A>>,
    pub(crate) columns: Columns,
    pub(crate) inputs: Inputs<'a, A, K::Target>,
    pub(crate) counts: &'b mut BatchStatistics,
}

impl Merge for Checked {
    fn merge(self, other: Self) -> Self {
        Self {
            faulty: self.faulty | other.faulty,
            valid: self.valid + other.valid,
            positives: self.positives + other.positives,
        }
    }
}

/// Elements whose keys are held at a time: the comparisons read them once per group of thresholds.
const KEYS: usize = 8 * BLOCK;

impl<A: PickLanes, K: Labels<A>> Kernel for Count<'_, '_, A, K> {
    type Output = Checked;

    #[inline(always)]
    fn run<F32: Lanes<Scalar = f32>, F64: Lanes<Scalar = f64>>(self) -> Checked {
        count::<A, K, A::Of<F32, F64>>(self)
    }
}

#[inline(always)]
fn count<A: PickLanes, K: Labels<A>, L: Lanes<Scalar = A>>(kernel: Count<'_, '_, A, K>) -> Checked {
    let Count { key, memory, adjusted, columns, inputs, counts } = kernel;
    let kind: SampleKind = K::KIND;
    let mut checks = Checks::<Pair<L>>::new();
    let mut keys = [A::ZERO; KEYS];
    let mut directions = [A::ZERO; BLOCK];
    let by_column = adjusted.is_some_and(Adjusted::by_column) || key.is_some_and(|key| key.schedule.reads_column());
    let exp = key.is_some_and(|key| key.schedule.reads_exp());
    let n = inputs.logits.len();
    let mut staged = memory.take_stage();
    let stage = Stage::new(&mut staged, inputs.logits.is_half(), false, BLOCK, 1);
    let mut first = 0;
    while first < n {
        let some = KEYS.min(n - first);
        let mut at = 0;
        while at < some {
            let len = BLOCK.min(some - at);
            let logits = inputs.logits.read(first + at, len, stage.logits, 0);
            let block = inputs.block(first + at, len, stage.sample_weight);
            read::<A, K, Pair<L>>(memory, &block, logits, adjusted, exp, &mut checks);
            if by_column {
                read_columns(memory, &inputs, first + at, len, columns);
            }
            if let Some(adjusted) = adjusted {
                adjust::<A, K, Pair<L>>(memory, adjusted, &mut directions, exp, len);
            }
            let slot = match key {
                None => reweight::Schedule::MARGIN,
                Some(formula) => {
                    memory.run::<L>(formula, len);
                    formula.schedule.outputs()[0].slot
                }
            };
            let negative = key.is_some_and(|formula| formula.schedule.outputs()[0].negative);
            let from = memory.slot(slot);
            let valid = block.valid;
            each_register::<L>(
                len,
                #[inline(always)]
                |range, whole| {
                    let mut key = L::load(&from[range.start..range.start + L::COUNT]);
                    if negative {
                        key = -key;
                    }
                    // What does not count lies in no region.
                    if let Some(valid) = valid
                        && let Some(lanes) = valid_lanes::<L>(Some(&valid[range.clone()]), range.len(), whole)
                    {
                        key = L::select(lanes, key, L::splat(f64::INFINITY));
                    }
                    crate::registers::store(key, &mut keys[at + range.start..at + range.end], whole);
                },
            );
            at += len;
        }
        for histogram in &mut counts.gradient_norm {
            let (regions, totals) = histogram.parts_mut();
            count_regions::<A, L>(&keys[..some], regions, kind.axis(), totals);
        }
        first += some;
    }
    memory.keep_stage(staged);
    checks.checked(n, inputs.valid.is_some())
}

/// The first thing that is not in order, element by element; the slow path of a batch that is refused anyway.
pub(crate) fn diagnose<'a, A: Element, T: Target>(
    logits: impl Iterator<Item = &'a A>,
    targets: impl Iterator<Item = &'a T>,
    mut valid: Option<impl Iterator<Item = &'a bool>>,
    mut sample_weight: Option<impl Iterator<Item = &'a A>>,
) -> Option<LossError> {
    for (index, (&logit, &target)) in logits.zip(targets).enumerate() {
        let weight: f64 = sample_weight.as_mut().and_then(Iterator::next).map_or(1.0, |&weight| weight.into());
        if !valid.as_mut().and_then(Iterator::next).is_none_or(|&valid| valid) {
            continue;
        }
        let (logit, target): (f64, f64) = (logit.into(), target.number());
        if !logit.is_finite() {
            return Some(LossError::NonFiniteLogit { index, logit });
        }
        if T::SOFT && !(0.0..=1.0).contains(&target) {
            return Some(LossError::Target { index, target });
        }
        if !T::SOFT && target != 0.0 && target != 1.0 {
            return Some(LossError::label(index, target as i64, 2));
        }
        if !(weight.is_finite() && weight >= 0.0) {
            return Some(LossError::SampleWeight { index, weight });
        }
    }
    None
}
