//! The file of `--state-in` and `--state-out`: a weighter's state, and enough around it to refuse a foreign one.

use std::path::Path;

use reweight::{Objective, State};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::EvalError;
use crate::files::write_whole;

const FORMAT: &str = "reweight-state";
const VERSION: u64 = 1;

/// The file's contents. Floats are written with as many digits as bring them back to the bit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StateFile {
    format: String,
    version: u64,
    objective: Objective,
    state: State,
}

impl StateFile {
    pub(super) fn new(objective: Objective, state: State) -> Self {
        Self { format: FORMAT.to_owned(), version: VERSION, objective, state }
    }

    /// The state of a file that was saved under `objective`.
    pub(crate) fn read(path: &Path, objective: Objective) -> Result<State, EvalError> {
        let name = || path.display().to_string();
        let bytes = std::fs::read(path).map_err(|source| EvalError::StateUnreadable { path: name(), source })?;
        let refuse = |reason: String| EvalError::NotAState { path: name(), reason };
        let value: Value = serde_json::from_slice(&bytes).map_err(|error| refuse(error.to_string()))?;
        if value.get("format").and_then(Value::as_str) != Some(FORMAT) {
            return Err(refuse(format!("there is no \"format\": \"{FORMAT}\" in it")));
        }
        // Before the rest is understood: another version may look different.
        let found = value.get("version").and_then(Value::as_u64).unwrap_or(0);
        if found != VERSION {
            return Err(EvalError::StateVersion { path: name(), found, expected: VERSION });
        }
        let file: Self = serde_json::from_value(value).map_err(|error| refuse(error.to_string()))?;
        if file.objective != objective {
            let text = |objective: Objective| match objective {
                Objective::Bce => "bce".to_owned(),
                Objective::SoftmaxCe => "softmax-ce".to_owned(),
            };
            return Err(EvalError::StateObjective {
                path: name(),
                found: text(file.objective),
                expected: text(objective),
            });
        }
        Ok(file.state)
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), EvalError> {
        let refuse = |source| EvalError::StateUnwritable { path: path.display().to_string(), source };
        let mut bytes = serde_json::to_vec_pretty(self).map_err(|error| refuse(error.into()))?;
        bytes.push(b'\n');
        write_whole(path, &bytes).map_err(refuse)
    }
}
