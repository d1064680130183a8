//! The command line's definition, and values that it must refuse.

use super::*;
use clap::CommandFactory;

fn compare(arguments: &str) -> Result<CompareArguments, clap::Error> {
    let words = ["reweight", "compare"].into_iter().chain(arguments.split_whitespace());
    match Arguments::try_parse_from(words)?.command {
        Command::Compare(arguments) => Ok(*arguments),
        _ => panic!("asked for compare"),
    }
}

#[test]
fn the_definition_is_consistent() {
    Arguments::command().debug_assert();
}

#[test]
fn labels_may_begin_with_a_hyphen() {
    assert_eq!(compare("a.csv --positive -1").unwrap().task.positive.as_deref(), Some("-1"));
    assert_eq!(compare("a.csv --positive '1'").unwrap().task.positive.as_deref(), Some("'1'"));
}

#[test]
fn values_are_checked() {
    let given = compare("a.csv --delimiter tab --hidden 64,8 --strategy a=b.toml").unwrap();
    assert_eq!(given.reading.form.delimiter, Some(Delimiter(b'\t')));
    assert_eq!(given.training.hidden_layers(), Ok(vec![64, 8]));
    assert_eq!(given.strategies.strategy[0], Strategy { name: "a".into(), config: Some("b.toml".into()) });
    let layers = |arguments| compare(arguments).unwrap().training.hidden_layers();
    assert_eq!(layers(""), Ok(vec![32, 32]));
    for linear in ["--hidden none", "--learner linear", "--learner linear --hidden none"] {
        assert_eq!(layers(linear), Ok(Vec::new()), "{linear}");
    }
    assert_eq!(layers("--learner linear --hidden 8"), Err(LearnerError));
    let step = |arguments| compare(arguments).unwrap().training.step_size();
    assert_eq!(step(""), Ok(0.003));
    assert_eq!([step("--hidden none"), step("--learner linear")], [Ok(0.03), Ok(0.03)]);
    assert_eq!(step("--learner linear --learning-rate 0.5"), Ok(0.5));
    let preset = compare("--strategy logit-adjustment").unwrap();
    assert_eq!(preset.strategies.strategy[0], Strategy { name: "logit-adjustment".into(), config: None });
    for wrong in [
        "--folds 1",
        "--repeats 0",
        "--hidden 3,0",
        "--hidden 9999999",
        "--learning-rate 0",
        "--learning-rate nan",
        "--weight-decay -1",
        "--strategy mine",
        "--strategy plain-ce",
        "--strategy ldam=",
        "--target y",
        "--no-presets",
        "a.csv --positive 1 --multiclass",
        "a.csv --delimiter ab",
        "a.csv --merge-rare",
        "a.csv --multiclass --merge-rare --drop-rare",
        "--decimal comma",
    ] {
        assert!(compare(wrong).is_err(), "{wrong}");
    }
}
