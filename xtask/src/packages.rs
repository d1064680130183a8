//! `cargo xtask packages`: what a registry wants of the packages that are for one, and what they ask of their users' toolchain.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, ensure};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};
use clap::Args;

use crate::workspace::{self, cargo, output, run};

/// What every package brings along.
const FILES: [&str; 4] = ["Cargo.toml", "LICENSE-APACHE", "LICENSE-MIT", "README.md"];

/// A larger package, unpacked, holds something that its users do not need.
const LARGEST: u64 = 2 << 20;

/// The registry takes no more of them.
const MOST_WORDS: usize = 5;

/// Check what a registry wants of the packages: metadata, files, sizes, and the minimum Rust version of what they depend on.
#[derive(Debug, Args)]
pub(crate) struct Packages {
    /// Pack them too, and build each from its package, those before it taken from theirs: minutes.
    #[arg(long)]
    pub(crate) verify: bool,
}

impl Packages {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let metadata = MetadataCommand::new().manifest_path(workspace::root().join("Cargo.toml")).exec()?;
        let published = published(&metadata);
        let mut findings = Vec::new();
        for package in &published {
            findings.extend(incomplete(package));
            findings.extend(too_new(&metadata, package));
            findings.extend(files(package)?);
        }
        findings.iter().for_each(|finding| println!("{finding}"));
        ensure!(findings.is_empty(), "{} findings: a registry, or who builds on these packages, would trip over them", findings.len());
        if self.verify {
            verify(&metadata, &published)?;
        }
        Ok(())
    }
}

/// Those that a registry may have.
pub(crate) fn published(metadata: &Metadata) -> Vec<&Package> {
    // `Some([])` is `publish = false`.
    metadata.workspace_packages().into_iter().filter(|package| package.publish.is_none()).collect()
}

/// What its manifest lacks.
fn incomplete(package: &Package) -> Vec<String> {
    let name = &package.name;
    let texts = [
        ("description", package.description.as_deref()),
        ("license", package.license.as_deref()),
        ("readme", package.readme.as_deref().map(|path| path.as_str())),
        ("documentation", package.documentation.as_deref()),
    ];
    let lacks = texts.into_iter().filter(|(_, text)| text.is_none_or(|text| text.trim().is_empty()));
    let mut findings: Vec<String> = lacks.map(|(field, _)| format!("{name}: give it a `{field}`")).collect();
    for (field, words) in [("keywords", &package.keywords), ("categories", &package.categories)] {
        if words.is_empty() || words.len() > MOST_WORDS {
            findings.push(format!("{name}: give it 1 to {MOST_WORDS} `{field}`, not {}", words.len()));
        }
    }
    // A registry strips a dependency of its path; without a version nothing is left, and what only tests need is dropped.
    let bare = package.dependencies.iter().filter(|dependency| dependency.path.is_some());
    for dependency in bare.filter(|dependency| dependency.req.comparators.is_empty()) {
        findings.push(format!("{name}: give its dependency {} a version beside the path", dependency.name));
    }
    findings
}

/// The packages that it always builds and that need a later Rust than it states. Who turns a feature on is told by cargo what that
/// brings along.
fn too_new(metadata: &Metadata, package: &Package) -> Vec<String> {
    let Some(own) = &package.rust_version else { return vec![format!("{}: state its `rust-version`", package.name)] };
    let Some(resolve) = &metadata.resolve else { return Vec::new() };
    let optional = package.dependencies.iter().filter(|dependency| dependency.optional);
    let optional: BTreeSet<&str> = optional.map(|dependency| dependency.name.as_str()).collect();
    let mut known = BTreeSet::from([&package.id]);
    let mut open = vec![&package.id];
    let mut findings = Vec::new();
    while let Some(id) = open.pop() {
        let Some(node) = resolve.nodes.iter().find(|node| &node.id == id) else { continue };
        let built = node.deps.iter().filter(|dependency| {
            dependency.dep_kinds.iter().any(|kind| kind.kind != DependencyKind::Development)
        });
        for dependency in built {
            let Some(other) = metadata.packages.iter().find(|other| other.id == dependency.pkg) else { continue };
            let left_out = id == &package.id && optional.contains(other.name.as_str());
            if left_out || !known.insert(&dependency.pkg) {
                continue;
            }
            open.push(&dependency.pkg);
            if let Some(needs) = &other.rust_version
                && needs > own
            {
                findings.push(format!("{}: {} needs Rust {needs}, it states {own}", package.name, other.name));
            }
        }
    }
    findings
}

