//! `cargo xtask python`: the Python package, built into a wheel, installed, and checked from Python.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, ensure};
use clap::Args;

use crate::{environment, workspace};

/// The package's folder, from the top folder.
const CRATE: &str = "crates/reweight-python";

/// A wheel that is larger is no longer quickly installed.
const LARGEST: u64 = 15 << 20;

/// Build the Python package, install it into an environment under target/, and check it.
#[derive(Debug, Args)]
pub(crate) struct Python {
    /// Only this step, after a whole run: `wheel`, `types`, `tests` or `boosters`.
    #[arg(long, value_name = "STEP")]
    only: Option<String>,
    /// Arguments for pytest, such as `-k tracing`.
    #[arg(last = true)]
    pytest: Vec<String>,
}

/// An environment with the package in it.
struct Stage {
    folder: PathBuf,
    python: PathBuf,
}

type Step = (&'static str, fn(&Python, &Stage) -> anyhow::Result<()>);

const STEPS: &[Step] =
    &[("wheel", Python::wheel), ("types", Python::types), ("tests", Python::tests), ("boosters", Python::boosters)];

impl Python {
    /// All steps.
    pub(crate) fn whole() -> Self {
        Self { only: None, pytest: Vec::new() }
    }

    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let known: Vec<&str> = STEPS.iter().map(|(name, _)| *name).collect();
        let wanted = |name: &str| self.only.as_deref().is_none_or(|only| only == name);
        ensure!(known.iter().any(|name| wanted(name)), "there is no such step; the steps are: {}", known.join(", "));
        let folder = workspace::packages(workspace::root())?.target_directory.into_std_path_buf().join("python");
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        let requirements = format!("{CRATE}/tests/requirements.txt");
        let python = environment::python(&folder.join("environment"), &requirements, "200 MB; a minute")?;
        let stage = Stage { folder, python };
        STEPS.iter().filter(|(name, _)| wanted(name)).try_for_each(|(_, step)| step(self, &stage))
    }

    /// Builds the wheel as `pip install` would, and installs it.
    fn wheel(&self, stage: &Stage) -> anyhow::Result<()> {
        let wheels = stage.folder.join("wheels");
        if wheels.exists() {
            fs::remove_dir_all(&wheels).with_context(|| format!("removing {}", wheels.display()))?;
        }
        let arguments = ["-m", "maturin", "build", "--quiet", "--release", "--locked", "--out"];
        workspace::run(stage.python(arguments).arg(&wheels).arg("--interpreter").arg(&stage.python))?;
        let wheel = the_only_file(&wheels)?;
        let size = wheel.metadata()?.len();
        println!("{}: {:.1} MB", wheel.display(), size as f64 / 1e6);
        ensure!(size <= LARGEST, "the wheel has {size} bytes, {LARGEST} at most");
        stage.install()
    }

    /// The stub of the native module against the module, and the package's own types.
    fn types(&self, stage: &Stage) -> anyhow::Result<()> {
        workspace::run(&mut stage.python(["-m", "mypy.stubtest", "reweight_losses"]))?;
        workspace::run(&mut stage.python(["-m", "mypy", "--strict", "--package", "reweight_losses"]))
    }

    /// The tests, the pages' examples among them.
    fn tests(&self, stage: &Stage) -> anyhow::Result<()> {
        let arguments = ["-m", "pytest", "-q", "tests", "--ignore", "tests/with_boosters"];
        workspace::run(stage.python(arguments).args(&self.pytest))
    }

    /// The modules for the boosters, their page and their examples, in an environment of their own, since the libraries are large.
    fn boosters(&self, stage: &Stage) -> anyhow::Result<()> {
        let requirements = format!("{CRATE}/tests/with_boosters/requirements.txt");
        let python = environment::python(&stage.folder.join("boosters"), &requirements, "1.5 GB; some minutes")?;
        let own = Stage { folder: stage.folder.clone(), python };
        own.install()?;
        // Threads of several libraries on few cores wait for each other longer than they work.
        let mut tests = own.python(["-m", "pytest", "-q", "tests/with_boosters"]);
        workspace::run(tests.env("OMP_NUM_THREADS", "1").args(&self.pytest))
    }
}

impl Stage {
    /// Installs the wheel that was built last.
    fn install(&self) -> anyhow::Result<()> {
        let wheel = the_only_file(&self.folder.join("wheels"))?;
        let arguments = ["-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall"];
        workspace::run(self.python(arguments).arg(&wheel))
    }

    /// Python in the package's folder.
    fn python(&self, arguments: impl IntoIterator<Item = &'static str>) -> Command {
        let mut command = Command::new(&self.python);
        command.current_dir(workspace::root().join(CRATE)).args(arguments);
        // maturin calls the cargo that called this program; its own environment comes first for what it looks for by name.
        let bin = self.python.parent().unwrap_or(&self.folder).to_path_buf();
        let paths = env::var_os("PATH").unwrap_or_default();
        if let Ok(path) = env::join_paths(std::iter::once(bin).chain(env::split_paths(&paths))) {
            command.env("PATH", path);
        }
        command
    }
}

fn the_only_file(folder: &Path) -> anyhow::Result<PathBuf> {
    let files = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    match &files[..] {
        [file] => Ok(file.clone()),
        _ => anyhow::bail!("{} holds {} files, not one wheel", folder.display(), files.len()),
    }
}
