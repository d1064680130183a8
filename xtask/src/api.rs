//! `cargo xtask api`: what each library makes public, as text in tests/api/, so that a change of it is seen.
//!
//! rustdoc writes it as JSON, which the stable compiler gives only where it is told to take itself for a nightly one. That is told
//! to rustdoc alone and not to cargo: build scripts look for it too, and would build everything anew. So this program stands
//! in for rustdoc and starts the real one.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

use anyhow::{Context, bail, ensure};
use cargo_metadata::Target;
use clap::Args;

use crate::packages::published;
use crate::workspace::{self, cargo, run};

/// The texts, from the top folder.
const FOLDER: &str = "tests/api";

/// What the program alone builds on: its interface is promised to nobody.
const PROGRAMS_OWN: &str = "reweight-lab";

/// Traits of types without a promise to anybody: nightly's own, which come and go with the compiler.
const UNTOLD: [&str; 2] = ["Freeze", "UnsafeUnpin"];

/// Tells this program that it stands in for rustdoc.
const AS_RUSTDOC: &str = "XTASK_AS_RUSTDOC";

/// Compare what the libraries make public with the texts in tests/api/, and show what differs.
#[derive(Debug, Args)]
pub(crate) struct Api {
    /// Write the texts anew.
    #[arg(long)]
    pub(crate) write: bool,
}

impl Api {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let metadata = workspace::packages(workspace::root())?;
        let mut rustdoc = cargo(["doc", "--workspace", "--no-deps", "--lib", "--locked", "--features"]);
        rustdoc.arg(workspace::features(&metadata)).env(AS_RUSTDOC, "1");
        rustdoc.env("RUSTDOC", env::current_exe()?).env("RUSTDOCFLAGS", "-Z unstable-options --output-format json");
        run(&mut rustdoc)?;
        let folder = workspace::root().join(FOLDER);
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        let mut differing = Vec::new();
        // The library in a program is there for its own tests.
        let libraries = published(&metadata).into_iter().filter(|package| !package.targets.iter().any(Target::is_bin));
        for package in libraries.filter(|package| package.name.as_str() != PROGRAMS_OWN) {
            let name = package.name.as_str();
            let json = metadata.target_directory.join(format!("doc/{}.json", name.replace('-', "_")));
            let (own, path) = (public(json.as_std_path())?, folder.join(format!("{name}.txt")));
            if self.write {
                fs::write(&path, own).with_context(|| format!("writing {}", path.display()))?;
                continue;
            }
            let known = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            let changes = changes(&known, &own);
            if !changes.is_empty() {
                println!("{name}:\n{}", changes.join("\n"));
                differing.push(name);
            }
        }
        let mend = "`cargo xtask api --write` writes that down; a line that is gone or changed breaks somebody's build";
        ensure!(differing.is_empty(), "what {} makes public has changed: {mend}", differing.join(", "));
        Ok(())
    }
}

/// The public items, one a line, in order, with the traits that a type has; `Send` and its like too, which a private field can
/// take away.
fn public(json: &Path) -> anyhow::Result<String> {
    let found = public_api::Builder::from_rustdoc_json(json).omit_blanket_impls(true).build();
    let found = found.with_context(|| format!("reading {}", json.display()))?;
    let lines = found.items().map(|item| format!("{item}\n"));
    let untold = |line: &str| UNTOLD.iter().any(|name| line.contains(&format!(" core::marker::{name} for ")));
    Ok(lines.filter(|line| !untold(line)).collect())
}

/// Lines that are gone and lines that are new.
fn changes(known: &str, own: &str) -> Vec<String> {
    let without = |lines: &str, others: &str, mark: &str| -> Vec<String> {
        let others: std::collections::BTreeSet<&str> = others.lines().collect();
        lines.lines().filter(|line| !others.contains(line)).map(|line| format!("{mark}{line}")).collect()
    };
    [without(known, own, "-"), without(own, known, "+")].concat()
}

/// Where this program was started in rustdoc's place: what became of the real one.
pub(crate) fn as_rustdoc() -> Option<ExitCode> {
    env::var_os(AS_RUSTDOC)?;
    let done = rustdoc().and_then(|rustdoc| {
        let status = Command::new(rustdoc).args(env::args_os().skip(1)).env("RUSTC_BOOTSTRAP", "1").status()?;
        if !status.success() {
            bail!("rustdoc failed ({status})");
        }
        Ok(())
    });
    Some(match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    })
}

/// The rustdoc beside the compiler in use.
fn rustdoc() -> anyhow::Result<PathBuf> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let sysroot = workspace::output(Command::new(rustc).args(["--print", "sysroot"]))?;
    Ok(Path::new(sysroot.trim()).join("bin/rustdoc").with_extension(env::consts::EXE_EXTENSION))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_gone_and_new_are_shown() {
        assert_eq!(changes("pub fn a()\npub fn b()\n", "pub fn a()\npub fn b(u8)\n"), ["-pub fn b()", "+pub fn b(u8)"]);
        assert_eq!(changes("pub fn a()\n", "pub fn a()\n"), [""; 0]);
    }
}
