//! The files that are checked: all that git would track, read once.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use proc_macro2::TokenStream;

/// A folder with its files' texts.
#[derive(Debug)]
pub(super) struct Tree {
    root: PathBuf,
    files: BTreeMap<String, Option<String>>,
}

/// A Rust file.
#[derive(Debug)]
pub(super) struct Source<'a> {
    /// From the top folder, with `/`.
    pub(super) path: &'a str,
    pub(super) text: &'a str,
}

impl Source<'_> {
    /// Its tokens.
    ///
    /// # Errors
    ///
    /// Where it is no Rust.
    pub(super) fn tokens(&self) -> anyhow::Result<TokenStream> {
        let lexed = self.text.parse().map_err(|error| anyhow::anyhow!("{}: {error}", self.path))?;
        Ok(lexed)
    }

    /// A line of it, as messages name it.
    pub(super) fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path)
    }
}

impl Tree {
    /// Reads what is not ignored; files that hold no text are known by name alone.
    ///
    /// # Errors
    ///
    /// Where a file cannot be read.
    pub(super) fn read(root: &Path) -> anyhow::Result<Self> {
        let walk = ignore::WalkBuilder::new(root)
            .hidden(false)
            .require_git(false)
            .filter_entry(|entry| entry.file_name() != ".git")
            .build();
        let mut files = BTreeMap::new();
        for entry in walk {
            let entry = entry?;
            if entry.file_type().is_some_and(|kind| kind.is_file()) {
                let bytes = fs::read(entry.path()).with_context(|| entry.path().display().to_string())?;
                let parts = entry.path().strip_prefix(root)?.components();
                let path: Vec<_> = parts.map(|part| part.as_os_str().to_string_lossy()).collect();
                files.insert(path.join("/"), String::from_utf8(bytes).ok());
            }
        }
        Ok(Self { root: root.to_owned(), files })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// All files, from the top folder.
    pub(super) fn files(&self) -> &BTreeMap<String, Option<String>> {
        &self.files
    }

    /// A file's text.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path)?.as_deref()
    }

    /// Texts of the files with this ending.
    pub(super) fn with_ending<'a>(&'a self, ending: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.files
            .iter()
            .filter(move |(path, _)| path.ends_with(ending))
            .filter_map(|(path, text)| Some((path.as_str(), text.as_deref()?)))
    }

    /// The Rust files.
    pub(super) fn sources(&self) -> impl Iterator<Item = Source<'_>> {
        self.with_ending(".rs").map(|(path, text)| Source { path, text })
    }

    /// Whether there is such a file or folder.
    pub(super) fn holds(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        path.is_empty() || self.files.contains_key(path) || self.files.keys().any(|file| file.starts_with(&folder))
    }
}

/// A folder for a test, with these files in it, read.
#[cfg(test)]
pub(super) fn sample(files: &[(&str, &str)]) -> anyhow::Result<(tempfile::TempDir, Tree)> {
    let folder = tempfile::tempdir()?;
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().context("a file lies in a folder")?)?;
        fs::write(path, text)?;
    }
    let tree = Tree::read(folder.path())?;
    Ok((folder, tree))
}

/// Where a rule finds something in these files, sorted.
#[cfg(test)]
pub(super) fn places(
    rule: fn(&Tree) -> anyhow::Result<Vec<super::Finding>>,
    files: &[(&str, &str)],
) -> anyhow::Result<Vec<String>> {
    let (_folder, tree) = sample(files)?;
    let mut places: Vec<String> = rule(&tree)?.into_iter().map(|finding| finding.place).collect();
    places.sort();
    Ok(places)
}
