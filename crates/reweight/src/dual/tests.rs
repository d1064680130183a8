//! Dual numbers against central differences, and their exact rules at kinks and ends.

use super::Dual;
use crate::real::Real;

/// Its name, the operation, and an argument inside its domain.
type Operation<R> = (&'static str, fn(R) -> R, f64);

/// Every operation as a function of one number.
fn operations<R: Real>() -> Vec<Operation<R>> {
    vec![
        ("exp", |x| x.exp(), 0.7),
        ("ln", |x| x.ln(), 2.3),
        ("sqrt", |x| x.sqrt(), 1.7),
        ("abs", |x| x.abs(), -1.2),
        ("max", |x| x.max(R::lit(0.5)), 0.9),
        ("min", |x| x.min(R::lit(0.5)) * x, 0.9),
        ("select", |x| x.select_le(R::lit(0.0), x * x, x.exp()), 0.3),
        ("add", |x| x + x * x, 0.4),
        ("sub", |x| x.exp() - x, 0.4),
        ("mul", |x| x * x.exp(), 0.4),
        ("div", |x| x.exp() / (x * x + R::lit(1.0)), 0.4),
        ("neg", |x| -(x * x), 0.4),
        ("scale", |x| (x * x).scale(-3.0), 0.4),
        ("powi", |x| x.powi(7), 1.1),
        ("powf", |x| x.powf(1.5), 1.1),
        ("sigmoid", |x| x.sigmoid(), -1.3),
        ("softplus", |x| x.softplus(), -1.3),
        ("log_p", |x| x.logistic().log_p, 2.1),
        ("q", |x| x.logistic().q, 2.1),
        // Of an argument whose own slope is neither 1 nor constant.
        ("log_p of a square", |x| (x * x).logistic().log_p, 0.8),
        ("log_q of a square", |x| (x * x).logistic().log_q, 0.8),
        ("p of a square", |x| (x * x).logistic().p, 0.8),
    ]
}

#[test]
fn slopes_are_central_differences() {
    let plain = operations::<f64>();
    for ((name, formula, x), (_, of_plain, _)) in operations::<Dual<f64>>().into_iter().zip(plain) {
        let step = 1e-5;
        let difference = (of_plain(x + step) - of_plain(x - step)) / (2.0 * step);
        let dual = formula(Dual::variable(x));
        assert_eq!(dual.value, of_plain(x), "{name}: the value of a dual number is the number's");
        // Truncation is step² · f‴ ≈ 1e-9 here, rounding 1e-16/step = 1e-11.
        assert!((dual.slope - difference).abs() < 1e-7, "{name}: slope {} against {difference}", dual.slope);
    }
}

#[test]
fn nested_slopes_are_differences_of_slopes() {
    let single = operations::<Dual<f64>>();
    for ((name, formula, x), (_, of_single, _)) in operations::<Dual<Dual<f64>>>().into_iter().zip(single) {
        let step = 1e-5;
        let slope = |x: f64| of_single(Dual::variable(x)).slope;
        let difference = (slope(x + step) - slope(x - step)) / (2.0 * step);
        let second = formula(Dual::variable(Dual::variable(x))).slope.slope;
        assert!((second - difference).abs() < 1e-6, "{name}: second derivative {second} against {difference}");
    }
}

#[test]
fn constants_and_detached_values_have_no_slope() {
    let x = Dual::variable(1.5_f64);
    assert_eq!(Dual::<f64>::lit(3.0).slope, 0.0);
    assert_eq!((x * x).detach(), Dual { value: 2.25, slope: 0.0 });
    let nested = Dual::variable(Dual::variable(1.5_f64)).detach();
    assert_eq!((nested.slope.value, nested.value.slope), (0.0, 0.0), "detaching reaches the inner number too");
}

#[test]
fn ties_take_the_first() {
    let (x, other) = (Dual::variable(1.0_f64), Dual { value: 1.0, slope: 7.0 });
    assert_eq!(x.max(other).slope, 1.0);
    assert_eq!(x.min(other).slope, 1.0);
    assert_eq!(Dual::variable(0.0_f64).abs().slope, 1.0);
    assert_eq!(x.select_le(other, x, other).slope, 1.0, "≤ holds on a tie");
}

#[test]
fn the_logistic_is_bounded_wherever_it_saturates() {
    for s in [0.0, 40.0, 800.0, 1e4, 1e300] {
        for margin in [s, -s] {
            let at = Dual::<f64>::variable(margin).logistic();
            let parts = [at.log_p, at.log_q, at.p, at.q];
            assert!(parts.iter().all(|part| part.value.is_finite() && part.slope.abs() <= 1.0), "{margin}: {at:?}");
            assert_eq!(at.log_p.slope, at.q.value);
            assert_eq!(at.log_q.slope, -at.p.value);
            assert!((at.p.value + at.q.value - 1.0).abs() < 1e-15);
        }
    }
}

#[test]
fn zero_to_the_power_of_zero_is_one() {
    assert_eq!(0.0_f64.powf(0.0), 1.0);
    let power = Real::powf(Dual::variable(0.0_f64), 0.0);
    assert_eq!((power.value, power.slope), (1.0, 0.0));
    assert_eq!(Real::powf(0.0_f64, 0.5), 0.0);
}
