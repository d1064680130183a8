//! `cargo xtask cuda`: what can be done about CUDA on this machine, of which no part needs a GPU.

mod bundle;
mod commands;
mod compile;
mod simulate;
mod toolkit;

use std::path::PathBuf;

use clap::Args;

/// Compile the kernels, run the losses on a simulated device, or bundle what a GPU machine needs.
#[derive(Debug, Args)]
pub(crate) struct Cuda {
    /// Compile the main kernels with nvcc, and report registers, shared memory and spills. It takes a toolkit (nvcc in
    /// $CUDA_PATH/bin or on the path).
    #[arg(long, required_unless_present_any = ["simulate", "bundle"], conflicts_with_all = ["simulate", "bundle"])]
    compile_only: bool,
    /// Compile only the kernels, or run only the checks, whose name contains this.
    #[arg(long, value_name = "PART", default_value = "", conflicts_with_all = ["short", "bundle"])]
    only: String,
    /// Run the conformance suite on a simulated device. It takes a C++ compiler ($CXX or c++) and half an hour of one processor.
    #[arg(long, conflicts_with = "bundle")]
    simulate: bool,
    /// Run a few batches only.
    #[arg(long, requires = "simulate")]
    short: bool,
    /// Build into this folder all that a GPU machine without Rust needs; its run.sh does the rest there. It takes a toolkit.
    #[arg(long, value_name = "DIR")]
    bundle: Option<PathBuf>,
}

impl Cuda {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        if let Some(folder) = &self.bundle {
            return bundle::bundle(folder);
        }
        if self.simulate { simulate::simulate(self.short, &self.only) } else { compile::compile_only(&self.only) }
    }
}
