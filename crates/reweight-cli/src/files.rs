//! Files written whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Writes `bytes` to `path`, whole or not at all: into a file beside it, which then takes its place.
///
/// What is not an ordinary file, such as `/dev/stdout` or a named pipe, is written to as it stands: putting another file
/// in its place would destroy it. A link is followed.
///
/// # Errors
///
/// When the folder does not exist, or folder or file may not be written to.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    if let Ok(existing) = fs::metadata(&target) {
        // Opened before anything else: a rename would replace even a file that may not be written to.
        let mut file = OpenOptions::new().write(true).open(&target)?;
        if !existing.is_file() {
            return file.write_all(bytes);
        }
    }
    let mut beside = tempfile::Builder::new();
    beside.prefix(".reweight-");
    #[cfg(unix)]
    beside.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = beside.tempfile_in(folder_of(&target))?;
    file.write_all(bytes)?;
    let written: File = file.persist(&target)?;
    written.sync_all()
}

/// Whether [`write_whole`] could write to `path` now, so that nobody waits for what cannot be kept. Writes nothing.
///
/// # Errors
///
/// As [`write_whole`].
pub fn check_writable(path: &Path) -> io::Result<()> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    if let Ok(existing) = fs::metadata(&target) {
        if existing.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if !existing.is_file() {
            // A pipe opened twice would tell its reader that it has ended.
            return Ok(());
        }
        OpenOptions::new().write(true).open(&target)?;
    }
    tempfile::tempfile_in(folder_of(&target)).map(drop)
}

/// Where a file beside `target` lies.
fn folder_of(target: &Path) -> &Path {
    target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        write_whole(&path, b"first, and longer").unwrap();
        write_whole(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_written_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(write_whole(&folder.path().join("nowhere").join("a"), b"").is_err());
        assert!(write_whole(folder.path(), b"").is_err());
        assert!(check_writable(&folder.path().join("nowhere").join("a")).is_err());
        assert!(check_writable(folder.path()).is_err());
        let (path, missing) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&path, b"as it was").unwrap();
        assert!(check_writable(&path).is_ok() && check_writable(&missing).is_ok());
        assert!(fs::read(&path).unwrap() == b"as it was" && !missing.exists());
    }

    #[cfg(unix)]
    #[test]
    fn links_stay_links_and_devices_stay_devices() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, b"old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write_whole(&link, b"new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"new");
        write_whole(Path::new("/dev/null"), b"gone").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }
}
