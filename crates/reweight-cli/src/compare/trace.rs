//! What a report needs of a network beside its logits: the way of its metric over the epochs, and what its loss, as the training
//! left it, does to the gradient of rows that the network was not trained on.

use ndarray::{ArrayD, ArrayViewD};
use reweight::{ConfiguredLoss, LossError, RegionAxis, Regions};
use reweight_ndarray::{BceBatch, SoftmaxBatch};

use reweight_lab::problem::{Figure, Problem};
use reweight_lab::seen::Seen;

/// Unit regions of the gradient norm that samples and gradient are counted in.
pub const REGIONS: u32 = 20;

/// Most epochs that a curve has points for.
const MOST_EPOCHS: u32 = 100;

/// Points of the curves of weights, over the norm and over p_t each.
const POINTS: u32 = 60;

/// What was recorded of a network.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// The metric on the fold's test rows after each of the [`epochs`]; NaN where it did not exist.
    pub metric: Vec<f64>,
    /// What the loss did to the gradient of the fold's test rows at the end.
    pub gradient: GradientTrace,
}

/// The gradient of one network's test rows, before and after re-weighting.
#[derive(Debug, Clone, PartialEq)]
pub struct GradientTrace {
    /// Samples of each unit region of the gradient norm.
    pub samples: Vec<f64>,
    /// Each region's share of the sum of gradient norms, without weights.
    pub before: Vec<f64>,
    /// The same of the loss's own gradient.
    pub after: Vec<f64>,
    /// Each class's share, without weights.
    pub class_before: Vec<f64>,
    /// The same of the loss's own gradient.
    pub class_after: Vec<f64>,
    /// The weight over [`norms`], of the rare class and of the common one.
    pub by_norm: [Vec<f64>; 2],
    /// The weight over [`probabilities`], of the same.
    pub by_probability: [Vec<f64>; 2],
}

/// The metric of the curves over the epochs.
#[must_use]
pub fn metric(problem: &Problem) -> Figure {
    if problem.binary.is_some() { Figure::AveragePrecision } else { Figure::BalancedAccuracy }
}

/// The [`metric`] of a network's logits for the rows `test`; NaN where it does not exist.
pub(super) fn metric_of(problem: &Problem, logits: &[f32], test: &[usize]) -> f64 {
    let place = problem.figures().iter().position(|&figure| figure == metric(problem)).unwrap_or(0);
    problem.judge(logits, test).map_or(f64::NAN, |figures| figures[place])
}

/// The epochs, from 1, after which the metric is taken: all, or about a hundred evenly spread ones, with the first and the last.
#[must_use]
pub fn epochs(all: u32) -> Vec<u32> {
    let points = all.min(MOST_EPOCHS);
    if points < 2 {
        return (1..=all).collect();
    }
    let place = |point: u32| 1 + (u64::from(point) * u64::from(all - 1) / u64::from(points - 1)) as u32;
    (0..points).map(place).collect()
}

/// Gradient norms from 10⁻⁴ to almost 1, evenly on a logarithmic scale.
#[must_use]
pub fn norms() -> Vec<f64> {
    (0..POINTS).map(|point| 10_f64.powf(-4.0 + (4.0 - 1e-3) * f64::from(point) / f64::from(POINTS - 1))).collect()
}

/// Probabilities, each in the middle of one of equal parts of [0, 1].
#[must_use]
pub fn probabilities() -> Vec<f64> {
    (0..POINTS).map(|point| (f64::from(point) + 0.5) / f64::from(POINTS)).collect()
}

/// The classes that curves of weights are drawn for: the positives, or the rarest class; and the most frequent other one.
#[must_use]
pub fn rare_and_common(problem: &Problem) -> [usize; 2] {
    if problem.binary.is_some() {
        return [1, 0];
    }
    let counts = &problem.table.target.counts;
    let rare = (0..counts.len()).min_by_key(|&class| counts[class]).unwrap_or(0);
    let common = (0..counts.len()).filter(|&class| class != rare).max_by_key(|&class| counts[class]).unwrap_or(0);
    [rare, common]
}

