//! Configs: round trips, what is refused, foreign kinds, and the modifiers of a chain's links.

use super::{Chain, ConfigError, ConfiguredLoss, LossConfig, Objective, Registry};
use crate::boxed::BoxedWeighter;
use crate::dual::Dual;
use crate::real::Real;
use crate::reduction::Reduction;
use crate::reference::{BceBatch, BceTargets};
use crate::sample::Sample;
use crate::state::State;
use crate::weighter::SampleWeighter;
use crate::weighters::{Focal, Ghm};
use crate::{Poly1, ProbabilityShift};

#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Linear {
    factor: f64,
}

impl SampleWeighter for Linear {
    fn weight<R: Real>(&self, sample: &Sample<R>) -> R {
        sample.q().scale(self.factor)
    }
}

fn with_linear() -> Registry {
    let mut registry = Registry::built_in();
    registry.register::<Linear>("linear").expect("a free name");
    registry
}

const EVERYTHING: &str = r#"
objective = "softmax-ce"
reduction = { divisor = 128.0 }
ignore_index = -100
label_smoothing = 0.1

[[weighter]]
kind = "alpha-balance"
counts = [900, 90, 9]
scheme = "effective-number"
beta = 0.99

[[weighter]]
kind = "focal"
detached = true
scale = 2.0
clamp = [0.125, 1.5]
gammas = [0.5, 1.0, 2.0]

[[weighter]]
kind = "ghm"
bins = 30
momentum = 0.75
preset = "corrected"
decay = "non-empty"
normaliser = "all"
unit = "counts"
bias_correction = false
cap = 10.0
mean_one = true
"#;

#[test]
fn toml_and_json_round_trip() {
    let config = LossConfig::from_toml(EVERYTHING).expect("right");
    assert_eq!(config.reduction, Reduction::Divisor(128.0));
    assert_eq!(LossConfig::from_toml(&config.to_toml().expect("written")).expect("read"), config);
    assert_eq!(LossConfig::from_json(&config.to_json().expect("written")).expect("read"), config);
    let built = config.build().expect("right settings");
    assert_eq!(built.to_config().expect("all kinds are known"), config, "a loss knows the config that it came from");
    // No smoothing is left out, and not written as 0.
    let without = LossConfig { label_smoothing: None, ..config };
    assert_eq!(without.build().and_then(|built| built.to_config()).expect("right settings"), without);
}

#[test]
fn both_objectives_know_the_config_that_they_came_from() {
    let of_bce = r#"
        objective = "bce"
        reduction = "weighted-mean"
        base = { kind = "poly-1", epsilon = 2.0 }
        [[adjustment]]
        kind = "probability-shift"
        margin = 0.05
        [[weighter]]
        kind = "focal"
        gamma = 1.5
        scale = 3.0
        [[weighter]]
        kind = "pos-weight"
        values = [1.0, 4.0]
    "#;
    let of_softmax = r#"
        objective = "softmax-ce"
        reduction = "sum"
        ignore_index = -100
        label_smoothing = 0.1
        [[adjustment]]
        kind = "logit-adjustment"
        counts = [50, 5]
        [[weighter]]
        kind = "focal"
        gamma = 2.0
    "#;
    for text in [of_bce, of_softmax] {
        let config = LossConfig::from_toml(text).expect("right");
        let built = config.build().expect("right settings").to_config().expect("all kinds are known");
        assert_eq!(built, config);
    }
}

#[test]
fn a_chain_built_in_code_has_a_config() {
    let boxed = |weighter: Result<BoxedWeighter, _>| weighter.expect("recordable");
    let chain = Chain::from(vec![
        boxed(BoxedWeighter::new(Focal::by_target(1.0, 2.0).expect("valid"))),
        boxed(BoxedWeighter::new(Ghm::new(10, 0.5).expect("valid"))),
    ]);
    let entries = chain.to_config().expect("built-in kinds");
    let rebuilt = Chain::from_config(&entries, &Registry::built_in()).expect("right settings");
    let sample = Sample::binary(0.3, 1.0);
    assert_eq!(rebuilt.weight(&sample), chain.weight(&sample));
    assert_eq!(rebuilt.state(), chain.state());
    let mut foreign = Chain::default();
    foreign.push(boxed(BoxedWeighter::new(Linear { factor: 1.0 })));
    assert_eq!(foreign.to_config(), Err(ConfigError::NoEntry));
}

