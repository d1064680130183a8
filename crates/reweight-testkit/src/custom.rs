//! Weighters as a third party would write them: the suite runs them beside the built-in ones.

use reweight::{BatchStatistics, Real, Sample, SampleWeighter, State, StateError, Statistics, WeightError};

/// √(1 − p_t), nothing but a formula.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootNorm {
    /// What it is multiplied by.
    pub factor: f64,
}

impl SampleWeighter for RootNorm {
    fn weight<R: Real>(&self, sample: &Sample<R>) -> R {
        sample.log_q().scale(0.5).exp().scale(self.factor)
    }
}

/// Class weights N/(2·n_c) from the class counts of the step itself, 1 before the first; positives against the rest.
#[derive(Clone, Debug, PartialEq)]
pub struct StepBalance {
    weights: [f64; 2],
}

impl StepBalance {
    const KIND: &'static str = "step-balance";

    /// Before the first step.
    pub fn new() -> Self {
        Self { weights: [1.0; 2] }
    }
}

impl Default for StepBalance {
    fn default() -> Self {
        Self::new()
    }
}

impl SampleWeighter for StepBalance {
    fn weight<R: Real>(&self, sample: &Sample<R>) -> R {
        sample.by_target(self.weights[0], self.weights[1])
    }

    fn statistics(&self) -> Statistics {
        Statistics::class_counts()
    }

    fn observe(&mut self, batch: &BatchStatistics) -> Result<(), WeightError> {
        let Some((&background, others)) = batch.class_counts.split_first() else {
            return Err(WeightError::Custom("step-balance needs class counts".to_owned()));
        };
        let weight = |count: u64| batch.valid as f64 / (2.0 * count.max(1) as f64);
        self.weights = [weight(background), weight(others.iter().sum())];
        Ok(())
    }

    fn reset(&mut self) {
        *self = Self::new();
    }

    fn state(&self) -> State {
        State::record(Self::KIND, 1, &(), &self.weights).unwrap_or_default()
    }

    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        self.weights = state.read(Self::KIND, 1, &())?;
        Ok(())
    }
}

/// 1/(1 − p_t): no number at a margin where 1 − p_t is 0, which is 104 in `f32` and 746 in `f64`. A rule as nobody should write
/// it, for what must be refused.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Inverse;

impl SampleWeighter for Inverse {
    fn weight<R: Real>(&self, sample: &Sample<R>) -> R {
        R::lit(1.0) / sample.q()
    }
}
