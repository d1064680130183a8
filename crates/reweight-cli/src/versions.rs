//! What figures were computed with: the program, the libraries that decide their bits, and the processor's instructions.

use std::collections::BTreeMap;
use std::fmt;

use reweight_ndarray::InstructionSet;
use serde::Serialize;

/// The libraries that a network's bits come from.
const LIBRARIES: [&str; 6] = ["dfdx", "gemm", "linfa-datasets", "matrixmultiply", "ndarray", "rand_chacha"];

/// Program, libraries and processor. Another of any of them may round otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Versions {
    /// The version of `reweight`.
    pub reweight: &'static str,
    /// Versions of libraries, as they were locked when this program was built.
    pub libraries: BTreeMap<&'static str, String>,
    /// Operating system and processor family.
    pub platform: String,
    /// The vector instructions that the losses ran on.
    pub instructions: &'static str,
}

impl Versions {
    /// Those of this program on this machine.
    #[must_use]
    pub fn current() -> Self {
        let lock = include_str!("../../../Cargo.lock");
        let version = |name: &'static str| Some((name, locked(lock, name)?));
        Self {
            reweight: env!("CARGO_PKG_VERSION"),
            libraries: LIBRARIES.into_iter().filter_map(version).collect(),
            platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            instructions: InstructionSet::active().unwrap_or_else(|_| InstructionSet::detected()).name(),
        }
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        write!(f, "reweight {}, {}, {}, {threads} cores", self.reweight, self.platform, self.instructions)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_libraries_are_found_in_the_lock_file() {
        let versions = Versions::current();
        assert!(versions.libraries["dfdx"].starts_with("0.13"), "{versions:?}");
        assert!(versions.libraries.contains_key("rand_chacha"));
        let lock = "[[package]]\nname = \"a\"\nversion = \"1.0\"\n\n[[package]]\nname = \"a\"\nversion = \"2.1\"\n";
        assert_eq!(locked(lock, "a").as_deref(), Some("1.0 and 2.1"));
        assert_eq!(locked(lock, "b"), None);
    }
}
