//! Rows to margins: a few rows at a time, each ending as one lane of a register.
//!
//! The margin is x_y − logsumexp over the other classes, with the largest of the others as the shift, so that nothing
//! is ever subtracted from 1. Few classes: each lane is a row from the start. Many: a row's registers lie along the
//! classes, and its maximum and sum are gathered into lanes at the end.

use super::along::{beyond_whole, exponentials, finite_share, largest_but, largest_of};
use super::classes::{Adjusted, ClassMap};
use crate::block::BLOCK;
use crate::element::{FloatLanes, PickLanes};
use crate::lanes::{Lanes, MOST_LANES};
use crate::part::Block;
use crate::stored::{AT_ONCE, Rows, prefetch};

/// Up to so many classes a row is a lane.
pub(crate) const NARROW: usize = 32;

/// Exponentials of few classes that are kept at a time: what goes before and after the formula costs by the block, so that
/// blocks are as long as the first cache allows.
const KEPT: usize = 2560;

/// Rows of many classes lie along the registers, and so many logits are worked on at a time: they are read three times.
const AT_A_TIME: usize = 1 << 13;

/// What a register of rows takes at most where rows are lanes: a register for each class, and squares of registers.
pub(crate) const NARROW_GROUP: usize = NARROW * MOST_LANES;

/// What the other classes' exponentials are kept in where rows are lanes, a register for each class: the squares that the last
/// group is turned by may reach beyond it.
pub(crate) const NARROW_WORK: usize = KEPT + NARROW_GROUP;

/// As many rows as a register has lanes (fewer at the end, the missing ones valid nowhere).
pub(crate) struct Group<L: Lanes> {
    /// The class indices as numbers; 0 where not valid.
    pub(crate) labels: L,
    /// Which rows count.
    pub(crate) valid: L::Mask,
    /// The logit of the label minus the largest of the others.
    pub(crate) gap: L,
    /// Σ over the others of exp(x_j − largest), at least 1.
    pub(crate) sum: L,
    /// Σ over the others of (x_j − largest) / C, where label smoothing asks for it.
    pub(crate) rest: L,
}

/// What was found of a group along the way.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Found {
    /// A logit that is not finite, or a label that is no class.
    pub(crate) faulty: bool,
    pub(crate) valid: u64,
    pub(crate) positives: u64,
}

impl<L: Lanes> Group<L>
where
    L::Scalar: PickLanes,
{
    /// s, held within the floats: two finite logits may lie further apart than the largest of them.
    #[inline(always)]
    pub(crate) fn margin(&self) -> L {
        let largest = L::splat_scalar(L::Scalar::LARGEST);
        (self.gap - self.sum.ln()).max(-largest).min(largest)
    }
}

/// Whether row `row` of those labels and that mask counts.
#[inline(always)]
pub(crate) fn is_valid(targets: &[i64], valid: Option<&[bool]>, row: usize, ignore: Option<i64>) -> bool {
    valid.is_none_or(|valid| valid[row]) && ignore != Some(targets[row])
}

/// How many rows of so many classes are worked on at a time.
#[inline(always)]
pub(crate) fn rows_at_a_time<L: Lanes>(classes: usize) -> usize {
    let logits = if classes <= NARROW { KEPT } else { AT_A_TIME };
    (logits / classes / L::COUNT * L::COUNT).clamp(L::COUNT, BLOCK)
}

/// What the labels of a group say, row by row.
struct Labels {
    /// 1 where a row counts.
    marks: [u8; MOST_LANES],
    /// Rows that count.
    counted: u32,
    /// Rows that count and have no label among the classes; they are left out here, and the batch is refused.
    foreign: bool,
    /// Of another class than the first.
    positives: u32,
}

