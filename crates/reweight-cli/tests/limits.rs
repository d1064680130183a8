//! Input that is too large, has no end or is damaged: an error that says what, where and what to do, and no more memory than that takes.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a helper of tests fails as the tests do")]

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use common::{fails, narrow, shell};

#[path = "common/shell.rs"]
mod common;

#[test]
fn a_quote_that_is_never_closed_is_named_by_its_line_however_long_the_file_is() {
    let folder = tempfile::tempdir().unwrap();
    for (before, line) in [(0, 2), (100, 102), (300_000, 300_002)] {
        let mut text = "a,b,y\n".to_owned();
        (0..before).for_each(|row| writeln!(text, "{row},2,{}", row % 2).unwrap());
        text.push_str("1,\"2,0\n");
        (0..300_000).for_each(|row| writeln!(text, "{row},2,{}", row % 2).unwrap());
        fs::write(folder.path().join("a.csv"), text).unwrap();
        for command in ["compare", "inspect"] {
            fails(folder.path(), &format!("reweight {command} a.csv"), &[&format!("line {line}: a quoted cell")]);
        }
    }
    // The quote, and not the row, which begins a line before.
    let text = format!("a,b,y\n1,\"2\n3\",\"0\n{}", "1,2,0\n".repeat(300_000));
    fs::write(folder.path().join("a.csv"), text).unwrap();
    fails(folder.path(), "reweight compare a.csv", &["line 3: a quoted cell"]);
}

#[test]
fn cells_in_quotes_may_be_longer_than_what_a_form_is_understood_from() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = "a,b,y\n".to_owned();
    (0..40)
        .for_each(|row| writeln!(text, "{},\"{}\",{}", row * 7 % 13, "some\nlines\n".repeat(50_000), row % 2).unwrap());
    fs::write(folder.path().join("a.csv"), text).unwrap();
    let output = shell(folder.path(), "reweight compare a.csv --folds 2 --repeats 1 --epochs 1 --hidden none");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn blank_lines_are_said_to_be_blank_and_not_read_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    for lines in [3, 3_000_000] {
        fs::write(folder.path().join("a.csv"), "\n".repeat(lines)).unwrap();
        fails(folder.path(), "reweight compare a.csv", &["a.csv: the file holds nothing but blank lines"]);
    }
    for command in ["compare", "inspect"] {
        fails(folder.path(), &format!("yes '' | reweight {command} -"), &["line 1: nothing but blank lines", "64 MiB"]);
        let line = format!("(printf 'y,p\\n1,0.25\\n0,0.5\\n1,0.75\\n0,0\\n'; yes '') | reweight {command} -");
        fails(folder.path(), &line, &["nothing but blank lines", "64 MiB"]);
    }
}

#[test]
fn what_is_read_is_not_written_to_by_the_shell() {
    let (folder, bytes) = narrow(100);
    for line in [
        "reweight inspect a.csv >> a.csv",
        "reweight inspect - < a.csv >> a.csv",
        "reweight compare a.csv --epochs 1 >> a.csv",
        "reweight tune a.csv --budget none --trials 1 >> a.csv",
    ] {
        fails(folder.path(), line, &["standard output goes to", "which is read; send it to a file of its own"]);
    }
    let output = shell(folder.path(), "reweight inspect a.csv 2>> a.csv");
    assert_eq!(output.status.code(), Some(2));
    fs::write(folder.path().join("loss.toml"), "objective = \"bce\"\n").unwrap();
    fails(folder.path(), "reweight plot weights --config loss.toml >> loss.toml", &["standard output goes to a loss"]);
    assert!(fs::metadata(folder.path().join("a.csv")).unwrap().len() >= bytes as u64);
}

