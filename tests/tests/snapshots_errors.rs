//! The text of every error, as a user reads it.

use std::fmt::Display;

use reweight::{
    AlphaBalance, Chain, ConfigError, Focal, FocalConfig, Ghm, GhmConfig, LossConfig, LossError, ParameterError,
    Reduction, Registry, SampleWeighter, StateError, TraceError, WeightError,
};

/// One line a message, with the name of what it is about.
fn list(messages: Vec<(&str, Box<dyn Display>)>) -> String {
    let indented = |message: &dyn Display| message.to_string().replace('\n', "\n    ");
    messages.into_iter().map(|(name, message)| format!("{name}\n    {}\n", indented(&*message))).collect()
}

fn message<T, E: Display + 'static>(result: Result<T, E>) -> Box<dyn Display> {
    match result {
        Ok(_) => Box::new("NO ERROR"),
        Err(error) => Box::new(error),
    }
}

#[test]
fn losses() {
    let shape = |name| LossError::Shape { name, expected: vec![32, 10], found: vec![32] };
    let text = list(vec![
        ("shape of the targets", Box::new(shape("targets"))),
        ("shape of a gradient", Box::new(shape("grad"))),
        ("one class", Box::new(LossError::Classes { found: vec![32, 1] })),
        ("label too large", Box::new(LossError::label(7, 10, 10))),
        ("label below zero", Box::new(LossError::label(7, -100, 10))),
        ("soft target", Box::new(LossError::Target { index: 3, target: 1.25 })),
        ("NaN target", Box::new(LossError::Target { index: 3, target: f64::NAN })),
        ("logit", Box::new(LossError::NonFiniteLogit { index: 41, logit: f64::NAN })),
        ("sample weight", Box::new(LossError::SampleWeight { index: 2, weight: -0.5 })),
        ("backend", Box::new(LossError::Backend("what the backend says".to_owned()))),
        ("weighter inside", Box::new(LossError::from(WeightError::Custom("what its author says".to_owned())))),
        ("parameter inside", Box::new(LossError::from(ParameterError::new("gamma", -1.0, "at least 0")))),
    ]);
    insta::assert_snapshot!(text);
}

#[test]
fn weighters() {
    let own = |text: &str| text.to_owned();
    let text = list(vec![
        (
            "table of another length",
            Box::new(WeightError::ClassCount { weighter: own("focal"), given: 3, classes: 10 }),
        ),
        ("a table in a batch", message(AlphaBalance::per_class(&[1.0, 2.0, 3.0]).expect("valid").check(2))),
        (
            "statistics not gathered",
            Box::new(WeightError::MissingStatistics { wanted: own("30 unit regions"), found: own("totals only") }),
        ),
        (
            "statistics of two losses",
            Box::new(WeightError::StatisticsMismatch { own: own("10 unit regions"), other: own("10 classes") }),
        ),
        ("custom", Box::new(WeightError::Custom(own("what its author says")))),
        ("foreign symbol", Box::new(TraceError::Foreign)),
    ]);
    insta::assert_snapshot!(text);
}

#[test]
fn parameters() {
    let ghm = |config: GhmConfig| message(Ghm::try_from(config));
    let loss = || reweight::SoftmaxLoss::new(());
    let text = list(vec![
        ("alpha", message(AlphaBalance::binary(1.5))),
        ("one class weight", message(AlphaBalance::per_class(&[1.0]))),
        ("negative class weight", message(AlphaBalance::per_class(&[1.0, -2.0]))),
        ("a class without samples", message(AlphaBalance::from_counts(&[10, 0], reweight::CountScheme::InverseSqrt))),
        ("beta", message(AlphaBalance::effective_number(&[10, 1], 1.0))),
        ("gamma", message(Focal::new(-2.0))),
        ("NaN gamma", message(Focal::new(f64::NAN))),
        ("no gamma", message(Focal::try_from(FocalConfig::default()))),
        ("bins", ghm(GhmConfig::new(0, 0.5))),
        ("momentum", ghm(GhmConfig::new(10, 1.0))),
        ("cap", ghm(GhmConfig { cap: Some(0.0), ..GhmConfig::new(10, 0.5) })),
        ("scale", message(Focal::new(1.0).expect("valid").scaled(-1.0))),
        ("lower bound", message(Focal::new(1.0).expect("valid").clamped(-1.0, 1.0))),
        ("upper bound", message(Focal::new(1.0).expect("valid").clamped(2.0, 1.0))),
        ("divisor", message(loss().with_reduction(Reduction::Divisor(0.0)))),
        ("label smoothing", message(loss().with_label_smoothing(1.5))),
    ]);
    insta::assert_snapshot!(text);
}

