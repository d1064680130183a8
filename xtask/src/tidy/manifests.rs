//! Every package takes the workspace's lints, edition and licence, and its minimum Rust version where it does not state one of its
//! own; one for another language's registry is for that alone.

use anyhow::Context;
use toml::{Table, Value};

use super::Finding;
use super::tree::Tree;

/// Settings of `[package]` that the workspace decides.
const INHERITED: [&str; 2] = ["edition", "license"];

pub(super) fn check(tree: &Tree) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for (path, text) in tree.with_ending("/Cargo.toml") {
        let manifest: Table = text.parse().with_context(|| path.to_owned())?;
        let inherits = |table: Option<&Value>| table.and_then(|table| table.get("workspace")) == Some(&Value::Boolean(true));
        if !inherits(manifest.get("lints")) {
            findings.push(Finding::new(path, "take the workspace's lints: `[lints]` with `workspace = true`"));
        }
        let package = manifest.get("package");
        for setting in INHERITED.into_iter().filter(|&setting| !inherits(package.and_then(|own| own.get(setting)))) {
            findings.push(Finding::new(path, format!("take the workspace's setting: `{setting}.workspace = true`")));
        }
        let rust = package.and_then(|own| own.get("rust-version"));
        if !inherits(rust) && rust.and_then(Value::as_str).is_none() {
            let text = "say which Rust it needs: `rust-version.workspace = true`, or a version where it needs less";
            findings.push(Finding::new(path, text));
        }
        if tree.holds(&path.replace("Cargo.toml", "pyproject.toml")) {
            let off = |table: Option<&Value>, setting: &str| {
                table.and_then(|table| table.get(setting)) == Some(&Value::Boolean(false))
            };
            let library = manifest.get("lib");
            if !off(package, "publish") {
                findings.push(Finding::new(path, "is Python's: keep it off the Rust registry by `publish = false`"));
            }
            // A test of it would link an interpreter, and `cargo test` needs none.
            for setting in ["test", "doctest"].into_iter().filter(|setting| !off(library, setting)) {
                findings.push(Finding::new(path, format!("is loaded by Python alone: `{setting} = false` under `[lib]`")));
            }
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::super::tree::places;
    use super::*;

    #[test]
    fn a_python_package_is_not_for_the_rust_registry() -> anyhow::Result<()> {
        let package = "[package]\nname = \"a\"\nlicense.workspace = true\nrust-version.workspace = true\nedition.workspace = true\n";
        let lints = "[lints]\nworkspace = true\n";
        let right = format!("{package}publish = false\n[lib]\ntest = false\ndoctest = false\n{lints}");
        let tested = format!("{package}publish = false\n[lib]\ndoctest = false\n{lints}");
        let published = format!("{package}publish.workspace = true\n[lib]\ntest = false\ndoctest = false\n{lints}");
        let files = [
            ("crates/a/Cargo.toml", right.as_str()),
            ("crates/a/pyproject.toml", ""),
            ("crates/b/Cargo.toml", &tested),
            ("crates/b/pyproject.toml", ""),
            ("crates/c/Cargo.toml", &published),
            ("crates/c/pyproject.toml", ""),
            ("crates/d/Cargo.toml", &published),
        ];
        assert_eq!(places(check, &files)?, ["crates/b/Cargo.toml", "crates/c/Cargo.toml"]);
        Ok(())
    }

    #[test]
    fn what_is_set_in_the_package_itself_is_found() -> anyhow::Result<()> {
        let package = "[package]\nname = \"a\"\nlicense.workspace = true\nrust-version.workspace = true\n";
        let right = format!("{package}edition.workspace = true\n[lints]\nworkspace = true\n");
        let own_edition = format!("{package}edition = \"2021\"\n[lints]\nworkspace = true\n");
        let own_version = right.replace("rust-version.workspace = true", "rust-version = \"1.88\"");
        let no_version = right.replace("rust-version.workspace = true\n", "");
        let own_lints = format!("{package}edition.workspace = true\n[lints.rust]\nunsafe_code = \"allow\"\n");
        let files = [
            ("Cargo.toml", "[workspace]\n"),
            ("crates/a/Cargo.toml", right.as_str()),
            ("crates/b/Cargo.toml", &own_edition),
            ("crates/c/Cargo.toml", &own_lints),
            ("crates/d/Cargo.toml", &own_version),
            ("crates/e/Cargo.toml", &no_version),
        ];
        assert_eq!(places(check, &files)?, ["crates/b/Cargo.toml", "crates/c/Cargo.toml", "crates/e/Cargo.toml"]);
        Ok(())
    }
}