impl Labels {
    /// `put` takes each row's class index, 0 where it does not count.
    #[inline(always)]
    fn read<A, L: Lanes>(
        inputs: &Block<'_, A, i64>,
        first: usize,
        rows: usize,
        ignore: Option<i64>,
        mut put: impl FnMut(usize, usize),
    ) -> Self {
        let mut marks = [1_u8; MOST_LANES];
        let (mut counted, mut foreign, mut positives) = (0, false, 0);
        let targets = &inputs.targets[first..first + rows];
        if rows < L::COUNT {
            marks[rows..].fill(0);
        }
        if let Some(valid) = inputs.valid {
            for (mark, &valid) in marks.iter_mut().zip(&valid[first..first + rows]) {
                *mark = u8::from(valid);
            }
        }
        if let Some(ignore) = ignore {
            for (mark, &label) in marks.iter_mut().zip(targets) {
                *mark &= u8::from(label != ignore);
            }
        }
        // Without a branch for each row: labels are as good as random.
        for (row, (mark, &label)) in marks.iter_mut().zip(targets).enumerate() {
            let inside = u8::from((label as u64) < inputs.row as u64);
            foreign |= *mark > inside;
            *mark &= inside;
            let index = label as usize * usize::from(*mark);
            put(row, index);
            counted += u32::from(*mark);
            positives += u32::from(index != 0);
        }
        Self { marks, counted, foreign, positives }
    }

    /// Which rows count.
    #[inline(always)]
    fn valid<L: Lanes>(&self) -> L::Mask {
        L::splat(0.5).le(L::from_u8(&self.marks[..L::COUNT]))
    }
}

/// Rows as lanes, from row `first` of the block's logits on: `work` receives each class's exponentials, 0 at the label.
#[expect(clippy::too_many_arguments, reason = "a stretch of rows, and what is wanted of it")]
#[inline(always)]
pub(crate) fn narrow_group<A: PickLanes, L: Lanes<Scalar = A>>(
    inputs: &Block<'_, A, i64>,
    logits: &[A],
    map: Option<&ClassMap<A>>,
    first: usize,
    rows: usize,
    ignore: Option<i64>,
    smoothed: bool,
    work: &mut [A],
    found: &mut Found,
) -> Group<L> {
    let classes = inputs.row;
    let mut bytes = [0_u8; MOST_LANES];
    let read = Labels::read::<A, L>(
        inputs,
        first,
        rows,
        ignore,
        #[inline(always)]
        |row, index| bytes[row] = index as u8,
    );
    let (labels, valid) = (L::from_u8(&bytes[..L::COUNT]), read.valid::<L>());
    let logits = &logits[first * classes..];
    if let Some(turns) = Turns::within::<L>(classes, rows, logits.len()) {
        turns.each(
            #[inline(always)]
            |class| L::transpose(&logits[class..], classes, &mut work[class * L::COUNT..], L::COUNT),
        );
    } else {
        for (row, logits) in logits[..rows * classes].chunks_exact(classes).enumerate() {
            for (class, &logit) in logits.iter().enumerate() {
                work[class * L::COUNT + row] = logit;
            }
        }
    }
    let (zero, below) = (L::splat(0.0), L::splat(f64::NEG_INFINITY));
    let all = read.counted as usize == L::COUNT;
    let (mut finite, mut label_logit, mut largest) = (zero, zero, below);
    let finite_raw = map.map(
        #[inline(always)]
        |map| map.classes(&mut work[..classes * L::COUNT], valid, zero),
    );
    let (mut class, one) = (zero, L::splat(1.0));
    for work in work[..classes * L::COUNT].chunks_exact_mut(L::COUNT) {
        let mut logits = L::load(work);
        if !all {
            // What does not count may hold anything.
            logits = L::select(valid, logits, zero);
        }
        finite = logits.mul_add(zero, finite);
        let own = labels.eq(class);
        label_logit = L::select(own, logits, label_logit);
        let others = L::select(own, below, logits);
        largest = others.max(largest);
        others.store(work);
        class = class + one;
    }
    if let Some(map) = map {
        label_logit = label_logit - margins(map, labels);
    }
    let finite = finite_raw.unwrap_or(finite);
    let (mut sum, mut rest) = (zero, zero);
    if smoothed {
        let share = L::splat(1.0 / classes as f64);
        for work in work[..classes * L::COUNT].chunks_exact(L::COUNT) {
            rest = rest + finite_share(L::load(work) - largest, share);
        }
    }
    for work in work[..classes * L::COUNT].chunks_exact_mut(L::COUNT) {
        // Of what is at most 0, and of −∞ at the label: 0.
        let exponential = (L::load(work) - largest).exp_minus_abs();
        exponential.store(work);
        sum = sum + exponential;
    }
    found.faulty |= read.foreign || L::mask_any(L::mask_not(finite.eq(zero)));
    found.valid += u64::from(read.counted);
    found.positives += u64::from(read.positives);
    Group { labels, valid, gap: label_logit - largest, sum, rest }
}

