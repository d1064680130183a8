//! The threads that large batches are computed on: a pool of the package's own, which can be changed at any time.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::{PyResult, pyfunction};
use rayon::{ThreadPool, ThreadPoolBuilder};
use reweight_ndarray::InstructionSet;

use crate::error;

/// How many are wanted, 0 for one a core (or what RAYON_NUM_THREADS says), and the pool once it was needed.
struct Threads {
    wanted: usize,
    pool: Option<Arc<ThreadPool>>,
}

static THREADS: Mutex<Threads> = Mutex::new(Threads { wanted: 0, pool: None });

/// More threads than these help nobody, and to start them takes longer than the work.
const MOST: usize = 1024;

fn pool() -> PyResult<Arc<ThreadPool>> {
    let mut threads = THREADS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(pool) = &threads.pool {
        return Ok(Arc::clone(pool));
    }
    let builder = ThreadPoolBuilder::new().num_threads(threads.wanted).thread_name(|at| format!("reweight-{at}"));
    let pool =
        Arc::new(builder.build().map_err(|reason| error::config(format!("no threads can be started: {reason}")))?);
    threads.pool = Some(Arc::clone(&pool));
    Ok(pool)
}

/// Runs a step over `size` logits where its threads are; small ones stay on the caller's.
pub(crate) fn with_threads<R: Send>(size: usize, run: impl FnOnce() -> R + Send) -> PyResult<R> {
    if size <= reweight_ndarray::ALONE { Ok(run()) } else { Ok(pool()?.install(run)) }
}

/// Sets how many threads large batches are computed on; `None` for one a core.
#[pyfunction]
#[pyo3(signature = (count, /))]
pub(crate) fn set_threads(count: Option<usize>) -> PyResult<()> {
    let wanted = match count {
        None => 0,
        Some(count) if (1..=MOST).contains(&count) => count,
        Some(count) => {
            let text = format!("`threads` is {count}, but must be from 1 to {MOST}, or None for one a core");
            return Err(error::config(text));
        }
    };
    *THREADS.lock().unwrap_or_else(PoisonError::into_inner) = Threads { wanted, pool: None };
    Ok(())
}

/// How many threads large batches are computed on.
#[pyfunction]
pub(crate) fn threads() -> PyResult<usize> {
    Ok(pool()?.current_num_threads())
}

/// Forgets the threads of the process that this one was forked from: it has none of them.
#[pyfunction]
pub(crate) fn leave_threads() {
    let mut threads = THREADS.lock().unwrap_or_else(PoisonError::into_inner);
    // Dropped, the pool would wait for threads that are not there.
    std::mem::forget(threads.pool.take());
}

/// The vector instructions that losses are computed with.
#[pyfunction]
pub(crate) fn instruction_set() -> PyResult<&'static str> {
    InstructionSet::active().map(InstructionSet::name).map_err(error::config)
}
