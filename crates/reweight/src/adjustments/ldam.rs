//! LDAM: a margin for each class, the larger the rarer it is.

use serde::{Deserialize, Serialize};

use crate::adjustment::{Adjustment, Affine};
use crate::built_in::BuiltIn;
use crate::config::Objective;
use crate::error::{ParameterError, WeightError};
use crate::form::BatchForm;

/// Label-distribution-aware margins: the target's logit must win by Δ_y, which is larger for rare classes.
///
/// **Formula.** Softmax: z_j = s·(x_j − Δ_y·[j = y]). BCE: the margin is s·((2y − 1)·x − Δ_y), for hard labels. Δ_j = n_j^(−1/4),
/// scaled so that the largest is the maximum margin.
///
/// **Symbols.** n = [`counts`](LdamConfig::counts), the samples of each class; [`max_margin`](LdamConfig::max_margin), 0.5 where it
/// is left out; s = [`scale`](LdamConfig::scale), 30 where it is left out.
///
/// **Limits.** `max_margin` = 0 and `scale` = 1 change nothing, to the bit. The scale of 30 presumes a head that gives cosines in
/// [−1, 1]; on raw logits it is a learning rate thirty times as large, so take 1 there.
///
/// **Stability.** Affine; the margin counts for what GHM and focal see too.
///
/// ```
/// # fn main() -> Result<(), reweight::ParameterError> {
/// use reweight::{Ldam, SoftmaxLoss};
///
/// let loss = SoftmaxLoss::new(()).adjusted(Ldam::new(&[5000, 120, 7], 0.5, 1.0)?);
/// # Ok(())
/// # }
/// ```
///
/// **Reference.** Cao et al. 2019, *Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss*, eq. 13. Its deferred
/// re-weighting is a second loss, with class weights, from some epoch on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "LdamConfig", into = "LdamConfig")]
pub struct Ldam {
    margins: Vec<f64>,
    config: LdamConfig,
}

/// LDAM as a config file holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LdamConfig {
    /// The samples of each class, at least 1; for BCE `[n₀, n₁]`.
    pub counts: Vec<u64>,
    /// The largest margin, finite and at least 0; 0.5 where it is left out.
    #[serde(default = "half")]
    pub max_margin: f64,
    /// s, finite and above 0; 30 where it is left out.
    #[serde(default = "thirty")]
    pub scale: f64,
}

fn half() -> f64 {
    0.5
}

fn thirty() -> f64 {
    30.0
}

impl Ldam {
    /// Margins from the samples of each class.
    ///
    /// # Errors
    ///
    /// Where there are fewer than two classes, one has no sample, the margin is negative or the scale not above 0.
    pub fn new(counts: &[u64], max_margin: f64, scale: f64) -> Result<Self, ParameterError> {
        LdamConfig { counts: counts.to_vec(), max_margin, scale }.try_into()
    }

    /// Δ, one a class.
    pub fn margins(&self) -> &[f64] {
        &self.margins
    }
}

impl TryFrom<LdamConfig> for Ldam {
    type Error = ParameterError;

    fn try_from(config: LdamConfig) -> Result<Self, ParameterError> {
        let LdamConfig { max_margin, scale, .. } = config;
        crate::settings::Counts::Classes(config.counts.clone()).check()?;
        let margin = max_margin.is_finite() && max_margin >= 0.0;
        ParameterError::check("max_margin", max_margin, margin, "finite and at least 0")?;
        ParameterError::check("scale", scale, scale.is_finite() && scale > 0.0, "finite and above 0")?;
        let roots: Vec<f64> = config.counts.iter().map(|&count| (count as f64).powf(-0.25)).collect();
        let largest = roots.iter().copied().fold(0.0, f64::max);
        // The largest is exactly the maximum, which a quotient times it may miss by a rounding.
        let margins = roots.iter().map(|&root| if root == largest { max_margin } else { root / largest * max_margin });
        Ok(Self { margins: margins.collect(), config })
    }
}

impl From<Ldam> for LdamConfig {
    fn from(adjustment: Ldam) -> Self {
        adjustment.config
    }
}

impl BuiltIn for Ldam {
    const KIND: &'static str = "ldam";
    const FORMULA: &'static str = "s·(x_j − Δ_y·[j = y]), Δ_j ∝ n_j^(−1/4)";
    const SETTINGS: &'static str = "`counts` n, one a class; `max_margin` = 0.5, `scale` s = 30";
    type Config = LdamConfig;

    fn config(&self) -> LdamConfig {
        self.config.clone()
    }

    fn examples(classes: usize, _: usize) -> Vec<LdamConfig> {
        let counts: Vec<u64> = (0..classes as u64).map(|class| (4000 / (1 + 9 * class * class)).max(2)).collect();
        let of = |max_margin, scale| LdamConfig { counts: counts.clone(), max_margin, scale };
        vec![of(0.5, 1.0), of(0.0, 1.0), of(1.5, 4.0)]
    }
}

impl Adjustment for Ldam {
    fn affine(&self, form: &BatchForm<'_>) -> Result<Affine, WeightError> {
        form.ask_classes(Self::KIND, self.margins.len())?;
        if form.objective() == Objective::Bce {
            form.ask_hard_labels(Self::KIND)?;
        }
        let scale = self.config.scale;
        let margin = self.margins.iter().map(|margin| scale * margin).collect();
        Ok(Affine { scale: vec![scale], offset: Vec::new(), margin })
    }
}
