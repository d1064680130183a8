//! Reductions: what the sum of the weighted losses is divided by.

use std::fmt;

use serde::de::{EnumAccess, Error, VariantAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::ParameterError;

/// How the losses of a batch become one number; the gradient is divided by the same denominator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Reduction {
    /// ÷ the number of valid elements (BCE) or rows (softmax).
    #[default]
    Mean,
    /// The sum itself.
    Sum,
    /// No single number: the losses stay per element, and the gradient is that of their sum.
    None,
    /// ÷ Σw, the sum of the weights taken as a constant.
    WeightedMean,
    /// ÷ max(1, number of valid positives), as detectors do.
    Positives,
    /// ÷ this number, finite and above 0.
    Divisor(f64),
}

/// The names, in the order of [`Reduction`].
#[derive(Clone, Copy, Deserialize)]
#[serde(variant_identifier, rename_all = "kebab-case")]
enum Name {
    Mean,
    Sum,
    None,
    WeightedMean,
    Positives,
    Divisor,
}

// By hand, for what a wrong one is told: of `"divisor"` alone serde says "unit variant, expected newtype variant".
impl<'de> Deserialize<'de> for Reduction {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Named;
        impl<'de> Visitor<'de> for Named {
            type Value = Reduction;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a reduction's name, such as \"mean\", or { divisor = 128.0 }")
            }

            fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<Reduction, A::Error> {
                let (name, variant) = access.variant::<Name>()?;
                let (reduction, text) = match name {
                    Name::Mean => (Reduction::Mean, "mean"),
                    Name::Sum => (Reduction::Sum, "sum"),
                    Name::None => (Reduction::None, "none"),
                    Name::WeightedMean => (Reduction::WeightedMean, "weighted-mean"),
                    Name::Positives => (Reduction::Positives, "positives"),
                    Name::Divisor => {
                        let number = variant.newtype_variant::<f64>();
                        let text = "`divisor` needs its number: reduction = { divisor = 128.0 }";
                        return number.map(Reduction::Divisor).map_err(|_| A::Error::custom(text));
                    }
                };
                let text = || format!("`{text}` takes no number: reduction = \"{text}\"");
                variant.unit_variant().map(|()| reduction).map_err(|_| A::Error::custom(text()))
            }
        }
        const NAMES: &[&str] = &["mean", "sum", "none", "weighted-mean", "positives", "divisor"];
        deserializer.deserialize_enum("Reduction", NAMES, Named)
    }
}

/// The sums of a batch, from which the denominators are made.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Totals {
    /// Σ w·ce over the valid samples.
    pub loss_sum: f64,
    /// Σ w over the valid samples.
    pub weight_sum: f64,
    /// Number of valid elements (BCE) or rows (softmax).
    pub valid: u64,
    /// Number of valid positives: target ≥ ½ (BCE), class ≠ 0 (softmax).
    pub positives: u64,
}

impl Reduction {
    pub(crate) fn check(self) -> Result<Self, ParameterError> {
        if let Self::Divisor(divisor) = self {
            ParameterError::check("divisor", divisor, divisor.is_finite() && divisor > 0.0, "finite and above 0")?;
        }
        Ok(self)
    }

    /// Whether the denominator is Σw, so that it is known only after all weights are.
    pub fn needs_weight_sum(self) -> bool {
        self == Self::WeightedMean
    }

    /// What losses and gradients are multiplied by: 1/denominator, or 0 where there is nothing to divide.
    pub fn factor(self, totals: &Totals) -> f64 {
        let denominator = match self {
            Self::Mean => totals.valid as f64,
            Self::Sum | Self::None => 1.0,
            Self::WeightedMean => totals.weight_sum,
            Self::Positives => totals.positives.max(1) as f64,
            Self::Divisor(divisor) => divisor,
        };
        // Finite also where a sum of weights has all but vanished: 1/denominator is then more than a float holds.
        if denominator > 0.0 { (1.0 / denominator).min(f64::MAX) } else { 0.0 }
    }

    /// The reduced loss; `None` where the reduction is [`Reduction::None`].
    pub fn loss(self, totals: &Totals) -> Option<f64> {
        match self {
            Self::None => None,
            _ => Some(totals.loss_sum * self.factor(totals)),
        }
    }
}

#[cfg(test)]
mod tests;
