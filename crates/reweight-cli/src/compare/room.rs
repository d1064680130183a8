//! Whether there is memory for a comparison: where it is limited, the training could but abort, hours later.

use reweight_lab::problem::Problem;
use reweight_lab::table::Encoder;

use super::CompareError;
use super::settings::Settings;
use crate::threads::pool;

/// Bytes of a place among the rows.
const PLACE: usize = size_of::<usize>();

/// Bytes of an input or a logit.
const FLOAT: usize = size_of::<f32>();

/// That there is memory for all networks of `settings` on `problem`, as many at a time as there are `threads`.
///
/// # Errors
///
/// [`CompareError::NoMemory`], where the system says so: it may promise more than it has.
pub(super) fn check(problem: &Problem, settings: &Settings, threads: Option<usize>) -> Result<(), CompareError> {
    let training = &settings.training;
    let threads = pool(training.device.threads(threads))?.current_num_threads();
    let (rows, inputs) = (problem.table.rows(), Encoder::fit(&problem.table, &[]).width());
    // What each row is, once as it is judged and once as a network is trained on it, and who judges it by each seed.
    let places = 2 + training.seeds.len() + 3 * threads;
    let logits = training.seeds.len() * settings.strategies.len() * problem.outputs();
    let a_row = places * PLACE + (logits + threads * inputs) * FLOAT;
    let bytes = rows.saturating_mul(a_row);
    let no_memory =
        |_| CompareError::NoMemory { name: problem.table.name.clone(), rows, inputs, mebibytes: (bytes >> 20).max(1) };
    Vec::<u8>::new().try_reserve_exact(bytes).map_err(no_memory)
}
