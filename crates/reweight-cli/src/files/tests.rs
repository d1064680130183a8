//! Whole or not at all, in the same place, for the same people; and what is one file and what is two.

use std::fs;
use std::path::Path;

use super::*;

/// Names in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entry = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(entry).collect();
    names.sort();
    names
}

#[test]
fn a_file_is_replaced_and_nothing_is_left_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.json");
    write_whole(&path, b"first, and longer").unwrap();
    write_whole(&path, b"second").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"second");
    assert_eq!(names(folder.path()), ["a.json"]);
}

#[test]
fn what_is_staged_is_not_seen_before_it_is_put() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.json");
    fs::write(&path, b"old").unwrap();
    let mut staged = Staged::new(&path).unwrap();
    staged.fill(|file| io::Write::write_all(file, b"new")).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"old");
    drop(staged);
    assert_eq!(names(folder.path()), ["a.json"]);
    let mut staged = Staged::new(&path).unwrap();
    staged.fill(|file| io::Write::write_all(file, b"new")).unwrap();
    staged.put().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
}

#[test]
fn what_cannot_be_written_is_an_error_with_its_cure() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = write_whole(&folder.path().join("nowhere").join("a"), b"").unwrap_err();
    assert!(nowhere.to_string().contains("there is no such folder"), "{nowhere}");
    let a_folder = write_whole(folder.path(), b"").unwrap_err();
    assert!(a_folder.to_string().contains("it is a folder"), "{a_folder}");
    for ending in ["new/", "new/."] {
        let error = Staged::new(&folder.path().join(ending)).map(drop).unwrap_err();
        assert!(error.to_string().contains("it is a folder"), "{error}");
    }
    let (path, missing) = (folder.path().join("a"), folder.path().join("b"));
    fs::write(&path, b"as it was").unwrap();
    let check = |path: &Path| Outputs::new([("--out", Some(path))]).check();
    assert!(check(&path).is_ok() && check(&missing).is_ok());
    assert!(check(folder.path()).is_err() && check(&folder.path().join("nowhere").join("a")).is_err());
    assert!(fs::read(&path).unwrap() == b"as it was" && !missing.exists());
    let full = WriteError::new(&path, io::ErrorKind::StorageFull.into()).to_string();
    assert!(full.contains("no room left") && !full.contains("folder exists"), "{full}");
}

#[cfg(unix)]
#[test]
fn links_stay_links_and_devices_stay_devices() {
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (folder.path().join("file"), folder.path().join("link"));
    std::os::unix::fs::symlink("file", &link).unwrap();
    for bytes in [&b"made"[..], b"replaced"] {
        write_whole(&link, bytes).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&file).unwrap(), bytes);
    }
    write_whole(Path::new("/dev/null"), b"gone").unwrap();
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
    let (a, b) = (folder.path().join("round"), folder.path().join("and-round"));
    std::os::unix::fs::symlink(&a, &b).unwrap();
    std::os::unix::fs::symlink(&b, &a).unwrap();
    assert!(write_whole(&a, b"").is_err());
}

#[cfg(unix)]
#[test]
fn a_kept_file_keeps_its_mode() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    for mode in [0o600, 0o640, 0o666] {
        let path = folder.path().join(format!("{mode:o}"));
        fs::write(&path, b"old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        write_whole(&path, b"new").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, mode);
    }
}

#[test]
fn one_file_is_not_two_outputs_nor_read_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("data.csv"), b"x").unwrap();
    let (data, by_way, new) = (path("data.csv"), path("./data.csv"), path("new"));
    let refused = |outputs: Outputs<'_>| outputs.check().unwrap_err().to_string();
    let replaces = refused(Outputs::new([("--json", Some(&*by_way))]).reading("the data", &data));
    assert!(replaces.contains("--json") && replaces.contains("would replace the data"), "{replaces}");
    let twice = refused(Outputs::new([("--json", Some(&*new)), ("--report", Some(&*path("./new")))]));
    assert!(twice.contains("--report") && twice.contains("the same file as --json"), "{twice}");
    assert!(refused(Outputs::new([("--report", Some(Path::new("-")))])).contains("./-"));
    #[cfg(unix)]
    {
        let (hard, soft) = (path("hard"), path("soft"));
        fs::hard_link(&data, &hard).unwrap();
        std::os::unix::fs::symlink("data.csv", &soft).unwrap();
        for name in [&hard, &soft] {
            refused(Outputs::new([("--json", Some(&**name))]).reading("the data", &data));
            refused(Outputs::new([("--json", Some(&*data)), ("--report", Some(&**name))]));
        }
        // Two may be thrown away at once.
        let null = Path::new("/dev/null");
        assert!(
            Outputs::new([("--json", Some(null)), ("--report", Some(null))]).reading("the data", null).check().is_ok()
        );
    }
    assert!(Outputs::new([("--json", Some(&*new)), ("--report", None)]).reading("the data", &data).check().is_ok());
    assert_eq!(fs::read(&data).unwrap(), b"x");
}

#[test]
fn what_a_killed_run_left_is_taken_away_and_what_is_in_work_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.json");
    let in_work = Staged::new(&path).unwrap();
    let working = names(folder.path());
    for name in [".reweight-a1B2c3.unfinished", ".reweight-config", "mine.unfinished"] {
        fs::write(folder.path().join(name), b"half").unwrap();
    }
    Outputs::new([("--json", Some(&*path))]).check().unwrap();
    let mut expected = [&working[..], &[".reweight-config".to_owned(), "mine.unfinished".to_owned()]].concat();
    expected.sort();
    assert_eq!(names(folder.path()), expected, "what others named is theirs");
    in_work.put().unwrap();
    assert!(path.exists());
}