#[test]
fn foreign_kinds_take_part() {
    let json = r#"{"objective": "bce", "weighter": [{"kind": "linear", "factor": 3.0, "scale": 0.5}]}"#;
    let config = LossConfig::from_json(json).expect("right");
    let ConfiguredLoss::Bce(loss) = config.build_with(&with_linear()).expect("a known kind") else {
        panic!("not a BCE loss");
    };
    assert_eq!(loss.weighter().weight(&Sample::binary(0.0, 1.0)), 0.75);
    assert_eq!(loss.weighter().to_config().expect("it came from a config"), config.weighter);
    assert!(matches!(config.build(), Err(ConfigError::UnknownKind { position: 1, .. })), "not built in");
    let twice = with_linear().register::<Linear>("focal");
    assert_eq!(twice, Err(ConfigError::DuplicateKind("focal".to_owned())));
}

#[test]
fn foreign_bases_and_adjustments_take_part() {
    let mut registry = Registry::built_in();
    registry.register_base::<Poly1>("own-base").expect("a free name");
    registry.register_adjustment::<ProbabilityShift>("own-shift").expect("a free name");
    assert!(registry.bases().any(|kind| kind == "own-base") && registry.bases().any(|kind| kind == "poly-1"));
    assert!(
        registry.adjustments().any(|kind| kind == "own-shift") && registry.adjustments().any(|kind| kind == "ldam")
    );
    assert!(registry.kinds().any(|kind| kind == "focal") && !registry.kinds().any(|kind| kind == "own-base"));
    let loss_of = |base: &str, adjustment: &str| {
        let json = format!(
            r#"{{"objective": "bce", "base": {{"kind": "{base}", "epsilon": 2.0}},
                 "adjustment": [{{"kind": "{adjustment}", "margin": 0.1}}]}}"#
        );
        let config = LossConfig::from_json(&json).expect("right");
        let ConfiguredLoss::Bce(mut loss) = config.build_with(&registry)? else { panic!("not a BCE loss") };
        let batch = BceBatch::new(&[0.3, -1.0], BceTargets::Hard(&[1, 0]));
        Ok::<_, ConfigError>(batch.value_and_grad(&mut loss).expect("a right batch").losses)
    };
    assert_eq!(loss_of("own-base", "own-shift"), loss_of("poly-1", "probability-shift"));
    assert!(loss_of("own-base", "own-shift").is_ok_and(|losses| losses[0] > 1.0));
    assert!(loss_of("own-shift", "own-shift").is_err() && loss_of("own-base", "own-base").is_err());
    let taken = |kind: &str| Err(ConfigError::DuplicateKind(kind.to_owned()));
    assert_eq!(registry.register_base::<Poly1>("own-base"), taken("own-base"));
    assert_eq!(registry.register_adjustment::<ProbabilityShift>("ldam"), taken("ldam"));
}

