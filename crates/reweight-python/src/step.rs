//! One pass of a loss over a batch: the arrays' types are found out, and the engine is called without the interpreter's lock.

use std::sync::{PoisonError, RwLock};

use half::{bf16, f16};
use numpy::{Element, PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;
use reweight::{BatchStatistics, ConfiguredLoss, HessianForm, LossError, LossSummary};
use reweight_ndarray::{BceBatch, BceTarget, Buffers, ClassIndex, Float, SoftmaxBatch};

use crate::arrays::{is_bfloat16, read, read_as, refuse, write};
use crate::error;
use crate::threads::with_threads;

/// What is done with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    /// Count, observe, weigh: one training step.
    Train,
    /// The same on a copy of the weighter: the loss stays as it is.
    Evaluate,
    /// Weigh with what was observed.
    Weigh,
    /// Count.
    Count,
}

/// What comes of it.
pub(crate) enum Outcome {
    /// Of a pass that weighs.
    Summary(LossSummary),
    /// Of one that counts.
    Counts(BatchStatistics),
}

/// A batch's arrays, and those that are written.
pub(crate) struct Arrays<'a, 'py> {
    pub(crate) logits: &'a Bound<'py, PyAny>,
    pub(crate) targets: &'a Bound<'py, PyAny>,
    pub(crate) valid: Option<&'a Bound<'py, PyAny>>,
    pub(crate) sample_weight: Option<&'a Bound<'py, PyAny>>,
    pub(crate) grad: Option<&'a Bound<'py, PyAny>>,
    pub(crate) hessian: Option<(&'a Bound<'py, PyAny>, HessianForm)>,
    pub(crate) weights: Option<&'a Bound<'py, PyAny>>,
    pub(crate) losses: Option<&'a Bound<'py, PyAny>>,
}

/// A float that NumPy and the engine both know.
trait Number: Float + Element {}
impl<A: Float + Element> Number for A {}

const LOGITS: &str = "which is not taken: give float16, bfloat16 (of ml_dtypes), float32 or float64, as by `logits.astype(numpy.float32)`";
const TARGETS: &str = "which are no targets: give bool, integers of 0 and 1, or floats in [0, 1]";
const CLASSES: &str = "which are no class indices: give integers, as by `targets.astype(numpy.int64)`";

/// Runs a pass of `loss` over the arrays.
pub(crate) fn run(
    py: Python<'_>,
    loss: &RwLock<ConfiguredLoss>,
    pass: Pass,
    arrays: &Arrays<'_, '_>,
) -> PyResult<Outcome> {
    if let Some(logits) = read::<f32>("logits", arrays.logits)? {
        return of(py, loss, pass, arrays, &logits);
    }
    if let Some(logits) = read::<f64>("logits", arrays.logits)? {
        return of(py, loss, pass, arrays, &logits);
    }
    if let Some(logits) = read::<f16>("logits", arrays.logits)? {
        return of(py, loss, pass, arrays, &logits);
    }
    if is_bfloat16(arrays.logits)
        && let Some(logits) = read::<bf16>("logits", arrays.logits)?
    {
        return of(py, loss, pass, arrays, &logits);
    }
    Err(refuse("logits", arrays.logits, LOGITS))
}

fn of<'py, A: Number>(
    py: Python<'py>,
    loss: &RwLock<ConfiguredLoss>,
    pass: Pass,
    arrays: &Arrays<'_, 'py>,
    logits: &PyReadonlyArrayDyn<'py, A>,
) -> PyResult<Outcome> {
    macro_rules! first {
        ($pass:ident: $($target:ty)*) => {
            $(if let Some(targets) = read::<$target>("targets", arrays.targets)? {
                return $pass(py, loss, pass, arrays, logits, &targets);
            })*
        };
    }
    let bce = matches!(*loss.read().unwrap_or_else(PoisonError::into_inner), ConfiguredLoss::Bce(_));
    if bce {
        first!(binary: u8 bool f32 f64 i64 i32 i8 i16 u16 u32 u64 f16);
        if is_bfloat16(arrays.targets) {
            first!(binary: bf16);
        }
        return Err(refuse("targets", arrays.targets, TARGETS));
    }
    first!(softmax: i64 i32 u8 i8 i16 u16 u32 u64);
    Err(refuse("targets", arrays.targets, CLASSES))
}

/// Calls the engine's pass for the batch of an objective; `$loss` is what a loss of another objective is met by.
macro_rules! pass {
    ($name:ident, $Target:ident, $Batch:ident, $Loss:ident) => {
        fn $name<'py, A: Number, T: $Target + Element>(
            py: Python<'py>,
            loss: &RwLock<ConfiguredLoss>,
            pass: Pass,
            arrays: &Arrays<'_, 'py>,
            logits: &PyReadonlyArrayDyn<'py, A>,
            targets: &PyReadonlyArrayDyn<'py, T>,
        ) -> PyResult<Outcome> {
            let valid = read_as::<bool>("valid", arrays.valid, "bool")?;
            let sample_weight = read_as::<A>("sample_weight", arrays.sample_weight, "the logits' type")?;
            let mut grad = write::<A>("grad", arrays.grad)?;
            let mut hessian = write::<A>("hessian", arrays.hessian.map(|(hessian, _)| hessian))?;
            let mut weights = write::<A>("weights", arrays.weights)?;
            let mut losses = write::<A>("losses", arrays.losses)?;
            let mut batch = $Batch::new(logits.as_array(), targets.as_array());
            if let Some(valid) = &valid {
                batch = batch.valid(valid.as_array());
            }
            if let Some(sample_weight) = &sample_weight {
                batch = batch.sample_weight(sample_weight.as_array());
            }
            let form = arrays.hessian.map_or(HessianForm::Exact, |(_, form)| form);
            let buffers = Buffers {
                grad: grad.as_mut().map(|all| all.as_array_mut()),
                hessian: hessian.as_mut().map(|all| (all.as_array_mut(), form)),
                weights: weights.as_mut().map(|all| all.as_array_mut()),
                losses: losses.as_mut().map(|all| all.as_array_mut()),
            };
            let size = logits.len();
            let outcome = py.detach(|| -> PyResult<Result<Outcome, LossError>> {
                // The lock is taken out here: a thread of the pool that waited for it could hold up the one that has it.
                if pass == Pass::Train {
                    let mut loss = loss.write().unwrap_or_else(PoisonError::into_inner);
                    let ConfiguredLoss::$Loss(loss) = &mut *loss else { return Ok(Err(changed())) };
                    return with_threads(size, || batch.train_into(loss, buffers).map(Outcome::Summary));
                }
                let loss = loss.read().unwrap_or_else(PoisonError::into_inner);
                let ConfiguredLoss::$Loss(loss) = &*loss else { return Ok(Err(changed())) };
                with_threads(size, || match pass {
                    Pass::Count => batch.statistics(loss).map(Outcome::Counts),
                    Pass::Weigh => batch.weigh_buffers(loss, buffers).map(Outcome::Summary),
                    Pass::Train | Pass::Evaluate => batch.evaluate_into(loss, buffers).map(Outcome::Summary),
                })
            });
            outcome?.map_err(error::batch)
        }
    };
}

pass!(binary, BceTarget, BceBatch, Bce);
pass!(softmax, ClassIndex, SoftmaxBatch, Softmax);

fn changed() -> LossError {
    LossError::Backend("the loss was given another objective by another thread: give each thread its own".to_owned())
}
