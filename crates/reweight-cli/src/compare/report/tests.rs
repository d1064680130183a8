//! Pages of comparisons that the command line hardly gives: constant and extreme scores, interrupted, or of nothing.

use reweight::Objective;
use reweight_lab::device::DeviceChoice;
use reweight_lab::problem::Problem;
use reweight_lab::table::{ReadOptions, Table};

use super::*;
use crate::compare::data::{DataSettings, DataSummary};
use crate::compare::protocol::Protocol;
use crate::compare::run::Run;
use crate::compare::settings::{Settings, TrainingSettings};
use crate::compare::trace::{GradientTrace, Trace};
use crate::report::read_charts;
use crate::strategy::strategies;

/// Twelve rows, three of them positive, in three folds, under the presets; every network gives row `row` the logit `logit(row)`.
fn comparison(logit: fn(usize) -> f32, finished: usize) -> Comparison {
    let labels = |row: usize| if row.is_multiple_of(4) { "a" } else { "b" };
    let text: String = (0..12).map(|row| format!("{},{}\n", (row * 7) % 5, labels(row))).collect();
    let options = ReadOptions::default();
    let table = Table::from_bytes("t.csv", format!("x,y\n{text}").into_bytes(), &options).unwrap();
    let problem = Problem::binary(table, Some("a"), 3).unwrap();
    let settings = Settings {
        data: DataSettings { file: Some("t.csv".to_owned()), ..DataSettings::default() },
        protocol: Protocol::default(),
        training: TrainingSettings {
            folds: 3,
            seeds: vec![0],
            epochs: 2,
            batch_size: 8,
            hidden: Vec::new(),
            learning_rate: 0.01,
            weight_decay: 0.0,
            device: DeviceChoice::Cpu,
        },
        strategies: strategies(Objective::Bce, &[], true).unwrap(),
    };
    let summary = DataSummary {
        name: "t.csv".to_owned(),
        sha256: String::new(),
        rows: 12,
        features: Vec::new(),
        target: "y".to_owned(),
        labels: vec![("a".to_owned(), 3), ("b".to_owned(), 9)],
        positive: Some("a".to_owned()),
        guesses: Vec::new(),
    };
    let folds = problem.folds(3, 0).unwrap();
    // As in the program: where nothing is optimised, the kernels need more stack than a test has.
    let pool = crate::threads::pool(Some(1)).unwrap();
    let run = |index: usize| {
        let (fold, strategy) = (index / settings.strategies.len(), index % settings.strategies.len());
        let test = folds[fold].test.clone();
        let logits: Vec<f32> = test.iter().map(|&row| logit(row)).collect();
        let classes: Vec<usize> = test.iter().map(|&row| problem.classes()[row]).collect();
        let loss = settings.strategies[strategy].build(&problem.counts(&folds[fold].train)).unwrap();
        Run {
            strategy,
            seed: 0,
            fold,
            figures: problem.judge(&logits, &test).unwrap(),
            epoch_losses: vec![0.0, 0.0],
            logits_sha256: String::new(),
            trace: Some(Trace {
                metric: vec![f64::NAN, 0.5],
                gradient: pool.install(|| GradientTrace::new(&problem, &loss, &logits, &classes)).unwrap(),
            }),
            logits,
            test,
        }
    };
    let runs = (0..finished).map(run).collect();
    let mut comparison = Comparison::new("c".to_owned(), settings.clone(), summary, problem.figures(), runs);
    comparison.report = pool.install(|| Story::new(&comparison, &problem));
    comparison
}

#[track_caller]
fn page_of(comparison: &Comparison) -> (String, serde_json::Value) {
    let html = html(comparison).unwrap();
    let body = html.split_once("id=\"charts\"").unwrap().0;
    assert!(!body.contains("NaN") && !body.contains("inf "), "what cannot be computed is a dash");
    let charts = read_charts(&html).unwrap();
    (html, charts)
}

#[test]
fn constant_and_extreme_scores_have_a_page() {
    for logit in
        [|_| 0.0, |_| -3.0e4, |row| if row.is_multiple_of(4) { 1.0e4 } else { -1.0e4 }] as [fn(usize) -> f32; 3]
    {
        let (_, charts) = page_of(&comparison(logit, 18));
        assert_eq!(charts.as_array().unwrap().len(), 13);
        // Every row has its place in the distribution, and in a region.
        let sum = |chart: &str| {
            let chart = charts.as_array().unwrap().iter().find(|one| one["id"] == chart).unwrap();
            let y = chart["plot"]["data"][0]["y"].as_array().unwrap();
            y.iter().filter_map(serde_json::Value::as_f64).sum::<f64>()
        };
        // Shares are of five digits.
        assert!((sum("scores") - 1.0).abs() < 1e-4 && (sum("norms") - 12.0).abs() < 1e-3);
    }
}

#[test]
fn an_interrupted_comparison_shows_what_was_finished() {
    let logit = |row: usize| row as f32 / 6.0 - 1.0;
    let (html, charts) = page_of(&comparison(logit, 8));
    assert!(html.contains("Interrupted: 1 of 3 folds"));
    // One fold has no other to fit a correction to.
    assert!(charts.as_array().unwrap().iter().all(|chart| chart["id"] != "reliability-prior"));
    let (html, charts) = page_of(&comparison(logit, 5));
    assert!(html.contains("There is nothing to show.") && charts == serde_json::json!([]));
}
