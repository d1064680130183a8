//! Dependencies between the crates: arrows only point down, and the core stands alone.

use cargo_metadata::DependencyKind;

use super::Finding;
use super::tree::Tree;
use crate::workspace::{cargo, output, packages};

/// The crates from the bottom up; each may depend on those of the rows before its own. What is not listed (`tests`,
/// `xtask`) may depend on all of them, and none of them on it.
const LAYERS: &[&[&str]] = &[
    &["reweight"],
    &["reweight-codegen", "reweight-ndarray"],
    &["reweight-dfdx", "reweight-testkit"],
    &["reweight-lab"],
    &["reweight-cli"],
    &["reweight-python"],
];

/// Array libraries, which the core must not know.
const ARRAY_LIBRARIES: [&str; 4] = ["candle-core", "cudarc", "dfdx", "ndarray"];

fn layer(name: &str) -> Option<usize> {
    LAYERS.iter().position(|crates| crates.contains(&name))
}

pub(super) fn check(tree: &Tree) -> anyhow::Result<Vec<Finding>> {
    let metadata = packages(tree.root())?;
    let members: Vec<&str> = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    let mut findings = Vec::new();
    for package in &metadata.packages {
        let name = package.name.as_str();
        let own = layer(name);
        let in_crates = package.manifest_path.parent().and_then(|folder| folder.parent()).and_then(|up| up.file_name());
        if own.is_none() && in_crates == Some("crates") {
            findings.push(Finding::new(name, "is in no layer: give it one in xtask/src/tidy/arrows.rs"));
        }
        // What only tests need points nowhere: it is no part of what a user builds.
        let built = package.dependencies.iter().filter(|dependency| dependency.kind != DependencyKind::Development);
        for other in built.map(|dependency| dependency.name.as_str()).filter(|name| members.contains(name)) {
            let down = match (own, layer(other)) {
                (Some(own), Some(other)) => other < own,
                (None, _) => true,
                (Some(_), None) => false,
            };
            if !down {
                findings.push(Finding::new(name, format!("must not depend on {other}: arrows only point down")));
            }
        }
    }
    Ok(findings)
}

pub(super) fn core_alone(_: &Tree) -> anyhow::Result<Vec<Finding>> {
    let listing = ["tree", "--package", "reweight", "--all-features", "--prefix", "none", "--format", "{p}"];
    Ok(array_libraries(&output(&mut cargo(listing))?))
}

/// Those that a dependency tree names, one package a line.
fn array_libraries(listing: &str) -> Vec<Finding> {
    let names = listing.lines().filter_map(|line| line.split_whitespace().next());
    let found: std::collections::BTreeSet<&str> = names.filter(|name| ARRAY_LIBRARIES.contains(name)).collect();
    found.into_iter().map(|name| Finding::new("reweight", format!("must know no array library, but builds {name}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tree::places;
    use super::*;

    fn package(name: &str, dependencies: &str) -> String {
        format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[lib]\npath = \"lib.rs\"\n{dependencies}")
    }

    #[test]
    fn an_arrow_that_points_up_or_sideways_is_found() -> anyhow::Result<()> {
        let core = package("reweight", "[dev-dependencies]\nreweight-ndarray = { path = \"../reweight-ndarray\" }\n");
        let engine = package("reweight-ndarray", "[dependencies]\nreweight = { path = \"../reweight\" }\n");
        let sideways = engine.clone() + "reweight-codegen = { path = \"../reweight-codegen\" }\n";
        let testkit = package("reweight-testkit", "[build-dependencies]\nreweight-cli = { path = \"../reweight-cli\" }\n");
        let program = package("reweight-cli", "");
        let stranger = package("stranger", "[dependencies]\nreweight-cli = { path = \"../reweight-cli\" }\n");
        let workspace = "[workspace]\nmembers = [\"crates/*\"]\nresolver = \"3\"\n";
        let mut files = vec![
            ("Cargo.toml".to_owned(), workspace.to_owned()),
            ("crates/reweight/Cargo.toml".to_owned(), core),
            ("crates/reweight-ndarray/Cargo.toml".to_owned(), engine),
            ("crates/reweight-testkit/Cargo.toml".to_owned(), package("reweight-testkit", "")),
            ("crates/reweight-cli/Cargo.toml".to_owned(), program),
            ("crates/reweight-codegen/Cargo.toml".to_owned(), package("reweight-codegen", "")),
        ];
        let run = |files: &[(String, String)]| {
            let libraries: Vec<(String, String)> = files[1..]
                .iter()
                .map(|(path, _)| (path.replace("Cargo.toml", "lib.rs"), String::new()))
                .collect();
            let all: Vec<(&str, &str)> =
                files.iter().chain(&libraries).map(|(path, text)| (path.as_str(), text.as_str())).collect();
            places(check, &all)
        };
        assert_eq!(run(&files)?, [""; 0]);

        files[2].1 = sideways;
        files[3].1 = testkit;
        files.push(("crates/stranger/Cargo.toml".to_owned(), stranger));
        assert_eq!(run(&files)?, ["reweight-ndarray", "reweight-testkit", "stranger"]);
        Ok(())
    }

    #[test]
    fn an_array_library_is_found_once() {
        let listing = "reweight v0.1.0 (/somewhere)\nserde v1.0.0\nndarray v0.17.2\nndarray v0.17.2 (*)\nndarray-npy v0.1.0\n";
        assert_eq!(array_libraries(listing).len(), 1);
        assert!(array_libraries("reweight v0.1.0\nserde v1.0.0\n\n").is_empty());
    }
}
