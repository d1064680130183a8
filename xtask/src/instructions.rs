//! `cargo xtask instructions`: how many instructions the engine's hot cases take, against the figures in the repository.
//!
//! Times on a shared machine differ by more than what is worth finding; instructions under valgrind are the same to a few in a
//! million. Valgrind knows no AVX-512, so that they are those of AVX2. They are the compiler's as much as ours: the file names
//! its version, and figures of another one are shown and not judged.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use anyhow::{Context, bail, ensure};
use cargo_metadata::Message;
use clap::Args;
use toml::{Table, Value};

use crate::workspace::{self, cargo, output, run};

/// The figures, from the top folder.
const FIGURES: &str = "crates/reweight-ndarray/benches/instructions.toml";

/// A change by more than this share has to be written down.
const TOLERANCE: f64 = 0.02;

/// Count the instructions of the engine's hot cases at AVX2 under valgrind; fail where one differs by more than 2 %.
#[derive(Debug, Args)]
pub(crate) struct Instructions {
    /// Write the figures down.
    #[arg(long)]
    pub(crate) write: bool,
}

/// A case's name and the logits of its batch.
struct Case {
    name: String,
    logits: u64,
}

impl Instructions {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        ensure!(cfg!(target_arch = "x86_64"), "the figures are those of AVX2, and this is another processor");
        ensure!(has_valgrind(), "there is no valgrind here: Debian has it by that name");
        let program = build()?;
        let found = cases(&program)?.into_iter().map(|case| Ok((count(&program, &case)?, case)));
        let found: Vec<(u64, Case)> = found.collect::<anyhow::Result<_>>()?;
        let (path, rustc) = (workspace::root().join(FIGURES), rustc()?);
        if self.write {
            let text = written(&rustc, &found);
            return fs::write(&path, text).with_context(|| format!("writing {}", path.display()));
        }
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let (by, known) = read(&text)?;
        let changed = compared(&known, &found);
        if by != rustc {
            println!("not judged: the figures are those of rustc {by}, and this is {rustc}");
            return Ok(());
        }
        ensure!(
            changed.is_empty(),
            "{} differ from {FIGURES} by more than {:.0} %: find out why, and `cargo xtask instructions --write` writes them down",
            changed.join("; "),
            100.0 * TOLERANCE
        );
        Ok(())
    }

    /// What continuous integration runs: it installs valgrind where it is Debian's to give, and says where it cannot.
    pub(crate) fn in_ci() -> anyhow::Result<()> {
        if !cfg!(target_arch = "x86_64") {
            println!("skipped: the figures are those of AVX2, and this is another processor");
            return Ok(());
        }
        if !has_valgrind() && env::var_os("CI").is_some() {
            let installed = run(Command::new("apt-get").args(["update", "--quiet", "--quiet"])).and_then(|()| {
                run(Command::new("apt-get").args(["install", "--yes", "--quiet", "--no-install-recommends", "valgrind"]))
            });
            if let Err(error) = installed {
                println!("valgrind cannot be installed: {error:#}");
            }
        }
        if !has_valgrind() {
            println!("skipped: there is no valgrind here (Debian: `apt-get install valgrind`)");
            return Ok(());
        }
        Self { write: false }.run()
    }
}

