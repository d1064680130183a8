//! A sample's quantities: identities between them, soft labels at their ends, and classes.

use super::Sample;
use crate::dual::Dual;

const MARGINS: [f64; 13] = [-1e4, -745.0, -40.0, -5.0, -0.3, -1e-9, 0.0, 1e-9, 0.3, 5.0, 40.0, 745.0, 1e4];

#[test]
fn hard_samples_keep_their_identities() {
    for margin in MARGINS {
        let s = Sample::binary(margin, 1.0);
        assert_eq!(s.cross_entropy(), -s.log_p());
        assert_eq!(s.gradient_norm(), s.q());
        assert!((s.p() + s.q() - 1.0).abs() <= f64::EPSILON, "{margin}");
        // log p_t − log(1 − p_t) is the margin: nothing is lost to the saturation of a probability.
        let sizes = s.log_p().abs() + s.log_q().abs();
        assert!((s.log_p() - s.log_q() - margin).abs() <= f64::EPSILON * sizes, "{margin}");
        let other = Sample::binary(-margin, 0.0);
        assert_eq!((other.p(), other.log_p()), (s.q(), s.log_q()), "mirrored at {margin}");
    }
}

#[test]
fn a_soft_label_at_its_ends_is_the_hard_one() {
    for x in MARGINS {
        for target in [0.0, 1.0] {
            let soft = Sample::soft(Dual::variable(x), Dual::constant(target));
            let sign = 2.0 * target - 1.0;
            let hard = Sample::binary(Dual::variable(sign * x), Dual::constant(target));
            for (name, soft, hard) in [
                ("p", soft.p(), hard.p()),
                ("q", soft.q(), hard.q()),
                ("log_p", soft.log_p(), hard.log_p()),
                ("log_q", soft.log_q(), hard.log_q()),
                ("cross entropy", soft.cross_entropy(), hard.cross_entropy()),
                ("margin", soft.margin(), hard.margin()),
            ] {
                // The hard sample is differentiated in its margin, which is ±x.
                let slope = sign * hard.slope;
                // The soft margin is a difference of logarithms of about 1: absolute near 0, relative beyond.
                let allowed = 1e-14 * hard.value.abs() + if name == "margin" { 1e-15 } else { 0.0 };
                assert!((soft.value - hard.value).abs() <= allowed, "{name} at {x}, {target}");
                assert!((soft.slope - slope).abs() <= 1e-14 * slope.abs() + 1e-300, "{name}'s slope at {x}, {target}");
            }
            assert_eq!(soft.gradient_norm().value, hard.gradient_norm().value);
        }
    }
}

#[test]
fn a_soft_label_in_between_is_the_mixture() {
    for x in MARGINS {
        for target in [1e-30, 0.25, 0.5, 0.9] {
            let s = Sample::soft(x, target);
            let (p, q) = (1.0 / (1.0 + (-x).exp()), 1.0 / (1.0 + x.exp()));
            let mixed = target * p + (1.0 - target) * q;
            assert!((s.p() - mixed).abs() <= 1e-15, "p at {x}, {target}");
            assert!((s.log_p().exp() - s.p()).abs() <= 1e-15, "log_p at {x}, {target}");
            assert!((s.log_q().exp() - s.q()).abs() <= 1e-15, "log_q at {x}, {target}");
            let slope = Sample::soft(Dual::variable(x), Dual::constant(target)).cross_entropy().slope;
            assert!((slope.abs() - s.gradient_norm()).abs() <= 1e-15, "the gradient norm at {x}, {target}");
        }
    }
}

#[test]
fn tables_are_read_by_class() {
    let values = [2.0, 3.0, 5.0];
    for (class, value) in values.iter().enumerate() {
        let sample = Sample::class_of(0.7, class as f64);
        assert_eq!(sample.per_class(&values), *value);
        assert_eq!(sample.target(), if class == 0 { 0.0 } else { 1.0 }, "class 0 is the background");
    }
    assert!(Sample::class_of(0.7_f64, 3.0).per_class(&values).is_nan(), "no such class");
    assert!(Sample::class_of(0.7_f64, -1.0).per_class(&values).is_nan(), "no such class");
    assert_eq!(Sample::binary(0.7, 1.0).per_class(&values[..2]), 3.0);
    assert_eq!(Sample::soft(0.7, 0.25).per_class(&values[..2]), 2.25);
    assert!(Sample::binary(0.7_f64, 1.0).per_class(&values).is_nan(), "two classes and three values");
}

#[test]
fn an_adjusted_sample_keeps_its_label_and_its_column() {
    let sample = Sample::binary(0.7_f64, 1.0).in_column(2.0);
    let seen = sample.seen_as(crate::Real::logistic(-1.5_f64));
    assert_eq!((seen.target(), seen.per_column(&[3.0, 5.0, 7.0])), (1.0, 7.0));
    assert!((seen.margin() + 1.5).abs() < 1e-15 && seen.cross_entropy() == -seen.log_p(), "{seen:?}");
}
