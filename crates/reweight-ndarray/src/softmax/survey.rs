//! The pass that only reads: is the batch in order, and how many rows lie where?

use reweight::{BatchStatistics, LossError, RegionAxis};

use super::rows::{NARROW, NarrowWork, ROWS, is_valid, narrow_group, wide_group};
use crate::counting::count_regions;
use crate::dispatch::Kernel;
use crate::element::{Index, PickLanes};
use crate::lanes::Lanes;
use crate::parallel::Merge;
use crate::part::Inputs;
use crate::registers::{each_register, load, store};

/// What a stretch holds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Findings {
    /// A logit, label or sample weight that a valid row must not have; logits also of rows that do not count.
    pub(super) suspicious: bool,
    pub(super) valid: u64,
    pub(super) positives: u64,
}

impl Merge for Findings {
    fn merge(self, other: Self) -> Self {
        Self {
            suspicious: self.suspicious | other.suspicious,
            valid: self.valid + other.valid,
            positives: self.positives + other.positives,
        }
    }
}

/// Checks and counts a stretch, but for its regions.
pub(super) struct Survey<'a, A> {
    pub(super) inputs: Inputs<'a, A, i64>,
    pub(super) ignore: Option<i64>,
}

impl<A: PickLanes> Kernel for Survey<'_, A> {
    type Output = Findings;

    #[inline(always)]
    fn run<F32: Lanes<Scalar = f32>, F64: Lanes<Scalar = f64>>(self) -> Findings {
        survey::<A, A::Of<F32, F64>>(&self.inputs, self.ignore)
    }
}

#[inline(always)]
fn survey<A: PickLanes, L: Lanes<Scalar = A>>(inputs: &Inputs<'_, A, i64>, ignore: Option<i64>) -> Findings {
    let zero = L::splat(0.0);
    let mut finite = zero.eq(zero);
    each_register::<L>(
        inputs.logits.len(),
        #[inline(always)]
        |range, whole| {
            finite = L::mask_and(finite, load::<L>(&inputs.logits[range], whole).is_finite());
        },
    );
    let mut findings = Findings { suspicious: L::mask_any(L::mask_not(finite)), ..Findings::default() };
    let classes = inputs.row as i64;
    for (row, &label) in inputs.targets.iter().enumerate() {
        if is_valid(inputs, row, ignore) {
            findings.suspicious |= !(0..classes).contains(&label);
            findings.valid += 1;
            findings.positives += u64::from(label != 0);
        }
    }
    if let Some(weights) = inputs.sample_weight {
        findings.suspicious |= weights.iter().any(|&weight| !is_weight(weight.into()));
    }
    findings
}

fn is_weight(weight: f64) -> bool {
    weight.is_finite() && weight >= 0.0
}

/// Counts the regions and classes of a stretch that is in order.
pub(super) struct Count<'a, 'b, A> {
    pub(super) inputs: Inputs<'a, A, i64>,
    pub(super) ignore: Option<i64>,
    pub(super) counts: &'b mut BatchStatistics,
}

/// Rows whose margins are held at a time: the comparisons read them once per group of thresholds.
const KEYS: usize = 1024;

impl<A: PickLanes> Kernel for Count<'_, '_, A> {
    type Output = ();

    #[inline(always)]
    fn run<F32: Lanes<Scalar = f32>, F64: Lanes<Scalar = f64>>(self) {
        count::<A, A::Of<F32, F64>>(self);
    }
}

#[inline(always)]
fn count<A: PickLanes, L: Lanes<Scalar = A>>(kernel: Count<'_, '_, A>) {
    let Count { inputs, ignore, counts } = kernel;
    if !counts.class_counts.is_empty() {
        for (row, &label) in inputs.targets.iter().enumerate() {
            if is_valid(&inputs, row, ignore) {
                counts.class_counts[label as usize] += 1;
            }
        }
    }
    if counts.gradient_norm.is_empty() {
        return;
    }
    let mut work: NarrowWork<A> = [A::ZERO; NARROW * ROWS];
    let mut keys = [A::ZERO; KEYS];
    let mut rest = inputs;
    while !rest.targets.is_empty() {
        let (block, more) = rest.split(KEYS.min(rest.targets.len()));
        rest = more;
        let rows = block.targets.len();
        let mut first = 0;
        while first < rows {
            let count = L::COUNT.min(rows - first);
            let group = if block.row <= NARROW {
                narrow_group::<A, L>(&block, first, count, ignore, false, &mut work)
            } else {
                wide_group::<A, L>(&block, first, count, ignore, false, None)
            };
            // Rows that do not count, and missing ones, lie in no region.
            let margins = L::select(group.valid, group.margin(), L::splat(f64::INFINITY));
            store(margins, &mut keys[first..first + count], count == L::COUNT);
            first += count;
        }
        for histogram in &mut counts.gradient_norm {
            let (regions, totals) = histogram.parts_mut();
            count_regions::<L>(&keys[..rows], A::thresholds(regions, RegionAxis::Margin), totals);
        }
    }
}

/// A row as the slow path sees it.
pub(super) struct Row<'a, A, I> {
    pub(super) logits: ndarray::ArrayView1<'a, A>,
    pub(super) target: I,
    pub(super) valid: bool,
    pub(super) sample_weight: Option<A>,
}

/// The first thing that is not in order, row by row; the slow path of a batch that is mostly refused.
///
/// `inner` positions share a row of (N, C, d…) logits: a logit's place is counted in the caller's order of axes.
pub(super) fn diagnose<'a, A: PickLanes, I: Index>(
    rows: impl Iterator<Item = Row<'a, A, I>>,
    classes: usize,
    inner: usize,
    ignore: Option<i64>,
) -> Option<LossError> {
    for (index, row) in rows.enumerate() {
        let label = row.target.label();
        if !row.valid || ignore == Some(label) {
            continue;
        }
        if let Some(class) = row.logits.iter().position(|&logit| !logit.into().is_finite()) {
            let (outer, rest) = (index / inner, index % inner);
            let logit = row.logits[class].into();
            return Some(LossError::NonFiniteLogit { index: (outer * classes + class) * inner + rest, logit });
        }
        if !(0..classes as i64).contains(&label) {
            return Some(LossError::label(index, label, classes));
        }
        if let Some(weight) = row.sample_weight.map(Into::into)
            && !is_weight(weight)
        {
            return Some(LossError::SampleWeight { index, weight });
        }
    }
    None
}
