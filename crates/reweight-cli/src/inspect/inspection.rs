//! Everything that an inspection finds, serialisable: what the text, the JSON and the report are made of.

use reweight::{Objective, Regions};
use reweight_lab::scored::measure::Effect;
use reweight_lab::scored::rows::Rows;
use reweight_lab::scored::survey::Survey;
use reweight_lab::table::Guess;
use reweight_lab::table::names::ScoreKind;
use serde::Serialize;

use super::task::Task;
use crate::strategy::Strategy;
use crate::versions::Versions;

/// What marks the JSON file.
pub const FORMAT: &str = "reweight-inspection";
const FORMAT_VERSION: u32 = 1;

/// All figures of one file of scores.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspection {
    /// [`FORMAT`].
    pub format: &'static str,
    /// The version of the file's form.
    pub format_version: u32,
    /// What it was computed with.
    pub program: Versions,
    /// The command line that gives it again.
    pub command: String,
    /// What messages call the file.
    pub file: String,
    /// Rows that have a label.
    pub samples: u64,
    /// Rows that have none, and were left out.
    pub without_label: u64,
    /// The column of labels.
    pub label_column: String,
    /// The columns of scores.
    pub score_columns: Vec<String>,
    /// What the scores are.
    pub scores: ScoreKind,
    /// What they are trained with.
    pub objective: Objective,
    /// The positive label of two classes; of one score, the one that it speaks for.
    pub positive: Option<String>,
    /// The area under the ROC curve of two classes.
    pub area_under_roc: Option<f64>,
    /// How the file was read: what was found out, and the option that changes it.
    pub guesses: Vec<Guess>,
    /// The classes; of two the negative one first.
    pub classes: Vec<Class>,
    /// The class of fewest samples, an index into `classes`.
    pub rarest: usize,
    /// The gradient norm's regions, from the easiest.
    pub regions: Vec<Region>,
    /// The class of most samples, an index into `classes`.
    pub largest: usize,
    /// The gradient norms that the strategies' weights are given at.
    pub norms: Vec<f64>,
    /// What each loss would do to these samples, plain cross entropy first and the suggested one last.
    pub strategies: Vec<Judged>,
    /// The samples of the largest gradient norm, largest first.
    pub top: Vec<Suspect>,
    /// The suggested loss.toml.
    pub suggestion: String,
}

/// A class under plain cross entropy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Class {
    /// Its label.
    pub label: String,
    /// Its samples.
    pub samples: u64,
    /// Of all samples.
    pub share: f64,
    /// Of its samples, those whose class has the largest score, the first of equals; of one score, the positive class where it is
    /// above ½. None without samples.
    pub recall: Option<f64>,
    /// Its samples' mean gradient norm; none without samples.
    pub mean_gradient_norm: Option<f64>,
    /// Of the gradient's norm, its samples' share.
    pub gradient_share: Option<f64>,
}

/// A region of the gradient norm under plain cross entropy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Region {
    /// From this norm on …
    pub from: f64,
    /// … to below this one; the last includes it.
    pub to: f64,
    /// Its samples.
    pub samples: u64,
    /// Of all samples.
    pub share: f64,
    /// Of the gradient's norm, its samples' share.
    pub gradient_share: Option<f64>,
}

/// What a loss would do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judged {
    /// The loss, its name and what it does.
    #[serde(flatten)]
    pub strategy: Strategy,
    /// What it does to these samples.
    #[serde(flatten)]
    pub effect: Effect,
    /// The weight of a sample of the rarest class at each of the inspection's norms.
    pub weight_of_rarest: Vec<f64>,
    /// The same of the largest class.
    pub weight_of_largest: Vec<f64>,
}

/// A sample that contradicts its label: a candidate for a label error, or an outlier.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Suspect {
    /// Its number among the rows beneath the header, from 1.
    pub row: u64,
    /// Its line in the file, from 1.
    pub line: u64,
    /// Its label.
    pub label: String,
    /// The label that the scores say.
    pub predicted: String,
    /// log p_t − log(1 − p_t).
    pub margin: f64,
    /// The probability given to its label.
    pub p_t: f64,
    /// 1 − p_t.
    pub gradient_norm: f64,
    /// −log p_t, in nats.
    pub cross_entropy: f64,
}

/// What was computed of the rows.
pub(super) struct Computed {
    pub(super) survey: Survey,
    pub(super) area_under_roc: Option<f64>,
    pub(super) judged: Vec<Judged>,
    pub(super) top: Vec<Suspect>,
    pub(super) suggestion: String,
}

/// How a file was read.
pub(super) struct How {
    /// The command line that gives it again.
    pub(super) command: String,
    /// The columns of labels and of scores.
    pub(super) named: (String, Vec<String>),
    pub(super) guesses: Vec<Guess>,
}

impl Inspection {
    pub(super) fn new(file: String, how: How, task: &Task, rows: &Rows, regions: &Regions, computed: Computed) -> Self {
        let Computed { survey, area_under_roc, judged, top, suggestion } = computed;
        let How { command, named: (label_column, score_columns), guesses } = how;
        let plain = judged.first().map(|judged| &judged.effect);
        let all = rows.kept as f64;
        let class = |class: usize| {
            let samples = rows.counts[class];
            let share_of_gradient = plain.and_then(|plain| plain.class_gradient[class]);
            let per_sample = |value: f64| (samples > 0).then(|| value / samples as f64);
            Class {
                label: rows.labels[class].clone(),
                samples,
                share: samples as f64 / all,
                recall: per_sample(survey.right[class] as f64),
                mean_gradient_norm: share_of_gradient.and_then(|share| per_sample(share * survey.gradient)),
                gradient_share: share_of_gradient,
            }
        };
        let counts = survey.statistics.histogram(regions.bins()).map(|all| all.counts().to_vec()).unwrap_or_default();
        let bins = f64::from(regions.bins());
        let region = |(index, samples): (usize, u64)| Region {
            from: index as f64 / bins,
            to: (index + 1) as f64 / bins,
            samples,
            share: samples as f64 / all,
            gradient_share: plain.and_then(|plain| plain.region_gradient[index]),
        };
        let classes: Vec<Class> = (0..rows.labels.len()).map(class).collect();
        Self {
            format: FORMAT,
            format_version: FORMAT_VERSION,
            program: Versions::current(),
            command,
            file,
            samples: rows.kept,
            without_label: rows.without_label,
            label_column,
            score_columns,
            scores: task.kind,
            objective: task.objective,
            positive: task.positive.map(|class| rows.labels[usize::from(class)].clone()),
            area_under_roc,
            guesses,
            rarest: rarest(&rows.counts),
            largest: largest(&rows.counts),
            norms: norms(),
            regions: counts.into_iter().enumerate().map(region).collect(),
            classes,
            strategies: judged,
            top,
            suggestion,
        }
    }
}

/// The class of fewest samples that has some.
pub(super) fn rarest(counts: &[u64]) -> usize {
    let occurring = (0..counts.len()).filter(|&class| counts[class] > 0);
    occurring.min_by_key(|&class| counts[class]).unwrap_or(0)
}

/// The class of most samples; of several the last, so that it is not the rarest unless all are alike.
pub(super) fn largest(counts: &[u64]) -> usize {
    (0..counts.len()).max_by_key(|&class| counts[class]).unwrap_or(0)
}

/// Gradient norms at which weights are given: the middles of a hundred equal parts of [0, 1].
pub(super) fn norms() -> Vec<f64> {
    (0..100).map(|part| (f64::from(part) + 0.5) / 100.0).collect()
}
