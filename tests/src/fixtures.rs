//! Losses and gradients of code that nobody here wrote: every fixture, on any backend.

use std::fs;
use std::path::{Path, PathBuf};

use reweight::{ConfiguredLoss, LossConfig, Reduction};
use reweight_testkit::{Backend, Batch, Check, Loss, Precision, Targets, Tensor, Tolerance};
use serde::Deserialize;

/// One file: see tests/fixtures/README.md.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    group: String,
    #[serde(rename = "source")]
    _source: serde_json::Value,
    #[serde(rename = "formula")]
    _formula: String,
    cases: Vec<Case>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    call: String,
    note: String,
    dtype: String,
    config: Option<LossConfig>,
    factor: f64,
    differs_at: Option<Vec<usize>>,
    tolerance: Accuracy,
    steps: Vec<Step>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Accuracy {
    relative: f64,
    floor: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    shape: Vec<usize>,
    logits: Vec<f64>,
    targets_shape: Vec<usize>,
    targets: Vec<f64>,
    valid: Option<Vec<u8>>,
    sample_weights: Option<Vec<f64>>,
    expected: Expected,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    loss: Option<f64>,
    grad: Vec<f64>,
    losses: Option<Vec<f64>>,
}

impl Step {
    fn batch(&self, softmax: bool) -> Batch {
        let samples = &self.targets_shape[..];
        let whole = self.targets.iter().all(|target| target.fract() == 0.0);
        let labels = || Tensor::new(samples, self.targets.iter().map(|&target| target as i64).collect());
        let targets = match (softmax, whole) {
            (true, _) => Targets::Classes(labels()),
            (false, true) => Targets::Hard(labels()),
            (false, false) => Targets::Soft(Tensor::new(samples, self.targets.clone())),
        };
        let mut batch = Batch::new(Tensor::new(&self.shape, self.logits.clone()), targets);
        let bools = |all: &Vec<u8>| Tensor::new(samples, all.iter().map(|&valid| valid != 0).collect());
        batch.valid = self.valid.as_ref().map(bools);
        batch.sample_weight = self.sample_weights.as_ref().map(|all| Tensor::new(samples, all.clone()));
        batch
    }
}

/// The folder of the fixtures.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// Runs every fixture on a backend: those of its own precision and, on an `f64` one, the `f32` ones to their tolerance.
///
/// Returns how many cases were compared.
///
/// # Panics
///
/// Where one does not agree, or a file cannot be read.
pub fn check(backend: &impl Backend) -> usize {
    let mut files: Vec<PathBuf> = fs::read_dir(folder())
        .expect("the folder of the fixtures")
        .map(|entry| entry.expect("an entry of the folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    let mut compared = 0;
    for file in files {
        let text = fs::read_to_string(&file).expect("a readable fixture");
        let group: Group = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        for case in &group.cases {
            compared += usize::from(check_case(backend, &group.group, case));
        }
    }
    compared
}

/// Whether the case could be compared.
fn check_case(backend: &impl Backend, group: &str, case: &Case) -> bool {
    let name = format!("backend {}, {group} {}: {} ({})", backend.name(), case.name, case.call, case.note);
    let check = Check::new("the foreign code's numbers come out", name);
    let Some(config) = &case.config else {
        check.holds(!case.note.is_empty(), || "a case without a config must say why".to_owned());
        return false;
    };
    let narrow = backend.precision() == Precision::F32;
    if narrow && case.dtype != "f32" || !backend.reduces_by(config.reduction) {
        return false;
    }
    let mut loss = match check.unwrap(config.build()) {
        ConfiguredLoss::Bce(loss) => Loss::Bce(loss),
        ConfiguredLoss::Softmax(loss) => Loss::Softmax(loss),
    };
    // The config as a file would hold it gives the same loss.
    check.equal("config by way of TOML", &check.unwrap(LossConfig::from_toml(&check.unwrap(config.to_toml()))), config);
    let tolerance = Tolerance { relative: case.tolerance.relative, floor: case.tolerance.floor };
    for (index, step) in case.steps.iter().enumerate() {
        let check = check.with(&format!("step {index}"));
        let batch = step.batch(matches!(loss, Loss::Softmax(_)));
        if !backend.supports(&batch) {
            return false;
        }
        let value = check.unwrap(backend.value(&loss, &batch));
        let own = check.unwrap(backend.step(&mut loss, &batch));
        let times = |values: &[f64]| values.iter().map(|value| value * case.factor).collect::<Vec<f64>>();
        // Where the foreign gradient is wrong by its own formula, its loss is not ours either.
        let differs = case.differs_at.as_deref().unwrap_or_default();
        let kept = |values: &[f64]| -> Vec<f64> {
            values.iter().enumerate().filter(|(at, _)| !differs.contains(at)).map(|(_, &value)| value).collect()
        };
        check.close("gradient", &kept(&times(&own.grad)), &kept(&step.expected.grad), tolerance);
        if differs.is_empty() {
            let scaled = |loss: Option<f64>| loss.map(|loss| loss * case.factor);
            if config.reduction == Reduction::None {
                check.equal("loss", &own.loss, &None);
            } else {
                check.close_number("loss", scaled(own.loss), step.expected.loss, tolerance);
                check.close_number("value", scaled(value), step.expected.loss, tolerance);
            }
            if let (Some(own), Some(expected)) = (&own.losses, &step.expected.losses) {
                check.close("losses", &times(own), expected, tolerance);
            }
        }
    }
    true
}
