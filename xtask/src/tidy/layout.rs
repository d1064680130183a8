//! Rules on where files lie, what they begin with and how long they are.

use std::collections::BTreeSet;

use super::Finding;
use super::tree::Tree;

/// What the top level holds, besides dot-files.
const TOP_LEVEL: [&str; 10] = [
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "crates",
    "docs",
    "tests",
    "xtask",
];

/// Longer files have more than one subject.
const LONGEST: usize = 450;

pub(super) fn top_level(tree: &Tree) -> anyhow::Result<Vec<Finding>> {
    let names: BTreeSet<&str> = tree.files().keys().filter_map(|path| path.split('/').next()).collect();
    let extra = names.iter().filter(|name| !name.starts_with('.') && !TOP_LEVEL.contains(name));
    let extra = extra.map(|name| Finding::new(*name, "does not belong at the top level: put it into a folder there"));
    let missing = TOP_LEVEL.iter().filter(|name| !names.contains(*name));
    Ok(extra.chain(missing.map(|name| Finding::new(*name, "is missing at the top level"))).collect())
}

pub(super) fn no_mod_rs(tree: &Tree) -> anyhow::Result<Vec<Finding>> {
    let found = tree.sources().filter(|source| source.path.ends_with("/mod.rs"));
    Ok(found.map(|source| Finding::new(source.path, "name it after its folder and put it beside that")).collect())
}

pub(super) fn first_line(tree: &Tree) -> anyhow::Result<Vec<Finding>> {
    let found = tree.sources().filter(|source| !source.text.starts_with("//! "));
    Ok(found.map(|source| Finding::new(source.at(1), "say on the first line, after `//!`, what the file is for")).collect())
}

pub(super) fn file_length(tree: &Tree) -> anyhow::Result<Vec<Finding>> {
    let long = tree.sources().map(|source| (source.text.lines().count(), source)).filter(|(lines, _)| *lines > LONGEST);
    Ok(long
        .map(|(lines, source)| {
            Finding::new(source.path, format!("has {lines} lines, {LONGEST} at most: divide it by subject"))
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::super::tree::places;
    use super::*;

    #[test]
    fn the_top_level_is_as_listed() -> anyhow::Result<()> {
        let mut files: Vec<(String, &str)> = Vec::new();
        for name in TOP_LEVEL {
            let is_folder = !name.contains('.') && !name.starts_with("LICENSE");
            files.push((if is_folder { format!("{name}/file") } else { name.to_owned() }, ""));
        }
        files.extend([(".ci/run".to_owned(), ""), ("target/built".to_owned(), ""), (".gitignore".to_owned(), "target/\n")]);
        let right: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        assert_eq!(places(top_level, &right)?, [""; 0]);

        let mut wrong = right;
        wrong.retain(|(path, _)| *path != "LICENSE-MIT");
        wrong.push(("scripts/run.sh", ""));
        assert_eq!(places(top_level, &wrong)?, ["LICENSE-MIT", "scripts"]);
        Ok(())
    }

    #[test]
    fn a_file_is_named_after_its_folder() -> anyhow::Result<()> {
        let files = [("crates/a/src/part/mod.rs", ""), ("crates/a/src/model.rs", ""), ("crates/a/src/mod.rs.txt", "")];
        assert_eq!(places(no_mod_rs, &files)?, ["crates/a/src/part/mod.rs"]);
        Ok(())
    }

    #[test]
    fn a_file_begins_with_its_purpose() -> anyhow::Result<()> {
        let files = [("a.rs", "//! What for.\n"), ("b.rs", "use std::fmt;\n"), ("c.rs", ""), ("d.md", "")];
        assert_eq!(places(first_line, &files)?, ["b.rs:1", "c.rs:1"]);
        Ok(())
    }

    #[test]
    fn the_limit_itself_is_allowed() -> anyhow::Result<()> {
        let (at_limit, above) = ("\n".repeat(LONGEST), "\n".repeat(LONGEST + 1));
        assert_eq!(places(file_length, &[("a.rs", &at_limit), ("b.rs", &above), ("c.csv", &above)])?, ["b.rs"]);
        Ok(())
    }
}
