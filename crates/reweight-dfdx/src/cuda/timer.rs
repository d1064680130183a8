//! How long the device works, by its own clock.

use dfdx::prelude::Cuda;

use super::failure::CudaFailure;
use super::gpu::{Event, Gpu};
use crate::error::TensorLossError;

/// A stopwatch of two CUDA events on the stream that dfdx and the losses use.
///
/// Between the events lies all that the device does from one point of the program to the other, and its waiting for the
/// program there; what the program does before the device has its first work does not.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let device = reweight_dfdx::cuda_device(0, 0)?;
/// let timer = reweight_dfdx::CudaTimer::new(&device)?;
/// timer.begin()?;
/// // A training step.
/// println!("{:.3} ms", timer.end()?);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct CudaTimer {
    begin: Event,
    end: Event,
}

impl CudaTimer {
    /// A stopwatch on this device.
    ///
    /// # Errors
    ///
    /// [`TensorLossError::Cuda`] where the driver fails.
    pub fn new(device: &Cuda) -> Result<Self, TensorLossError> {
        let gpu = Gpu::of(device)?;
        let event = || Event::new(&gpu).map_err(CudaFailure::from);
        Ok(Self { begin: event()?, end: event()? })
    }

    /// Notes the time at which the device has done all that was asked of it so far.
    ///
    /// # Errors
    ///
    /// [`TensorLossError::Cuda`] where the driver fails.
    pub fn begin(&self) -> Result<(), TensorLossError> {
        Ok(self.begin.record().map_err(CudaFailure::from)?)
    }

    /// Waits until the device has done all that was asked of it; milliseconds since [`begin`](Self::begin).
    ///
    /// # Errors
    ///
    /// [`TensorLossError::Cuda`] where the driver fails, and where nothing was begun.
    pub fn end(&self) -> Result<f64, TensorLossError> {
        self.end.record().map_err(CudaFailure::from)?;
        Ok(self.end.milliseconds_since(&self.begin).map_err(CudaFailure::from)?.into())
    }
}
