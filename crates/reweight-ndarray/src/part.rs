//! A stretch of a batch: rows of logits and what goes with each, and how it is cut for the threads.
//!
//! A row is one logit for BCE and C of them for softmax.

use std::cell::Cell;
use std::ops::Range;

use ndarray::{ArrayViewD, ArrayViewMutD, Axis};
use pulp::bytemuck::{NoUninit, cast_slice, cast_slice_mut};

use crate::copies::{gather, gathered, scatter};
use crate::dispatch::Available;
use crate::element::{Element, FloatLanes};
use crate::lanes::Lanes;
use crate::parallel::{Divide, LEAF, Merge};
use crate::stored::{Stored, StoredMut, prefetch};

/// The inputs of a stretch of rows that lie one after the other.
#[derive(Clone, Copy)]
pub(crate) struct Inputs<'a, A, T> {
    /// Logits in a row.
    pub(crate) row: usize,
    /// Rows · logits in a row.
    pub(crate) logits: Stored<'a, A>,
    pub(crate) targets: &'a [T],
    pub(crate) valid: Option<&'a [bool]>,
    pub(crate) sample_weight: Option<Stored<'a, A>>,
    /// Where the first logit stands in the batch, counted row by row.
    pub(crate) place: usize,
    /// Each logit's column, where it does not follow from its place.
    pub(crate) column: Option<&'a [A]>,
    pub(crate) ahead: Ahead<'a>,
}

/// Memory that is read after a stretch and asked for while that is worked on, a little with every row: all at once, it would be
/// waited for.
#[derive(Clone, Copy, Default)]
pub(crate) struct Ahead<'a> {
    bytes: &'a [u8],
    /// Bytes for a row.
    row: usize,
}

impl<'a> Ahead<'a> {
    fn of<T: NoUninit>(rows: &'a [T]) -> Self {
        Self { bytes: cast_slice(rows), row: size_of::<T>() }
    }

    /// Asks for what goes with those rows.
    #[inline(always)]
    pub(crate) fn prefetch<L: Lanes>(self, rows: Range<usize>) {
        let end = self.bytes.len().min(rows.end * self.row);
        prefetch::<L, _>(self.bytes.get(rows.start * self.row..end).unwrap_or(&[]));
    }
}

/// What goes with the logits of some rows of a stretch, in the precision that is computed in.
#[derive(Clone, Copy)]
pub(crate) struct Block<'a, A, T> {
    /// Logits in a row.
    pub(crate) row: usize,
    pub(crate) targets: &'a [T],
    pub(crate) valid: Option<&'a [bool]>,
    pub(crate) sample_weight: Option<&'a [A]>,
}

impl<'a, A: FloatLanes, T> Inputs<'a, A, T> {
    /// `rows` rows from `first` on; sample weights of 16 bits are widened into the memory that is lent.
    #[inline(always)]
    pub(crate) fn block<'s>(&self, first: usize, rows: usize, stage: &'s mut [A]) -> Block<'s, A, T>
    where
        'a: 's,
    {
        let span = first..first + rows;
        Block {
            row: self.row,
            targets: &self.targets[span.clone()],
            valid: self.valid.map(|valid| &valid[span]),
            sample_weight: self.sample_weight.map(|all| &all.read(first, rows, stage, 0)[..rows]),
        }
    }

    /// The same stretch with other targets.
    fn with_targets<'b, U>(self, targets: &'b [U]) -> Inputs<'b, A, U>
    where
        'a: 'b,
    {
        let Self { row, logits, valid, sample_weight, place, column, ahead, .. } = self;
        Inputs { row, logits, targets, valid, sample_weight, place, column, ahead }
    }

    #[inline(always)]
    pub(crate) fn split(self, at: usize) -> (Self, Self) {
        let row = self.row;
        let (logits, more_logits) = self.logits.split_at(at * row);
        let (targets, more_targets) = self.targets.split_at(at);
        let (valid, more_valid) = unzip(self.valid.map(|all| all.split_at(at)));
        let (sample_weight, more_weight) = unzip(self.sample_weight.map(|all| all.split_at(at)));
        let (column, more_column) = unzip(self.column.map(|all| all.split_at(at * row)));
        let Self { place, ahead, .. } = self;
        (
            Self { row, logits, targets, valid, sample_weight, place, column, ahead },
            Self {
                row,
                logits: more_logits,
                targets: more_targets,
                valid: more_valid,
                sample_weight: more_weight,
                place: place + at * row,
                column: more_column,
                ahead,
            },
        )
    }
}

/// The outputs of a stretch of rows, those that are wanted.
pub(crate) struct Outputs<'a, A> {
    /// Rows · logits in a row.
    pub(crate) grad: Option<StoredMut<'a, A>>,
    /// Rows · logits in a row.
    pub(crate) hessian: Option<StoredMut<'a, A>>,
    pub(crate) weights: Option<StoredMut<'a, A>>,
    pub(crate) losses: Option<StoredMut<'a, A>>,
}

