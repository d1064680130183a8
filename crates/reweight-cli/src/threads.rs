//! The threads that losses are computed on.

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

/// Bytes of stack a thread: where nothing is optimised, the engine's inlined kernels need far more than the usual 2 MiB. It is
/// address space; only what is used takes memory.
const STACK: usize = 64 << 20;

/// Threads that cannot be started.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be started; ask for fewer, or let the program use more memory", text(.threads))]
pub struct ThreadsError {
    /// How many were asked for; none for one a core.
    pub threads: Option<usize>,
    /// What rayon says.
    pub source: ThreadPoolBuildError,
}

fn text(threads: &Option<usize>) -> String {
    threads.map_or_else(|| "one thread a core".to_owned(), |threads| format!("{threads} threads"))
}

/// A pool of `threads` threads, or of one a core.
///
/// # Errors
///
/// [`ThreadsError`] when the system has no room for them.
pub fn pool(threads: Option<usize>) -> Result<ThreadPool, ThreadsError> {
    ThreadPoolBuilder::new()
        .num_threads(threads.unwrap_or(0))
        .stack_size(STACK)
        .build()
        .map_err(|source| ThreadsError { threads, source })
}
