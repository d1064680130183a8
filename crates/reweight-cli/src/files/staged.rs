//! A file that is written beside its place and then takes it, so that it is there whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, Write};
#[cfg(unix)]
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::identity::{folder_of, resolved};
use super::leftovers::{PREFIX, SUFFIX};
use super::{Denied, WriteError};

/// What is to become a file. Nobody sees it before [`put`](Self::put), and dropping it leaves nothing behind.
///
/// The file keeps mode and owner where there was one, and a link is followed. What is no ordinary file, such as `/dev/stdout`
/// or a named pipe, is written to as it stands: putting another file in its place would destroy it.
#[derive(Debug)]
pub struct Staged {
    path: PathBuf,
    target: PathBuf,
    bytes: Bytes,
}

#[derive(Debug)]
enum Bytes {
    /// Beside the place, in the same folder.
    Beside(NamedTempFile),
    /// For what cannot be replaced: in no folder at all.
    Spooled(File),
}

impl Staged {
    /// Begins a file for `path`.
    ///
    /// # Errors
    ///
    /// [`WriteError`] when the folder does not exist, or folder or file may not be written to.
    pub fn new(path: &Path) -> Result<Self, WriteError> {
        let begin = || -> io::Result<Self> {
            // A name that ends so is a folder's, also of one that is not there.
            let name = path.as_os_str().as_encoded_bytes();
            if name.ends_with(b"/") || name.ends_with(b"/.") || fs::metadata(path).is_ok_and(|found| found.is_dir()) {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
                // Under its own name: what `/dev/stdout` leads to may have no other.
                return Ok(Self::spooled(path, tempfile::tempfile()?));
            }
            let target = resolved(path)?;
            let bytes = match fs::metadata(&target) {
                Ok(existing) => {
                    // A rename would replace even a file that may not be written to.
                    OpenOptions::new().write(true).open(&target)?;
                    let beside = beside(&target, Some(&existing))?;
                    keep(beside.as_file(), &existing)?;
                    Bytes::Beside(beside)
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => Bytes::Beside(beside(&target, None)?),
                Err(error) => return Err(error),
            };
            Ok(Self { path: path.to_path_buf(), target, bytes })
        };
        begin().map_err(|source| WriteError::new(path, source))
    }

    fn spooled(path: &Path, file: File) -> Self {
        Self { path: path.to_path_buf(), target: path.to_path_buf(), bytes: Bytes::Spooled(file) }
    }

    /// Writes the contents, down to the disk.
    ///
    /// # Errors
    ///
    /// [`WriteError`] when `write` fails or the disk does.
    pub fn fill(&mut self, write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), WriteError> {
        write(self.file()).map_err(|source| self.refuse(source))?;
        self.sync()
    }

    /// Where the contents are written to; [`sync`](Self::sync) follows.
    pub fn file(&mut self) -> &mut File {
        match &mut self.bytes {
            Bytes::Beside(file) => file.as_file_mut(),
            Bytes::Spooled(file) => file,
        }
    }

    /// The error of contents that could not be written.
    pub fn refuse(&self, source: io::Error) -> WriteError {
        WriteError::new(&self.path, source)
    }

    /// Brings the contents to the disk: a rename that reached it before them would leave an empty file behind a power failure.
    ///
    /// # Errors
    ///
    /// [`WriteError`] when the disk fails.
    pub fn sync(&self) -> Result<(), WriteError> {
        match &self.bytes {
            Bytes::Beside(file) => file.as_file().sync_all().map_err(|source| self.refuse(source)),
            Bytes::Spooled(_) => Ok(()),
        }
    }

    /// Lets it take its place.
    ///
    /// # Errors
    ///
    /// [`WriteError`] when that is not possible; what was there is then still there.
    pub fn put(self) -> Result<(), WriteError> {
        let put = match self.bytes {
            Bytes::Beside(file) => file.persist(&self.target).map_err(|error| error.error).and_then(|file| {
                drop(file);
                sync_folder(folder_of(&self.target))
            }),
            Bytes::Spooled(mut file) => copy(&mut file, &self.target),
        };
        put.map_err(|source| WriteError::new(&self.path, source))
    }
}

fn copy(from: &mut File, target: &Path) -> io::Result<()> {
    from.rewind()?;
    let mut to = OpenOptions::new().write(true).open(target)?;
    io::copy(from, &mut to)?;
    to.flush()
}

/// A new file in the folder of `target`, locked as long as it is open: what is not locked was left by a run that was killed.
fn beside(target: &Path, existing: Option<&fs::Metadata>) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX);
    // At no time may more people read it than may read the file that it replaces. Of a new file's mode the process's mask takes
    // its share.
    #[cfg(unix)]
    builder.permissions(existing.map_or_else(|| PermissionsExt::from_mode(0o666), fs::Metadata::permissions));
    let folder = folder_of(target);
    // Of these two the system says what is wrong; `tempfile` names a file that nobody asked for.
    if !fs::metadata(folder)?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    loop {
        let file = builder.tempfile_in(folder).map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => Denied::Folder(folder.display().to_string()).into(),
            kind => io::Error::from(kind),
        })?;
        // Where files cannot be locked nobody tidies up either.
        let locked = file.as_file().lock().is_ok();
        // Between its birth and its lock another run may have taken it for a leftover.
        if !locked || file.path().exists() {
            return Ok(file);
        }
    }
}

/// Gives `file` the owner, group and mode of the file that it replaces.
#[cfg(unix)]
fn keep(file: &File, existing: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (existing.uid(), existing.gid()) {
        fchown(file, Some(existing.uid()), Some(existing.gid())).map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => Denied::Owner.into(),
            _ => error,
        })?;
    }
    // Whatever the mask has taken away.
    file.set_permissions(existing.permissions())
}

/// The folder alone decides.
#[cfg(not(unix))]
fn keep(_file: &File, _existing: &fs::Metadata) -> io::Result<()> {
    Ok(())
}

/// Lets a new name in a folder survive a power failure. A folder that may be written to and not read cannot be asked to; the
/// file is whole all the same.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder) {
        Ok(folder) => match folder.sync_all() {
            // Some file systems cannot do that to a folder.
            Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
            synced => synced,
        },
        Err(_) => Ok(()),
    }
}

/// There is no such thing elsewhere.
#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}
