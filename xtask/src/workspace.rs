//! Where the workspace lies, what it consists of, and how its commands are run.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};
use cargo_metadata::{Metadata, MetadataCommand};

/// The workspace's top folder.
pub(crate) fn root() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own)
}

/// The packages of the workspace at `root`, without what they depend on: nothing is fetched.
pub(crate) fn packages(root: &Path) -> anyhow::Result<Metadata> {
    let manifest = root.join("Cargo.toml");
    MetadataCommand::new()
        .manifest_path(&manifest)
        .no_deps()
        .exec()
        .with_context(|| format!("reading the packages of {}", manifest.display()))
}

/// Features that need the CUDA toolkit to build, or that only exist to do without it.
fn needs_cuda(feature: &str) -> bool {
    feature.starts_with("cuda") || feature.starts_with("cudnn") || feature == "ci-check"
}

/// Every feature of every package that builds with nothing but a Rust toolchain and a C compiler, as `--features`
/// takes them.
pub(crate) fn features(metadata: &Metadata) -> String {
    let named = metadata.packages.iter().flat_map(|package| {
        let own = package.features.keys().filter(|feature| feature.as_str() != "default" && !needs_cuda(feature));
        own.map(move |feature| format!("{}/{feature}", package.name))
    });
    named.collect::<Vec<_>>().join(",")
}

/// Cargo in the workspace, the same toolchain as this program was started by.
pub(crate) fn cargo(arguments: impl IntoIterator<Item = impl AsRef<str>>) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    for argument in arguments {
        command.arg(argument.as_ref());
    }
    command
}

/// Runs to the end; its output goes where this program's goes.
///
/// # Errors
///
/// Where it cannot be started, or ends with another code than 0.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let line = line_of(command);
    let status = command.status().with_context(|| format!("starting `{line}`"))?;
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(())
}

/// What it prints.
///
/// # Errors
///
/// Where it cannot be started, or ends with another code than 0.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let line = line_of(command);
    let output = command.output().with_context(|| format!("starting `{line}`"))?;
    if !output.status.success() {
        bail!("`{line}` failed ({}): {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// As one would type it.
fn line_of(command: &Command) -> String {
    let words = command.get_args().map(|word| word.to_string_lossy());
    let program = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy();
    std::iter::once(program).chain(words).collect::<Vec<_>>().join(" ")
}
