//! BCE on CUDA.

use dfdx::prelude::{Cuda, HasShape, Shape, Unit};
use reweight::{BatchForm, BatchStatistics, BceLoss, LossError, LossSummary, SampleWeighter, Statistics};
use reweight_codegen::{BceArguments, BceShape, Element as TargetType, Labels};
use reweight_ndarray::BceTarget;

use super::call::{Call, Objective, per_sample, precision, sized, target_type};
use super::failure::CudaFailure;
use super::gpu::Gpu;
use super::gradient::{CudaGradient, Destination};
use super::tensor::Plain;
use super::{each, each_tensors};
use crate::bce::BceBatch;
use crate::device::{BceDevice, EachSample, Element};
use crate::error::TensorLossError;

/// A batch that is ready for its kernels, and where its gradient goes.
struct Prepared {
    call: Call,
    destination: Destination,
    arguments: BceArguments,
}

impl Prepared {
    fn of<S: Shape, E: Element, Y: BceTarget + Unit, W: SampleWeighter>(
        batch: &BceBatch<'_, S, E, Y, Cuda>,
        loss: &BceLoss<W>,
    ) -> Result<Self, TensorLossError> {
        let sizes: Vec<usize> = batch.logits.shape().concrete().into();
        sized("targets", batch.targets, &sizes)?;
        if let Some(valid) = batch.valid {
            sized("valid", valid, &sizes)?;
        }
        if let Some(sample_weight) = batch.sample_weight {
            sized("sample_weight", sample_weight, &sizes)?;
        }
        // Whether labels are soft is known on the device alone; the formula is asked for its kind.
        loss.weighting().fit(&BatchForm::binary(&sizes, false))?;
        Ok(Self::on_device(batch, &sizes)?)
    }

    fn on_device<S: Shape, E: Element, Y: BceTarget + Unit>(
        batch: &BceBatch<'_, S, E, Y, Cuda>,
        sizes: &[usize],
    ) -> Result<Self, CudaFailure> {
        let gpu = Gpu::of(batch.logits.device())?;
        let count: usize = sizes.iter().product();
        let axes: Vec<usize> = (0..sizes.len()).collect();
        let logits = Plain::of(&gpu, &batch.logits, &axes)?;
        let mut keep = logits.keep;
        let (targets, targets_at) = per_sample(&gpu, batch.targets, count, &mut keep)?;
        let valid = batch.valid.map(|valid| per_sample(&gpu, valid, count, &mut keep)).transpose()?;
        let weights = batch.sample_weight.map(|weights| per_sample(&gpu, weights, count, &mut keep)).transpose()?;
        let arguments = BceArguments {
            logits: logits.span.holding(count * size_of::<E>())?,
            targets: targets_at,
            valid: valid.map_or(0, |(_, address)| address),
            sample_weight: weights.map_or(0, |(_, address)| address),
            count: count as i64,
            ..Default::default()
        };
        let (precision, target_type) = (precision::<E>(), target_type::<Y>()?);
        let labels = if is_float(target_type) { Labels::Soft } else { Labels::Hard };
        let destination = Destination::of(&gpu, &logits.located, &axes, precision)?;
        let call = Call {
            gpu,
            precision,
            objective: Objective::Bce(BceShape::new(precision, target_type, labels)?, arguments),
            logits: logits.span,
            targets,
            target_type,
            sample_weight: weights.map(|(span, _)| span),
            count,
            samples: count,
            classes: 2,
            inner: 1,
            keep,
        };
        Ok(Self { call, destination, arguments })
    }

    /// Counts; afterwards it is known whether float targets are soft.
    ///
    /// The CPU takes a batch of floats that are all 0 or 1 as hard, and reads regions from the margin then. So this does:
    /// a batch that is taken as hard and is not has its first fault at a target, or before one.
    fn statistics(&mut self, request: &Statistics) -> Result<BatchStatistics, TensorLossError> {
        if is_float(self.call.target_type) && !request.histograms().is_empty() {
            let soft = self.call.objective;
            let shape = BceShape::new(self.call.precision, self.call.target_type, Labels::Hard);
            self.call.objective = Objective::Bce(shape.map_err(CudaFailure::from)?, self.arguments);
            match self.call.statistics(request) {
                Err(TensorLossError::Loss(LossError::Target { .. })) => self.call.objective = soft,
                other => return other,
            }
        }
        self.call.statistics(request)
    }
}

