//! What a CUDA device could not do, each with what to do about it.

use cudarc::driver::{DriverError, sys::CUresult};
use dfdx::tensor::CudaError;
use reweight_codegen::CodegenError;
use thiserror::Error;

use super::gpu;

/// A loss that the device could not compute; the weighter's state and every gradient are as they were.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum CudaFailure {
    /// The program runs without NVIDIA's driver.
    #[error("no CUDA driver was found: install NVIDIA's driver, which brings libcuda, or use dfdx's Cpu")]
    NoDriver,
    /// There is a driver, but nothing that it drives.
    #[error(
        "no CUDA device was found: see whether `nvidia-smi` lists one and CUDA_VISIBLE_DEVICES leaves it visible, or use dfdx's Cpu"
    )]
    NoDevice,
    /// There are devices, but not this one.
    #[error("there is no CUDA device {ordinal}: this machine has {count}, counted from 0")]
    NoSuchDevice {
        /// The device asked for.
        ordinal: usize,
        /// How many there are.
        count: usize,
    },
    /// No memory is left on the device.
    #[error("the CUDA device is out of memory: use smaller batches, or empty dfdx's cache (`try_empty_cache`)")]
    OutOfMemory,
    /// The driver does not know what the CUDA libraries made for it.
    #[error(
        "the driver is too old: it knows CUDA {driver}, but the program's libraries are of CUDA {libraries}; update NVIDIA's driver, or use libraries no newer than it"
    )]
    DriverTooOld {
        /// The newest CUDA version that the driver knows.
        driver: String,
        /// The version of NVRTC.
        libraries: String,
    },
    /// NVRTC does not know the language of the kernels.
    #[error("NVRTC {found} is too old: install the CUDA libraries of version 11.0 or later")]
    NvrtcTooOld {
        /// Its version.
        found: String,
    },
    /// NVRTC could not be used.
    #[error("NVRTC failed ({reason}): see that libnvrtc and libnvrtc-builtins of one CUDA version are installed")]
    Nvrtc {
        /// What it said.
        reason: String,
    },
    /// NVRTC refused a kernel.
    #[error("NVRTC refused the kernel `{key}`; please report this:\n{log}")]
    Compilation {
        /// The kernel's key.
        key: String,
        /// What the compiler said.
        log: String,
    },
    /// No kernel can be made of the weighter.
    #[error("no kernel can be made of this weighter: {0}")]
    Formula(#[from] CodegenError),
    /// A tensor does not tell where its elements lie.
    #[error(
        "a tensor's place in memory was not found: build with dfdx 0.13.0 and cudarc 0.9.15, as this crate asks for"
    )]
    Tensor,
    /// The driver failed otherwise.
    #[error("the CUDA driver failed: {code}; after a failed launch the device can be used again in a new process only")]
    Driver {
        /// Its own name for it.
        code: String,
    },
    /// Another of dfdx's parts failed.
    #[error("dfdx's Cuda device failed: {reason}")]
    Other {
        /// What it said.
        reason: String,
    },
}

impl From<DriverError> for CudaFailure {
    fn from(error: DriverError) -> Self {
        match error.0 {
            CUresult::CUDA_ERROR_STUB_LIBRARY => Self::NoDriver,
            CUresult::CUDA_ERROR_NO_DEVICE => Self::NoDevice,
            CUresult::CUDA_ERROR_OUT_OF_MEMORY => Self::OutOfMemory,
            CUresult::CUDA_ERROR_UNSUPPORTED_PTX_VERSION
            | CUresult::CUDA_ERROR_SYSTEM_DRIVER_MISMATCH
            | CUresult::CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE => {
                Self::DriverTooOld { driver: gpu::driver_version(), libraries: gpu::version_text(gpu::nvrtc_version()) }
            }
            // Not the error's own text: cudarc asks the driver for it, and panics where the driver knows none.
            code => Self::Driver { code: format!("{code:?}") },
        }
    }
}

impl From<CudaError> for CudaFailure {
    fn from(error: CudaError) -> Self {
        match error {
            CudaError::Driver(error) => error.into(),
            CudaError::Blas(error) => Self::Other { reason: format!("cuBLAS: {:?}", error.0) },
            other => Self::Other { reason: other.to_string() },
        }
    }
}
