//! `cargo xtask mutants`: changes the code in one small place at a time, and says which changes no test sees.
//!
//! All of them take many hours, so that a run is a sample: the mutants whose names, hashed with the seed, come first. It is the
//! same sample on every machine, and hardly another one after a change elsewhere in the code. Each mutant is tried by its crate's
//! own tests; what survives those is tried by the laws.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fs};

use anyhow::{Context, ensure};
use clap::Args;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::workspace::{self, cargo, output, run};

/// The crates whose code is changed.
const CRATES: [&str; 2] = ["reweight", "reweight-ndarray"];

/// Some tests of the workspace.
#[derive(Clone, Copy, Debug)]
struct Tests {
    /// What results are kept under.
    name: &'static str,
    packages: &'static [&'static str],
    /// As cargo is told; doc tests are compiled one by one, which takes longer than all else.
    targets: &'static [&'static str],
    /// Seconds after which they are taken to hang: several times what they need, on a loaded machine too.
    patience: &'static str,
}

/// A crate's own tests.
fn own(package: &str) -> Tests {
    let (packages, patience): (&[&str], _) = match package {
        "reweight" => (&["reweight"], "60"),
        _ => (&["reweight-ndarray", "reweight-engine-tests"], "150"),
    };
    Tests { name: "own", packages, targets: &["--lib", "--tests", "--all-features"], patience }
}

/// What the laws and the snapshots prove of a crate.
fn laws(package: &str) -> Tests {
    let targets: &[&str] = match package {
        "reweight" => &[
            "--test=reference",
            // What the core schedules, the engine runs.
            "--test=ndarray_f32",
            "--test=parts",
            "--test=weighters",
            "--test=snapshots_config",
            "--test=snapshots_errors",
            "--test=snapshots_weights",
        ],
        _ => &["--test=ndarray_f32", "--test=ndarray_f64", "--test=ndarray_bf16"],
    };
    Tests { name: "laws", packages: &["reweight-conformance"], targets, patience: "400" }
}

/// Its names of mutants are what the list of survivors goes by.
const VERSION: &str = "27.1.0";

/// What is known of mutants, each with the reason, from the top folder.
const KNOWN: &str = "xtask/mutants.toml";

/// What has to be caught of those that compile.
const LEAST: f64 = 0.95;

/// Bytes of stack: frames of code that is not optimised are large.
const STACK: &str = "67108864";

/// Mutation testing of the core and the CPU engine, by a sample: seconds a mutant.
#[derive(Debug, Args)]
pub(crate) struct Mutants {
    /// How many mutants of each crate.
    #[arg(long, value_name = "N", default_value_t = 100)]
    sample: usize,
    /// Another seed draws others.
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// Only this crate: `reweight` or `reweight-ndarray`.
    #[arg(long, value_name = "CRATE", value_parser = CRATES)]
    only: Option<String>,
    /// Every N-th of the sample, from the K-th on, from 0: `K/N`.
    #[arg(long, value_name = "K/N", value_parser = shard, default_value = "0/1")]
    shard: (usize, usize),
    /// Stop after so many minutes, and judge what was tried until then.
    #[arg(long, value_name = "MINUTES")]
    minutes: Option<u64>,
    /// Only the crates' own tests: quicker, and more survive.
    #[arg(long)]
    own_tests: bool,
}

fn shard(text: &str) -> Result<(usize, usize), String> {
    let parts = text.split_once('/').and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
    parts.filter(|(k, n)| k < n).ok_or_else(|| "give it as K/N with K below N, such as 0/4".to_owned())
}

/// What became of mutants.
#[derive(Debug, Default)]
struct Outcome {
    caught: BTreeSet<String>,
    missed: BTreeSet<String>,
    unviable: BTreeSet<String>,
}

