//! The momentum average over the unit regions, and the weights that follow from it.

use serde::{Deserialize, Serialize};

use super::config::{Decay, GhmConfig, GhmUnit, Normaliser};
use crate::error::short;
use crate::regions::RegionTable;

/// What a sum of up to 65,536 fractions may be off by, with room to spare: each rounds at the sixteenth digit.
const ROUNDINGS: f64 = 1e-9;

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

    /// What of it cannot have been observed under `config`, if anything.
    pub(super) fn fault(&self, config: &GhmConfig) -> Option<String> {
        if !self.averages.iter().all(|s| s.is_finite() && *s >= 0.0) {
            return Some("it holds a number that is negative or not finite".to_owned());
        }
        let (most, what) = match config.unit() {
            GhmUnit::Counts => (u64::MAX as f64, "a count"),
            GhmUnit::Fractions => (1.0 + ROUNDINGS, "a fraction"),
        };
        if let Some(average) = self.averages.iter().find(|average| **average > most) {
            let most = if config.unit() == GhmUnit::Fractions { 1.0 } else { most };
            return Some(format!("{what} of samples is {}, but at most {} is possible", short(*average), short(most)));
        }
        let sum: f64 = self.averages.iter().sum();
        if config.unit() == GhmUnit::Fractions && config.decay() == Decay::All && sum > 1.0 + ROUNDINGS {
            return Some(format!("the regions' fractions sum to {}, but at most 1 is possible", short(sum)));
        }
        if self.updates.iter().any(|updates| *updates > self.steps) {
            return Some(format!("a region was averaged more often than there were steps, {}", self.steps));
        }
        let unseen = self.averages.iter().zip(&self.updates).any(|(average, updates)| *updates == 0 && *average > 0.0);
        unseen.then(|| "a region that was never averaged has an average".to_owned())
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
