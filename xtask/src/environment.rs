//! Python environments, kept under target/ and made anew when their requirements change.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, bail};

use crate::workspace;

/// The interpreter of the environment at `place`; sets it up where it is missing or older than its requirements, a file named from
/// the top folder. `cost` says how large it is and how long that takes.
pub(crate) fn python(place: &Path, requirements: &str, cost: &str) -> anyhow::Result<PathBuf> {
    let requirements = workspace::root().join(requirements);
    let wanted = fs::read_to_string(&requirements).with_context(|| format!("reading {}", requirements.display()))?;
    let python = place.join("bin/python");
    // Written last, so that an installation that broke off is made again.
    let stamp = place.join("installed.txt");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    println!("setting up {} ({cost})", place.display());
    let base = env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
    run(Command::new(&base).args(["-m", "venv", "--clear"]).arg(place))?;
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(&requirements))?;
    fs::write(&stamp, wanted).with_context(|| format!("writing {}", stamp.display()))?;
    Ok(python)
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| format!("starting {name} (PYTHON names another interpreter)"))?;
    if !status.success() {
        bail!("{name} failed ({status})");
    }
    Ok(())
}
