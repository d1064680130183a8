//! The momentum average over the unit regions, and the weights that follow from it.

use serde::{Deserialize, Serialize};

use super::config::{Decay, GhmConfig, GhmUnit, Normaliser};
use crate::regions::RegionTable;

/// S_j, and how often each region was averaged (which bias correction needs).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Density {
    steps: u64,
    averages: Vec<f64>,
    updates: Vec<u64>,
}

impl Density {
    pub(super) fn new(bins: usize) -> Self {
        Self { steps: 0, averages: vec![0.0; bins], updates: vec![0; bins] }
    }

    pub(super) fn steps(&self) -> u64 {
        self.steps
    }

    pub(super) fn fits(&self, bins: usize) -> bool {
        self.averages.len() == bins && self.updates.len() == bins
    }

    pub(super) fn is_sound(&self) -> bool {
        self.averages.iter().all(|s| s.is_finite() && *s >= 0.0)
    }

    /// S ← m·S + (1 − m)·R.
    pub(super) fn take(&mut self, config: &GhmConfig, counts: &[u64], valid: u64) {
        let unit = match config.unit() {
            GhmUnit::Counts => 1.0,
            GhmUnit::Fractions => 1.0 / valid as f64,
        };
        let m = config.momentum;
        self.steps = self.steps.saturating_add(1);
        for ((average, updates), &count) in self.averages.iter_mut().zip(&mut self.updates).zip(counts) {
            if count > 0 || config.decay() == Decay::All {
                *average = m * *average + (1.0 - m) * (count as f64 * unit);
                *updates = updates.saturating_add(1);
            }
        }
    }

    /// Fills `table` with w = N / (S·n); regions never seen weigh 1, as under a uniform density.
    pub(super) fn weigh(&self, config: &GhmConfig, counts: &[u64], valid: u64, table: &mut RegionTable) {
        let regions = match config.normaliser() {
            Normaliser::NonEmpty => counts.iter().filter(|&&count| count > 0).count(),
            Normaliser::All => counts.len(),
        } as f64;
        let total = match config.unit() {
            GhmUnit::Counts => valid as f64,
            GhmUnit::Fractions => 1.0,
        };
        let corrected = config.bias_correction();
        let weight = |region: usize| {
            let mut average = self.averages[region];
            if corrected {
                average /= 1.0 - config.momentum.powf(self.updates[region] as f64);
            }
            // Not above 0 also where a region that long decayed has underflowed, or 0/0 where it was never updated.
            let weight = if average > 0.0 { total / (average * regions) } else { 1.0 };
            weight.min(config.cap.unwrap_or(f64::MAX))
        };
        let scale = if config.mean_one {
            let sum: f64 = counts.iter().enumerate().map(|(region, &count)| count as f64 * weight(region)).sum();
            if sum > 0.0 { valid as f64 / sum } else { 1.0 }
        } else {
            1.0
        };
        table.fill(|region| (weight(region) * scale).min(f64::MAX));
    }
}
