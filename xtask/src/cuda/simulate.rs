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
const FAILURES: [(&str, &str, &str); 3] = [
    ("SIMULATED_INIT", "34", "driver"),
    ("SIMULATED_INIT", "100", "no CUDA device"),
    ("SIMULATED_COUNT", "0", "no CUDA device"),
];

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
    for (name, value, word) in FAILURES {
        let output = suite().env(name, value).output().context("starting the suite")?;
        let message = String::from_utf8_lossy(&output.stderr);
        if output.status.code() != Some(2) || !message.contains(word) {
            bail!("with {name}={value} the program must end with code 2 and name the cause, but: {message}");
        }
    }
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
