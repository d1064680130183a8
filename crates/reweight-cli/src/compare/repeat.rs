//! Repeating a comparison from its JSON file, and telling whether it came out the same, to the bit.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::CompareError;
use super::comparison::{Comparison, FORMAT, FORMAT_VERSION};
use super::data::DataSummary;
use super::settings::Settings;
use crate::files::read_at_most;
use crate::versions::Versions;

/// Most bytes of a comparison's JSON file: one of thousands of networks is shorter.
const LONGEST: u64 = 1 << 28;

/// What of a JSON file is needed to repeat it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Recorded {
    pub(super) command: String,
    pub(super) settings: Settings,
    versions: Value,
    data: RecordedData,
    runs: Vec<RecordedRun>,
}

#[derive(Debug, Clone, Deserialize)]
struct RecordedData {
    name: String,
    sha256: String,
}

#[derive(Debug, Clone, Deserialize)]
struct RecordedRun {
    strategy: usize,
    seed: u64,
    fold: usize,
    logits_sha256: String,
}

impl Recorded {
    pub(super) fn read(path: &Path) -> Result<Self, CompareError> {
        let name = || path.display().to_string();
        let bytes = read_at_most(path, LONGEST).map_err(|source| CompareError::Unreadable { path: name(), source })?;
        let refuse = |reason: String| CompareError::NotAComparison { path: name(), reason };
        let value: Value = serde_json::from_slice(&bytes).map_err(|error| refuse(error.to_string()))?;
        if value.get("format").and_then(Value::as_str) != Some(FORMAT) {
            return Err(refuse(format!("there is no \"format\": \"{FORMAT}\" in it")));
        }
        let version = value.get("format_version").and_then(Value::as_u64).unwrap_or(0);
        if version != u64::from(FORMAT_VERSION) {
            return Err(refuse(format!("it has format version {version}, this program reads {FORMAT_VERSION}")));
        }
        serde_json::from_value(value).map_err(|error| refuse(error.to_string()))
    }

    /// That the data is what it was.
    pub(super) fn check(&self, data: &DataSummary) -> Result<(), CompareError> {
        if self.data.sha256 == data.sha256 {
            return Ok(());
        }
        Err(CompareError::DataChanged {
            name: self.data.name.clone(),
            expected: self.data.sha256.clone(),
            found: data.sha256.clone(),
        })
    }

    /// Whether every network that both have is the same, and a sentence that says so.
    pub(super) fn verdict(&self, comparison: &Comparison) -> (bool, String) {
        let recorded: BTreeMap<_, _> =
            self.runs.iter().map(|run| ((run.seed, run.fold, run.strategy), &run.logits_sha256)).collect();
        let both = comparison.runs.iter().filter_map(|run| {
            let recorded = recorded.get(&(run.seed, run.fold, run.strategy))?;
            Some(**recorded == run.logits_sha256)
        });
        let (same, all) = both.fold((0, 0), |(same, all), equal| (same + usize::from(equal), all + 1));
        if all == 0 {
            return (false, "NOT repeated: no network of the recorded comparison was trained to its end.".to_owned());
        }
        if same == all {
            return (true, format!("Repeated to the bit: all {all} networks are the recorded ones."));
        }
        let now = serde_json::to_value(Versions::current()).unwrap_or_default();
        let why = if !self.settings.training.device.repeats_to_the_bit() {
            "a CUDA device adds in no fixed order, so that last bits may differ".to_owned()
        } else if now == self.versions {
            "under the same versions and instructions, so on another processor or by a fault".to_owned()
        } else {
            format!("recorded with {}, repeated with {now}", self.versions)
        };
        (false, format!("NOT the same: {} of {all} networks differ from the recorded ones; {why}.", all - same))
    }
}
