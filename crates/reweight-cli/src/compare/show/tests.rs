//! The table and the verdict of made-up figures, at several widths.

use reweight::Objective;
use reweight_lab::device::DeviceChoice;

use super::*;
use crate::compare::data::{DataSettings, Feature};
use crate::compare::protocol::Protocol;
use crate::compare::run::Run;
use crate::compare::settings::TrainingSettings;
use crate::strategy::strategies;

/// Two seeds of three folds, in which strategy `s` shifts every figure by `shift · s`, and fold and seed add noise.
fn comparison(shift: f64, finished: usize) -> Comparison {
    let strategies = strategies(Objective::Bce, &[], true).unwrap();
    let settings = Settings {
        data: DataSettings {
            file: Some("a.csv".to_owned()),
            positive: Some("1".to_owned()),
            ..DataSettings::default()
        },
        protocol: Protocol::default(),
        training: TrainingSettings {
            folds: 3,
            seeds: vec![0, 1],
            epochs: 2,
            batch_size: 8,
            hidden: vec![4, 4],
            learning_rate: 0.01,
            weight_decay: 0.0,
            device: DeviceChoice::Cpu,
        },
        strategies,
    };
    let data = DataSummary {
        name: "a.csv".to_owned(),
        sha256: String::new(),
        rows: 100,
        features: vec![Feature { name: "x".to_owned(), kind: "numeric", missing: 0 }],
        target: "y".to_owned(),
        labels: vec![("0".to_owned(), 90), ("1".to_owned(), 10)],
        positive: Some("1".to_owned()),
        guesses: Vec::new(),
    };
    let strategies = settings.strategies.len();
    let run = |index: usize| {
        let (strategy, fold) = (index % strategies, index / strategies);
        let noise = [0.01, -0.02, 0.013, -0.004, 0.02, -0.011][(fold + strategy) % 6];
        let figure = |index: usize| {
            let direction = if Figure::BINARY[index].higher_is_better() { 1.0 } else { -1.0 };
            0.5 + direction * (shift * strategy as f64 + noise) + 0.01 * fold as f64
        };
        Run {
            strategy,
            seed: (fold / 3) as u64,
            fold: fold % 3,
            figures: (0..Figure::BINARY.len()).map(figure).collect(),
            epoch_losses: vec![0.7, 0.6],
            logits_sha256: String::new(),
            logits: Vec::new(),
            test: [].into(),
            trace: None,
        }
    };
    let command = settings.command(&crate::arguments::StrategyArguments { strategy: Vec::new(), no_presets: false });
    Comparison::new(command, settings, data, &Figure::BINARY, (0..finished).map(run).collect())
}

#[test]
fn the_table_fits_every_width() {
    let comparison = comparison(0.03, 36);
    for width in [40, 60, 80, 100, 140] {
        let table = table(&comparison, width);
        let widest = table.lines().map(console::measure_text_width).max().unwrap();
        assert!(widest <= width, "{widest} > {width}\n{table}");
    }
    assert_eq!(table(&comparison, 80).matches("plain CE").count(), 1, "one table at the usual width");
    insta::assert_snapshot!("wide", table(&comparison, 140));
    insta::assert_snapshot!("narrow", table(&comparison, 80));
    insta::assert_snapshot!("thin", table(&comparison, 50));
}

#[test]
fn the_verdict_tells_effects_from_noise() {
    insta::assert_snapshot!("verdict_beyond", verdict(&comparison(0.03, 36)).join("\n"));
    insta::assert_snapshot!("verdict_within", verdict(&comparison(0.002, 36)).join("\n"));
    insta::assert_snapshot!("verdict_worse", verdict(&comparison(-0.03, 36)).join("\n"));
}

#[test]
fn an_interrupted_comparison_counts_whole_folds_only() {
    // Two folds of six strategies, and one strategy more.
    let partial = comparison(0.03, 13);
    assert!(partial.partial && !comparison(0.03, 36).partial);
    assert_eq!((partial.folds_finished(), partial.runs.len()), (2, 13));
    let mut out = Vec::new();
    show(&mut out, &partial, true).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.starts_with("INTERRUPTED: 2 of 6 folds were finished"), "{text}");
    let single = comparison(0.03, 6);
    assert!(table(&single, 80).contains("± ?"));
    assert!(verdict(&single)[0].ends_with("one run cannot tell it from noise."), "{:?}", verdict(&single));
    let mut out = Vec::new();
    show(&mut out, &comparison(0.03, 5), true).unwrap();
    assert!(String::from_utf8(out).unwrap().contains("there is nothing to show"));
}

#[test]
fn lines_break_at_blanks_and_keep_their_indent() {
    assert_eq!(wrapped("  ab cd ef", 8), "  ab cd\n  ef");
    assert_eq!(wrapped("abcdefgh i", 3), "abcdefgh\ni");
    assert_eq!(wrapped("", 3), "");
}
