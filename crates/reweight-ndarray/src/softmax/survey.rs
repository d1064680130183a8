//! The passes that only read: what labels there are, and how many rows lie where.

use reweight::{BatchStatistics, LossError, RegionAxis};

use super::classes::{Adjusted, ClassMap};
use super::rows::{Found, NARROW, NARROW_GROUP, is_valid, narrow_group, rows_at_a_time, wide_group};
use crate::block::Memory;
use crate::counting::count_regions;
use crate::dispatch::Kernel;
use crate::element::{Element, Index, PickLanes};
use crate::lanes::Lanes;
use crate::part::Inputs;
use crate::registers::store;
use crate::stored::{Rows, Stage};

/// Labels and mask alone: what denominators are made of.
pub(crate) fn look<A>(inputs: &Inputs<'_, A, i64>, ignore: Option<i64>) -> Found {
    let mut found = Found::default();
    for (row, &label) in inputs.targets.iter().enumerate() {
        if is_valid(inputs.targets, inputs.valid, row, ignore) {
            found.faulty |= !(0..inputs.row as i64).contains(&label);
            found.valid += 1;
            found.positives += u64::from(label != 0);
        }
    }
    found
}

/// Checks a stretch, and counts its regions and classes.
pub(crate) struct Count<'a, 'b, A> {
    pub(crate) memory: &'b mut Memory<A>,
    pub(crate) map: Option<&'b ClassMap<A>>,
    pub(crate) inputs: Inputs<'a, A, i64>,
    pub(crate) ignore: Option<i64>,
    pub(crate) counts: &'b mut BatchStatistics,
}

/// Rows whose margins are held at a time: the comparisons read them once per group of thresholds.
const KEYS: usize = 1024;

impl<A: PickLanes> Kernel for Count<'_, '_, A> {
    type Output = Found;

    #[inline(always)]
    fn run<F32: Lanes<Scalar = f32>, F64: Lanes<Scalar = f64>>(self) -> Found {
        count::<A, A::Of<F32, F64>>(self)
    }
}

#[inline(always)]
fn count<A: PickLanes, L: Lanes<Scalar = A>>(kernel: Count<'_, '_, A>) -> Found {
    let Count { memory, map, inputs, ignore, counts } = kernel;
    let mut found = Found::default();
    if !counts.class_counts.is_empty() {
        for (row, &label) in inputs.targets.iter().enumerate() {
            if is_valid(inputs.targets, inputs.valid, row, ignore)
                && let Some(count) = usize::try_from(label).ok().and_then(|label| counts.class_counts.get_mut(label))
            {
                *count += 1;
            }
        }
    }
    let (rows, classes) = (inputs.targets.len(), inputs.row);
    let at_a_time = rows_at_a_time::<L>(classes);
    let mut staged = memory.take_stage();
    let half = inputs.logits.is_half();
    let stage = Stage::new(&mut staged, half, map.is_some(), at_a_time.min(rows), classes);
    let mut work = [A::ZERO; NARROW_GROUP];
    let mut keys = [A::ZERO; KEYS];
    let mut first = 0;
    while first < rows {
        let some = KEYS.min(rows - first);
        let mut at = 0;
        while at < some {
            let block_rows = at_a_time.min(some - at);
            let block = inputs.block(first + at, block_rows, stage.sample_weight);
            let (stored, start, narrow) = (inputs.logits, (first + at) * classes, classes <= NARROW);
            if narrow {
                stored.read(start, block_rows * classes, stage.logits, 0);
            }
            if let Some(weights) = block.sample_weight {
                let counts = |row| is_valid(block.targets, block.valid, row, ignore);
                let wrong = |(row, &weight): (usize, &A)| counts(row) && !is_weight(weight.into());
                found.faulty |= weights.iter().enumerate().any(wrong);
            }
            let mut row = 0;
            while row < block_rows {
                let count = L::COUNT.min(block_rows - row);
                let group = if narrow {
                    let logits = stored.again(start, stage.logits, 0);
                    narrow_group::<A, L>(&block, logits, map, row, count, ignore, false, &mut work, &mut found)
                } else {
                    let logits = Rows { stored, first: start, stage: &mut *stage.logits };
                    let adjusted = map.map(|map| Adjusted { map, rows: &mut *stage.adjusted });
                    wide_group::<A, L>(&block, logits, adjusted, row, count, ignore, false, None, &mut found)
                };
                // Rows that do not count, and missing ones, lie in no region.
                let margins = L::select(group.valid, group.margin(), L::splat(f64::INFINITY));
                store(margins, &mut keys[at + row..at + row + count], count == L::COUNT);
                row += count;
            }
            at += block_rows;
        }
        for histogram in &mut counts.gradient_norm {
            let (regions, totals) = histogram.parts_mut();
            count_regions::<A, L>(&keys[..some], regions, RegionAxis::Margin, totals);
        }
        first += some;
    }
    memory.keep_stage(staged);
    found
}

fn is_weight(weight: f64) -> bool {
    weight.is_finite() && weight >= 0.0
}

/// A row as the slow path sees it.
pub(crate) struct Row<'a, A, I> {
    pub(crate) logits: ndarray::ArrayView1<'a, A>,
    pub(crate) target: I,
    pub(crate) valid: bool,
    pub(crate) sample_weight: Option<A>,
}

/// The first thing that is not in order, row by row; the slow path of a batch that is refused anyway.
///
/// `inner` positions share a row of (N, C, d…) logits: a logit's place is counted in the caller's order of axes.
pub(crate) fn diagnose<'a, A: Element, I: Index>(
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
