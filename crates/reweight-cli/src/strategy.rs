//! Strategies: a name and a loss. What `reweight compare` compares by default and why, and those that a user adds.

use reweight::{ConfigError, ConfiguredLoss, LossConfig, Objective, Reduction, SampleWeighter, WeighterConfig};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::arguments;
use crate::evaluate::{EvalError, read_config};

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
    /// The loss. An `alpha-balance` with neither `alpha` nor `class_weights` nor `counts` is given the counts of each
    /// fold's training rows.
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
    #[error("strategy `{name}` ({file}): the objective is \"{found}\", but {task} needs \"{expected}\"")]
    Objective { name: String, file: String, found: &'static str, expected: &'static str, task: String },
    #[error("strategy `{name}` ({file}): the reduction \"none\" gives no single loss to train with; use \"mean\"")]
    NotReduced { name: String, file: String },
    #[error("strategy `{name}` ({file})")]
    Config { name: String, file: String, source: ConfigError },
    #[error("strategy `{name}` ({file})")]
    Misfit { name: String, file: String, source: reweight::WeightError },
}

/// A default: its name as the table has it, as a shell has it, what it does, its weighters.
struct Preset {
    name: &'static str,
    plain: &'static str,
    what: &'static str,
    weighters: fn() -> Vec<WeighterConfig>,
}

// Why these values:
//
// - α by the inverse class frequency of the training rows: every class weighs the same in sum. The focal paper's own
//   α = 0.25 favours the negatives; it was searched for on top of γ = 2 and of anchors at 1 : 1000, and harms alone.
// - γ = 2 is the focal paper's best, and what nearly everybody runs.
// - α·focal takes the square root of the inverse frequency: γ = 2 has already taken most of the easy majority's share, so
//   that the full inverse would overshoot. The paper found the same: the larger γ is, the smaller the best α.
// - GHM with the values that its authors published for detection and that mmdetection brings: 30 unit regions, momentum
//   0.75, in mmdetection's form. On the tables tried (red wines, mammography) it did as well as or better than 5 and 10
//   regions, longer memories, and the other two forms.
// - focal·GHM is the plain product of those two.
//
// The strategies' losses are of different sizes, α-balance's about twice plain cross entropy's, focal's a tenth. Adam divides
// by the gradient's own size, so that a factor on the loss changes nothing, and one learning rate is fair to all.
const PRESETS: [Preset; 6] = [
    Preset { name: BASELINE, plain: "plain-ce", what: "cross entropy as it is", weighters: Vec::new },
    Preset {
        name: "α-balance",
        plain: "alpha-balance",
        what: "classes weighed by the inverse of their frequency in the training rows",
        weighters: || vec![balance("inverse-frequency")],
    },
    Preset { name: "focal", plain: "focal", what: "(1 − p_t)^γ with γ = 2", weighters: || vec![focal()] },
    Preset {
        name: "α·focal",
        plain: "alpha-focal",
        what: "classes weighed by the square root of the inverse frequency, times focal with γ = 2",
        weighters: || vec![balance("inverse-sqrt"), focal()],
    },
    Preset {
        name: "GHM",
        plain: "ghm",
        what: "inverse gradient density over 30 unit regions, momentum 0.75, preset `mmdet`",
        weighters: || vec![ghm()],
    },
    Preset {
        name: "focal·GHM",
        plain: "focal-ghm",
        what: "the product of those two",
        weighters: || vec![focal(), ghm()],
    },
];

fn weighter(kind: &str, settings: Value) -> WeighterConfig {
    let settings = match settings {
        Value::Object(settings) => settings,
        _ => Map::new(),
    };
    WeighterConfig { kind: kind.to_owned(), detached: false, scale: None, clamp: None, settings }
}

fn balance(scheme: &str) -> WeighterConfig {
    weighter("alpha-balance", json!({ "scheme": scheme }))
}

fn focal() -> WeighterConfig {
    weighter("focal", json!({ "gamma": 2.0 }))
}

fn ghm() -> WeighterConfig {
    weighter("ghm", json!({ "bins": 30, "momentum": 0.75, "preset": "mmdet" }))
}

impl Strategy {
    /// The loss for a fold whose training rows have these class counts.
    ///
    /// # Errors
    ///
    /// [`StrategyError::Config`] where a kind is unknown or a setting outside its domain.
    pub fn build(&self, counts: &[usize]) -> Result<ConfiguredLoss, StrategyError> {
        let mut config = self.loss.clone();
        for entry in config.weighter.iter_mut().filter(|entry| entry.kind == "alpha-balance") {
            if !["alpha", "class_weights", "counts"].iter().any(|key| entry.settings.contains_key(*key)) {
                entry.settings.insert("counts".to_owned(), json!(counts));
            }
        }
        config.build().map_err(|source| StrategyError::Config { name: self.name.clone(), file: self.origin(), source })
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
        match self.build(counts)? {
            ConfiguredLoss::Bce(loss) => loss.weighter().check(2),
            ConfiguredLoss::Softmax(loss) => loss.weighter().check(counts.len()),
        }
        .map_err(|source| StrategyError::Misfit { name, file, source })
    }
}

/// The strategies to compare, plain cross entropy first: the presets, unless told not to, and those given, of which one with
/// a preset's name (in either spelling) takes its place.
///
/// # Errors
///
/// [`StrategyError`] when a file cannot be read, or a name is taken.
pub fn strategies(
    objective: Objective,
    given: &[arguments::Strategy],
    presets: bool,
) -> Result<Vec<Strategy>, StrategyError> {
    let known = PRESETS.iter().take(if presets { PRESETS.len() } else { 1 });
    let mut all: Vec<Strategy> = known
        .map(|preset| Strategy {
            name: preset.name.to_owned(),
            what: preset.what.to_owned(),
            file: None,
            loss: LossConfig { weighter: (preset.weighters)(), ..LossConfig::new(objective) },
        })
        .collect();
    for strategy in given {
        let same = |preset: &&Preset| {
            let name = strategy.name.to_lowercase();
            name == preset.plain || name == preset.name.to_lowercase()
        };
        let name = PRESETS.iter().find(same).map_or(strategy.name.as_str(), |preset| preset.name).to_owned();
        if name == BASELINE {
            return Err(StrategyError::Baseline { name: strategy.name.clone() });
        }
        let loss = read_config(&strategy.config)?;
        let file = strategy.config.display().to_string();
        let own = Strategy { what: format!("as {file} says"), file: Some(file), loss, name };
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
