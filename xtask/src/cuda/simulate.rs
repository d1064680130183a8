//! `cargo xtask cuda --simulate`: the losses on dfdx's Cuda, on a device of the host's memory.
//!
//! The program is built as for a type check, without a toolkit, and linked to a library that stands in for the driver,
//! NVRTC and cuBLAS (xtask/simulator).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use super::commands;
use crate::workspace::{self, cargo, run};

/// Where the header lies that gives CUDA's words to the host.
const SHIM: &str = "crates/reweight-codegen/tests/host";
/// Failures that the simulator can be asked for, and a word of the message that they must give.
const FAILURES: [(&str, &str, &str); 9] = [
    ("SIMULATED_INIT", "34", "no CUDA driver was found"),
    ("SIMULATED_INIT", "100", "no CUDA device was found"),
    ("SIMULATED_INIT", "803", "the driver is too old"),
    ("SIMULATED_INIT", "999", "the CUDA driver failed: CUDA_ERROR_UNKNOWN"),
    ("SIMULATED_COUNT", "0", "no CUDA device was found"),
    ("SIMULATED_LOAD", "222", "the driver is too old: it knows CUDA 12.2"),
    ("SIMULATED_NVRTC", "10", "NVRTC 10.0 is too old"),
    ("SIMULATED_COMPILE", "7", "NVRTC failed"),
    ("SIMULATED_MEMORY", "600", "out of memory"),
];
/// More allocations than a few steps take.
const MOST_ALLOCATIONS: u32 = 1000;

/// Builds and runs the suite.
pub(super) fn simulate(short: bool, only: &str) -> anyhow::Result<()> {
    let device = Simulated::new()?;
    let suite = device.build("reweight-conformance", "cuda-conformance")?;
    let failing = |name: &str, value: &str, word: &str| -> anyhow::Result<bool> {
        let output = device.command(&suite).arg("--one-step").env(name, value).output().context("starting the suite")?;
        let message = String::from_utf8_lossy(&output.stderr);
        match output.status.code() {
            Some(0) => Ok(false),
            Some(2) if message.contains(word) => Ok(true),
            _ => bail!("with {name}={value} the program must end with code 2 and say `{word}`, but: {message}"),
        }
    };
    for (name, value, word) in FAILURES {
        if !failing(name, value, word)? {
            bail!("with {name}={value} the program does not fail");
        }
    }
    // Each allocation of the steps fails in its turn, until there are no more.
    let mut allocation = 1;
    while failing("SIMULATED_ALLOCATION", &allocation.to_string(), "out of memory")? {
        allocation += 1;
        if allocation > MOST_ALLOCATIONS {
            bail!("the steps allocate without end");
        }
    }
    println!("{} failures, and no memory at any of {} allocations: typed errors", FAILURES.len(), allocation - 1);
    commands::check(&device)?;
    let selected = if only.is_empty() { short.then_some("--short") } else { Some("--only") };
    let part = (!only.is_empty()).then_some(only);
    let status = device.command(&suite).args(selected).args(part).status().context("starting the suite")?;
    if !status.success() {
        bail!("the suite does not pass on the simulated device");
    }
    Ok(())
}

/// The device, as a library that programs are linked to.
#[derive(Debug)]
pub(super) struct Simulated {
    target: PathBuf,
    library: PathBuf,
    /// Compiled kernels, kept from run to run.
    cache: PathBuf,
}

impl Simulated {
    fn new() -> anyhow::Result<Self> {
        let target = workspace::packages(workspace::root())?.target_directory.into_std_path_buf();
        let folder = target.join("cuda-simulator");
        let cache = folder.join("kernels");
        fs::create_dir_all(&cache).with_context(|| format!("making {}", cache.display()))?;
        let (library, source) = (folder.join("libsimulated.so"), workspace::root().join("xtask/simulator/driver.cpp"));
        let mut compiler = Command::new(std::env::var_os("CXX").unwrap_or_else(|| "c++".into()));
        compiler.args(["-std=c++17", "-O1", "-shared", "-fPIC", "-U_FORTIFY_SOURCE", "-I"]);
        compiler.arg(workspace::root().join(SHIM)).arg("-o").arg(&library).arg(&source).arg("-ldl");
        run(&mut compiler)?;
        Ok(Self { target, library, cache })
    }

    /// What is made for it lies here.
    pub(super) fn folder(&self) -> &Path {
        self.library.parent().unwrap_or(&self.library)
    }

    /// Builds a package's program for it.
    pub(super) fn build(&self, package: &str, program: &str) -> anyhow::Result<PathBuf> {
        let rpath = format!("link-arg=-Wl,-rpath,{}", self.folder().display());
        let linked = format!("link-arg={}", self.library.display());
        let selection = ["rustc", "-p", package, "--features", "cuda,ci-check", "--bin", program, "--locked"];
        run(&mut cargo(selection.into_iter().chain(["--", "-C", &linked, "-C", &rpath])))?;
        Ok(self.target.join("debug").join(program))
    }

    /// A program of `build`, to be run on it.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env("SIMULATOR_CACHE", &self.cache);
        command.env("SIMULATOR_SHIM", workspace::root().join(SHIM).join("shim.h"));
        command
    }
}
