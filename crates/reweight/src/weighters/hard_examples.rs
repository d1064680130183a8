//! Hard example mining: the hardest share of each batch, by a histogram of margins.

use serde::{Deserialize, Serialize};

use crate::built_in::BuiltIn;
use crate::error::{ParameterError, StateError, WeightError};
use crate::real::Real;
use crate::regions::{RegionTable, Regions};
use crate::sample::Sample;
use crate::state::State;
use crate::statistics::{BatchStatistics, Statistics};
use crate::weighter::SampleWeighter;

const KIND: &str = "hard-examples";
const STATE_VERSION: u32 = 1;

/// Keeps the hardest share of each batch (OHEM, the conditional value at risk): 1 for those, 0 for the rest.
///
/// **Formula.** Samples are ranked by margin, soft labels by gradient norm, in 4,096 regions. With N valid samples, w = 1 in the hardest
/// regions, 0 in the easiest, and in the region that the cut goes through the fraction that makes Σw = κ·N. Constant in the gradient.
///
/// **Symbols.** κ = [`keep`](HardExamplesConfig::keep) in (0, 1]. Sample weights do not count for the ranking.
///
/// **Stability.** Counts are whole numbers and merge over threads, micro-batches and machines; a region is found by arithmetic on a
/// margin that is held within ±64, alike for a float and for the same number in double precision.
///
/// **Limits.** κ = 1 weighs all samples 1. Reduction `mean` gives κ times the published loss, `weighted-mean` the published one.
/// Before the first batch is observed every weight is 1.
///
/// ```
/// # fn main() -> Result<(), reweight::ParameterError> {
/// use reweight::{BceLoss, HardExamples, Reduction};
///
/// let loss = BceLoss::new(HardExamples::new(0.25)?).with_reduction(Reduction::WeightedMean)?;
/// # Ok(())
/// # }
/// ```
///
/// **Reference.** Shrivastava et al. 2016, *Training Region-based Object Detectors with Online Hard Example Mining*, section 3.1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "HardExamplesConfig", into = "HardExamplesConfig")]
pub struct HardExamples {
    config: HardExamplesConfig,
    cut: Cut,
    table: RegionTable,
}

/// Where the kept samples begin.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cut {
    /// The region that the cut goes through.
    region: u32,
    /// The weight in that region.
    fraction: f64,
}

/// Hard example mining as a config file holds it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HardExamplesConfig {
    /// κ in (0, 1], the share that is kept.
    pub keep: f64,
}

impl HardExamples {
    /// Keeps the hardest share κ = `keep`.
    ///
    /// # Errors
    ///
    /// Unless 0 < κ ≤ 1.
    pub fn new(keep: f64) -> Result<Self, ParameterError> {
        HardExamplesConfig { keep }.try_into()
    }

    fn apply(&mut self, cut: Cut) {
        self.cut = cut;
        let at = cut.region as usize;
        // Regions are counted from the easiest.
        self.table.fill(|region| match region.cmp(&at) {
            std::cmp::Ordering::Less => 0.0,
            std::cmp::Ordering::Equal => cut.fraction,
            std::cmp::Ordering::Greater => 1.0,
        });
    }
}

/// Everything is kept.
const ALL: Cut = Cut { region: 0, fraction: 1.0 };

impl TryFrom<HardExamplesConfig> for HardExamples {
    type Error = ParameterError;

    fn try_from(config: HardExamplesConfig) -> Result<Self, ParameterError> {
        let inside = config.keep > 0.0 && config.keep <= 1.0;
        ParameterError::check("keep", config.keep, inside, "above 0 and at most 1")?;
        Ok(Self { config, cut: ALL, table: RegionTable::neutral(Regions::margins()) })
    }
}

impl From<HardExamples> for HardExamplesConfig {
    fn from(weighter: HardExamples) -> Self {
        weighter.config
    }
}

impl BuiltIn for HardExamples {
    const KIND: &'static str = KIND;
    const FORMULA: &'static str = "1 for the hardest share κ of the batch, 0 for the rest";
    const SETTINGS: &'static str = "`keep` κ in (0, 1]";
    type Config = HardExamplesConfig;

    fn config(&self) -> HardExamplesConfig {
        self.config
    }

    fn examples(_: usize, _: usize) -> Vec<HardExamplesConfig> {
        [0.1, 0.5, 1.0].map(|keep| HardExamplesConfig { keep }).into()
    }
}

impl SampleWeighter for HardExamples {
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
        let counts = batch.margins()?.counts();
        if batch.valid == 0 {
            return Ok(());
        }
        if self.config.keep == 1.0 {
            self.apply(ALL);
            return Ok(());
        }
        let wanted = self.config.keep * batch.valid as f64;
        let mut kept = 0.0;
        let mut cut = ALL;
        for (region, &count) in counts.iter().enumerate().rev().filter(|&(_, &count)| count > 0) {
            let count = count as f64;
            if kept + count >= wanted {
                cut = Cut { region: region as u32, fraction: ((wanted - kept) / count).clamp(0.0, 1.0) };
                break;
            }
            kept += count;
        }
        self.apply(cut);
        Ok(())
    }

    fn reset(&mut self) {
        self.apply(ALL);
    }

    fn state(&self) -> State {
        // A record with a name for each number always has a JSON form.
        State::record(KIND, STATE_VERSION, &self.config, &self.cut).unwrap_or_default()
    }

    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        let cut: Cut = state.read(KIND, STATE_VERSION, &self.config)?;
        if cut.region >= Regions::MARGINS || !(0.0..=1.0).contains(&cut.fraction) {
            let reason = "its cut lies outside the regions, or its fraction outside [0, 1]".to_owned();
            return Err(StateError::Damaged { kind: KIND.to_owned(), reason });
        }
        self.apply(cut);
        Ok(())
    }
}
