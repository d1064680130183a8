//! A batch that was beyond the floats once more, small enough to be computed: so that a message names the value and its weight.

use ndarray::{ArrayD, ArrayViewD, IxDyn};
use reweight::{LossError, LossSummary};
use reweight_ndarray::{BceBatch, BceTarget, Outcome, SoftmaxBatch};

use super::inputs::{BceInputs, BceTargets, SampleWeights, SoftmaxInputs};
use super::overflow::{Computed, Details};
use super::{Bce, Number, Softmax};

/// What every sample weighs less: a power of two, which no digit is lost by.
const SMALLER: f64 = 1.0 / (1_u128 << 100) as f64;

/// Each element's weight and loss, where that is what was beyond the floats.
pub(super) fn bce<A: Number>(inputs: &BceInputs<A>, loss: &Bce, source: &LossError) -> Option<Computed> {
    let sum = sum_of(source)?;
    match &inputs.targets {
        BceTargets::Bytes(targets) => bce_with(inputs, targets, loss, sum),
        BceTargets::Integers(targets) => bce_with(inputs, targets, loss, sum),
        BceTargets::Soft(targets) => bce_with(inputs, &targets.mapv(Into::<f64>::into), loss, sum),
    }
}

fn bce_with<A: Number, T: BceTarget>(
    inputs: &BceInputs<A>,
    targets: &ArrayD<T>,
    loss: &Bce,
    sum: f64,
) -> Option<Computed> {
    let logits = inputs.logits.mapv(Into::<f64>::into);
    let weights = smaller(inputs.sample_weight.as_ref(), logits.shape())?;
    let mut batch = BceBatch::new(&logits, targets).sample_weight(&weights);
    if let Some(valid) = &inputs.valid {
        batch = batch.valid(valid);
    }
    batch.outcome(&mut loss.clone()).ok().map(|outcome| larger::<A>(&outcome, sum))
}

/// As [`bce`].
pub(super) fn softmax<A: Number>(inputs: &SoftmaxInputs<A>, loss: &Softmax, source: &LossError) -> Option<Computed> {
    let sum = sum_of(source)?;
    let logits = inputs.logits.mapv(Into::<f64>::into);
    let weights = smaller(inputs.sample_weight.as_ref(), inputs.targets.shape())?;
    let mut batch = SoftmaxBatch::new(&logits, &inputs.targets).sample_weight(&weights);
    if let Some(valid) = &inputs.valid {
        batch = batch.valid(valid);
    }
    batch.outcome(&mut loss.clone()).ok().map(|outcome| larger::<A>(&outcome, sum))
}

/// What the sum was, where each is finite; none where the error is another.
fn sum_of(source: &LossError) -> Option<f64> {
    match source {
        LossError::NotFinite { .. } => Some(0.0),
        LossError::SumNotFinite => Some(f64::INFINITY),
        _ => None,
    }
}

fn smaller<A: Number>(weights: Option<&SampleWeights<A>>, shape: &[usize]) -> Option<ArrayD<f64>> {
    match weights {
        Some(weights) => {
            let weights: ArrayViewD<'_, A> = weights.view().ok()?;
            Some(weights.mapv(|weight| SMALLER * Into::<f64>::into(weight)))
        }
        None => Some(ArrayD::from_elem(IxDyn(shape), SMALLER)),
    }
}

/// The figures as they would have been, in the precision that is computed in.
fn larger<A: Number>(outcome: &Outcome<f64, IxDyn, IxDyn>, sum: f64) -> Computed {
    let array = |array: &ArrayD<f64>| A::round(&array.mapv(|value| value / SMALLER));
    Computed {
        summary: LossSummary { loss: Some(sum), ..outcome.summary },
        details: Details { weight: array(&outcome.weights), loss: array(&outcome.losses) },
    }
}
