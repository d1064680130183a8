//! Rows to margins: a few rows at a time, each ending as one lane of a register.
//!
//! The margin is x_y − logsumexp over the other classes, with the largest of the others as the shift, so that nothing
//! is ever subtracted from 1. Few classes: each lane is a row from the start. Many: a row's registers lie along the
//! classes, and its maximum and sum are gathered into lanes at the end.

use super::along::{Ahead, exponentials, finite_share, largest_but, largest_of};
use super::classes::Classes;
use crate::block::BLOCK;
use crate::element::{FloatLanes, PickLanes};
use crate::lanes::{Lanes, MOST_LANES};
use crate::part::Block;
use crate::stored::{AT_ONCE, Rows};

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

/// The labels of a group.
struct Labels<L: Lanes> {
    indices: [usize; MOST_LANES],
    numbers: L,
    valid: L::Mask,
    /// Rows that count.
    counted: u32,
    /// Rows that count and have no label among the classes; they are left out here, and the batch is refused.
    foreign: bool,
    /// Of another class than the first.
    positives: u32,
}

#[inline(always)]
fn labels<A: PickLanes, L: Lanes<Scalar = A>>(
    inputs: &Block<'_, A, i64>,
    first: usize,
    rows: usize,
    ignore: Option<i64>,
) -> Labels<L> {
    let (mut indices, mut numbers, mut marks) = ([0_usize; MOST_LANES], [A::ZERO; MOST_LANES], [0_u8; MOST_LANES]);
    let (mut counted, mut foreign, mut positives) = (0, false, 0);
    let targets = &inputs.targets[first..first + rows];
    let masks = inputs.valid.map(|valid| &valid[first..first + rows]);
    // Without a branch for each row: labels are as good as random.
    for (row, &label) in targets.iter().enumerate() {
        let counts = masks.is_none_or(|masks| masks[row]) & (ignore != Some(label));
        let inside = (label as u64) < inputs.row as u64;
        let index = if counts & inside { label as usize } else { 0 };
        foreign |= counts & !inside;
        indices[row] = index;
        numbers[row] = A::from_label(index as i64);
        marks[row] = u8::from(counts & inside);
        counted += u32::from(counts & inside);
        positives += u32::from(index != 0);
    }
    let valid = L::splat(0.5).le(L::from_u8(&marks[..L::COUNT]));
    Labels { indices, numbers: L::load(&numbers[..L::COUNT]), valid, counted, foreign, positives }
}

