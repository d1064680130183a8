//! `cargo xtask snapshots`: writes every insta snapshot anew, or with `--check` says which are out of date.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use cargo_metadata::{Message, Metadata, Target};
use clap::Args;

use crate::workspace::{self, cargo, output};

/// Write all snapshots anew, and delete those that no test reads.
#[derive(Debug, Args)]
pub(crate) struct Snapshots {
    /// Change nothing; fail where a snapshot is out of date, missing, or read by no test.
    #[arg(long)]
    pub(crate) check: bool,
}

impl Snapshots {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let root = workspace::root();
        let metadata = workspace::packages(root)?;
        let references = metadata.target_directory.join("snapshot-references.txt").into_std_path_buf();
        fs::write(&references, "").with_context(|| format!("writing {}", references.display()))?;

        for test in tests_with_snapshots(&metadata)? {
            let mut run = Command::new(&test.executable);
            run.current_dir(&test.folder).env("CARGO_MANIFEST_DIR", &test.folder);
            run.env("INSTA_SNAPSHOT_REFERENCES_FILE", &references).env("INSTA_WORKSPACE_ROOT", root);
            if self.check {
                run.env("INSTA_UPDATE", "no").env("INSTA_REQUIRE_FULL_MATCH", "1");
            } else {
                run.env("INSTA_UPDATE", "force").env("INSTA_FORCE_PASS", "1");
            }
            let status = run.status().with_context(|| format!("starting {}", test.executable.display()))?;
            if !status.success() {
                let mend = "`cargo xtask snapshots` writes them anew; look at the difference before you commit it";
                bail!("the snapshots of {} are out of date, or another of its tests fails: {mend}", test.name);
            }
        }

        let read = fs::read_to_string(&references).with_context(|| format!("reading {}", references.display()))?;
        let read: BTreeSet<PathBuf> = read.lines().map(|line| resolved(Path::new(line))).collect();
        let (snapshots, pending) = snapshot_files(root)?;
        if let Some(inline) = pending.first() {
            // What such a file proposes can be taken over with another tool only.
            bail!("{} comes from an inline snapshot: put the snapshot into a file of its own", inline.display());
        }
        let unread: Vec<&PathBuf> = snapshots.iter().filter(|path| !read.contains(&resolved(path))).collect();
        if self.check && !unread.is_empty() {
            let list: Vec<String> = unread.iter().map(|path| path.display().to_string()).collect();
            bail!("no test reads {}: `cargo xtask snapshots` deletes such files", list.join(", "));
        }
        for path in &unread {
            fs::remove_file(path).with_context(|| format!("deleting {}", path.display()))?;
            println!("deleted {}: no test reads it", path.display());
        }
        println!("snapshots up to date: {}", snapshots.len() - unread.len());
        Ok(())
    }
}

/// A path that compares equal however it was spelled.
fn resolved(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// A built test program.
struct Test {
    name: String,
    executable: PathBuf,
    folder: PathBuf,
}

/// The test programs whose sources use insta; the others need not run for this. All are built by the command that runs
/// all tests, so that after those nothing is built again with other features.
fn tests_with_snapshots(metadata: &Metadata) -> anyhow::Result<Vec<Test>> {
    let mut build = cargo(["test", "--workspace", "--no-run", "--locked", "--message-format=json"]);
    let messages = output(build.stderr(Stdio::inherit()))?;
    let mut tests = Vec::new();
    for message in Message::parse_stream(messages.as_bytes()) {
        let Message::CompilerArtifact(artifact) = message.context("reading what cargo has built")? else { continue };
        let Some(executable) = artifact.executable.filter(|_| artifact.profile.test) else { continue };
        let Some(package) = metadata.packages.iter().find(|package| package.id == artifact.package_id) else { continue };
        let knows_insta = package.dependencies.iter().any(|dependency| dependency.name == "insta");
        if knows_insta && uses_insta(&artifact.target)? {
            let folder = package.manifest_path.parent().context("a manifest lies in a folder")?;
            tests.push(Test {
                name: format!("{} ({})", package.name, artifact.target.name),
                executable: executable.into_std_path_buf(),
                folder: folder.as_std_path().to_owned(),
            });
        }
    }
    Ok(tests)
}

/// Whether a target's root file, or one in the folders that its modules lie in, speaks of insta.
fn uses_insta(target: &Target) -> anyhow::Result<bool> {
    let root = target.src_path.as_std_path();
    let folder = match root.file_stem().and_then(|stem| stem.to_str()) {
        Some("lib" | "main") => root.parent().map(Path::to_owned),
        _ => Some(root.with_extension("")),
    };
    let inside = folder.filter(|folder| folder.is_dir()).map(|folder| files(&folder)).transpose()?.unwrap_or_default();
    for path in inside.iter().map(PathBuf::as_path).chain([root]) {
        let is_rust = path.extension().is_some_and(|extension| extension == "rs");
        if is_rust && fs::read_to_string(path).with_context(|| path.display().to_string())?.contains("insta::") {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Snapshots, and proposals for new ones.
fn snapshot_files(root: &Path) -> anyhow::Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let mut all = files(root)?;
    all.retain(|path| path.extension().is_some_and(|extension| extension == "snap" || extension == "pending-snap"));
    Ok(all.into_iter().partition(|path| path.extension().is_some_and(|extension| extension == "snap")))
}

/// All files below `folder`, ignored ones too (proposals are), but for build outputs.
fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let walk = ignore::WalkBuilder::new(folder)
        .standard_filters(false)
        .hidden(false)
        .filter_entry(|entry| entry.file_name() != "target" && entry.file_name() != ".git")
        .build();
    let mut files = Vec::new();
    for entry in walk {
        let entry = entry?;
        if entry.file_type().is_some_and(|kind| kind.is_file()) {
            files.push(entry.into_path());
        }
    }
    files.sort();
    Ok(files)
}
