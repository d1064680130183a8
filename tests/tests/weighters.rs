//! Every weighter under the suite for weighters, as a third party would run it on its own.

use reweight::{BatchStatistics, Real, Sample, SampleWeighter, State, StateError, Statistics, WeightError};
use reweight_testkit::{Visitor, check_weighter, each_weighter};

struct Checked {
    classes: usize,
    names: Vec<String>,
}

impl Visitor for Checked {
    fn visit<W: SampleWeighter + 'static>(&mut self, name: &str, weighter: W) {
        check_weighter(&weighter, self.classes);
        self.names.push(name.to_owned());
    }
}

#[test]
fn every_weighter_of_two_classes() {
    let mut checked = Checked { classes: 2, names: Vec::new() };
    each_weighter(2, &mut checked);
    assert!(checked.names.len() > 20, "{:?}", checked.names);
}

#[test]
fn every_weighter_of_five_classes() {
    each_weighter(5, &mut Checked { classes: 5, names: Vec::new() });
}

/// The message with which the suite refuses a weighter.
fn refusal(weighter: &(impl SampleWeighter + 'static)) -> String {
    let weighter = weighter.clone();
    let refused = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check_weighter(&weighter, 2)));
    let panic = refused.expect_err("a broken weighter passes the suite");
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

macro_rules! formula {
    ($name:ident, $sample:ident => $weight:expr) => {
        #[derive(Clone, Debug)]
        struct $name;
        impl SampleWeighter for $name {
            fn weight<R: Real>(&self, $sample: &Sample<R>) -> R {
                $weight
            }
        }
    };
}

#[test]
fn formulas_that_break_their_contract_are_refused() {
    // 1 − p by subtraction is 0 where q is not, and its root then has the slope 0/0.
    formula!(Subtracts, s => (R::lit(1.0) - s.p()).sqrt());
    formula!(Negative, s => s.margin());
    formula!(Overflows, s => (-s.margin()).exp());
    formula!(NotANumber, s => s.p().ln() * R::lit(0.0));
    assert!(refusal(&Subtracts).contains("finite"), "{}", refusal(&Subtracts));
    assert!(refusal(&Negative).contains("at least 0"));
    assert!(refusal(&Overflows).contains("finite"));
    assert!(refusal(&NotANumber).contains("finite"));
}

#[test]
fn formulas_that_are_no_numbers_in_f32_alone_are_refused() {
    // Guards that work in `f64`: 1e-100 is 0 in `f32`, and at a margin of 200 its 1 − p_t has long been 0.
    formula!(Guarded, s => R::lit(1e-90) / (s.q() + R::lit(1e-100)));
    formula!(Bounded, s => s.margin().select_le(R::lit(200.0), R::lit(1e-40) / s.q(), R::lit(1.0)));
    for message in [refusal(&Guarded), refusal(&Bounded)] {
        assert!(message.contains("`f32`"), "{message}");
    }
}

/// A weighter with a state, broken in one way or another.
#[derive(Clone, Debug)]
struct Stateful {
    scale: f64,
    flaw: Flaw,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Flaw {
    None,
    ForgetsToSave,
    RoundsItsState,
    KeepsAfterReset,
    TakesAnyState,
    ObservesInSecret,
}

impl SampleWeighter for Stateful {
    fn weight<R: Real>(&self, sample: &Sample<R>) -> R {
        sample.q().scale(self.scale)
    }
    fn statistics(&self) -> Statistics {
        Statistics::class_counts()
    }
    fn observes(&self) -> bool {
        self.flaw != Flaw::ObservesInSecret
    }
    fn observe(&mut self, batch: &BatchStatistics) -> Result<(), WeightError> {
        self.scale = 0.5 * self.scale + batch.class_counts[1] as f64 / batch.valid as f64 / 3.0;
        Ok(())
    }
    fn reset(&mut self) {
        if self.flaw != Flaw::KeepsAfterReset {
            self.scale = 1.0;
        }
    }
    fn state(&self) -> State {
        let saved = match self.flaw {
            Flaw::ForgetsToSave => return State::Stateless,
            Flaw::RoundsItsState => f64::from(self.scale as f32),
            _ => self.scale,
        };
        State::record("stateful", 1, &(), &saved).unwrap_or_default()
    }
    fn restore(&mut self, state: &State) -> Result<(), StateError> {
        match (self.flaw, state.read("stateful", 1, &())) {
            (Flaw::ForgetsToSave, _) if *state == State::Stateless => {}
            (Flaw::TakesAnyState, Err(_)) => {}
            (_, read) => self.scale = read?,
        }
        Ok(())
    }
}

#[test]
fn states_that_break_their_contract_are_refused() {
    let with = |flaw| Stateful { scale: 1.0, flaw };
    check_weighter(&with(Flaw::None), 2);
    for (flaw, part) in [
        (Flaw::ForgetsToSave, "to the bit"),
        (Flaw::RoundsItsState, "to the bit"),
        (Flaw::KeepsAfterReset, "reset starts anew"),
        (Flaw::TakesAnyState, "foreign state"),
        (Flaw::ObservesInSecret, "says that it observes"),
    ] {
        let message = refusal(&with(flaw));
        assert!(message.contains(part), "{flaw:?}: {message}");
    }
}

#[test]
fn a_table_of_another_length_is_refused() {
    let three = reweight::AlphaBalance::per_class(&[1.0, 2.0, 3.0]).expect("valid");
    assert!(refusal(&three).contains("3 values"), "{}", refusal(&three));
}