impl Mutants {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let tool = tool()?;
        let end = self.minutes.map(|minutes| Instant::now() + Duration::from_secs(60 * minutes));
        let known = Known::read(&fs::read_to_string(workspace::root().join(KNOWN)).context(KNOWN)?)?;
        let mut total = Outcome::default();
        for package in CRATES.into_iter().filter(|name| self.only.as_deref().is_none_or(|only| only == *name)) {
            let mut all = list(&tool, package)?;
            all.retain(|name| !known.leaves_out(name));
            let sample = sample(&all, self.seed, self.sample);
            let chosen: Vec<&str> = sample.iter().copied().skip(self.shard.0).step_by(self.shard.1).collect();
            println!("{package}: {} of {} mutants", chosen.len(), all.len());
            let mut outcome = trial(&tool, package, &chosen, own(package), end)?;
            if !self.own_tests {
                let left: Vec<&str> = outcome.missed.iter().map(String::as_str).collect();
                let again = trial(&tool, package, &left, laws(package), end)?;
                outcome.missed.retain(|name| !again.caught.contains(name));
                outcome.caught.extend(again.caught);
            }
            println!("{package}: {}", outcome.shown());
            total.caught.extend(outcome.caught);
            total.missed.extend(outcome.missed);
            total.unviable.extend(outcome.unviable);
        }
        let unlisted: Vec<&String> = total.missed.iter().filter(|name| !known.survives(name)).collect();
        unlisted.iter().for_each(|name| println!("survives: {name}"));
        println!("all: {}", total.shown());
        ensure!(unlisted.is_empty(), "{} survive: write a test that fails with each, or {KNOWN} says why none can", unlisted.len());
        ensure!(total.share() >= LEAST, "{:.1} % are caught, {:.0} % at least", 100.0 * total.share(), 100.0 * LEAST);
        Ok(())
    }
}

impl Outcome {
    fn share(&self) -> f64 {
        let viable = self.caught.len() + self.missed.len();
        if viable == 0 { 1.0 } else { self.caught.len() as f64 / viable as f64 }
    }

    fn shown(&self) -> String {
        let viable = self.caught.len() + self.missed.len();
        let (caught, share) = (self.caught.len(), 100.0 * self.share());
        format!("{caught} of {viable} that compile are caught, {share:.1} % ({} do not compile)", self.unviable.len())
    }
}

/// Where cargo-mutants is: on the path, or installed below target/.
fn tool() -> anyhow::Result<PathBuf> {
    let folder = workspace::packages(workspace::root())?.target_directory.join("tools").into_std_path_buf();
    let own = folder.join("bin/cargo-mutants").with_extension(env::consts::EXE_EXTENSION);
    let right = |tool: &Path| {
        let version = output(Command::new(tool).args(["mutants", "--version"])).unwrap_or_default();
        version.split_whitespace().last() == Some(VERSION)
    };
    let installed = PathBuf::from("cargo-mutants");
    if let Some(tool) = [installed, own.clone()].into_iter().find(|tool| right(tool)) {
        return Ok(tool);
    }
    println!("installing cargo-mutants {VERSION} below {}", folder.display());
    run(cargo(["install", "cargo-mutants", "--version", VERSION, "--locked", "--root"]).arg(&folder))?;
    Ok(own)
}

/// Every mutant of a crate, by name.
fn list(tool: &Path, package: &str) -> anyhow::Result<Vec<String>> {
    let list = output(Command::new(tool).args(["mutants", "--list", "-p", package, "--dir"]).arg(workspace::root()))?;
    Ok(list.lines().map(str::to_owned).collect())
}

/// A name without line and column, which change with every edit above it.
fn placeless(name: &str) -> String {
    let (place, what) = name.split_once(": ").unwrap_or_default();
    let file = place.split(':').next().unwrap_or_default();
    format!("{file}: {what}")
}

/// Those of `all` whose hashes come first.
fn sample(all: &[String], seed: u64, count: usize) -> Vec<&str> {
    let mut hashed: Vec<(Vec<u8>, &str)> = all
        .iter()
        .map(|name| (Sha256::digest(format!("{seed} {}", placeless(name))).to_vec(), name.as_str()))
        .collect();
    hashed.sort_unstable();
    hashed.into_iter().take(count).map(|(_, name)| name).collect()
}

