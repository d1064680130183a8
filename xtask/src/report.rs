//! `cargo xtask report`: the program's reports, made and, with `--browser`, looked at as a person would.

mod browser;
mod checks;
mod driver;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;
use clap::Args;

use crate::workspace::{self, cargo, run};

/// Make the program's reports, and check them in a browser.
#[derive(Debug, Args)]
pub(crate) struct Report {
    /// Open the reports in headless Chromium, and check console, requests, charts, toggles, hovering, contrast and layout. PATH is
    /// the browser; by default `chromium` on the path. `chromedriver` must be on the path or beside it.
    #[arg(long, value_name = "PATH", num_args = 0..=1, default_missing_value = "chromium")]
    browser: Option<PathBuf>,
    /// Check this report instead of making any; may be given again.
    #[arg(long, value_name = "FILE.html", requires = "browser")]
    file: Vec<PathBuf>,
    /// Write the README's picture, docs/images/report.png, too: of the first report.
    #[arg(long, requires = "browser")]
    picture: bool,
    /// Build the program optimised.
    #[arg(long)]
    release: bool,
}

/// Where the first report leaves its scores for another to be made of.
const SCORES: &str = "wine-scores.csv";

/// What is made: a name, and the program's arguments before `--report FILE`; it runs in the reports' folder.
const REPORTS: &[(&str, &[&str])] = &[
    ("wine", &["compare", "--quiet", "--scores", SCORES]),
    ("wine-classes", &["compare", "--quiet", "--multiclass", "--repeats", "1"]),
    ("wine-inspection", &["inspect", SCORES]),
    ("wine-search", &["tune", "--quiet", "--budget", "none", "--trials", "16", "--repeats", "1"]),
];

impl Report {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let folder = workspace::packages(workspace::root())?.target_directory.into_std_path_buf().join("report");
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        let files = if self.file.is_empty() { self.make(&folder)? } else { self.file.clone() };
        let Some(browser) = &self.browser else { return Ok(()) };
        let driver = driver::Driver::start(browser)?;
        for file in &files {
            let file = file.canonicalize().with_context(|| format!("looking for {}", file.display()))?;
            checks::check(&driver, &file, &folder)?;
        }
        if self.picture {
            let picture = workspace::root().join("docs/images/report.png");
            checks::picture(&driver, &files[0].canonicalize()?, &picture)?;
        }
        println!("screenshots are in {}", folder.display());
        Ok(())
    }

    fn make(&self, folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
        let profile: &[&str] = if self.release { &["--release"] } else { &[] };
        run(&mut cargo(["build", "--quiet", "--package", "reweight-cli"].iter().chain(profile)))?;
        let built = folder.with_file_name(if self.release { "release" } else { "debug" });
        let mut files = Vec::new();
        for (name, arguments) in REPORTS {
            let file = folder.join(format!("{name}.html"));
            let mut command = Command::new(built.join("reweight"));
            run(command.current_dir(folder).args(*arguments).arg("--report").arg(&file).stdout(Stdio::null()))?;
            println!("{}: {:.2} MB", file.display(), fs::metadata(&file)?.len() as f64 / 1e6);
            files.push(file);
        }
        Ok(files)
    }
}
