//! dfdx on the batch: the loss on a tape, and its gradient by running the tape backward.
//!
//! Shapes are known at run time only, and dfdx's are types: a softmax batch is (N, C, the product of the others), which changes nothing.
//! A BCE batch is four axes among which the loss finds its columns as among the array's own.

use dfdx::prelude::*;
use half::{bf16, f16};
use ndarray::{ArrayD, IxDyn, ShapeError};
use reweight::{BatchForm, LossError, LossSummary, Reduction};
use reweight_dfdx::{
    BceBatch, BceDevice, BceTarget, Each, Element, Reduced, SoftmaxBatch, SoftmaxDevice, TensorLossError,
};

use super::inputs::{BceInputs, BceTargets, SoftmaxInputs};
use super::{Bce, Fault, Number, Put, Softmax, Wanted};
use crate::arguments::Backend;

/// A precision on whatever device a backend names. dfdx has no types of 16 bits, which is what the defaults say.
pub(super) trait OnTensors: Sized {
    fn bce(_: BceInputs<Self>, _: &mut Bce, _: (Backend, Wanted), _: Put<'_>) -> Result<LossSummary, Fault> {
        Err(without_halves().into())
    }
    fn softmax(
        _: SoftmaxInputs<Self>,
        _: &mut Softmax,
        _: (Backend, Wanted),
        _: Put<'_>,
    ) -> Result<LossSummary, Fault> {
        Err(without_halves().into())
    }
}

fn without_halves() -> TensorLossError {
    let message = "dfdx has no numbers of 16 bits; use --backend ndarray, or --dtype f32".to_owned();
    TensorLossError::Loss(LossError::Backend(message))
}

impl OnTensors for f16 {}
impl OnTensors for bf16 {}

/// dfdx's devices are types, and which one is known at run time only.
macro_rules! on_tensors {
    ($($float:ident)*) => {$(
        impl OnTensors for $float {
            fn bce(
                inputs: BceInputs<Self>,
                loss: &mut Bce,
                (backend, wanted): (Backend, Wanted),
                put: Put<'_>,
            ) -> Result<LossSummary, Fault> {
                match backend {
                    #[cfg(feature = "cuda")]
                    Backend::DfdxCuda => {
                        let device = reweight_dfdx::cuda_device(0, 0).map_err(TensorLossError::from)?;
                        bce_on(&device, inputs, loss, wanted, put)
                    }
                    _ => bce_on(&Cpu::default(), inputs, loss, wanted, put),
                }
            }

            fn softmax(
                inputs: SoftmaxInputs<Self>,
                loss: &mut Softmax,
                (backend, wanted): (Backend, Wanted),
                put: Put<'_>,
            ) -> Result<LossSummary, Fault> {
                match backend {
                    #[cfg(feature = "cuda")]
                    Backend::DfdxCuda => {
                        let device = reweight_dfdx::cuda_device(0, 0).map_err(TensorLossError::from)?;
                        softmax_on(&device, inputs, loss, wanted, put)
                    }
                    _ => softmax_on(&Cpu::default(), inputs, loss, wanted, put),
                }
            }
        }
    )*};
}
on_tensors!(f32 f64);

/// What a device must do for a batch in precision `A`.
trait Place<A: Number + Element>:
    Device<A> + BceDevice<A> + SoftmaxDevice<A> + TensorFromVec<A> + TensorFromVec<i64> + TensorFromVec<bool>
{
}

impl<A: Number + Element, D> Place<A> for D where
    D: Device<A> + BceDevice<A> + SoftmaxDevice<A> + TensorFromVec<A> + TensorFromVec<i64> + TensorFromVec<bool>
{
}