impl<A: FloatLanes> Outputs<'_, A> {
    /// Cut after `at` rows of `row` logits.
    fn split(self, at: usize, row: usize) -> (Self, Self) {
        let (grad, more_grad) = unzip(self.grad.map(|all| all.split_at(at * row)));
        let (hessian, more_hessian) = unzip(self.hessian.map(|all| all.split_at(at * row)));
        let (weights, more_weights) = unzip(self.weights.map(|all| all.split_at(at)));
        let (losses, more_losses) = unzip(self.losses.map(|all| all.split_at(at)));
        (
            Self { grad, hessian, weights, losses },
            Self { grad: more_grad, hessian: more_hessian, weights: more_weights, losses: more_losses },
        )
    }
}

/// Rows that lie one after the other.
pub(crate) struct Slices<'a, A, T> {
    pub(crate) inputs: Inputs<'a, A, T>,
    pub(crate) outputs: Outputs<'a, A>,
}

/// What is done with a stretch, behind a pointer: what calls it is compiled once, and not for each pass.
pub(crate) type Run<'k, A, T, R> = dyn Fn(Slices<'_, A, T>) -> R + 'k;

/// The same for every stretch of a batch, on any thread.
pub(crate) type Leaf<'k, A, T, R> = dyn Fn(Slices<'_, A, T>) -> R + Sync + 'k;

fn unzip<X, Y>(pair: Option<(X, Y)>) -> (Option<X>, Option<Y>) {
    match pair {
        Some((x, y)) => (Some(x), Some(y)),
        None => (None, None),
    }
}

/// Rows that are computed in one go: as many as have [`LEAF`] logits, in whole registers where there are that many.
fn leaf_rows(row: usize) -> usize {
    let rows = (LEAF / row.max(1)).max(1);
    if rows > 16 { rows / 16 * 16 } else { rows }
}

impl<A: FloatLanes, T: Copy + Send + Sync> Divide for Slices<'_, A, T> {
    fn size(&self) -> usize {
        self.inputs.logits.len()
    }

    fn is_leaf(&self) -> bool {
        self.inputs.targets.len() <= leaf_rows(self.inputs.row)
    }

    fn halve(self) -> (Self, Self) {
        let (rows, row) = (self.inputs.targets.len(), self.inputs.row);
        let at = rows.div_ceil(2).next_multiple_of(leaf_rows(row)).min(rows);
        let (first, second) = self.inputs.split(at);
        let (now, later) = self.outputs.split(at, row);
        (Self { inputs: first, outputs: now }, Self { inputs: second, outputs: later })
    }
}

/// Rows whose targets are converted at a time.
const CONVERTED: usize = 4096;

impl<A: FloatLanes, T: NoUninit> Slices<'_, A, T> {
    /// Runs `kernel` over the stretch with its targets as `same` gives them, or converted a few at a time.
    ///
    /// A kernel for each type of target would be ten times as much code.
    pub(crate) fn retarget<U: Copy + Default, R: Merge>(
        self,
        same: Option<&[U]>,
        convert: &dyn Fn(&[T], &mut [U]),
        kernel: &Run<'_, A, U, R>,
    ) -> R {
        let Slices { inputs, mut outputs } = self;
        if let Some(targets) = same {
            return kernel(Slices { inputs: inputs.with_targets(targets), outputs });
        }
        let mut converted = [U::default(); CONVERTED];
        let mut rest = inputs;
        let mut sums: Option<R> = None;
        loop {
            let (block, more) = rest.split(CONVERTED.min(rest.targets.len()));
            rest = more;
            let rows = block.targets.len();
            convert(block.targets, &mut converted[..rows]);
            let ahead = Ahead::of(&rest.targets[..CONVERTED.min(rest.targets.len())]);
            let (now, later) = outputs.split(rows, block.row);
            outputs = later;
            let result =
                kernel(Slices { inputs: Inputs { ahead, ..block.with_targets(&converted[..rows]) }, outputs: now });
            let merged = match sums {
                Some(sums) => sums.merge(result),
                None => result,
            };
            if rest.targets.is_empty() {
                return merged;
            }
            sums = Some(merged);
        }
    }
}

/// Rows of any memory layout; with several logits a row, they are the last axis of logits and gradient.
pub(crate) struct Views<'a, A: Element, T> {
    pub(crate) logits: ArrayViewD<'a, A>,
    pub(crate) targets: ArrayViewD<'a, T>,
    pub(crate) valid: Option<ArrayViewD<'a, bool>>,
    pub(crate) sample_weight: Option<ArrayViewD<'a, A>>,
    /// Each logit's column, in the shape of the logits, where columns are read.
    pub(crate) column: Option<ArrayViewD<'a, A::Wide>>,
    pub(crate) grad: Option<ArrayViewMutD<'a, A>>,
    pub(crate) hessian: Option<ArrayViewMutD<'a, A>>,
    pub(crate) weights: Option<ArrayViewMutD<'a, A>>,
    pub(crate) losses: Option<ArrayViewMutD<'a, A>>,
}

impl<A: Element, T: Copy + Send + Sync> Views<'_, A, T> {
    /// Logits in a row; there is one row at least.
    fn row(&self) -> usize {
        self.logits.len() / self.targets.len().max(1)
    }
}

