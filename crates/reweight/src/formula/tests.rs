//! Whole formulas: fingerprints tell what changed, tables are refreshed in place.

use super::{Formula, Quantities};
use crate::boxed::BoxedWeighter;
use crate::error::WeightError;
use crate::expr::Table;
use crate::loss::{BceLoss, SoftmaxLoss};
use crate::real::Real;
use crate::reference::{BceBatch, BceTargets};
use crate::sample::{Sample, SampleKind};
use crate::statistics::BatchStatistics;
use crate::weighter::SampleWeighter;
use crate::weighters::{AlphaBalance, Focal, Ghm};

fn counts(loss: &BceLoss<impl SampleWeighter>, seed: usize) -> BatchStatistics {
    let logits: Vec<f64> = (0..40).map(|i| ((i * 7 + seed * 3) % 23) as f64 * 0.3 - 3.0).collect();
    let targets: Vec<i64> = (0..40).map(|i| i64::from((i + seed).is_multiple_of(3))).collect();
    BceBatch::new(&logits, BceTargets::Hard(&targets)).statistics(loss).expect("a right batch")
}

#[test]
fn observed_tables_are_put_in_place_without_recording_anew() {
    // Two of one form: equal before the first step, and different after it.
    let chain = (Ghm::new(5, 0.5).expect("valid"), Ghm::new(5, 0.9).expect("valid"), Focal::new(2.0).expect("valid"));
    let mut loss = BceLoss::new(chain);
    let before = loss.weighting().program(SampleKind::Binary, Quantities::Step).expect("recordable").clone();
    for seed in 0..4 {
        let counts = counts(&loss, seed);
        loss.observe(&counts).expect("as asked for");
        let formula = loss.weighting().formula(SampleKind::Binary).expect("recordable");
        let (first, second) = (&loss.weighter().0, &loss.weighter().1);
        let tables: Vec<&[f64]> = formula
            .tables()
            .iter()
            .map(|table| match table {
                Table::Regions(table) => table.weights(),
                Table::Values(values) => values,
            })
            .collect();
        assert!(tables.contains(&first.region_weights()) && tables.contains(&second.region_weights()), "step {seed}");
    }
    let after = loss.weighting().program(SampleKind::Binary, Quantities::Step).expect("recordable");
    assert!(after.nodes().len() <= before.nodes().len() + 2);
}

/// Whether the formula that is there before a step is the one after it.
fn kept(weighter: impl SampleWeighter) -> bool {
    let mut loss = BceLoss::new(weighter);
    let first = loss.weighting().formula(SampleKind::Binary).expect("recordable").clone();
    let counts = counts(&loss, 0);
    loss.observe(&counts).expect("as asked for");
    let second = loss.weighting().formula(SampleKind::Binary).expect("recordable");
    assert_ne!(first.tables(), second.tables());
    let program = |formula| Formula::program(formula, loss.weighting(), Quantities::Step).expect("recordable");
    // Both hold the one that was recorded: it lives as long as `first`.
    std::ptr::eq(program(&first), program(second))
}

#[test]
fn a_formula_is_kept_where_only_its_tables_change() {
    let ghm = |momentum| Ghm::new(5, momentum).expect("valid");
    let balance = || AlphaBalance::per_class(&[0.5, 2.0]).expect("valid");
    assert!(kept(ghm(0.5)));
    // Tables of one content, read twice, before and after.
    assert!(kept((ghm(0.5), balance(), ghm(0.5), balance())));
}

/// Weights its columns by the rows that it has seen last.
#[derive(Clone, Debug)]
struct BySeen {
    weights: [f64; 2],
}

impl SampleWeighter for BySeen {
    fn weight<R: Real>(&self, sample: &Sample<R>) -> R {
        sample.per_column(&self.weights) * sample.per_column(&self.weights)
    }
    fn observes(&self) -> bool {
        true
    }
    fn observe(&mut self, counts: &BatchStatistics) -> Result<(), WeightError> {
        self.weights = [counts.valid as f64, counts.positives as f64];
        Ok(())
    }
}

#[test]
fn a_list_that_was_observed_is_put_in_its_place() {
    assert!(kept(BySeen { weights: [1.0, 1.0] }));
}