fn has_valgrind() -> bool {
    let version = Command::new("valgrind").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

/// The compiler's version, as it says it.
fn rustc() -> anyhow::Result<String> {
    let version = output(Command::new("rustc").arg("--version").current_dir(workspace::root()))?;
    Ok(version.trim().trim_start_matches("rustc ").to_owned())
}

/// The benchmark, built as a release is: with that of the Python package most of it is built already.
fn build() -> anyhow::Result<PathBuf> {
    let arguments = ["build", "--release", "-p", "reweight-ndarray", "--bench", "instructions", "--locked"];
    let messages = output(cargo(arguments).arg("--message-format=json").stderr(Stdio::inherit()))?;
    for message in Message::parse_stream(messages.as_bytes()) {
        if let Message::CompilerArtifact(artifact) = message.context("reading what cargo has built")?
            && let Some(program) = artifact.executable
            && artifact.target.name == "instructions"
        {
            return Ok(program.into_std_path_buf());
        }
    }
    bail!("cargo built no benchmark `instructions`")
}

fn cases(program: &Path) -> anyhow::Result<Vec<Case>> {
    let list = output(Command::new(program).arg("--list"))?;
    let case = |line: &str| {
        let (logits, name) = line.split_once('\t').with_context(|| format!("`{line}` is no case"))?;
        Ok(Case { name: name.to_owned(), logits: logits.parse()? })
    };
    list.lines().map(case).collect()
}

/// The instructions of one step of that case.
fn count(program: &Path, case: &Case) -> anyhow::Result<u64> {
    let out = program.with_extension("callgrind");
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--quiet", "--tool=callgrind", "--collect-atstart=no", "--toggle-collect=instructions::collected*"]);
    valgrind.arg(format!("--callgrind-out-file={}", out.display())).arg(program).arg(&case.name);
    // What the machine has beside AVX2 is hidden by valgrind itself; the number of threads must not matter, but may cost.
    output(valgrind.env("REWEIGHT_ISA", "avx2").env("RAYON_NUM_THREADS", "1"))?;
    let report = fs::read_to_string(&out).with_context(|| format!("reading {}", out.display()))?;
    let total = report.lines().find_map(|line| line.strip_prefix("totals: ")).context("callgrind gave no total")?;
    let instructions: u64 = total.trim().parse().with_context(|| format!("`{total}` is no count"))?;
    ensure!(instructions > case.logits / 16, "{}: {instructions} instructions cannot be a step", case.name);
    Ok(instructions)
}

/// The file's text.
fn written(rustc: &str, found: &[(u64, Case)]) -> String {
    let head = "# Instructions of one training step a case, at AVX2. `cargo xtask instructions --write` writes them.";
    let lines = found.iter().map(|(instructions, case)| format!("{:?} = {instructions}\n", case.name));
    format!("{head}\nrustc = {rustc:?}\n\n[instructions]\n{}", lines.collect::<String>())
}

/// The compiler and the figures of a file's text.
fn read(text: &str) -> anyhow::Result<(String, BTreeMap<String, u64>)> {
    let table: Table = text.parse().context(FIGURES)?;
    let rustc = table.get("rustc").and_then(Value::as_str).context("the figures name no rustc")?;
    let figures = table.get("instructions").and_then(Value::as_table).context("there are no figures")?;
    let figure = |(name, value): (&String, &Value)| {
        let count = value.as_integer().and_then(|count| u64::try_from(count).ok());
        Ok((name.clone(), count.with_context(|| format!("`{name}` has no count"))?))
    };
    Ok((rustc.to_owned(), figures.iter().map(figure).collect::<anyhow::Result<_>>()?))
}

/// Prints every case, and gives those that differ by too much, are new or are gone.
fn compared(known: &BTreeMap<String, u64>, found: &[(u64, Case)]) -> Vec<String> {
    let mut changed = Vec::new();
    for (instructions, case) in found {
        let each = *instructions as f64 / case.logits as f64;
        let change = known.get(&case.name).map(|&before| *instructions as f64 / before as f64 - 1.0);
        let shown = change.map_or_else(|| "new".to_owned(), |change| format!("{:+.2} %", 100.0 * change));
        println!("{:32} {instructions:9} instructions, {each:5.1} a logit, {shown}", case.name);
        if change.is_none_or(|change| change.abs() > TOLERANCE) {
            changed.push(format!("{} ({shown})", case.name));
        }
    }
    let gone = known.keys().filter(|name| !found.iter().any(|(_, case)| &&case.name == name));
    changed.extend(gone.map(|name| format!("{name} (gone)")));
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(counts: &[(&str, u64)]) -> Vec<(u64, Case)> {
        counts.iter().map(|&(name, count)| (count, Case { name: name.to_owned(), logits: 1_000 })).collect()
    }

    #[test]
    fn what_is_written_is_read_and_judged() -> anyhow::Result<()> {
        let (rustc, known) = read(&written("1.0.0 (a \"b\")", &found(&[("a, b", 10_000), ("c", 500)])))?;
        assert_eq!(rustc, "1.0.0 (a \"b\")");
        assert_eq!(compared(&known, &found(&[("a, b", 10_199), ("c", 491)])), [""; 0]);
        let changed = compared(&known, &found(&[("a, b", 9_799), ("d", 500)]));
        assert_eq!(changed, ["a, b (-2.01 %)", "d (new)", "c (gone)"]);
        Ok(())
    }
}
