//! A batch on the device, and the passes over it: counting and validating, then loss, weights and sums.

use std::sync::Arc;

use dfdx::prelude::{HasShape, Shape, Storage, Tensor, Unit};
use reweight::{BatchStatistics, LossError, Reduction, SampleKind, SampleWeighter, Statistics, Totals, Weighting};
use reweight_codegen::{
    BceArguments, BceShape, CodegenError, Element as TargetType, Fault, FinishArguments, Formula, KernelSource,
    Precision, SoftmaxArguments, SoftmaxShape, StatisticsArguments, edges, finish, reduction_code,
};

use super::failure::CudaFailure;
use super::gpu::{Buffer, Gpu, Kernel, Span};
use super::modules;
use super::numbers::packed;
use super::targets::{Number, number_of, target_bytes};
use super::tensor::{Kept, Plain};
use crate::device::Element;
use crate::error::TensorLossError;

/// A batch as the kernels take it: its tensors in the plain layout, checked for their sizes.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) gpu: Gpu,
    pub(super) precision: Precision,
    pub(super) objective: Objective,
    pub(super) logits: Span,
    pub(super) targets: Span,
    pub(super) target_type: TargetType,
    pub(super) sample_weight: Option<Span>,
    /// The number of logits.
    pub(super) count: usize,
    /// Elements (BCE) or rows.
    pub(super) samples: usize,
    /// 2 for BCE.
    pub(super) classes: usize,
    /// How many rows share an outer index: the product of d… in (N, C, d…).
    pub(super) inner: usize,
    /// What keeps the tensors' memory, and that of the adjustments.
    #[expect(dead_code, reason = "it is dropped with the call, which is all that is asked of it")]
    pub(super) keep: (Vec<Kept>, Vec<Buffer>),
}

/// The objective with the shape of its kernels and the arguments that are the batch's own.
#[derive(Clone, Copy, Debug)]
pub(super) enum Objective {
    Bce(BceShape, BceArguments),
    Softmax(SoftmaxShape, SoftmaxArguments),
}

/// What a loss kernel reads and writes beside the batch; addresses, null where there is none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Outputs {
    pub(super) constants: u64,
    pub(super) fault: u64,
    pub(super) partials: u64,
    pub(super) losses: u64,
    pub(super) weights: u64,
    pub(super) found: u64,
    pub(super) factor: u64,
    pub(super) upstream: u64,
    pub(super) upstream_each: i64,
    pub(super) gradient: u64,
    pub(super) accumulate: i64,
}

impl Objective {
    fn kind(&self) -> SampleKind {
        match self {
            Self::Bce(shape, _) => shape.kind(),
            Self::Softmax(shape, _) => shape.kind(),
        }
    }

    fn names(&self) -> [&'static str; 3] {
        match self {
            Self::Bce(..) => ["reweight_bce_statistics", "reweight_bce_value", "reweight_bce_fused"],
            Self::Softmax(..) => ["reweight_softmax_statistics", "reweight_softmax_value", "reweight_softmax_fused"],
        }
    }

    fn statistics(&self, key: &Formula<'_>, request: &Statistics) -> Result<Arc<KernelSource>, CudaFailure> {
        match self {
            Self::Bce(shape, _) => {
                modules::source(&shape.statistics_key(key, request), || shape.statistics(key, request))
            }
            Self::Softmax(shape, _) => {
                modules::source(&shape.statistics_key(key, request), || shape.statistics(key, request))
            }
        }
    }

    fn loss(&self, formula: &Formula<'_>) -> Result<Arc<KernelSource>, CudaFailure> {
        match self {
            Self::Bce(shape, _) => modules::source(&shape.loss_key(formula), || shape.loss(formula)),
            Self::Softmax(shape, _) => modules::source(&shape.loss_key(formula), || shape.loss(formula)),
        }
    }

