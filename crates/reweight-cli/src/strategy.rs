//! Strategies: a name and a loss. What `reweight compare` compares by default and why, and those that a user adds.

use reweight::{BatchForm, ConfigError, ConfiguredLoss, LossConfig, Objective, Reduction, WeightError};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::arguments;
use crate::evaluate::{EvalError, read_config};

pub(crate) mod presets;

use presets::{DEFAULTS, Preset};

/// What the others are compared with.
pub const BASELINE: &str = "plain CE";

/// A loss under a name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Strategy {
    /// What the table calls it.
    pub name: String,
    /// What it does, in a few words.
    pub what: String,
    /// The file that it was read from; none for those that the program brings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The loss. An `alpha-balance` with neither `alpha` nor `class_weights` nor `counts`, and a `logit-adjustment` or `ldam` without
    /// `counts`, is given the counts of each fold's training rows.
    pub loss: LossConfig,
}

/// Why a strategy cannot be trained with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the message beside each variant says what its fields mean")]
pub enum StrategyError {
    #[error(transparent)]
    Read(#[from] EvalError),
    #[error("strategy `{name}`: `{BASELINE}` is what the others are compared with; choose another name")]
    Baseline { name: String },
    #[error("strategy `{name}` is given twice; give each its own name")]
    Twice { name: String },
    #[error("strategy `{name}` is no preset ({known}); for a loss of your own give a file too, as in {name}=loss.toml")]
    Unknown { name: String, known: String },
    #[error("strategy `{name}` ({file}): the objective is \"{found}\", but {task} needs \"{expected}\"")]
    Objective { name: String, file: String, found: &'static str, expected: &'static str, task: String },
    #[error("strategy `{name}` ({file}): the reduction \"none\" gives no single loss to train with; use \"mean\"")]
    NotReduced { name: String, file: String },
    #[error("strategy `{name}` ({file})")]
    Config { name: String, file: String, source: Box<ConfigError> },
    #[error("strategy `{name}` ({file})")]
    Misfit { name: String, file: String, source: Box<WeightError> },
}

impl Strategy {
    /// The loss for a fold whose training rows have these class counts.
    ///
    /// # Errors
    ///
    /// [`StrategyError::Config`] where a kind is unknown or a setting outside its domain.
    pub fn build(&self, counts: &[usize]) -> Result<ConfiguredLoss, StrategyError> {
        self.with_counts(counts).build().map_err(|source| StrategyError::Config {
            name: self.name.clone(),
            file: self.origin(),
            source: source.into(),
        })
    }

    /// The loss with these class counts, where it asks for counts and has none.
    #[must_use]
    pub fn with_counts(&self, counts: &[usize]) -> LossConfig {
        let mut config = self.loss.clone();
        for entry in config.weighter.iter_mut().filter(|entry| entry.kind == "alpha-balance") {
            if !["alpha", "class_weights", "counts"].iter().any(|key| entry.settings.contains_key(*key)) {
                entry.settings.insert("counts".to_owned(), json!(counts));
            }
        }
        let takes_counts = |kind: &str| matches!(kind, "logit-adjustment" | "ldam");
        for entry in config.adjustment.iter_mut().filter(|entry| takes_counts(&entry.kind)) {
            entry.settings.entry("counts").or_insert_with(|| json!(counts));
        }
        config
    }

    fn origin(&self) -> String {
        self.file.clone().unwrap_or_else(|| "built in".to_owned())
    }

    /// That the strategy can train a network for a task, whose training rows have about these class counts.
    ///
    /// # Errors
    ///
    /// [`StrategyError`], before anything is trained.
    pub fn check(&self, objective: Objective, counts: &[usize]) -> Result<(), StrategyError> {
        let (name, file) = (self.name.clone(), self.origin());
        if self.loss.objective != objective {
            let text = |objective| if objective == Objective::Bce { "bce" } else { "softmax-ce" };
            let task = match objective {
                Objective::Bce => "telling one label from the rest".to_owned(),
                Objective::SoftmaxCe => format!("telling {} labels apart", counts.len()),
            };
            let (found, expected) = (text(self.loss.objective), text(objective));
            return Err(StrategyError::Objective { name, file, found, expected, task });
        }
        if self.loss.reduction == Reduction::None {
            return Err(StrategyError::NotReduced { name, file });
        }
        let rows = counts.iter().sum();
        match self.build(counts)? {
            ConfiguredLoss::Bce(loss) => loss.weighting().fit(&BatchForm::binary(&[rows, 1], false)),
            ConfiguredLoss::Softmax(loss) => {
                loss.weighting().fit(&BatchForm::softmax(&[rows, counts.len()], counts.len()))
            }
        }
        .map(|_| ())
        .map_err(|source| StrategyError::Misfit { name, file, source: source.into() })
    }
}

/// The strategies to compare, plain cross entropy first: the presets, unless told not to, and those given. One without a file is the
/// preset of its name; one with a file and a preset's name (in either spelling) takes its place.
///
/// # Errors
///
/// [`StrategyError`] when a file cannot be read, or a name is taken or no preset's.
pub fn strategies(
    objective: Objective,
    given: &[arguments::Strategy],
    presets: bool,
) -> Result<Vec<Strategy>, StrategyError> {
    let defaults = DEFAULTS.iter().take(if presets { DEFAULTS.len() } else { 1 });
    let mut all: Vec<Strategy> = defaults.map(|preset| preset.strategy(objective)).collect();
    let mut named: Vec<&str> = Vec::new();
    for strategy in given {
        let preset = Preset::named(&strategy.name);
        let name = preset.map_or(strategy.name.as_str(), |preset| preset.name).to_owned();
        if name == BASELINE {
            return Err(StrategyError::Baseline { name: strategy.name.clone() });
        }
        let own = match (&strategy.config, preset) {
            (Some(path), _) => {
                let file = path.display().to_string();
                Strategy { what: format!("as {file} says"), loss: read_config(path)?, file: Some(file), name }
            }
            (None, Some(preset)) => preset.strategy(objective),
            (None, None) => return Err(StrategyError::Unknown { name, known: presets::names().join(", ") }),
        };
        if named.contains(&&*own.name) {
            return Err(StrategyError::Twice { name: own.name });
        }
        named.extend(preset.map(|preset| preset.name));
        match all.iter_mut().find(|other| other.name == own.name) {
            Some(other) if other.file.is_some() => return Err(StrategyError::Twice { name: own.name }),
            Some(other) => *other = own,
            None => all.push(own),
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests;
