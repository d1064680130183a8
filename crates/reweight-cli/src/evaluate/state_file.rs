//! The file of `--state-in` and `--state-out`: a weighter's state, and enough around it to refuse a foreign one.

use std::io::Write;
use std::path::Path;

use reweight::{Objective, State, in_plain_words};
use reweight_lab::text::on_one_line;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::EvalError;
use crate::files::{Staged, WriteError, read_at_most};

const FORMAT: &str = "reweight-state";
const VERSION: u64 = 1;

/// Bytes of a state; one of the most unit regions takes 4 MB.
const LONGEST: u64 = 1 << 28;

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
        let bytes =
            read_at_most(path, LONGEST).map_err(|source| EvalError::StateUnreadable { path: name(), source })?;
        let refuse = |reason: String| EvalError::NotAState { path: name(), reason };
        let value: Value = serde_json::from_slice(&bytes).map_err(|error| refuse(error.to_string()))?;
        if value.get("format").and_then(Value::as_str) != Some(FORMAT) {
            return Err(refuse(format!("there is no \"format\": \"{FORMAT}\" in it")));
        }
        // Before the rest is understood: another version may look different.
        let found = value.get("version");
        if found != Some(&Value::from(VERSION)) {
            let found = found.map_or_else(|| "none".to_owned(), |found| on_one_line(&found.to_string(), 40));
            return Err(EvalError::StateVersion { path: name(), found, expected: VERSION });
        }
        let file: Self = serde_json::from_value(value).map_err(|error| refuse(in_plain_words(&error)))?;
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

    /// The file, written and not in its place yet.
    pub(super) fn stage(&self, path: &Path) -> Result<Staged, EvalError> {
        let mut bytes = serde_json::to_vec_pretty(self).map_err(|error| WriteError::new(path, error.into()))?;
        bytes.push(b'\n');
        let mut staged = Staged::new(path)?;
        staged.fill(|file| file.write_all(&bytes))?;
        Ok(staged)
    }
}
