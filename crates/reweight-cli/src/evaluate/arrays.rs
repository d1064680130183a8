//! The CPU engine on the batch.

use ndarray::{ArrayD, IxDyn};
use reweight::{LossError, LossSummary, SampleWeighter};
use reweight_ndarray::{BceBatch, BceTarget, Outcome, SoftmaxBatch};

use super::inputs::{BceInputs, BceTargets, SoftmaxInputs};
use super::{Bce, Computed, Details, Number, Softmax};

/// One training step; `detailed` where each element's figures are wanted, which take three times the logits' memory.
pub(super) fn bce<A: Number>(inputs: &BceInputs<A>, loss: &mut Bce, detailed: bool) -> Result<Computed, LossError> {
    match &inputs.targets {
        BceTargets::Bytes(targets) => bce_with(inputs, targets, loss, detailed),
        BceTargets::Integers(targets) => bce_with(inputs, targets, loss, detailed),
        BceTargets::Soft(targets) => bce_with(inputs, targets, loss, detailed),
    }
}

fn bce_with<A: Number, T: BceTarget>(
    inputs: &BceInputs<A>,
    targets: &ArrayD<T>,
    loss: &mut Bce,
    detailed: bool,
) -> Result<Computed, LossError> {
    let weights = inputs.sample_weight.as_ref().map(|weights| weights.view()).transpose()?;
    let mut batch = BceBatch::new(&inputs.logits, targets);
    if let Some(valid) = &inputs.valid {
        batch = batch.valid(valid);
    }
    if let Some(weights) = &weights {
        batch = batch.sample_weight(weights);
    }
    if !detailed {
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
    batch.outcome(loss).map(pack)
}

/// As [`bce`].
pub(super) fn softmax<A: Number>(
    inputs: &SoftmaxInputs<A>,
    loss: &mut Softmax,
    detailed: bool,
) -> Result<Computed, LossError> {
    let weights = inputs.sample_weight.as_ref().map(|weights| weights.view()).transpose()?;
    let mut batch = SoftmaxBatch::new(&inputs.logits, &inputs.targets);
    if let Some(valid) = &inputs.valid {
        batch = batch.valid(valid);
    }
    if let Some(weights) = &weights {
        batch = batch.sample_weight(weights);
    }
    if !detailed {
        let summary = batch.value(loss)?;
        if is_finite(&summary) {
            if loss.weighter().observes() {
                let counts = batch.statistics(loss)?;
                loss.observe(&counts)?;
            }
            return Ok(Computed { summary, details: None });
        }
    }
    batch.outcome(loss).map(pack)
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
        }),
    }
}
