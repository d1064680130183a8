//! How far a strategy's probabilities can be trusted, and what a temperature or a correction of the prior gives back.
//!
//! Both are cross-fitted: those of a fold's rows are fitted to the rows of the same seed's other folds, as scored by networks
//! that were not trained on them. No row has a part in its own correction.

use serde::Serialize;

use super::{Folds, all_rounded, rounded};
use crate::compare::run::Run;

/// Groups of equally many rows that reliability is read in.
const BINS: usize = 10;

/// Temperatures are looked for between this and its inverse.
const COLDEST: f64 = 1e-3;

/// Rows times classes times rounds that the fit of a prior may take at most.
const MOST_WORK: usize = 200_000_000;

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

/// What is done to logits.
enum Correction {
    None,
    /// Multiplied by this.
    Sharpness(f64),
    /// Each class's added to its logit.
    Prior(Vec<f64>),
}

/// Rows with their logits, one a class, and their classes.
#[derive(Clone, Copy)]
struct Rows<'a> {
    logits: &'a [f64],
    classes: &'a [usize],
    width: usize,
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
            plain.add(here, &Correction::None);
            let others = rows.iter().enumerate().filter(|(other, _)| *other != fold);
            let (logits, classes): (Vec<&[f64]>, Vec<&[usize]>) =
                others.map(|(_, (logits, classes))| (logits.as_slice(), classes.as_slice())).unzip();
            let (logits, classes) = (logits.concat(), classes.concat());
            if classes.is_empty() {
                is_fitted = false;
                continue;
            }
            let others = Rows { logits: &logits, classes: &classes, width };
            let sharpness = others.sharpness();
            temperatures.push(1.0 / sharpness);
            temperature.add(here, &Correction::Sharpness(sharpness));
            prior.add(here, &Correction::Prior(others.prior()));
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

/// The Brier score of rows after a temperature, which for each half of the rows is fitted to the other; of rows with one
/// logit a class.
pub(crate) fn tempered_brier(logits: &[f64], classes: &[usize], width: usize) -> f64 {
    // Every second row: the rows' own order may hold something.
    let half = |which: usize| -> (Vec<f64>, Vec<usize>) {
        let rows = (0..classes.len()).filter(|row| row % 2 == which);
        rows.map(|row| (&logits[row * width..(row + 1) * width], classes[row])).fold(
            (Vec::new(), Vec::new()),
            |(mut logits, mut classes), (row, class)| {
                logits.extend(row);
                classes.push(class);
                (logits, classes)
            },
        )
    };
    let halves = [half(0), half(1)];
    let [even, odd] = halves.each_ref().map(|(logits, classes)| Rows { logits, classes, width });
    let mut scored = Scored::default();
    scored.add(even, &Correction::Sharpness(odd.sharpness()));
    scored.add(odd, &Correction::Sharpness(even.sharpness()));
    scored.squares / classes.len().max(1) as f64
}

/// A run's test rows; a single logit x of the positive class is that of two classes, 0 and x.
fn rows(folds: &Folds<'_>, run: &Run) -> (Vec<f64>, Vec<usize>) {
    let logits = run.logits.iter().map(|&logit| f64::from(logit));
    let logits = if folds.problem.outputs() == 1 { logits.flat_map(|x| [0.0, x]).collect() } else { logits.collect() };
    (logits, run.test.iter().map(|&row| folds.classes[row]).collect())
}

/// Writes softmax of a row into `out`.
fn softmax(row: &[f64], correction: &Correction, out: &mut Vec<f64>) {
    out.clear();
    match correction {
        Correction::None => out.extend(row),
        Correction::Sharpness(sharpness) => out.extend(row.iter().map(|logit| logit * sharpness)),
        Correction::Prior(prior) => out.extend(row.iter().zip(prior).map(|(logit, prior)| logit + prior)),
    }
    let most = out.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    out.iter_mut().for_each(|logit| *logit = (*logit - most).exp());
    let sum: f64 = out.iter().sum();
    out.iter_mut().for_each(|share| *share /= sum);
}

