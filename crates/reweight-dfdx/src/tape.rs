//! How a loss joins the tape: one backward step of our own.

use dfdx::prelude::{PutTape, Rank0, Shape, Storage, Tape, Tensor};
use reweight::LossSummary;

use crate::device::{Element, LossDevice};
use crate::error::TensorLossError;

/// Puts `tape` on `output`, with the step that takes the output's gradient to the logits'.
///
/// Gradients add up in dfdx: the logits may feed other losses too, and their buffer may hold what earlier batches left.
pub(crate) fn record<O, S, E, D, T>(
    output: Tensor<O, E, D>,
    logits: &Tensor<S, E, D>,
    mut tape: T,
    gradient: D::Gradient,
) -> Tensor<O, E, D, T>
where
    O: Shape,
    S: Shape,
    E: Element,
    D: LossDevice<E>,
    T: Tape<E, D>,
{
    // Ghosts hold no data, so that the tape does not keep the logits in memory.
    let (output_ghost, logits_ghost) = (output.ghost(), logits.ghost());
    let device = logits.device().clone();
    tape.add_backward_op(move |grads| {
        // dfdx lends one buffer at a time: the output's is taken out while the logits' is written. A copy would do, too,
        // but a copy panics where a device has no memory left.
        let nothing = <D as Storage<E>>::try_alloc_len(&device, 0)?;
        let incoming = std::mem::replace(grads.get_or_alloc_mut(&output_ghost)?, nothing);
        let added = grads.get_or_alloc_mut(&logits_ghost).and_then(|into| D::accumulate(&gradient, &incoming, into));
        *grads.get_or_alloc_mut(&output_ghost)? = incoming;
        added
    });
    output.put_tape(tape)
}

/// The reduced loss as a tensor.
pub(crate) fn scalar<E, D>(device: &D, summary: &LossSummary) -> Result<Tensor<Rank0, E, D>, TensorLossError>
where
    E: Element,
    D: LossDevice<E>,
{
    let loss = summary.loss.ok_or(TensorLossError::NotReduced)?;
    device.try_tensor_from_vec(vec![E::nearest(loss)], ()).map_err(Into::into)
}
