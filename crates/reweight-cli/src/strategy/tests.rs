//! The presets train, names are told apart, and α-balance takes its counts from the training rows.

use super::*;

fn given(text: &str) -> arguments::Strategy {
    text.parse().unwrap()
}

#[test]
fn presets_fit_both_tasks() {
    for (objective, counts) in [(Objective::Bce, vec![90, 10]), (Objective::SoftmaxCe, vec![50, 40, 10])] {
        let all = strategies(objective, &[], true).unwrap();
        assert_eq!(all.len(), 6);
        all.iter().for_each(|strategy| strategy.check(objective, &counts).unwrap());
    }
    assert_eq!(strategies(Objective::Bce, &[], false).unwrap().len(), 1);
}

#[test]
fn balance_takes_the_counts_of_the_training_rows() {
    let all = strategies(Objective::Bce, &[], true).unwrap();
    let Ok(ConfiguredLoss::Bce(loss)) = all[1].build(&[90, 10]) else { panic!("a loss for two classes") };
    let entry = &loss.weighter().to_config().unwrap()[0];
    assert_eq!(entry.settings["counts"], json!([90, 10]));
    // What is shown and saved has no counts of one fold.
    assert!(!all[1].loss.weighter[0].settings.contains_key("counts"));
}

#[test]
fn a_file_may_take_a_presets_place_in_either_spelling() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.toml");
    std::fs::write(&file, "objective = \"bce\"").unwrap();
    for name in ["alpha-focal", "α·focal", "Alpha-Focal"] {
        let all = strategies(Objective::Bce, &[given(&format!("{name}={}", file.display()))], true).unwrap();
        assert_eq!(all.len(), 6);
        assert_eq!((all[3].name.as_str(), all[3].loss.weighter.len()), ("α·focal", 0));
    }
    let twice = ["ghm", "GHM"].map(|name| given(&format!("{name}={}", file.display())));
    assert!(matches!(strategies(Objective::Bce, &twice, true), Err(StrategyError::Twice { .. })));
}
