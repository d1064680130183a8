//! Poly-1: cross entropy with the first coefficient of its polynomial changed.

use serde::{Deserialize, Serialize};

use crate::base::BaseLoss;
use crate::built_in::BuiltIn;
use crate::error::ParameterError;
use crate::real::Real;
use crate::sample::Sample;

/// Poly-1: −log p_t + ε·(1 − p_t).
///
/// **Formula.** Cross entropy is Σ_j (1 − p_t)^j / j; Poly-1 makes the first coefficient 1 + ε. With ε > 0 it pulls harder where p_t
/// is already large. Under [`Focal`](crate::Focal) it is q^γ·(−log p_t + ε·q), the paper's Poly-1 focal loss.
///
/// **Symbols.** ε = [`epsilon`](Poly1Config::epsilon), at least −1: below, the loss would rise with p_t. Under label smoothing
/// cross entropy's sum over the other classes stays as it is.
///
/// **Stability.** q is σ(−s), never 1 − p_t; the slope −q − ε·p_t·q is bounded. Near ε = −1 the loss of an easy sample is a
/// difference of two numbers that are nearly equal, and loses their common digits.
///
/// **Limits.** ε = 0 is cross entropy, to the bit.
///
/// ```
/// # fn main() -> Result<(), reweight::ParameterError> {
/// use reweight::{BaseLoss, Poly1, Sample};
///
/// let undecided = Sample::binary(0.0_f64, 1.0);
/// assert_eq!(Poly1::new(2.0)?.loss(&undecided), 2.0_f64.ln() + 1.0);
/// # Ok(())
/// # }
/// ```
///
/// **Reference.** Leng et al. 2022, *PolyLoss: A Polynomial Expansion Perspective of Classification Loss Functions*, eq. 6 and 7.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Poly1Config", into = "Poly1Config")]
pub struct Poly1 {
    epsilon: f64,
}

/// Poly-1 as a config file holds it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Poly1Config {
    /// ε, finite and at least −1.
    pub epsilon: f64,
}

impl Poly1 {
    /// −log p_t + ε·(1 − p_t).
    ///
    /// # Errors
    ///
    /// Unless ε is finite and at least −1.
    pub fn new(epsilon: f64) -> Result<Self, ParameterError> {
        Poly1Config { epsilon }.try_into()
    }
}

impl TryFrom<Poly1Config> for Poly1 {
    type Error = ParameterError;

    fn try_from(config: Poly1Config) -> Result<Self, ParameterError> {
        let inside = config.epsilon.is_finite() && config.epsilon >= -1.0;
        Ok(Self { epsilon: ParameterError::check("epsilon", config.epsilon, inside, "finite and at least -1")? })
    }
}

impl From<Poly1> for Poly1Config {
    fn from(base: Poly1) -> Self {
        Self { epsilon: base.epsilon }
    }
}

impl BuiltIn for Poly1 {
    const KIND: &'static str = "poly-1";
    const FORMULA: &'static str = "−log p_t + ε·(1 − p_t)";
    const SETTINGS: &'static str = "`epsilon` ≥ −1";
    type Config = Poly1Config;

    fn config(&self) -> Poly1Config {
        (*self).into()
    }

    fn examples(_: usize, _: usize) -> Vec<Poly1Config> {
        [-0.5, 0.0, 1.0, 2.5].map(|epsilon| Poly1Config { epsilon }).into()
    }
}

impl BaseLoss for Poly1 {
    fn loss<R: Real>(&self, sample: &Sample<R>) -> R {
        if self.epsilon == 0.0 {
            return sample.cross_entropy();
        }
        sample.cross_entropy() + sample.q().scale(self.epsilon)
    }
}