/// Bakes what it has observed into its formula.
#[derive(Clone, Debug)]
struct Annealed {
    steps: u32,
}

impl SampleWeighter for Annealed {
    fn weight<R: Real>(&self, sample: &Sample<R>) -> R {
        sample.log_q().scale(1.0 / f64::from(1 + self.steps)).exp()
    }
    fn observes(&self) -> bool {
        true
    }
    fn observe(&mut self, _: &BatchStatistics) -> Result<(), WeightError> {
        self.steps += 1;
        Ok(())
    }
}

#[test]
fn a_state_in_a_literal_is_recorded_anew() {
    let boxed = BoxedWeighter::new(Annealed { steps: 0 }).expect("recordable");
    let mut loss = BceLoss::new(boxed);
    let literals = |loss: &BceLoss<BoxedWeighter>| -> Vec<f64> {
        let program = loss.weighting().program(SampleKind::Binary, Quantities::Step).expect("recordable");
        program.nodes().iter().filter_map(|node| node.literal()).collect()
    };
    assert!(!literals(&loss).contains(&0.5));
    let counts = counts(&loss, 0);
    loss.observe(&counts).expect("as asked for");
    assert!(literals(&loss).contains(&0.5));
}

#[test]
fn a_step_that_fails_leaves_weighter_and_formula_as_they_were() {
    let mut loss = BceLoss::new(Ghm::new(5, 0.5).expect("valid"));
    let formula_of =
        |loss: &BceLoss<Ghm>| loss.weighting().formula(SampleKind::Binary).expect("recordable").tables().to_vec();
    for seed in 0..6 {
        let _ = formula_of(&loss);
        let counts = counts(&loss, seed);
        let before = (loss.state(), formula_of(&loss));
        let failed = loss.weighting_mut().take_step(&counts, |_| Err::<(), _>(WeightError::Custom("no".to_owned())));
        assert!(failed.is_err());
        assert_eq!((loss.state(), formula_of(&loss)), before);
        let mut plain = loss.clone();
        plain.observe(&counts).expect("as asked for");
        let taken: Result<(), WeightError> = loss.weighting_mut().take_step(&counts, |_| Ok(()));
        assert_eq!(taken, Ok(()));
        assert_eq!((loss.state(), formula_of(&loss)), (plain.state(), formula_of(&plain)));
    }
}

#[test]
fn a_batch_in_which_nothing_counts_is_not_observed() {
    let mut loss = BceLoss::new(Annealed { steps: 0 });
    let nothing = BatchStatistics::zero(loss.weighting().request(), 2);
    loss.observe(&nothing).expect("as asked for");
    let taken: Result<(), WeightError> = loss.weighting_mut().take_step(&nothing, |_| Ok(()));
    assert_eq!((taken, loss.weighter().steps), (Ok(()), 0));
    let something = BatchStatistics { valid: 1, ..nothing };
    loss.observe(&something).expect("as asked for");
    let taken: Result<(), WeightError> = loss.weighting_mut().take_step(&something, |_| Ok(()));
    assert_eq!((taken, loss.weighter().steps), (Ok(()), 2));
}

#[test]
fn every_change_of_the_weighter_is_seen() {
    let mut loss = SoftmaxLoss::new(Ghm::new(4, 0.5).expect("valid"));
    let table = |loss: &SoftmaxLoss<Ghm>| {
        let formula = loss.weighting().formula(SampleKind::Class).expect("recordable");
        assert!(
            matches!(&formula.tables()[0], Table::Regions(table) if table.weights() == loss.weighter().region_weights())
        );
    };
    table(&loss);
    let mut counts = BatchStatistics::zero(loss.weighting().request(), 3);
    counts.valid = 10;
    counts.gradient_norm[0].counts_mut().copy_from_slice(&[7, 1, 0, 2]);
    loss.observe(&counts).expect("as asked for");
    table(&loss);
    let state = loss.state();
    loss.reset();
    table(&loss);
    loss.restore(&state).expect("its own");
    table(&loss);
    let preview = loss.weighting().preview(&counts).expect("as asked for");
    let formula = preview.formula(SampleKind::Class).expect("recordable");
    assert!(
        matches!(&formula.tables()[0], Table::Regions(table) if table.weights() == preview.weighter().region_weights())
    );
}
