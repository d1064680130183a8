//! Second derivatives: their named forms.

use serde::{Deserialize, Serialize};

/// Which second derivative of the loss is computed; BCE an element, softmax the diagonal d²L/dx_j².
///
/// What is constant in the gradient (detached weights, counted ones, Σw) is constant here too. Each is by the raw logits and
/// carries the gradient's factor, so that gradient and Hessian belong to one loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HessianForm {
    /// The second derivative itself. Negative where the loss is not convex: focal's is for hard samples (γ = 2: p_t < 0.058).
    #[default]
    Exact,
    /// max(exact, 0): a booster splits no node whose Hessian is negative.
    Clamped,
    /// −w·b′·p_t for BCE with b′ the base's slope in the margin, −w·b′·π_j·(1 − q·π_j) for softmax: what is left where weights
    /// are constants and the base is linearised in p_t. w·p·(1 − p) for cross entropy, and never negative.
    GaussNewton,
}

impl HessianForm {
    /// All forms.
    pub const ALL: [Self; 3] = [Self::Exact, Self::Clamped, Self::GaussNewton];

    /// The name that configs and options use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Clamped => "clamped",
            Self::GaussNewton => "gauss-newton",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_named_as_in_configs() {
        assert_eq!(HessianForm::ALL.map(HessianForm::name), ["exact", "clamped", "gauss-newton"]);
    }
}
