//! The CPU engine under the suite: plain data into arrays of the asked layout, one call, and back.

use std::fmt::Debug;
use std::marker::PhantomData;

use ndarray::{ArrayD, ArrayViewD, ArrayViewMutD, Axis, IxDyn, ShapeBuilder, Slice};
use reweight::{Adjustment, BaseLoss, BatchStatistics, HessianForm, LossError, LossSummary, SampleWeighter};
use reweight_ndarray::{BceBatch, Float, Outcome, SecondOrder, SoftmaxBatch};

use crate::adjustment::check_adjustment;
use crate::backend::{Backend, Observed};
use crate::base::check_base;
use crate::batch::{Batch, Layout, Loss, Precision, Targets, Tensor, wrong_objective};
use crate::on_backend::{check_adjustment_on, check_base_on, check_weighter_on};
use crate::weighter::check_weighter;

/// The CPU engine at one precision.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ndarray<A>(PhantomData<A>);

impl<A> Ndarray<A> {
    /// The engine.
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

/// A float of the engine with its conversion from `f64`.
pub trait Element: Float + Copy + Debug + Into<f64> {
    /// Which one it is.
    const PRECISION: Precision;
    /// The nearest.
    fn nearest(value: f64) -> Self;
}

impl Element for f32 {
    const PRECISION: Precision = Precision::F32;
    fn nearest(value: f64) -> Self {
        value as Self
    }
}

impl Element for f64 {
    const PRECISION: Precision = Precision::F64;
    fn nearest(value: f64) -> Self {
        value
    }
}

macro_rules! half {
    ($($half:ident)*) => {$(
        impl Element for half::$half {
            // What it computes in.
            const PRECISION: Precision = Precision::F32;
            fn nearest(value: f64) -> Self {
                // By way of what it computes in, as it rounds.
                Self::from_f32(value as f32)
            }
        }
    )*};
}
half!(f16 bf16);

/// An array whose view in logical order is the tensor, laid out as asked.
struct Laid<T> {
    array: ArrayD<T>,
    layout: Layout,
}

impl<T: Copy> Laid<T> {
    /// `gap` stands in memory between the elements where there are gaps: nothing may read it.
    fn new<S: Copy>(tensor: &Tensor<S>, layout: Layout, gap: T, convert: impl Fn(S) -> T) -> Self {
        let data: Vec<T> = tensor.data.iter().map(|&value| convert(value)).collect();
        let plain = ArrayD::from_shape_vec(IxDyn(&tensor.shape), data).expect("a tensor's data has its shape");
        let array = match layout {
            Layout::RowMajor | Layout::Mixed => plain,
            Layout::ColumnMajor => {
                let mut array = ArrayD::from_elem(IxDyn(&tensor.shape).f(), gap);
                array.assign(&plain);
                array
            }
            Layout::Reversed => {
                let mut reversed = plain.view();
                (0..plain.ndim()).for_each(|axis| reversed.invert_axis(Axis(axis)));
                reversed.to_owned().as_standard_layout().into_owned()
            }
            Layout::Strided => {
                let doubled: Vec<usize> = tensor.shape.iter().map(|length| 2 * length).collect();
                let mut array = ArrayD::from_elem(IxDyn(&doubled), gap);
                every_second(array.view_mut()).assign(&plain);
                array
            }
        };
        Self { array, layout }
    }

    fn view(&self) -> ArrayViewD<'_, T> {
        let mut view = self.array.view();
        match self.layout {
            Layout::RowMajor | Layout::ColumnMajor | Layout::Mixed => {}
            Layout::Reversed => (0..view.ndim()).for_each(|axis| view.invert_axis(Axis(axis))),
            Layout::Strided => view.slice_each_axis_inplace(|_| Slice::new(0, None, 2)),
        }
        view
    }

    fn view_mut(&mut self) -> ArrayViewMutD<'_, T> {
        let layout = self.layout;
        let mut view = self.array.view_mut();
        match layout {
            Layout::RowMajor | Layout::ColumnMajor | Layout::Mixed => view,
            Layout::Reversed => {
                (0..view.ndim()).for_each(|axis| view.invert_axis(Axis(axis)));
                view
            }
            Layout::Strided => every_second(view),
        }
    }
}

