//! Every base and adjustment under the laws for them, as a third party would run them on their own; and what breaks them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use reweight::{
    Adjustment, AdjustmentVisitor, Affine, BaseLoss, BaseVisitor, BatchForm, BuiltIn, Logistic, ParameterError, Real,
    Sample, WeightError, each_adjustment, each_base,
};
use reweight_testkit::{
    check_adjustment, check_adjustment_on_engine, check_base, check_base_on_engine, check_weighter_on_engine, custom,
};

/// How many were checked.
#[derive(Default)]
struct Checked {
    parts: usize,
}

fn made<T: BuiltIn + TryFrom<T::Config, Error = ParameterError>>(classes: usize) -> Vec<T> {
    T::examples(classes, classes).into_iter().map(|config| config.try_into().expect("a valid example")).collect()
}

impl BaseVisitor for Checked {
    fn visit<T: BuiltIn + BaseLoss + TryFrom<T::Config, Error = ParameterError>>(&mut self) {
        for classes in [2, 5] {
            made::<T>(classes).iter().for_each(|base| check_base(base, classes));
        }
        self.parts += 1;
    }
}

impl AdjustmentVisitor for Checked {
    fn visit<T: BuiltIn + Adjustment + TryFrom<T::Config, Error = ParameterError>>(&mut self) {
        for classes in [2, 5] {
            made::<T>(classes).iter().for_each(|adjustment| check_adjustment(adjustment, classes));
        }
        self.parts += 1;
    }
}

#[test]
fn every_base_and_adjustment_holds_its_laws() {
    let mut checked = Checked::default();
    each_base(&mut checked);
    each_adjustment(&mut checked);
    assert!(checked.parts >= 7, "{}", checked.parts);
}

/// (1 − p_t)², of a third party.
#[derive(Clone, Debug)]
struct Squared;

impl BaseLoss for Squared {
    fn loss<R: Real>(&self, s: &Sample<R>) -> R {
        s.log_q().scale(2.0).exp()
    }
}

/// The same margin for every class, of a third party.
#[derive(Clone, Debug)]
struct Margin(Vec<f64>);

impl Adjustment for Margin {
    fn affine(&self, form: &BatchForm<'_>) -> Result<Affine, WeightError> {
        form.ask_classes("margin", self.0.len())?;
        Ok(Affine { margin: self.0.clone(), ..Affine::default() })
    }
}

#[test]
fn a_third_partys_parts_hold_them_on_the_engine() {
    check_weighter_on_engine(&custom::RootNorm { factor: 1.5 }, 3);
    check_base_on_engine(&Squared, 2);
    check_base_on_engine(&Squared, 4);
    check_adjustment_on_engine(&Margin(vec![1.0; 3]), 3);
}

/// The message of a check that must fail.
fn refusal(check: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(check)).expect_err("a broken part passes its laws");
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[test]
fn bases_that_break_their_contract_are_refused() {
    macro_rules! base {
        ($name:ident, $sample:ident => $loss:expr) => {
            #[derive(Clone, Debug)]
            struct $name;
            impl BaseLoss for $name {
                fn loss<R: Real>(&self, $sample: &Sample<R>) -> R {
                    $loss
                }
            }
        };
    }
    base!(Rises, s => s.p());
    base!(Negative, s => s.log_p());
    base!(Narrow, s => R::lit(1e-90) / (s.p() + R::lit(1e-100)));
    assert!(refusal(|| check_base(&Rises, 2)).contains("does not rise"));
    assert!(refusal(|| check_base(&Negative, 2)).contains("at least 0"));
    assert!(refusal(|| check_base(&Narrow, 2)).contains("`f32`"));
}

#[test]
fn adjustments_that_break_their_contract_are_refused() {
    /// An adjustment with one flaw.
    #[derive(Clone, Debug)]
    enum Flawed {
        Infinite,
        Short,
        NoProbability,
        Turned,
    }
    impl Adjustment for Flawed {
        fn affine(&self, form: &BatchForm<'_>) -> Result<Affine, WeightError> {
            Ok(match self {
                Self::Infinite => Affine { offset: vec![f64::INFINITY], ..Affine::default() },
                Self::Short => Affine { scale: vec![1.0; form.classes() - 1], ..Affine::default() },
                _ => {
                    form.ask_binary("flawed", "a probability")?;
                    form.ask_hard_labels("flawed")?;
                    Affine::default()
                }
            })
        }
        fn sample<R: Real>(&self, s: Sample<R>) -> Sample<R> {
            let (log_p, log_q, p, q) = (s.log_p(), s.log_q(), s.p(), s.q());
            match self {
                Self::NoProbability => s.seen_as(Logistic { log_p, log_q, p, q: q.scale(0.5) }),
                Self::Turned => s.seen_as(Logistic { log_p: log_q, log_q: log_p, p: q, q: p }),
                _ => s,
            }
        }
        fn maps_samples(&self) -> bool {
            matches!(self, Self::NoProbability | Self::Turned)
        }
    }
    for (flaw, part) in [
        (Flawed::Infinite, "finite"),
        (Flawed::Short, "one value, or one a place"),
        (Flawed::NoProbability, "p + q"),
        (Flawed::Turned, "keeps at least its p_t"),
    ] {
        let message = refusal(|| check_adjustment(&flaw, 5));
        assert!(message.contains(part), "{flaw:?}: {message}");
    }
}
