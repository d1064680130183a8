//! The contract: what is done to a sample before it is weighed.

use std::fmt::Debug;

use crate::error::WeightError;
use crate::form::BatchForm;
use crate::real::Real;
use crate::sample::Sample;

/// A change of the logits, or of the probability that is read off them, which weighters and base see alike.
///
/// Two kinds, and an adjustment is one of them:
///
/// - an **affine** map of the logits with a margin for the target's: data, given by [`affine`](Self::affine);
/// - a **map of the probability** of a binary sample with a hard label: a formula, given by [`sample`](Self::sample) of an adjustment
///   whose [`maps_samples`](Self::maps_samples) says so. It is the last of a loss.
///
/// ```
/// use reweight::{Adjustment, Affine, BatchForm, SoftmaxLoss, WeightError};
///
/// /// All logits divided by T.
/// #[derive(Clone, Debug)]
/// struct Temperature(f64);
///
/// impl Adjustment for Temperature {
///     fn affine(&self, _: &BatchForm<'_>) -> Result<Affine, WeightError> {
///         Ok(Affine { scale: vec![1.0 / self.0], ..Affine::default() })
///     }
/// }
///
/// let loss = SoftmaxLoss::new(()).adjusted(Temperature(2.0));
/// ```
///
/// Training and evaluation see the adjusted sample; a model's scores outside of the loss are its raw logits.
pub trait Adjustment: Clone + Debug + Send + Sync {
    /// The affine map for batches of that form; the identity unless it says otherwise. Asked once a batch.
    ///
    /// # Errors
    ///
    /// Where the adjustment does not fit the batch.
    fn affine(&self, form: &BatchForm<'_>) -> Result<Affine, WeightError>;

    /// The sample as weighters and base shall see it, made by [`Sample::seen_as`]. Called only where
    /// [`maps_samples`](Self::maps_samples).
    fn sample<R: Real>(&self, sample: Sample<R>) -> Sample<R> {
        sample
    }

    /// Whether [`sample`](Self::sample) does anything. Must depend on the settings alone.
    fn maps_samples(&self) -> bool {
        false
    }
}

/// δ·x + ι − Δ·[the label's]: an affine map of the logits, and a margin.
///
/// Softmax: z_j = δ_j·x_j + ι_j − Δ_y·[j = y], one δ, ι and Δ a class. BCE: the margin s = (2y − 1)·(δ·x + ι) − Δ_y, one δ and ι a
/// column and one Δ for each of the labels 0 and 1; a soft label has no Δ.
///
/// A list of one value stands for all; an empty one for 1 (`scale`) or 0 (`offset`, `margin`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Affine {
    /// δ, finite.
    pub scale: Vec<f64>,
    /// ι, finite.
    pub offset: Vec<f64>,
    /// Δ, finite.
    pub margin: Vec<f64>,
}

/// The entry that stands for `at` in a list of one or of many.
fn entry(values: &[f64], at: usize, otherwise: f64) -> f64 {
    match values {
        [] => otherwise,
        &[value] => value,
        _ => values[at],
    }
}

impl Affine {
    /// δ of class or column `at`.
    pub fn scale_of(&self, at: usize) -> f64 {
        entry(&self.scale, at, 1.0)
    }

    /// ι of class or column `at`.
    pub fn offset_of(&self, at: usize) -> f64 {
        entry(&self.offset, at, 0.0)
    }

    /// Δ of label `at`.
    pub fn margin_of(&self, at: usize) -> f64 {
        entry(&self.margin, at, 0.0)
    }

    /// Whether it changes nothing.
    pub fn is_identity(&self) -> bool {
        let zero = |values: &[f64]| values.iter().all(|&value| value == 0.0);
        self.scale.iter().all(|&scale| scale == 1.0) && zero(&self.offset) && zero(&self.margin)
    }

    /// `self`, and then `next`.
    #[must_use]
    pub fn then(&self, next: &Self) -> Self {
        let combine = |first: &[f64], second: &[f64], with: &dyn Fn(usize) -> f64| -> Vec<f64> {
            (0..first.len().max(second.len()).max(next.scale.len())).map(with).collect()
        };
        Self {
            scale: combine(&self.scale, &next.scale, &|at| self.scale_of(at) * next.scale_of(at)),
            offset: combine(&self.offset, &next.offset, &|at| {
                next.scale_of(at) * self.offset_of(at) + next.offset_of(at)
            }),
            margin: self.then_margin(next),
        }
    }

    /// A margin goes through the next map's δ: in BCE, where δ is a column's and Δ a label's, through its only one.
    fn then_margin(&self, next: &Self) -> Vec<f64> {
        let length = self.margin.len().max(next.margin.len());
        let scaled = if self.margin.is_empty() { length } else { length.max(next.scale.len()) };
        (0..scaled).map(|at| next.scale_of(at) * self.margin_of(at) + next.margin_of(at)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_maps_are_one_after_the_other() {
        let first = Affine { scale: vec![2.0], offset: vec![0.5, -1.0, 3.0], margin: vec![0.1, 0.2, 0.3] };
        let second = Affine { scale: vec![3.0, 1.0, 0.5], offset: vec![1.0], margin: vec![0.0, 0.0, 1.0] };
        let both = first.then(&second);
        let one = |map: &Affine, x: f64, j: usize, label: usize| {
            map.scale_of(j) * x + map.offset_of(j) - if j == label { map.margin_of(j) } else { 0.0 }
        };
        for label in 0..3 {
            for j in 0..3 {
                let expected = one(&second, one(&first, 0.7, j, label), j, label);
                assert!((one(&both, 0.7, j, label) - expected).abs() < 1e-15, "class {j} of label {label}");
            }
        }
    }

    #[test]
    fn the_identity_is_known_as_such() {
        assert!(Affine::default().is_identity());
        assert!(Affine { scale: vec![1.0; 3], offset: vec![0.0], margin: vec![] }.is_identity());
        assert!(!Affine { margin: vec![0.0, 0.1], ..Affine::default() }.is_identity());
        let map = Affine { offset: vec![1.0, 2.0], ..Affine::default() };
        assert_eq!(Affine::default().then(&map).offset, map.offset);
    }
}
