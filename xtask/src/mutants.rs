//! `cargo xtask mutants`: changes the code in one small place at a time, and says which changes no test sees.
//!
//! All of them take days, so that a run is a sample: the mutants whose names, hashed with the seed, come first. It is the same
//! sample on every machine, and hardly another one after a change elsewhere in the code. Each mutant is tried by its crate's own
//! tests; what survives those is tried by the laws on every backend, whose build takes minutes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fs};

use anyhow::{Context, bail, ensure};
use clap::Args;
use sha2::{Digest, Sha256};
use toml::Table;

use crate::workspace::{self, cargo, output, run};

/// The crates whose code is changed.
const CRATES: [&str; 2] = ["reweight", "reweight-ndarray"];

/// What runs the laws.
const LAWS: &str = "reweight-conformance";

/// Its names of mutants are what the list of survivors goes by.
const VERSION: &str = "27.1.0";

/// Survivors that are known, with the reason, from the top folder.
const SURVIVORS: &str = "xtask/mutants.toml";

/// What has to be caught of those that compile.
const LEAST: f64 = 0.95;

/// Seconds after which a mutant's tests are taken to hang.
const PATIENCE: &str = "900";

/// Mutation testing of the core and the CPU engine, by a sample: minutes a mutant.
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
    unviable: usize,
}

impl Mutants {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let tool = tool()?;
        let end = self.minutes.map(|minutes| Instant::now() + Duration::from_secs(60 * minutes));
        let listed = read_survivors(&fs::read_to_string(workspace::root().join(SURVIVORS)).context(SURVIVORS)?)?;
        let mut total = Outcome::default();
        for package in CRATES.into_iter().filter(|name| self.only.as_deref().is_none_or(|only| only == *name)) {
            let all = list(&tool, package)?;
            let sample = sample(&all, self.seed, self.sample);
            let own: Vec<&str> = sample.iter().copied().skip(self.shard.0).step_by(self.shard.1).collect();
            println!("{package}: {} of {} mutants", own.len(), all.len());
            let mut outcome = trial(&tool, package, &own, package, end)?;
            if !self.own_tests {
                let left: Vec<&str> = outcome.missed.iter().map(String::as_str).collect();
                let again = trial(&tool, package, &left, LAWS, end)?;
                outcome.missed.retain(|name| !again.caught.contains(name));
                outcome.caught.extend(again.caught);
            }
            println!("{package}: {}", outcome.shown());
            total.caught.extend(outcome.caught);
            total.missed.extend(outcome.missed);
            total.unviable += outcome.unviable;
        }
        let unlisted: Vec<&String> = total.missed.iter().filter(|name| !listed.contains(&placeless(name))).collect();
        unlisted.iter().for_each(|name| println!("survives: {name}"));
        println!("all: {}", total.shown());
        ensure!(unlisted.is_empty(), "{} survive: write a test that fails with each, or {SURVIVORS} says why none can", unlisted.len());
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
        format!("{caught} of {viable} that compile are caught, {share:.1} % ({} do not compile)", self.unviable)
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

/// Tries these mutants of a crate by the tests of another, until the end.
fn trial(tool: &Path, package: &str, names: &[&str], tests: &str, end: Option<Instant>) -> anyhow::Result<Outcome> {
    if names.is_empty() || end.is_some_and(|end| Instant::now() >= end) {
        return Ok(Outcome::default());
    }
    let target = workspace::packages(workspace::root())?.target_directory.into_std_path_buf();
    let folder = target.join("mutants").join(format!("{package}-by-{tests}"));
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("removing {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let mut command = Command::new(tool);
    command.args(["mutants", "-p", package, "--test-package", tests, "--baseline", "skip", "--timeout", PATIENCE]);
    command.args(["--cap-lints", "true", "--dir"]).arg(workspace::root()).arg("--output").arg(&folder);
    names.iter().for_each(|name| {
        command.arg("--re").arg(format!("^{}$", escaped(name)));
    });
    // Doc tests are compiled one by one, which takes longer than all else.
    command.args(["--", "--lib", "--tests"]).env("CARGO_TARGET_DIR", target.join("mutants/build"));
    let mut child = command.spawn().context("starting cargo-mutants")?;
    wait(&mut child, end)?;
    read_outcome(&folder.join("mutants.out"))
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
    Ok(Outcome { caught, missed: lines("missed.txt")?, unviable: lines("unviable.txt")?.len() })
}

/// The mutants that are known to survive; each has a reason.
fn read_survivors(text: &str) -> anyhow::Result<BTreeSet<String>> {
    let table: Table = text.parse().context(SURVIVORS)?;
    for (mutant, reason) in &table {
        if reason.as_str().is_none_or(|reason| reason.trim().is_empty()) {
            bail!("{SURVIVORS}: say why no test can see `{mutant}`");
        }
    }
    Ok(table.keys().cloned().collect())
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
    fn a_survivor_has_a_reason() {
        assert!(read_survivors("\"replace f with g\" = \" \"").is_err());
        assert_eq!(read_survivors("\"replace f with g\" = \"both are 1\"").expect("right").len(), 1);
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