#[test]
fn files_that_are_none_of_ours_are_refused_by_name() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let (folder, _) = narrow(100);
    fails(folder.path(), "reweight compare --repeat /dev/zero", &["/dev/zero: cannot be read", "longer than"]);
    fails(folder.path(), "reweight compare --repeat .", &[".: cannot be read"]);
    let name = OsStr::from_bytes(b"n\xff.csv");
    fs::copy(folder.path().join("a.csv"), folder.path().join(name)).unwrap();
    fails(folder.path(), "reweight compare $'n\\xff.csv'", &["name is not UTF-8", "rename it"]);
    for (text, expected) in [
        ("0,1:0.5,3:2\n1,2:1\n0\n", &["LIBSVM"][..]),
        ("-1\n+1 qid:3 1:0.5\n", &["LIBSVM"]),
        ("b,y\n,0\n,1\n,0\n,1\n", &["`b` is missing in every row"]),
        ("b,y\n1,0\n2,1\n", &["only 1 row is labelled `1`", "bring more rows"]),
    ] {
        fs::write(folder.path().join("b.csv"), text).unwrap();
        fails(folder.path(), "reweight compare b.csv --folds 2", expected);
    }
    let row = |row: usize| {
        format!("{},{}\n", if row == 7 { "it's".to_owned() } else { row.to_string() }, u8::from(row.is_multiple_of(5)))
    };
    let text: String = std::iter::once("b,y\n".to_owned()).chain((0..100).map(row)).collect();
    fs::write(folder.path().join("b.csv"), text).unwrap();
    fails(folder.path(), "reweight compare b.csv", &[r"or say --missing 'it'\''s' if"]);
}

#[test]
fn a_score_of_three_hundred_digits_is_told_in_few() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.csv"), "y,p\n0,0.5\n1,1e307\n0,0.25\n1,0.5\n").unwrap();
    fails(folder.path(), "reweight inspect a.csv", &["(`p`): 1e307 is no probability"]);
}

#[test]
fn a_loss_that_weighs_nothing_and_training_that_diverges_are_told() {
    let (folder, _) = narrow(100);
    let focal = "objective = \"bce\"\n[[weighter]]\nkind = \"focal\"\ngamma = 1e308\n";
    fs::write(folder.path().join("loss.toml"), focal).unwrap();
    let small = "reweight compare a.csv --folds 2 --repeats 1 --epochs 3 --no-presets --strategy mine=loss.toml";
    fails(folder.path(), small, &["strategy `mine`", "nothing is learnt", "`gamma`"]);
    // Of losses that weigh something: of several faults the first to be met is told.
    let line = small.replace("--epochs 3", "--epochs 30").replace("mine=loss.toml", "poly-1") + " --learning-rate 1e30";
    fails(folder.path(), &line, &["strategy `", "diverged", "lower the learning rate"]);
}

#[test]
fn an_output_of_somebody_else_is_refused_before_any_work() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
    use std::os::unix::process::CommandExt;
    /// Some user who is not the tests'.
    const OTHER: u32 = 65_534;
    let (folder, _) = narrow(100);
    if fs::metadata(folder.path()).unwrap().uid() != 0 {
        // Only root can give files away.
        return;
    }
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("open")).unwrap();
    for (name, mode) in [("", 0o755), ("open", 0o777), ("a.csv", 0o644)] {
        fs::set_permissions(path(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    for name in ["open/foreign", "own"] {
        fs::write(path(name), "old").unwrap();
        fs::set_permissions(path(name), fs::Permissions::from_mode(0o666)).unwrap();
    }
    chown(path("own"), Some(OTHER), Some(OTHER)).unwrap();
    let program = path("reweight");
    fs::copy(env!("CARGO_BIN_EXE_reweight"), &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    for (out, expected) in [
        ("open/foreign", "it belongs to another user"),
        ("own", "no file can be made in its folder"),
        ("new", "no file can be made in its folder"),
    ] {
        let mut command = Command::new(&program);
        command.current_dir(folder.path()).args(["compare", "a.csv", "--json", out]).uid(OTHER).gid(OTHER);
        let output = command.output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && output.stdout.is_empty(), "{out}: {message}");
        assert!(message.contains(expected) && message.contains("choose another"), "{out}: {message}");
    }
    assert!(fs::read(path("own")).unwrap() == b"old" && !path("new").exists());
}
