//! One weighter, changed: `Detached`, `Scaled`, `Clamped`.

use crate::error::{ParameterError, StateError, WeightError, short};
use crate::form::BatchForm;
use crate::real::Real;
use crate::sample::Sample;
use crate::state::State;
use crate::statistics::{BatchStatistics, Statistics};
use crate::weighter::SampleWeighter;

/// Passes everything but the formula on to the weighter inside.
macro_rules! forward_state {
    () => {
        fn statistics(&self) -> Statistics {
            self.inner.statistics()
        }
        fn observes(&self) -> bool {
            self.inner.observes()
        }
        fn observe(&mut self, batch: &BatchStatistics) -> Result<(), WeightError> {
            self.inner.observe(batch)
        }
        fn reset(&mut self) {
            self.inner.reset();
        }
        fn check(&self, classes: usize) -> Result<(), WeightError> {
            self.inner.check(classes)
        }
        fn fits(&self, form: &BatchForm<'_>) -> Result<(), WeightError> {
            self.inner.fits(form)
        }
        fn state(&self) -> State {
            self.inner.state()
        }
        fn restore(&mut self, state: &State) -> Result<(), StateError> {
            self.inner.restore(state)
        }
    };
}

/// A weighter through which no gradient flows; see [`SampleWeighter::detached`].
#[derive(Clone, Debug, PartialEq)]
pub struct Detached<W> {
    inner: W,
}

impl<W> Detached<W> {
    pub(crate) fn new(inner: W) -> Self {
        Self { inner }
    }
}

impl<W: SampleWeighter> SampleWeighter for Detached<W> {
    #[inline(always)]
    fn weight<R: Real>(&self, sample: &Sample<R>) -> R {
        self.inner.weight(sample).detach()
    }
    forward_state!();
}

/// A weighter times a constant; see [`SampleWeighter::scaled`].
#[derive(Clone, Debug, PartialEq)]
pub struct Scaled<W> {
    inner: W,
    factor: f64,
}

impl<W> Scaled<W> {
    pub(crate) fn new(inner: W, factor: f64) -> Result<Self, ParameterError> {
        Ok(Self { inner, factor: check_scale(factor)? })
    }
}

/// A factor that keeps weights finite and at least 0.
pub(crate) fn check_scale(factor: f64) -> Result<f64, ParameterError> {
    ParameterError::check("scale", factor, factor.is_finite() && factor >= 0.0, "finite and at least 0")
}

impl<W: SampleWeighter> SampleWeighter for Scaled<W> {
    #[inline(always)]
    fn weight<R: Real>(&self, sample: &Sample<R>) -> R {
        self.inner.weight(sample).scale(self.factor)
    }
    forward_state!();
}

/// A weighter held within bounds; see [`SampleWeighter::clamped`].
#[derive(Clone, Debug, PartialEq)]
pub struct Clamped<W> {
    inner: W,
    low: f64,
    high: f64,
}

impl<W> Clamped<W> {
    pub(crate) fn new(inner: W, low: f64, high: f64) -> Result<Self, ParameterError> {
        let [low, high] = check_clamp([low, high])?;
        Ok(Self { inner, low, high })
    }
}

/// Bounds in order, finite and not negative.
pub(crate) fn check_clamp([low, high]: [f64; 2]) -> Result<[f64; 2], ParameterError> {
    ParameterError::check("clamp (lower bound)", low, low.is_finite() && low >= 0.0, "finite and at least 0")?;
    let expected = format!("finite and at least the lower bound {}", short(low));
    ParameterError::check("clamp (upper bound)", high, high.is_finite() && high >= low, &expected)?;
    Ok([low, high])
}

impl<W: SampleWeighter> SampleWeighter for Clamped<W> {
    #[inline(always)]
    fn weight<R: Real>(&self, sample: &Sample<R>) -> R {
        self.inner.weight(sample).max(R::lit(self.low)).min(R::lit(self.high))
    }
    forward_state!();
}
