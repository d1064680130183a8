//! `cargo xtask cuda --bundle DIR`: all that a GPU machine without Rust needs to try the losses and to time them.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

use super::commands;
use super::compile::nvcc;
use super::toolkit::Toolkit;
use crate::workspace::{self, cargo, run};

/// The programs of the bundle.
const PROGRAMS: [&str; 3] = ["cuda-conformance", "cuda-bench", "reweight"];
/// What lies beside them, from xtask/gpu.
const SCRIPTS: [&str; 3] = ["run.sh", "peers.py", "results.py"];
/// The most that it may weigh.
const MOST_BYTES: u64 = 64 << 20;

/// Builds the bundle into `folder`.
pub(super) fn bundle(folder: &Path) -> anyhow::Result<()> {
    let target = workspace::packages(workspace::root())?.target_directory.into_std_path_buf();
    let toolkit = Toolkit::around(&nvcc()?, target.join("cuda-bundle"))?;
    let names = PROGRAMS.into_iter().flat_map(|program| ["--bin", program]);
    let packages = ["-p", "reweight-conformance", "-p", "reweight-cli"];
    let features = ["--features", "reweight-conformance/cuda,reweight-cli/cuda"];
    let package = ["build", "--release", "--locked"].into_iter().chain(packages).chain(features);
    let mut build = cargo(package.chain(names));
    toolkit.set(&mut build)?;
    run(&mut build)?;
    commands::example(&folder.join("example"))?;
    let built = target.join("release");
    let scripts = workspace::root().join("xtask/gpu");
    let all = PROGRAMS.iter().map(|name| (&built, name)).chain(SCRIPTS.iter().map(|name| (&scripts, name)));
    let mut bytes = 0;
    for (from, name) in all {
        let (from, to) = (from.join(name), folder.join(name));
        fs::copy(&from, &to).with_context(|| format!("copying {}", from.display()))?;
        if PROGRAMS.contains(name) {
            // Names and lines are of no use there; where the tool is missing, the bundle is only larger.
            let _ = Command::new("strip").arg(&to).status();
        }
        bytes += fs::metadata(&to)?.len();
    }
    if bytes > MOST_BYTES {
        bail!("the bundle has {bytes} bytes, more than {MOST_BYTES}");
    }
    println!("{}: {:.1} MiB; copy it to a GPU machine and run `sh run.sh` in it", folder.display(), bytes as f64 / 1048576.0);
    Ok(())
}