impl GradientTrace {
    /// Weighs `logits`, of rows of `classes` row after row, by `loss` with the state that it has; nothing is observed.
    pub(super) fn new(
        problem: &Problem,
        loss: &ConfiguredLoss,
        logits: &[f32],
        classes: &[usize],
    ) -> Result<Self, LossError> {
        let outputs = problem.outputs();
        let margins = margins(logits, classes, outputs);
        let norms_of: Vec<f64> = margins.iter().map(|margin| 1.0 / (1.0 + margin.exp())).collect();
        let weighted = weighted_norms(loss, logits, classes, outputs)?;
        // The library's own borders, so that a region here is a region of GHM.
        let regions = Regions::new(REGIONS)?;
        let borders = regions.thresholds_f64(RegionAxis::Margin);
        let region = |margin: f64| borders.partition_point(|&border| margin <= border);
        let mut samples = vec![0.0; REGIONS as usize];
        margins.iter().for_each(|&margin| samples[region(margin)] += 1.0);
        let by_region = |norms: &[f64]| shares(norms, margins.iter().map(|&margin| region(margin)), REGIONS as usize);
        let all_classes = outputs.max(2);
        let seen = Seen::new(loss, all_classes, 1)?;
        let by_class = |norms: &[f64]| shares(norms, classes.iter().copied(), all_classes);
        let curve = |margin_of: fn(f64) -> f64, places: &[f64]| {
            rare_and_common(problem)
                .map(|class| places.iter().map(|&place| seen.weight(margin_of(place), class, 0)).collect())
        };
        Ok(Self {
            samples,
            before: by_region(&norms_of),
            after: by_region(&weighted),
            class_before: by_class(&norms_of),
            class_after: by_class(&weighted),
            by_norm: curve(|norm| (1.0 - norm).ln() - norm.ln(), &norms()),
            by_probability: curve(|p| p.ln() - (1.0 - p).ln(), &probabilities()),
        })
    }
}

/// s = log p_t − log(1 − p_t) of each row.
fn margins(logits: &[f32], classes: &[usize], outputs: usize) -> Vec<f64> {
    let rows = logits.chunks_exact(outputs).zip(classes);
    rows.map(|(row, &class)| match row {
        [logit] => f64::from(*logit) * if class == 1 { 1.0 } else { -1.0 },
        _ => log_odds(row, class),
    })
    .collect()
}

/// x_c − logsumexp of the other logits: the log odds that softmax gives to a class.
pub(super) fn log_odds(row: &[f32], class: usize) -> f64 {
    let others = || row.iter().enumerate().filter(|(other, _)| *other != class).map(|(_, &logit)| f64::from(logit));
    let most = others().fold(f64::NEG_INFINITY, f64::max);
    f64::from(row[class]) - most - others().map(|logit| (logit - most).exp()).sum::<f64>().ln()
}

/// The norm of the loss's gradient of each row: of BCE its size; of softmax half the sum of sizes, which for plain cross
/// entropy is 1 − p_t just so.
fn weighted_norms(
    loss: &ConfiguredLoss,
    logits: &[f32],
    classes: &[usize],
    outputs: usize,
) -> Result<Vec<f64>, LossError> {
    let labels: Vec<i64> = classes.iter().map(|&class| class as i64).collect();
    let mut gradient = ArrayD::<f32>::zeros(vec![classes.len(), outputs]);
    let logits = view(&[classes.len(), outputs], logits)?;
    match loss {
        ConfiguredLoss::Bce(loss) => {
            let labels = view(&[classes.len(), 1], &labels)?;
            BceBatch::new(logits, labels).weigh_into(loss, gradient.view_mut())?;
        }
        ConfiguredLoss::Softmax(loss) => {
            let labels = view(&[classes.len()], &labels)?;
            SoftmaxBatch::new(logits, labels).weigh_into(loss, gradient.view_mut())?;
        }
    }
    let norm = |row: ndarray::ArrayView1<'_, f32>| {
        let sum: f64 = row.iter().map(|slope| f64::from(slope.abs())).sum();
        if outputs == 1 { sum } else { sum / 2.0 }
    };
    Ok(gradient.rows().into_iter().map(norm).collect())
}

fn view<'a, T>(shape: &[usize], values: &'a [T]) -> Result<ArrayViewD<'a, T>, LossError> {
    ArrayViewD::from_shape(shape, values).map_err(|_| LossError::Shape {
        name: "logits",
        expected: shape.to_vec(),
        found: vec![values.len()],
    })
}

/// The share of the sum that falls to each place; NaN where the sum is 0.
fn shares(norms: &[f64], places: impl Iterator<Item = usize>, count: usize) -> Vec<f64> {
    let mut sums = vec![0.0; count];
    places.zip(norms).for_each(|(place, norm)| sums[place] += norm);
    let total: f64 = sums.iter().sum();
    sums.iter().map(|sum| sum / total).collect()
}
