//! The laws of a weighter: what anybody's formula has to keep, checked without any backend.

use reweight::{BatchStatistics, BoxedWeighter, Real, RegionAxis, Sample, SampleWeighter, State};

use crate::compare::Check;
use crate::formula::{Formula, Laws, check_formula, name, origins};
use crate::problem::Numbers;

/// A weighter's formula.
struct Weight<'a, W>(&'a W);

impl<W: SampleWeighter> Formula for Weight<'_, W> {
    const LAWS: Laws = Laws {
        finite: "a weight is finite and at least 0",
        narrow: "a weight is finite and at least 0 in `f32`",
        alike: "every number gives the same weight",
    };

    fn of<R: Real>(&self, sample: &Sample<R>) -> R {
        self.0.weight(sample)
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
    check_formula(&Weight(&observing), &Weight(&boxed), &name(weighter), &origins(classes));
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
        check_formula(&Weight(&observing), &Weight(&boxed), &name(weighter), &origins(classes));
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
