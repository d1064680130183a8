//! `reweight completions`: a script for a shell, from the command line's own definition.

use std::io::{self, Write};

use clap::CommandFactory;

use crate::arguments::{Arguments, CompletionsArguments};

/// Why a script could not be written.
#[derive(Debug, thiserror::Error)]
#[error("standard output cannot be written to")]
pub struct CompletionsError(#[from] io::Error);

/// Writes the script.
///
/// # Errors
///
/// [`CompletionsError`] when `out` cannot be written to.
pub fn run(arguments: &CompletionsArguments, out: &mut dyn Write) -> Result<(), CompletionsError> {
    // Into memory first: the generator panics where the reader has left.
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "reweight", &mut script);
    out.write_all(&script)?;
    Ok(out.flush()?)
}
