//! The devices that networks are trained on.

use dfdx::prelude::{Cpu, Device, TensorFromVec};
use reweight_dfdx::{BceDevice, SoftmaxDevice, TensorLossError};
use serde::{Deserialize, Serialize};

/// Where networks are trained.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceChoice {
    /// dfdx on the CPU, one network a thread.
    #[default]
    Cpu,
    /// dfdx on the first CUDA device, in a program that was built with it.
    Cuda,
}

impl DeviceChoice {
    /// How many threads train beside each other, where `asked` may say; none for one a core.
    ///
    /// A CUDA device runs what several threads ask of it one after the other, and each of them would compile the kernels anew.
    #[must_use]
    pub fn threads(self, asked: Option<usize>) -> Option<usize> {
        match self {
            Self::Cpu => asked,
            Self::Cuda => Some(asked.unwrap_or(1)),
        }
    }

    /// As it is written on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
        }
    }

    /// Whether a network's bits hang on nothing but versions, processor and seed.
    ///
    /// dfdx's CUDA kernels add some gradients up in whichever order the blocks come (`atomicAdd`).
    #[must_use]
    pub fn repeats_to_the_bit(self) -> bool {
        self == Self::Cpu
    }

    /// That there is such a device, before anything is trained on it.
    ///
    /// # Errors
    ///
    /// [`DeviceError`] where there is none, or the program was built without.
    pub fn check(self) -> Result<(), DeviceError> {
        match self {
            Self::Cpu => Ok(()),
            #[cfg(feature = "cuda")]
            Self::Cuda => <dfdx::prelude::Cuda as TrainingDevice>::open().map(drop).map_err(DeviceError::Unusable),
            #[cfg(not(feature = "cuda"))]
            Self::Cuda => Err(DeviceError::WithoutCuda),
        }
    }
}

/// Why nothing can be trained on a device.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The program does not know CUDA.
    #[error(
        "this program was built without CUDA; build one where a CUDA toolkit is, with `cargo build --release -p reweight-cli --features cuda`, or train with --device cpu"
    )]
    WithoutCuda,
    /// There is none, or it fails.
    #[error("--device cpu does without it")]
    Unusable(#[source] TensorLossError),
}

/// What a network and its loss ask of a device.
pub trait TrainingDevice:
    Device<f32> + BceDevice<f32> + SoftmaxDevice<f32> + TensorFromVec<f32> + TensorFromVec<i64>
{
    /// The device, for the thread that calls: dfdx's devices stay on theirs.
    ///
    /// # Errors
    ///
    /// Where there is none.
    fn open() -> Result<Self, TensorLossError>;
}

impl TrainingDevice for Cpu {
    fn open() -> Result<Self, TensorLossError> {
        Ok(Self::default())
    }
}

#[cfg(feature = "cuda")]
impl TrainingDevice for dfdx::prelude::Cuda {
    fn open() -> Result<Self, TensorLossError> {
        thread_local! {
            // One for all networks of a thread: each device compiles the kernels for itself.
            static OWN: std::cell::OnceCell<dfdx::prelude::Cuda> = const { std::cell::OnceCell::new() };
        }
        OWN.with(|own| {
            if let Some(device) = own.get() {
                return Ok(device.clone());
            }
            // No random number is drawn on the device: initial weights and batches are the program's own.
            let device = reweight_dfdx::cuda_device(0, 0)?;
            Ok(own.get_or_init(|| device).clone())
        })
    }
}
