//! How far a strategy's probabilities can be trusted, and what a temperature or a correction of the prior gives back.
//!
//! Both are cross-fitted: those of a fold's rows are fitted to the rows of the same seed's other folds, as scored by networks
//! that were not trained on them. No row has a part in its own correction.

use reweight_lab::metrics::calibration::{Correction, Rows, squares};
use serde::Serialize;

use super::{Folds, all_rounded, rounded};
use crate::compare::run::Run;

/// Groups of equally many rows that reliability is read in.
const BINS: usize = 10;

/// Calibration over the rows that networks were not trained on, all folds and seeds together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    /// One a strategy.
    pub strategies: Vec<StrategyCalibration>,
}

/// A strategy's calibration.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StrategyCalibration {
    /// As the network says.
    pub plain: Calibrated,
    /// With the logits divided by a temperature; none where a seed has one finished fold only.
    pub temperature: Option<Calibrated>,
    /// With a constant added to each class's logit that makes the mean prediction the class's share; none likewise.
    pub prior: Option<Calibrated>,
    /// The mean of the temperatures fitted.
    pub mean_temperature: Option<f64>,
}

/// Calibration figures of probabilities: of the positive class; of many classes, of the one called most likely.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibrated {
    /// Brier score: the mean of (p − y)²; of many classes, summed over them.
    pub brier: f64,
    /// Expected calibration error: over groups of equally many rows, the mean distance of predicted and observed share.
    pub ece: f64,
    /// The mean probability of each group, ascending.
    pub predicted: Vec<f64>,
    /// The share of each group that was so.
    pub observed: Vec<f64>,
}

pub(super) fn of(folds: &Folds<'_>, strategy: usize) -> StrategyCalibration {
    let width = folds.problem.outputs().max(2);
    let runs: Vec<&Run> = folds.runs(strategy).collect();
    let (mut plain, mut temperature, mut prior) = (Scored::default(), Scored::default(), Scored::default());
    let (mut temperatures, mut is_fitted) = (Vec::new(), true);
    for seed in runs.chunk_by(|a, b| a.seed == b.seed) {
        let rows: Vec<(Vec<f64>, Vec<usize>)> = seed.iter().map(|run| rows(folds, run)).collect();
        for (fold, (logits, classes)) in rows.iter().enumerate() {
            let here = Rows { logits, classes, width };
            plain.add(here, &Correction::none(width));
            let others = rows.iter().enumerate().filter(|(other, _)| *other != fold);
            let (logits, classes): (Vec<&[f64]>, Vec<&[usize]>) =
                others.map(|(_, (logits, classes))| (logits.as_slice(), classes.as_slice())).unzip();
            let (logits, classes) = (logits.concat(), classes.concat());
            if classes.is_empty() {
                is_fitted = false;
                continue;
            }
            let others = Rows { logits: &logits, classes: &classes, width };
            let sharpness = others.sharpness(&vec![0.0; width]);
            temperatures.push(1.0 / sharpness);
            temperature.add(here, &Correction { sharpness, ..Correction::none(width) });
            prior.add(here, &Correction { prior: others.prior(), ..Correction::none(width) });
        }
    }
    let mean = temperatures.iter().sum::<f64>() / temperatures.len().max(1) as f64;
    StrategyCalibration {
        plain: plain.summed_up(),
        temperature: is_fitted.then(|| temperature.summed_up()),
        prior: is_fitted.then(|| prior.summed_up()),
        mean_temperature: is_fitted.then(|| rounded(mean)),
    }
}

/// A run's test rows; a single logit x of the positive class is that of two classes, 0 and x.
fn rows(folds: &Folds<'_>, run: &Run) -> (Vec<f64>, Vec<usize>) {
    let logits = run.logits.iter().map(|&logit| f64::from(logit));
    let logits = if folds.problem.outputs() == 1 { logits.flat_map(|x| [0.0, x]).collect() } else { logits.collect() };
    (logits, run.test.iter().map(|&row| folds.classes[row]).collect())
}

/// Sums over the rows scored so far.
#[derive(Default)]
struct Scored {
    squares: f64,
    /// Of each row, a probability and whether it was so.
    said: Vec<(f64, bool)>,
}

impl Scored {
    fn add(&mut self, rows: Rows<'_>, correction: &Correction) {
        let mut p = Vec::new();
        for (row, &class) in rows.logits.chunks_exact(rows.width).zip(rows.classes) {
            correction.softmax(row, &mut p);
            self.squares += squares(&p, class);
            self.said.push(if rows.width == 2 {
                (p[1], class == 1)
            } else {
                let called = (0..p.len()).max_by(|&a, &b| p[a].total_cmp(&p[b])).unwrap_or(0);
                (p[called], called == class)
            });
        }
    }

    fn summed_up(mut self) -> Calibrated {
        self.said.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let count = self.said.len();
        let (mut predicted, mut observed, mut ece) = (Vec::new(), Vec::new(), 0.0);
        for bin in 0..BINS {
            let group = &self.said[bin * count / BINS..(bin + 1) * count / BINS];
            if group.is_empty() {
                continue;
            }
            let size = group.len() as f64;
            let mean = group.iter().map(|row| row.0).sum::<f64>() / size;
            let share = group.iter().filter(|row| row.1).count() as f64 / size;
            ece += (mean - share).abs() * size / count as f64;
            predicted.push(mean);
            observed.push(share);
        }
        Calibrated {
            brier: rounded(self.squares / count as f64),
            ece: rounded(ece),
            predicted: all_rounded(predicted),
            observed: all_rounded(observed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_correction_gives_calibration_back() {
        // Chances of several sizes, each said two logits too high.
        let (mut logits, mut classes) = (Vec::new(), Vec::new());
        for truth in (-20..20).map(|step| 0.2 * f64::from(step)) {
            let positives = 100.0 / (1.0 + (-truth).exp());
            for row in 0..100 {
                logits.extend([0.0, truth + 2.0]);
                classes.push(usize::from(f64::from(row) + 0.5 < positives));
            }
        }
        let rows = Rows { logits: &logits, classes: &classes, width: 2 };
        let scored = |correction: &Correction| {
            let mut scored = Scored::default();
            scored.add(rows, correction);
            scored.summed_up()
        };
        let (plain, prior) =
            (scored(&Correction::none(2)), scored(&Correction { prior: rows.prior(), sharpness: 1.0 }));
        assert!(plain.ece > 0.1 && prior.ece < 0.01, "{} {}", plain.ece, prior.ece);
        assert!(prior.brier < plain.brier);
        assert_eq!((plain.predicted.len(), plain.observed.len()), (BINS, BINS));
    }
}
