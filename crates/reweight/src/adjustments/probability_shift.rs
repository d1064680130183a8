//! The probability shift of the asymmetric loss: easy negatives are seen as easier still, or not at all.

use serde::{Deserialize, Serialize};

use crate::adjustment::{Adjustment, Affine};
use crate::built_in::BuiltIn;
use crate::error::{ParameterError, WeightError};
use crate::form::BatchForm;
use crate::real::{Logistic, Real};
use crate::sample::{LOG_OF_ZERO, Sample};

/// A negative is seen with p_m = max(σ(x) − m, 0) in place of σ(x), by weighters and base alike.
///
/// **Formula.** For a negative q = p_m and p_t = 1 − p_m; positives are as they were. With [`Focal`](crate::Focal) by target this is the
/// asymmetric loss, p_m^γ₋·(−ln(1 − p_m)) for negatives.
///
/// **Symbols.** m = [`margin`](ProbabilityShiftConfig::margin) in [0, 1).
///
/// **Stability.** Where p_m > 0, p_t is σ(−x) + m and log p_t is log1p(−p_m): no digit is lost but those of the difference
/// σ(x) − m itself, near σ(x) = m. Where p_m = 0 there is no loss and no slope, under any γ, and the sample counts as the easiest.
///
/// **Limits.** m = 0 changes nothing, to the bit. It is for BCE with hard labels, and the last adjustment of a loss.
///
/// ```
/// # fn main() -> Result<(), reweight::ParameterError> {
/// use reweight::{BceLoss, Focal, ProbabilityShift};
///
/// let asymmetric = BceLoss::new(Focal::by_target(0.0, 4.0)?).adjusted(ProbabilityShift::new(0.05)?);
/// # Ok(())
/// # }
/// ```
///
/// **Reference.** Ridnik et al. 2021, *Asymmetric Loss For Multi-Label Classification*, eq. 5 to 7.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "ProbabilityShiftConfig", into = "ProbabilityShiftConfig")]
pub struct ProbabilityShift {
    margin: f64,
}

/// The probability shift as a config file holds it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ProbabilityShiftConfig {
    /// m in [0, 1).
    pub margin: f64,
}

impl ProbabilityShift {
    /// The shift by m = `margin`.
    ///
    /// # Errors
    ///
    /// Unless 0 ≤ m < 1.
    pub fn new(margin: f64) -> Result<Self, ParameterError> {
        ProbabilityShiftConfig { margin }.try_into()
    }
}

impl TryFrom<ProbabilityShiftConfig> for ProbabilityShift {
    type Error = ParameterError;

    fn try_from(config: ProbabilityShiftConfig) -> Result<Self, ParameterError> {
        let margin = config.margin;
        Ok(Self { margin: ParameterError::check("margin", margin, (0.0..1.0).contains(&margin), "from 0 to below 1")? })
    }
}

impl From<ProbabilityShift> for ProbabilityShiftConfig {
    fn from(adjustment: ProbabilityShift) -> Self {
        Self { margin: adjustment.margin }
    }
}

impl BuiltIn for ProbabilityShift {
    const KIND: &'static str = "probability-shift";
    const FORMULA: &'static str = "negatives: max(σ(x) − m, 0) in place of σ(x)";
    const SETTINGS: &'static str = "`margin` m in [0, 1); BCE, hard labels, last";
    type Config = ProbabilityShiftConfig;

    fn config(&self) -> ProbabilityShiftConfig {
        (*self).into()
    }

    fn examples(_: usize, _: usize) -> Vec<ProbabilityShiftConfig> {
        [0.0, 0.05, 0.3].map(|margin| ProbabilityShiftConfig { margin }).into()
    }
}

impl Adjustment for ProbabilityShift {
    fn affine(&self, form: &BatchForm<'_>) -> Result<Affine, WeightError> {
        form.ask_binary(Self::KIND, "a probability of its own for each logit")?;
        form.ask_hard_labels(Self::KIND)?;
        Ok(Affine::default())
    }

    fn sample<R: Real>(&self, sample: Sample<R>) -> Sample<R> {
        let (zero, one, m) = (R::lit(0.0), R::lit(1.0), R::lit(self.margin));
        let q = sample.q();
        let shifted = q - m;
        // Held above 0 also where it is not chosen, so that no logarithm of 0 is taken there, or divided by.
        let inside = shifted.max(R::lit(f64::from(f32::MIN_POSITIVE)));
        let negative = Logistic {
            p: q.select_le(m, one, sample.p() + m),
            q: q.select_le(m, zero, shifted),
            log_p: q.select_le(m, zero, (-inside).ln_1p()),
            log_q: q.select_le(m, R::lit(LOG_OF_ZERO), inside.ln()),
        };
        let pick = |seen: R, own: R| sample.target().select_le(R::lit(0.5), seen, own);
        sample.seen_as(Logistic {
            p: pick(negative.p, sample.p()),
            q: pick(negative.q, sample.q()),
            log_p: pick(negative.log_p, sample.log_p()),
            log_q: pick(negative.log_q, sample.log_q()),
        })
    }

    fn maps_samples(&self) -> bool {
        self.margin > 0.0
    }
}
