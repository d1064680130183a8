//! What a run that was killed has left beside its outputs, and the next run takes away.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::Path;

/// What the names of unfinished files begin with.
pub(super) const PREFIX: &str = ".reweight-";

/// What they end with; six letters and digits stand between.
pub(super) const SUFFIX: &str = ".unfinished";

/// Removes unfinished files that nobody works on any more: those in work are locked.
///
/// A fault is no reason to fail: the file stays, as it would have without trying.
pub(super) fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten().filter(|entry| is_unfinished(&entry.file_name())) {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_file())
            && let Ok(file) = File::open(&path)
            && file.try_lock().is_ok()
        {
            let _ = fs::remove_file(&path);
        }
    }
}

fn is_unfinished(name: &OsStr) -> bool {
    let between = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX));
    between.is_some_and(|between| between.len() == 6 && between.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}
