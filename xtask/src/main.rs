//! The workspace's own commands: `cargo xtask help` lists them.
#![forbid(unsafe_code)]

mod environment;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// One line a command: the module's file, and the type in it that holds the arguments and has `run`. That type's
/// comment is the help text.
macro_rules! commands {
    ($($module:ident $command:ident)*) => {
        $(mod $module;)*

        #[derive(Debug, Subcommand)]
        enum Command {
            $($command($module::$command),)*
        }

        fn run(command: &Command) -> anyhow::Result<()> {
            match command {
                $(Command::$command(arguments) => arguments.run(),)*
            }
        }
    };
}

commands! {
    api Api
    ci Ci
    cuda Cuda
    evidence Evidence
    figures Figures
    instructions Instructions
    mutants Mutants
    packages Packages
    peers Peers
    python Python
    report Report
    snapshots Snapshots
    tidy Tidy
}

/// The workspace's own commands.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    if let Some(code) = api::as_rustdoc() {
        return code;
    }
    match run(&Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
