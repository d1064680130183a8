//! The CPU engine on the batch.

use ndarray::{ArrayD, IxDyn, ShapeBuilder};
use reweight::{LossError, LossSummary, SampleWeighter};
use reweight_ndarray::{BceBatch, BceTarget, Buffers, SoftmaxBatch};

use super::inputs::{BceInputs, BceTargets, SoftmaxInputs};
use super::{Bce, Fault, Number, Put, Softmax, Wanted};

/// The step of an objective's batch: the two have their methods in common, and no trait. `samples` makes an output of a number a
/// sample.
macro_rules! step {
    ($batch:expr, $inputs:ident, $loss:ident, $wanted:ident, $samples:expr, $put:ident) => {{
        let weights = $inputs.sample_weight.as_ref().map(|weights| weights.view()).transpose()?;
        let mut batch = $batch;
        if let Some(valid) = &$inputs.valid {
            batch = batch.valid(valid);
        }
        if let Some(weights) = &weights {
            batch = batch.sample_weight(weights);
        }
        if $wanted == Wanted::Summary {
            // The step's loss, and what the step lets the weighter take in.
            let summary = batch.value($loss)?;
            if $loss.weighter().observes() {
                let counts = batch.statistics($loss)?;
                $loss.observe(&counts).map_err(LossError::from)?;
            }
            return Ok(summary);
        }
        let compute = |is_first, buffers: Buffers<'_, A, IxDyn, IxDyn>| {
            if is_first { batch.train_into($loss, buffers) } else { batch.weigh_buffers($loss, buffers) }
        };
        one_by_one(&$inputs.logits, $samples, $wanted, compute, $put)
    }};
}

/// One training step. Each output is handed over before the next is computed, so that beside the inputs one is in memory, and two
/// where there are second derivatives.
pub(super) fn bce<A: Number>(
    inputs: &BceInputs<A>,
    loss: &mut Bce,
    wanted: Wanted,
    put: Put<'_>,
) -> Result<LossSummary, Fault> {
    match &inputs.targets {
        BceTargets::Bytes(targets) => bce_with(inputs, targets, loss, wanted, put),
        BceTargets::Integers(targets) => bce_with(inputs, targets, loss, wanted, put),
        BceTargets::Soft(targets) => bce_with(inputs, targets, loss, wanted, put),
    }
}

fn bce_with<A: Number, T: BceTarget>(
    inputs: &BceInputs<A>,
    targets: &ArrayD<T>,
    loss: &mut Bce,
    wanted: Wanted,
    put: Put<'_>,
) -> Result<LossSummary, Fault> {
    step!(BceBatch::new(&inputs.logits, targets), inputs, loss, wanted, || alike(&inputs.logits), put)
}

/// As [`bce`].
pub(super) fn softmax<A: Number>(
    inputs: &SoftmaxInputs<A>,
    loss: &mut Softmax,
    wanted: Wanted,
    put: Put<'_>,
) -> Result<LossSummary, Fault> {
    let samples = || ArrayD::from_elem(inputs.targets.raw_dim(), A::default());
    step!(SoftmaxBatch::new(&inputs.logits, &inputs.targets), inputs, loss, wanted, samples, put)
}

/// Each output by itself: the step is taken with the first, and the others are weighed with what it observed.
fn one_by_one<A: Number>(
    logits: &ArrayD<A>,
    samples: impl Fn() -> ArrayD<A>,
    wanted: Wanted,
    mut compute: impl FnMut(bool, Buffers<'_, A, IxDyn, IxDyn>) -> Result<LossSummary, LossError>,
    put: Put<'_>,
) -> Result<LossSummary, Fault> {
    let is_alone = matches!(wanted, Wanted::HessianAlone(_));
    if !is_alone {
        // A weight that is no number is named as such, and not as the loss or the slope that it makes one.
        let mut weights = samples();
        compute(true, Buffers { weights: Some(weights.view_mut()), ..Buffers::none() })?;
        put("weight", A::pack(weights))?;
        let mut losses = samples();
        compute(false, Buffers { losses: Some(losses.view_mut()), ..Buffers::none() })?;
        put("loss", A::pack(losses))?;
    }
    // Second derivatives are made of slopes, so that these two come together.
    let mut grad = alike(logits);
    let mut hessian = wanted.form().map(|form| (alike(logits), form));
    let buffers = Buffers {
        grad: Some(grad.view_mut()),
        hessian: hessian.as_mut().map(|(hessian, form)| (hessian.view_mut(), *form)),
        ..Buffers::none()
    };
    let summary = compute(is_alone, buffers)?;
    if !is_alone {
        put("grad", A::pack(grad))?;
    }
    if let Some((hessian, _)) = hessian {
        put("hessian", A::pack(hessian))?;
    }
    Ok(summary)
}

/// Zeros that lie as `logits` do.
fn alike<A: Number>(logits: &ArrayD<A>) -> ArrayD<A> {
    let columns_first = logits.ndim() > 1 && logits.t().is_standard_layout();
    ArrayD::from_elem(logits.raw_dim().set_f(columns_first), A::default())
}
