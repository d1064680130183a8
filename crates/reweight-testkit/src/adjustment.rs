//! The laws of an adjustment: what anybody's change of the logits has to keep, checked without any backend.

use reweight::{Adjustment, Affine, BatchForm, BoxedAdjustment, Dual, Program, Real, Sample, SampleKind};

use crate::compare::{Check, Tolerance};
use crate::formula::{Origin, forms, name, origins};

/// Checks an adjustment, of anybody's: one line in its tests.
///
/// - Its affine map is finite, has one value or one for each class (softmax) or column (BCE), and is the same however often it is
///   asked for.
/// - Where it maps probabilities, what it makes of a sample is in order: p and q in [0, 1] with the sum 1, logarithms that are
///   finite and at most 0 and belong to them, slopes and second derivatives finite, margins of ±1e4 included, in `f64` and in
///   `f32`; it does not sort samples anew; the recorded formula and a box give the same.
///
/// `classes` is the number of classes that it fits, and of columns under BCE.
///
/// ```
/// # use reweight::{Adjustment, Affine, BatchForm, WeightError};
/// /// All logits divided by 2.
/// #[derive(Clone, Debug)]
/// struct Halved;
///
/// impl Adjustment for Halved {
///     fn affine(&self, _: &BatchForm<'_>) -> Result<Affine, WeightError> {
///         Ok(Affine { scale: vec![0.5], ..Affine::default() })
///     }
/// }
///
/// reweight_testkit::check_adjustment(&Halved, 3);
/// ```
///
/// # Panics
///
/// Where a law does not hold; the message names it, the sample and both values.
pub fn check_adjustment<J: Adjustment + 'static>(adjustment: &J, classes: usize) {
    let name = name(adjustment);
    let boxed = BoxedAdjustment::new(adjustment.clone());
    let (mut refused, mut kinds) = (Vec::new(), Vec::new());
    for form in forms(classes) {
        match adjustment.affine(&form.form()) {
            Ok(map) => {
                check_map(adjustment, &boxed, &form.form(), &map, &format!("{name}, {:?} samples", form.kind));
                kinds.push(form.kind);
            }
            Err(error) => refused.push(error.to_string()),
        }
    }
    Check::new("an adjustment fits some batch", name.as_str()).holds(!kinds.is_empty(), || refused.join("; "));
    if adjustment.maps_samples() {
        let check = Check::new("an adjustment that maps probabilities is for hard binary labels", name.as_str());
        check.holds(kinds.contains(&SampleKind::Binary), || refused.join("; "));
        check_samples(adjustment, &boxed, &name);
    }
}

fn check_map<J: Adjustment>(adjustment: &J, boxed: &BoxedAdjustment, form: &BatchForm<'_>, map: &Affine, case: &str) {
    let check = Check::new("an affine map is finite and has one value, or one a place", case);
    // Under BCE a margin is a label's, of which there are two.
    let columns = form.shape().last().copied().unwrap_or(1);
    let places = if form.objective() == reweight::Objective::Bce { columns } else { form.classes() };
    for (what, values, places) in
        [("scale", &map.scale, places), ("offset", &map.offset, places), ("margin", &map.margin, form.classes())]
    {
        check.finite(what, values, |at| format!("entry {at}"));
        let length = values.len();
        check.holds(length <= 1 || length == places, || format!("{what}: {length} values for {places} places"));
    }
    let check = Check::new("an affine map is the same however often it is asked for", case);
    check.equal("again", &check.unwrap(adjustment.affine(form)), map);
    check.equal("in a box", &check.unwrap(boxed.affine(form)), map);
}

/// A sample's probabilities and their logarithms.
fn seen<J: Adjustment, R: Real>(adjustment: &J, sample: Sample<R>) -> [R; 4] {
    let seen = adjustment.sample(sample);
    [seen.p(), seen.q(), seen.log_p(), seen.log_q()]
}

fn check_samples<J: Adjustment>(adjustment: &J, boxed: &BoxedAdjustment, name: &str) {
    let recorded = Program::record_of_kind(SampleKind::Binary, |sample| seen(adjustment, *sample).into());
    let program = Check::new("a formula can be recorded", name).unwrap(recorded);
    let mut by_target = [Vec::new(), Vec::new()];
    for origin in origins(2) {
        let Origin::Binary { margin, target } = origin else { continue };
        let case = format!("{name}, sample {origin:?}");
        let values = seen(adjustment, origin.of(|x: f64| x));
        check_probabilities(values, 1e-12, &Check::new("what a sample is seen as is in order", case.as_str()));
        let narrow = seen(adjustment, origin.of(|x: f64| x as f32)).map(f64::from);
        check_probabilities(narrow, 1e-5, &Check::new("what a sample is seen as is in order in `f32`", case.as_str()));

        let check = Check::new("what a sample is seen as has finite slopes", case.as_str());
        let duals = seen(adjustment, origin.of(|x: f64| Dual::variable(Dual::variable(x))));
        let narrow = seen(adjustment, origin.of(|x: f64| Dual::variable(Dual::variable(x as f32))));
        for (dual, narrow) in duals.into_iter().zip(narrow) {
            check.finite("slope", &[dual.slope.value, f64::from(narrow.slope.value)], |_| "f64, f32".to_owned());
            let second = [dual.slope.slope, f64::from(narrow.slope.slope)];
            check.finite("second derivative", &second, |_| "f64, f32".to_owned());
        }

        let check = Check::new("every number sees a sample alike", case.as_str());
        let tolerance = Tolerance { relative: 1e-12, floor: 1.0 };
        check.close("dual numbers", &duals.map(|dual| dual.value.value), &values, tolerance);
        let recorded: [f64; 4] = program.evaluate_all(&origin.of(|x: f64| x));
        check.close("the recorded formula", &recorded, &values, tolerance);
        check.close("the box", &seen(boxed, origin.of(|x: f64| x)), &values, tolerance);
        by_target[usize::from(target > 0.5)].push((margin, values[0], case));
    }
    for mut samples in by_target {
        samples.sort_by(|one, other| one.0.total_cmp(&other.0));
        for pair in samples.windows(2) {
            let check = Check::new("a sample with the larger margin keeps at least its p_t", pair[1].2.as_str());
            check.holds(pair[0].1 <= pair[1].1 + 1e-12, || format!("{} after {}", pair[1].1, pair[0].1));
        }
    }
}

/// Of p, q and their logarithms.
fn check_probabilities([p, q, log_p, log_q]: [f64; 4], tolerance: f64, check: &Check) {
    let inside = |value: f64| (-tolerance..=1.0 + tolerance).contains(&value);
    check.holds(inside(p) && inside(q), || format!("p {p}, q {q}"));
    check.holds((p + q - 1.0).abs() <= tolerance, || format!("p + q is {}", p + q));
    let log = |value: f64| value.is_finite() && value <= tolerance;
    check.holds(log(log_p) && log(log_q), || format!("log p {log_p}, log q {log_q}"));
    // Of what vanishes the logarithm is any number far below.
    let belongs = |log: f64, value: f64| (log.exp() - value).abs() <= tolerance.max(1e-6 * value);
    check.holds(belongs(log_p, p) && belongs(log_q, q), || format!("p {p} and log p {log_p}, q {q} and log q {log_q}"));
}