    /// The words of a loss kernel's struct.
    pub(super) fn words(&self, outputs: &Outputs) -> Vec<u64> {
        macro_rules! completed {
            ($arguments:expr) => {{
                let Outputs {
                    constants,
                    fault,
                    partials,
                    losses,
                    weights,
                    found,
                    factor,
                    upstream,
                    upstream_each,
                    gradient,
                    accumulate,
                } = *outputs;
                let mut arguments = *$arguments;
                (arguments.constants, arguments.fault, arguments.partials) = (constants, fault, partials);
                (arguments.losses, arguments.weights, arguments.found) = (losses, weights, found);
                arguments.factor = factor;
                (arguments.upstream, arguments.upstream_each) = (upstream, upstream_each);
                (arguments.gradient, arguments.accumulate) = (gradient, accumulate);
                arguments.words()
            }};
        }
        match self {
            Self::Bce(_, arguments) => completed!(arguments),
            Self::Softmax(_, arguments) => completed!(arguments),
        }
    }

    fn statistics_arguments(&self) -> StatisticsArguments {
        match self {
            Self::Bce(_, own) => StatisticsArguments {
                logits: own.logits,
                targets: own.targets,
                valid: own.valid,
                sample_weight: own.sample_weight,
                scale: own.scale,
                offset: own.offset,
                margin: own.margin,
                inner: own.inner,
                columns: own.columns,
                rows: own.count,
                ..Default::default()
            },
            Self::Softmax(_, own) => StatisticsArguments {
                logits: own.logits,
                targets: own.targets,
                valid: own.valid,
                sample_weight: own.sample_weight,
                scale: own.scale,
                offset: own.offset,
                margin: own.margin,
                rows: own.rows,
                classes: own.classes,
                ignore_index: own.ignore_index,
                ignores: own.ignores,
                ..Default::default()
            },
        }
    }
}

/// A batch after the value pass: its sums, and what the gradient's pass goes on with.
#[derive(Debug)]
pub(super) struct Weighed {
    pub(super) totals: Totals,
    pub(super) fused: Kernel,
    /// The fault's place, then the formula's numbers.
    pub(super) header: Buffer,
    /// The totals, of which the fifth is the gradient's factor, then the blocks' partial sums.
    pub(super) sums: Buffer,
}

/// The word of the factor among the totals.
pub(super) const FACTOR: usize = 4;
/// The words that `finish` writes.
const TOTALS: usize = 7;

impl Call {
    /// Validates the batch and counts what the loss's weighter asks for.
    pub(super) fn statistics<W: SampleWeighter>(
        &self,
        weighting: &Weighting<W>,
    ) -> Result<BatchStatistics, TensorLossError> {
        let request = weighting.request();
        let key = Formula::of_key(weighting, self.objective.kind()).map_err(CudaFailure::from)?;
        let counters = BatchStatistics::zero(request, self.classes).as_counts().len();
        let source = self.objective.statistics(&key, request)?;
        let kernel = modules::kernel(&self.gpu, &source, self.objective.names()[0])?;
        // The fault's place, the counters, the thresholds, and the numbers of what regions are read from.
        let mut words = vec![0; 1 + counters];
        words[0] = Fault::NONE;
        let (edges, constants) =
            (edges(request, self.precision, self.objective.kind().axis()), key.constants(self.precision));
        words.extend(packed(self.precision, &edges));
        let behind = words.len();
        words.extend(packed(self.precision, &constants));
        let buffer = self.gpu.upload(words).map_err(CudaFailure::from)?;
        let span = Span::of(&buffer);
        let arguments = StatisticsArguments {
            edges: span.past(1 + counters).holding(edges.len() * self.precision.bytes())?,
            constants: span.past(behind).holding(constants.len() * self.precision.bytes())?,
            counts: span.past(1).holding(8 * counters)?,
            fault: span.holding(8)?,
            ..self.objective.statistics_arguments()
        };
        self.gpu.launch(&kernel, self.samples, &arguments.words()).map_err(CudaFailure::from)?;
        let found = self.gpu.download(&buffer, 1 + counters).map_err(CudaFailure::from)?;
        self.refuse(found[0])?;
        let mut counts = BatchStatistics::zero(request, self.classes);
        counts.set_counts(&found[1..])?;
        Ok(counts)
    }

