//! How a model is trained and judged: what `compare` and `tune` take alike.

use std::str::FromStr;

use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};

use reweight_lab::device::DeviceChoice;
use reweight_lab::model::AdamSettings;

/// How the models are trained and judged.
#[derive(Debug, Args)]
#[command(next_help_heading = "Training")]
pub struct TrainingArguments {
    /// Parts of the cross-validation, each class spread evenly over them.
    #[arg(long, value_name = "K", default_value_t = 5, value_parser = RangedU64ValueParser::<usize>::new().range(2..=1000))]
    pub folds: usize,

    /// How often all of it is repeated with other folds, initial weights and batches.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1000))]
    pub repeats: usize,

    /// The first repeat's seed; the others count up from it.
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    pub seed: u64,

    /// Passes over the training rows.
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = RangedU64ValueParser::<u32>::new().range(1..=100_000))]
    pub epochs: u32,

    /// Rows a training step.
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_000_000))]
    pub batch_size: usize,

    /// What is trained.
    #[arg(long, value_enum, default_value_t)]
    pub learner: Learner,

    /// Widths of the mlp's hidden layers, 32,32 by default; `none` for a linear model.
    #[arg(long, value_name = "N,N,..")]
    pub hidden: Option<HiddenLayers>,

    /// Adam's step size; by default 0.003, and 0.03 for a linear model.
    #[arg(long, value_name = "RATE", value_parser = positive)]
    pub learning_rate: Option<f64>,

    /// Adam's decoupled weight decay.
    #[arg(long, value_name = "DECAY", default_value_t = 0.1, value_parser = not_negative)]
    pub weight_decay: f64,

    /// Where the models are trained. On cuda the last bits of a repeated comparison may differ.
    #[arg(long, value_enum, default_value_t)]
    pub device: DeviceChoice,

    /// Threads to use; one for each core by default, one on cuda. The figures do not depend on it.
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=1024))]
    pub threads: Option<usize>,
}

/// What is done to training rows beforehand.
#[derive(Debug, Args)]
#[command(next_help_heading = "Experiments on the training rows")]
pub struct ProtocolArguments {
    /// Train on a long tail, judge on all: of two labels keep one positive for RATIO negatives, of many the share
    /// RATIO^(−k/(K−1)) of label k, from 0.
    #[arg(long, value_name = "RATIO", value_parser = ratio)]
    pub long_tail: Option<f64>,

    /// Train on wrong labels, judge on right ones: call this share of the positives negative, or, of many labels, give this share of
    /// the rows another one.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub label_noise: Option<f64>,
}

/// What is trained on a table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Learner {
    /// A multi-layer perceptron with ReLU.
    #[default]
    Mlp,
    /// The same training without a hidden layer: logistic regression, or its softmax form.
    Linear,
}

/// A learner and hidden layers that contradict each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("--learner linear has no hidden layers, but --hidden asks for some; leave one of the two out")]
pub struct LearnerError;

impl TrainingArguments {
    /// The widths of the hidden layers; none for a linear model.
    ///
    /// # Errors
    ///
    /// [`LearnerError`] where a linear model is to have some.
    pub fn hidden_layers(&self) -> Result<Vec<usize>, LearnerError> {
        match (self.learner, &self.hidden) {
            (Learner::Mlp, None) => Ok(vec![32, 32]),
            (Learner::Mlp, Some(HiddenLayers(widths))) => Ok(widths.clone()),
            (Learner::Linear, Some(HiddenLayers(widths))) if !widths.is_empty() => Err(LearnerError),
            (Learner::Linear, _) => Ok(Vec::new()),
        }
    }

    /// Adam's step size. A linear model has no layers whose steps multiply: with the mlp's rate it has not settled after the default
    /// epochs, and a loss that merely raises the gradient looks better than plain cross entropy does.
    ///
    /// # Errors
    ///
    /// As [`hidden_layers`](Self::hidden_layers).
    pub fn step_size(&self) -> Result<f64, LearnerError> {
        let own = if self.hidden_layers()?.is_empty() { 0.03 } else { AdamSettings::default().learning_rate };
        Ok(self.learning_rate.unwrap_or(own))
    }
}

/// Widths of hidden layers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HiddenLayers(pub Vec<usize>);

/// Wider layers than this are a mistake on a table, and their products would take minutes.
const WIDEST: usize = 4096;

impl FromStr for HiddenLayers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("none") {
            return Ok(Self(Vec::new()));
        }
        let width = |part: &str| match part.trim().parse::<usize>() {
            Ok(width @ 1..=WIDEST) => Ok(width),
            _ => Err(format!("`{part}` is no width; widths of 1 to {WIDEST} with commas between, or `none`")),
        };
        text.split(',').map(width).collect::<Result<_, _>>().map(Self)
    }
}

fn positive(text: &str) -> Result<f64, String> {
    not_negative(text).and_then(|value| if value > 0.0 { Ok(value) } else { Err("must be above 0".to_owned()) })
}

fn ratio(text: &str) -> Result<f64, String> {
    not_negative(text).and_then(|value| if value >= 1.0 { Ok(value) } else { Err("must be 1 or more".to_owned()) })
}

fn share(text: &str) -> Result<f64, String> {
    not_negative(text).and_then(|value| if value < 1.0 { Ok(value) } else { Err("must be below 1".to_owned()) })
}

pub(super) fn not_negative(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && value >= 0.0 => Ok(value),
        _ => Err("a finite number of 0 or more is needed".to_owned()),
    }
}
