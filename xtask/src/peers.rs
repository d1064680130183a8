//! `cargo xtask peers`: the CPU engine side by side with PyTorch, torchvision, optax and JAX; writes docs/benchmarks.md.

use std::path::PathBuf;
use std::{env, fs};

use anyhow::{Context, bail};
use clap::Args;

use crate::environment;
use crate::workspace::{self, cargo, run};

mod cases;
mod machine;
mod measure;
mod own;
mod process;
mod report;

use cases::CASES;
use measure::{Effort, Measured};
use process::Process;

/// Measure the CPU engine side by side with its peers in Python, and write docs/benchmarks.md.
#[derive(Debug, Args)]
pub(crate) struct Peers {
    /// Measure only the cases whose name contains this; print the table and write nothing.
    #[arg(long, value_name = "PART")]
    only: Option<String>,
    /// Few repetitions; print the table and write nothing.
    #[arg(long)]
    quick: bool,
    /// Also the peers of which no ratio is asked, loss and gradient compiled as one function among them.
    #[arg(long)]
    all: bool,
    /// Threads of ours and of the peers'; all that there are, if left out.
    #[arg(long)]
    threads: Option<usize>,
}

/// What the page says by hand of its tables, which a new run keeps.
fn by_hand(page: &str) -> &str {
    page.find("\n## What is not met").map_or("", |from| &page[from..])
}

impl Peers {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let folder = workspace::packages(workspace::root())?.target_directory.into_std_path_buf().join("peers");
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        let python = environment::python(&folder.join("python"), "xtask/peers/requirements.txt", "6 GB; minutes")?;
        run(&mut cargo(["build", "--quiet", "--release", "--package", "reweight-engine-tests", "--bin", "steps"]))?;
        let threads = match self.threads {
            Some(threads) => threads,
            None => std::thread::available_parallelism()?.get(),
        };
        let started = std::time::Instant::now();
        let measured = self.measure(&Stage { folder, python, threads })?;
        let text = report::page(&measured)?;
        if self.quick || self.only.is_some() {
            println!("{text}");
        } else {
            let page = workspace::root().join("docs/benchmarks.md");
            let text = text + by_hand(&fs::read_to_string(&page).unwrap_or_default());
            fs::write(&page, text).with_context(|| format!("writing {}", page.display()))?;
            println!("wrote {} after {:.0} s", page.display(), started.elapsed().as_secs_f64());
        }
        let faults = measured.faults().count();
        if faults > 0 {
            bail!("{faults} peers failed or disagree with ours");
        }
        Ok(())
    }

    fn measure(&self, stage: &Stage) -> anyhow::Result<Measured> {
        let wanted = |name: &str| self.only.as_deref().is_none_or(|part| name.contains(part));
        let effort = Effort { all: self.all, ..if self.quick { Effort::QUICK } else { Effort::FULL } };
        let cases: Vec<_> = CASES.iter().filter(|case| wanted(case.name)).collect();
        let mut ours = stage.ours(stage.threads, None)?;
        let mut rows = Vec::new();
        let mut versions = None;
        if !cases.is_empty() {
            let mut theirs = stage.theirs()?;
            versions = Some(theirs.ask(&serde_json::json!({ "versions": true }))?["versions"].clone());
            for case in cases {
                println!("── {}", case.name);
                rows.push(measure::side_by_side(case, &mut ours, &mut theirs, &stage.folder, &effort)?);
            }
        }
        drop(ours);
        let own = own::measure(stage, &effort, &wanted)?;
        if rows.is_empty() && own.is_empty() {
            let names: Vec<&str> = CASES.iter().map(|case| case.name).chain(own::NAMES).collect();
            bail!("no case's name contains `{}`; there are {}", self.only.as_deref().unwrap_or_default(), names.join(", "));
        }
        let mut set = stage.ours(stage.threads, None)?;
        let set = set.ask(&serde_json::json!({ "versions": true }))?["set"].as_str().unwrap_or("?").to_owned();
        Ok(Measured { rows, own, versions, machine: machine::describe(stage.threads, &set)? })
    }
}

/// Where the processes and their files are.
#[derive(Debug)]
struct Stage {
    folder: PathBuf,
    python: PathBuf,
    threads: usize,
}

impl Stage {
    /// A process of the engine's, on `threads` threads and, where one is named, an instruction set.
    fn ours(&self, threads: usize, set: Option<&str>) -> anyhow::Result<Process> {
        let target = self.folder.parent().context("the target folder has no parent")?;
        let program = target.join("release/steps").with_extension(env::consts::EXE_EXTENSION);
        let mut command = std::process::Command::new(program);
        command.env("RAYON_NUM_THREADS", threads.to_string()).env("REWEIGHT_ISA", set.unwrap_or_default());
        Process::start(&mut command)
    }

    /// The process with the peers.
    fn theirs(&self) -> anyhow::Result<Process> {
        let worker = workspace::root().join("xtask/peers/worker.py");
        let mut command = std::process::Command::new(&self.python);
        command.arg(worker).args(["--threads", &self.threads.to_string()]);
        // What torch.compile has built is kept for the next run.
        command.env("TORCHINDUCTOR_CACHE_DIR", self.folder.join("compiled"));
        Process::start(&mut command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_run_keeps_what_was_written_by_hand() {
        assert_eq!(by_hand("# T\n\n| a |\n\n## What is not met, and why\n\n- x\n"), "\n## What is not met, and why\n\n- x\n");
        assert_eq!(by_hand("# T\n\n| a |\n"), "");
    }
}
