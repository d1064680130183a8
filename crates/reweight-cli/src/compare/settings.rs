//! Every setting that the figures depend on, and the command line that says the same.

use reweight_lab::device::DeviceChoice;
use reweight_lab::model::AdamSettings;
use reweight_lab::problem::RareClasses;
use reweight_lab::table::Decimal;
use reweight_lab::text::quoted;
use reweight_lab::train::TrainSettings;
use serde::{Deserialize, Serialize};

use super::data::DataSettings;
use super::protocol::Protocol;
use crate::arguments::{HeaderChoice, LearnerError, StrategyArguments, TrainingArguments};
use crate::strategy::Strategy;

/// All that decides a comparison. Threads do not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The data.
    pub data: DataSettings,
    /// How networks are trained and judged.
    pub training: TrainingSettings,
    /// What is done to the rows that they are trained on.
    #[serde(default, skip_serializing_if = "Protocol::is_plain")]
    pub protocol: Protocol,
    /// The losses, plain cross entropy first.
    pub strategies: Vec<Strategy>,
}

/// How networks are trained and judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingSettings {
    /// Folds of each cross-validation.
    pub folds: usize,
    /// One cross-validation a seed: of the folds, the initial weights and the batches.
    pub seeds: Vec<u64>,
    /// Passes over the training rows.
    pub epochs: u32,
    /// Rows a step.
    pub batch_size: usize,
    /// Widths of the hidden layers, ReLU between.
    pub hidden: Vec<usize>,
    /// Adam's step size.
    pub learning_rate: f64,
    /// Adam's decoupled weight decay.
    pub weight_decay: f64,
    /// Where they are trained; a file that does not say is of a program that knew the CPU alone.
    #[serde(default)]
    pub device: DeviceChoice,
}

impl TrainingSettings {
    /// What the command line says.
    ///
    /// # Errors
    ///
    /// [`LearnerError`] where learner and hidden layers contradict each other.
    pub fn new(arguments: &TrainingArguments) -> Result<Self, LearnerError> {
        Ok(Self {
            folds: arguments.folds,
            seeds: (0..arguments.repeats as u64).map(|repeat| arguments.seed.wrapping_add(repeat)).collect(),
            epochs: arguments.epochs,
            batch_size: arguments.batch_size,
            hidden: arguments.hidden_layers()?,
            learning_rate: arguments.step_size()?,
            weight_decay: arguments.weight_decay,
            device: arguments.device,
        })
    }

    /// As training takes it.
    #[must_use]
    pub fn train_settings(&self) -> TrainSettings {
        TrainSettings {
            hidden: self.hidden.clone(),
            epochs: self.epochs,
            batch_size: self.batch_size,
            adam: AdamSettings { learning_rate: self.learning_rate, weight_decay: self.weight_decay },
        }
    }

    /// The hidden layers' widths in words.
    #[must_use]
    pub fn hidden_text(&self) -> String {
        if self.hidden.is_empty() {
            return "none".to_owned();
        }
        self.hidden.iter().map(usize::to_string).collect::<Vec<_>>().join(",")
    }
}

impl Settings {
    /// The command line that repeats the comparison, for a POSIX shell, with every default said out.
    #[must_use]
    pub fn command(&self, arguments: &StrategyArguments) -> String {
        let mut words = Words::new("compare", &self.data);
        for strategy in &arguments.strategy {
            words.say("--strategy", &strategy.to_string());
        }
        words.training(&self.training);
        if let Some(ratio) = self.protocol.long_tail {
            words.say("--long-tail", &ratio.to_string());
        }
        if let Some(share) = self.protocol.label_noise {
            words.say("--label-noise", &share.to_string());
        }
        words.flags(&self.data);
        if arguments.no_presets {
            words.flag("--no-presets");
        }
        words.line()
    }
}

/// The words of a command line.
pub(crate) struct Words(Vec<String>);

impl Words {
    /// The program, the subcommand, the data and how it is read.
    pub(crate) fn new(command: &str, data: &DataSettings) -> Self {
        let mut words = Self(vec!["reweight".to_owned(), command.to_owned()]);
        words.0.extend(data.file.as_deref().map(quoted));
        if let Some(target) = &data.target {
            words.say("--target", target);
        }
        if let Some(positive) = &data.positive {
            words.say("--positive", positive);
        }
        match data.header {
            HeaderChoice::Auto => {}
            HeaderChoice::Yes => words.say("--header", "yes"),
            HeaderChoice::No => words.say("--header", "no"),
        }
        if let Some(delimiter) = data.delimiter {
            words.say(
                "--delimiter",
                &if delimiter == b'\t' { "tab".to_owned() } else { char::from(delimiter).to_string() },
            );
        }
        if let Some(decimal) = data.decimal {
            words.say("--decimal", if decimal == Decimal::Point { "point" } else { "comma" });
        }
        data.missing.iter().for_each(|cell| words.say("--missing", cell));
        data.keep.iter().for_each(|column| words.say("--keep", column));
        data.drop.iter().for_each(|column| words.say("--drop", column));
        data.categorical.iter().for_each(|column| words.say("--categorical", column));
        words
    }

    /// An option and its value.
    pub(crate) fn say(&mut self, option: &str, value: &str) {
        // A value that begins with a dash would be read as an option of its own.
        if value.starts_with('-') {
            self.0.push(quoted(&format!("{option}={value}")));
        } else {
            self.0.extend([option.to_owned(), quoted(value)]);
        }
    }

    pub(crate) fn flag(&mut self, flag: &str) {
        self.0.push(flag.to_owned());
    }

    /// How models are trained and judged.
    pub(crate) fn training(&mut self, training: &TrainingSettings) {
        self.say("--folds", &training.folds.to_string());
        self.say("--repeats", &training.seeds.len().to_string());
        self.say("--seed", &training.seeds.first().unwrap_or(&0).to_string());
        self.say("--epochs", &training.epochs.to_string());
        self.say("--batch-size", &training.batch_size.to_string());
        self.say("--hidden", &training.hidden_text());
        self.say("--learning-rate", &training.learning_rate.to_string());
        self.say("--weight-decay", &training.weight_decay.to_string());
        if training.device != DeviceChoice::default() {
            self.say("--device", training.device.name());
        }
    }

    /// What of the data's reading is said by flags.
    pub(crate) fn flags(&mut self, data: &DataSettings) {
        let flags = [
            (data.exact_labels, "--exact-labels"),
            (data.multiclass, "--multiclass"),
            (data.rare == RareClasses::Merge, "--merge-rare"),
            (data.rare == RareClasses::Drop, "--drop-rare"),
        ];
        flags.into_iter().filter(|(is_set, _)| *is_set).for_each(|(_, flag)| self.flag(flag));
    }

    pub(crate) fn line(&self) -> String {
        self.0.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_without_a_device_are_of_the_cpu() {
        let text = r#"{"folds": 2, "seeds": [0], "epochs": 1, "batch_size": 8, "hidden": [4], "learning_rate": 0.1,
            "weight_decay": 0.0}"#;
        let settings: TrainingSettings = serde_json::from_str(text).unwrap();
        assert_eq!(settings.device, DeviceChoice::Cpu);
        assert!(serde_json::to_string(&settings).unwrap().contains(r#""device":"cpu""#));
    }
}