/// Tries these mutants of a crate by some tests, until the end.
fn trial(
    tool: &Path,
    package: &str,
    names: &[&str],
    tests: Tests,
    end: Option<Instant>,
) -> anyhow::Result<Outcome> {
    if names.is_empty() || end.is_some_and(|end| Instant::now() >= end) {
        return Ok(Outcome::default());
    }
    let target = workspace::packages(workspace::root())?.target_directory.into_std_path_buf();
    let folder = target.join("mutants").join(format!("{package}-by-{}", tests.name));
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("removing {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let lines = folder.join("lines.diff");
    fs::write(&lines, diff(workspace::root(), names)?).with_context(|| format!("writing {}", lines.display()))?;
    let settings = |command: &mut Command| {
        // Between two mutants a few functions change.
        command.env("CARGO_INCREMENTAL", "1").env("RUST_MIN_STACK", STACK);
        command.env("CARGO_TARGET_DIR", target.join("mutants/build"));
    };
    // Tests that fail without a mutant would catch all; cargo-mutants' own check takes the tests of the mutants' crate.
    let mut healthy = cargo(["test", "--quiet", "--profile", "mutants"]);
    healthy.args(tests.packages.iter().flat_map(|package| ["-p", package]));
    settings(healthy.args(tests.targets));
    output(&mut healthy).with_context(|| format!("the tests of {} without a mutant", tests.packages.join(" and ")))?;
    let mut command = Command::new(tool);
    // Shuffled, so that what was tried until the end is a sample, too.
    command.args(["mutants", "--shuffle", "-p", package, "--profile", "mutants"]);
    command.args(tests.packages.iter().flat_map(|package| ["--test-package", package]));
    command.args(["--baseline", "skip", "--timeout", tests.patience, "--cap-lints", "true"]);
    command.arg("--dir").arg(workspace::root()).arg("--output").arg(&folder).arg("--in-diff").arg(&lines);
    command.args(names.iter().flat_map(|name| ["--re".to_owned(), format!("^{}$", escaped(name))]));
    command.args(tests.targets.iter().map(|target| format!("--cargo-arg={target}")));
    settings(&mut command);
    let mut child = command.spawn().context("starting cargo-mutants")?;
    wait(&mut child, end)?;
    let mut outcome = read_outcome(&folder.join("mutants.out"))?;
    // A line may have a deleted field that is not in the sample.
    for tried in [&mut outcome.caught, &mut outcome.missed, &mut outcome.unviable] {
        tried.retain(|name| names.contains(&name.as_str()));
    }
    Ok(outcome)
}

/// The lines where these mutants begin, as a change that has added them: cargo-mutants 27.1 tries every deleted field whatever
/// names it is given, but none outside a change.
fn diff(root: &Path, names: &[&str]) -> anyhow::Result<String> {
    let mut places: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for name in names {
        let mut parts = name.splitn(3, ':');
        let (file, line) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let line = line.parse().with_context(|| format!("`{name}` names no line"))?;
        places.entry(file).or_default().insert(line);
    }
    let mut diff = String::new();
    for (file, lines) in places {
        let text = fs::read_to_string(root.join(file)).with_context(|| format!("reading {file}"))?;
        let _ = writeln!(diff, "--- a/{file}\n+++ b/{file}");
        for (before, line) in lines.into_iter().enumerate() {
            let code = text.lines().nth(line - 1).with_context(|| format!("{file} has no line {line}"))?;
            let _ = writeln!(diff, "@@ -{},0 +{line},1 @@\n+{code}", line - 1 - before);
        }
    }
    Ok(diff)
}

/// Waits for its end, and asks it to stop where time is over: it ends what it has started.
fn wait(child: &mut Child, end: Option<Instant>) -> anyhow::Result<()> {
    let mut asked = false;
    loop {
        if let Some(status) = child.try_wait()? {
            // 2: some survive; 3: some hang.
            let judged = asked || matches!(status.code(), Some(0 | 2 | 3));
            ensure!(judged, "cargo-mutants failed ({status})");
            return Ok(());
        }
        if !asked && end.is_some_and(|end| Instant::now() >= end) {
            run(Command::new("kill").args(["-INT", &child.id().to_string()]))?;
            asked = true;
        }
        thread::sleep(Duration::from_millis(200));
    }
}

/// A regular expression of that text alone.
fn escaped(text: &str) -> String {
    // Of other punctuation an escaped letter may mean something: `\<` is where a word begins.
    let special = |letter: char| r"\.+*?()|[]{}^$#&-~".contains(letter);
    text.chars().flat_map(|letter| special(letter).then_some('\\').into_iter().chain([letter])).collect()
}

/// What cargo-mutants has written down until now.
fn read_outcome(folder: &Path) -> anyhow::Result<Outcome> {
    let lines = |name: &str| -> anyhow::Result<BTreeSet<String>> {
        let path = folder.join(name);
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        Ok(text.lines().map(str::to_owned).collect())
    };
    let mut caught = lines("caught.txt")?;
    // A test that hangs is a test that fails.
    caught.extend(lines("timeout.txt")?);
    Ok(Outcome { caught, missed: lines("missed.txt")?, unviable: lines("unviable.txt")? })
}

/// Mutants that no test can see.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Known {
    /// The beginnings or ends of the names of those that are not tried.
    left_out: BTreeMap<String, String>,
    /// Those that are tried and survive, by names without a line.
    survivors: BTreeMap<String, String>,
}

