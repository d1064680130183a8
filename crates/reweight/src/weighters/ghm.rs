//! GHM: the gradient harmonising mechanism, weights by gradient density.

use serde::{Deserialize, Serialize};

use crate::built_in::BuiltIn;
use crate::error::{ParameterError, StateError, WeightError};
use crate::real::Real;
use crate::regions::{RegionTable, Regions};
use crate::sample::Sample;
use crate::state::State;
use crate::statistics::{BatchStatistics, Statistics};
use crate::weighter::SampleWeighter;

mod config;
mod density;

pub use config::{Decay, GhmConfig, GhmPreset, GhmUnit, Normaliser};
use density::Density;

const KIND: &str = "ghm";
const STATE_VERSION: u32 = 1;

/// Weights inverse to the gradient density: samples whose gradient norm many others share weigh little, the flood of
/// easy ones as well as a cluster of outliers.
///
/// **Formula.** With R_j the number of valid samples in unit region j of M, N their total, S_j the momentum-averaged
/// R_j and n a number of regions: w = N / (S_j·n) for a sample in region j, from [`GhmConfig`]. The published variants
/// differ in n, in which regions decay and in the first steps; [`GhmPreset`] names them.
///
/// **Stability.** Regions are found by comparing margins, so no probability saturates. Counts are whole numbers.
///
/// **Gradient.** None flows through the weight: it is a table look-up.
///
/// **Limits.** One bin (or all samples in one region) is the plain mean.
///
/// ```
/// # fn main() -> Result<(), reweight::ParameterError> {
/// use reweight::{Ghm, GhmConfig, GhmPreset};
///
/// let ghm = Ghm::new(30, 0.75)?;
/// let ours = GhmConfig { preset: GhmPreset::Corrected, cap: Some(10.0), ..GhmConfig::new(30, 0.75) };
/// let ours = Ghm::try_from(ours)?;
/// # Ok(())
/// # }
/// ```
///
/// Before the first batch is observed every weight is 1, and so is that of a region that was never seen.
///
/// **Reference.** Li, Liu and Wang 2019, *Gradient Harmonized Single-stage Detector*, eq. 6–12.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "GhmRecord", into = "GhmRecord")]
pub struct Ghm {
    config: GhmConfig,
    density: Density,
    table: RegionTable,
}

/// Settings and state together: what `Serialize` writes.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GhmRecord {
    /// That of [`GhmState`].
    version: u32,
    settings: GhmConfig,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<GhmState>,
}

/// What was observed: the averages, and the last step's weights so that a restored weighter weighs as the saved one.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GhmState {
    density: Density,
    weights: Vec<f64>,
}

impl Ghm {
    /// The formulation that most code runs (preset `mmdet`) with M = `bins` unit regions and momentum m.
    ///
    /// # Errors
    ///
    /// Where `bins` is 0 or above 65,536, or m lies outside [0, 1).
    pub fn new(bins: u32, momentum: f64) -> Result<Self, ParameterError> {
        GhmConfig::new(bins, momentum).try_into()
    }

    /// The settings.
    pub fn config(&self) -> &GhmConfig {
        &self.config
    }

    /// The weight of each unit region, as of the last step observed; 1 where none was.
    pub fn region_weights(&self) -> &[f64] {
        self.table.weights()
    }

    /// Steps observed since the last reset.
    pub fn steps(&self) -> u64 {
        self.density.steps()
    }

    fn load(&mut self, state: GhmState) -> Result<(), StateError> {
        let damaged = |reason: &str| StateError::Damaged { kind: KIND.to_owned(), reason: reason.to_owned() };
        let bins = self.config.bins as usize;
        if state.weights.len() != bins || !state.density.fits(bins) {
            return Err(damaged(&format!("its tables do not hold {bins} unit regions")));
        }
        if !state.weights.iter().all(|w| w.is_finite() && *w >= 0.0) {
            return Err(damaged("it holds a number that is negative or not finite"));
        }
        if let Some(fault) = state.density.fault(&self.config) {
            return Err(damaged(&fault));
        }
        self.density = state.density;
        self.table.fill(|region| state.weights[region]);
        Ok(())
    }

    fn save(&self) -> GhmState {
        GhmState { density: self.density.clone(), weights: self.table.weights().to_vec() }
    }
}

impl TryFrom<GhmConfig> for Ghm {
    type Error = ParameterError;

    fn try_from(config: GhmConfig) -> Result<Self, ParameterError> {
        config.check()?;
        let regions = Regions::new(config.bins)?;
        Ok(Self { density: Density::new(config.bins as usize), table: RegionTable::neutral(regions), config })
    }
}

impl TryFrom<GhmRecord> for Ghm {
    type Error = String;

    fn try_from(record: GhmRecord) -> Result<Self, String> {
        if record.version != STATE_VERSION {
            let (expected, found) = (STATE_VERSION, record.version);
            return Err(StateError::Version { kind: KIND.to_owned(), expected, found }.to_string());
        }
        let mut weighter = Self::try_from(record.settings).map_err(|error| error.to_string())?;
        if let Some(state) = record.state {
            weighter.load(state).map_err(|error| error.to_string())?;
        }
        Ok(weighter)
    }
}

impl From<Ghm> for GhmRecord {
    fn from(weighter: Ghm) -> Self {
        let state = (weighter.steps() > 0).then(|| weighter.save());
        Self { version: STATE_VERSION, settings: weighter.config, state }
    }
}

impl BuiltIn for Ghm {
    const KIND: &'static str = KIND;
    const FORMULA: &'static str = "N/(S_j·n), S_j the average count of the unit region of \\|σ(x) − t\\|";
    const SETTINGS: &'static str = "`bins`, `momentum`, `preset`: `mmdet`, `paper` or `corrected`";
    type Config = GhmConfig;

    fn config(&self) -> GhmConfig {
        self.config.clone()
    }

    fn examples(_: usize, _: usize) -> Vec<GhmConfig> {
        let of = |bins, momentum, preset| GhmConfig { preset, ..GhmConfig::new(bins, momentum) };
        vec![of(10, 0.75, GhmPreset::Mmdet), of(30, 0.9, GhmPreset::Paper), of(7, 0.5, GhmPreset::Corrected)]
    }
}

impl SampleWeighter for Ghm {
    #[inline(always)]
    fn weight<R: Real>(&self, sample: &Sample<R>) -> R {
        sample.by_gradient_norm(&self.table)
    }

    fn statistics(&self) -> Statistics {
        Statistics::gradient_norm(self.table.regions().clone())
    }

    fn observes(&self) -> bool {
        true
    }

    fn observe(&mut self, batch: &BatchStatistics) -> Result<(), WeightError> {
        let counts = batch.histogram(self.config.bins)?.counts();
        if batch.valid > 0 {
            self.density.take(&self.config, counts, batch.valid);
            self.density.weigh(&self.config, counts, batch.valid, &mut self.table);
        }
        Ok(())
    }

    fn reset(&mut self) {
        self.density = Density::new(self.config.bins as usize);
        self.table.fill(|_| 1.0);
    }

    fn state(&self) -> State {
        // The record's types are maps with string keys and lists of numbers, which always have a JSON form.
        State::record(KIND, STATE_VERSION, &self.config, &self.save()).unwrap_or_default()
    }

    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        self.load(state.read(KIND, STATE_VERSION, &self.config)?)
    }
}

#[cfg(test)]
mod tests;
