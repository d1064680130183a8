//! Denominators, and that a factor is finite.

use super::{Reduction, Totals};

const TOTALS: Totals = Totals { loss_sum: 12.0, weight_sum: 3.0, valid: 8, positives: 2 };

#[test]
fn each_reduction_divides_by_what_it_names() {
    for (reduction, loss) in [
        (Reduction::Mean, Some(1.5)),
        (Reduction::Sum, Some(12.0)),
        (Reduction::None, None),
        (Reduction::WeightedMean, Some(4.0)),
        (Reduction::Positives, Some(6.0)),
        (Reduction::Divisor(24.0), Some(0.5)),
    ] {
        let close = match (reduction.loss(&TOTALS), loss) {
            (Some(own), Some(expected)) => (own - expected).abs() < 1e-15,
            (own, expected) => own == expected,
        };
        assert!(close, "{reduction:?}: {:?}", reduction.loss(&TOTALS));
    }
}

#[test]
fn nothing_to_divide_is_a_loss_of_zero() {
    let nothing = Totals::default();
    for reduction in [Reduction::Mean, Reduction::Sum, Reduction::WeightedMean, Reduction::Positives] {
        assert_eq!(reduction.loss(&nothing), Some(0.0), "{reduction:?}");
    }
    let none = Totals { positives: 0, ..TOTALS };
    assert_eq!(Reduction::Positives.loss(&none), Some(12.0), "÷ max(1, positives)");
}

#[test]
fn a_factor_is_finite_where_the_weights_all_but_vanish() {
    let vanishing = Totals { loss_sum: 5e-324, weight_sum: 5e-324, ..TOTALS };
    assert!(Reduction::WeightedMean.factor(&vanishing).is_finite());
    assert!(Reduction::WeightedMean.loss(&vanishing).is_some_and(f64::is_finite));
}

#[test]
fn divisors_are_checked() {
    for divisor in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(Reduction::Divisor(divisor).check().expect_err("refused").name, "divisor");
    }
}
