//! `cargo xtask cuda --compile-only`: what nvcc makes of the generated kernels, where a toolkit is found.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, bail};

use crate::workspace::{self, cargo, run};

/// The architectures compiled for: Turing to Hopper.
const ARCHITECTURES: [u32; 5] = [75, 80, 86, 89, 90];

/// Compiles the kernels whose name contains `only`.
pub(super) fn compile_only(only: &str) -> anyhow::Result<()> {
    let nvcc = nvcc()?;
    let folder = workspace::packages(workspace::root())?.target_directory.into_std_path_buf().join("cuda-kernels");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("emptying {}", folder.display()))?;
    }
    let to = folder.to_string_lossy();
    run(&mut cargo(["run", "--quiet", "--package", "reweight-codegen", "--example", "kernels", "--", &to]))?;
    let mut sources: Vec<PathBuf> = fs::read_dir(&folder)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
        .with_context(|| format!("reading {}", folder.display()))?;
    sources.retain(|path| name_of(path).contains(only));
    sources.sort();
    if sources.is_empty() {
        bail!("no kernel's name contains `{only}`");
    }
    println!("{:<36} {:<28} registers on sm_75 to sm_90       shared memory  spills", "source", "kernel");
    let mut spilling = Vec::new();
    for source in &sources {
        for (kernel, uses) in compile(&nvcc, source)? {
            let registers = uses.iter().map(|used| format!("{:>5}", used.registers)).collect::<String>();
            let shared = uses.iter().map(|used| used.shared).max().unwrap_or_default();
            let spills: u32 = uses.iter().map(|used| used.spills).sum();
            println!("{:<36} {kernel:<28} {registers:<33} {shared:>13}  {spills:>6}", name_of(source));
            if spills > 0 {
                spilling.push(format!("{kernel} of {}", name_of(source)));
            }
        }
    }
    if !spilling.is_empty() {
        bail!("registers do not suffice for {}", spilling.join(", "));
    }
    Ok(())
}

fn name_of(source: &Path) -> String {
    source.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// The toolkit's compiler.
pub(super) fn nvcc() -> anyhow::Result<PathBuf> {
    let folders = env::var_os("CUDA_PATH").map(|toolkit| PathBuf::from(toolkit).join("bin"));
    let path = env::var_os("PATH").unwrap_or_default();
    let mut all = folders.into_iter().chain(env::split_paths(&path)).map(|folder| folder.join("nvcc"));
    all.find(|program| program.is_file()).context("nvcc was not found: install a CUDA toolkit and set CUDA_PATH to it")
}

/// What one kernel takes on one architecture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Usage {
    registers: u32,
    /// Bytes a block.
    shared: u32,
    /// Bytes written to memory and read back for want of registers.
    spills: u32,
}

/// Compiles for all architectures; the usage of each kernel, one entry an architecture.
fn compile(nvcc: &Path, source: &Path) -> anyhow::Result<BTreeMap<String, Vec<Usage>>> {
    let mut command = Command::new(nvcc);
    command.args(["-fatbin", "-std=c++14", "-Xptxas", "-v", "-Werror", "all-warnings"]);
    for architecture in ARCHITECTURES {
        command.arg(format!("-gencode=arch=compute_{architecture},code=sm_{architecture}"));
    }
    command.arg("-o").arg(source.with_added_extension("fatbin")).arg(source);
    let output = command.output().with_context(|| format!("starting {}", nvcc.display()))?;
    let report = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        bail!("nvcc refuses {}:\n{report}", source.display());
    }
    Ok(usages(&report))
}

/// Reads what ptxas says of each kernel.
fn usages(report: &str) -> BTreeMap<String, Vec<Usage>> {
    let mut found: BTreeMap<String, Vec<Usage>> = BTreeMap::new();
    let mut current: Option<String> = None;
    let mut usage = Usage::default();
    for line in report.lines() {
        if let Some((_, rest)) = line.split_once("Compiling entry function '") {
            current = rest.split('\'').next().map(str::to_owned);
            usage = Usage::default();
        } else if line.contains("bytes spill stores") {
            usage.spills = number_before(line, " bytes spill stores") + number_before(line, " bytes spill loads");
        } else if line.contains(" registers")
            && let Some(kernel) = current.take()
        {
            usage.registers = number_before(line, " registers");
            usage.shared = number_before(line, " bytes smem");
            found.entry(kernel).or_default().push(usage);
        }
    }
    found
}

/// The whole number that stands before `unit`; 0 where the unit is not named.
fn number_before(line: &str, unit: &str) -> u32 {
    let before = line.split(unit).next().filter(|before| before.len() < line.len()).unwrap_or_default();
    before.rsplit(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_report() {
        let report = "ptxas info    : 0 bytes gmem\n\
            ptxas info    : Compiling entry function 'a' for 'sm_75'\n\
            ptxas info    : Function properties for a\n    \
            0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads\n\
            ptxas info    : Used 40 registers, used 1 barriers, 256 bytes smem, 496 bytes cmem[0]\n\
            ptxas info    : Compiling entry function 'a' for 'sm_90'\n    \
            16 bytes stack frame, 12 bytes spill stores, 20 bytes spill loads\n\
            ptxas info    : Used 255 registers, used 0 barriers\n";
        let plain = Usage { registers: 40, shared: 256, spills: 0 };
        let crowded = Usage { registers: 255, shared: 0, spills: 32 };
        assert_eq!(usages(report), BTreeMap::from([("a".to_owned(), vec![plain, crowded])]));
    }
}
