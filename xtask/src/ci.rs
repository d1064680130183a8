//! `cargo xtask ci`: all that continuous integration runs, the same as on a developer's machine.

use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;

use crate::api::Api;
use crate::figures::Figures;
use crate::instructions::Instructions;
use crate::packages::Packages;
use crate::python::Python;
use crate::snapshots::Snapshots;
use crate::tidy::Tidy;
use crate::workspace::{self, cargo, run};

/// The command that the README gives for the tests.
const TESTS: &[&str] = &["test", "--workspace"];

/// Run every check, stop at the first that fails.
#[derive(Debug, Args)]
pub(crate) struct Ci {
    /// Start at this step, for going on after a repair.
    #[arg(long, value_name = "STEP")]
    from: Option<String>,
}

type Step = (&'static str, fn() -> anyhow::Result<()>);

/// What takes seconds comes first. Tests, doc tests and benches share one profile, and clippy and rustdoc share their
/// dependencies, so that nothing is built twice.
const STEPS: &[Step] = &[
    ("format", || run(&mut cargo(["fmt", "--all", "--check"]))),
    ("tidy", || Tidy {}.run()),
    ("packages", || Packages { verify: false }.run()),
    ("clippy", clippy),
    ("without TOML", without_toml),
    ("cuda, types alone", cuda_types),
    // Doc tests, the README's among them, are part of it.
    ("tests", || run(cargo(TESTS).env("INSTA_UPDATE", "no"))),
    ("laws by instruction set", instruction_sets),
    ("kernels on the host", kernels),
    ("benches, once", benches),
    ("docs", || run(cargo(["doc", "--workspace", "--no-deps", "--locked"]).env("RUSTDOCFLAGS", "-D warnings"))),
    ("public API", || Api { write: false }.run()),
    ("snapshots", || Snapshots { check: true }.run()),
    ("figures", || Figures { check: true, with_tests: true }.run()),
    // Without the boosters and PyTorch, whose environments take gigabytes: `cargo xtask python` checks with them.
    ("python", || Python::light().run()),
    // Its release build has most of what this one takes.
    ("instructions", Instructions::in_ci),
];

impl Ci {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let first = match &self.from {
            None => 0,
            Some(name) => STEPS.iter().position(|(step, _)| step == name).with_context(|| {
                let known: Vec<&str> = STEPS.iter().map(|(step, _)| *step).collect();
                format!("there is no step `{name}`; the steps are: {}", known.join("; "))
            })?,
        };
        let started = Instant::now();
        for (name, step) in &STEPS[first..] {
            println!("── {name}");
            let begun = Instant::now();
            step().with_context(|| format!("ci stopped at `{name}` after {}", seconds(begun.elapsed())))?;
            println!("── {name}: ok, {}", seconds(begun.elapsed()));
        }
        println!("── all checks passed, {}", seconds(started.elapsed()));
        Ok(())
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.0} s", time.as_secs_f64())
}

fn clippy() -> anyhow::Result<()> {
    let features = workspace::features(&workspace::packages(workspace::root())?);
    let selection = ["clippy", "--workspace", "--all-targets", "--locked", "--features", &features];
    run(&mut cargo(selection.into_iter().chain(["--", "-D", "warnings"])))
}

/// The engine for those who read no TOML: the library alone, as they build it.
fn without_toml() -> anyhow::Result<()> {
    let engine = ["clippy", "-p", "reweight-ndarray", "--lib", "--no-default-features", "--locked"];
    run(&mut cargo(engine.into_iter().chain(["--", "-D", "warnings"])))?;
    let tree = ["tree", "-p", "reweight-ndarray", "--no-default-features", "--edges", "normal", "--prefix", "none", "--format", "{p}"];
    let built = workspace::output(&mut cargo(tree))?;
    let toml = built.lines().find(|line| line.starts_with("toml"));
    anyhow::ensure!(toml.is_none(), "the engine without its feature `toml` builds {}", toml.unwrap_or_default());
    Ok(())
}

/// What is for CUDA, as far as its types go: linking it takes a toolkit.
fn cuda_types() -> anyhow::Result<()> {
    run(&mut cargo(["check", "-p", "reweight-dfdx", "--features", "cuda,ci-check", "--locked"]))?;
    let programs = ["-p", "reweight-dfdx", "-p", "reweight-conformance", "-p", "reweight-cli"];
    let all = ["clippy"].into_iter().chain(programs).chain(["--features", "cuda,ci-check", "--locked"]);
    run(&mut cargo(all.chain(["--lib", "--bins", "--", "-D", "warnings"])))
}

/// The engine's laws on every instruction set that this processor has: the tests before ran on the best.
fn instruction_sets() -> anyhow::Result<()> {
    let laws = ["test", "-p", "reweight-conformance", "-p", "reweight-engine-tests", "--locked", "--quiet"];
    for set in lesser_sets() {
        println!("{set}");
        // What docs/numerics.md states of exact second derivatives, the baseline does not quite keep in `f32`.
        let narrow: &[&str] = if set == "baseline" { &[] } else { &["--test", "ndarray_f32"] };
        let targets = ["--test", "ndarray_f64", "--test", "engine"].iter().chain(narrow);
        run(cargo(laws.iter().chain(targets).copied()).env("REWEIGHT_ISA", set))?;
    }
    Ok(())
}

/// Those below the best one, as the engine names them.
fn lesser_sets() -> Vec<&'static str> {
    #[cfg(target_arch = "x86_64")]
    let sets = [("baseline", std::is_x86_feature_detected!("avx2")), ("avx2", std::is_x86_feature_detected!("avx512f"))];
    #[cfg(not(target_arch = "x86_64"))]
    let sets = [("baseline", cfg!(target_arch = "aarch64"))];
    sets.into_iter().filter(|&(_, lesser)| lesser).map(|(set, _)| set).collect()
}

/// The generated kernels, compiled for the host: not among the README's tests, because it needs a C++ compiler.
fn kernels() -> anyhow::Result<()> {
    run(&mut cargo(["test", "--workspace", "--locked", "--features", "reweight-codegen/host-proof", "--test", "host"]))
}

/// Criterion runs each benchmark once where cargo does not ask it to measure. `--benches` would also run the unit tests
/// a second time.
fn benches() -> anyhow::Result<()> {
    let metadata = workspace::packages(workspace::root())?;
    let any = metadata.packages.iter().flat_map(|package| &package.targets).any(cargo_metadata::Target::is_bench);
    if !any {
        println!("there are none");
        return Ok(());
    }
    run(&mut cargo(["test", "--workspace", "--locked", "--bench", "*"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tests_are_run_by_the_readmes_command() -> std::io::Result<()> {
        let readme = std::fs::read_to_string(workspace::root().join("README.md"))?;
        let command = format!("cargo {}", TESTS.join(" "));
        assert!(readme.lines().any(|line| line.trim() == command), "README.md has no line `{command}`");
        Ok(())
    }
}