fn bce_on<A: Number + Element, D: Place<A>>(
    device: &D,
    mut inputs: BceInputs<A>,
    loss: &mut Bce,
    wanted: Wanted,
    put: Put<'_>,
) -> Result<LossSummary, Fault> {
    match std::mem::replace(&mut inputs.targets, BceTargets::Bytes(ArrayD::zeros(IxDyn(&[0])))) {
        // Floats of 0 and 1 are hard targets too, and smaller than integers; of others the integer is to be named.
        BceTargets::Bytes(targets) if targets.iter().all(|&target| target <= 1) => {
            let one = A::ONE;
            let targets = targets.mapv(|target| if target == 1 { one } else { A::default() });
            bce_with(device, inputs, targets, loss, wanted, put)
        }
        BceTargets::Bytes(targets) => bce_with(device, inputs, targets.mapv(i64::from), loss, wanted, put),
        BceTargets::Integers(targets) => bce_with(device, inputs, targets, loss, wanted, put),
        BceTargets::Soft(targets) => bce_with(device, inputs, targets, loss, wanted, put),
    }
}

fn bce_with<A: Number + Element, Y: BceTarget + Unit, D: Place<A> + TensorFromVec<Y>>(
    device: &D,
    inputs: BceInputs<A>,
    targets: ArrayD<Y>,
    loss: &mut Bce,
    wanted: Wanted,
    put: Put<'_>,
) -> Result<LossSummary, Fault> {
    let axes = inputs.logits.shape().to_vec();
    let shape = four_axes(&axes, loss)?;
    let logits = tensor(device, inputs.logits, shape)?;
    let targets = tensor(device, targets, shape)?;
    let valid = inputs.valid.map(|array| tensor(device, array, shape)).transpose()?;
    let weights = inputs.sample_weight.as_ref();
    let sample_weight = weights.map(|weights| tensor(device, weights.view()?.to_owned(), shape)).transpose()?;
    let batch = || {
        let mut batch = BceBatch::new(logits.leaky_trace(), &targets);
        if let Some(valid) = &valid {
            batch = batch.valid(valid);
        }
        if let Some(sample_weight) = &sample_weight {
            batch = batch.sample_weight(sample_weight);
        }
        batch
    };
    // A copy takes the same step for the scalar: of one call comes either a scalar or each element's loss.
    let copy = loss.clone();
    let summary = each(batch().each(loss)?, &axes, wanted, put)?;
    if wanted != Wanted::Summary {
        let mut copy = copy.with_reduction(on_tape(loss.reduction())).map_err(LossError::from)?;
        let scalar = batch().reduced(&mut copy)?;
        gradient(scalar, &logits, &axes, put)?;
    }
    Ok(summary)
}

/// A shape of four axes for a batch of `shape`, whose elements have the same columns: for each number of axes the tape would be
/// compiled again.
fn four_axes(shape: &[usize], loss: &Bce) -> Result<(usize, usize, usize, usize), TensorLossError> {
    let columns_of = |shape: &[usize]| loss.weighting().fit(&BatchForm::binary(shape, false)).map(|fit| fit.columns);
    let columns = columns_of(shape).map_err(LossError::from)?;
    let elements: usize = shape.iter().product();
    let outer = elements / (columns.count * columns.inner).max(1);
    // The loss names its axis from the front or from the back, so one of the places is where it looks.
    let places = [[1, outer, columns.count, columns.inner], [outer, columns.count, columns.inner, 1]];
    let ends = [[1, 1, outer, columns.count], [columns.count, columns.inner, 1, 1]];
    let fits = |four: &&[usize; 4]| {
        four.iter().product::<usize>() == elements && columns_of(*four).is_ok_and(|found| found == columns)
    };
    let Some(&[a, b, c, d]) = places.iter().chain(&ends).find(fits) else {
        let message = format!(
            "dfdx takes four axes, and among four the loss does not find the columns of these {}; reshape them, or use \
             --backend ndarray",
            shape.len()
        );
        return Err(TensorLossError::Loss(LossError::Backend(message)));
    };
    Ok((a, b, c, d))
}

