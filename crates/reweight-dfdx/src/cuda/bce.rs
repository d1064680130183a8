//! BCE on CUDA.

use dfdx::prelude::{Cuda, HasShape, Shape, Unit};
use reweight::{
    BatchForm, BatchStatistics, BceLoss, Fit, HessianForm, LossError, LossSummary, Reduction, SampleWeighter,
    WeightError, Weighting,
};
use reweight_codegen::{BceArguments, BceShape, Element as TargetType, Labels, MapTables};
use reweight_ndarray::BceTarget;

use super::call::{Call, Objective, Weighed, per_sample, precision, sized};
use super::failure::CudaFailure;
use super::gpu::{Gpu, Span};
use super::gradient::{CudaGradient, Destination};
use super::numbers::Map;
use super::targets::target_type;
use super::tensor::Plain;
use super::{NO_HESSIAN, each, each_tensors};
use crate::bce::BceBatch;
use crate::device::{BceDevice, EachSample, Element};
use crate::error::TensorLossError;
use crate::outcome::SecondOrder;

/// A batch that is ready for its kernels, and where its gradient goes.
struct Prepared {
    call: Call,
    destination: Destination,
    /// Floats may all be 0 or 1: the batch taken as such, where it is taken as soft.
    hard: Option<Objective>,
    /// What a part says to soft labels, where it takes none: the batch is taken as hard then.
    refusal: Option<WeightError>,
}

/// What floats are taken for: the first way, and the other where both are open.
struct Taken {
    labels: Labels,
    fit: Fit,
    hard: Option<Fit>,
    refusal: Option<WeightError>,
}

