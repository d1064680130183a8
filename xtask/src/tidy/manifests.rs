//! Every package takes the workspace's lints, edition, minimum Rust version and licence.

use anyhow::Context;
use toml::{Table, Value};

use super::Finding;
use super::tree::Tree;

/// Settings of `[package]` that the workspace decides.
const INHERITED: [&str; 3] = ["edition", "license", "rust-version"];

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
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::super::tree::places;
    use super::*;

    #[test]
    fn what_is_set_in_the_package_itself_is_found() -> anyhow::Result<()> {
        let package = "[package]\nname = \"a\"\nlicense.workspace = true\nrust-version.workspace = true\n";
        let right = format!("{package}edition.workspace = true\n[lints]\nworkspace = true\n");
        let own_edition = format!("{package}edition = \"2021\"\n[lints]\nworkspace = true\n");
        let own_lints = format!("{package}edition.workspace = true\n[lints.rust]\nunsafe_code = \"allow\"\n");
        let files = [
            ("Cargo.toml", "[workspace]\n"),
            ("crates/a/Cargo.toml", right.as_str()),
            ("crates/b/Cargo.toml", &own_edition),
            ("crates/c/Cargo.toml", &own_lints),
        ];
        assert_eq!(places(check, &files)?, ["crates/b/Cargo.toml", "crates/c/Cargo.toml"]);
        Ok(())
    }
}
