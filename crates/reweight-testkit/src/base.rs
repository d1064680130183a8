//! The laws of a base: those of a weighter's formula, and that it falls as p_t rises.

use reweight::{BaseLoss, Dual, Real, Sample, SampleWeighter};

use crate::compare::Check;
use crate::weighter::check_weighter;

/// A base's formula where a weighter's is asked for.
#[derive(Clone, Debug)]
struct Weighed<B>(B);

impl<B: BaseLoss> SampleWeighter for Weighed<B> {
    fn weight<R: Real>(&self, sample: &Sample<R>) -> R {
        self.0.loss(sample)
    }
}

/// Checks a base, of anybody's: one line in its tests.
///
/// What holds for a weighter's formula (see [`check_weighter`]) holds for a base's, which messages call a weight: finite and at
/// least 0 for every sample, with the slope that its differences have, the same recorded and boxed. And it does not rise with p_t.
///
/// ```
/// # use reweight::Poly1;
/// # fn main() -> Result<(), reweight::ParameterError> {
/// reweight_testkit::check_base(&Poly1::new(1.0)?, 2);
/// # Ok(())
/// # }
/// ```
///
/// # Panics
///
/// Where a law does not hold; the message names it, the sample and both values.
pub fn check_base<B: BaseLoss + 'static>(base: &B, classes: usize) {
    check_weighter(&Weighed(base.clone()), classes);
    for margin in [-1e4, -40.0, -3.0, -0.5, 0.0, 0.5, 3.0, 40.0, 1e4] {
        let slope = base.loss(&Sample::class_of(Dual::variable(margin), Dual::constant(1.0))).slope;
        let check = Check::new("a base falls as p_t rises", format!("{base:?}, margin {margin}"));
        check.holds(slope <= 0.0, || format!("slope {slope:e}"));
    }
}