#[test]
fn modifiers_apply_in_their_order() {
    let chain = |modifiers: &str| {
        let json = format!(r#"{{"objective": "bce", "weighter": [{{"kind": "focal", "gamma": 1.0 {modifiers}}}]}}"#);
        let config = LossConfig::from_json(&json).expect("right");
        Chain::from_config(&config.weighter, &Registry::built_in()).expect("right settings")
    };
    let at = |chain: &Chain, margin: f64| chain.weight(&Sample::binary(Dual::variable(margin), Dual::lit(1.0)));
    // q = ½ and dq/ds = −¼ at s = 0.
    assert_eq!(at(&chain(""), 0.0), Dual { value: 0.5, slope: -0.25 });
    assert_eq!(at(&chain(r#", "scale": 3.0"#), 0.0), Dual { value: 1.5, slope: -0.75 });
    assert_eq!(at(&chain(r#", "detached": true"#), 0.0), Dual { value: 0.5, slope: 0.0 });
    // The factor comes before the bounds.
    assert_eq!(at(&chain(r#", "scale": 3.0, "clamp": [0.0, 1.0]"#), 0.0), Dual { value: 1.0, slope: 0.0 });
    assert_eq!(at(&chain(r#", "scale": 0.1, "clamp": [0.2, 1.0]"#), 0.0), Dual { value: 0.2, slope: 0.0 });
    let free = at(&chain(r#", "clamp": [0.2, 1.0]"#), 0.0);
    assert_eq!(free, Dual { value: 0.5, slope: -0.25 }, "no bound is met");
}

#[test]
fn adapters_in_types_are_the_modifiers() {
    let focal = Focal::new(1.5).expect("valid");
    let typed = focal.clone().scaled(2.0).expect("finite").clamped(0.1, 1.0).expect("in order").detached();
    let json = r#"{"objective": "bce", "weighter":
        [{"kind": "focal", "gamma": 1.5, "scale": 2.0, "clamp": [0.1, 1.0], "detached": true}]}"#;
    let config = LossConfig::from_json(json).expect("right");
    let chain = Chain::from_config(&config.weighter, &Registry::built_in()).expect("right settings");
    for margin in [-5.0, -0.2, 0.0, 1.0, 9.0] {
        let sample = Sample::binary(Dual::variable(margin), Dual::lit(0.0));
        assert_eq!(chain.weight(&sample), typed.weight(&sample));
    }
    for factor in [-1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(focal.clone().scaled(factor).expect_err("refused").name, "scale");
    }
    for (low, high) in [(-0.1, 1.0), (2.0, 1.0), (0.0, f64::INFINITY), (f64::NAN, 1.0), (0.0, f64::NAN)] {
        assert!(focal.clone().clamped(low, high).is_err(), "{low} {high}");
    }
}

#[test]
fn settings_of_the_other_objective_are_refused() {
    for setting in ["ignore_index = -100", "label_smoothing = 0.1"] {
        let config = LossConfig::from_toml(&format!("objective = \"bce\"\n{setting}")).expect("of the right form");
        let error = config.build().expect_err("refused");
        assert!(matches!(error, ConfigError::Misplaced { belongs_to: "softmax-ce", .. }), "{error}");
    }
}

#[test]
fn parameters_outside_their_domain_are_refused() {
    for (text, part) in [
        ("kind = \"focal\"\ngamma = -1.0", "gamma"),
        ("kind = \"focal\"\ngamma = 1.0\ngamma_pos = 2.0", "γ is given by 2 settings; give `gamma` alone"),
        ("kind = \"focal\"\ngamma_pos = 2.0", "γ is given by 1 setting only; give"),
        ("kind = \"focal\"\ngammas = [1.0]", "number of gammas"),
        ("kind = \"focal\"\ngammas = [1.0, -2.0]", "gammas[1]"),
        ("kind = \"alpha-balance\"\nalpha = 1.5", "alpha"),
        ("kind = \"alpha-balance\"", "α is not given; give exactly one of"),
        (
            "kind = \"alpha-balance\"\nalpha = 0.5\nclass_weights = [1.0, 2.0]",
            "α is given by 2 settings; give exactly one of",
        ),
        ("kind = \"alpha-balance\"\nclass_weights = [1.0, -2.0]", "class_weights[1]"),
        ("kind = \"alpha-balance\"\ncounts = [1, 0]", "counts[1]"),
        ("kind = \"alpha-balance\"\nalpha = 0.5\nscheme = \"inverse-sqrt\"", "counts"),
        ("kind = \"alpha-balance\"\ncounts = [1, 2]\nbeta = 0.9", "beta"),
        ("kind = \"ghm\"\nbins = 0", "bins"),
        ("kind = \"ghm\"\nbins = 10\nmomentum = 1.0", "momentum"),
        ("kind = \"ghm\"\nbins = 10\ncap = 0.0", "cap"),
        ("kind = \"ghm\"", "missing field `bins`"),
        ("kind = \"focal\"\ngamma = 1.0\nscale = -2.0", "scale"),
        ("kind = \"focal\"\ngamma = 1.0\nclamp = [2.0, 1.0]", "clamp"),
        ("kind = \"focal\"\ngama = 1.0", "unknown field `gama`"),
    ] {
        let text = format!("objective = \"bce\"\n[[weighter]]\n{text}\n");
        let error = LossConfig::from_toml(&text).expect("of the right form").build().expect_err(&text);
        let ConfigError::Weighter { position: 1, reason, .. } = &error else { panic!("{text}: {error}") };
        assert!(reason.contains(part), "{text}: {reason}");
    }
    let divisor = LossConfig::from_toml("objective = \"bce\"\nreduction = { divisor = 0.0 }").expect("right form");
    assert!(matches!(divisor.build(), Err(ConfigError::Parameter(error)) if error.name == "divisor"));
    let smoothing = LossConfig::from_toml("objective = \"softmax-ce\"\nlabel_smoothing = 1.5").expect("right form");
    assert!(matches!(smoothing.build(), Err(ConfigError::Parameter(error)) if error.name == "label_smoothing"));
}

#[test]
fn numbers_that_json_has_not_do_not_read_as_left_out() {
    for text in ["kind = \"ghm\"\nbins = 10\ncap = inf", "kind = \"ghm\"\nbins = 10\ncap = nan"] {
        let error = LossConfig::from_toml(&format!("objective = \"bce\"\n[[weighter]]\n{text}")).expect_err(text);
        let value = if text.ends_with("inf") { "inf" } else { "NaN" };
        assert_eq!(error.to_string(), format!("weighter 1 (ghm): `cap` is {value}, but must be finite"));
    }
    // Where it stands, in lists and tables, too.
    let read = |text: &str| LossConfig::from_toml(text).expect_err(text);
    let softmax = "objective = \"softmax-ce\"\n";
    let plain = "[[weighter]]\nkind = \"focal\"\ngamma = 2.0\n";
    let list = read(&format!("{softmax}{plain}[[weighter]]\nkind = \"focal\"\ngammas = [1.0, 2.0, -inf]"));
    assert_eq!(list.to_string(), "weighter 2 (focal): `gammas[2]` is -inf, but must be finite");
    let table = "kind = \"recorded\"\nsteps = [\"q\"]\nparameters = { gamma = nan }";
    let table = read(&format!("{softmax}[[weighter]]\n{table}"));
    assert_eq!(table.to_string(), "weighter 1 (recorded): `parameters.gamma` is NaN, but must be finite");
    let second = "[[adjustment]]\nkind = \"logit-adjustment\"\npriors = [nan, 0.5]";
    let first = "[[adjustment]]\nkind = \"logit-adjustment\"\npriors = [0.5, 0.5]\n";
    for (text, position) in [(second.to_owned(), 1), (format!("{first}{second}"), 2)] {
        let error = read(&format!("{softmax}{text}"));
        assert!(matches!(error, ConfigError::Adjustment { position: found, .. } if found == position), "{error}");
    }
    let base = read("objective = \"bce\"\nbase = { kind = \"poly-1\", epsilon = inf }");
    assert!(
        matches!(&base, ConfigError::Base { kind, reason } if kind == "poly-1" && reason.contains("`epsilon`")),
        "{base}"
    );
}

#[test]
fn a_registry_shows_what_it_knows() {
    let shown = format!("{:?}", with_linear());
    for kind in ["alpha-balance", "linear", "poly-1", "ldam"] {
        assert!(shown.contains(&format!("\"{kind}\"")), "{kind}: {shown}");
    }
}

#[test]
fn settings_that_do_not_read_are_named() {
    let reason = |settings: &str| {
        let json = format!(r#"{{"objective": "bce", "weighter": [{{"kind": "ghm", {settings}}}]}}"#);
        match LossConfig::from_json(&json).expect("right form").build() {
            Err(ConfigError::Weighter { reason, .. }) => reason,
            other => panic!("{other:?}"),
        }
    };
    let wrong = reason(r#""bins": "ten", "momentum": 0.5"#);
    assert!(wrong.starts_with("`bins`: "), "{wrong}");
    let missing = reason(r#""momentum": 0.5"#);
    assert!(missing.contains("`bins`") && !missing.starts_with("`.`"), "{missing}");
    let unknown = reason(r#""bins": 10, "momentum": 0.5, "bin": 3"#);
    assert!(unknown.contains("`bin`") && unknown.ends_with("`scale`, `clamp` and `detached`"), "{unknown}");
}

#[test]
fn a_reduction_is_a_name_or_a_divisor() {
    let read = |text: &str| LossConfig::from_toml(&format!("objective = \"bce\"\nreduction = {text}"));
    for (text, reduction) in [
        ("\"mean\"", Reduction::Mean),
        ("\"sum\"", Reduction::Sum),
        ("\"none\"", Reduction::None),
        ("\"weighted-mean\"", Reduction::WeightedMean),
        ("\"positives\"", Reduction::Positives),
        ("{ divisor = 2 }", Reduction::Divisor(2.0)),
    ] {
        let config = read(text).expect("right");
        assert_eq!(config.reduction, reduction);
        assert_eq!(LossConfig::from_json(&config.to_json().expect("written")).expect("read"), config);
        assert_eq!(LossConfig::from_toml(&config.to_toml().expect("written")).expect("read"), config);
    }
    for (text, cure) in [
        ("\"divisor\"", "`divisor` needs its number: reduction = { divisor = 128.0 }"),
        ("{ divisor = \"two\" }", "`divisor` needs its number"),
        ("{ sum = 2 }", "`sum` takes no number: reduction = \"sum\""),
        ("\"average\"", "unknown variant `average`, expected one of `mean`"),
    ] {
        let error = read(text).expect_err(text).to_string();
        assert!(error.contains(cure), "{text}: {error}");
    }
    let json = LossConfig::from_json(r#"{"objective": "bce", "reduction": "divisor"}"#).expect_err("no number");
    assert!(json.to_string().contains("`divisor` needs its number"), "{json}");
}

#[test]
fn numbers_of_many_digits_are_short_and_long_lines_are_not_quoted() {
    let read = |text: &str| LossConfig::from_toml(text).and_then(|config| config.build().map(drop));
    let error = read("objective = \"bce\"\n[[weighter]]\nkind = \"focal\"\ngamma = -1e308").expect_err("negative");
    assert!(error.to_string().contains("`gamma` is -1e308, but"), "{error}");
    let long = format!("objective = \"bce\"\nignore_index = \"{}\"", "x".repeat(100_000));
    let error = read(&long).expect_err("no number").to_string();
    assert!(error.contains("line 2, column 16") && error.ends_with("…, expected a whole number"), "{}", &error[..200]);
    assert!(error.len() < 500);
}

#[test]
fn a_state_fits_its_own_chain_alone() {
    let chain = |kinds: &str| {
        let json = format!(r#"{{"objective": "bce", "weighter": [{kinds}]}}"#);
        let config = LossConfig::from_json(&json).expect("right");
        Chain::from_config(&config.weighter, &Registry::built_in()).expect("right settings")
    };
    let ghm = r#"{"kind": "ghm", "bins": 5}"#;
    let focal = r#"{"kind": "focal", "gamma": 2.0}"#;
    let mut own = chain(&format!("{focal}, {ghm}"));
    let other = chain(ghm).state();
    assert!(matches!(own.restore(&other), Err(crate::StateError::Length { expected: 2, found: 1 })));
    let swapped = chain(&format!("{ghm}, {focal}")).state();
    assert!(matches!(own.restore(&swapped), Err(crate::StateError::Kind { .. })));
    assert!(matches!(own.restore(&State::Stateless), Err(crate::StateError::Kind { .. })));
    assert!(own.restore(&own.state()).is_ok());
}

#[test]
fn plain_cross_entropy_is_the_default() {
    for (objective, text) in [(Objective::Bce, "bce"), (Objective::SoftmaxCe, "softmax-ce")] {
        let config = LossConfig::from_toml(&format!("objective = \"{text}\"")).expect("right");
        assert_eq!(config, LossConfig::new(objective));
        assert!(config.build().is_ok());
    }
}
