//! Vector scaling: one factor and one offset a class.

use serde::{Deserialize, Serialize};

use crate::adjustment::{Adjustment, Affine};
use crate::built_in::BuiltIn;
use crate::config::Objective;
use crate::error::{ParameterError, WeightError};
use crate::form::BatchForm;
use crate::settings::{LAST_AXIS, Numbers, is_last_axis, last_axis};

/// δ_j·x_j + ι_j: the vector-scaling loss, which holds class-dependent temperatures, a plain temperature and logit adjustment as
/// special cases.
///
/// **Formula.** Softmax: z_j = δ_j·x_j + ι_j. BCE: z = δ·x + ι, one of each, or one a column.
///
/// **Symbols.** δ = [`scale`](VectorScalingConfig::scale), above 0; ι = [`offset`](VectorScalingConfig::offset): a number for all, or
/// one a class (softmax) or column (BCE); [`axis`](VectorScalingConfig::axis) of the columns.
///
/// **Stability.** Affine: beyond |z| ≈ 30 an ulp of z is what the result is exact to.
///
/// **Limits.** δ = 1 and ι = 0 change nothing, to the bit. ι_j = τ·ln π_j is [`LogitAdjustment`](crate::LogitAdjustment);
/// δ_j = (n_j/n_max)^γ is the class-dependent temperature of Ye et al. 2020.
///
/// ```
/// # fn main() -> Result<(), reweight::ParameterError> {
/// use reweight::{SoftmaxLoss, VectorScaling};
///
/// let loss = SoftmaxLoss::new(()).adjusted(VectorScaling::new([1.0, 0.6, 0.4], 0.0)?);
/// # Ok(())
/// # }
/// ```
///
/// **Reference.** Kini et al. 2021, *Label-Imbalanced and Group-Sensitive Classification under Overparameterization*, eq. 2.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "VectorScalingConfig", into = "VectorScalingConfig")]
pub struct VectorScaling {
    config: VectorScalingConfig,
}

/// Vector scaling as a config file holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct VectorScalingConfig {
    /// δ, finite and above 0; 1 where it is left out.
    #[serde(default = "one")]
    pub scale: Numbers,
    /// ι, finite; 0 where it is left out.
    #[serde(default = "zero")]
    pub offset: Numbers,
    /// The axis of the columns; the last where it is left out.
    #[serde(default = "last_axis", skip_serializing_if = "is_last_axis")]
    pub axis: i64,
}

fn one() -> Numbers {
    Numbers::One(1.0)
}

fn zero() -> Numbers {
    Numbers::One(0.0)
}

impl VectorScaling {
    /// δ and ι, a number or a list each; columns are the last axis.
    ///
    /// # Errors
    ///
    /// Unless all are finite and δ is above 0.
    pub fn new(scale: impl Into<Numbers>, offset: impl Into<Numbers>) -> Result<Self, ParameterError> {
        VectorScalingConfig { scale: scale.into(), offset: offset.into(), axis: LAST_AXIS }.try_into()
    }

    /// The same with columns along `axis` (negative: counted from the last).
    #[must_use]
    pub fn along(mut self, axis: i64) -> Self {
        self.config.axis = axis;
        self
    }
}

impl TryFrom<VectorScalingConfig> for VectorScaling {
    type Error = ParameterError;

    fn try_from(config: VectorScalingConfig) -> Result<Self, ParameterError> {
        config.scale.check("scale", |value| value.is_finite() && value > 0.0, "finite and above 0")?;
        config.offset.check("offset", f64::is_finite, "finite")?;
        Ok(Self { config })
    }
}

impl From<VectorScaling> for VectorScalingConfig {
    fn from(adjustment: VectorScaling) -> Self {
        adjustment.config
    }
}

impl BuiltIn for VectorScaling {
    const KIND: &'static str = "vector-scaling";
    const FORMULA: &'static str = "δ_j·x_j + ι_j";
    const SETTINGS: &'static str =
        "`scale` δ = 1, `offset` ι = 0: a number, or one a class; BCE: one a column, with `axis`";
    type Config = VectorScalingConfig;

    fn config(&self) -> VectorScalingConfig {
        self.config.clone()
    }

    fn examples(classes: usize, columns: usize) -> Vec<VectorScalingConfig> {
        let of = |scale, offset| VectorScalingConfig { scale, offset, axis: LAST_AXIS };
        // Two classes are those of BCE too, which has its lists by column.
        let each = if classes == 2 { columns } else { classes };
        let list = |start: f64, step: f64| Numbers::Each((0..each).map(|at| start + step * (at % 5) as f64).collect());
        vec![of(one(), zero()), of(Numbers::One(0.5), Numbers::One(-0.75)), of(list(0.4, 0.3), list(-1.0, 0.5))]
    }
}

impl Adjustment for VectorScaling {
    fn affine(&self, form: &BatchForm<'_>) -> Result<Affine, WeightError> {
        for values in [&self.config.scale, &self.config.offset] {
            // One stands for all, in a list too.
            if let Numbers::Each(values) = values
                && values.len() > 1
            {
                match form.objective() {
                    Objective::Bce => form.ask_columns(Self::KIND, self.config.axis, values.len())?,
                    Objective::SoftmaxCe => form.ask_classes(Self::KIND, values.len())?,
                }
            }
        }
        let list = |values: &Numbers| values.as_slice().to_vec();
        Ok(Affine { scale: list(&self.config.scale), offset: list(&self.config.offset), margin: Vec::new() })
    }
}
