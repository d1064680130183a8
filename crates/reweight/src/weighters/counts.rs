//! Class weights from class counts.

use serde::{Deserialize, Serialize};

use crate::error::ParameterError;

/// How class counts become class weights.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum CountScheme {
    /// N / (C·n_c): every class weighs the same in sum; the mean weight over the samples is 1.
    InverseFrequency,
    /// √(N / (C·n_c)): half way between that and no weights, on the logarithmic scale.
    InverseSqrt,
    /// (1 − β) / (1 − β^n_c), scaled to sum to C (Cui et al. 2019, *Class-Balanced Loss Based on Effective Number of
    /// Samples*, eq. 2 and section 4).
    EffectiveNumber,
}

impl CountScheme {
    /// One weight a class from `counts`, the number of samples of each class; `beta` in [0, 1) is read by
    /// [`EffectiveNumber`](Self::EffectiveNumber) alone.
    ///
    /// # Errors
    ///
    /// Where there are fewer than two classes, a class has no sample (it is named), or β lies outside [0, 1).
    pub fn class_weights(self, counts: &[u64], beta: f64) -> Result<Vec<f64>, ParameterError> {
        if counts.len() < 2 {
            return Err(ParameterError::new(
                "counts",
                counts.len() as f64,
                "one count a class, for at least 2 classes",
            ));
        }
        if let Some(class) = counts.iter().position(|&count| count == 0) {
            let expected = "at least 1: a class without samples has no weight; leave it out or give `class_weights`";
            return Err(ParameterError::new(format!("counts[{class}]"), 0.0, expected));
        }
        let classes = counts.len() as f64;
        let total: f64 = counts.iter().map(|&count| count as f64).sum();
        let inverse = |&count: &u64| total / (classes * count as f64);
        Ok(match self {
            Self::InverseFrequency => counts.iter().map(inverse).collect(),
            Self::InverseSqrt => counts.iter().map(|count| inverse(count).sqrt()).collect(),
            Self::EffectiveNumber => {
                ParameterError::check("beta", beta, (0.0..1.0).contains(&beta), "from 0 to below 1, such as 0.999")?;
                // 1 − βⁿ as −expm1(n·ln β): β near 1 loses no digits. The factor 1 − β cancels in the scaling.
                let raw: Vec<f64> = counts.iter().map(|&n| -1.0 / (n as f64 * beta.ln()).exp_m1()).collect();
                let scale = classes / raw.iter().sum::<f64>();
                raw.into_iter().map(|weight| weight * scale).collect()
            }
        })
    }
}

#[cfg(test)]
mod tests;
