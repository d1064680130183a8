//! The CPU engine on the batch.

use ndarray::{ArrayD, IxDyn};
use reweight::{LossError, LossSummary, SampleWeighter};
use reweight_ndarray::{BceBatch, BceTarget, Outcome, SecondOrder, SoftmaxBatch};

use super::inputs::{BceInputs, BceTargets, SoftmaxInputs};
use super::{Bce, Computed, Details, Number, Softmax, Wanted};

/// One training step. Each element's figures take three times the logits' memory, second derivatives as much as the logits.
pub(super) fn bce<A: Number>(inputs: &BceInputs<A>, loss: &mut Bce, wanted: Wanted) -> Result<Computed, LossError> {
    match &inputs.targets {
        BceTargets::Bytes(targets) => bce_with(inputs, targets, loss, wanted),
        BceTargets::Integers(targets) => bce_with(inputs, targets, loss, wanted),
        BceTargets::Soft(targets) => bce_with(inputs, targets, loss, wanted),
    }
}

fn bce_with<A: Number, T: BceTarget>(
    inputs: &BceInputs<A>,
    targets: &ArrayD<T>,
    loss: &mut Bce,
    wanted: Wanted,
) -> Result<Computed, LossError> {
    let weights = inputs.sample_weight.as_ref().map(|weights| weights.view()).transpose()?;
    let mut batch = BceBatch::new(&inputs.logits, targets);
    if let Some(valid) = &inputs.valid {
        batch = batch.valid(valid);
    }
    if let Some(weights) = &weights {
        batch = batch.sample_weight(weights);
    }
    if wanted == Wanted::Summary {
        // The step's loss, and what the step lets the weighter take in.
        let summary = batch.value(loss)?;
        if is_finite(&summary) {
            if loss.weighter().observes() {
                let counts = batch.statistics(loss)?;
                loss.observe(&counts)?;
            }
            return Ok(Computed { summary, details: None });
        }
    }
    match wanted.form() {
        Some(form) => batch.second_order(loss, form).map(pack_second_order),
        None => batch.outcome(loss).map(pack),
    }
}

/// As [`bce`].
pub(super) fn softmax<A: Number>(
    inputs: &SoftmaxInputs<A>,
    loss: &mut Softmax,
    wanted: Wanted,
) -> Result<Computed, LossError> {
    let weights = inputs.sample_weight.as_ref().map(|weights| weights.view()).transpose()?;
    let mut batch = SoftmaxBatch::new(&inputs.logits, &inputs.targets);
    if let Some(valid) = &inputs.valid {
        batch = batch.valid(valid);
    }
    if let Some(weights) = &weights {
        batch = batch.sample_weight(weights);
    }
    if wanted == Wanted::Summary {
        let summary = batch.value(loss)?;
        if is_finite(&summary) {
            if loss.weighter().observes() {
                let counts = batch.statistics(loss)?;
                loss.observe(&counts)?;
            }
            return Ok(Computed { summary, details: None });
        }
    }
    match wanted.form() {
        Some(form) => batch.second_order(loss, form).map(pack_second_order),
        None => batch.outcome(loss).map(pack),
    }
}

/// Where it is not, the details tell why.
fn is_finite(summary: &LossSummary) -> bool {
    summary.loss.is_none_or(f64::is_finite) && summary.weight_sum.is_finite()
}

fn pack<A: Number>(outcome: Outcome<A, IxDyn, IxDyn>) -> Computed {
    Computed {
        summary: outcome.summary,
        details: Some(Details {
            grad: A::pack(outcome.grad),
            weight: A::pack(outcome.weights),
            loss: A::pack(outcome.losses),
            hessian: None,
        }),
    }
}

fn pack_second_order<A: Number>(second: SecondOrder<A, IxDyn, IxDyn>) -> Computed {
    let Computed { summary, details } = pack(second.outcome);
    let hessian = Some(A::pack(second.hessian));
    Computed { summary, details: details.map(|details| Details { hessian, ..details }) }
}
