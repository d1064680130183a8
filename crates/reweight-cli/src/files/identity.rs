//! When two paths are one file: by name, by link, by inode.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

/// Links that are followed before they are taken for a circle.
const MOST_LINKS: usize = 40;

/// What a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Identity {
    /// A file or a named pipe that is there.
    #[cfg(unix)]
    Inode { device: u64, number: u64 },
    /// A file that is not there yet, or where there are no inodes.
    Place(PathBuf),
}

/// What `path` leads to; none for what two may write to at once, such as `/dev/null`, and for what cannot be a file.
pub(super) fn identity(path: &Path) -> Option<Identity> {
    match fs::metadata(path) {
        Ok(metadata) => {
            let kind = metadata.file_type();
            #[cfg(unix)]
            if std::os::unix::fs::FileTypeExt::is_fifo(&kind) {
                return of_metadata(&metadata);
            }
            if !kind.is_file() {
                return None;
            }
            of_metadata(&metadata).or_else(|| Some(Identity::Place(fs::canonicalize(path).ok()?)))
        }
        Err(_) => {
            let target = resolved(path).ok()?;
            let folder = fs::canonicalize(folder_of(&target)).ok()?;
            Some(Identity::Place(folder.join(target.file_name()?)))
        }
    }
}

/// The inode, where there are any.
pub(super) fn of_metadata(metadata: &Metadata) -> Option<Identity> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        Some(Identity::Inode { device: metadata.dev(), number: metadata.ino() })
    }
    #[cfg(not(unix))]
    {
        let _ = metadata;
        None
    }
}

/// The path behind all links, also where nothing is there yet.
pub(super) fn resolved(path: &Path) -> io::Result<PathBuf> {
    if let Ok(target) = fs::canonicalize(path) {
        return Ok(target);
    }
    let mut target = path.to_path_buf();
    for _ in 0..MOST_LINKS {
        match fs::read_link(&target) {
            // What a link says is taken from the folder that it lies in.
            Ok(next) => target = folder_of(&target).join(next),
            Err(_) => return Ok(target),
        }
    }
    Err(io::Error::other("its links lead in a circle"))
}

/// Where a file beside `target` lies.
pub(super) fn folder_of(target: &Path) -> &Path {
    target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
