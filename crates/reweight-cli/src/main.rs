//! The binary `reweight`: reads the command line, runs a subcommand, and turns an error into words and an exit code.

#![forbid(unsafe_code)]

use std::error::Error;
use std::io::{self, Write};
use std::iter::successors;
use std::process::ExitCode;

use clap::Parser;
use reweight_cli::arguments::{Arguments, Command};
use reweight_cli::compare::{self, Ending};
use reweight_cli::{BAD_INPUT, INTERRUPTED, evaluate};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut out = io::stdout().lock();
    let outcome: Result<Ending, Box<dyn Error>> = match &arguments.command {
        Command::Compare(arguments) => compare::run(arguments, &mut out).map_err(Box::from),
        Command::Eval(arguments) => evaluate::run(arguments, &mut out).map(|()| Ending::Whole).map_err(Box::from),
    };
    match outcome {
        Ok(Ending::Whole) => ExitCode::SUCCESS,
        Ok(Ending::Differs) => ExitCode::FAILURE,
        Ok(Ending::Interrupted) => ExitCode::from(INTERRUPTED),
        Err(error) if is_closed_pipe(error.as_ref()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to be done when the message cannot be written either.
            let _ = writeln!(io::stderr(), "error: {}", with_causes(error.as_ref()));
            ExitCode::from(BAD_INPUT)
        }
    }
}

/// The error and what caused it, outermost first.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    successors(Some(error), |&error| error.source())
}

/// Whether the reader of our output has left, as `| head` does; no one is there to be told.
fn is_closed_pipe(error: &(dyn Error + 'static)) -> bool {
    let closed = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    chain(error).any(|error| error.downcast_ref().is_some_and(closed))
}

/// The error and what caused it, on one line.
fn with_causes(error: &(dyn Error + 'static)) -> String {
    chain(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