fn is_float(element: TargetType) -> bool {
    matches!(element, TargetType::F32 | TargetType::F64)
}

impl<E: Element> BceDevice<E> for Cuda {
    fn bce_statistics<S: Shape, Y: BceTarget + Unit, W: SampleWeighter>(
        batch: &BceBatch<'_, S, E, Y, Self>,
        loss: &BceLoss<W>,
    ) -> Result<BatchStatistics, TensorLossError> {
        Prepared::of(batch, loss)?.statistics(loss.weighting().request())
    }

    fn bce_value<S: Shape, Y: BceTarget + Unit, W: SampleWeighter>(
        batch: &BceBatch<'_, S, E, Y, Self>,
        loss: &BceLoss<W>,
    ) -> Result<LossSummary, TensorLossError> {
        let mut prepared = Prepared::of(batch, loss)?;
        let weighting = loss.weighting();
        let weighed = if weighting.weighter().observes() {
            let counts = prepared.statistics(weighting.request())?;
            prepared.call.weigh(&weighting.preview(&counts)?, weighting.reduction(), None)?
        } else {
            prepared.call.weigh(weighting, weighting.reduction(), None)?
        };
        Ok(weighting.summary(&weighed.totals))
    }

    fn bce_weigh<S: Shape, Y: BceTarget + Unit, W: SampleWeighter>(
        batch: &BceBatch<'_, S, E, Y, Self>,
        loss: &BceLoss<W>,
    ) -> Result<(LossSummary, CudaGradient<E>), TensorLossError> {
        let Prepared { call, destination, .. } = Prepared::of(batch, loss)?;
        let weighed = call.weigh(loss.weighting(), loss.reduction(), None)?;
        let summary = loss.weighting().summary(&weighed.totals);
        Ok((summary, CudaGradient::new(call, weighed, destination)))
    }

    fn bce_step<S: Shape, Y: BceTarget + Unit, W: SampleWeighter>(
        batch: &BceBatch<'_, S, E, Y, Self>,
        loss: &mut BceLoss<W>,
    ) -> Result<(LossSummary, CudaGradient<E>), TensorLossError> {
        let mut prepared = Prepared::of(batch, loss)?;
        if !loss.weighter().observes() {
            let Prepared { call, destination, .. } = prepared;
            let weighed = call.weigh(loss.weighting(), loss.reduction(), None)?;
            let summary = loss.weighting().summary(&weighed.totals);
            return Ok((summary, CudaGradient::new(call, weighed, destination)));
        }
        // A copy takes the step: the device may still fail after the weighter has observed.
        let mut taken = loss.clone();
        taken.observe(&prepared.statistics(loss.weighting().request())?)?;
        let Prepared { call, destination, .. } = prepared;
        let weighed = call.weigh(taken.weighting(), taken.reduction(), None)?;
        let summary = taken.weighting().summary(&weighed.totals);
        *loss = taken;
        Ok((summary, CudaGradient::new(call, weighed, destination)))
    }

    fn bce_each<S: Shape, Y: BceTarget + Unit, W: SampleWeighter>(
        batch: &BceBatch<'_, S, E, Y, Self>,
        loss: &mut BceLoss<W>,
    ) -> Result<EachSample<S, E, Self>, TensorLossError> {
        let mut prepared = Prepared::of(batch, loss)?;
        let mut taken = loss.clone();
        if loss.weighter().observes() {
            taken.observe(&prepared.statistics(loss.weighting().request())?)?;
        }
        let Prepared { call, destination, .. } = prepared;
        let tensors = each_tensors(batch.targets)?;
        // The gradient of each loss is that of their plain sum.
        let weighed = call.weigh(taken.weighting(), reweight::Reduction::None, Some(tensors.spans))?;
        let summary = taken.weighting().summary(&weighed.totals);
        *loss = taken;
        Ok(each(tensors, summary, CudaGradient::new(call, weighed, destination)))
    }
}
