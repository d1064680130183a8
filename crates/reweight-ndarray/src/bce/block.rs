//! A block of elements on its way in: logits to margins, with the checks that ride along.

use reweight::{Affine, Columns, Schedule};

use super::labels::Labels;
use crate::block::{BLOCK, Memory};
use crate::element::PickLanes;
use crate::lanes::Lanes;
use crate::part::{Block, Inputs};
use crate::registers::{CACHE_LINE, each_register, load, valid_lanes};
use crate::stored::StoredMut;

/// What of an affine map of the logits the kernels read, in their precision.
#[derive(Clone, Debug)]
pub(crate) struct Adjusted<A> {
    /// One δ, or one a column.
    scale: Vec<A>,
    /// One ι, or one a column.
    offset: Vec<A>,
    /// Δ of the labels 0 and 1.
    margin: [A; 2],
}

impl<A: PickLanes> Adjusted<A> {
    pub(crate) fn of(affine: &Affine, columns: usize) -> Self {
        let list = |values: &[f64], of: &dyn Fn(usize) -> f64| -> Vec<A> {
            (0..if values.len() > 1 { columns } else { 1 }).map(|at| A::from_f64(of(at))).collect()
        };
        Self {
            scale: list(&affine.scale, &|at| affine.scale_of(at)),
            offset: list(&affine.offset, &|at| affine.offset_of(at)),
            margin: [A::from_f64(affine.margin_of(0)), A::from_f64(affine.margin_of(1))],
        }
    }

    /// Whether columns are told apart.
    pub(crate) fn by_column(&self) -> bool {
        self.scale.len() > 1 || self.offset.len() > 1
    }
}

/// What a pass finds out along the way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checks<L: Lanes> {
    /// 0, and NaN once something was not finite.
    finite: L,
    /// 0, and below once something was no target or no sample weight.
    inside: L,
    positives: L,
    valid: L,
    long_positives: L::Wide,
    long_valid: L::Wide,
}

/// What it comes to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Checked {
    pub(crate) faulty: bool,
    pub(crate) valid: u64,
    pub(crate) positives: u64,
}

impl<L: Lanes> Checks<L> {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        let zero = L::splat(0.0);
        let (long_positives, long_valid) = (L::wide_zero(), L::wide_zero());
        Self { finite: zero, inside: zero, positives: zero, valid: zero, long_positives, long_valid }
    }

    /// A value that must be finite.
    #[inline(always)]
    pub(crate) fn finite(&mut self, value: L) {
        self.finite = value.mul_add(L::splat(0.0), self.finite);
    }

    /// A sample weight.
    #[inline(always)]
    pub(crate) fn sample_weight(&mut self, weight: L) {
        self.finite(weight);
        self.inside = self.inside.min(weight);
    }

    /// After each block: counts in the lanes stay exact.
    #[inline(always)]
    fn settle(&mut self) {
        self.long_positives = L::wide_add(self.long_positives, self.positives);
        self.long_valid = L::wide_add(self.long_valid, self.valid);
        (self.positives, self.valid) = (L::splat(0.0), L::splat(0.0));
    }

    /// `len` elements in all, of which all count where there is no mask.
    #[inline(always)]
    pub(crate) fn checked(mut self, len: usize, masked: bool) -> Checked {
        self.settle();
        let zero = L::splat(0.0);
        let right = L::mask_and(self.finite.eq(zero), zero.le(self.inside));
        Checked {
            faulty: L::mask_any(L::mask_not(right)),
            valid: if masked { L::wide_sum(self.long_valid) as u64 } else { len as u64 },
            positives: L::wide_sum(self.long_positives) as u64,
        }
    }
}

