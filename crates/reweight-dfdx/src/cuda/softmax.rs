//! Softmax cross entropy on CUDA.

use dfdx::prelude::{Cuda, HasShape, ReduceShapeTo, Shape, Unit};
use dfdx::shapes::Axis;
use reweight::{
    BatchForm, BatchStatistics, Fit, HessianForm, LossError, LossSummary, Reduction, SampleKind, SampleWeighter,
    SoftmaxLoss,
};
use reweight_codegen::{Element as TargetType, MapTables, SoftmaxArguments, SoftmaxShape};
use reweight_ndarray::ClassIndex;

use super::call::{Call, Objective, per_sample, precision, sized};
use super::failure::CudaFailure;
use super::gpu::Gpu;
use super::gradient::{CudaGradient, Destination};
use super::numbers::Map;
use super::targets::target_type;
use super::tensor::Plain;
use super::{NO_HESSIAN, each, each_tensors};
use crate::device::{EachSample, Element, SoftmaxDevice};
use crate::error::TensorLossError;
use crate::outcome::SecondOrder;
use crate::softmax::SoftmaxBatch;

/// A batch that is ready for its kernels, and where its gradient goes.
struct Prepared {
    call: Call,
    destination: Destination,
}

impl Prepared {
    fn of<S, L: Shape, E: Element, Y: ClassIndex + Unit, W: SampleWeighter>(
        batch: &SoftmaxBatch<'_, S, L, E, Y, Cuda>,
        loss: &SoftmaxLoss<W>,
    ) -> Result<Self, TensorLossError>
    where
        S: Shape + ReduceShapeTo<L, Axis<1>>,
    {
        let sizes: Vec<usize> = batch.logits.shape().concrete().into();
        let classes = sizes.get(1).copied().unwrap_or(0);
        if classes < 2 {
            return Err(LossError::Classes { found: sizes }.into());
        }
        let mut samples = sizes.clone();
        samples.remove(1);
        sized("targets", batch.targets, &samples)?;
        if let Some(valid) = batch.valid {
            sized("valid", valid, &samples)?;
        }
        if let Some(sample_weight) = batch.sample_weight {
            sized("sample_weight", sample_weight, &samples)?;
        }
        let fit = loss.weighting().fit(&BatchForm::softmax(&sizes, classes))?;
        Ok(Self::on_device(batch, loss, &sizes, &fit)?)
    }

    fn on_device<S, L: Shape, E: Element, Y: ClassIndex + Unit, W: SampleWeighter>(
        batch: &SoftmaxBatch<'_, S, L, E, Y, Cuda>,
        loss: &SoftmaxLoss<W>,
        sizes: &[usize],
        fit: &Fit,
    ) -> Result<Self, CudaFailure>
    where
        S: Shape + ReduceShapeTo<L, Axis<1>>,
    {
        let gpu = Gpu::of(batch.logits.device())?;
        let (classes, inner) = (sizes[1], sizes[2..].iter().product::<usize>());
        let (rows, count) = (sizes[0] * inner, sizes.iter().product::<usize>());
        // The classes last: the kernels read a row at a time.
        let order: Vec<usize> = [0].into_iter().chain(2..sizes.len()).chain([1]).collect();
        let logits = Plain::of(&gpu, &batch.logits, &order)?;
        let mut keep = logits.keep;
        let (targets, targets_at) = per_sample(&gpu, batch.targets, rows, &mut keep)?;
        let valid = batch.valid.map(|valid| per_sample(&gpu, valid, rows, &mut keep)).transpose()?;
        let weights = batch.sample_weight.map(|weights| per_sample(&gpu, weights, rows, &mut keep)).transpose()?;
        let (precision, target_type) = (precision::<E>(), target_type::<Y>()?);
        // A label that the targets' type cannot hold marks no row.
        let ignored = loss.ignore_index().filter(|&label| target_type != TargetType::U64 || label >= 0);
        let map = Map::upload(&gpu, precision, &MapTables::of(fit, SampleKind::Class, classes))?;
        let arguments = SoftmaxArguments {
            logits: logits.span.holding(count * size_of::<E>())?,
            targets: targets_at,
            valid: valid.map_or(0, |(_, address)| address),
            sample_weight: weights.map_or(0, |(_, address)| address),
            scale: map.scale,
            offset: map.offset,
            margin: map.margin,
            rows: rows as i64,
            classes: classes as i64,
            ignore_index: ignored.unwrap_or_default(),
            ignores: ignored.is_some().into(),
            smoothing: loss.label_smoothing(),
            ..Default::default()
        };
        let destination = Destination::of(&gpu, &logits.located, &order, precision)?;
        let call = Call {
            gpu,
            precision,
            objective: Objective::Softmax(SoftmaxShape::new(precision, target_type, classes)?, arguments),
            logits: logits.span,
            targets,
            target_type,
            sample_weight: weights.map(|(span, _)| span),
            count,
            samples: rows,
            classes,
            inner: inner.max(1),
            keep: (keep, map.buffer.into_iter().collect()),
        };
        Ok(Self { call, destination })
    }
}

