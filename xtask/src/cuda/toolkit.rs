//! What the bundle's programs are compiled and linked with: nvcc as it is, libraries that are only names.
//!
//! A program that is linked to a toolkit's own libraries asks for their version by name (`libnvrtc.so.13`), and of cuBLAS for
//! that version's symbols. The few functions that ours call have been the same since CUDA 11, so it is linked to stubs
//! without a version, and run.sh puts whichever version the machine has under those names.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::workspace;

/// The libraries: the name to link by, the name to be found under, and how its functions begin.
const LIBRARIES: [(&str, &str, &str); 4] = [
    ("cuda", "libcuda.so.1", "cu"),
    ("nvrtc", "libnvrtc.so", "nvrtc"),
    ("cublas", "libcublas.so", "cublas"),
    // dfdx's crates name it, and call nothing of it.
    ("cublasLt", "libcublasLt.so", "cublasLt"),
];

/// The oldest GPU that dfdx's own kernels are compiled for, Ampere; the driver compiles them for newer ones. For Turing dfdx
/// 0.13 cannot be compiled by CUDA 13, whose header has two functions that dfdx defines there.
const COMPUTE_CAPABILITY: &str = "8.0";

/// A folder that a build takes for a CUDA toolkit.
#[derive(Debug)]
pub(super) struct Toolkit {
    folder: PathBuf,
    nvcc: PathBuf,
}

impl Toolkit {
    /// Lays one out in `folder` around a toolkit's `nvcc`.
    pub(super) fn around(nvcc: &Path, folder: PathBuf) -> anyhow::Result<Self> {
        let nvcc = nvcc.canonicalize().with_context(|| format!("finding {}", nvcc.display()))?;
        let include = nvcc.ancestors().nth(2).map(|toolkit| toolkit.join("include")).unwrap_or_default();
        if !include.join("cuda.h").is_file() {
            bail!("{} has no cuda.h: the bundle takes a whole toolkit, not nvcc alone", include.display());
        }
        let (programs, libraries) = (folder.join("bin"), folder.join("lib64"));
        for part in [&programs, &libraries] {
            fs::create_dir_all(part).with_context(|| format!("making {}", part.display()))?;
        }
        let link = folder.join("include");
        let _ = fs::remove_file(&link);
        symlink(&include, &link).with_context(|| format!("linking {}", link.display()))?;
        let wrapper = fs::read_to_string(workspace::root().join("xtask/gpu/nvcc.sh")).context("reading nvcc.sh")?;
        program(&programs.join("nvcc"), &wrapper)?;
        // dfdx's build script asks it which GPU to compile for.
        program(&programs.join("nvidia-smi"), &format!("#!/bin/sh\necho compute_cap\necho {COMPUTE_CAPABILITY}\n"))?;
        let simulator = workspace::root().join("xtask/simulator/driver.cpp");
        let simulator = fs::read_to_string(simulator).context("reading the simulator")?;
        let functions = functions(&simulator);
        for (name, found_as, _) in LIBRARIES {
            let own = functions.iter().filter(|function| library_of(function) == Some(name));
            let text: String = own.map(|function| format!("void {function}(void) {{}}\n")).collect();
            let source = libraries.join(format!("{name}.c"));
            fs::write(&source, text).with_context(|| format!("writing {}", source.display()))?;
            let mut compiler = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
            compiler.args(["-shared", "-fPIC", "-w", "-fno-builtin", &format!("-Wl,-soname,{found_as}"), "-o"]);
            workspace::run(compiler.arg(libraries.join(format!("lib{name}.so"))).arg(&source))?;
        }
        Ok(Self { folder, nvcc })
    }

    /// Lets a build take it for its toolkit.
    pub(super) fn set(&self, build: &mut Command) -> anyhow::Result<()> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths([self.folder.join("bin")].into_iter().chain(std::env::split_paths(&path)))
            .context("a folder of the search path has a `:` in its name")?;
        build.env("PATH", path).env("NVCC_REAL", &self.nvcc);
        build.env("CUDA_PATH", &self.folder).env("CUDA_ROOT", &self.folder);
        Ok(())
    }
}

fn program(path: &Path, text: &str) -> anyhow::Result<()> {
    let done = fs::write(path, text).and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o755)));
    done.with_context(|| format!("writing {}", path.display()))
}

/// The functions that the simulator has, which are those that the programs call.
fn functions(simulator: &str) -> Vec<&str> {
    simulator.lines().filter_map(|line| line.strip_prefix("Status ")?.split_once('(')).map(|(name, _)| name).collect()
}

/// The library of a function: the one with the longest beginning that fits.
fn library_of(function: &str) -> Option<&'static str> {
    let fitting = LIBRARIES.iter().filter(|(_, _, beginning)| function.starts_with(beginning));
    fitting.max_by_key(|(_, _, beginning)| beginning.len()).map(|(name, ..)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_belong_to_their_libraries() {
        let text = "// Status quo (not a function)\nStatus cuInit(unsigned) { return 0; }\n\
            Status nvrtcVersion(int* major, int* minor) {\nstatic Status allocate(uint64_t* address) {\n\
            Status cublasCreate_v2(void** handle) { return 0; }\n";
        let found: Vec<_> = functions(text).into_iter().map(|name| (name, library_of(name))).collect();
        let expected = [("cuInit", "cuda"), ("nvrtcVersion", "nvrtc"), ("cublasCreate_v2", "cublas")];
        assert_eq!(found, expected.map(|(name, library)| (name, Some(library))));
        assert_eq!(library_of("allocate"), None);
    }
}
