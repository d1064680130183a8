//! The laws of a weighter: what anybody's formula has to keep, checked without any backend.

use reweight::{
    BatchStatistics, BoxedWeighter, Dual, Node, Program, Real, RegionAxis, Sample, SampleKind, SampleWeighter, State,
};

use crate::compare::{Check, Tolerance};
use crate::problem::Numbers;

/// What a sample is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Origin {
    Binary { margin: f64, target: f64 },
    Class { margin: f64, class: usize },
    Soft { logit: f64, target: f64 },
}

impl Origin {
    fn of<R: Real>(self, variable: impl Fn(f64) -> R) -> Sample<R> {
        match self {
            Self::Binary { margin, target } => Sample::binary(variable(margin), R::lit(target)),
            Self::Class { margin, class } => Sample::class_of(variable(margin), R::lit(class as f64)),
            Self::Soft { logit, target } => Sample::soft(variable(logit), R::lit(target)),
        }
    }

    fn moved(self, by: f64) -> Self {
        match self {
            Self::Binary { margin, target } => Self::Binary { margin: margin + by, target },
            Self::Class { margin, class } => Self::Class { margin: margin + by, class },
            Self::Soft { logit, target } => Self::Soft { logit: logit + by, target },
        }
    }

    fn at(self) -> f64 {
        match self {
            Self::Binary { margin, .. } | Self::Class { margin, .. } => margin,
            Self::Soft { logit, .. } => logit,
        }
    }
}

/// Margins from −1e4 to 1e4, with zeros and denormals, under every label.
fn origins(classes: usize) -> Vec<Origin> {
    let sizes = [0.0, 1e-310, 1e-9, 0.3, 1.0, 4.0, 17.0, 40.0, 90.0, 150.0, 700.0, 746.0, 1e4];
    let margins: Vec<f64> = sizes.iter().flat_map(|&x| [x, -x]).collect();
    let mut all = Vec::new();
    for &margin in &margins {
        for class in 0..classes {
            all.push(Origin::Class { margin, class });
        }
        if classes == 2 {
            all.extend([0.0, 1.0].map(|target| Origin::Binary { margin, target }));
            all.extend([0.0, 1e-30, 0.2, 0.5, 1.0].map(|target| Origin::Soft { logit: margin, target }));
        }
    }
    all
}

/// A weighter for messages; a chain's own form may be pages long.
fn name(weighter: &impl SampleWeighter) -> String {
    let full = format!("{weighter:?}");
    match full.char_indices().nth(160) {
        Some((at, _)) => format!("{} …", &full[..at]),
        None => full,
    }
}

/// Counts of a batch drawn at random, as the weighter asks for them.
fn counts(weighter: &impl SampleWeighter, classes: usize, seed: u64) -> BatchStatistics {
    let mut numbers = Numbers::new(seed);
    let mut counts = BatchStatistics::zero(&weighter.statistics(), classes);
    for _ in 0..60 {
        let (margin, class) = (numbers.uniform(-5.0, 5.0), numbers.below(classes));
        counts.valid += 1;
        counts.positives += u64::from(class != 0);
        if let Some(count) = counts.class_counts.get_mut(class) {
            *count += 1;
        }
        for histogram in &mut counts.gradient_norm {
            let edges = histogram.regions().thresholds_f64(RegionAxis::Margin);
            let region = edges.iter().filter(|&&edge| margin <= edge).count();
            histogram.counts_mut()[region] += 1;
        }
    }
    counts
}

/// Checks a weighter, of anybody's: one line in its tests.
///
/// - Its weight is finite and at least 0 for every sample, and so is its slope finite, margins of ±1e4 included.
/// - The slope that dual numbers give is the central difference, wherever that has one value.
/// - The recorded formula (what boxes and kernels carry) gives what the formula itself gives, in `f64` and in duals.
/// - A box gives what the weighter gives, before and after it observed.
/// - State goes through JSON to the bit; `reset` starts anew; a clone observes on its own; a state that `observe` changes
///   belongs to a weighter that says so (`observes`).
///
/// `classes` is the number of classes that it fits: 2 for what BCE is to use, which is then checked with it too.
///
/// ```
/// # use reweight::{Real, Sample, SampleWeighter};
/// #[derive(Clone, Debug)]
/// struct Linear;
///
/// impl SampleWeighter for Linear {
///     fn weight<R: Real>(&self, s: &Sample<R>) -> R { s.q() }
/// }
///
/// reweight_testkit::check_weighter(&Linear, 2);
/// ```
///
/// # Panics
///
/// Where a law does not hold; the message names it, the sample and both values.
pub fn check_weighter<W: SampleWeighter + 'static>(weighter: &W, classes: usize) {
    let check = Check::new("a weighter fits its classes", name(weighter));
    check.unwrap(weighter.check(classes));
    let mut observing = weighter.clone();
    observing.reset();
    let boxed = BoxedWeighter::new(observing.clone());
    let mut boxed = Check::new("a formula can be recorded", name(weighter)).unwrap(boxed);
    check_formula(&observing, &boxed, classes);
    let mut states = vec![observing.state()];
    for seed in 1..4 {
        let counts = counts(&observing, classes, seed);
        let check = Check::new("a weighter observes what it asked for", name(weighter));
        check.unwrap(observing.observe(&counts));
        check.unwrap(boxed.observe(&counts));
        if !weighter.observes() {
            let check = Check::new("a weighter that takes something in says that it observes", name(weighter));
            check.equal("state", &observing.state(), &states[0]);
        }
        check_formula(&observing, &boxed, classes);
        check_state(weighter, &observing, classes);
        states.push(observing.state());
    }
    let check = Check::new("reset starts anew", name(weighter));
    observing.reset();
    check.equal("state", &observing.state(), &states[0]);
    let foreign = State::record("nobody's", 1, &(), &()).unwrap_or_default();
    let before = observing.state();
    check.holds(observing.restore(&foreign).is_err(), || "a foreign state is taken in".to_owned());
    check.equal("state after a foreign one was refused", &observing.state(), &before);
}

