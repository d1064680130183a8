//! Kernels: their text once a process, compiled once a device.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use cudarc::nvrtc::{CompileError, compile_ptx};
use reweight_codegen::{CodegenError, KernelSource};

use super::failure::CudaFailure;
use super::gpu::{Gpu, Kernel, nvrtc_version, version_text};

/// The texts made so far, by their keys.
static SOURCES: LazyLock<RwLock<HashMap<String, Arc<KernelSource>>>> = LazyLock::new(RwLock::default);

/// The source with this key; `make` writes it where it is new.
pub(super) fn source(
    key: &str,
    make: impl FnOnce() -> Result<KernelSource, CodegenError>,
) -> Result<Arc<KernelSource>, CudaFailure> {
    if let Some(known) = SOURCES.read().unwrap_or_else(PoisonError::into_inner).get(key) {
        return Ok(known.clone());
    }
    let source = Arc::new(make()?);
    let mut sources = SOURCES.write().unwrap_or_else(PoisonError::into_inner);
    Ok(sources.entry(key.to_owned()).or_insert(source).clone())
}

/// A kernel of `source`, which is compiled where this device has not seen it: the device keeps modules by name.
pub(super) fn kernel(gpu: &Gpu, source: &KernelSource, name: &'static str) -> Result<Kernel, CudaFailure> {
    let entry = source.entry(name).ok_or_else(|| refused(source, &format!("it has no entry {name}")))?.clone();
    if let Some(function) = gpu.device.get_func(&source.key, name) {
        return Ok(Kernel { function, entry });
    }
    let version = nvrtc_version();
    if version.0 < 11 {
        return Err(CudaFailure::NvrtcTooOld { found: version_text(version) });
    }
    // NVRTC's defaults: no approximate functions, no flushing of subnormals, products and sums fused.
    let ptx = compile_ptx(&source.source).map_err(|error| match error {
        CompileError::CompileError { log, .. } if !log.is_empty() => refused(source, &log.to_string_lossy()),
        CompileError::CompileError { nvrtc: error, .. }
        | CompileError::CreationError(error)
        | CompileError::GetLogError(error)
        | CompileError::GetPtxError(error)
        | CompileError::DestroyError(error) => CudaFailure::Nvrtc { reason: format!("{:?}", error.0) },
    })?;
    let names: Vec<&'static str> = source.entries.iter().map(|entry| entry.name).collect();
    gpu.device.load_ptx(ptx, &source.key, &names)?;
    let function = gpu.device.get_func(&source.key, name).ok_or_else(|| refused(source, "it was not loaded"))?;
    Ok(Kernel { function, entry })
}

fn refused(source: &KernelSource, log: &str) -> CudaFailure {
    CudaFailure::Compilation { key: source.key.clone(), log: log.to_owned() }
}
