//! The pass that only reads: is the batch in order, and how many samples lie where?

use reweight::{BatchStatistics, LossError, RegionAxis};

use super::labels::Labels;
use crate::counting::count_regions;
use crate::dispatch::Kernel;
use crate::element::{PickLanes, Target};
use crate::lanes::Lanes;
use crate::parallel::Merge;
use crate::part::Inputs;
use crate::registers::{each_register, load, store, valid_lanes};

/// What a stretch holds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Findings {
    /// A logit, target or sample weight that a valid element must not have.
    pub(super) faulty: bool,
    /// A target between 0 and 1.
    pub(super) soft: bool,
    pub(super) valid: u64,
    pub(super) positives: u64,
}

impl Merge for Findings {
    fn merge(self, other: Self) -> Self {
        Self {
            faulty: self.faulty | other.faulty,
            soft: self.soft | other.soft,
            valid: self.valid + other.valid,
            positives: self.positives + other.positives,
        }
    }
}

/// Checks and counts a stretch, but for its regions.
pub(super) struct Survey<'a, A: PickLanes, K: Labels<A>> {
    pub(super) inputs: Inputs<'a, A, K::Target>,
}

impl<A: PickLanes, K: Labels<A>> Kernel for Survey<'_, A, K> {
    type Output = Findings;

    #[inline(always)]
    fn run<F32: Lanes<Scalar = f32>, F64: Lanes<Scalar = f64>>(self) -> Findings {
        survey::<A, K, A::Of<F32, F64>>(&self.inputs)
    }
}

#[inline(always)]
fn survey<A: PickLanes, K: Labels<A>, L: Lanes<Scalar = A>>(inputs: &Inputs<'_, A, K::Target>) -> Findings {
    let (zero, half, one) = (L::splat(0.0), L::splat(0.5), L::splat(1.0));
    let n = inputs.logits.len();
    let mut faulty = half.lt(zero);
    let mut soft = faulty;
    let mut positives = L::counter_zero();
    let mut counted = L::counter_zero();
    each_register::<L>(
        n,
        #[inline(always)]
        |range, whole| {
            let logits = load::<L>(&inputs.logits[range.clone()], whole);
            let targets = K::load::<L>(&inputs.targets[range.clone()], whole);
            let inside = L::mask_and(zero.le(targets), targets.le(one));
            let edge = L::mask_or(targets.eq(zero), targets.eq(one));
            let mut right = L::mask_and(logits.is_finite(), if K::SOFT { inside } else { edge });
            if let Some(sample_weight) = inputs.sample_weight {
                let weights = load::<L>(&sample_weight[range.clone()], whole);
                right = L::mask_and(right, L::mask_and(weights.is_finite(), zero.le(weights)));
            }
            let mut wrong = L::mask_not(right);
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
            if K::SOFT {
                soft = L::mask_or(soft, between);
            }
            positives = L::count_add(positives, positive);
        },
    );
    Findings {
        faulty: L::mask_any(faulty),
        soft: L::mask_any(soft),
        valid: if inputs.valid.is_some() { L::counter_sum(counted) } else { n as u64 },
        positives: L::counter_sum(positives),
    }
}

/// Counts the regions of a stretch that is in order.
pub(super) struct Count<'a, 'b, A: PickLanes, K: Labels<A>> {
    pub(super) inputs: Inputs<'a, A, K::Target>,
    pub(super) counts: &'b mut BatchStatistics,
}

/// Elements whose keys are held at a time: the comparisons read them once per group of thresholds.
const KEYS: usize = 2048;

impl<A: PickLanes, K: Labels<A>> Kernel for Count<'_, '_, A, K> {
    type Output = ();

    #[inline(always)]
    fn run<F32: Lanes<Scalar = f32>, F64: Lanes<Scalar = f64>>(self) {
        count::<A, K, A::Of<F32, F64>>(self);
    }
}

#[inline(always)]
fn count<A: PickLanes, K: Labels<A>, L: Lanes<Scalar = A>>(kernel: Count<'_, '_, A, K>) {
    let Count { inputs, counts } = kernel;
    let axis = if K::SOFT { RegionAxis::NegatedNorm } else { RegionAxis::Margin };
    let mut keys = [A::ZERO; KEYS];
    let mut rest = inputs;
    while !rest.logits.is_empty() {
        let (block, more) = rest.split(KEYS.min(rest.logits.len()));
        rest = more;
        let keys = &mut keys[..block.logits.len()];
        write_keys::<A, K, L>(&block, keys);
        for histogram in &mut counts.gradient_norm {
            let (regions, totals) = histogram.parts_mut();
            count_regions::<L>(keys, A::thresholds(regions, axis), totals);
        }
    }
}

/// The margin of hard labels; −|σ(x) − t| of soft ones; +∞ where not valid.
#[inline(always)]
fn write_keys<A: PickLanes, K: Labels<A>, L: Lanes<Scalar = A>>(block: &Inputs<'_, A, K::Target>, keys: &mut [A]) {
    each_register::<L>(
        keys.len(),
        #[inline(always)]
        |range, whole| {
            let logits = load::<L>(&block.logits[range.clone()], whole);
            let targets = K::load::<L>(&block.targets[range.clone()], whole);
            let one = L::splat(1.0);
            let mut key = if K::SOFT {
                let at = logits.logistic();
                -((one - targets) * at.p - targets * at.q).abs()
            } else {
                (targets + targets - one) * logits
            };
            if let Some(valid) = block.valid
                && let Some(lanes) = valid_lanes::<L>(Some(&valid[range.clone()]), range.len(), whole)
            {
                key = L::select(lanes, key, L::splat(f64::INFINITY));
            }
            store(key, &mut keys[range], whole);
        },
    );
}

/// The first thing that is not in order, element by element; the slow path of a batch that is refused anyway.
pub(super) fn diagnose<'a, A: PickLanes, T: Target>(
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
