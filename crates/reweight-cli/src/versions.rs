//! What figures were computed with: the program, the libraries that decide their bits, and the processor's instructions.

use std::collections::BTreeMap;
use std::fmt;

use reweight_ndarray::InstructionSet;
use serde::Serialize;

/// Name and version, a line each, of the libraries that a network's bits come from; made by `build.rs`.
const LIBRARIES: &str = include_str!(concat!(env!("OUT_DIR"), "/versions.txt"));

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
        let named = |line: &'static str| line.split_once(' ').map(|(name, version)| (name, version.to_owned()));
        Self {
            reweight: env!("CARGO_PKG_VERSION"),
            libraries: LIBRARIES.lines().filter_map(named).collect(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_libraries_are_found_in_the_lock_file() {
        let versions = Versions::current();
        assert!(versions.libraries["dfdx"].starts_with("0.13"), "{versions:?}");
        assert!(versions.libraries.contains_key("rand_chacha"));
        assert!(versions.libraries["ndarray"].contains("0.17"), "{versions:?}");
    }
}
