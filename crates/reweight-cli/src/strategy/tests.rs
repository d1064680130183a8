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

#[test]
fn presets_by_name_are_compared_where_they_are_asked_for() {
    let names = ["logit-adjustment", "LDAM", "asl", "poly-1", "gce", "hard examples"];
    let all = strategies(Objective::Bce, &names.map(given), false).unwrap();
    assert_eq!(all.len(), 7);
    all.iter().for_each(|strategy| strategy.check(Objective::Bce, &[90, 10]).unwrap());
    // What is shown and saved has no counts of one fold.
    assert_eq!(all[1].loss.adjustment[0].settings.get("counts"), None);
    for (place, kind) in [(1, "logit-adjustment"), (2, "ldam")] {
        let Ok(ConfiguredLoss::Bce(loss)) = all[place].build(&[90, 10]) else { panic!("a loss for two classes") };
        let entry = &ConfiguredLoss::Bce(loss).to_config().unwrap().adjustment[0];
        assert_eq!((entry.kind.as_str(), &entry.settings["counts"]), (kind, &json!([90, 10])));
    }
    assert_eq!(all[2].loss.adjustment[0].settings["scale"], 1.0);
    // A default by its name is that default, once.
    assert_eq!(strategies(Objective::Bce, &[given("focal")], true).unwrap().len(), 6);
    assert_eq!(strategies(Objective::Bce, &[given("focal")], false).unwrap()[1].name, "focal");
    let twice = strategies(Objective::Bce, &[given("gce"), given("GCE")], false);
    assert!(matches!(twice, Err(StrategyError::Twice { .. })));
}

#[test]
fn a_part_that_does_not_fit_the_task_is_refused_before_training() {
    let counts = [50, 40, 10];
    for name in ["logit-adjustment", "ldam", "poly-1", "gce", "hard-examples"] {
        let all = strategies(Objective::SoftmaxCe, &[given(name)], false).unwrap();
        all.iter().for_each(|strategy| strategy.check(Objective::SoftmaxCe, &counts).unwrap());
    }
    let asymmetric = strategies(Objective::SoftmaxCe, &[given("asl")], false).unwrap();
    let error = asymmetric[1].check(Objective::SoftmaxCe, &counts).unwrap_err();
    assert_eq!(error.to_string(), "strategy `ASL` (built in)");
    let StrategyError::Misfit { source, .. } = error else { panic!("a misfit") };
    assert!(
        source
            .to_string()
            .starts_with("`probability-shift` has a probability of its own for each logit, which softmax")
    );
    let mut own = strategies(Objective::Bce, &[given("ldam")], false).unwrap().remove(1);
    own.loss.adjustment[0].settings.insert("counts".to_owned(), json!([5, 4, 3]));
    assert!(matches!(own.check(Objective::Bce, &[90, 10]), Err(StrategyError::Misfit { .. })));
}
