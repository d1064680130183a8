//! The dfdx losses under the suite, on whatever device: plain data into tensors, one call on a tape, its gradient, and back.

use std::fmt::Debug;
use std::marker::PhantomData;

use dfdx::prelude::{
    Backward, Cpu, Device, Gradients, HasShape, Shape, Storage, SumTo, Tensor as DfdxTensor, TensorFromVec, Trace,
};
use reweight::{BatchStatistics, HessianForm, LossError, LossSummary, Reduction, SampleWeighter};
use reweight_dfdx::prelude::TensorLossError;
use reweight_dfdx::{BceBatch, BceDevice, SoftmaxBatch, SoftmaxDevice};
use reweight_testkit::{Backend, Batch, Element, Loss, Observed, Precision, Targets, Tensor, wrong_objective};

/// The dfdx losses on one device at one precision.
///
/// Shapes have run-time sizes: rows of the last axis for BCE, so that its columns stay columns; two or three axes for softmax.
/// Tensors of another shape than the logits' are, with sizes that the compiler knows, no programs at all; those and layouts
/// are the crate's own tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Dfdx<A, D>(PhantomData<(A, D)>);

/// The dfdx losses on the CPU.
pub type DfdxCpu<A> = Dfdx<A, Cpu>;

/// The dfdx losses on a CUDA device.
#[cfg(feature = "cuda")]
pub type DfdxCuda<A> = Dfdx<A, dfdx::prelude::Cuda>;

/// A device that runs the suite.
pub trait Place<A: Number>:
    Device<A> + BceDevice<A> + SoftmaxDevice<A> + TensorFromVec<A> + TensorFromVec<i64> + TensorFromVec<bool>
{
    /// Its name.
    const NAME: &'static str;
    /// Whether it has second derivatives.
    const SECOND_ORDER: bool;
    /// The device of this thread.
    fn own() -> Self;
}

impl<A: Number> Place<A> for Cpu
where
    Cpu: Device<A>,
{
    const NAME: &'static str = "Cpu";
    const SECOND_ORDER: bool = true;
    fn own() -> Self {
        Self::default()
    }
}

#[cfg(feature = "cuda")]
impl<A: Number> Place<A> for dfdx::prelude::Cuda
where
    Self: Device<A>,
{
    const NAME: &'static str = "Cuda";
    const SECOND_ORDER: bool = false;
    fn own() -> Self {
        thread_local! {
            static OWN: dfdx::prelude::Cuda = reweight_dfdx::cuda_device(0, 0).unwrap_or_else(|error| panic!("{error}"));
        }
        OWN.with(Clone::clone)
    }
}

