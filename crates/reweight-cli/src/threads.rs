//! The threads that losses are computed on.

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

use reweight_lab::text::on_one_line;

/// Bytes of stack a thread: where nothing is optimised, the engine's inlined kernels need far more than the usual 2 MiB. It is
/// address space; only what is used takes memory.
const STACK: usize = 64 << 20;

/// What asks for a number of threads where --threads does not.
const VARIABLE: &str = "RAYON_NUM_THREADS";

/// More threads than these help nobody, and to start them takes longer than the work.
pub const MOST: usize = 1024;

/// Threads that cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ThreadsError {
    /// The environment asks for what is no number of threads.
    #[error(
        "the environment's {VARIABLE} is `{value}`, but must be a whole number from 1 to {MOST}; unset it for one thread a core"
    )]
    Environment {
        /// What it says.
        value: String,
    },
    /// The system has no room for them.
    #[error("{threads} threads cannot be started; ask for fewer, or let the program use more memory")]
    Start {
        /// How many.
        threads: usize,
        /// What rayon says.
        source: ThreadPoolBuildError,
    },
}

/// A pool of `threads` threads, or of as many as the environment asks for, or of one a core.
///
/// # Errors
///
/// [`ThreadsError`] when the environment asks for too many, or the system has no room for them.
pub fn pool(threads: Option<usize>) -> Result<ThreadPool, ThreadsError> {
    let threads = match threads {
        Some(threads) => threads,
        None => number(&std::env::var_os(VARIABLE).unwrap_or_default().to_string_lossy())?,
    };
    ThreadPoolBuilder::new()
        .num_threads(threads)
        .stack_size(STACK)
        .build()
        .map_err(|source| ThreadsError::Start { threads, source })
}

/// The threads that the environment's `value` asks for; nothing, and 0 as rayon has it, is one a core.
fn number(value: &str) -> Result<usize, ThreadsError> {
    match value.trim().parse() {
        Ok(threads @ 1..=MOST) => Ok(threads),
        Err(_) if !value.trim().is_empty() => Err(()),
        Ok(1..) => Err(()),
        _ => Ok(std::thread::available_parallelism().map_or(1, usize::from).min(MOST)),
    }
    .map_err(|()| ThreadsError::Environment { value: on_one_line(value, 40) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_asks_for_what_can_be_had() {
        assert_eq!(number("3").unwrap(), 3);
        let all = std::thread::available_parallelism().map_or(1, usize::from).min(MOST);
        assert!(["", " ", "0"].into_iter().all(|value| number(value).unwrap() == all));
        for value in ["1000000", "1025", "-1", "two", "99999999999999999999999"] {
            let message = number(value).unwrap_err().to_string();
            assert!(message.contains(value) && message.contains("from 1 to 1024"), "{message}");
        }
    }
}
