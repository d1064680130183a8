//! The CPU engine on 16 bits under the suite: what it computes is what it computes in `f32` of the widened batch, and what it
//! writes is that, rounded once. Every call is held to that, to the bit; the laws are those of the numbers before the rounding.

use std::marker::PhantomData;

use half::{bf16, f16};
use reweight::{BatchStatistics, HessianForm, LossError, SampleWeighter};
use reweight_ndarray::BceTarget;
use reweight_testkit::{Backend, Batch, Check, Element, Loss, Ndarray, Observed, Precision, Tensor, Tolerance};

/// A type of 16 bits.
pub trait Half: Element + BceTarget {
    /// The type's name.
    const NAME: &'static str;
}

macro_rules! half {
    ($($half:ident)*) => {$(
        impl Half for $half {
            const NAME: &'static str = stringify!($half);
        }
    )*};
}
half!(f16 bf16);

/// The CPU engine on 16 bits.
#[derive(Clone, Copy, Debug, Default)]
pub struct Halves<H>(PhantomData<H>);

/// The engine on what the halves are widened to.
const WIDE: Ndarray<f32> = Ndarray::new();

impl<H: Half> Halves<H> {
    /// The engine.
    pub const fn new() -> Self {
        Self(PhantomData)
    }

    fn round(value: f64) -> f64 {
        H::nearest(value).into()
    }

    fn check() -> Check {
        Check::new("halves are the f32 results, rounded once", format!("ndarray {}", H::NAME))
    }

    /// The widened results, where the halves are those rounded; of what a half cannot hold the error must say so.
    fn agreed<R>(
        halves: Result<R, LossError>,
        wide: Result<R, LossError>,
        numbers: impl Fn(&R) -> Vec<f64>,
        sums: impl Fn(&R) -> Vec<f64>,
    ) -> Result<R, LossError> {
        let check = Self::check();
        match (halves, wide) {
            (Ok(halves), Ok(wide)) => {
                let rounded: Vec<f64> = numbers(&wide).into_iter().map(Self::round).collect();
                check.same("what is written", &numbers(&halves), &rounded);
                // Soft targets of 16 bits are summed up a thousand at a time, those of 32 all in a row: in `f64`, both.
                check.close("sums", &sums(&halves), &sums(&wide), Tolerance { relative: 1e-14, floor: 1.0 });
                Ok(wide)
            }
            (Err(LossError::Overflow { value, .. }), Ok(wide)) => {
                let beyond = |value: f64| value.is_finite() && Self::round(value).is_infinite();
                check.holds(beyond(value), || format!("{value} is no overflow"));
                check.holds(numbers(&wide).into_iter().any(beyond), || "nothing overflows".to_owned());
                Ok(wide)
            }
            (Err(error), Err(expected)) => {
                check.equal("error", &error.to_string(), &expected.to_string());
                Err(error)
            }
            (Ok(_), Err(error)) => check.fail(&format!("f32 refuses it: {error}")),
            (Err(error), Ok(_)) => check.fail(&format!("f32 takes it: {error}")),
        }
    }
}

fn written(observed: &Observed) -> Vec<f64> {
    let optional = [&observed.weights, &observed.losses].into_iter().flatten().flatten();
    observed.grad.iter().chain(optional).copied().collect()
}

fn sums(observed: &Observed) -> Vec<f64> {
    observed.loss.into_iter().chain(observed.summary.map(|summary| summary.weight_sum)).collect()
}

impl<H: Half> Backend for Halves<H> {
    fn name(&self) -> String {
        format!("ndarray {}", H::NAME)
    }

    fn precision(&self) -> Precision {
        Precision::F32
    }

    fn seen(&self, batch: &Batch) -> Batch {
        batch.rounded_by(Self::round)
    }

    /// Logits and weights that the type holds.
    fn supports(&self, batch: &Batch) -> bool {
        let weights = batch.sample_weight.iter().flat_map(|all| &all.data);
        batch.logits.data.iter().chain(weights).all(|&x| !x.is_finite() || Self::round(x).is_finite())
    }

    fn step<W: SampleWeighter>(&self, loss: &mut Loss<W>, batch: &Batch) -> Result<Observed, LossError> {
        let mut other = loss.clone();
        let halves = Ndarray::<H>::new().step(&mut other, batch);
        let overflown = matches!(halves, Err(LossError::Overflow { .. }));
        let before = loss.state();
        let result = Self::agreed(halves, WIDE.step(loss, &self.seen(batch)), written, sums);
        let expected = if overflown { before } else { loss.state() };
        Self::check().equal("state", &other.state(), &expected);
        result
    }

    fn value<W: SampleWeighter>(&self, loss: &Loss<W>, batch: &Batch) -> Result<Option<f64>, LossError> {
        let halves = Ndarray::<H>::new().value(loss, batch);
        Self::agreed(
            halves,
            WIDE.value(loss, &self.seen(batch)),
            |_| Vec::new(),
            |value| value.iter().copied().collect(),
        )
    }

    fn step_into<W: SampleWeighter>(
        &self,
        loss: &mut Loss<W>,
        batch: &Batch,
        grad: &mut Tensor<f64>,
    ) -> Option<Result<Option<f64>, LossError>> {
        let (mut other, mut rounded) = (loss.clone(), grad.clone());
        let halves = Ndarray::<H>::new().step_into(&mut other, batch, &mut rounded)?;
        let wide = WIDE.step_into(loss, &self.seen(batch), grad)?;
        let both = halves.map(|value| (value, rounded.data));
        let expected = wide.map(|value| (value, grad.data.clone()));
        Some(
            Self::agreed(both, expected, |both| both.1.clone(), |both| both.0.into_iter().collect()).map(|both| both.0),
        )
    }

    fn statistics<W: SampleWeighter>(
        &self,
        loss: &Loss<W>,
        batch: &Batch,
    ) -> Option<Result<BatchStatistics, LossError>> {
        let halves = Ndarray::<H>::new().statistics(loss, batch)?;
        let wide = WIDE.statistics(loss, &self.seen(batch))?;
        Self::check().equal("statistics", &halves.as_ref().ok(), &wide.as_ref().ok());
        Some(Self::agreed(halves, wide, |_| Vec::new(), |_| Vec::new()))
    }

    /// Only held to be the rounded ones, in every form: how exact they are in `f32` is that backend's matter.
    fn hessian<W: SampleWeighter>(
        &self,
        loss: &mut Loss<W>,
        batch: &Batch,
        _: HessianForm,
    ) -> Option<Result<Vec<f64>, LossError>> {
        for form in HessianForm::ALL {
            let halves = Ndarray::<H>::new().hessian(&mut loss.clone(), batch, form)?;
            let wide = WIDE.hessian(&mut loss.clone(), &self.seen(batch), form)?;
            // An overflow may be that of the step's other results, which are looked at under `step`.
            if !matches!(halves, Err(LossError::Overflow { .. })) {
                let _ = Self::agreed(halves, wide, Vec::clone, |_| Vec::new());
            }
        }
        None
    }

    fn weigh<W: SampleWeighter>(&self, loss: &Loss<W>, batch: &Batch) -> Option<Result<Observed, LossError>> {
        let halves = Ndarray::<H>::new().weigh(loss, batch)?;
        Some(Self::agreed(halves, WIDE.weigh(loss, &self.seen(batch))?, written, sums))
    }
}
