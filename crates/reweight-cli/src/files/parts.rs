//! Where a part of a result goes: what is whole is worth more, so that a part never takes its place.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// Where a part that was to become `path` is written: there, if nothing is lost by it, or else beside it under a name that is
/// free, `scores.part.csv` or `scores.part2.csv` for `scores.csv`.
#[must_use]
pub fn place_of_part(path: &Path) -> PathBuf {
    if !fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() > 0) {
        return path.to_path_buf();
    }
    let beside = |number: u32| {
        let mut name = path.file_stem().unwrap_or_default().to_owned();
        name.push(if number == 1 { ".part".to_owned() } else { format!(".part{number}") });
        if let Some(ending) = path.extension() {
            name.push(OsString::from("."));
            name.push(ending);
        }
        path.with_file_name(name)
    };
    // Links to nothing count as taken: what they lead to is somebody's.
    (1..).map(beside).find(|place| fs::symlink_metadata(place).is_err()).unwrap_or_else(|| path.to_path_buf())
}
