//! A batch on the device, and the passes over it: counting and validating, then loss, weights and sums.

use std::any::TypeId;
use std::sync::Arc;

use dfdx::prelude::{HasShape, Shape, Storage, Tensor, Unit};
use reweight::{
    BatchStatistics, LossError, Reduction, RegionAxis, SampleKind, SampleWeighter, Statistics, Totals, Weighting,
};
use reweight_codegen::{
    BceArguments, BceShape, CodegenError, Element as TargetType, Fault, FinishArguments, Formula, KernelSource,
    Precision, SoftmaxArguments, SoftmaxShape, StatisticsArguments, edges, finish, reduction_code,
};

use super::failure::CudaFailure;
use super::gpu::{Buffer, Gpu, Kernel, Span};
use super::modules;
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
    /// What keeps the tensors' memory.
    #[expect(dead_code, reason = "it is dropped with the call, which is all that is asked of it")]
    pub(super) keep: Vec<Kept>,
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
    pub(super) factor: u64,
    pub(super) upstream: u64,
    pub(super) upstream_each: i64,
    pub(super) gradient: u64,
    pub(super) accumulate: i64,
}

impl Objective {
    fn axis(&self) -> RegionAxis {
        match self {
            Self::Bce(shape, _) => shape.axis(),
            Self::Softmax(shape, _) => shape.axis(),
        }
    }

    fn names(&self) -> [&'static str; 3] {
        match self {
            Self::Bce(..) => ["reweight_bce_statistics", "reweight_bce_value", "reweight_bce_fused"],
            Self::Softmax(..) => ["reweight_softmax_statistics", "reweight_softmax_value", "reweight_softmax_fused"],
        }
    }

    fn statistics(&self, request: &Statistics) -> Result<Arc<KernelSource>, CudaFailure> {
        match self {
            Self::Bce(shape, _) => modules::source(&shape.statistics_key(request), || Ok(shape.statistics(request))),
            Self::Softmax(shape, _) => {
                modules::source(&shape.statistics_key(request), || Ok(shape.statistics(request)))
            }
        }
    }