fn every_second<T>(mut view: ArrayViewMutD<'_, T>) -> ArrayViewMutD<'_, T> {
    view.slice_each_axis_inplace(|_| Slice::new(0, None, 2));
    view
}

/// The layouts of logits, targets, and of all else.
fn layouts(layout: Layout) -> [Layout; 3] {
    match layout {
        Layout::Mixed => [Layout::Strided, Layout::ColumnMajor, Layout::Reversed],
        one => [one; 3],
    }
}

/// The floats and masks of a batch as arrays.
struct Arrays<A> {
    logits: Laid<A>,
    valid: Option<Laid<bool>>,
    sample_weight: Option<Laid<A>>,
    targets: Layout,
}

impl<A: Element> Arrays<A> {
    fn of(batch: &Batch) -> Self {
        let [logits, targets, others] = layouts(batch.layout);
        let gap = A::nearest(f64::NAN);
        Self {
            logits: Laid::new(&batch.logits, logits, gap, A::nearest),
            valid: batch.valid.as_ref().map(|all| Laid::new(all, others, true, |value| value)),
            sample_weight: batch.sample_weight.as_ref().map(|all| Laid::new(all, others, gap, A::nearest)),
            targets,
        }
    }
}

fn flat<A: Element>(array: &ArrayD<A>) -> Vec<f64> {
    array.iter().map(|&value| value.into()).collect()
}

fn observed<A: Element>(outcome: &Outcome<A, IxDyn, IxDyn>) -> Observed {
    Observed {
        loss: outcome.summary.loss,
        grad: flat(&outcome.grad),
        summary: Some(outcome.summary),
        weights: Some(flat(&outcome.weights)),
        losses: Some(flat(&outcome.losses)),
    }
}

/// Calls `$method` on the engine's batch with `$loss`, whichever objective and target type it is.
macro_rules! on_engine {
    ($batch:expr, $loss:expr, $method:ident $(, $more:expr)*) => {{
        let arrays = Arrays::<A>::of($batch);
        macro_rules! with {
            ($type:ident, $own_loss:expr, $targets:expr) => {{
                let targets = $targets;
                let mut batch = $type::new(arrays.logits.view(), targets.view());
                if let Some(valid) = &arrays.valid {
                    batch = batch.valid(valid.view());
                }
                if let Some(sample_weight) = &arrays.sample_weight {
                    batch = batch.sample_weight(sample_weight.view());
                }
                batch.$method($own_loss $(, $more)*)
            }};
        }
        let layout = arrays.targets;
        match ($loss, &$batch.targets) {
            (Loss::Bce(loss), Targets::Hard(all)) => {
                with!(BceBatch, loss, Laid::new(all, layout, -7_i64, |label| label))
            }
            (Loss::Bce(loss), Targets::Soft(all)) => {
                with!(BceBatch, loss, Laid::new(all, layout, A::nearest(f64::NAN), A::nearest))
            }
            (Loss::Softmax(loss), Targets::Classes(all)) => {
                with!(SoftmaxBatch, loss, Laid::new(all, layout, -7_i64, |label| label))
            }
            _ => Err(wrong_objective()),
        }
    }};
}

impl<A: Element + reweight_ndarray::BceTarget> Ndarray<A> {
    fn counts<W: SampleWeighter>(loss: &Loss<W>, batch: &Batch) -> Result<BatchStatistics, LossError> {
        on_engine!(batch, loss, statistics)
    }

    fn weighed<W: SampleWeighter>(
        loss: &Loss<W>,
        batch: &Batch,
        grad: ArrayViewMutD<'_, A>,
    ) -> Result<LossSummary, LossError> {
        on_engine!(batch, loss, weigh_into, grad)
    }

    fn second<W: SampleWeighter>(
        loss: &mut Loss<W>,
        batch: &Batch,
        form: HessianForm,
    ) -> Result<SecondOrder<A, IxDyn, IxDyn>, LossError> {
        on_engine!(batch, loss, second_order, form)
    }

    fn stepped<W: SampleWeighter>(
        loss: &mut Loss<W>,
        batch: &Batch,
        grad: ArrayViewMutD<'_, A>,
    ) -> Result<LossSummary, LossError> {
        on_engine!(batch, loss, value_and_grad_into, grad)
    }
}

/// Writes what a call left in the engine's gradient back into the caller's.
fn copy_back<A: Element>(from: &Laid<A>, to: &mut Tensor<f64>) {
    for (to, &from) in to.data.iter_mut().zip(from.view().iter()) {
        *to = from.into();
    }
}

impl<A: Element + reweight_ndarray::BceTarget> Backend for Ndarray<A> {
    fn name(&self) -> String {
        format!("ndarray {:?}", A::PRECISION)
    }

    fn precision(&self) -> Precision {
        A::PRECISION
    }

    fn step<W: SampleWeighter>(&self, loss: &mut Loss<W>, batch: &Batch) -> Result<Observed, LossError> {
        on_engine!(batch, loss, outcome).map(|outcome| observed(&outcome))
    }

    fn value<W: SampleWeighter>(&self, loss: &Loss<W>, batch: &Batch) -> Result<Option<f64>, LossError> {
        on_engine!(batch, loss, value).map(|summary| summary.loss)
    }

    fn step_into<W: SampleWeighter>(
        &self,
        loss: &mut Loss<W>,
        batch: &Batch,
        grad: &mut Tensor<f64>,
    ) -> Option<Result<Option<f64>, LossError>> {
        let mut buffer = Laid::new(grad, layouts(batch.layout)[2], A::nearest(f64::NAN), A::nearest);
        let result = Self::stepped(loss, batch, buffer.view_mut());
        copy_back(&buffer, grad);
        Some(result.map(|summary| summary.loss))
    }

    fn statistics<W: SampleWeighter>(
        &self,
        loss: &Loss<W>,
        batch: &Batch,
    ) -> Option<Result<BatchStatistics, LossError>> {
        Some(Self::counts(loss, batch))
    }

    fn hessian<W: SampleWeighter>(
        &self,
        loss: &mut Loss<W>,
        batch: &Batch,
        form: HessianForm,
    ) -> Option<Result<Vec<f64>, LossError>> {
        Some(Self::second(loss, batch, form).map(|second| flat(&second.hessian)))
    }

    fn weigh<W: SampleWeighter>(&self, loss: &Loss<W>, batch: &Batch) -> Option<Result<Observed, LossError>> {
        let mut grad = Laid::new(&batch.logits, batch.layout, A::nearest(f64::NAN), A::nearest);
        let result = Self::weighed(loss, batch, grad.view_mut());
        Some(result.map(|summary| Observed {
            loss: summary.loss,
            grad: grad.view().iter().map(|&slope| slope.into()).collect(),
            summary: Some(summary),
            weights: None,
            losses: None,
        }))
    }
}

/// Checks a weighter, of anybody's, by itself and on the CPU engine in both precisions: one line in its tests.
///
/// ```
/// # use reweight::{Real, Sample, SampleWeighter};
/// #[derive(Clone, Debug)]
/// struct Linear;
///
/// impl SampleWeighter for Linear {
///     fn weight<R: Real>(&self, s: &Sample<R>) -> R { s.q() }
/// }
///
/// reweight_testkit::check_weighter_on_engine(&Linear, 2);
/// ```
///
/// # Panics
///
/// Where a law of [`check_weighter`] or [`check_weighter_on`] does not hold.
pub fn check_weighter_on_engine<W: SampleWeighter + 'static>(weighter: &W, classes: usize) {
    check_weighter(weighter, classes);
    check_weighter_on(&Ndarray::<f32>::new(), weighter, classes);
    check_weighter_on(&Ndarray::<f64>::new(), weighter, classes);
}

/// Checks a base, of anybody's, by itself and on the CPU engine in both precisions: one line in its tests.
///
/// # Panics
///
/// Where a law of [`check_base`] or [`check_base_on`] does not hold.
pub fn check_base_on_engine<B: BaseLoss + 'static>(base: &B, classes: usize) {
    check_base(base, classes);
    check_base_on(&Ndarray::<f32>::new(), base, classes);
    check_base_on(&Ndarray::<f64>::new(), base, classes);
}

/// Checks an adjustment, of anybody's, by itself and on the CPU engine in both precisions: one line in its tests.
///
/// # Panics
///
/// Where a law of [`check_adjustment`] or [`check_adjustment_on`] does not hold.
pub fn check_adjustment_on_engine<J: Adjustment + 'static>(adjustment: &J, classes: usize) {
    check_adjustment(adjustment, classes);
    check_adjustment_on(&Ndarray::<f32>::new(), adjustment, classes);
    check_adjustment_on(&Ndarray::<f64>::new(), adjustment, classes);
}
