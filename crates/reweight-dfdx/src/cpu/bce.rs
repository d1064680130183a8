//! BCE on the CPU.

use dfdx::prelude::{Cpu, Shape, Unit};
use ndarray::{ArrayD, IxDyn};
use reweight::{BatchStatistics, BceLoss, HessianForm, LossSummary, Reduction, SampleWeighter};
use reweight_ndarray::{BceBatch as Arrays, BceTarget};

use super::{CpuGradient, Host, each, second_order};
use crate::bce::BceBatch;
use crate::device::{BceDevice, EachSample, Element};
use crate::error::TensorLossError;
use crate::outcome::SecondOrder;

/// The batch's tensors in memory that the engine can look at.
struct Tensors<E: Unit, Y: Unit> {
    logits: Host<E>,
    targets: Host<Y>,
    valid: Option<Host<bool>>,
    sample_weight: Option<Host<E>>,
}

impl<E: Element, Y: BceTarget + Unit> Tensors<E, Y> {
    fn of<S: Shape>(batch: &BceBatch<'_, S, E, Y, Cpu>) -> Result<Self, TensorLossError> {
        Ok(Self {
            logits: Host::of(&batch.logits)?,
            targets: Host::of(batch.targets)?,
            valid: batch.valid.map(Host::of).transpose()?,
            sample_weight: batch.sample_weight.map(Host::of).transpose()?,
        })
    }

    fn arrays(&self) -> Result<Arrays<'_, E, Y, IxDyn>, TensorLossError> {
        let mut arrays = Arrays::new(self.logits.view()?, self.targets.view()?);
        if let Some(valid) = &self.valid {
            arrays = arrays.valid(valid.view()?);
        }
        if let Some(sample_weight) = &self.sample_weight {
            arrays = arrays.sample_weight(sample_weight.view()?);
        }
        Ok(arrays)
    }
}

impl<E: Element> BceDevice<E> for Cpu {
    fn bce_statistics<S: Shape, Y: BceTarget + Unit, W: SampleWeighter>(
        batch: &BceBatch<'_, S, E, Y, Self>,
        loss: &BceLoss<W>,
    ) -> Result<BatchStatistics, TensorLossError> {
        Ok(Tensors::of(batch)?.arrays()?.statistics(loss)?)
    }

    fn bce_value<S: Shape, Y: BceTarget + Unit, W: SampleWeighter>(
        batch: &BceBatch<'_, S, E, Y, Self>,
        loss: &BceLoss<W>,
    ) -> Result<LossSummary, TensorLossError> {
        Ok(Tensors::of(batch)?.arrays()?.value(loss)?)
    }

    fn bce_weigh<S: Shape, Y: BceTarget + Unit, W: SampleWeighter>(
        batch: &BceBatch<'_, S, E, Y, Self>,
        loss: &BceLoss<W>,
    ) -> Result<(LossSummary, CpuGradient<E>), TensorLossError> {
        let tensors = Tensors::of(batch)?;
        let layout = tensors.logits.layout();
        let mut grad = ArrayD::from_elem(&layout.sizes[..], E::default());
        let summary = tensors.arrays()?.weigh_into(loss, grad.view_mut())?;
        Ok((summary, CpuGradient::of_scalar(grad, layout)))
    }

    fn bce_step<S: Shape, Y: BceTarget + Unit, W: SampleWeighter>(
        batch: &BceBatch<'_, S, E, Y, Self>,
        loss: &mut BceLoss<W>,
    ) -> Result<(LossSummary, CpuGradient<E>), TensorLossError> {
        let tensors = Tensors::of(batch)?;
        let step = tensors.arrays()?.value_and_grad(loss)?;
        Ok((step.summary, CpuGradient::of_scalar(step.grad, tensors.logits.layout())))
    }

    fn bce_each<S: Shape, Y: BceTarget + Unit, W: SampleWeighter>(
        batch: &BceBatch<'_, S, E, Y, Self>,
        loss: &mut BceLoss<W>,
    ) -> Result<EachSample<S, E, Self>, TensorLossError> {
        let tensors = Tensors::of(batch)?;
        let layout = tensors.logits.layout();
        // The gradient of each loss is that of their plain sum; a copy takes the step, so that the loss keeps its own
        // reduction, and its state where anything fails.
        let mut summed = loss.clone().with_reduction(Reduction::None)?;
        let outcome = tensors.arrays()?.outcome(&mut summed)?;
        let each = each(batch.targets, outcome, loss.weighting(), layout, layout.sizes.clone())?;
        *loss = summed.with_reduction(loss.reduction())?;
        Ok(each)
    }

    fn bce_second_order<S: Shape, Y: BceTarget + Unit, W: SampleWeighter>(
        batch: &BceBatch<'_, S, E, Y, Self>,
        loss: &mut BceLoss<W>,
        form: HessianForm,
    ) -> Result<SecondOrder<S, E, Self>, TensorLossError> {
        let tensors = Tensors::of(batch)?;
        let [mut grad, mut hessian] = tensors.logits.layout().zeros();
        let summary = tensors.arrays()?.second_order_into(loss, form, grad.view_mut(), hessian.view_mut())?;
        second_order(&batch.logits, summary, grad, hessian)
    }
}
