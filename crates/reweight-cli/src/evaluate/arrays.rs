//! The CPU engine on the batch.

use ndarray::{ArrayD, IxDyn};
use reweight::LossError;
use reweight_ndarray::{BceBatch, BceTarget, Outcome, SoftmaxBatch};

use super::inputs::{BceInputs, BceTargets, SoftmaxInputs};
use super::{Bce, Computed, Number, Softmax};

pub(super) fn bce<A: Number>(inputs: &BceInputs<A>, loss: &mut Bce) -> Result<Computed, LossError> {
    match &inputs.targets {
        BceTargets::Hard(targets) => bce_with(inputs, targets, loss),
        BceTargets::Soft(targets) => bce_with(inputs, targets, loss),
    }
}

fn bce_with<A: Number, T: BceTarget>(
    inputs: &BceInputs<A>,
    targets: &ArrayD<T>,
    loss: &mut Bce,
) -> Result<Computed, LossError> {
    let mut batch = BceBatch::new(&inputs.logits, targets);
    if let Some(valid) = &inputs.valid {
        batch = batch.valid(valid);
    }
    if let Some(sample_weight) = &inputs.sample_weight {
        batch = batch.sample_weight(sample_weight);
    }
    batch.outcome(loss).map(pack)
}

pub(super) fn softmax<A: Number>(inputs: &SoftmaxInputs<A>, loss: &mut Softmax) -> Result<Computed, LossError> {
    let mut batch = SoftmaxBatch::new(&inputs.logits, &inputs.targets);
    if let Some(valid) = &inputs.valid {
        batch = batch.valid(valid);
    }
    if let Some(sample_weight) = &inputs.sample_weight {
        batch = batch.sample_weight(sample_weight);
    }
    batch.outcome(loss).map(pack)
}

fn pack<A: Number>(outcome: Outcome<A, IxDyn, IxDyn>) -> Computed {
    Computed {
        summary: outcome.summary,
        grad: A::pack(outcome.grad),
        weight: A::pack(outcome.weights),
        loss: A::pack(outcome.losses),
    }
}