impl<A: Element, T: Copy + Send + Sync> Divide for Views<'_, A, T> {
    fn size(&self) -> usize {
        self.logits.len()
    }

    fn is_leaf(&self) -> bool {
        self.targets.len() <= leaf_rows(self.row())
    }

    fn halve(self) -> (Self, Self) {
        // Along the longest axis of the targets, which all arrays have; it exists, since there are several rows. Parts are as good as
        // square, so that lines of the cache are used whole whichever axis they lie along.
        let shape = self.targets.shape();
        let axis = (0..shape.len()).max_by_key(|&axis| shape[axis]).unwrap_or(0);
        let at = shape[axis] / 2;
        let axis = Axis(axis);
        let (logits, more_logits) = self.logits.split_at(axis, at);
        let (targets, more_targets) = self.targets.split_at(axis, at);
        let (valid, more_valid) = unzip(self.valid.map(|all| all.split_at(axis, at)));
        let (sample_weight, more_weight) = unzip(self.sample_weight.map(|all| all.split_at(axis, at)));
        let (column, more_column) = unzip(self.column.map(|all| all.split_at(axis, at)));
        let (grad, more_grad) = unzip(self.grad.map(|all| all.split_at(axis, at)));
        let (hessian, more_hessian) = unzip(self.hessian.map(|all| all.split_at(axis, at)));
        let (weights, more_weights) = unzip(self.weights.map(|all| all.split_at(axis, at)));
        let (losses, more_losses) = unzip(self.losses.map(|all| all.split_at(axis, at)));
        (
            Self { logits, targets, valid, sample_weight, column, grad, hessian, weights, losses },
            Self {
                logits: more_logits,
                targets: more_targets,
                valid: more_valid,
                sample_weight: more_weight,
                column: more_column,
                grad: more_grad,
                hessian: more_hessian,
                weights: more_weights,
                losses: more_losses,
            },
        )
    }
}

impl<A: Element, T: Copy + Send + Sync> Views<'_, A, T> {
    /// Runs `kernel` over a copy of a leaf's rows, in the order of the indices, and copies its outputs back.
    pub(crate) fn with_slices<R>(self, isa: Available, kernel: &Run<'_, A::Wide, T, R>) -> R {
        let result = Cell::new(None);
        self.copied(isa, &|part| result.set(Some(kernel(part))));
        result.into_inner().expect("the kernel runs once")
    }

    fn copied(self, isa: Available, run: &Run<'_, A::Wide, T, ()>) {
        let (row, rows) = (self.row(), self.targets.len());
        let own_targets;
        let targets = match self.targets.as_slice() {
            Some(targets) => targets,
            None => {
                own_targets = gathered(&self.targets);
                &own_targets
            }
        };
        let own_valid = self.valid.as_ref().filter(|valid| !valid.is_standard_layout()).map(gathered);
        let valid = own_valid.as_deref().or_else(|| self.valid.as_ref().and_then(|valid| valid.as_slice()));
        A::Wide::with_scratch(|scratch| {
            // The last three in the order of their use; what is not wanted takes no room.
            let size = rows * row;
            let length = |wanted: bool| if wanted { size } else { 0 };
            let (columns, hessians) = (length(self.column.is_some()), length(self.hessian.is_some()));
            let bytes = (2 * size + hessians + 3 * rows) * size_of::<A>();
            scratch.resize(columns + bytes.div_ceil(size_of::<A::Wide>()), A::Wide::ZERO);
            let (column, rest) = scratch.split_at_mut(columns);
            let (logits, rest) = cast_slice_mut(rest).split_at_mut(size);
            let (grad, rest) = rest.split_at_mut(size);
            let (hessian, rest) = rest.split_at_mut(hessians);
            let (sample_weight, rest) = rest.split_at_mut(rows);
            let (weights, rest) = rest.split_at_mut(rows);
            let losses = &mut rest[..rows];
            gather(&self.logits, logits);
            if let Some(from) = &self.sample_weight {
                gather(from, sample_weight);
            }
            if let Some(from) = &self.column {
                gather(from, column);
            }
            run(Slices {
                inputs: Inputs {
                    row,
                    logits: A::stored(isa, logits),
                    targets,
                    valid,
                    sample_weight: self.sample_weight.is_some().then(|| A::stored(isa, sample_weight)),
                    place: 0,
                    column: self.column.is_some().then_some(column),
                    ahead: Ahead::default(),
                },
                outputs: Outputs {
                    grad: self.grad.is_some().then(|| A::stored_mut(isa, grad)),
                    hessian: self.hessian.is_some().then(|| A::stored_mut(isa, hessian)),
                    weights: self.weights.is_some().then(|| A::stored_mut(isa, weights)),
                    losses: self.losses.is_some().then(|| A::stored_mut(isa, losses)),
                },
            });
            let outputs = [(self.grad, grad), (self.hessian, hessian), (self.weights, weights), (self.losses, losses)];
            for (to, from) in outputs {
                if let Some(mut to) = to {
                    scatter(from, &mut to);
                }
            }
        });
    }
}
