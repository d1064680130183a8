//! The program as a function: reads a command line, runs a subcommand, and turns an error into words and an exit code.

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write};
use std::iter::successors;
use std::time::Instant;

use reweight_lab::text::on_lines;

use crate::arguments::{Arguments, Command, PlotFigure};
use crate::compare::{self, Ending};
use crate::standard_output::{ReaderLeft, StandardOutput};
use crate::versions::Versions;
use crate::{BAD_INPUT, INTERRUPTED, completions, evaluate, inspect, plot, tune};
use clap::Parser;
use console::Style;

/// The exit code of what went well.
const SUCCESS: u8 = 0;

/// The exit code where two runs differ.
const DIFFERS: u8 = 1;

/// Letters of a message; beyond them it quotes more of the input than anybody reads.
const LONGEST_MESSAGE: usize = 4000;

/// Runs the command line `arguments`, the program's name first, and returns the exit code. `closed` says that there is no standard
/// output.
pub fn main(arguments: impl IntoIterator<Item = OsString>, closed: bool) -> u8 {
    let started = Instant::now();
    let mut out = StandardOutput::new(closed);
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(answer) => return no_command(&answer, &mut out),
    };
    let outcome = run(&arguments, &mut out);
    if arguments.verbose {
        // Nothing is left to be done when it cannot be written.
        let _ = writeln!(io::stderr(), "{}; {:.3} s", Versions::current(), started.elapsed().as_secs_f64());
    }
    match outcome {
        Ok(Ending::Whole) => SUCCESS,
        Ok(Ending::Differs) => DIFFERS,
        Ok(Ending::Interrupted) => INTERRUPTED,
        Err(error) if ReaderLeft::caused(error.as_ref()) => SUCCESS,
        Err(error) => fail(error.as_ref()),
    }
}

fn run(arguments: &Arguments, out: &mut StandardOutput) -> Result<Ending, Box<dyn Error>> {
    let quiet = arguments.quiet;
    match &arguments.command {
        Command::Compare(arguments) => return Ok(compare::run(arguments, quiet, out)?),
        Command::Tune(arguments) => return Ok(tune::run(arguments, quiet, out)?),
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
fn no_command(answer: &clap::Error, out: &mut StandardOutput) -> u8 {
    if answer.use_stderr() {
        // Nothing is left to be done when the message cannot be written.
        let _ = answer.print();
        return BAD_INPUT;
    }
    // clap knows whether it may use colours, and passes over a fault: so that the last byte is asked for once more.
    match out.flush().and_then(|()| answer.print()).and_then(|()| out.flush()) {
        Ok(()) => SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => SUCCESS,
        Err(error) => fail(&evaluate::EvalError::Output(error)),
    }
}

fn fail(error: &(dyn Error + 'static)) -> u8 {
    let word = Style::new().for_stderr().red().bold().apply_to("error:");
    let mut text = on_lines(&with_causes(error));
    if let Some((end, _)) = text.char_indices().nth(LONGEST_MESSAGE) {
        text.truncate(end);
        text.push('…');
    }
    // Nothing is left to be done when the message cannot be written either.
    let _ = writeln!(io::stderr(), "{word} {text}");
    BAD_INPUT
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
