//! Unsafe code: forbidden, but for the files listed here.

use super::Finding;
use super::tokens::{attribute, relaxations};
use super::tree::Tree;

/// Crates that need unsafe code, and the files that hold it, from the crate's folder. Their roots deny what the others'
/// forbid.
const EXPECTED: &[(&str, &[&str])] = &[
    ("crates/reweight-cli", &["src/closed_output.rs"]),
    ("crates/reweight-dfdx", &["src/cuda/gpu.rs"]),
    ("crates/reweight-ndarray", &["src/lanes/isa/f16c.rs", "src/lanes/isa/token.rs"]),
];

pub(super) fn check(tree: &Tree) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for source in tree.sources() {
        let expected = EXPECTED.iter().find_map(|(folder, files)| {
            let inside = source.path.strip_prefix(folder)?.strip_prefix('/')?;
            Some((inside, *files))
        });
        let tokens = source.tokens()?;
        if is_root(tree, source.path) {
            let wanted = if expected.is_some() { "deny" } else { "forbid" };
            let sequence: Vec<_> = tokens.clone().into_iter().collect();
            let sought = format!("{wanted}(unsafe_code)");
            let holds = (0..sequence.len())
                .filter_map(|at| attribute(&sequence[at..]))
                .any(|(group, length)| length == 3 && group.stream().to_string().replace(' ', "") == sought);
            if !holds {
                findings.push(Finding::new(source.path, format!("begin with `#![{sought}]`")));
            }
        }
        let may_relax = expected.is_some_and(|(inside, files)| files.contains(&inside));
        for relaxation in relaxations(tokens) {
            if relaxation.lints.iter().any(|lint| lint == "unsafe_code") && !may_relax {
                let text = "unsafe code is not expected here: see xtask/src/tidy/unsafety.rs";
                findings.push(Finding::new(source.at(relaxation.line), text));
            }
        }
    }
    Ok(findings)
}

/// Whether a file is the root of a library or a program of a package.
fn is_root(tree: &Tree, path: &str) -> bool {
    let package = |folder: &str| tree.holds(&format!("{folder}/Cargo.toml"));
    path.strip_suffix("/src/lib.rs").or_else(|| path.strip_suffix("/src/main.rs")).is_some_and(package)
}

#[cfg(test)]
mod tests {
    use super::super::tree::places;
    use super::*;

    #[test]
    fn unsafe_code_is_forbidden_but_where_expected() -> anyhow::Result<()> {
        let relaxed = "//! x\n#![expect(unsafe_code, reason = \"y\")]\n";
        let files = [
            ("crates/a/Cargo.toml", ""),
            ("crates/a/src/lib.rs", "//! x\n#![forbid(unsafe_code)]\n"),
            ("crates/b/Cargo.toml", ""),
            ("crates/b/src/lib.rs", "//! x\n#![deny(unsafe_code)]\n"),
            ("crates/b/src/main.rs", "//! #![forbid(unsafe_code)]\n"),
            ("crates/b/src/part.rs", relaxed),
            ("crates/reweight-ndarray/Cargo.toml", ""),
            ("crates/reweight-ndarray/src/lib.rs", "//! x\n#![deny(unsafe_code)]\n"),
            ("crates/reweight-ndarray/src/lanes/isa/token.rs", relaxed),
            ("crates/reweight-ndarray/src/step.rs", relaxed),
        ];
        let expected = [
            "crates/b/src/lib.rs",
            "crates/b/src/main.rs",
            "crates/b/src/part.rs:2",
            "crates/reweight-ndarray/src/step.rs:2",
        ];
        assert_eq!(places(check, &files)?, expected);
        Ok(())
    }
}
