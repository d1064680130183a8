//! Softmax cross entropy on the CPU.

use dfdx::prelude::{Cpu, ReduceShapeTo, Shape, Unit};
use dfdx::shapes::Axis;
use ndarray::{ArrayD, IxDyn};
use reweight::{BatchStatistics, HessianForm, LossSummary, Reduction, SampleWeighter, SoftmaxLoss};
use reweight_ndarray::{ClassIndex, SoftmaxBatch as Arrays};

use super::{CpuGradient, Host, each, second_order};
use crate::device::{EachSample, Element, SoftmaxDevice};
use crate::error::TensorLossError;
use crate::outcome::SecondOrder;
use crate::softmax::SoftmaxBatch;

/// The batch's tensors in memory that the engine can look at.
struct Tensors<E: Unit, Y: Unit> {
    logits: Host<E>,
    targets: Host<Y>,
    valid: Option<Host<bool>>,
    sample_weight: Option<Host<E>>,
}

impl<E: Element, Y: ClassIndex + Unit> Tensors<E, Y> {
    fn of<S, L: Shape>(batch: &SoftmaxBatch<'_, S, L, E, Y, Cpu>) -> Result<Self, TensorLossError>
    where
        S: Shape + ReduceShapeTo<L, Axis<1>>,
    {
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

impl<E: Element> SoftmaxDevice<E> for Cpu {
    fn softmax_statistics<S, L: Shape, Y: ClassIndex + Unit, W: SampleWeighter>(
        batch: &SoftmaxBatch<'_, S, L, E, Y, Self>,
        loss: &SoftmaxLoss<W>,
    ) -> Result<BatchStatistics, TensorLossError>
    where
        S: Shape + ReduceShapeTo<L, Axis<1>>,
    {
        Ok(Tensors::of(batch)?.arrays()?.statistics(loss)?)
    }

    fn softmax_value<S, L: Shape, Y: ClassIndex + Unit, W: SampleWeighter>(
        batch: &SoftmaxBatch<'_, S, L, E, Y, Self>,
        loss: &SoftmaxLoss<W>,
    ) -> Result<LossSummary, TensorLossError>
    where
        S: Shape + ReduceShapeTo<L, Axis<1>>,
    {
        Ok(Tensors::of(batch)?.arrays()?.value(loss)?)
    }

    fn softmax_weigh<S, L: Shape, Y: ClassIndex + Unit, W: SampleWeighter>(
        batch: &SoftmaxBatch<'_, S, L, E, Y, Self>,
        loss: &SoftmaxLoss<W>,
    ) -> Result<(LossSummary, CpuGradient<E>), TensorLossError>
    where
        S: Shape + ReduceShapeTo<L, Axis<1>>,
    {
        let tensors = Tensors::of(batch)?;
        let layout = tensors.logits.layout();
        let mut grad = ArrayD::from_elem(&layout.sizes[..], E::default());
        let summary = tensors.arrays()?.weigh_into(loss, grad.view_mut())?;
        Ok((summary, CpuGradient::of_scalar(grad, layout)))
    }

    fn softmax_step<S, L: Shape, Y: ClassIndex + Unit, W: SampleWeighter>(
        batch: &SoftmaxBatch<'_, S, L, E, Y, Self>,
        loss: &mut SoftmaxLoss<W>,
    ) -> Result<(LossSummary, CpuGradient<E>), TensorLossError>
    where
        S: Shape + ReduceShapeTo<L, Axis<1>>,
    {
        let tensors = Tensors::of(batch)?;
        let step = tensors.arrays()?.value_and_grad(loss)?;
        Ok((step.summary, CpuGradient::of_scalar(step.grad, tensors.logits.layout())))
    }

    fn softmax_each<S, L: Shape, Y: ClassIndex + Unit, W: SampleWeighter>(
        batch: &SoftmaxBatch<'_, S, L, E, Y, Self>,
        loss: &mut SoftmaxLoss<W>,
    ) -> Result<EachSample<L, E, Self>, TensorLossError>
    where
        S: Shape + ReduceShapeTo<L, Axis<1>>,
    {
        let tensors = Tensors::of(batch)?;
        let layout = tensors.logits.layout();
        // The gradient of each loss is that of their plain sum; a copy takes the step, so that the loss keeps its own
        // reduction, and its state where anything fails.
        let mut summed = loss.clone().with_reduction(Reduction::None)?;
        let outcome = tensors.arrays()?.outcome(&mut summed)?;
        let mut output = layout.sizes.clone();
        output[1] = 1;
        let each = each(batch.targets, outcome, loss.weighting(), layout, output)?;
        *loss = summed.with_reduction(loss.reduction())?;
        Ok(each)
    }

    fn softmax_second_order<S, L: Shape, Y: ClassIndex + Unit, W: SampleWeighter>(
        batch: &SoftmaxBatch<'_, S, L, E, Y, Self>,
        loss: &mut SoftmaxLoss<W>,
        form: HessianForm,
    ) -> Result<SecondOrder<S, E, Self>, TensorLossError>
    where
        S: Shape + ReduceShapeTo<L, Axis<1>>,
    {
        let tensors = Tensors::of(batch)?;
        let [mut grad, mut hessian] = tensors.logits.layout().zeros();
        let summary = tensors.arrays()?.second_order_into(loss, form, grad.view_mut(), hessian.view_mut())?;
        second_order(&batch.logits, summary, grad, hessian)
    }
}
