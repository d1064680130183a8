//! The binary `reweight`: reads the command line, runs a subcommand, and turns an error into words and an exit code.

#![forbid(unsafe_code)]

use std::error::Error;
use std::io::{self, Write};
use std::iter::successors;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use console::Style;
use reweight_cli::arguments::{Arguments, Command, PlotFigure};
use reweight_cli::compare::{self, Ending};
use reweight_cli::terminal::on_lines;
use reweight_cli::versions::Versions;
use reweight_cli::{BAD_INPUT, INTERRUPTED, completions, evaluate, inspect, plot};

fn main() -> ExitCode {
    let started = Instant::now();
    let arguments = Arguments::parse();
    let outcome = run(&arguments);
    if arguments.verbose {
        // Nothing is left to be done when it cannot be written.
        let _ = writeln!(io::stderr(), "{}; {:.3} s", Versions::current(), started.elapsed().as_secs_f64());
    }
    match outcome {
        Ok(Ending::Whole) => ExitCode::SUCCESS,
        Ok(Ending::Differs) => ExitCode::FAILURE,
        Ok(Ending::Interrupted) => ExitCode::from(INTERRUPTED),
        Err(error) if is_closed_pipe(error.as_ref()) => ExitCode::SUCCESS,
        Err(error) => {
            let word = Style::new().for_stderr().red().bold().apply_to("error:");
            // Nothing is left to be done when the message cannot be written either.
            let _ = writeln!(io::stderr(), "{word} {}", on_lines(&with_causes(error.as_ref())));
            ExitCode::from(BAD_INPUT)
        }
    }
}

fn run(arguments: &Arguments) -> Result<Ending, Box<dyn Error>> {
    let mut out = io::stdout().lock();
    let quiet = arguments.quiet;
    match &arguments.command {
        Command::Compare(arguments) => return Ok(compare::run(arguments, quiet, &mut out)?),
        Command::Eval(arguments) => evaluate::run(arguments, &mut out)?,
        Command::Inspect(arguments) => inspect::run(arguments, quiet, &mut out)?,
        Command::Plot(arguments) => match &arguments.figure {
            PlotFigure::Weights(arguments) => plot::weights(arguments, &mut out)?,
        },
        Command::Completions(arguments) => completions::run(arguments, &mut out)?,
    }
    Ok(Ending::Whole)
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

/// The error and what caused it, one after the other.
fn with_causes(error: &(dyn Error + 'static)) -> String {
    chain(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
