//! A recorded formula is what its steps say, and wrong steps are refused by their place.

use super::*;
use crate::{BceLoss, Dual, Focal, LossConfig, ParameterError};

fn recorded(steps: Vec<Step>) -> Result<Recorded, ParameterError> {
    RecordedConfig { name: "rule".into(), steps, ..RecordedConfig::default() }.try_into()
}

#[test]
fn it_gives_what_the_same_formula_gives_as_a_type() -> Result<(), ParameterError> {
    let steps = vec![Step::LogQ, Step::Literal(1.5), Step::Mul(0, 1), Step::Exp(2)];
    let (own, typed) = (recorded(steps)?, Focal::new(1.5)?);
    for margin in [-700.0, -3.0, 0.0, 0.2, 40.0] {
        for sample in [
            Sample::binary(Dual::variable(margin), Dual::constant(1.0)),
            Sample::soft(Dual::variable(margin), Dual::constant(0.3)),
        ] {
            assert_eq!(SampleWeighter::weight(&own, &sample), typed.weight(&sample), "margin {margin}");
        }
    }
    Ok(())
}

#[test]
fn a_power_of_a_probability_stays_in_log_space() -> Result<(), ParameterError> {
    for gamma in [0.0, 0.5, 1.0, 2.0, 3.0, 9.0] {
        let steps = vec![Step::Q, Step::Parameter("gamma".into()), Step::Pow(0, 1)];
        let config = RecordedConfig { name: "rule".into(), steps, ..RecordedConfig::default() };
        let (own, typed) = (Recorded::try_from(config.with("gamma", gamma))?, Focal::new(gamma)?);
        for margin in [-700.0, -1.0, 0.0, 3.0, 1e4] {
            let sample = Sample::class_of(Dual::variable(margin), Dual::constant(1.0));
            let (own, typed) = (SampleWeighter::weight(&own, &sample), typed.weight(&sample));
            assert!((own.value - typed.value).abs() <= 4e-16 * typed.value, "γ = {gamma}, margin {margin}");
            assert!((own.slope - typed.slope).abs() <= 4e-16 * typed.slope.abs(), "γ = {gamma}, margin {margin}");
        }
    }
    Ok(())
}

/// Where the margin is 800, only the logarithm is left of each of them.
#[test]
fn a_power_stays_in_log_space_for_whatever_has_a_logarithm() -> Result<(), ParameterError> {
    let half = |steps: Vec<Step>| {
        let base = steps.len() as u32 - 1;
        recorded([steps, vec![Step::Literal(0.1), Step::Pow(base, base + 1)]].concat())
    };
    for (step, margin) in [(Step::P, -800.0), (Step::Q, 800.0), (Step::Residual, 800.0), (Step::GradientNorm, 800.0)] {
        let sample = Sample::class_of(Dual::variable(margin), Dual::constant(1.0));
        let weight = SampleWeighter::weight(&half(vec![step.clone()])?, &sample);
        let (expected, flows) = ((-80.0_f64).exp(), !matches!(step, Step::GradientNorm));
        assert!((weight.value - expected).abs() <= 4e-14 * expected, "{step:?}: {}", weight.value);
        assert_eq!(weight.slope != 0.0, flows, "{step:?}: {}", weight.slope);
    }
    // Of anything else, its own logarithm.
    let sample = Sample::class_of(Dual::variable(0.7), Dual::constant(1.0));
    for (steps, expected) in [
        (vec![Step::CrossEntropy], sample.cross_entropy()),
        (vec![Step::Q, Step::Detach(0)], sample.q().detach()),
        (vec![Step::P, Step::Detach(0)], sample.p().detach()),
    ] {
        let (own, expected) = (SampleWeighter::weight(&half(steps)?, &sample), Real::powf(expected, 0.1));
        assert!((own.value - expected.value).abs() <= 4e-16 * expected.value, "{own:?} for {expected:?}");
        assert!((own.slope - expected.slope).abs() <= 4e-16 * expected.slope.abs(), "{own:?} for {expected:?}");
    }
    Ok(())
}

