//! Standard output, and what became of it: a reader that has left is told from every other fault.

use std::error::Error;
use std::fmt;
use std::io::{self, Write};

/// That nobody reads standard output any more, as behind `| head`. No one is there to be told, so that a command goes on with
/// what it writes elsewhere, and ends well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReaderLeft;

impl fmt::Display for ReaderLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("its reader has left")
    }
}

impl Error for ReaderLeft {}

impl ReaderLeft {
    /// Whether that is what `error` says. A broken pipe elsewhere is not.
    #[must_use]
    pub fn is(error: &io::Error) -> bool {
        error.get_ref().is_some_and(|inner| inner.is::<Self>())
    }

    /// Whether an error, or what caused it, says so.
    #[must_use]
    pub fn caused(error: &(dyn Error + 'static)) -> bool {
        let mut causes = std::iter::successors(Some(error), |&error| error.source());
        causes.any(|cause| cause.downcast_ref().is_some_and(Self::is) || cause.is::<Self>())
    }
}

/// Standard output, or the fact that there is none.
#[derive(Debug)]
pub struct StandardOutput {
    stdout: io::Stdout,
    closed: bool,
}

impl StandardOutput {
    /// The process's; `closed` where it was started without any, which the standard library hides.
    #[must_use]
    pub fn new(closed: bool) -> Self {
        Self { stdout: io::stdout(), closed }
    }

    fn attempt<T>(&mut self, write: impl FnOnce(&mut io::Stdout) -> io::Result<T>) -> io::Result<T> {
        if self.closed {
            return Err(io::Error::other("it was closed before the program began; send it to /dev/null to do without"));
        }
        write(&mut self.stdout).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => io::Error::new(io::ErrorKind::BrokenPipe, ReaderLeft),
            _ => error,
        })
    }
}

impl Write for StandardOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.attempt(|stdout| stdout.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.attempt(Write::flush)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_standard_output_says_is_a_reader_that_left() {
        let elsewhere = io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(!ReaderLeft::is(&elsewhere) && !ReaderLeft::caused(&elsewhere));
        let here = io::Error::new(io::ErrorKind::BrokenPipe, ReaderLeft);
        assert!(ReaderLeft::is(&here) && ReaderLeft::caused(&here));
        let around = crate::evaluate::EvalError::Output(here);
        assert!(ReaderLeft::caused(&around));
    }

    #[test]
    fn without_standard_output_nothing_is_said_to_be_written() {
        let mut closed = StandardOutput::new(true);
        assert!(closed.write(b"x").is_err() && closed.flush().is_err());
    }
}