/// How rows of few classes are turned into registers of one class each, and back: square by square.
///
/// With fewer classes than lanes a square takes in the beginning of the row after; with more, the last square begins so
/// that it ends with the row, and does some classes again.
#[derive(Clone, Copy)]
pub(crate) struct Turns {
    classes: usize,
    lanes: usize,
}

impl Turns {
    /// For a whole register of rows, where `available` elements hold all that the squares take in.
    #[inline(always)]
    pub(crate) fn within<L: Lanes>(classes: usize, rows: usize, available: usize) -> Option<Self> {
        let lanes = L::COUNT;
        let fits = rows == lanes && available >= lanes * classes.max(1) + lanes.saturating_sub(classes);
        fits.then_some(Self { classes, lanes })
    }

    /// Calls `turn` with the first class of each square.
    #[inline(always)]
    pub(crate) fn each(self, mut turn: impl FnMut(usize)) {
        let last = self.classes.saturating_sub(self.lanes);
        let mut class = 0;
        while class < last {
            turn(class);
            class += self.lanes;
        }
        turn(last);
    }
}

/// Rows along the classes: `keep` receives each row's exponentials, the label's as e^−|x_y − largest|; of what lies behind them
/// the memory is asked for.
///
/// The label's is left in: what is made of it is replaced in the end. Step by step over all rows, since a row's maximum and sum each end a long chain of dependent operations.
#[expect(clippy::too_many_arguments, reason = "a stretch of rows, and what is wanted of it")]
#[inline(always)]
pub(crate) fn wide_group<A: PickLanes, L: Lanes<Scalar = A>>(
    inputs: &Block<'_, A, i64>,
    mut logits: Rows<'_, A>,
    mut adjusted: Option<Adjusted<'_, A>>,
    first: usize,
    rows: usize,
    ignore: Option<i64>,
    smoothed: bool,
    mut keep: Option<&mut [A]>,
    found: &mut Found,
) -> Group<L> {
    let classes = inputs.row;
    let (mut indices, mut numbers) = ([0_usize; MOST_LANES], [A::ZERO; MOST_LANES]);
    let read = Labels::read::<A, L>(
        inputs,
        first,
        rows,
        ignore,
        #[inline(always)]
        |row, index| (indices[row], numbers[row]) = (index, A::from_label(index as i64)),
    );
    let (labels, valid, marks) = (L::load(&numbers[..L::COUNT]), read.valid::<L>(), &read.marks);
    let zero = L::splat(0.0);
    let mut finite = zero;
    let mut largest = [A::ZERO; MOST_LANES];
    let row_by_row = logits.stored.is_half() && rows * classes > AT_ONCE;
    if !row_by_row {
        logits.read(first * classes, rows * classes);
    }
    for (row, largest) in largest[..rows].iter_mut().enumerate() {
        if marks[row] != 0 {
            let at = (first + row) * classes;
            let logits = if row_by_row { logits.read(at, classes) } else { logits.again(at, classes) };
            (*largest, finite) = match &mut adjusted {
                Some(Adjusted { map, rows }) => map.row::<L>(logits, &mut rows[row * classes..][..classes], finite),
                None => largest_of::<A, L>(logits, finite),
            };
        }
    }
    let all = match &adjusted {
        Some(adjusted) => &*adjusted.rows,
        None => logits.again(first * classes, rows * classes),
    };
    let row_of = |row: usize| &all[row * classes..][..classes];
    let (mut gaps, mut sums, mut rests) = ([A::ZERO; MOST_LANES], [A::ONE; MOST_LANES], [A::ZERO; MOST_LANES]);
    let (mut all_sums, mut all_rests) = ([0.0_f64; MOST_LANES], [0.0_f64; MOST_LANES]);
    for row in 0..rows {
        if marks[row] == 0 {
            continue;
        }
        let (logits, label) = (row_of(row), indices[row]);
        let own = logits[label];
        // Where the label's own logit is the largest, the largest of the others has to be looked for.
        if own >= largest[row] {
            largest[row] = largest_but::<A, L>(logits, label);
        }
        gaps[row] = own.minus(largest[row]);
    }
    let (share, new) = (L::splat(1.0 / classes as f64), beyond_whole::<L>(classes));
    for row in 0..rows {
        if marks[row] == 0 {
            continue;
        }
        let shift = L::splat_scalar(largest[row]);
        let row_logits = row_of(row);
        // The same row of the next group is asked for, so that memory works while the registers do.
        let next = row + L::COUNT;
        prefetch::<L, _>(logits.ahead((first + next) * classes, classes));
        // Of the label too, which so costs nothing to leave out: its term is at most 1, and the sum of the others is not
        // less, so that taking it away again loses one bit.
        let (sum, rest) = if let Some(keep) = keep.as_deref_mut() {
            if let Some(ahead) = keep.get(next * classes..) {
                prefetch::<L, _>(&ahead[..classes.min(ahead.len())]);
            }
            let keep = &mut keep[row * classes..][..classes];
            if smoothed {
                exponentials::<L, true, true>(row_logits, shift, share, keep, new)
            } else {
                exponentials::<L, true, false>(row_logits, shift, share, keep, new)
            }
        } else if smoothed {
            exponentials::<L, false, true>(row_logits, shift, share, &mut [], new)
        } else {
            exponentials::<L, false, false>(row_logits, shift, share, &mut [], new)
        };
        (all_sums[row], all_rests[row]) = (sum, rest);
    }
    // The labels' exponentials, of all rows at once.
    let own = L::load(&gaps[..L::COUNT]);
    let (own_terms, own_shares) = (lanes(own.exp_minus_abs()), lanes(finite_share(own.minus_abs(), share)));
    for row in 0..rows {
        if marks[row] != 0 {
            sums[row] = A::from_f64((all_sums[row] - own_terms[row].into()).max(1.0));
            if smoothed {
                rests[row] = A::from_f64(all_rests[row] - own_shares[row].into());
            }
        }
    }
    found.faulty |= read.foreign || L::mask_any(L::mask_not(finite.eq(zero)));
    found.valid += u64::from(read.counted);
    found.positives += u64::from(read.positives);
    let register = |lanes: &[A; MOST_LANES]| L::load(&lanes[..L::COUNT]);
    let gap = match &adjusted {
        Some(adjusted) => own - margins(adjusted.map, labels),
        None => own,
    };
    Group { labels, valid, gap, sum: register(&sums), rest: register(&rests) }
}

/// Δ of a group's labels.
#[inline(always)]
fn margins<A: PickLanes, L: Lanes<Scalar = A>>(map: &ClassMap<A>, labels: L) -> L {
    let mut margins = lanes(labels);
    for margin in &mut margins[..L::COUNT] {
        let label: f64 = (*margin).into();
        *margin = map.margin(label as usize);
    }
    L::load(&margins[..L::COUNT])
}

/// A register's numbers.
#[inline(always)]
pub(crate) fn lanes<L: Lanes>(register: L) -> [L::Scalar; MOST_LANES]
where
    L::Scalar: PickLanes,
{
    let mut all = [L::Scalar::ZERO; MOST_LANES];
    register.store(&mut all[..L::COUNT]);
    all
}