impl<A, D> Dfdx<A, D> {
    /// The losses.
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

/// A float that both the engine and dfdx know.
pub trait Number: Element + reweight_dfdx::Element + reweight_ndarray::BceTarget {}

impl Number for f32 {}
impl Number for f64 {}

fn tensor<S: Shape, T: dfdx::prelude::Unit, F: Copy, D: TensorFromVec<T>>(
    device: &D,
    all: &Tensor<F>,
    shape: S,
    convert: impl Fn(F) -> T,
) -> DfdxTensor<S, T, D> {
    device.tensor_from_vec(all.data.iter().map(|&value| convert(value)).collect(), shape)
}

/// The suite knows the core's errors; a device that fails is no matter of laws.
fn core_error(error: TensorLossError) -> LossError {
    match error {
        TensorLossError::Loss(error) => error,
        other => LossError::Backend(other.to_string()),
    }
}

fn numbers<S: Shape, A: Number, D: Storage<A>>(tensor: &DfdxTensor<S, A, D>) -> Vec<f64> {
    // dfdx 0.13 reads the first element of a tensor without one.
    if tensor.shape().num_elements() == 0 {
        return Vec::new();
    }
    tensor.as_vec().into_iter().map(Into::into).collect()
}

fn slopes<S: Shape, A: Number, D: Storage<A>>(gradients: &Gradients<A, D>, logits: &DfdxTensor<S, A, D>) -> Vec<f64> {
    numbers(&gradients.get(logits))
}

/// Rows of the last axis.
fn rows_of(batch: &Batch) -> (usize, usize) {
    let columns = batch.logits.shape.last().copied().unwrap_or(1);
    (batch.samples() / columns.max(1), columns)
}

/// Hands `$then` a batch maker (taped or not) for whichever objective, shape and target type it is.
macro_rules! on_tensors {
    ($loss:expr, $batch:expr, |$own:ident, $logits:ident, $make:ident| $then:expr) => {{
        let batch: &Batch = $batch;
        let samples = batch.samples();
        let device = <D as Place<A>>::own();
        macro_rules! with {
            ($type:ident, $inner:expr, $shape:expr, $samples:expr, $targets:expr, $convert:expr) => {{
                let $own = $inner;
                let $logits = tensor(&device, &batch.logits, $shape, <A as Element>::nearest);
                let targets = tensor(&device, $targets, $samples, $convert);
                let valid = batch.valid.as_ref().map(|all| tensor(&device, all, $samples, |value| value));
                let sample_weight =
                    batch.sample_weight.as_ref().map(|all| tensor(&device, all, $samples, <A as Element>::nearest));
                macro_rules! $make {
                    ($tensor:expr) => {{
                        let mut made = $type::new($tensor, &targets);
                        if let Some(valid) = &valid {
                            made = made.valid(valid);
                        }
                        if let Some(sample_weight) = &sample_weight {
                            made = made.sample_weight(sample_weight);
                        }
                        made
                    }};
                }
                $then
            }};
        }
        match ($loss, &batch.targets) {
            (Loss::Bce(loss), Targets::Hard(all)) => match batch.logits.shape[..] {
                // All axes, where columns may lie along the one between.
                [a, b, c] => with!(BceBatch, loss, (a, b, c), (a, b, c), all, |label| label),
                _ => {
                    let rows = rows_of(batch);
                    with!(BceBatch, loss, rows, rows, all, |label| label)
                }
            },
            (Loss::Bce(loss), Targets::Soft(all)) => match batch.logits.shape[..] {
                // All axes, where columns may lie along the one between.
                [a, b, c] => with!(BceBatch, loss, (a, b, c), (a, b, c), all, <A as Element>::nearest),
                _ => {
                    let rows = rows_of(batch);
                    with!(BceBatch, loss, rows, rows, all, <A as Element>::nearest)
                }
            },
            (Loss::Softmax(loss), Targets::Classes(all)) => match batch.logits.shape[..] {
                [rows, classes] => with!(SoftmaxBatch, loss, (rows, classes), (rows,), all, |label| label),
                [rows, classes, ..] => {
                    let inner = samples / rows.max(1);
                    with!(SoftmaxBatch, loss, (rows, classes, inner), (rows, inner), all, |label| label)
                }
                _ => Err(LossError::Classes { found: batch.logits.shape.clone() }),
            },
            _ => Err(wrong_objective()),
        }
    }};
}

impl<A: Number, D: Place<A>> Dfdx<A, D> {
    fn each_and_step<W: SampleWeighter>(loss: &mut Loss<W>, batch: &Batch) -> Result<Observed, LossError> {
        on_tensors!(loss, batch, |own, logits, make| {
            // What is known of each sample comes from a copy, so that the loss itself takes exactly one step.
            let mut copy = own.clone();
            let each = make!(logits.leaky_trace()).each(&mut copy).map_err(core_error)?;
            let (weights, losses) = (Some(numbers(&each.weights)), Some(numbers(&each.losses.retaped())));
            if own.reduction() == Reduction::None {
                // No scalar: the gradient is that of the sum of the losses.
                *own = copy;
                let summary = each.summary;
                // dfdx 0.13 divides by the number of elements in a sum to one number, so that it has none of no losses.
                let is_empty = each.losses.shape().num_elements() == 0;
                let grad = if is_empty { Vec::new() } else { slopes(&each.losses.sum().backward(), &logits) };
                return Ok(Observed { loss: None, grad, summary: Some(summary), weights, losses });
            }
            let step = make!(logits.leaky_trace()).reduced(own).map_err(core_error)?;
            Ok(observed(step.summary, slopes(&step.loss.backward(), &logits), weights, losses))
        })
    }

