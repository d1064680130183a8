//! What can go wrong between a tensor and a loss.

use dfdx::tensor::CpuError;
use reweight::{LossError, ParameterError, WeightError};
use thiserror::Error;

/// A loss that could not be computed; the weighter's state is as it was.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum TensorLossError {
    /// The batch is not in order.
    #[error(transparent)]
    Loss(#[from] LossError),
    /// One scalar was asked for, but the loss is not reduced to one.
    #[error(
        "the reduction `none` gives no single loss: call `forward_each` for a tensor of losses, or set another reduction"
    )]
    NotReduced,
    /// The CPU's tensors could not be made or read.
    #[error("dfdx's Cpu device failed: {0}; out of memory, if the tensors themselves are in order")]
    Cpu(CpuError),
    /// The CUDA device could not compute it.
    #[cfg(feature = "cuda")]
    #[error(transparent)]
    Cuda(#[from] crate::cuda::CudaFailure),
}

#[cfg(feature = "cuda")]
impl From<dfdx::tensor::CudaError> for TensorLossError {
    fn from(error: dfdx::tensor::CudaError) -> Self {
        Self::Cuda(error.into())
    }
}

impl From<CpuError> for TensorLossError {
    fn from(error: CpuError) -> Self {
        Self::Cpu(error)
    }
}

impl From<WeightError> for TensorLossError {
    fn from(error: WeightError) -> Self {
        Self::Loss(error.into())
    }
}

impl From<ParameterError> for TensorLossError {
    fn from(error: ParameterError) -> Self {
        Self::Loss(error.into())
    }
}
