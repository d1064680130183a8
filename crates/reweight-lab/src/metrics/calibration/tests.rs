//! Corrections of logits that are made up, found again.

use super::*;

/// Rows of two classes whose chance is given by `true_logit`, but which say `said`.
fn rows(said: impl Fn(f64) -> f64) -> (Vec<f64>, Vec<usize>) {
    let (mut logits, mut classes) = (Vec::new(), Vec::new());
    for step in 0..200 {
        let truth = -4.0 + 6.0 * f64::from(step) / 199.0;
        let chance = 1.0 / (1.0 + (-truth).exp());
        for row in 0..100 {
            logits.extend([0.0, said(truth)]);
            // As many positives as the chance says, but for half a row.
            classes.push(usize::from(f64::from(row) + 0.5 < 100.0 * chance));
        }
    }
    (logits, classes)
}

#[test]
fn a_temperature_and_a_prior_are_found_again() {
    let (logits, classes) = rows(|truth| 3.0 * truth);
    let sharpness = Rows { logits: &logits, classes: &classes, width: 2 }.sharpness(&[0.0; 2]);
    // The chances are met to half a row of a hundred.
    assert!((sharpness - 1.0 / 3.0).abs() < 0.01, "{sharpness}");
    let (logits, classes) = rows(|truth| truth + 2.0);
    let prior = Rows { logits: &logits, classes: &classes, width: 2 }.prior();
    assert!((prior[1] - prior[0] + 2.0).abs() < 0.02, "{prior:?}");
}

#[test]
fn what_cannot_be_fitted_stays_finite() {
    // Constant scores; one class only; perfectly apart.
    for (logits, classes) in [
        (vec![0.0; 8], vec![0, 1, 0, 0]),
        (vec![0.0, 1.0, 0.0, -1.0], vec![1, 1]),
        (vec![0.0, 9.0, 0.0, -9.0], vec![1, 0]),
    ] {
        let rows = Rows { logits: &logits, classes: &classes, width: 2 };
        let sharpness = rows.sharpness(&[0.0; 2]);
        assert!((COLDEST..=1.0 / COLDEST).contains(&sharpness), "{sharpness}");
        assert!(rows.prior().iter().all(|prior| prior.is_finite()));
        let line = rows.line();
        assert!(line.sharpness.is_finite() && line.prior[1].is_finite(), "{line:?}");
        assert!((0.0..=1.0).contains(&calibrated_brier(&logits, &classes, 2)));
    }
}

/// What a line over the log odds cannot lose by: any other line before it.
#[test]
fn a_line_before_it_changes_nothing() {
    let score = |said: &dyn Fn(f64) -> f64| {
        let (logits, classes) = rows(said);
        calibrated_brier(&logits, &classes, 2)
    };
    let plain = score(&|truth| truth);
    for moved in [score(&|truth| truth + 3.0), score(&|truth| 0.2 * truth), score(&|truth| 5.0 * truth - 2.0)] {
        // The fits stop at a millionth of a row's likelihood.
        assert!((moved - plain).abs() < 1e-6, "{moved} {plain}");
    }
    assert!(score(&|truth| truth.sin()) > plain + 0.01, "an order that is lost is not found again");
}

#[test]
fn the_line_is_found_and_agrees_with_what_many_classes_fit() {
    let (logits, classes) = rows(|truth| 2.0 * truth - 1.0);
    let rows = Rows { logits: &logits, classes: &classes, width: 2 };
    let line = rows.line();
    // truth = ½ x + ½, met to half a row of a hundred.
    assert!((line.sharpness - 0.5).abs() < 0.01 && (line.prior[1] - 0.5).abs() < 0.02, "{line:?}");
    // A third class that nobody is of, and that no row takes for likely.
    let wide: Vec<f64> = logits.chunks_exact(2).flat_map(|row| [row[0], row[1], -500.0]).collect();
    let [two, three] = [calibrated_brier(&logits, &classes, 2), calibrated_brier(&wide, &classes, 3)];
    // Of three classes both that occur are counted.
    assert!((three / 2.0 - two).abs() < 1e-4, "{three} {two}");
}
