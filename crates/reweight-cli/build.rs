//! The versions of the libraries that a network's bits, and a search's losses, come from, out of the lock file that this program is built with.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// See above; the program shows them in this order.
const LIBRARIES: [&str; 6] = ["dfdx", "gemm", "matrixmultiply", "ndarray", "rand_chacha", "tpe"];

fn main() -> io::Result<()> {
    let versions: String = match lock_file() {
        Some(path) => {
            println!("cargo::rerun-if-changed={}", path.display());
            let lock = fs::read_to_string(path)?;
            LIBRARIES.iter().filter_map(|name| Some(format!("{name} {}\n", locked(&lock, name)?))).collect()
        }
        None => String::new(),
    };
    println!("cargo::rerun-if-changed=build.rs");
    fs::write(Path::new(&env::var_os("OUT_DIR").unwrap_or_default()).join("versions.txt"), versions)
}

/// In the package itself, as it is published, or the workspace's.
fn lock_file() -> Option<PathBuf> {
    let package = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR")?);
    [package.join("Cargo.lock"), package.join("../../Cargo.lock")].into_iter().find(|path| path.is_file())
}

/// The version of a package in a lock file; all of them, where several are built in.
fn locked(lock: &str, name: &str) -> Option<String> {
    let wanted = format!("name = \"{name}\"");
    let mut lines = lock.lines();
    let mut versions = Vec::new();
    while lines.any(|line| line == wanted) {
        versions.push(lines.next()?.strip_prefix("version = \"")?.trim_end_matches('"'));
    }
    (!versions.is_empty()).then(|| versions.join(" and "))
}
