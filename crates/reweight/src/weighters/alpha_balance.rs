//! α-balance: a constant weight for each class.

use serde::{Deserialize, Serialize};

use super::counts::CountScheme;
use crate::built_in::BuiltIn;
use crate::error::{ParameterError, WeightError};
use crate::form::BatchForm;
use crate::real::Real;
use crate::sample::Sample;
use crate::settings::{Counts, LAST_AXIS};
use crate::weighter::SampleWeighter;

/// A constant weight for each class.
///
/// **Formula.** Binary: α_t = α·t + (1 − α)·(1 − t), with t the target (for softmax, class 0 is the background, t = 0,
/// and all others are t = 1). Per class: w_y.
///
/// **Stability.** A constant; no gradient flows through it.
///
/// **Limits.** α = ½ halves every loss. Equal class weights scale it.
///
/// ```
/// # fn main() -> Result<(), reweight::ParameterError> {
/// use reweight::{AlphaBalance, CountScheme};
///
/// let binary = AlphaBalance::binary(0.25)?;
/// let rare_up = AlphaBalance::from_counts(&[900, 100], CountScheme::InverseFrequency)?;
/// assert_eq!(rare_up.class_weights(), Some(&[1000.0 / 1800.0, 5.0][..]));
/// # Ok(())
/// # }
/// ```
///
/// **Reference.** Lin et al. 2017, *Focal Loss for Dense Object Detection*, section 3.1; for counts, Cui et al. 2019.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "AlphaBalanceConfig", into = "AlphaBalanceConfig")]
pub struct AlphaBalance {
    table: Table,
    config: AlphaBalanceConfig,
}

#[derive(Clone, Debug, PartialEq)]
enum Table {
    Binary { negative: f64, positive: f64 },
    PerClass(Vec<f64>),
    PerColumn { negative: Vec<f64>, positive: Vec<f64> },
}

/// α-balance as a config file holds it: exactly one of `alpha`, `class_weights` and `counts`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AlphaBalanceConfig {
    /// α in [0, 1], the weight of positives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alpha: Option<f64>,
    /// One weight a class, finite and at least 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_weights: Option<Vec<f64>>,
    /// One sample count a class, at least 1, with `scheme`; or a pair `[n₀, n₁]` a column, for multi-label BCE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
    /// How counts become weights; inverse frequency where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<CountScheme>,
    /// β in [0, 1) of the effective number; 0.999 where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beta: Option<f64>,
    /// The axis of the columns, where `counts` has a pair for each; the last where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub axis: Option<i64>,
}

impl AlphaBalance {
    /// α for positives, 1 − α for negatives.
    ///
    /// # Errors
    ///
    /// Unless 0 ≤ α ≤ 1.
    pub fn binary(alpha: f64) -> Result<Self, ParameterError> {
        AlphaBalanceConfig { alpha: Some(alpha), ..Default::default() }.try_into()
    }

    /// One weight a class; BCE has the classes 0 and 1.
    ///
    /// # Errors
    ///
    /// Where there are fewer than two, or one is negative or not finite.
    pub fn per_class(weights: &[f64]) -> Result<Self, ParameterError> {
        AlphaBalanceConfig { class_weights: Some(weights.to_vec()), ..Default::default() }.try_into()
    }

    /// Weights from class counts; β of the effective number is 0.999 (see [`effective_number`](Self::effective_number)).
    ///
    /// # Errors
    ///
    /// Where there are fewer than two classes, or one has no sample.
    pub fn from_counts(counts: &[u64], scheme: CountScheme) -> Result<Self, ParameterError> {
        AlphaBalanceConfig { counts: Some(counts.into()), scheme: Some(scheme), ..Default::default() }.try_into()
    }

    /// The same for each column of a multi-label batch, from the samples `[n₀, n₁]` of its labels 0 and 1; columns lie along
    /// `axis` (negative: counted from the last).
    ///
    /// # Errors
    ///
    /// Where there are no columns, or a label has no sample in one.
    pub fn from_column_counts(counts: &[[u64; 2]], scheme: CountScheme, axis: i64) -> Result<Self, ParameterError> {
        let (counts, axis) = (Some(Counts::Columns(counts.to_vec())), Some(axis));
        AlphaBalanceConfig { counts, scheme: Some(scheme), axis, ..Default::default() }.try_into()
    }

    /// Weights (1 − β)/(1 − β^n_c) from class counts n_c, scaled to sum to the number of classes.
    ///
    /// # Errors
    ///
    /// Where there are fewer than two classes, one has no sample, or β lies outside [0, 1).
    pub fn effective_number(counts: &[u64], beta: f64) -> Result<Self, ParameterError> {
        let scheme = Some(CountScheme::EffectiveNumber);
        let counts = Some(counts.into());
        AlphaBalanceConfig { counts, scheme, beta: Some(beta), ..Default::default() }.try_into()
    }

    /// The class weights; `None` for a binary α and for weights by column.
    pub fn class_weights(&self) -> Option<&[f64]> {
        match &self.table {
            Table::Binary { .. } | Table::PerColumn { .. } => None,
            Table::PerClass(weights) => Some(weights),
        }
    }
}

impl TryFrom<AlphaBalanceConfig> for AlphaBalance {
    type Error = ParameterError;

