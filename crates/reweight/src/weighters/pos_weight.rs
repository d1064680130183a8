//! The weight of positives as torch has it, for soft targets too.

use serde::{Deserialize, Serialize};

use crate::built_in::BuiltIn;
use crate::error::{ParameterError, WeightError};
use crate::form::BatchForm;
use crate::real::Real;
use crate::sample::{Sample, SampleKind};
use crate::settings::{LAST_AXIS, Numbers, is_last_axis, last_axis};
use crate::weighter::SampleWeighter;

/// `pos_weight` of torch's `BCEWithLogitsLoss`: the loss's positive term counts b times.
///
/// **Formula.** The weighted loss is b·t·softplus(−x) + (1 − t)·softplus(x). So w is b for a positive and 1 for a negative; for a
/// soft label w = (b·t·A + (1 − t)·B)/(t·A + (1 − t)·B) with A = softplus(−x), B = softplus(x), and its gradient.
///
/// **Symbols.** b = [`values`](PosWeightConfig::values), one, or one a column along [`axis`](PosWeightConfig::axis).
///
/// **Stability.** Where the denominator underflows, w is b at t = 1 and else 1, never 0/0.
///
/// **Limits.** b = 1 is no weight. Under a base other than cross entropy it weighs that base by the same w.
///
/// ```
/// # fn main() -> Result<(), reweight::ParameterError> {
/// use reweight::{PosWeight, Sample, SampleWeighter};
///
/// let positive = Sample::binary(-0.5_f64, 1.0);
/// assert_eq!(PosWeight::new(19.0)?.weight(&positive), 19.0);
/// # Ok(())
/// # }
/// ```
///
/// **Reference.** PyTorch, `torch.nn.BCEWithLogitsLoss`, parameter `pos_weight`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "PosWeightConfig", into = "PosWeightConfig")]
pub struct PosWeight {
    /// 1, as often as there are values: what negatives weigh.
    ones: Vec<f64>,
    config: PosWeightConfig,
}

/// The weight of positives as a config file holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PosWeightConfig {
    /// b, finite and at least 0: one, or one a column.
    pub values: Numbers,
    /// The axis of the columns; the last where it is left out.
    #[serde(default = "last_axis", skip_serializing_if = "is_last_axis")]
    pub axis: i64,
}

impl PosWeight {
    /// One weight, or a list with one a column along the last axis.
    ///
    /// # Errors
    ///
    /// Unless all are finite and at least 0.
    pub fn new(values: impl Into<Numbers>) -> Result<Self, ParameterError> {
        PosWeightConfig { values: values.into(), axis: LAST_AXIS }.try_into()
    }

    /// The same with columns along `axis` (negative: counted from the last).
    #[must_use]
    pub fn along(mut self, axis: i64) -> Self {
        self.config.axis = axis;
        self
    }
}

impl TryFrom<PosWeightConfig> for PosWeight {
    type Error = ParameterError;

    fn try_from(config: PosWeightConfig) -> Result<Self, ParameterError> {
        config.values.check("values", |value| value.is_finite() && value >= 0.0, "finite and at least 0")?;
        Ok(Self { ones: vec![1.0; config.values.as_slice().len()], config })
    }
}

impl From<PosWeight> for PosWeightConfig {
    fn from(weighter: PosWeight) -> Self {
        weighter.config
    }
}

impl BuiltIn for PosWeight {
    const KIND: &'static str = "pos-weight";
    const FORMULA: &'static str = "b·t·softplus(−x) + (1 − t)·softplus(x), over the same with b = 1";
    const SETTINGS: &'static str = "`values` b: one, or one a column with `axis`; BCE";
    type Config = PosWeightConfig;

    fn config(&self) -> PosWeightConfig {
        self.config.clone()
    }

    fn examples(_: usize, columns: usize) -> Vec<PosWeightConfig> {
        let of = |values| PosWeightConfig { values, axis: LAST_AXIS };
        let each = (0..columns).map(|column| 0.5 + 1.5 * (column % 4) as f64).collect();
        vec![of(Numbers::One(3.0)), of(Numbers::One(0.25)), of(Numbers::Each(each))]
    }
}

impl SampleWeighter for PosWeight {
    fn weight<R: Real>(&self, sample: &Sample<R>) -> R {
        let values = self.config.values.as_slice();
        if sample.kind() != SampleKind::SoftBinary {
            return sample.by_target_and_column(&self.ones, values);
        }
        let (zero, one) = (R::lit(0.0), R::lit(1.0));
        let (target, rest) = (sample.target(), one - sample.target());
        let positive = target * sample.loss_if_positive();
        let negative = rest * sample.loss_if_negative();
        let plain = positive + negative;
        let b = sample.per_column(values);
        let tiny = R::lit(f64::from(f32::MIN_POSITIVE));
        let ratio = plain.select_le(tiny, one, (b * positive + negative) / plain.max(tiny));
        // At the ends it is known, and a quotient would round it.
        target.select_le(zero, one, one.select_le(target, b, ratio))
    }

    fn fits(&self, form: &BatchForm<'_>) -> Result<(), WeightError> {
        match self.config.values.as_slice() {
            // One stands for all, in a list too.
            [_] => form.ask_binary(Self::KIND, "a weight of its own for the label 1"),
            values => form.ask_columns(Self::KIND, self.config.axis, values.len()),
        }
    }
}
