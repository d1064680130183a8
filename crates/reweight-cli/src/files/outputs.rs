//! The files that a command is to write, looked at before any work: nobody should wait for what cannot be kept, and nothing that
//! is read or already given may be overwritten.

use std::path::Path;

use super::identity::{Identity, folder_of, identity, of_metadata, resolved};
use super::leftovers::sweep;
use super::{Staged, WriteError};

/// Why a command's outputs cannot be what was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the message beside each variant says what its fields mean")]
pub enum OutputError {
    #[error("{option} {path}: this would replace {input}, which is read; give {option} a file of its own")]
    ReplacesInput { option: &'static str, path: String, input: String },
    #[error("{stream} goes to {input}, which is read; send it to a file of its own")]
    StreamIntoInput { stream: &'static str, input: String },
    #[error("{option} {path}: this is the same file as {other}; give each a file of its own")]
    GivenTwice { option: &'static str, path: String, other: String },
    #[error(
        "{option} -: `-` is standard output nowhere but in `reweight inspect --json -`; a file of that name is `./-`"
    )]
    Dash { option: &'static str },
    #[error(transparent)]
    Unwritable(#[from] WriteError),
}

/// The outputs of a command, and what it reads.
#[derive(Debug, Default)]
pub struct Outputs<'a> {
    outputs: Vec<(&'static str, &'a Path)>,
    inputs: Vec<(&'static str, &'a Path)>,
}

impl<'a> Outputs<'a> {
    /// Those of these options that are given.
    #[must_use]
    pub fn new(outputs: impl IntoIterator<Item = (&'static str, Option<&'a Path>)>) -> Self {
        let given = outputs.into_iter().filter_map(|(option, path)| Some((option, path?)));
        Self { outputs: given.collect(), inputs: Vec::new() }
    }

    /// With a file that is read; `-` is standard input.
    #[must_use]
    pub fn reading(mut self, what: &'static str, path: &'a Path) -> Self {
        self.inputs.push((what, path));
        self
    }

    /// With such files.
    #[must_use]
    pub fn reading_all(mut self, what: &'static str, paths: impl IntoIterator<Item = &'a Path>) -> Self {
        self.inputs.extend(paths.into_iter().map(|path| (what, path)));
        self
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.outputs.is_empty()
    }

    /// That every output can be written, none is an input or given twice; and takes away what a killed run left beside them.
    /// Nothing else is changed.
    ///
    /// # Errors
    ///
    /// [`OutputError`], which names both files.
    pub fn check(&self) -> Result<(), OutputError> {
        let mut taken: Vec<(String, Identity)> = Vec::new();
        for &(what, path) in &self.inputs {
            let found = if path.as_os_str() == "-" { standard(std::io::stdin()) } else { identity(path) };
            taken.extend(found.map(|found| (format!("{what} ({})", path.display()), found)));
        }
        let inputs = taken.len();
        let streams =
            [("standard output", standard(std::io::stdout())), ("standard error", standard(std::io::stderr()))];
        for (stream, found) in streams {
            let Some(found) = found else { continue };
            // Appended to, a file would hold what is read of it and what is said about it.
            if let Some((input, _)) = taken[..inputs].iter().find(|(_, other)| *other == found) {
                return Err(OutputError::StreamIntoInput { stream, input: input.clone() });
            }
            taken.push((stream.to_owned(), found));
        }
        for &(option, path) in &self.outputs {
            if path.as_os_str() == "-" {
                return Err(OutputError::Dash { option });
            }
            let Some(own) = identity(path) else { continue };
            if let Some(at) = taken.iter().position(|(_, other)| *other == own) {
                let (path, other) = (path.display().to_string(), taken[at].0.clone());
                return Err(if at < inputs {
                    OutputError::ReplacesInput { option, path, input: other }
                } else {
                    OutputError::GivenTwice { option, path, other }
                });
            }
            taken.push((format!("{option} {}", path.display()), own));
        }
        for &(_, path) in &self.outputs {
            // Dropped again: what it leaves is nothing.
            Staged::new(path)?;
            if let Ok(target) = resolved(path) {
                sweep(folder_of(&target));
            }
        }
        Ok(())
    }
}

/// The file that a standard stream leads to; none if it is a terminal, a pipe, or closed.
#[cfg(unix)]
fn standard(stream: impl std::os::fd::AsFd) -> Option<Identity> {
    let copy = std::fs::File::from(stream.as_fd().try_clone_to_owned().ok()?);
    let metadata = copy.metadata().ok()?;
    metadata.is_file().then(|| of_metadata(&metadata)).flatten()
}

/// There are no inodes to tell it by.
#[cfg(not(unix))]
fn standard<S>(_stream: S) -> Option<Identity> {
    None
}