    fn try_from(config: AlphaBalanceConfig) -> Result<Self, ParameterError> {
        let sources = [config.alpha.is_some(), config.class_weights.is_some(), config.counts.is_some()];
        let given = sources.into_iter().filter(|&given| given).count();
        if given != 1 {
            let expected = "exactly one of `alpha`, `class_weights` and `counts`";
            return Err(ParameterError::new("α", given as f64, expected));
        }
        let scheme = config.scheme.unwrap_or(CountScheme::InverseFrequency);
        if config.scheme.is_some() && config.counts.is_none() {
            return Err(ParameterError::new("number of counts", 0.0, "one a class, since `scheme` is given"));
        }
        if let Some(beta) = config.beta
            && (config.counts.is_none() || scheme != CountScheme::EffectiveNumber)
        {
            return Err(ParameterError::new("beta", beta, "left out, but with scheme \"effective-number\""));
        }
        let table = if let Some(alpha) = config.alpha {
            ParameterError::check("alpha", alpha, (0.0..=1.0).contains(&alpha), "from 0 to 1")?;
            Table::Binary { negative: 1.0 - alpha, positive: alpha }
        } else if let Some(weights) = &config.class_weights {
            Table::PerClass(check_per_class("class_weights", weights)?)
        } else {
            let beta = config.beta.unwrap_or(0.999);
            match &config.counts {
                Some(Counts::Columns(pairs)) => by_column(pairs, scheme, beta)?,
                Some(Counts::Classes(counts)) => Table::PerClass(scheme.class_weights(counts, beta)?),
                None => Table::PerClass(scheme.class_weights(&[], beta)?),
            }
        };
        if let Some(axis) = config.axis
            && !matches!(table, Table::PerColumn { .. })
        {
            let expected = "left out, but where `counts` has a pair [n₀, n₁] for each column";
            return Err(ParameterError::new("axis", axis as f64, expected));
        }
        Ok(Self { table, config })
    }
}

/// The weights of the labels 0 and 1 in each column.
fn by_column(pairs: &[[u64; 2]], scheme: CountScheme, beta: f64) -> Result<Table, ParameterError> {
    Counts::Columns(pairs.to_vec()).check()?;
    let (mut negative, mut positive) = (Vec::new(), Vec::new());
    for pair in pairs {
        let weights = scheme.class_weights(pair, beta)?;
        negative.push(weights[0]);
        positive.push(weights[1]);
    }
    Ok(Table::PerColumn { negative, positive })
}

/// At least two values, each finite and at least 0.
pub(super) fn check_per_class(name: &str, values: &[f64]) -> Result<Vec<f64>, ParameterError> {
    if values.len() < 2 {
        return Err(ParameterError::new(format!("number of {name}"), values.len() as f64, "one a class, at least 2"));
    }
    for (class, &value) in values.iter().enumerate() {
        ParameterError::check(
            &format!("{name}[{class}]"),
            value,
            value.is_finite() && value >= 0.0,
            "finite and at least 0",
        )?;
    }
    Ok(values.to_vec())
}

/// A table with one value a class must have the batch's number of classes.
pub(super) fn check_classes(weighter: &str, given: usize, classes: usize) -> Result<(), WeightError> {
    if given == classes {
        Ok(())
    } else {
        Err(WeightError::ClassCount { weighter: weighter.to_owned(), given, classes })
    }
}

impl From<AlphaBalance> for AlphaBalanceConfig {
    fn from(weighter: AlphaBalance) -> Self {
        weighter.config
    }
}

impl BuiltIn for AlphaBalance {
    const KIND: &'static str = "alpha-balance";
    const FORMULA: &'static str = "α·t + (1 − α)·(1 − t); or one weight a class, from counts too";
    const SETTINGS: &'static str =
        "`alpha`, or `class_weights`, or `counts` with `scheme` and `beta`, a pair a column with `axis`";
    type Config = AlphaBalanceConfig;

    fn config(&self) -> AlphaBalanceConfig {
        self.config.clone()
    }

    fn examples(classes: usize, columns: usize) -> Vec<AlphaBalanceConfig> {
        let counts: Vec<u64> = (0..classes as u64).map(|class| 3 + 50 * class * class).collect();
        let weights = (0..classes).map(|class| 0.25 + 1.5 * ((class * 7) % 11) as f64 / 11.0).collect();
        let of_counts = |counts, scheme| AlphaBalanceConfig {
            counts: Some(counts),
            scheme: Some(scheme),
            ..AlphaBalanceConfig::default()
        };
        let mut all = vec![
            AlphaBalanceConfig { alpha: Some(0.25), ..AlphaBalanceConfig::default() },
            AlphaBalanceConfig { class_weights: Some(weights), ..AlphaBalanceConfig::default() },
            of_counts(Counts::Classes(counts), CountScheme::EffectiveNumber),
        ];
        if columns > 1 {
            let pairs = (0..columns as u64).map(|column| [90 + column, 1 + 3 * column]).collect();
            all.push(of_counts(Counts::Columns(pairs), CountScheme::InverseFrequency));
        }
        all
    }
}

impl SampleWeighter for AlphaBalance {
    #[inline(always)]
    fn weight<R: Real>(&self, sample: &Sample<R>) -> R {
        match &self.table {
            Table::Binary { negative, positive } => sample.by_target(*negative, *positive),
            Table::PerClass(weights) => sample.per_class(weights),
            Table::PerColumn { negative, positive } => sample.by_target_and_column(negative, positive),
        }
    }

    fn fits(&self, form: &BatchForm<'_>) -> Result<(), WeightError> {
        match &self.table {
            Table::PerColumn { negative, .. } => {
                form.ask_columns(Self::KIND, self.config.axis.unwrap_or(LAST_AXIS), negative.len())
            }
            _ => self.check(form.classes()),
        }
    }

    fn check(&self, classes: usize) -> Result<(), WeightError> {
        match &self.table {
            Table::Binary { .. } | Table::PerColumn { .. } => Ok(()),
            Table::PerClass(weights) => check_classes("alpha-balance", weights.len(), classes),
        }
    }
}