    fn evaluated<W: SampleWeighter>(loss: &Loss<W>, batch: &Batch) -> Result<LossSummary, LossError> {
        on_tensors!(loss, batch, |own, logits, make| make!(logits).value(own).map_err(core_error))
    }

    fn counts<W: SampleWeighter>(loss: &Loss<W>, batch: &Batch) -> Result<BatchStatistics, LossError> {
        on_tensors!(loss, batch, |own, logits, make| make!(logits).statistics(own).map_err(core_error))
    }

    fn second_order<W: SampleWeighter>(
        loss: &mut Loss<W>,
        batch: &Batch,
        form: HessianForm,
    ) -> Result<Vec<f64>, LossError> {
        on_tensors!(loss, batch, |own, logits, make| {
            let second = make!(logits).second_order(own, form).map_err(core_error)?;
            Ok(numbers(&second.hessian))
        })
    }

    fn weighed<W: SampleWeighter>(loss: &Loss<W>, batch: &Batch) -> Result<Observed, LossError> {
        on_tensors!(loss, batch, |own, logits, make| {
            let step = make!(logits.leaky_trace()).weigh(own).map_err(core_error)?;
            Ok(observed(step.summary, slopes(&step.loss.backward(), &logits), None, None))
        })
    }
}

fn observed(summary: LossSummary, grad: Vec<f64>, weights: Option<Vec<f64>>, losses: Option<Vec<f64>>) -> Observed {
    Observed { loss: summary.loss, grad, summary: Some(summary), weights, losses }
}

impl<A: Number, D: Place<A>> Backend for Dfdx<A, D> {
    fn name(&self) -> String {
        format!("dfdx {} {:?}", D::NAME, <A as Element>::PRECISION)
    }

    fn precision(&self) -> Precision {
        <A as Element>::PRECISION
    }

    fn supports(&self, batch: &Batch) -> bool {
        let mut samples = batch.logits.shape.clone();
        if batch.is_softmax() {
            samples.remove(1);
        }
        batch.targets.shape() == samples
            && batch.valid.as_ref().is_none_or(|all| all.shape == samples)
            && batch.sample_weight.as_ref().is_none_or(|all| all.shape == samples)
    }

    fn step<W: SampleWeighter>(&self, loss: &mut Loss<W>, batch: &Batch) -> Result<Observed, LossError> {
        Self::each_and_step(loss, batch)
    }

    fn value<W: SampleWeighter>(&self, loss: &Loss<W>, batch: &Batch) -> Result<Option<f64>, LossError> {
        Self::evaluated(loss, batch).map(|summary| summary.loss)
    }

    fn statistics<W: SampleWeighter>(
        &self,
        loss: &Loss<W>,
        batch: &Batch,
    ) -> Option<Result<BatchStatistics, LossError>> {
        Some(Self::counts(loss, batch))
    }

    fn weigh<W: SampleWeighter>(&self, loss: &Loss<W>, batch: &Batch) -> Option<Result<Observed, LossError>> {
        (loss.reduction() != Reduction::None).then(|| Self::weighed(loss, batch))
    }

    fn hessian<W: SampleWeighter>(
        &self,
        loss: &mut Loss<W>,
        batch: &Batch,
        form: HessianForm,
    ) -> Option<Result<Vec<f64>, LossError>> {
        D::SECOND_ORDER.then(|| Self::second_order(loss, batch, form))
    }
}