impl Taken {
    /// The CPU takes a batch of floats that are all 0 or 1 as hard. Only the device knows whether this one is: it is asked where
    /// a part takes hard labels alone, and where unit regions are read, from the margin of hard labels.
    fn of<W: SampleWeighter>(sizes: &[usize], floats: bool, weighting: &Weighting<W>) -> Result<Self, WeightError> {
        let fit = |soft| weighting.fit(&BatchForm::binary(sizes, soft));
        if !floats {
            return Ok(Self { labels: Labels::Hard, fit: fit(false)?, hard: None, refusal: None });
        }
        match fit(true) {
            Ok(soft) => {
                let asked = !weighting.request().histograms().is_empty();
                let hard = if asked { Some(fit(false)?) } else { None };
                Ok(Self { labels: Labels::Soft, fit: soft, hard, refusal: None })
            }
            Err(refusal @ WeightError::SoftLabels { .. }) => {
                Ok(Self { labels: Labels::Hard, fit: fit(false)?, hard: None, refusal: Some(refusal) })
            }
            Err(other) => Err(other),
        }
    }
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
        let taken = Taken::of(&sizes, is_float(target_type::<Y>()?), loss.weighting())?;
        Ok(Self::on_device(batch, &sizes, taken)?)
    }

    fn on_device<S: Shape, E: Element, Y: BceTarget + Unit>(
        batch: &BceBatch<'_, S, E, Y, Cuda>,
        sizes: &[usize],
        taken: Taken,
    ) -> Result<Self, CudaFailure> {
        let gpu = Gpu::of(batch.logits.device())?;
        let count: usize = sizes.iter().product();
        let axes: Vec<usize> = (0..sizes.len()).collect();
        let logits = Plain::of(&gpu, &batch.logits, &axes)?;
        let mut keep = logits.keep;
        let (targets, targets_at) = per_sample(&gpu, batch.targets, count, &mut keep)?;
        let valid = batch.valid.map(|valid| per_sample(&gpu, valid, count, &mut keep)).transpose()?;
        let weights = batch.sample_weight.map(|weights| per_sample(&gpu, weights, count, &mut keep)).transpose()?;
        let (precision, target_type) = (precision::<E>(), target_type::<Y>()?);
        let arguments = BceArguments {
            logits: logits.span.holding(count * size_of::<E>())?,
            targets: targets_at,
            valid: valid.map_or(0, |(_, address)| address),
            sample_weight: weights.map_or(0, |(_, address)| address),
            count: count as i64,
            ..Default::default()
        };
        let mut buffers = Vec::new();
        let mut objective = |labels: Labels, fit: &Fit| {
            let shape = BceShape::new(precision, target_type, labels)?;
            let map = Map::upload(&gpu, precision, &MapTables::of(fit, shape.kind(), 2))?;
            buffers.extend(map.buffer);
            let arguments = BceArguments {
                scale: map.scale,
                offset: map.offset,
                margin: map.margin,
                inner: fit.columns.inner as i64,
                columns: fit.columns.count as i64,
                ..arguments
            };
            Ok::<_, CudaFailure>(Objective::Bce(shape, arguments))
        };
        let first = objective(taken.labels, &taken.fit)?;
        let hard = taken.hard.map(|fit| objective(Labels::Hard, &fit)).transpose()?;
        let destination = Destination::of(&gpu, &logits.located, &axes, precision)?;
        let call = Call {
            gpu,
            precision,
            objective: first,
            logits: logits.span,
            targets,
            target_type,
            sample_weight: weights.map(|(span, _)| span),
            count,
            samples: count,
            classes: 2,
            inner: 1,
            keep: (keep, buffers),
        };
        Ok(Self { call, destination, hard, refusal: taken.refusal })
    }

    /// Counts; afterwards it is known whether float targets are soft: a batch that is taken as hard and is not has its first
    /// fault at a target, or before one.
    fn statistics<W: SampleWeighter>(&mut self, weighting: &Weighting<W>) -> Result<BatchStatistics, TensorLossError> {
        if let Some(hard) = self.hard.take() {
            let soft = std::mem::replace(&mut self.call.objective, hard);
            match self.call.statistics(weighting) {
                Err(TensorLossError::Loss(LossError::Target { .. })) => self.call.objective = soft,
                other => return other,
            }
        }
        let counts = self.call.statistics(weighting);
        counts.map_err(|error| self.named(error))
    }

    /// Loss, weights and sums, from the weighter's state as it is.
    fn weigh<W: SampleWeighter>(
        &mut self,
        weighting: &Weighting<W>,
        reduction: Reduction,
        each: Option<[Span; 2]>,
    ) -> Result<Weighed, TensorLossError> {
        if self.hard.is_some() {
            self.statistics(weighting)?;
        }
        let weighed = self.call.weigh(weighting, reduction, each);
        weighed.map_err(|error| self.named(error))
    }

    /// A label between 0 and 1 that was to be hard: what the part that asked for it says.
    fn named(&self, error: TensorLossError) -> TensorLossError {
        match (&self.refusal, &error) {
            (Some(refusal), TensorLossError::Loss(LossError::Target { target, .. }))
                if (0.0..=1.0).contains(target) =>
            {
                refusal.clone().into()
            }
            _ => error,
        }
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
        Prepared::of(batch, loss)?.statistics(loss.weighting())
    }

    fn bce_value<S: Shape, Y: BceTarget + Unit, W: SampleWeighter>(
        batch: &BceBatch<'_, S, E, Y, Self>,
        loss: &BceLoss<W>,
    ) -> Result<LossSummary, TensorLossError> {
        let mut prepared = Prepared::of(batch, loss)?;
        let weighting = loss.weighting();
        let weighed = if weighting.weighter().observes() {
            let counts = prepared.statistics(weighting)?;
            prepared.weigh(&weighting.preview(&counts)?, weighting.reduction(), None)?
        } else {
            prepared.weigh(weighting, weighting.reduction(), None)?
        };
        Ok(weighting.summary(&weighed.totals))
    }

    fn bce_weigh<S: Shape, Y: BceTarget + Unit, W: SampleWeighter>(
        batch: &BceBatch<'_, S, E, Y, Self>,
        loss: &BceLoss<W>,
    ) -> Result<(LossSummary, CudaGradient<E>), TensorLossError> {
        let mut prepared = Prepared::of(batch, loss)?;
        let weighed = prepared.weigh(loss.weighting(), loss.reduction(), None)?;
        let Prepared { call, destination, .. } = prepared;
        let summary = loss.weighting().summary(&weighed.totals);
        Ok((summary, CudaGradient::new(call, weighed, destination)))
    }

    fn bce_step<S: Shape, Y: BceTarget + Unit, W: SampleWeighter>(
        batch: &BceBatch<'_, S, E, Y, Self>,
        loss: &mut BceLoss<W>,
    ) -> Result<(LossSummary, CudaGradient<E>), TensorLossError> {
        let mut prepared = Prepared::of(batch, loss)?;
        if !loss.weighter().observes() {
            let weighed = prepared.weigh(loss.weighting(), loss.reduction(), None)?;
            let Prepared { call, destination, .. } = prepared;
            let summary = loss.weighting().summary(&weighed.totals);
            return Ok((summary, CudaGradient::new(call, weighed, destination)));
        }
        // A copy takes the step: the device may still fail after the weighter has observed.
        let mut taken = loss.clone();
        taken.observe(&prepared.statistics(loss.weighting())?)?;
        let weighed = prepared.weigh(taken.weighting(), taken.reduction(), None)?;
        let Prepared { call, destination, .. } = prepared;
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
            taken.observe(&prepared.statistics(loss.weighting())?)?;
        }
        let tensors = each_tensors(batch.targets)?;
        // The gradient of each loss is that of their plain sum.
        let weighed = prepared.weigh(taken.weighting(), Reduction::None, Some(tensors.spans))?;
        let Prepared { call, destination, .. } = prepared;
        let summary = taken.weighting().summary(&weighed.totals);
        *loss = taken;
        Ok(each(tensors, summary, CudaGradient::new(call, weighed, destination)))
    }

    fn bce_second_order<S: Shape, Y: BceTarget + Unit, W: SampleWeighter>(
        _: &BceBatch<'_, S, E, Y, Self>,
        _: &mut BceLoss<W>,
        _: HessianForm,
    ) -> Result<SecondOrder<S, E, Self>, TensorLossError> {
        Err(NO_HESSIAN.into())
    }
}
