//! `cargo xtask figures`: draws the docs' figures and the README's terminal session with the program itself, or with `--check` says
//! which are out of date.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use cargo_metadata::Message;
use clap::Args;

use crate::workspace::{self, cargo, output};

/// Draw the docs' figures and the README's terminal session anew.
#[derive(Debug, Args)]
pub(crate) struct Figures {
    /// Change nothing; fail where a figure or the session is out of date or missing.
    #[arg(long)]
    pub(crate) check: bool,

    /// Take the program that was built along with the tests; only that is at hand where those have just run.
    #[arg(long)]
    pub(crate) with_tests: bool,
}

/// Each figure's file, and the command that draws it, but for its `--out`.
const FIGURES: &[(&str, &[&str])] = &[
    ("docs/images/focal.svg", &["plot", "weights", "--title", "Focal: (1 − p_t)^γ"]),
    (
        "docs/images/alpha-focal.svg",
        &[
            "plot",
            "weights",
            "--config",
            "docs/examples/alpha-balance.toml",
            "--config",
            "docs/examples/alpha-focal.toml",
            "--config",
            "docs/examples/asymmetric.toml",
            "--title",
            "Weights that differ by target",
        ],
    ),
];

/// The session's page and command line.
const PAGE: &str = "README.md";
const SESSION: &str = "reweight inspect docs/examples/red-wines.csv --quiet --top 3";

/// What the session stands between.
const BEGIN: &str = "<!-- `cargo xtask figures` writes this session -->\n```console\n";
const END: &str = "```\n<!-- the session's end -->";

impl Figures {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let program = self.program()?;
        let run = |arguments: &[&str]| -> anyhow::Result<String> {
            let mut command = Command::new(&program);
            // Neither colours nor the width of this terminal.
            command.current_dir(workspace::root()).env("NO_COLOR", "1").env_remove("CLICOLOR_FORCE").args(arguments);
            let output = command.stdin(Stdio::null()).output().with_context(|| format!("starting {}", program.display()))?;
            if !output.status.success() {
                let message = String::from_utf8_lossy(&output.stderr).into_owned();
                bail!("`reweight {}` failed: {}", arguments.join(" "), message.trim());
            }
            Ok(String::from_utf8(output.stdout)?)
        };
        let folder = workspace::packages(workspace::root())?.target_directory.into_std_path_buf().join("figures");
        fs::create_dir_all(&folder)?;
        let mut stale = Vec::new();
        for (path, arguments) in FIGURES {
            let file_name = Path::new(path).file_name().context("a figure's path ends in a name")?;
            let drawn = folder.join(file_name);
            let drawn_at = drawn.to_str().context("the target folder's path is text")?;
            run(&[*arguments, &["--out", drawn_at]].concat())?;
            self.settle(path, &fs::read(&drawn)?, &mut stale)?;
        }
        let words: Vec<&str> = SESSION.split(' ').skip(1).collect();
        let page = fs::read_to_string(workspace::root().join(PAGE))?;
        self.settle(PAGE, with_session(&page, &run(&words)?)?.as_bytes(), &mut stale)?;
        if !stale.is_empty() {
            bail!("out of date: {}; `cargo xtask figures` draws them anew", stale.join(", "));
        }
        println!("figures up to date: {}, and the session of {PAGE}", FIGURES.len());
        Ok(())
    }

    /// Writes a file that differs from what it should be, or notes it.
    fn settle(&self, path: &'static str, wanted: &[u8], stale: &mut Vec<&'static str>) -> anyhow::Result<()> {
        let file = workspace::root().join(path);
        if fs::read(&file).is_ok_and(|found| found == wanted) {
            return Ok(());
        }
        if self.check {
            stale.push(path);
            return Ok(());
        }
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&file, wanted).with_context(|| format!("writing {}", file.display()))?;
        println!("wrote {path}");
        Ok(())
    }

    /// The program, built where it is not.
    fn program(&self) -> anyhow::Result<PathBuf> {
        let format = "--message-format=json";
        let mut build = if self.with_tests {
            cargo(["test", "--workspace", "--no-run", "--locked", format])
        } else {
            cargo(["build", "--package", "reweight-cli", "--bin", "reweight", "--locked", format])
        };
        let messages = output(build.stderr(Stdio::inherit()))?;
        for message in Message::parse_stream(messages.as_bytes()) {
            if let Message::CompilerArtifact(artifact) = message.context("reading what cargo has built")?
                && artifact.target.name == "reweight"
                && artifact.target.is_bin()
                && !artifact.profile.test
                && let Some(executable) = artifact.executable
            {
                return Ok(executable.into_std_path_buf());
            }
        }
        bail!("cargo has built no program `reweight`")
    }
}

/// The page with this output in its session.
fn with_session(page: &str, output: &str) -> anyhow::Result<String> {
    let missing = || format!("{PAGE} has no place for the session: `{}` to `{}`", BEGIN.trim(), END.trim());
    let (before, rest) = page.split_once(BEGIN).with_context(missing)?;
    let (_, after) = rest.split_once(END).with_context(missing)?;
    Ok(format!("{before}{BEGIN}$ {SESSION}\n{}\n{END}{after}", output.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_put_into_its_place_and_stays_there() -> anyhow::Result<()> {
        let page = format!("# Title\n{BEGIN}old\n{END}\nmore\n");
        let once = with_session(&page, "new\nlines\n")?;
        assert_eq!(once, format!("# Title\n{BEGIN}$ {SESSION}\nnew\nlines\n{END}\nmore\n"));
        assert_eq!(with_session(&once, "new\nlines\n")?, once);
        assert!(with_session("# Title\n", "x").is_err());
        Ok(())
    }
}
