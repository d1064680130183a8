//! The testkit's laws on one part, as a call that returns what does not hold.

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use reweight::{ConfiguredLoss, LossConfig, Objective};
use serde_json::Value;

use crate::error;

/// One check at a time: what a panic prints is the process's own affair.
static QUIET: Mutex<()> = Mutex::new(());

/// Checks the laws of a weighter or base, given as its entry in JSON, on `classes` classes. What does not hold, if anything.
#[pyfunction]
#[pyo3(signature = (role, entry, classes, /))]
pub(crate) fn check_laws(py: Python<'_>, role: &str, entry: &str, classes: usize) -> PyResult<Option<String>> {
    let entry: Value = serde_json::from_str(entry).map_err(error::config)?;
    let mut config = LossConfig::new(Objective::Bce);
    match role {
        "weighter" => config.weighter = vec![serde_json::from_value(entry).map_err(error::config)?],
        "base" => config.base = Some(serde_json::from_value(entry).map_err(error::config)?),
        _ => return Err(error::config(format!("a {role} has no laws of its own: check a weighter or a base"))),
    }
    let ConfiguredLoss::Bce(loss) = config.build().map_err(error::config)? else { return Ok(None) };
    py.detach(|| {
        let _one = QUIET.lock().unwrap_or_else(PoisonError::into_inner);
        let hook = take_hook();
        set_hook(Box::new(|_| {}));
        let checked = catch_unwind(AssertUnwindSafe(|| match loss.weighting().base() {
            Some(base) => reweight_testkit::check_base(base, classes),
            None => reweight_testkit::check_weighter(loss.weighter(), classes),
        }));
        set_hook(hook);
        Ok(checked.err().map(|panic| match panic.downcast::<String>() {
            Ok(text) => *text,
            Err(panic) => {
                panic.downcast::<&str>().map_or_else(|_| "a law does not hold".to_owned(), |text| text.to_string())
            }
        }))
    })
}