impl Rows<'_> {
    /// The factor on the logits under which these classes are likeliest.
    ///
    /// The slope of the log likelihood in the factor β, Σ x_y − E_p[x], falls with β, so its zero is found by halving.
    fn sharpness(self) -> f64 {
        let mut p = Vec::new();
        let mut slope = |sharpness: f64| {
            let correction = Correction::Sharpness(sharpness);
            let rows = self.logits.chunks_exact(self.width).zip(self.classes);
            rows.map(|(row, &class)| {
                softmax(row, &correction, &mut p);
                row[class] - row.iter().zip(&p).map(|(logit, p)| logit * p).sum::<f64>()
            })
            .sum::<f64>()
        };
        let (mut low, mut high) = (COLDEST.ln(), -COLDEST.ln());
        // 14 / 2²⁴: a millionth.
        for _ in 0..24 {
            let middle = 0.5 * (low + high);
            if slope(middle.exp()) > 0.0 {
                low = middle;
            } else {
                high = middle;
            }
        }
        (0.5 * (low + high)).exp()
    }

    /// What is to be added to each class's logit for the mean prediction to be the class's share.
    ///
    /// Each round adds the logarithm of what is missing, which raises the likelihood (iterative scaling).
    fn prior(self) -> Vec<f64> {
        let count = self.classes.len();
        let mut shares = vec![0.0; self.width];
        self.classes.iter().for_each(|&class| shares[class] += 1.0 / count as f64);
        let mut prior = vec![0.0; self.width];
        let mut p = Vec::new();
        let rounds = (MOST_WORK / (count * self.width).max(1)).clamp(5, 200);
        for _ in 0..rounds {
            let correction = Correction::Prior(std::mem::take(&mut prior));
            let mut means = vec![0.0; self.width];
            for row in self.logits.chunks_exact(self.width) {
                softmax(row, &correction, &mut p);
                means.iter_mut().zip(&p).for_each(|(mean, p)| *mean += p / count as f64);
            }
            if let Correction::Prior(before) = correction {
                prior = before;
            }
            let mut furthest = 0.0_f64;
            for class in 0..self.width {
                // A class that is predicted, or occurs, nowhere stays where it is.
                if shares[class] > 0.0 && means[class] > 0.0 {
                    let missing = f64::ln(shares[class] / means[class]);
                    prior[class] += missing;
                    furthest = furthest.max(missing.abs());
                }
            }
            if furthest < 1e-7 {
                break;
            }
        }
        prior
    }
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
            softmax(row, correction, &mut p);
            let hit = |other: usize| if other == class { 1.0 } else { 0.0 };
            let squares: f64 = p.iter().enumerate().map(|(other, p)| (p - hit(other)).powi(2)).sum();
            if rows.width == 2 {
                // Of two classes each is as far off as the other, and is counted once.
                self.squares += squares / 2.0;
                self.said.push((p[1], class == 1));
            } else {
                self.squares += squares;
                let called = (0..p.len()).max_by(|&a, &b| p[a].total_cmp(&p[b])).unwrap_or(0);
                self.said.push((p[called], called == class));
            }
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

    /// Rows of two classes whose chance is given by `true_logit`, but which say `said`.
    fn rows(said: impl Fn(f64) -> f64) -> (Vec<f64>, Vec<usize>) {
        let (mut logits, mut classes) = (Vec::new(), Vec::new());
        for step in 0..200 {
            let truth = -4.0 + 6.0 * f64::from(step) / 199.0;
            let chance = 1.0 / (1.0 + (-truth).exp());
            for row in 0..100 {
                logits.extend([0.0, said(truth)]);
                // As many positives as the chance says, but for half a row.
                classes.push(usize::from(f64::from(row) + 0.5 < 100.0 * chance));
            }
        }
        (logits, classes)
    }

    #[test]
    fn a_temperature_and_a_prior_are_found_again() {
        let (logits, classes) = rows(|truth| 3.0 * truth);
        let sharpness = Rows { logits: &logits, classes: &classes, width: 2 }.sharpness();
        // The chances are met to half a row of a hundred.
        assert!((sharpness - 1.0 / 3.0).abs() < 0.01, "{sharpness}");
        let (logits, classes) = rows(|truth| truth + 2.0);
        let prior = Rows { logits: &logits, classes: &classes, width: 2 }.prior();
        assert!((prior[1] - prior[0] + 2.0).abs() < 0.02, "{prior:?}");
    }

    #[test]
    fn a_correction_gives_calibration_back() {
        let (logits, classes) = rows(|truth| truth + 2.0);
        let rows = Rows { logits: &logits, classes: &classes, width: 2 };
        let scored = |correction: &Correction| {
            let mut scored = Scored::default();
            scored.add(rows, correction);
            scored.summed_up()
        };
        let (plain, prior) = (scored(&Correction::None), scored(&Correction::Prior(rows.prior())));
        assert!(plain.ece > 0.1 && prior.ece < 0.01, "{} {}", plain.ece, prior.ece);
        assert!(prior.brier < plain.brier);
        assert_eq!((plain.predicted.len(), plain.observed.len()), (BINS, BINS));
    }

    #[test]
    fn what_cannot_be_fitted_stays_finite() {
        // Constant scores; one class only; perfectly apart.
        for (logits, classes) in [
            (vec![0.0; 8], vec![0, 1, 0, 0]),
            (vec![0.0, 1.0, 0.0, -1.0], vec![1, 1]),
            (vec![0.0, 9.0, 0.0, -9.0], vec![1, 0]),
        ] {
            let rows = Rows { logits: &logits, classes: &classes, width: 2 };
            let sharpness = rows.sharpness();
            assert!((COLDEST..=1.0 / COLDEST).contains(&sharpness), "{sharpness}");
            assert!(rows.prior().iter().all(|prior| prior.is_finite()));
        }
    }
}