#[test]
fn leaves_of_two_operations_are_the_samples_own() -> Result<(), ParameterError> {
    let sample = Sample::soft(Dual::variable(0.7_f64), Dual::constant(0.2));
    for (step, expected) in [
        (Step::GradientNorm, sample.gradient_norm()),
        (Step::LossIfPositive, sample.loss_if_positive()),
        (Step::LossIfNegative, sample.loss_if_negative()),
    ] {
        assert_eq!(SampleWeighter::weight(&recorded(vec![step])?, &sample), expected);
    }
    Ok(())
}

#[test]
fn it_is_kept_as_its_config() -> Result<(), Box<dyn std::error::Error>> {
    let own = recorded(vec![Step::LogQ, Step::Exp(0)])?;
    let text = serde_json::to_string(&own)?;
    assert_eq!(text, r#"{"name":"rule","steps":["log-q",{"exp":0}]}"#);
    assert_eq!(serde_json::from_str::<Recorded>(&text)?, own);
    Ok(())
}

#[test]
fn wrong_steps_are_named_by_their_place() {
    let message = |steps| recorded(steps).map(|_| ()).map_err(|error| error.to_string());
    let expected = "`steps[1]` is 1, but must be the place of an earlier step, from 0";
    assert_eq!(message(vec![Step::Q, Step::Exp(1)]), Err(expected.to_owned()));
    let expected = "`steps[0]` is 0, but must be the place of an earlier step, from 0";
    assert_eq!(message(vec![Step::Pow(0, 0)]), Err(expected.to_owned()));
    let expected = "`steps[0]` is inf, but must be finite";
    assert_eq!(message(vec![Step::Literal(f64::INFINITY)]), Err(expected.to_owned()));
    assert_eq!(message(Vec::new()), Err("`number of steps` is 0, but must be from 1 to 8192".to_owned()));
    let expected = "`number of values of steps[0]` is 0, but must be at least 1";
    assert_eq!(message(vec![Step::PerClass(Vec::new())]), Err(expected.to_owned()));
    let expected = "`steps[0][1]` is NaN, but must be finite";
    assert_eq!(message(vec![Step::PerColumn(vec![0.0, f64::NAN])]), Err(expected.to_owned()));
    let expected = "`gamma` is NaN, but must be in `parameters`, which has no value for it (steps[0])";
    assert_eq!(message(vec![Step::Parameter("gamma".into())]), Err(expected.to_owned()));
}

#[test]
fn tables_of_another_length_are_refused() -> Result<(), ParameterError> {
    let per_class = recorded(vec![Step::PerClass(vec![1.0, 2.0, 3.0])])?;
    assert!(matches!(SampleWeighter::check(&per_class, 2), Err(WeightError::ClassCount { given: 3, classes: 2, .. })));
    let per_column = recorded(vec![Step::PerColumn(vec![1.0, 2.0])])?;
    let form = BatchForm::binary(&[4, 3], false);
    assert!(matches!(SampleWeighter::fits(&per_column, &form), Err(WeightError::Columns { given: 2, columns: 3, .. })));
    // One value stands for every column.
    let for_all = recorded(vec![Step::PerColumn(vec![1.0])])?;
    assert_eq!(SampleWeighter::fits(&for_all, &form), Ok(()));
    Ok(())
}

#[cfg(feature = "toml")]
#[test]
fn a_config_holds_it_as_weighter_and_as_base() -> Result<(), crate::ConfigError> {
    let steps = vec![Step::LogQ, Step::Parameter("k".into()), Step::Mul(0, 1), Step::Exp(2), Step::Ln1P(3)];
    let part = Recorded::try_from(RecordedConfig { name: "rule".into(), steps, ..Default::default() }.with("k", 0.1))?;
    let chain = crate::Chain::from(vec![crate::BoxedWeighter::new(part.clone())?]);
    let loss = crate::ConfiguredLoss::Bce(BceLoss::new(chain).with_base(part));
    let text = loss.to_config()?.to_toml()?;
    let again = LossConfig::from_toml(&text)?;
    assert_eq!(again, loss.to_config()?, "{text}");
    assert_eq!(again.build()?.to_config()?, again);
    assert!(text.contains("ln-1p"), "{text}");
    Ok(())
}