#[test]
fn states() {
    let own = |text: &str| text.to_owned();
    let mut ghm = Ghm::new(10, 0.75).expect("valid");
    let other = Ghm::new(30, 0.75).expect("valid").state();
    let chain = (ghm.clone(), Focal::new(2.0).expect("valid"));
    let text = list(vec![
        ("a state of nothing", message(ghm.restore(&reweight::State::Stateless))),
        ("a state for nothing", message(Focal::new(2.0).expect("valid").restore(&other))),
        ("other bins", message(ghm.restore(&other))),
        ("another length", message((ghm.clone(),).restore(&chain.state()))),
        ("no chain", message(chain.clone().restore(&other))),
        ("version", Box::new(StateError::Version { kind: own("ghm"), expected: 1, found: 2 })),
        (
            "damaged",
            Box::new(StateError::Damaged { kind: own("ghm"), reason: own("its tables do not hold 10 unit regions") }),
        ),
    ]);
    insta::assert_snapshot!(text);
}

#[test]
fn configs() {
    let toml = |text: &str| message(LossConfig::from_toml(text));
    let build = |weighter: &str| {
        let text = format!("objective = \"bce\"\n[[weighter]]\n{weighter}\n");
        message(LossConfig::from_toml(&text).and_then(|config| config.build()))
    };
    let softmax_only = LossConfig { label_smoothing: Some(0.1), ..LossConfig::new(reweight::Objective::Bce) };
    let mut taken = Registry::built_in();
    let foreign = reweight::BoxedWeighter::new(reweight_testkit::custom::RootNorm { factor: 1.0 }).expect("recordable");
    let text = list(vec![
        ("no TOML", toml("objective = ")),
        ("no objective", toml("reduction = \"mean\"")),
        ("unknown objective", toml("objective = \"mse\"")),
        ("unknown key", toml("objective = \"bce\"\nreduce = \"mean\"")),
        ("unknown reduction", toml("objective = \"bce\"\nreduction = \"average\"")),
        ("not JSON", message(LossConfig::from_json("{\"objective\": }"))),
        ("unknown JSON key", message(LossConfig::from_json("{\"objective\": \"bce\", \"gamma\": 2}"))),
        ("no kind", build("gamma = 2.0")),
        ("unknown kind", build("kind = \"focl\"\ngamma = 2.0")),
        ("unknown setting", build("kind = \"focal\"\ngama = 2.0")),
        ("unknown setting of ghm", build("kind = \"ghm\"\nbins = 10\nbin = 10")),
        ("unknown preset", build("kind = \"ghm\"\nbins = 10\npreset = \"mine\"")),
        ("missing setting", build("kind = \"ghm\"")),
        ("wrong type", build("kind = \"focal\"\ngamma = \"two\"")),
        ("outside its domain", build("kind = \"focal\"\ngamma = -2.0")),
        ("nan", build("kind = \"ghm\"\nbins = 10\ncap = nan")),
        ("wrong modifier", build("kind = \"focal\"\ngamma = 2.0\nclamp = [2.0, 1.0]")),
        ("setting of the other objective", message(softmax_only.build())),
        ("kind taken", message(taken.register::<Focal>("focal"))),
        ("no entry", message(Chain::from(vec![foreign]).to_config())),
        ("trace", Box::new(ConfigError::from(TraceError::Foreign))),
    ]);
    insta::assert_snapshot!(text);
}