fn check_formula<W: SampleWeighter>(weighter: &W, boxed: &BoxedWeighter, classes: usize) {
    let name = name(weighter);
    let program_of = |kind| {
        let program = Program::record_of_kind(kind, |sample| vec![weighter.weight(sample)]);
        Check::new("a formula can be recorded", name.as_str()).unwrap(program)
    };
    let programs = [SampleKind::Binary, SampleKind::SoftBinary, SampleKind::Class].map(|kind| (kind, program_of(kind)));
    for origin in origins(classes) {
        let case = format!("{name}, sample {origin:?}");
        let weight = weighter.weight(&origin.of(|x: f64| x));
        let dual = weighter.weight(&origin.of(Dual::variable));
        let check = Check::new("a weight is finite and at least 0", case.as_str());
        check.holds(weight.is_finite() && weight >= 0.0, || format!("weight {weight}"));
        check.holds(dual.slope.is_finite(), || format!("slope {}", dual.slope));
        let second = weighter.weight(&origin.of(|x: f64| Dual::variable(Dual::variable(x))));
        check.holds(second.slope.slope.is_finite(), || format!("second derivative {}", second.slope.slope));
        check_narrow(weighter, origin, &case);
        let kind = origin.of(|x: f64| x).kind();
        let Some((_, program)) = programs.iter().find(|(of, _)| *of == kind) else { continue };

        let check = Check::new("every number gives the same weight", case.as_str());
        let tolerance = Tolerance { relative: 1e-12, floor: 1.0 };
        check.close("dual numbers", &[dual.value], &[weight], tolerance);
        check.close("nested duals", &[second.value.value, second.slope.value], &[weight, dual.slope], tolerance);
        let recorded = program.evaluate(&origin.of(|x: f64| x));
        check.close("the recorded formula", &[recorded], &[weight], tolerance);
        let recorded = program.evaluate(&origin.of(Dual::<f64>::variable));
        check.close(
            "the recorded formula in duals",
            &[recorded.value, recorded.slope],
            &[weight, dual.slope],
            tolerance,
        );
        let of_box = boxed.weight(&origin.of(Dual::<f64>::variable));
        check.close("the box", &[of_box.value, of_box.slope], &[weight, dual.slope], tolerance);
        // A formula that detaches a part has a slope by its own rule, which is no derivative of the whole.
        if !program.nodes().iter().any(|node| matches!(node, Node::Detach(_))) {
            check_slope(weighter, origin, &case, dual);
        }
    }
}

/// The same in the floats that people train with: a guard at a margin of 200, or a term of 1e-100, is none there.
fn check_narrow<W: SampleWeighter>(weighter: &W, origin: Origin, case: &str) {
    let check = Check::new("a weight is finite and at least 0 in `f32`", case);
    let weight = weighter.weight(&origin.of(|x: f64| x as f32));
    check.holds(weight.is_finite() && weight >= 0.0, || format!("weight {weight}"));
    let dual = weighter.weight(&origin.of(|x: f64| Dual::variable(x as f32)));
    check.holds(dual.slope.is_finite(), || format!("slope {}", dual.slope));
    let second = weighter.weight(&origin.of(|x: f64| Dual::variable(Dual::variable(x as f32))));
    check.holds(second.slope.slope.is_finite(), || format!("second derivative {}", second.slope.slope));
}

/// The slope against central differences, where both one-sided ones agree: not at a kink, and not where it is 0, as that
/// of a counted weight is by definition.
fn check_slope<W: SampleWeighter>(weighter: &W, origin: Origin, case: &str, dual: Dual<f64>) {
    let step = 1e-6;
    if dual.slope == 0.0 || origin.at().abs() > 100.0 {
        return;
    }
    let value = |by: f64| weighter.weight(&origin.moved(by).of(|x: f64| x));
    let (left, right) = ((value(0.0) - value(-step)) / step, (value(step) - value(0.0)) / step);
    // Truncation is step·w″, rounding 1e-16·w/step: both below 1e-5 of weight and slope together.
    let allowed = 1e-5 * (dual.value.abs() + dual.slope.abs() + left.abs());
    if (left - right).abs() > allowed {
        return;
    }
    let (slope, difference) = (dual.slope, 0.5 * (left + right));
    let check = Check::new("a slope is the derivative", case);
    check.holds((slope - difference).abs() <= allowed, || {
        format!("slope {slope:e}, central difference {difference:e}, {allowed:e} allowed")
    });
}

fn check_state<W: SampleWeighter>(fresh: &W, observed: &W, classes: usize) {
    let check = Check::new("a state goes through JSON to the bit", name(fresh));
    let text = check.unwrap(serde_json::to_string(&observed.state()));
    let state: State = check.unwrap(serde_json::from_str(&text));
    check.equal("state", &state, &observed.state());
    let mut restored = fresh.clone();
    restored.reset();
    check.unwrap(restored.restore(&state));
    let mut other = observed.clone();
    let next = counts(observed, classes, 99);
    for step in ["restored", "after one more step"] {
        check.equal(step, &restored.state(), &other.state());
        for origin in origins(classes) {
            let sample = origin.of(|x: f64| x);
            check.same(&format!("{step}, {origin:?}"), &[restored.weight(&sample)], &[other.weight(&sample)]);
        }
        check.unwrap(restored.observe(&next));
        check.unwrap(other.observe(&next));
    }
}
