//! The laws of a base: what anybody's loss of one sample has to keep, checked without any backend.

use reweight::{BaseLoss, BoxedBase, Dual, Real, Sample};

use crate::compare::Check;
use crate::formula::{Formula, Laws, Origin, check_formula, forms, name, origins};

/// A base's formula.
struct Base<'a, B>(&'a B);

impl<B: BaseLoss> Formula for Base<'_, B> {
    const LAWS: Laws = Laws {
        finite: "a base is finite and at least 0",
        narrow: "a base is finite and at least 0 in `f32`",
        alike: "every number gives the same base",
    };

    fn of<R: Real>(&self, sample: &Sample<R>) -> R {
        self.0.loss(sample)
    }
}

/// Checks a base, of anybody's: one line in its tests.
///
/// - It is finite and at least 0 for every sample that it fits, and so are its slope and second derivative finite, margins of
///   ±1e4 included, in `f64` and in `f32`.
/// - It does not rise with p_t: a hard label's slope is at most 0.
/// - The slope that dual numbers give is the central difference, wherever that has one value.
/// - The recorded formula and a box give what the formula itself gives.
///
/// `classes` is the number of classes that it is to be used with: 2 for what BCE is to use, which is then checked with it too.
///
/// ```
/// # use reweight::{BaseLoss, Real, Sample};
/// /// (1 − p_t)².
/// #[derive(Clone, Debug)]
/// struct Squared;
///
/// impl BaseLoss for Squared {
///     fn loss<R: Real>(&self, s: &Sample<R>) -> R { s.log_q().scale(2.0).exp() }
/// }
///
/// reweight_testkit::check_base(&Squared, 2);
/// ```
///
/// # Panics
///
/// Where a law does not hold; the message names it, the sample and both values.
pub fn check_base<B: BaseLoss + 'static>(base: &B, classes: usize) {
    let name = name(base);
    let fits: Vec<_> = forms(classes).into_iter().filter(|form| base.fits(&form.form()).is_ok()).collect();
    Check::new("a base fits some batch", name.as_str()).holds(!fits.is_empty(), || {
        let refused = forms(classes).into_iter().filter_map(|form| base.fits(&form.form()).err());
        refused.map(|error| error.to_string()).collect::<Vec<_>>().join("; ")
    });
    let of_kind = |origin: &Origin| fits.iter().any(|form| form.kind == origin.of(|x: f64| x).kind());
    let origins: Vec<Origin> = origins(classes).into_iter().filter(of_kind).collect();
    let boxed = BoxedBase::new(base.clone());
    check_formula(&Base(base), &Base(&boxed), &name, &origins);
    for origin in origins.into_iter().filter(|origin| !matches!(origin, Origin::Soft { .. })) {
        let dual = base.loss(&origin.of(Dual::<f64>::variable));
        let check = Check::new("a base does not rise with p_t", format!("{name}, sample {origin:?}"));
        check.holds(dual.slope <= 1e-12 * dual.value, || format!("slope {} in the margin", dual.slope));
    }
}
