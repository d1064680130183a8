//! The binary `reweight`: reads the command line, runs a subcommand, and turns an error into words and an exit code.

#![deny(unsafe_code)]

mod closed_output;

use std::error::Error;
use std::io::{self, Write};
use std::iter::successors;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use console::Style;
use reweight_cli::arguments::{Arguments, Command, PlotFigure};
use reweight_cli::compare::{self, Ending};
use reweight_cli::standard_output::{ReaderLeft, StandardOutput};
use reweight_cli::terminal::on_lines;
use reweight_cli::versions::Versions;
use reweight_cli::{BAD_INPUT, INTERRUPTED, completions, evaluate, inspect, plot};

/// Letters of a message; beyond them it quotes more of the input than anybody reads.
const LONGEST_MESSAGE: usize = 4000;

fn main() -> ExitCode {
    let started = Instant::now();
    let mut out = StandardOutput::new(closed_output::is_closed());
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(answer) => return no_command(&answer, &mut out),
    };
    let outcome = run(&arguments, &mut out);
    if arguments.verbose {
        // Nothing is left to be done when it cannot be written.
        let _ = writeln!(io::stderr(), "{}; {:.3} s", Versions::current(), started.elapsed().as_secs_f64());
    }
    match outcome {
        Ok(Ending::Whole) => ExitCode::SUCCESS,
        Ok(Ending::Differs) => ExitCode::FAILURE,
        Ok(Ending::Interrupted) => ExitCode::from(INTERRUPTED),
        Err(error) if ReaderLeft::caused(error.as_ref()) => ExitCode::SUCCESS,
        Err(error) => fail(error.as_ref()),
    }
}

fn run(arguments: &Arguments, out: &mut StandardOutput) -> Result<Ending, Box<dyn Error>> {
    let quiet = arguments.quiet;
    match &arguments.command {
        Command::Compare(arguments) => return Ok(compare::run(arguments, quiet, out)?),
        Command::Eval(arguments) => evaluate::run(arguments, out)?,
        Command::Inspect(arguments) => inspect::run(arguments, quiet, out)?,
        Command::Plot(arguments) => match &arguments.figure {
            PlotFigure::Weights(arguments) => plot::weights(arguments, out)?,
        },
        Command::Completions(arguments) => completions::run(arguments, out)?,
    }
    Ok(Ending::Whole)
}

/// Help, a version, or what is wrong with the command line.
fn no_command(answer: &clap::Error, out: &mut StandardOutput) -> ExitCode {
    if answer.use_stderr() {
        // Nothing is left to be done when the message cannot be written.
        let _ = answer.print();
        return ExitCode::from(BAD_INPUT);
    }
    // clap knows whether it may use colours, and passes over a fault: so that the last byte is asked for once more.
    match out.flush().and_then(|()| answer.print()).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => fail(&evaluate::EvalError::Output(error)),
    }
}

fn fail(error: &(dyn Error + 'static)) -> ExitCode {
    let word = Style::new().for_stderr().red().bold().apply_to("error:");
    let mut text = on_lines(&with_causes(error));
    if let Some((end, _)) = text.char_indices().nth(LONGEST_MESSAGE) {
        text.truncate(end);
        text.push('…');
    }
    // Nothing is left to be done when the message cannot be written either.
    let _ = writeln!(io::stderr(), "{word} {text}");
    ExitCode::from(BAD_INPUT)
}

/// The error and what caused it, outermost first.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    successors(Some(error), |&error| error.source())
}

/// The error and what caused it, one after the other; what has been said already is not said again.
fn with_causes(error: &(dyn Error + 'static)) -> String {
    chain(error).map(ToString::to_string).fold(String::new(), |said, cause| match said.as_str() {
        "" => cause,
        _ if said.ends_with(&cause) => said,
        _ => format!("{said}: {cause}"),
    })
}