fn softmax_on<A: Number + Element, D: Place<A>>(
    device: &D,
    inputs: SoftmaxInputs<A>,
    loss: &mut Softmax,
    wanted: Wanted,
    put: Put<'_>,
) -> Result<LossSummary, Fault> {
    let (axes, sample_axes) = (inputs.logits.shape().to_vec(), inputs.targets.shape().to_vec());
    let (rows, classes, rest) = (axes[0], axes[1], axes[2..].iter().product::<usize>());
    let logits = tensor(device, inputs.logits, (rows, classes, rest))?;
    let targets = tensor(device, inputs.targets, (rows, rest))?;
    let valid = inputs.valid.map(|array| tensor(device, array, (rows, rest))).transpose()?;
    let weights = inputs.sample_weight.as_ref();
    let sample_weight = weights.map(|weights| tensor(device, weights.view()?.to_owned(), (rows, rest))).transpose()?;
    let batch = || {
        let mut batch = SoftmaxBatch::new(logits.leaky_trace(), &targets);
        if let Some(valid) = &valid {
            batch = batch.valid(valid);
        }
        if let Some(sample_weight) = &sample_weight {
            batch = batch.sample_weight(sample_weight);
        }
        batch
    };
    let copy = loss.clone();
    let summary = each(batch().each(loss)?, &sample_axes, wanted, put)?;
    if wanted != Wanted::Summary {
        let mut copy = copy.with_reduction(on_tape(loss.reduction())).map_err(LossError::from)?;
        let scalar = batch().reduced(&mut copy)?;
        gradient(scalar, &logits, &axes, put)?;
    }
    Ok(summary)
}

/// The array's elements in C order as a tensor; where they lie so, the memory is the tensor's.
fn tensor<S: Shape, Y: Unit, D>(device: &D, array: ArrayD<Y>, shape: S) -> Result<Tensor<S, Y, D>, TensorLossError>
where
    D: TensorFromVec<Y> + HasErr<Err: Into<TensorLossError>>,
{
    let lies_so = array.is_standard_layout();
    let elements = if lies_so { array.into_raw_vec_and_offset().0 } else { array.iter().copied().collect() };
    device.try_tensor_from_vec(elements, shape).map_err(Into::into)
}

/// Without a reduction the gradient is that of the sum, as everywhere.
fn on_tape(reduction: Reduction) -> Reduction {
    if reduction == Reduction::None { Reduction::Sum } else { reduction }
}

/// Hands over each sample's weight and loss, where they are wanted.
fn each<L: Shape, A: Number + Element, D: Place<A>>(
    each: Each<L, A, D, OwnedTape<A, D>>,
    shape: &[usize],
    wanted: Wanted,
    put: Put<'_>,
) -> Result<LossSummary, Fault> {
    let Each { losses, weights, summary } = each;
    if wanted != Wanted::Summary {
        let weights_array = array(weights.as_vec(), shape)?;
        drop(weights);
        put("weight", weights_array)?;
        let losses_array = array(losses.as_vec(), shape)?;
        drop(losses);
        put("loss", losses_array)?;
    }
    Ok(summary)
}

/// Hands over the gradient by the logits.
fn gradient<S: Shape, A: Number + Element, D: Place<A>>(
    scalar: Reduced<A, D, OwnedTape<A, D>>,
    logits: &Tensor<S, A, D>,
    shape: &[usize],
    put: Put<'_>,
) -> Result<(), Fault> {
    let gradients = scalar.loss.try_backward().map_err(Into::<TensorLossError>::into)?;
    let gradient = array(gradients.get(logits).as_vec(), shape)?;
    drop(gradients);
    put("grad", gradient).map_err(Fault::from)
}

fn array<A: Number + Element>(
    elements: Vec<A>,
    shape: &[usize],
) -> Result<reweight_lab::npy::NpyArray, TensorLossError> {
    // A tensor has as many elements as it was made of, so this cannot come.
    let refuse = |error: ShapeError| TensorLossError::Loss(LossError::Backend(error.to_string()));
    Ok(A::pack(ArrayD::from_shape_vec(IxDyn(shape), elements).map_err(refuse)?))
}