/// Puts a block's elements into the memory's slots: margins (or logits of soft labels), targets, columns. What does not
/// count, and what fills the last register up, is 0.
#[inline(always)]
pub(crate) fn read<A: PickLanes, K: Labels<A>, L: Lanes<Scalar = A>>(
    memory: &mut Memory<A>,
    block: &Block<'_, A, K::Target>,
    logits: &[A],
    adjusted: Option<&Adjusted<A>>,
    exp: bool,
    checks: &mut Checks<L>,
) {
    let (zero, one, half) = (L::splat(0.0), L::splat(1.0), L::splat(0.5));
    let Block { targets, valid, sample_weight, .. } = *block;
    let len = targets.len();
    let logits = &logits[..len];
    let [margins, numbers, exps] = memory.inputs_mut();
    let plain = adjusted.is_none();
    each_register::<L>(
        len,
        #[inline(always)]
        |range, whole| {
            let lanes = range.start..range.start + L::COUNT;
            let mut logit = load::<L>(&logits[range.clone()], whole);
            let mut target = K::load::<L>(&targets[range.clone()], whole);
            let mut weight = sample_weight.map(
                #[inline(always)]
                |all| load::<L>(&all[range.clone()], whole),
            );
            // Selected before anything is looked at: what does not count may hold anything.
            if let Some(counted) = valid.and_then(
                #[inline(always)]
                |valid| valid_lanes::<L>(Some(&valid[range.clone()]), range.len(), whole),
            ) {
                logit = L::select(counted, logit, zero);
                target = L::select(counted, target, zero);
                weight = weight.map(
                    #[inline(always)]
                    |weight| L::select(counted, weight, zero),
                );
                checks.valid = checks.valid + L::select(counted, one, zero);
            }
            checks.finite(logit);
            if let Some(weight) = weight {
                checks.sample_weight(weight);
            }
            if K::SOFT {
                checks.finite(target);
                checks.inside = checks.inside.min(target).min(one - target);
                checks.positives = checks.positives + L::select(half.le(target), one, zero);
            } else {
                // t − t² is 0 for 0 and 1, and below for any other byte.
                checks.inside = checks.inside.min(target - target * target);
                checks.positives = checks.positives + target;
            }
            target.store(&mut numbers[lanes.clone()]);
            let margin = if K::SOFT || !plain { logit } else { (target + target - one) * logit };
            if exp && plain {
                margin.exp_minus_abs().store(&mut exps[lanes.clone()]);
            }
            margin.store(&mut margins[lanes]);
        },
    );
    checks.settle();
}

/// The columns of `len` elements from `first` on, as numbers in their slot.
#[inline(always)]
pub(crate) fn read_columns<A: PickLanes, T>(
    memory: &mut Memory<A>,
    inputs: &Inputs<'_, A, T>,
    first: usize,
    len: usize,
    columns: Columns,
) {
    let to = &mut memory.slot_mut(Schedule::COLUMN)[..len];
    if let Some(column) = inputs.column {
        to.copy_from_slice(&column[first..first + len]);
        return;
    }
    let place = inputs.place + first;
    let (mut within, mut column) = (place % columns.inner, columns.of(place));
    for to in to {
        *to = A::from_f64(column as f64);
        within += 1;
        if within == columns.inner {
            within = 0;
            column += 1;
            if column == columns.count {
                column = 0;
            }
        }
    }
}

/// Logits to margins by the affine map; `directions` receives ∂(margin or adjusted logit)/∂(raw logit).
#[inline(always)]
pub(crate) fn adjust<A: PickLanes, K: Labels<A>, L: Lanes<Scalar = A>>(
    memory: &mut Memory<A>,
    adjusted: &Adjusted<A>,
    directions: &mut [A; BLOCK],
    exp: bool,
    len: usize,
) {
    let (mut scales, mut offsets) = ([adjusted.scale[0]; BLOCK], [adjusted.offset[0]; BLOCK]);
    if adjusted.by_column() {
        let pick = |to: &mut A, values: &[A], column: usize| {
            if values.len() > 1 {
                *to = values[column];
            }
        };
        for (at, &column) in memory.slot(Schedule::COLUMN)[..len].iter().enumerate() {
            let column: f64 = column.into();
            pick(&mut scales[at], &adjusted.scale, column as usize);
            pick(&mut offsets[at], &adjusted.offset, column as usize);
        }
    }
    let [margins, targets, exps] = memory.inputs_mut();
    let (one, half) = (L::splat(1.0), L::splat(0.5));
    let [negative, positive] = adjusted.margin.map(
        #[inline(always)]
        |margin| L::splat_scalar(margin),
    );
    let mut at = 0;
    while at < len {
        let lanes = at..at + L::COUNT;
        let (logit, target) = (L::load(&margins[lanes.clone()]), L::load(&targets[lanes.clone()]));
        let (scale, offset) = (L::load(&scales[lanes.clone()]), L::load(&offsets[lanes.clone()]));
        let logit = logit.mul_add(scale, offset);
        let (margin, direction) = if K::SOFT {
            (logit, scale)
        } else {
            let sign = target + target - one;
            (sign.mul_add(logit, -L::select(half.le(target), positive, negative)), sign * scale)
        };
        margin.store(&mut margins[lanes.clone()]);
        if exp {
            margin.exp_minus_abs().store(&mut exps[lanes.clone()]);
        }
        direction.store(&mut directions[lanes]);
        at += L::COUNT;
    }
}

/// Asks for the next block's memory: a block is worked on for longer than the processor's own foresight reaches.
#[inline(always)]
pub(crate) fn prefetch<L: Lanes, A: PickLanes, T>(
    inputs: &Inputs<'_, A, T>,
    grad: Option<&StoredMut<'_, A>>,
    next: std::ops::Range<usize>,
) {
    inputs.logits.prefetch::<L>(next.clone());
    if let Some(grad) = grad {
        grad.prefetch::<L>(next.clone());
    }
    for at in next.step_by((CACHE_LINE / size_of::<T>()).max(1)) {
        L::prefetch(&inputs.targets[at]);
    }
}
