//! `cargo xtask python`: the Python package, built into a wheel, installed, and checked from Python.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, ensure};
use clap::Args;

use crate::{environment, workspace};

/// The package's folder, from the top folder.
const CRATE: &str = "crates/reweight-python";

/// The tests that need the boosters, with their requirements, from the package's folder.
const WITH_BOOSTERS: &str = "tests/with_boosters";
/// The same of those that need PyTorch.
const WITH_TORCH: &str = "tests/with_torch";

/// The stub and the package's own types against what is imported.
const STUBTEST: [&str; 5] = ["-m", "mypy.stubtest", "reweight_losses", "--mypy-config-file", "pyproject.toml"];

/// A wheel that is larger is no longer quickly installed.
const LARGEST: u64 = 15 << 20;

/// Build the Python package, install it into an environment under target/, and check it.
#[derive(Debug, Args)]
pub(crate) struct Python {
    /// Only this step, after a whole run: `wheel`, `types`, `tests`, `boosters` or `torch`.
    #[arg(long, value_name = "STEP")]
    only: Option<String>,
    /// Only `wheel`, `types` and `tests`, which take little more than the build: boosters and PyTorch install gigabytes.
    #[arg(long, conflicts_with_all = ["only", "bench"])]
    light: bool,
    /// Measure the PyTorch losses against torch.compile and print the table, after a whole run.
    #[arg(long, conflicts_with = "only")]
    bench: bool,
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
    &[
        ("wheel", Python::wheel),
        ("types", Python::types),
        ("tests", Python::tests),
        ("boosters", Python::boosters),
        ("torch", Python::torch),
    ];

impl Python {
    /// What continuous integration runs.
    pub(crate) fn light() -> Self {
        Self { only: None, light: true, bench: false, pytest: Vec::new() }
    }

    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let known: Vec<&str> = STEPS.iter().map(|(name, _)| *name).collect();
        let heavy = |name: &str| self.light && ["boosters", "torch"].contains(&name);
        let wanted = |name: &str| self.only.as_deref().is_none_or(|only| only == name) && !heavy(name);
        ensure!(known.iter().any(|name| wanted(name)), "there is no such step; the steps are: {}", known.join(", "));
        let folder = workspace::packages(workspace::root())?.target_directory.into_std_path_buf().join("python");
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        let requirements = format!("{CRATE}/tests/requirements.txt");
        let python = environment::python(&folder.join("environment"), &requirements, "200 MB; a minute")?;
        let stage = Stage { folder, python };
        if self.bench {
            return workspace::run(&mut stage.with_torch()?.python(["benches/torch_losses.py"]));
        }
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
        let wheel = stage.wheel()?;
        let size = wheel.metadata()?.len();
        println!("{}: {:.1} MB", wheel.display(), size as f64 / 1e6);
        ensure!(size <= LARGEST, "the wheel has {size} bytes, {LARGEST} at most");
        stage.install(&wheel)
    }

    /// The stub of the native module against the module, and the package's own types.
    fn types(&self, stage: &Stage) -> anyhow::Result<()> {
        let without_torch = ["--allowlist", "tests/stubtest-numpy.txt"];
        workspace::run(stage.python(STUBTEST).args(without_torch))?;
        workspace::run(&mut stage.python(["-m", "mypy", "--strict", "--package", "reweight_losses"]))
    }

    /// The tests, the pages' examples among them.
    fn tests(&self, stage: &Stage) -> anyhow::Result<()> {
        let arguments = ["-m", "pytest", "-q", "tests", "--ignore", WITH_BOOSTERS, "--ignore", WITH_TORCH];
        workspace::run(stage.python(arguments).args(&self.pytest))
    }

    /// The modules for the boosters, their page and their examples, in an environment of their own, since the libraries are large.
    fn boosters(&self, stage: &Stage) -> anyhow::Result<()> {
        let own = stage.with("environment-boosters", WITH_BOOSTERS, "1.5 GB; some minutes")?;
        own.install(&stage.wheel()?)?;
        // Threads of several libraries on few cores wait for each other longer than they work.
        let mut tests = own.python(["-m", "pytest", "-q", WITH_BOOSTERS]);
        workspace::run(tests.env("OMP_NUM_THREADS", "1").args(&self.pytest))
    }

    /// The types and the tests of what needs PyTorch, in an environment of their own.
    fn torch(&self, stage: &Stage) -> anyhow::Result<()> {
        let own = stage.with_torch()?;
        own.install(&stage.wheel()?)?;
        workspace::run(&mut own.python(STUBTEST))?;
        workspace::run(&mut own.python(["-m", "mypy", "--strict", "--package", "reweight_losses"]))?;
        workspace::run(own.python(["-m", "pytest", "-q", WITH_TORCH]).args(&self.pytest))
    }
}

impl Stage {
    /// The environment with PyTorch.
    fn with_torch(&self) -> anyhow::Result<Self> {
        self.with("environment-torch", WITH_TORCH, "5 GB; minutes")
    }

    /// An environment of its own for the tests in a folder.
    fn with(&self, name: &str, tests: &str, size: &str) -> anyhow::Result<Self> {
        let folder = self.folder.clone();
        let python = environment::python(&folder.join(name), &format!("{CRATE}/{tests}/requirements.txt"), size)?;
        Ok(Self { folder, python })
    }

    /// The wheel that was built.
    fn wheel(&self) -> anyhow::Result<PathBuf> {
        the_only_file(&self.folder.join("wheels"))
    }

    /// Installs the wheel here.
    fn install(&self, wheel: &Path) -> anyhow::Result<()> {
        let arguments = ["-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall"];
        workspace::run(self.python(arguments).arg(wheel))
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