impl Known {
    fn read(text: &str) -> anyhow::Result<Self> {
        let known: Self = toml::from_str(text).context(KNOWN)?;
        for (mutant, reason) in known.left_out.iter().chain(&known.survivors) {
            ensure!(!reason.trim().is_empty(), "{KNOWN}: say why no test can see `{mutant}`");
        }
        Ok(known)
    }

    fn leaves_out(&self, name: &str) -> bool {
        self.left_out.keys().any(|part| name.starts_with(part.as_str()) || name.ends_with(part.as_str()))
    }

    fn survives(&self, name: &str) -> bool {
        self.survivors.contains_key(&placeless(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_the_seeds_and_moves_with_no_line() {
        let name = |line: usize, what: usize| format!("a.rs:{line}:5: replace f{what} -> u8 with 1");
        let all: Vec<String> = (0..50).map(|what| name(what, what)).collect();
        let moved: Vec<String> = (0..50).map(|what| name(what + 7, what)).collect();
        let names = |all: &[String], seed| -> Vec<String> {
            sample(all, seed, 5).into_iter().map(placeless).collect()
        };
        assert_eq!(names(&all, 1), names(&moved, 1));
        assert_ne!(names(&all, 1), names(&all, 2));
        assert_eq!(placeless(&name(1, 2)), "a.rs: replace f2 -> u8 with 1");
    }

    #[test]
    fn a_name_is_matched_as_it_stands() {
        assert_eq!(escaped("a_b.rs:1:2: replace + with *"), r"a_b\.rs:1:2: replace \+ with \*");
        // A word's edges, had they been escaped.
        assert_eq!(escaped("f -> Vec<u8>"), r"f \-> Vec<u8>");
    }

    #[test]
    fn what_no_test_sees_has_a_reason() {
        let known = |reason| {
            Known::read(&format!("[left-out]\n\">::examples\" = \"any\"\n\"c.rs\" = \"none\"\n[survivors]\n\"a.rs: replace f with g\" = \"{reason}\""))
        };
        assert!(known(" ").is_err());
        let known = known("both are 1").expect("right");
        assert!(known.survives("a.rs:3:4: replace f with g") && !known.survives("b.rs:3:4: replace f with g"));
        assert!(known.leaves_out("a.rs:1:2: replace + with - in <impl BuiltIn for Focal>::examples"));
        assert!(known.leaves_out("c.rs:1:2: replace + with -"));
        assert!(!known.leaves_out("a.rs:1:2: replace <impl BuiltIn for Focal>::examples -> Vec<u8> with vec![]"));
    }

    #[test]
    fn lines_are_those_where_mutants_begin() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("a.rs"), "one\ntwo\nthree\n")?;
        let names = ["a.rs:3:1: replace three", "a.rs:1:4: replace one", "a.rs:3:2: delete three"];
        let expected = "--- a/a.rs\n+++ b/a.rs\n@@ -0,0 +1,1 @@\n+one\n@@ -1,0 +3,1 @@\n+three\n";
        assert_eq!(diff(folder.path(), &names)?, expected);
        assert!(diff(folder.path(), &["a.rs:4:1: replace four"]).is_err());
        Ok(())
    }

    #[test]
    fn a_shard_is_one_of_several() {
        assert_eq!((shard("1/4"), shard("4/4").is_err()), (Ok((1, 4)), true));
    }

    #[test]
    fn what_hangs_is_caught() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        for (name, text) in [("caught.txt", "a\nb\n"), ("timeout.txt", "c\n"), ("missed.txt", "d\n"), ("unviable.txt", "e\n")] {
            fs::write(folder.path().join(name), text)?;
        }
        let outcome = read_outcome(folder.path())?;
        assert_eq!(outcome.shown(), "3 of 4 that compile are caught, 75.0 % (1 do not compile)");
        Ok(())
    }
}
