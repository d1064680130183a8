//! dfdx on the batch: the loss on a tape, and its gradient by running the tape backward.
//!
//! Shapes are known at run time only, and dfdx's are types: a softmax batch is (N, C, the product of the others), which changes nothing.
//! A BCE batch is four axes among which the loss finds its columns as among the array's own.

use dfdx::prelude::*;
use half::{bf16, f16};
use ndarray::{ArrayD, ArrayViewD, IxDyn, ShapeError};
use reweight::{BatchForm, LossError, Reduction};
use reweight_dfdx::{
    BceBatch, BceDevice, BceTarget, Each, Element, Reduced, SoftmaxBatch, SoftmaxDevice, TensorLossError,
};

use super::inputs::{BceInputs, BceTargets, SoftmaxInputs};
use super::{Bce, Computed, Details, Number, Softmax};
use crate::arguments::Backend;

/// A precision on whatever device a backend names. dfdx has no types of 16 bits, which is what the defaults say.
pub(super) trait OnTensors: Sized {
    fn bce(_: &BceInputs<Self>, _: &mut Bce, _: Backend) -> Result<Computed, TensorLossError> {
        Err(without_halves())
    }
    fn softmax(_: &SoftmaxInputs<Self>, _: &mut Softmax, _: Backend) -> Result<Computed, TensorLossError> {
        Err(without_halves())
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
            fn bce(inputs: &BceInputs<Self>, loss: &mut Bce, backend: Backend) -> Result<Computed, TensorLossError> {
                match backend {
                    #[cfg(feature = "cuda")]
                    Backend::DfdxCuda => bce_on(&reweight_dfdx::cuda_device(0, 0)?, inputs, loss),
                    _ => bce_on(&Cpu::default(), inputs, loss),
                }
            }

            fn softmax(
                inputs: &SoftmaxInputs<Self>,
                loss: &mut Softmax,
                backend: Backend,
            ) -> Result<Computed, TensorLossError> {
                match backend {
                    #[cfg(feature = "cuda")]
                    Backend::DfdxCuda => softmax_on(&reweight_dfdx::cuda_device(0, 0)?, inputs, loss),
                    _ => softmax_on(&Cpu::default(), inputs, loss),
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
    inputs: &BceInputs<A>,
    loss: &mut Bce,
) -> Result<Computed, TensorLossError> {
    match &inputs.targets {
        BceTargets::Bytes(targets) => bce_with(device, inputs, &targets.mapv(i64::from), loss),
        BceTargets::Integers(targets) => bce_with(device, inputs, targets, loss),
        BceTargets::Soft(targets) => bce_with(device, inputs, targets, loss),
    }
}

fn bce_with<A: Number + Element, Y: BceTarget + Unit, D: Place<A> + TensorFromVec<Y>>(
    device: &D,
    inputs: &BceInputs<A>,
    targets: &ArrayD<Y>,
    loss: &mut Bce,
) -> Result<Computed, TensorLossError> {
    let shape = four_axes(inputs.logits.shape(), loss)?;
    let logits = tensor(device, &inputs.logits.view(), shape)?;
    let targets = tensor(device, &targets.view(), shape)?;
    let valid = inputs.valid.as_ref().map(|array| tensor(device, &array.view(), shape)).transpose()?;
    let weights = inputs.sample_weight.as_ref();
    let sample_weight = weights.map(|weights| tensor(device, &weights.view()?, shape)).transpose()?;
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
    let scalar = batch().reduced(&mut loss.clone().with_reduction(on_tape(loss.reduction()))?)?;
    finish(scalar, &logits, &batch().each(loss)?, inputs.logits.shape(), inputs.logits.shape())
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
    inputs: &SoftmaxInputs<A>,
    loss: &mut Softmax,
) -> Result<Computed, TensorLossError> {
    let shape = inputs.logits.shape();
    let (rows, classes, rest) = (shape[0], shape[1], shape[2..].iter().product::<usize>());
    let logits = tensor(device, &inputs.logits.view(), (rows, classes, rest))?;
    let targets = tensor(device, &inputs.targets.view(), (rows, rest))?;
    let valid = inputs.valid.as_ref().map(|array| tensor(device, &array.view(), (rows, rest))).transpose()?;
    let weights = inputs.sample_weight.as_ref();
    let sample_weight = weights.map(|weights| tensor(device, &weights.view()?, (rows, rest))).transpose()?;
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
    let scalar = batch().reduced(&mut loss.clone().with_reduction(on_tape(loss.reduction()))?)?;
    finish(scalar, &logits, &batch().each(loss)?, shape, inputs.targets.shape())
}

/// The array's elements in C order as a tensor.
fn tensor<S: Shape, Y: Unit, D>(
    device: &D,
    array: &ArrayViewD<'_, Y>,
    shape: S,
) -> Result<Tensor<S, Y, D>, TensorLossError>
where
    D: TensorFromVec<Y> + HasErr<Err: Into<TensorLossError>>,
{
    device.try_tensor_from_vec(array.iter().copied().collect(), shape).map_err(Into::into)
}

/// Without a reduction the gradient is that of the sum, as everywhere.
fn on_tape(reduction: Reduction) -> Reduction {
    if reduction == Reduction::None { Reduction::Sum } else { reduction }
}

fn finish<S: Shape, L: Shape, A: Number + Element, D: Place<A>>(
    scalar: Reduced<A, D, OwnedTape<A, D>>,
    logits: &Tensor<S, A, D>,
    each: &Each<L, A, D, OwnedTape<A, D>>,
    shape: &[usize],
    sample_shape: &[usize],
) -> Result<Computed, TensorLossError> {
    let gradients = scalar.loss.try_backward().map_err(Into::into)?;
    Ok(Computed {
        summary: each.summary,
        details: Some(Details {
            grad: array(gradients.get(logits).as_vec(), shape)?,
            weight: array(each.weights.as_vec(), sample_shape)?,
            loss: array(each.losses.as_vec(), sample_shape)?,
            hessian: None,
        }),
    })
}

fn array<A: Number + Element>(elements: Vec<A>, shape: &[usize]) -> Result<crate::npy::NpyArray, TensorLossError> {
    // A tensor has as many elements as it was made of, so this cannot come.
    let refuse = |error: ShapeError| TensorLossError::Loss(LossError::Backend(error.to_string()));
    Ok(A::pack(ArrayD::from_shape_vec(IxDyn(shape), elements).map_err(refuse)?))
}