/// Rows as lanes, from row `first` of the block's logits on: `work` receives each class's exponentials, 0 at the label.
#[expect(clippy::too_many_arguments, reason = "a stretch of rows, and what is wanted of it")]
#[inline(always)]
pub(crate) fn narrow_group<A: PickLanes, L: Lanes<Scalar = A>, M: Classes<A>>(
    inputs: &Block<'_, A, i64>,
    logits: &[A],
    map: M,
    first: usize,
    rows: usize,
    ignore: Option<i64>,
    smoothed: bool,
    work: &mut [A],
    found: &mut Found,
) -> Group<L> {
    let classes = inputs.row;
    let Labels { indices: _, numbers: labels, valid, counted, foreign, positives } =
        labels::<A, L>(inputs, first, rows, ignore);
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
    let all = counted as usize == L::COUNT;
    let mut finite = zero;
    let mut label_logit = zero;
    let mut largest = below;
    for (class, work) in work[..classes * L::COUNT].chunks_exact_mut(L::COUNT).enumerate() {
        let mut logits = L::load(work);
        if !all {
            // What does not count may hold anything.
            logits = L::select(valid, logits, zero);
        }
        finite = logits.mul_add(zero, finite);
        let logits = map.class(logits, class);
        let own = labels.eq(L::splat(class as f64));
        label_logit = L::select(own, logits - L::splat_scalar(map.margin(class)), label_logit);
        let others = L::select(own, below, logits);
        largest = others.max(largest);
        others.store(work);
    }
    let mut sum = zero;
    let mut rest = zero;
    let share = L::splat(1.0 / classes as f64);
    for work in work[..classes * L::COUNT].chunks_exact_mut(L::COUNT) {
        let shifted = L::load(work) - largest;
        // Of what is at most 0, and of −∞ at the label: 0.
        let exponential = shifted.exp_minus_abs();
        exponential.store(work);
        sum = sum + exponential;
        if smoothed {
            rest = rest + finite_share(shifted, share);
        }
    }
    found.faulty |= foreign || L::mask_any(L::mask_not(finite.eq(zero)));
    found.valid += u64::from(counted);
    found.positives += u64::from(positives);
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
pub(crate) fn wide_group<A: PickLanes, L: Lanes<Scalar = A>, M: Classes<A>>(
    inputs: &Block<'_, A, i64>,
    mut logits: Rows<'_, A>,
    map: M,
    first: usize,
    rows: usize,
    ignore: Option<i64>,
    smoothed: bool,
    mut keep: Option<&mut [A]>,
    found: &mut Found,
) -> Group<L> {
    let classes = inputs.row;
    let Labels { indices, numbers: labels, valid, counted, foreign, positives } =
        labels::<A, L>(inputs, first, rows, ignore);
    let counts = |row: usize| {
        is_valid(inputs.targets, inputs.valid, first + row, ignore)
            && (0..classes as i64).contains(&inputs.targets[first + row])
    };
    let zero = L::splat(0.0);
    let mut finite = zero;
    let mut largest = [A::ZERO; MOST_LANES];
    let at_once = rows * classes <= AT_ONCE;
    if at_once {
        logits.read(first * classes, rows * classes);
    }
    for (row, largest) in largest[..rows].iter_mut().enumerate() {
        if counts(row) {
            let at = (first + row) * classes;
            let logits = if at_once { logits.again(at, classes) } else { logits.read(at, classes) };
            *largest = largest_of::<A, L, M>(logits, map, 0, &mut finite);
        }
    }
    let row_ahead = |row: usize| logits.ahead((first + row + L::COUNT) * classes, classes);
    let row_of = |row: usize| logits.again((first + row) * classes, classes);
    let (mut gaps, mut sums, mut rests) = ([A::ZERO; MOST_LANES], [A::ONE; MOST_LANES], [A::ZERO; MOST_LANES]);
    let mut raw_gaps = [A::ZERO; MOST_LANES];
    let (mut all_sums, mut all_rests) = ([0.0_f64; MOST_LANES], [0.0_f64; MOST_LANES]);
    for row in 0..rows {
        if !counts(row) {
            continue;
        }
        let (logits, label) = (row_of(row), indices[row]);
        // By the instructions that the largest was found with: it is compared with itself where it is the label's.
        let at = label.min(classes - L::COUNT);
        let own = lane(map.along(L::load(&logits[at..at + L::COUNT]), at), label - at);
        // Where the label's own logit is the largest, the largest of the others has to be looked for.
        if own >= largest[row] {
            largest[row] = largest_but::<A, L, M>(logits, map, label);
        }
        raw_gaps[row] = own.minus(largest[row]);
        gaps[row] = raw_gaps[row].minus(map.margin(label));
    }
    let share = L::splat(1.0 / classes as f64);
    for row in 0..rows {
        if !counts(row) {
            continue;
        }
        let shift = L::splat_scalar(largest[row]);
        let logits = row_of(row);
        let distance = L::COUNT * classes;
        let ahead = Ahead { logits: row_ahead(row), distance };
        // Of the label too, which so costs nothing to leave out: its term is at most 1, and the sum of the others is not
        // less, so that taking it away again loses one bit.
        let (sum, rest) = match (keep.as_deref_mut(), smoothed) {
            (Some(keep), false) => {
                exponentials::<L, M, true, false>(logits, map, shift, share, &mut keep[row * classes..], ahead)
            }
            (Some(keep), true) => {
                exponentials::<L, M, true, true>(logits, map, shift, share, &mut keep[row * classes..], ahead)
            }
            (None, false) => exponentials::<L, M, false, false>(logits, map, shift, share, &mut [], ahead),
            (None, true) => exponentials::<L, M, false, true>(logits, map, shift, share, &mut [], ahead),
        };
        (all_sums[row], all_rests[row]) = (sum, rest);
    }
    // The labels' exponentials, of all rows at once.
    let own = L::load(&raw_gaps[..L::COUNT]);
    let (own_terms, own_shares) = (lanes(own.exp_minus_abs()), lanes(finite_share(own.minus_abs(), share)));
    for row in 0..rows {
        if counts(row) {
            sums[row] = A::from_f64((all_sums[row] - own_terms[row].into()).max(1.0));
            if smoothed {
                rests[row] = A::from_f64(all_rests[row] - own_shares[row].into());
            }
        }
    }
    found.faulty |= foreign || L::mask_any(L::mask_not(finite.eq(zero)));
    found.valid += u64::from(counted);
    found.positives += u64::from(positives);
    let register = |lanes: &[A; MOST_LANES]| L::load(&lanes[..L::COUNT]);
    Group { labels, valid, gap: register(&gaps), sum: register(&sums), rest: register(&rests) }
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

#[inline(always)]
fn lane<L: Lanes>(lanes: L, at: usize) -> L::Scalar
where
    L::Scalar: PickLanes,
{
    self::lanes(lanes)[at]
}
