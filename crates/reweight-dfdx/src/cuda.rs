//! The device [`Cuda`]: losses and gradients by kernels that `reweight-codegen` writes and NVRTC compiles, once a formula,
//! shape class and device.
//!
//! A step reads logits and targets where they lie. To the device go the formula's numbers, from it come the sums and
//! counts; the gradient is computed in the backward pass, where it belongs, from the batch that is kept until then.
//! `docs/cuda.md` says what each choice costs.

mod bce;
mod call;
mod failure;
mod gpu;
mod gradient;
mod modules;
mod numbers;
mod softmax;
mod targets;
mod tensor;
mod timer;

use dfdx::prelude::{Cuda, HasShape, Shape, Storage, Tensor, Unit, ZerosTensor};
use dfdx::tensor::CudaError;
use reweight::{LossError, LossSummary};

pub use failure::CudaFailure;
pub use gradient::CudaGradient;
pub use timer::CudaTimer;

use crate::device::{EachSample, Element, LossDevice};
use crate::error::TensorLossError;
use gpu::Span;
use tensor::Located;

/// dfdx's CUDA device number `ordinal`, counted from 0; `seed` is for its random numbers.
///
/// dfdx's own constructors panic where there is no driver or no device; this one says what is missing. It also lets the process
/// keep the device memory that it frees, for its next step, as torch does.
///
/// # Errors
///
/// [`TensorLossError::Cuda`] where there is no driver, no such device, no memory, or where the driver is too old.
pub fn cuda_device(ordinal: usize, seed: u64) -> Result<Cuda, TensorLossError> {
    match gpu::count()? {
        0 => Err(CudaFailure::NoDevice.into()),
        count if ordinal >= count => Err(CudaFailure::NoSuchDevice { ordinal, count }.into()),
        _ => {
            let device = Cuda::try_build(ordinal, seed)?;
            gpu::keep_freed_memory(ordinal).map_err(CudaFailure::from)?;
            Ok(device)
        }
    }
}

/// The kernels end at the gradient.
const NO_HESSIAN: LossError = LossError::Hessian("CUDA has no second derivatives: compute them on dfdx's Cpu");

impl<E: Element> LossDevice<E> for Cuda {
    type Gradient = CudaGradient<E>;

    fn accumulate(
        gradient: &CudaGradient<E>,
        incoming: &<Self as Storage<E>>::Vec,
        into: &mut <Self as Storage<E>>::Vec,
    ) -> Result<(), CudaError> {
        gradient.accumulate(incoming, into)
    }
}

/// Losses and weights to be written, and where they lie.
struct EachTensors<L: Shape, E: Element> {
    losses: Tensor<L, E, Cuda>,
    weights: Tensor<L, E, Cuda>,
    spans: [Span; 2],
}

/// Tensors of the targets' shape, of our own: nobody else has seen them yet.
fn each_tensors<L: Shape, Y: Unit, E: Element>(targets: &Tensor<L, Y, Cuda>) -> Result<EachTensors<L, E>, CudaFailure> {
    let zeros = || ZerosTensor::<E>::try_zeros_like(targets.device(), targets.shape());
    let (losses, weights): (Tensor<L, E, Cuda>, Tensor<L, E, Cuda>) = (zeros()?, zeros()?);
    let spans = [Located::of(&losses)?.span, Located::of(&weights)?.span];
    Ok(EachTensors { losses, weights, spans })
}

fn each<L: Shape, E: Element>(
    tensors: EachTensors<L, E>,
    summary: LossSummary,
    gradient: CudaGradient<E>,
) -> EachSample<L, E, Cuda> {
    EachSample { losses: tensors.losses, weights: tensors.weights, summary, gradient }
}
