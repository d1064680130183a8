//! Over folds and seeds: mean and deviation of a figure, and whether its difference to a baseline is more than noise.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// Mean and sample deviation of a figure over runs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Summary {
    /// The mean.
    pub mean: f64,
    /// The sample standard deviation (divisor n − 1); 0 for one run.
    pub deviation: f64,
    /// Number of runs.
    pub runs: usize,
}

/// The difference of a figure to a baseline's over the same folds and seeds.
///
/// The runs share most of their training rows, so their differences are not independent and the ordinary paired t-test finds
/// differences where there are none. The corrected resampled t-test (Nadeau and Bengio, Inference for the generalization
/// error, Machine Learning 52, 2003) widens the variance of the mean from σ²/J to (1/J + n_test/n_train)·σ²; for k-fold
/// repeated with several seeds J counts every run (Bouckaert and Frank 2004). For k folds n_test/n_train is 1/(k − 1).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Paired {
    /// Mean of (figure − baseline's figure).
    pub mean: f64,
    /// Sample standard deviation of the differences.
    pub deviation: f64,
    /// Half the width of the 95 % interval around `mean`; `None` for fewer than two runs.
    pub half_width: Option<f64>,
    /// Two-sided probability of so large a difference if there is none; `None` for fewer than two runs.
    pub p_value: Option<f64>,
    /// Number of runs.
    pub runs: usize,
}

impl Summary {
    /// Summarises the runs; `None` without any.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let runs = values.len();
        if runs == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / runs as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let deviation = if runs > 1 { (squares / (runs - 1) as f64).sqrt() } else { 0.0 };
        Some(Self { mean, deviation, runs })
    }
}

impl Paired {
    /// Compares runs with the baseline's runs of the same folds and seeds, in the same order, of `folds`-fold
    /// cross-validation; `None` without any run, for unequal numbers of runs, or for fewer than 2 folds.
    #[must_use]
    pub fn of(values: &[f64], baseline: &[f64], folds: usize) -> Option<Self> {
        if values.len() != baseline.len() || folds < 2 {
            return None;
        }
        let differences: Vec<f64> = values.iter().zip(baseline).map(|(value, base)| value - base).collect();
        let Summary { mean, deviation, runs } = Summary::of(&differences)?;
        let none = Self { mean, deviation, half_width: None, p_value: None, runs };
        let Some(student) = (runs > 1).then(|| StudentsT::new(0.0, 1.0, (runs - 1) as f64).ok()).flatten() else {
            return Some(none);
        };
        let error = deviation * (1.0 / runs as f64 + 1.0 / (folds - 1) as f64).sqrt();
        let p_value = if error > 0.0 {
            2.0 * student.cdf(-(mean / error).abs())
        } else {
            // All differences alike: no noise at all, so either no difference or a certain one.
            f64::from(u8::from(mean == 0.0))
        };
        Some(Self { half_width: Some(student.inverse_cdf(0.975) * error), p_value: Some(p_value), ..none })
    }

    /// Whether the 95 % interval leaves out 0.
    #[must_use]
    pub fn is_beyond_noise(&self) -> bool {
        self.p_value.is_some_and(|p_value| p_value < 0.05)
    }
}