    /// Validates the batch, sums losses and weights, and leaves the gradient's factor on the device; writes every
    /// sample's loss and weight to `each`.
    pub(super) fn weigh<W: SampleWeighter>(
        &self,
        weighting: &Weighting<W>,
        reduction: Reduction,
        each: Option<[Span; 2]>,
    ) -> Result<Weighed, TensorLossError> {
        let kind = self.objective.kind();
        let formula = Formula::of(weighting, kind).map_err(CudaFailure::from)?;
        // What has been compiled is for any number of classes of a size class.
        formula.check(kind, self.classes).map_err(CudaFailure::from)?;
        let source = self.objective.loss(&formula)?;
        let [_, value, fused] = self.objective.names();
        let value = modules::kernel(&self.gpu, &source, value)?;
        let fused = modules::kernel(&self.gpu, &source, fused)?;
        let constants = formula.constants(self.precision);
        let (fault, weighed, outputs) = self.launch_value(&value, fused, &constants, reduction, each)?;
        if let Some(Fault::Result { index, quantity }) = self.fault(fault) {
            let [found, margin] = self.find(&value, &outputs)?;
            let place = (quantity as usize, index as usize);
            return Err(weighting.not_finite(place.0, place.1, found, margin).into());
        }
        self.refuse(fault)?;
        let Totals { loss_sum, weight_sum, .. } = weighed.totals;
        if !(loss_sum.is_finite() && weight_sum.is_finite()) {
            return Err(LossError::SumNotFinite.into());
        }
        Ok(weighed)
    }

    fn launch_value(
        &self,
        value: &Kernel,
        fused: Kernel,
        constants: &[f64],
        reduction: Reduction,
        each: Option<[Span; 2]>,
    ) -> Result<(u64, Weighed, Outputs), CudaFailure> {
        let header = self.gpu.upload([Fault::NONE].into_iter().chain(packed(self.precision, constants)).collect())?;
        let blocks = value.grid(self.samples) as usize;
        // Each block writes its sums, and `finish` the totals.
        let sums = self.gpu.unset(TOTALS + 4 * blocks)?;
        let bytes = self.samples * self.precision.bytes();
        let [losses, weights] = match each {
            Some([losses, weights]) => [losses.holding(bytes)?, weights.holding(bytes)?],
            None => [0; 2],
        };
        let fault = Span::of(&header).holding(8)?;
        let partials = Span::of(&sums).past(TOTALS).holding(32 * blocks)?;
        let constants = Span::of(&header).past(1).holding(constants.len() * self.precision.bytes())?;
        let outputs = Outputs { constants, fault, partials, losses, weights, ..Outputs::default() };
        self.gpu.launch(value, self.samples, &self.objective.words(&outputs))?;
        let precision = self.precision;
        let source = modules::source(finish_key(precision), || Ok::<_, CodegenError>(finish(precision)))?;
        let (reduction, divisor) = reduction_code(reduction);
        let arguments = FinishArguments {
            partials,
            blocks: blocks as i64,
            reduction,
            divisor,
            fault,
            totals: Span::of(&sums).holding(8 * TOTALS)?,
            loss: 0,
        };
        self.gpu.launch(&modules::kernel(&self.gpu, &source, "reweight_finish")?, 1, &arguments.words())?;
        let words = self.gpu.download(&sums, TOTALS)?;
        let number = |at: usize| f64::from_bits(words[at]);
        let totals = Totals {
            loss_sum: number(0),
            weight_sum: number(1),
            // Counts, as whole numbers below 2⁵³.
            valid: number(2) as u64,
            positives: number(3) as u64,
        };
        Ok((words[TOTALS - 1], Weighed { totals, fused, header, sums }, outputs))
    }

