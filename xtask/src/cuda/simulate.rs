//! `cargo xtask cuda --simulate`: the losses on dfdx's Cuda, on a device of the host's memory.
//!
//! The program is built as for a type check, without a toolkit, and linked to a library that stands in for the driver,
//! NVRTC and cuBLAS (xtask/simulator).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

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
pub(super) fn simulate(short: bool) -> anyhow::Result<()> {
    let target = workspace::packages(workspace::root())?.target_directory.into_std_path_buf();
    let folder = target.join("cuda-simulator");
    let cache = folder.join("kernels");
    fs::create_dir_all(&cache).with_context(|| format!("making {}", cache.display()))?;
    let library = library(&folder)?;
    let rpath = format!("link-arg=-Wl,-rpath,{}", folder.display());
    let linked = format!("link-arg={}", library.display());
    let package = ["rustc", "-p", "reweight-conformance", "--features", "cuda,ci-check", "--bin", "cuda-conformance"];
    run(&mut cargo(package.into_iter().chain(["--locked", "--", "-C", &linked, "-C", &rpath])))?;
    let program = target.join("debug/cuda-conformance");
    let suite = || {
        let mut command = Command::new(&program);
        command.env("SIMULATOR_CACHE", &cache);
        command.env("SIMULATOR_SHIM", workspace::root().join(SHIM).join("shim.h"));
        command
    };
    let failing = |name: &str, value: &str, word: &str| -> anyhow::Result<bool> {
        let output = suite().arg("--one-step").env(name, value).output().context("starting the suite")?;
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
    if !suite().args(short.then_some("--short")).status().context("starting the suite")?.success() {
        bail!("the suite does not pass on the simulated device");
    }
    Ok(())
}

fn library(folder: &Path) -> anyhow::Result<PathBuf> {
    let (library, source) = (folder.join("libsimulated.so"), workspace::root().join("xtask/simulator/driver.cpp"));
    let compiler = std::env::var_os("CXX").unwrap_or_else(|| "c++".into());
    let mut command = Command::new(&compiler);
    command.args(["-std=c++17", "-O1", "-shared", "-fPIC", "-U_FORTIFY_SOURCE", "-I"]).arg(workspace::root().join(SHIM));
    command.arg("-o").arg(&library).arg(&source).arg("-ldl");
    let status = command.status().with_context(|| format!("starting the C++ compiler {}", compiler.display()))?;
    if !status.success() {
        bail!("the C++ compiler refuses {}", source.display());
    }
    Ok(library)
}