/// What it packs: prints how much that is, and gives what is missing or too much.
fn files(package: &Package) -> anyhow::Result<Vec<String>> {
    let name = package.name.as_str();
    let list = output(&mut cargo(["package", "--list", "--allow-dirty", "--locked", "-p", name]))?;
    let folder = package.manifest_path.parent().context("a manifest lies in a folder")?;
    let mut bytes = 0;
    for file in list.lines() {
        // Some are made by cargo while it packs.
        bytes += fs::metadata(folder.join(file)).map_or(0, |metadata| metadata.len());
    }
    println!("{name:18} {:3} files, {:4} KB", list.lines().count(), bytes.div_ceil(1_000));
    let missing = FILES.iter().filter(|wanted| !list.lines().any(|file| &file == *wanted));
    let mut findings: Vec<String> = missing.map(|file| format!("{name}: its package lacks {file}")).collect();
    if bytes > LARGEST {
        findings.push(format!("{name}: its package has {bytes} bytes, {LARGEST} at most"));
    }
    Ok(findings)
}

/// Packs all and builds each from what was packed.
fn verify(metadata: &Metadata, published: &[&Package]) -> anyhow::Result<()> {
    let names = published.iter().flat_map(|package| ["-p", package.name.as_str()]);
    run(&mut cargo(["package", "--allow-dirty", "--locked"].into_iter().chain(names)))?;
    for package in published {
        let file = format!("package/{}-{}.crate", package.name, package.version);
        let path = metadata.target_directory.join(file);
        let size = fs::metadata(&path).with_context(|| format!("reading {path}"))?.len();
        println!("{:18} {:4} KB packed", package.name, size.div_ceil(1_000));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_tools_and_pythons_package_stay_off_the_registry() -> anyhow::Result<()> {
        let metadata = workspace::packages(workspace::root())?;
        let mut names: Vec<&str> = published(&metadata).iter().map(|package| package.name.as_str()).collect();
        names.sort_unstable();
        let expected = [
            "reweight",
            "reweight-cli",
            "reweight-codegen",
            "reweight-dfdx",
            "reweight-lab",
            "reweight-ndarray",
            "reweight-testkit",
        ];
        assert_eq!(names, expected);
        Ok(())
    }

    #[test]
    fn what_a_manifest_lacks_is_found() -> anyhow::Result<()> {
        let metadata = workspace::packages(workspace::root())?;
        let mut package = (*published(&metadata).first().context("there is one")?).clone();
        assert_eq!(incomplete(&package), [""; 0]);
        package.description = None;
        package.keywords.clear();
        let found = incomplete(&package);
        assert!(found[0].ends_with("give it a `description`") && found[1].contains("`keywords`"), "{found:?}");
        Ok(())
    }

    #[test]
    fn a_dependency_that_needs_a_later_compiler_is_found() -> anyhow::Result<()> {
        let metadata = MetadataCommand::new().manifest_path(workspace::root().join("Cargo.toml")).exec()?;
        let published = published(&metadata);
        let core = published.iter().find(|package| package.name.as_str() == "reweight").context("the core")?;
        assert_eq!(too_new(&metadata, core), [""; 0]);
        let mut early = (*core).clone();
        early.rust_version = Some("1.56.0".parse()?);
        assert!(!too_new(&metadata, &early).is_empty());
        Ok(())
    }
}