    fn loss(&self, formula: &Formula) -> Result<Arc<KernelSource>, CudaFailure> {
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
                    factor,
                    upstream,
                    upstream_each,
                    gradient,
                    accumulate,
                } = *outputs;
                let mut arguments = *$arguments;
                (arguments.constants, arguments.fault, arguments.partials) = (constants, fault, partials);
                (arguments.losses, arguments.weights, arguments.factor) = (losses, weights, factor);
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
                rows: own.count,
                ..Default::default()
            },
            Self::Softmax(_, own) => StatisticsArguments {
                logits: own.logits,
                targets: own.targets,
                valid: own.valid,
                sample_weight: own.sample_weight,
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
    /// Validates the batch and counts what `request` asks for.
    pub(super) fn statistics(&self, request: &Statistics) -> Result<BatchStatistics, TensorLossError> {
        let counters = BatchStatistics::zero(request, self.classes).as_counts().len();
        let source = self.objective.statistics(request)?;
        let kernel = modules::kernel(&self.gpu, &source, self.objective.names()[0])?;
        // The fault's place, the counters, and the thresholds.
        let mut words = vec![0; 1 + counters];
        words[0] = Fault::NONE;
        let edges = edges(request, self.precision, self.objective.axis());
        words.extend(self.packed(&edges));
        let buffer = self.gpu.upload(words).map_err(CudaFailure::from)?;
        let span = Span::of(&buffer);
        let arguments = StatisticsArguments {
            edges: span.past(1 + counters).holding(edges.len() * self.precision.bytes())?,
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
        let kind = match (&self.objective, self.objective.axis()) {
            (Objective::Softmax(..), _) => SampleKind::Class,
            (Objective::Bce(..), RegionAxis::Margin) => SampleKind::Binary,
            (Objective::Bce(..), RegionAxis::NegatedNorm) => SampleKind::SoftBinary,
        };
        let formula = Formula::of_loss(weighting, kind).map_err(CudaFailure::from)?;
        // What has been compiled is for any number of classes of a size class.
        formula.check(self.classes).map_err(CudaFailure::from)?;
        let source = self.objective.loss(&formula)?;
        let [_, value, fused] = self.objective.names();
        let value = modules::kernel(&self.gpu, &source, value)?;
        let fused = modules::kernel(&self.gpu, &source, fused)?;
        let constants = formula.constants(self.precision, self.objective.axis());
        let weighed = self.launch_value(&value, fused, &constants, reduction, each)?;
        let (words, weighed) = weighed;
        self.refuse(words[TOTALS - 1])?;
        Ok(weighed)
    }

    fn launch_value(
        &self,
        value: &Kernel,
        fused: Kernel,
        constants: &[f64],
        reduction: Reduction,
        each: Option<[Span; 2]>,
    ) -> Result<(Vec<u64>, Weighed), CudaFailure> {
        let header = self.gpu.upload([Fault::NONE].into_iter().chain(self.packed(constants)).collect())?;
        let blocks = value.grid(self.samples) as usize;
        let sums = self.gpu.zeroed(TOTALS + 4 * blocks)?;
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
        Ok((words, Weighed { totals, fused, header, sums }))
    }

    /// Numbers in the logits' precision, as words.
    fn packed(&self, numbers: &[f64]) -> Vec<u64> {
        match self.precision {
            Precision::F64 => numbers.iter().map(|number| number.to_bits()).collect(),
            Precision::F32 => {
                let bits = |number: Option<&f64>| u64::from(number.map_or(0, |&number| (number as f32).to_bits()));
                let word = |pair: &[f64]| {
                    let (first, second) = (bits(pair.first()), bits(pair.get(1)));
                    if cfg!(target_endian = "big") { first << 32 | second } else { second << 32 | first }
                };
                numbers.chunks(2).map(word).collect()
            }
        }
    }

    /// The error for what a kernel has found, with the value that it found.
    fn refuse(&self, fault: u64) -> Result<(), TensorLossError> {
        let fault = match &self.objective {
            Objective::Bce(..) => Fault::of_bce(fault),
            Objective::Softmax(..) => Fault::of_softmax(fault, self.classes as u64),
        };
        match fault {
            None => Ok(()),
            Some(fault) => Err(self.error(fault)?.into()),
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

/// How a target type lies in memory.
pub(super) fn target_type<Y: 'static>() -> Result<TargetType, CudaFailure> {
    use TargetType::{F32, F64, I8, I16, I32, I64, U8, U16, U32, U64};
    let is = |other: TypeId| TypeId::of::<Y>() == other;
    macro_rules! among {
        ($($type:ty => $element:expr),*) => {
            $(if is(TypeId::of::<$type>()) {
                return Ok($element);
            })*
        };
    }
    let (signed, unsigned) = if size_of::<usize>() == 8 { (I64, U64) } else { (I32, U32) };
    among!(bool => U8, u8 => U8, i8 => I8, u16 => U16, i16 => I16, u32 => U32, i32 => I32, u64 => U64, i64 => I64,
        usize => unsigned, isize => signed, f32 => F32, f64 => F64);
    let reason = format!("targets of type {} have no kernel", std::any::type_name::<Y>());
    Err(CudaFailure::Other { reason })
}

fn target_bytes(element: TargetType) -> usize {
    match element {
        TargetType::U8 | TargetType::I8 => 1,
        TargetType::U16 | TargetType::I16 => 2,
        TargetType::U32 | TargetType::I32 | TargetType::F32 => 4,
        TargetType::U64 | TargetType::I64 | TargetType::F64 => 8,
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Number {
    Real(f64),
    Label(i64),
}

/// A target from its bytes.
fn number_of(element: TargetType, bytes: [u8; 8]) -> Number {
    let [a, b, c, d, ..] = bytes;
    Number::Label(match element {
        TargetType::F32 => return Number::Real(f32::from_ne_bytes([a, b, c, d]).into()),
        TargetType::F64 => return Number::Real(f64::from_ne_bytes(bytes)),
        TargetType::U8 => a.into(),
        TargetType::I8 => i8::from_ne_bytes([a]).into(),
        TargetType::U16 => u16::from_ne_bytes([a, b]).into(),
        TargetType::I16 => i16::from_ne_bytes([a, b]).into(),
        TargetType::U32 => u32::from_ne_bytes([a, b, c, d]).into(),
        TargetType::I32 => i32::from_ne_bytes([a, b, c, d]).into(),
        TargetType::U64 => i64::try_from(u64::from_ne_bytes(bytes)).unwrap_or(i64::MAX),
        TargetType::I64 => i64::from_ne_bytes(bytes),
    })
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