impl<E: Element> SoftmaxDevice<E> for Cuda {
    fn softmax_statistics<S, L: Shape, Y: ClassIndex + Unit, W: SampleWeighter>(
        batch: &SoftmaxBatch<'_, S, L, E, Y, Self>,
        loss: &SoftmaxLoss<W>,
    ) -> Result<BatchStatistics, TensorLossError>
    where
        S: Shape + ReduceShapeTo<L, Axis<1>>,
    {
        Prepared::of(batch, loss)?.call.statistics(loss.weighting())
    }

    fn softmax_value<S, L: Shape, Y: ClassIndex + Unit, W: SampleWeighter>(
        batch: &SoftmaxBatch<'_, S, L, E, Y, Self>,
        loss: &SoftmaxLoss<W>,
    ) -> Result<LossSummary, TensorLossError>
    where
        S: Shape + ReduceShapeTo<L, Axis<1>>,
    {
        let Prepared { call, .. } = Prepared::of(batch, loss)?;
        let weighting = loss.weighting();
        let weighed = if weighting.weighter().observes() {
            let counts = call.statistics(weighting)?;
            call.weigh(&weighting.preview(&counts)?, weighting.reduction(), None)?
        } else {
            call.weigh(weighting, weighting.reduction(), None)?
        };
        Ok(weighting.summary(&weighed.totals))
    }

    fn softmax_weigh<S, L: Shape, Y: ClassIndex + Unit, W: SampleWeighter>(
        batch: &SoftmaxBatch<'_, S, L, E, Y, Self>,
        loss: &SoftmaxLoss<W>,
    ) -> Result<(LossSummary, CudaGradient<E>), TensorLossError>
    where
        S: Shape + ReduceShapeTo<L, Axis<1>>,
    {
        let Prepared { call, destination } = Prepared::of(batch, loss)?;
        let weighed = call.weigh(loss.weighting(), loss.reduction(), None)?;
        let summary = loss.weighting().summary(&weighed.totals);
        Ok((summary, CudaGradient::new(call, weighed, destination)))
    }

    fn softmax_step<S, L: Shape, Y: ClassIndex + Unit, W: SampleWeighter>(
        batch: &SoftmaxBatch<'_, S, L, E, Y, Self>,
        loss: &mut SoftmaxLoss<W>,
    ) -> Result<(LossSummary, CudaGradient<E>), TensorLossError>
    where
        S: Shape + ReduceShapeTo<L, Axis<1>>,
    {
        let Prepared { call, destination } = Prepared::of(batch, loss)?;
        if !loss.weighter().observes() {
            let weighed = call.weigh(loss.weighting(), loss.reduction(), None)?;
            let summary = loss.weighting().summary(&weighed.totals);
            return Ok((summary, CudaGradient::new(call, weighed, destination)));
        }
        // A copy takes the step: the device may still fail after the weighter has observed.
        let mut taken = loss.clone();
        taken.observe(&call.statistics(loss.weighting())?)?;
        let weighed = call.weigh(taken.weighting(), taken.reduction(), None)?;
        let summary = taken.weighting().summary(&weighed.totals);
        *loss = taken;
        Ok((summary, CudaGradient::new(call, weighed, destination)))
    }

    fn softmax_each<S, L: Shape, Y: ClassIndex + Unit, W: SampleWeighter>(
        batch: &SoftmaxBatch<'_, S, L, E, Y, Self>,
        loss: &mut SoftmaxLoss<W>,
    ) -> Result<EachSample<L, E, Self>, TensorLossError>
    where
        S: Shape + ReduceShapeTo<L, Axis<1>>,
    {
        let Prepared { call, destination } = Prepared::of(batch, loss)?;
        let mut taken = loss.clone();
        if loss.weighter().observes() {
            taken.observe(&call.statistics(loss.weighting())?)?;
        }
        let tensors = each_tensors(batch.targets)?;
        // The gradient of each loss is that of their plain sum.
        let weighed = call.weigh(taken.weighting(), Reduction::None, Some(tensors.spans))?;
        let summary = taken.weighting().summary(&weighed.totals);
        *loss = taken;
        Ok(each(tensors, summary, CudaGradient::new(call, weighed, destination)))
    }

    fn softmax_second_order<S, L: Shape, Y: ClassIndex + Unit, W: SampleWeighter>(
        _: &SoftmaxBatch<'_, S, L, E, Y, Self>,
        _: &mut SoftmaxLoss<W>,
        _: HessianForm,
    ) -> Result<SecondOrder<S, E, Self>, TensorLossError>
    where
        S: Shape + ReduceShapeTo<L, Axis<1>>,
    {
        Err(NO_HESSIAN.into())
    }
}
