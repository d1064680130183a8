//! Files of results: written whole or not at all, and never in place of what was read.
//!
//! The way of it: [`Outputs::check`] before any work (is every place free, and none of them an input or given twice) →
//! [`Staged`] (everything is written beside its place, and safe on the disk) → [`Staged::put`] (it takes the place).

mod identity;
mod leftovers;
mod limit;
mod outputs;
mod parts;
mod staged;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

pub use limit::outlive_size_limit;
pub use outputs::{OutputError, Outputs};
pub use parts::place_of_part;
pub use staged::Staged;

/// A file that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{path}: cannot be written; {}", cure(.source))]
pub struct WriteError {
    /// The file.
    pub path: String,
    /// What the system says.
    pub source: io::Error,
}

impl WriteError {
    /// That `path` could not be written.
    pub fn new(path: &Path, source: io::Error) -> Self {
        Self { path: path.display().to_string(), source }
    }
}

/// What the system does not allow, where it is not the file itself.
#[derive(Debug, thiserror::Error)]
enum Denied {
    /// Nothing can be made in its folder.
    #[error("no file can be made in its folder, {0}")]
    Folder(String),
    /// A file in its place would belong to somebody else.
    #[error("it belongs to another user or group, and a new file in its place would not")]
    Owner,
}

impl From<Denied> for io::Error {
    fn from(denied: Denied) -> Self {
        Self::new(io::ErrorKind::PermissionDenied, denied)
    }
}

/// What would mend it.
fn cure(error: &io::Error) -> &'static str {
    use io::ErrorKind;
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(Denied::Folder(_)) => return "have the folder's rights changed, or choose another place",
        Some(Denied::Owner) => return "choose another name, or take the file away first",
        None => {}
    }
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => "there is no such folder: make it, or choose another",
        ErrorKind::PermissionDenied => "you may not write there: choose another place, or have the rights changed",
        ErrorKind::ReadOnlyFilesystem => "nothing can be written there: choose another place",
        ErrorKind::IsADirectory => "it is a folder: give the name of a file",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "there is no room left: free some, or choose another place"
        }
        ErrorKind::FileTooLarge => "it would be larger than files may be there: choose another place",
        ErrorKind::BrokenPipe => "its reader left before all of it was written: run both again",
        ErrorKind::InvalidFilename => "the name is too long or holds what a name must not: choose another",
        _ => "choose another place",
    }
}

/// The end of a sentence about what failed: which files are there, and whole, although it did.
pub(crate) fn all_the_same(written: &[String]) -> String {
    match written {
        [] => String::new(),
        [one] => format!("; {one} was written all the same"),
        several => format!("; {} were written all the same", several.join(", ")),
    }
}

/// All of a file that is written by hand or by this program and so has an end; another, such as `/dev/zero` or somebody's
/// logits, is not taken into memory.
///
/// # Errors
///
/// When the file cannot be read, or is longer than `most`.
pub fn read_at_most(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        let text = format!("it is longer than {most} bytes, which no such file is");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    Ok(bytes)
}

/// Writes `bytes` to `path`, whole or not at all; see [`Staged`].
///
/// # Errors
///
/// [`WriteError`] when the folder does not exist, or folder or file may not be written to.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    let mut staged = Staged::new(path)?;
    staged.fill(|file| io::Write::write_all(file, bytes))?;
    staged.put()
}

#[cfg(test)]
mod tests;