    /// The value and the margin of the result that a launch has found at fault: it is launched again, and finds it again.
    fn find(&self, value: &Kernel, outputs: &Outputs) -> Result<[f64; 2], CudaFailure> {
        let buffer = self.gpu.zeroed(2)?;
        let found = Span::of(&buffer).holding(16)?;
        self.gpu.launch(value, self.samples, &self.objective.words(&Outputs { found, ..*outputs }))?;
        let words = self.gpu.download(&buffer, 2)?;
        Ok([f64::from_bits(words[0]), f64::from_bits(words[1])])
    }

    /// The error for what a kernel has found, with the value that it found.
    fn refuse(&self, fault: u64) -> Result<(), TensorLossError> {
        match self.fault(fault) {
            None => Ok(()),
            Some(fault) => Err(self.error(fault)?.into()),
        }
    }

    fn fault(&self, fault: u64) -> Option<Fault> {
        match &self.objective {
            Objective::Bce(..) => Fault::of_bce(fault),
            Objective::Softmax(..) => Fault::of_softmax(fault, self.classes as u64),
        }
    }

    fn error(&self, fault: Fault) -> Result<LossError, CudaFailure> {
        let real = |span: Span, index: usize| {
            let bytes = self.gpu.element(span, index, self.precision.bytes())?;
            Ok::<_, CudaFailure>(match self.precision {
                Precision::F32 => f64::from(f32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])),
                Precision::F64 => f64::from_ne_bytes(bytes),
            })
        };
        Ok(match fault {
            Fault::Logit { index } => {
                let logit = real(self.logits, index as usize)?;
                LossError::NonFiniteLogit { index: self.callers(index as usize), logit }
            }
            Fault::SampleWeight { index } => {
                let index = index as usize;
                let weight = real(self.sample_weight.ok_or(CudaFailure::Tensor)?, index)?;
                LossError::SampleWeight { index, weight }
            }
            Fault::Target { index } => {
                let index = index as usize;
                let bytes = self.gpu.element(self.targets, index, target_bytes(self.target_type))?;
                match number_of(self.target_type, bytes) {
                    Number::Real(target) => LossError::Target { index, target },
                    Number::Label(label) => LossError::label(index, label, self.classes),
                }
            }
            // Statistics weigh nothing, and a weighing reads it before.
            Fault::Result { .. } => LossError::SumNotFinite,
        })
    }

    /// A logit's place as the caller counts it: (N, C, d…) is a row of C for each of N·d….
    fn callers(&self, index: usize) -> usize {
        match &self.objective {
            Objective::Bce(..) => index,
            Objective::Softmax(..) => {
                let (row, class) = (index / self.classes, index % self.classes);
                (row / self.inner * self.classes + class) * self.inner + row % self.inner
            }
        }
    }
}

fn finish_key(precision: Precision) -> &'static str {
    match precision {
        Precision::F32 => "finish;f32",
        Precision::F64 => "finish;f64",
    }
}

/// The precision of a number type.
pub(super) fn precision<E: Element>() -> Precision {
    if size_of::<E>() == 4 { Precision::F32 } else { Precision::F64 }
}

/// Refuses a tensor of other sizes than are asked for.
pub(super) fn sized<S: Shape, E, D: Storage<E>>(
    name: &'static str,
    tensor: &Tensor<S, E, D>,
    expected: &[usize],
) -> Result<(), LossError> {
    let found: Vec<usize> = tensor.shape().concrete().into();
    if found == expected { Ok(()) } else { Err(LossError::Shape { name, expected: expected.to_vec(), found }) }
}

/// A tensor of one element a sample, in the plain layout; what keeps it joins `keep`.
pub(super) fn per_sample<S: Shape, E: Unit>(
    gpu: &Gpu,
    tensor: &Tensor<S, E, super::Cuda>,
    samples: usize,
    keep: &mut Vec<Kept>,
) -> Result<(Span, u64), CudaFailure> {
    let axes: Vec<usize> = (0..S::NUM_DIMS).collect();
    let plain = Plain::of(gpu, tensor, &axes)?;
    keep.extend(plain.keep);
    Ok((plain.span, plain.span.holding(samples * size_of::<E>())?))
}
