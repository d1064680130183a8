//! The device [`Cpu`]: losses and gradients from the engine of `reweight-ndarray`, in the forward pass.
//!
//! What dfdx 0.13 costs beside the engine's own passes, in passes over memory: one copy of logits and of targets (no
//! accessor lends them), one fill of the logits' gradient with zeros and one addition to it (a backward step cannot know
//! whether the buffer is new, nor hand its own over). Nothing else is copied, but for per-sample losses, whose incoming
//! gradient is cloned, since dfdx lends one buffer at a time.

mod bce;
mod gradient;
mod host;
mod softmax;

use dfdx::prelude::{Cpu, CpuError, HasShape, Shape, Storage, Tensor, TensorFromVec, Unit};
use ndarray::{ArrayD, IxDyn};
use reweight::{LossSummary, SampleWeighter, Totals, Weighting};
use reweight_ndarray::Outcome;

pub use gradient::CpuGradient;

use crate::device::{EachSample, Element, LossDevice};
use crate::error::TensorLossError;
use crate::outcome::SecondOrder;
use host::{Host, Layout};

impl<E: Element> LossDevice<E> for Cpu {
    type Gradient = CpuGradient<E>;

    fn accumulate(
        gradient: &CpuGradient<E>,
        incoming: &<Self as Storage<E>>::Vec,
        into: &mut <Self as Storage<E>>::Vec,
    ) -> Result<(), CpuError> {
        gradient.accumulate(incoming, into)
    }
}

/// The per-sample results as tensors of the targets' shape, with the summary under the loss's own reduction.
fn each<L: Shape, Y: Unit, E: Element, W: SampleWeighter>(
    targets: &Tensor<L, Y, Cpu>,
    outcome: Outcome<E, IxDyn, IxDyn>,
    weighting: &Weighting<W>,
    layout: &Layout,
    output: Vec<usize>,
) -> Result<EachSample<L, E, Cpu>, CpuError> {
    let LossSummary { valid, positives, weight_sum, .. } = outcome.summary;
    let loss_sum = outcome.losses.iter().map(|&loss| loss.into()).sum();
    Ok(EachSample {
        losses: tensor(targets, outcome.losses)?,
        weights: tensor(targets, outcome.weights)?,
        summary: weighting.summary(&Totals { loss_sum, weight_sum, valid, positives }),
        gradient: CpuGradient::of_each(outcome.grad, layout, output),
    })
}

/// First and second derivatives as tensors of the logits' shape.
fn second_order<S: Shape, E: Element>(
    logits: &Tensor<S, E, Cpu>,
    summary: LossSummary,
    grad: ArrayD<E>,
    hessian: ArrayD<E>,
) -> Result<SecondOrder<S, E, Cpu>, TensorLossError> {
    Ok(SecondOrder { summary, grad: tensor(logits, grad)?, hessian: tensor(logits, hessian)? })
}

/// A tensor of the same shape as `like`. dfdx's are made row by row; the engine's arrays follow the logits' layout.
fn tensor<S: Shape, Y: Unit, E: Element>(
    like: &Tensor<S, Y, Cpu>,
    array: ArrayD<E>,
) -> Result<Tensor<S, E, Cpu>, CpuError> {
    let values =
        if array.is_standard_layout() { array.into_raw_vec_and_offset().0 } else { array.iter().copied().collect() };
    TensorFromVec::<E>::try_tensor_from_vec(like.device(), values, *like.shape())
}
