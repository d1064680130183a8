//! Logit adjustment: the classes' prior odds put into the logits.

use serde::{Deserialize, Serialize};

use crate::adjustment::{Adjustment, Affine};
use crate::built_in::BuiltIn;
use crate::config::Objective;
use crate::error::{ParameterError, WeightError};
use crate::form::BatchForm;
use crate::settings::{Counts, LAST_AXIS, is_last_axis, last_axis};

/// Adds τ times the logarithm of the class prior to the logits while training, so that the raw logits need no more than to order
/// the classes as if all were equally frequent.
///
/// **Formula.** Softmax: z_j = x_j + τ·ln π_j with π_j = n_j/Σn. BCE: z = x + τ·ln(n₁/n₀), one pair of counts, or one a column.
///
/// **Symbols.** n = [`counts`](LogitAdjustmentConfig::counts), the samples of each class in the training data;
/// τ = [`tau`](LogitAdjustmentConfig::tau), 1 where it is left out; [`axis`](LogitAdjustmentConfig::axis) of the columns.
///
/// **Stability.** A sum. Beyond |z| ≈ 30 an ulp of z is what the result is exact to.
///
/// **Limits.** τ = 0 changes nothing, to the bit. τ = 1 with softmax is the balanced softmax loss.
///
/// ```
/// # fn main() -> Result<(), reweight::ParameterError> {
/// use reweight::{LogitAdjustment, SoftmaxLoss};
///
/// let loss = SoftmaxLoss::new(()).adjusted(LogitAdjustment::from_counts(&[5000, 120, 7], 1.0)?);
/// # Ok(())
/// # }
/// ```
///
/// **Reference.** Menon et al. 2021, *Long-tail Learning via Logit Adjustment*, eq. 10; Ren et al. 2020, *Balanced Meta-Softmax for
/// Long-Tailed Visual Recognition*, eq. 4.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "LogitAdjustmentConfig", into = "LogitAdjustmentConfig")]
pub struct LogitAdjustment {
    offsets: Vec<f64>,
    /// ln(n₁/n₀)·τ for BCE with one pair.
    odds: Option<f64>,
    config: LogitAdjustmentConfig,
}

/// Logit adjustment as a config file holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LogitAdjustmentConfig {
    /// The samples of each class, at least 1; for BCE `[n₀, n₁]`, or such a pair a column.
    pub counts: Counts,
    /// τ, finite; 1 where it is left out.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub tau: f64,
    /// The axis of the columns; the last where it is left out.
    #[serde(default = "last_axis", skip_serializing_if = "is_last_axis")]
    pub axis: i64,
}

fn one() -> f64 {
    1.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands references")]
fn is_one(value: &f64) -> bool {
    *value == 1.0
}

impl LogitAdjustment {
    /// From the samples of each class (BCE: of 0 and of 1).
    ///
    /// # Errors
    ///
    /// Where there are fewer than two classes, one has no sample, or τ is not finite.
    pub fn from_counts(counts: &[u64], tau: f64) -> Result<Self, ParameterError> {
        LogitAdjustmentConfig { counts: counts.into(), tau, axis: LAST_AXIS }.try_into()
    }

    /// From the samples of 0 and of 1 in each column along `axis` (negative: counted from the last).
    ///
    /// # Errors
    ///
    /// As [`from_counts`](Self::from_counts).
    pub fn from_column_counts(counts: &[[u64; 2]], tau: f64, axis: i64) -> Result<Self, ParameterError> {
        LogitAdjustmentConfig { counts: Counts::Columns(counts.to_vec()), tau, axis }.try_into()
    }
}

impl TryFrom<LogitAdjustmentConfig> for LogitAdjustment {
    type Error = ParameterError;

    fn try_from(config: LogitAdjustmentConfig) -> Result<Self, ParameterError> {
        let tau = ParameterError::check("tau", config.tau, config.tau.is_finite(), "finite")?;
        config.counts.check()?;
        let odds = |&[negative, positive]: &[u64; 2]| tau * (positive as f64 / negative as f64).ln();
        let (offsets, pair) = match &config.counts {
            Counts::Columns(pairs) => (pairs.iter().map(odds).collect(), None),
            Counts::Classes(counts) => {
                let total: f64 = counts.iter().map(|&count| count as f64).sum();
                let offsets = counts.iter().map(|&count| tau * (count as f64 / total).ln()).collect();
                (offsets, <&[u64; 2]>::try_from(&counts[..]).ok().map(odds))
            }
        };
        Ok(Self { offsets, odds: pair, config })
    }
}

impl From<LogitAdjustment> for LogitAdjustmentConfig {
    fn from(adjustment: LogitAdjustment) -> Self {
        adjustment.config
    }
}

impl BuiltIn for LogitAdjustment {
    const KIND: &'static str = "logit-adjustment";
    const FORMULA: &'static str = "x_j + τ·ln(n_j/Σn); BCE: x + τ·ln(n₁/n₀)";
    const SETTINGS: &'static str = "`counts` n, one a class, or `[n₀, n₁]` a column with `axis`; `tau` = 1";
    type Config = LogitAdjustmentConfig;

    fn config(&self) -> LogitAdjustmentConfig {
        self.config.clone()
    }

    fn examples(classes: usize, columns: usize) -> Vec<LogitAdjustmentConfig> {
        let counts: Vec<u64> = (0..classes as u64).map(|class| 900 / (1 + 7 * class)).map(|n| n.max(1)).collect();
        let of = |counts, tau| LogitAdjustmentConfig { counts, tau, axis: LAST_AXIS };
        let mut all = vec![of(Counts::Classes(counts.clone()), 1.0), of(Counts::Classes(counts), 0.0)];
        if columns > 1 {
            all.push(of(Counts::Columns((0..columns as u64).map(|column| [500 + column, 3 + column]).collect()), 0.5));
        }
        all
    }
}

impl Adjustment for LogitAdjustment {
    fn affine(&self, form: &BatchForm<'_>) -> Result<Affine, WeightError> {
        let offset = match (&self.config.counts, form.objective(), self.odds) {
            (Counts::Columns(pairs), ..) => {
                form.ask_columns(Self::KIND, self.config.axis, pairs.len())?;
                self.offsets.clone()
            }
            (Counts::Classes(_), Objective::Bce, Some(odds)) => vec![odds],
            (Counts::Classes(counts), ..) => {
                form.ask_classes(Self::KIND, counts.len())?;
                self.offsets.clone()
            }
        };
        Ok(Affine { offset, ..Affine::default() })
    }
}
