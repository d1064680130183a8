//! The binary `reweight`: reads the command line, runs a subcommand, and turns an error into words and an exit code.

#![forbid(unsafe_code)]

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use reweight_cli::arguments::{Arguments, Command, CompareArguments};
use reweight_cli::evaluate;
use reweight_cli::table::Table;
use reweight_cli::wine::{self, WineTask};

/// What a user can mend; clap uses the same code for a wrong command line.
const BAD_INPUT: u8 = 2;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match &arguments.command {
        Command::Compare(arguments) => compare(arguments),
        Command::Eval(arguments) => evaluate::run(arguments, &mut io::stdout().lock()).map_err(Box::from),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_closed_pipe(error.as_ref()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to be done when the message cannot be written either.
            let _ = writeln!(io::stderr(), "error: {}", with_causes(error.as_ref()));
            ExitCode::from(BAD_INPUT)
        }
    }
}

/// Reads the table and says what was understood; the training is not wired up yet.
fn compare(arguments: &CompareArguments) -> Result<(), Box<dyn Error>> {
    let task = if arguments.task.multiclass { WineTask::Multiclass } else { WineTask::Binary };
    let table = match &arguments.data {
        Some(path) => Table::from_csv(path, &arguments.read_options())?,
        None => wine::table(task),
    };
    let mut out = io::stdout().lock();
    writeln!(out, "{}: {} rows, {} feature columns", table.name, table.rows(), table.columns.len())?;
    if !arguments.quiet {
        table.notes.iter().try_for_each(|note| writeln!(out, "  {note}"))?;
    }
    if arguments.task.multiclass {
        writeln!(out, "classes: {}", table.target.listing())?;
    } else {
        let positive = arguments.task.positive.as_deref();
        let binary = table.target.binary(&table.name, positive, arguments.training.folds)?;
        let why = if binary.chosen_as_rarest { " (the rarest label; --positive chooses another)" } else { "" };
        writeln!(out, "positive: `{}`, {} rows{why}", binary.positive, binary.positives)?;
    }
    Err("the training is not wired up yet".into())
}

/// Whether the reader of our output has left, as `| head` does; no one is there to be told.
fn is_closed_pipe(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// The error and what caused it, on one line.
fn with_causes(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
