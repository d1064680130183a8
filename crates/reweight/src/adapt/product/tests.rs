//! Products of several links that observe: all of them take a step in, or none does.

use super::*;
use crate::boxed::BoxedWeighter;
use crate::config::Chain;
use crate::weighters::{AlphaBalance, Ghm};

/// Counts the steps; refuses one whose positives are 13, and any state but its own.
#[derive(Clone, Debug)]
struct Superstitious {
    steps: u64,
}

impl SampleWeighter for Superstitious {
    fn weight<R: Real>(&self, _: &Sample<R>) -> R {
        R::lit(self.steps as f64)
    }
    fn observes(&self) -> bool {
        true
    }
    fn observe(&mut self, batch: &BatchStatistics) -> Result<(), WeightError> {
        if batch.positives == 13 {
            return Err(WeightError::Custom("thirteen".to_owned()));
        }
        self.steps += 1;
        Ok(())
    }
    fn state(&self) -> State {
        State::record("superstitious", 1, &(), &self.steps).unwrap_or_default()
    }
    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        self.steps = state.read("superstitious", 1, &())?;
        Ok(())
    }
}

/// Would count too, but does not say that it observes.
#[derive(Clone, Debug)]
struct Silent(Superstitious);

impl SampleWeighter for Silent {
    fn weight<R: Real>(&self, sample: &Sample<R>) -> R {
        self.0.weight(sample)
    }
    fn observe(&mut self, batch: &BatchStatistics) -> Result<(), WeightError> {
        self.0.observe(batch)
    }
}

fn ghm() -> Ghm {
    Ghm::new(2, 0.5).expect("valid")
}

fn step(weighter: &impl SampleWeighter, positives: u64) -> BatchStatistics {
    let mut batch = BatchStatistics::zero(&weighter.statistics(), 2);
    batch.set_counts(&[20, positives, 15, 5]).expect("totals and two regions");
    batch
}

fn weight(weighter: &impl SampleWeighter) -> f64 {
    weighter.weight(&Sample::binary(0.5, 1.0))
}

fn all_or_none(mut product: impl SampleWeighter) {
    product.observe(&step(&product, 5)).expect("a good step");
    let (state, before) = (product.state(), weight(&product));
    product.observe(&step(&product, 13)).expect_err("a link refuses the step");
    assert_eq!((product.state(), weight(&product)), (state.clone(), before), "after a refused step");

    product.observe(&step(&product, 6)).expect("a good step");
    let after = product.state();
    assert_ne!(after, state, "a step was taken in");
    // The first link's state is right, the second's is not.
    let State::Chain(mut links) = state else { panic!("a product's state is a chain") };
    links[1] = State::record("nobody's", 1, &(), &()).expect("a record");
    product.restore(&State::Chain(links)).expect_err("a link refuses its state");
    assert_eq!(product.state(), after, "after a refused state");
}

#[test]
fn several_links_observe_all_or_none() {
    let second = || Superstitious { steps: 0 };
    let boxed =
        || vec![BoxedWeighter::new(ghm()).expect("recordable"), BoxedWeighter::new(second()).expect("recordable")];
    all_or_none((ghm(), second()));
    all_or_none((ghm(), second(), ()));
    all_or_none(boxed());
    all_or_none(Chain::from(boxed()));
}

#[test]
fn a_link_sees_what_it_would_see_alone() {
    let silent = || Silent(Superstitious { steps: 0 });
    let mut tuple = (ghm(), silent());
    tuple.observe(&step(&tuple, 5)).expect("a good step");
    assert_eq!((tuple.0.steps(), tuple.1.0.steps), (1, 0));
    let mut chain =
        vec![BoxedWeighter::new(ghm()).expect("recordable"), BoxedWeighter::new(silent()).expect("recordable")];
    chain.observe(&step(&chain, 5)).expect("a good step");
    assert_eq!(weight(&chain), 0.0, "the silent one weighs by its steps");
}

#[test]
fn a_box_follows_a_weighter_that_counts_steps_alone() {
    let mut boxed = BoxedWeighter::new(Superstitious { steps: 0 }).expect("recordable");
    for steps in 1..4 {
        boxed.observe(&BatchStatistics { valid: 3, ..Default::default() }).expect("a good step");
        assert_eq!(weight(&boxed), f64::from(steps));
    }
}

/// As a batch of three classes meets it, in a list as in a tuple.
#[test]
fn every_link_is_asked_whether_it_fits() {
    let plain = AlphaBalance::per_class(&[1.0, 2.0, 3.0]).expect("valid");
    let short = AlphaBalance::per_class(&[1.0, 2.0]).expect("valid");
    let refused = WeightError::ClassCount { weighter: "alpha-balance".into(), given: 2, classes: 3 };
    assert_eq!(vec![plain.clone(), plain.clone()].check(3), Ok(()));
    assert_eq!(vec![plain.clone(), short.clone()].check(3), Err(refused.clone()));
    assert_eq!((plain, short).check(3), Err(refused));
}
