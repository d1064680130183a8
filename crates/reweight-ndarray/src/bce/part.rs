//! A stretch of a BCE batch: inputs and outputs side by side, and how it is cut for the threads.

use ndarray::{ArrayViewD, ArrayViewMutD, Axis};

use crate::element::{FloatLanes, Target};
use crate::parallel::{Divide, middle};

/// The inputs of a contiguous stretch.
#[derive(Clone, Copy)]
pub(super) struct Inputs<'a, A, T> {
    pub(super) logits: &'a [A],
    pub(super) targets: &'a [T],
    pub(super) valid: Option<&'a [bool]>,
    pub(super) sample_weight: Option<&'a [A]>,
}

/// The outputs of a contiguous stretch, those that are wanted.
pub(super) struct Outputs<'a, A> {
    pub(super) grad: Option<&'a mut [A]>,
    pub(super) weights: Option<&'a mut [A]>,
    pub(super) losses: Option<&'a mut [A]>,
}

/// A contiguous stretch.
pub(super) struct Slices<'a, A, T> {
    pub(super) inputs: Inputs<'a, A, T>,
    pub(super) outputs: Outputs<'a, A>,
}

impl<A, T> Inputs<'_, A, T> {
    pub(super) fn split(self, at: usize) -> (Self, Self) {
        let (logits, more_logits) = self.logits.split_at(at);
        let (targets, more_targets) = self.targets.split_at(at);
        let (valid, more_valid) = unzip(self.valid.map(|all| all.split_at(at)));
        let (sample_weight, more_weight) = unzip(self.sample_weight.map(|all| all.split_at(at)));
        (
            Self { logits, targets, valid, sample_weight },
            Self { logits: more_logits, targets: more_targets, valid: more_valid, sample_weight: more_weight },
        )
    }
}

impl<A> Outputs<'_, A> {
    fn split(self, at: usize) -> (Self, Self) {
        let (grad, more_grad) = unzip(self.grad.map(|all| all.split_at_mut(at)));
        let (weights, more_weights) = unzip(self.weights.map(|all| all.split_at_mut(at)));
        let (losses, more_losses) = unzip(self.losses.map(|all| all.split_at_mut(at)));
        (
            Self { grad, weights, losses },
            Self { grad: more_grad, weights: more_weights, losses: more_losses },
        )
    }
}

fn unzip<X, Y>(pair: Option<(X, Y)>) -> (Option<X>, Option<Y>) {
    match pair {
        Some((x, y)) => (Some(x), Some(y)),
        None => (None, None),
    }
}

impl<A: FloatLanes, T: Target> Divide for Slices<'_, A, T> {
    fn size(&self) -> usize {
        self.inputs.logits.len()
    }

    fn halve(self) -> (Self, Self) {
        let at = middle(self.size());
        let (first, second) = self.inputs.split(at);
        let (out_first, out_second) = self.outputs.split(at);
        (Self { inputs: first, outputs: out_first }, Self { inputs: second, outputs: out_second })
    }
}

/// A stretch of any memory layout.
pub(super) struct Views<'a, A, T> {
    pub(super) logits: ArrayViewD<'a, A>,
    pub(super) targets: ArrayViewD<'a, T>,
    pub(super) valid: Option<ArrayViewD<'a, bool>>,
    pub(super) sample_weight: Option<ArrayViewD<'a, A>>,
    pub(super) grad: Option<ArrayViewMutD<'a, A>>,
    pub(super) weights: Option<ArrayViewMutD<'a, A>>,
    pub(super) losses: Option<ArrayViewMutD<'a, A>>,
}

impl<A: FloatLanes, T: Target> Divide for Views<'_, A, T> {
    fn size(&self) -> usize {
        self.logits.len()
    }

    fn halve(self) -> (Self, Self) {
        // Along the longest axis, which exists: the size is above 1.
        let shape = self.logits.shape();
        let axis = (0..shape.len()).max_by_key(|&axis| shape[axis]).unwrap_or(0);
        let at = shape[axis] / 2;
        let axis = Axis(axis);
        let (logits, more_logits) = self.logits.split_at(axis, at);
        let (targets, more_targets) = self.targets.split_at(axis, at);
        let (valid, more_valid) = unzip(self.valid.map(|all| all.split_at(axis, at)));
        let (sample_weight, more_weight) = unzip(self.sample_weight.map(|all| all.split_at(axis, at)));
        let (grad, more_grad) = unzip(self.grad.map(|all| all.split_at(axis, at)));
        let (weights, more_weights) = unzip(self.weights.map(|all| all.split_at(axis, at)));
        let (losses, more_losses) = unzip(self.losses.map(|all| all.split_at(axis, at)));
        (
            Self { logits, targets, valid, sample_weight, grad, weights, losses },
            Self {
                logits: more_logits,
                targets: more_targets,
                valid: more_valid,
                sample_weight: more_weight,
                grad: more_grad,
                weights: more_weights,
                losses: more_losses,
            },
        )
    }
}

/// Elements that a stretch of another layout is copied in at a time.
const BLOCK: usize = 1024;

impl<A: FloatLanes, T: Target> Views<'_, A, T> {
    /// Runs `kernel` over copies of a few elements at a time, in the order of the indices, and copies its outputs back.
    pub(super) fn each_block<R>(self, mut kernel: impl FnMut(Slices<'_, A, T>) -> R, mut merge: impl FnMut(R)) {
        let total = self.size();
        let (mut logits_from, mut targets_from) = (self.logits.iter(), self.targets.iter());
        let mut valid_from = self.valid.as_ref().map(|all| all.iter());
        let mut weight_from = self.sample_weight.as_ref().map(|all| all.iter());
        let mut grad_to = self.grad.map(|all| all.into_iter());
        let mut weights_to = self.weights.map(|all| all.into_iter());
        let mut losses_to = self.losses.map(|all| all.into_iter());

        let (mut logits, mut targets, mut valid, mut sample_weight) =
            ([A::ZERO; BLOCK], [T::ANY; BLOCK], [false; BLOCK], [A::ZERO; BLOCK]);
        let (mut grad, mut weights, mut losses) = ([A::ZERO; BLOCK], [A::ZERO; BLOCK], [A::ZERO; BLOCK]);
        for start in (0..total).step_by(BLOCK) {
            let n = BLOCK.min(total - start);
            fill(&mut logits[..n], &mut logits_from);
            fill(&mut targets[..n], &mut targets_from);
            let valid = valid_from.as_mut().map(|from| fill(&mut valid[..n], from));
            let sample_weight = weight_from.as_mut().map(|from| fill(&mut sample_weight[..n], from));
            merge(kernel(Slices {
                inputs: Inputs { logits: &logits[..n], targets: &targets[..n], valid, sample_weight },
                outputs: Outputs {
                    grad: grad_to.is_some().then_some(&mut grad[..n]),
                    weights: weights_to.is_some().then_some(&mut weights[..n]),
                    losses: losses_to.is_some().then_some(&mut losses[..n]),
                },
            }));
            for (to, from) in [(&mut grad_to, &grad), (&mut weights_to, &weights), (&mut losses_to, &losses)] {
                if let Some(to) = to {
                    to.zip(&from[..n]).for_each(|(to, &from)| *to = from);
                }
            }
        }
    }
}

fn fill<'b, 'a, T: Copy + 'a>(buffer: &'b mut [T], from: &mut impl Iterator<Item = &'a T>) -> &'b [T] {
    // `buffer` first: a zip takes one item more from its first iterator than it pairs.
    buffer.iter_mut().zip(from).for_each(|(to, &value)| *to = value);
    buffer
}
