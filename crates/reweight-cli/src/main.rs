//! The binary `reweight`: the program on this process's command line.

#![deny(unsafe_code)]

mod closed_output;

use std::process::ExitCode;

fn main() -> ExitCode {
    reweight_cli::files::outlive_size_limit();
    ExitCode::from(reweight_cli::program::main(std::env::args_os(), closed_output::is_closed()))
}
