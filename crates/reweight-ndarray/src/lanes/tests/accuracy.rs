//! The elementary functions against an oracle, over every exponent, on every instruction set that this processor has.

use super::super::{Lanes, Logistic};
use super::on_each;
use crate::dispatch::{InstructionSet, Kernel};

/// Every function's results for one input, in this order.
const NAMES: [&str; 6] = ["exp", "ln", "log_p", "log_q", "p", "q"];

/// Runs the functions over inputs of both types.
struct Functions<'a> {
    single: &'a [f32],
    double: &'a [f64],
}

impl Kernel for Functions<'_> {
    type Output = (Vec<[f32; 6]>, Vec<[f64; 6]>);
    #[inline(always)]
    fn run<F32: Lanes<Scalar = f32>, F64: Lanes<Scalar = f64>>(self) -> Self::Output {
        (all_functions::<F32>(self.single, 0.0), all_functions::<F64>(self.double, 0.0))
    }
}

#[inline(always)]
fn all_functions<L: Lanes>(inputs: &[L::Scalar], zero: L::Scalar) -> Vec<[L::Scalar; 6]> {
    let mut results = Vec::with_capacity(inputs.len());
    for chunk in inputs.chunks(L::COUNT) {
        let x = L::load_partial(chunk);
        let Logistic { log_p, log_q, p, q } = x.logistic();
        let columns = [x.exp(), x.ln(), log_p, log_q, p, q].map(|lanes| {
            let mut column = [zero; 16];
            lanes.store(&mut column[..L::COUNT]);
            column
        });
        results.extend((0..chunk.len()).map(|lane| columns.map(|column| column[lane])));
    }
    results
}

/// The oracle: the standard library's f64 functions, whose last bit may be wrong (2.3e-16). Thus about 1e-15 in a logistic component after two
/// or three of them, nine decimal places finer than f32 is asked for and one finer than f64 is.
fn oracle(x: f64) -> [f64; 6] {
    let e = (-x.abs()).exp();
    let (ln_1p, greater, less) = (e.ln_1p(), 1.0 / (1.0 + e), e / (1.0 + e));
    let (p, q) = if x < 0.0 { (less, greater) } else { (greater, less) };
    [x.exp(), x.ln(), x.min(0.0) - ln_1p, (-x).min(0.0) - ln_1p, p, q].map(|value| if x.is_nan() { x } else { value })
}

/// What a type allows.
struct Limits {
    /// Relative errors of `exp`, `ln` and each logistic component.
    relative: [f64; 6],
    /// The smallest normal number: below it results may be flushed to zero.
    normal: f64,
    /// The largest finite number.
    max: f64,
}

const SINGLE: Limits = Limits {
    // One and a half units in the last place; two roundings more for what is composed.
    relative: [2e-7, 2e-7, 4e-7, 4e-7, 4e-7, 4e-7],
    normal: f32::MIN_POSITIVE as f64,
    max: f32::MAX as f64,
};
const DOUBLE: Limits = Limits {
    // Some forty units in the last place: far more than is lost, and far above the oracle's own error.
    relative: [1e-14; 6],
    normal: f64::MIN_POSITIVE,
    max: f64::MAX,
};

/// The relative error of a result that has one, after checking those that have none.
fn relative_error(got: f64, expected: f64, limits: &Limits, what: impl Fn() -> String) -> f64 {
    if expected.is_nan() {
        assert!(got.is_nan(), "{}: {got:e} instead of NaN", what());
        0.0
    } else if expected.abs() > limits.max {
        assert!(got.is_infinite() && got.signum() == expected.signum(), "{}: {got:e} instead of ∞", what());
        0.0
    } else if expected.abs() < limits.normal {
        // Denormal or flushed, on the right side of zero.
        assert!(got.abs() <= limits.normal && got * expected >= 0.0, "{}: {got:e}, not {expected:e}", what());
        0.0
    } else {
        (got - expected).abs() / expected.abs()
    }
}

/// Checks every result and prints the largest errors (`--nocapture` shows them).
fn check<T: Copy + Into<f64>>(set: InstructionSet, inputs: &[T], results: &[[T; 6]], limits: &Limits) {
    assert_eq!(inputs.len(), results.len());
    let mut worst = [(0.0, 0.0); 6];
    for (&x, results) in inputs.iter().zip(results) {
        let x = x.into();
        for (function, expected) in oracle(x).into_iter().enumerate() {
            let got = results[function].into();
            let error = relative_error(got, expected, limits, || format!("{set} {}({x:e})", NAMES[function]));
            assert!(!error.is_nan(), "{set} {}({x:e}): {got:e} instead of {expected:e}", NAMES[function]);
            if error > worst[function].0 {
                worst[function] = (error, x);
            }
        }
    }
    for ((name, limit), (error, x)) in NAMES.iter().zip(limits.relative).zip(worst) {
        println!("{set:8} {name:5} {error:.2e} at {x:e}");
        assert!(error <= limit, "{set} {name}({x:e}): relative error {error:e}, allowed is {limit:e}");
    }
}

/// All exponents (those of zero, denormals, infinity and NaN too), some significands of each, both signs.
fn sweep(exponents: u64, significand_bits: u32, each: u64) -> impl Iterator<Item = u64> {
    let mask = (1u64 << significand_bits) - 1;
    (0..exponents).flat_map(move |exponent| {
        (0..each).flat_map(move |index| {
            // The ends first, then odd multiples of the golden ratio: evenly spread, and no two exponents alike.
            let significand = match index {
                0 => 0,
                1 => 1,
                2 => mask,
                _ => (index * 2 + exponent * 131).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - significand_bits),
            };
            let bits = exponent << significand_bits | significand;
            [bits, exponents << significand_bits | bits]
        })
    })
}

#[test]
fn functions_are_accurate_at_every_exponent() {
    let single: Vec<f32> = sweep(256, 23, 400).map(|bits| f32::from_bits(bits as u32)).collect();
    let double: Vec<f64> = sweep(2048, 52, 50).map(f64::from_bits).collect();
    on_each(
        || Functions { single: &single, double: &double },
        |set, (of_single, of_double)| {
            check(set, &single, &of_single, &SINGLE);
            check(set, &double, &of_double, &DOUBLE);
        },
    );
}

/// The range that logits live in, and the edges of overflow and underflow, more densely than the sweep of exponents.
#[test]
fn functions_are_accurate_where_logits_are() {
    let steps = |from: f64, to: f64, count: u32| {
        (0..=count).map(move |step| from + (to - from) * f64::from(step) / f64::from(count))
    };
    let double: Vec<f64> = steps(-40.0, 40.0, 200_000)
        .chain(steps(0.4, 2.5, 20_000))
        .chain(steps(-746.0, -700.0, 20_000))
        .chain(steps(709.0, 710.0, 20_000))
        .collect();
    let single: Vec<f32> = steps(-106.0, 106.0, 400_000)
        .chain(steps(0.4, 2.5, 40_000))
        .chain(steps(88.7228, 88.7229, 100))
        .chain(steps(-87.3367, -87.3364, 100))
        .map(|x| x as f32)
        .collect();
    on_each(
        || Functions { single: &single, double: &double },
        |set, (of_single, of_double)| {
            check(set, &single, &of_single, &SINGLE);
            check(set, &double, &of_double, &DOUBLE);
        },
    );
}

#[test]
fn a_finite_margin_gives_finite_results() {
    let single = [0.0, -0.0, 1e-45, -1e-45, 1e4, -1e4, 87.4, -87.4, 104.0, -104.0, f32::MAX, f32::MIN];
    let double = single.map(f64::from);
    on_each(
        || Functions { single: &single, double: &double },
        |set, (of_single, of_double)| {
            for (x, results) in single.iter().zip(of_single) {
                assert!(results[2..].iter().all(|y| y.is_finite()), "{set} {x:e}: {results:?}");
            }
            for (x, results) in double.iter().zip(of_double) {
                assert!(results[2..].iter().all(|y| y.is_finite()), "{set} {x:e}: {results:?}");
            }
        },
    );
}

#[test]
fn the_ends_of_the_range_are_exact() {
    let infinity = f64::INFINITY;
    // exp, ln, log_p, log_q, p, q
    let table = [
        (0.0, [1.0, -infinity, -std::f64::consts::LN_2, -std::f64::consts::LN_2, 0.5, 0.5]),
        (infinity, [infinity, infinity, 0.0, -infinity, 1.0, 0.0]),
        (-infinity, [0.0, f64::NAN, -infinity, 0.0, 0.0, 1.0]),
        (1e4, [infinity, 1e4f64.ln(), 0.0, -1e4, 1.0, 0.0]),
        (-1e4, [0.0, f64::NAN, -1e4, 0.0, 0.0, 1.0]),
    ];
    let double = table.map(|(x, _)| x);
    let single = double.map(|x| x as f32);
    // Both types take these from constants and single roundings, so nothing but the logarithms may be off.
    let close = |got: f64, expected: f64, epsilon: f64| {
        got == expected || got.is_nan() && expected.is_nan() || (got / expected - 1.0).abs() <= epsilon
    };
    on_each(
        || Functions { single: &single, double: &double },
        |set, (of_single, of_double)| {
            for (row, (x, expected)) in table.iter().enumerate() {
                for function in 0..6 {
                    let (single, double) = (of_single[row][function], of_double[row][function]);
                    let (name, expected) = (NAMES[function], expected[function]);
                    assert!(close(single.into(), expected, 1.2e-7), "{set} {name}({x}): {single}");
                    assert!(close(double, expected, 2.3e-16), "{set} {name}({x}): {double}");
                }
            }
        },
    );
}

/// Values of an arithmetic with 40 digits, so that the oracle itself is not only trusted. Tolerance: three roundings in the last place each.
#[test]
fn doubles_agree_with_forty_digits() {
    let table: [(f64, [f64; 6]); 4] = KNOWN;
    let double = table.map(|(x, _)| x);
    on_each(
        || Functions { single: &[], double: &double },
        |set, (_, results)| {
            for ((x, expected), got) in table.iter().zip(results) {
                for (name, (got, expected)) in NAMES.iter().zip(got.iter().zip(expected)) {
                    let error = (got / expected - 1.0).abs();
                    assert!(
                        error <= 7e-16 || got.is_nan() && expected.is_nan(),
                        "{set} {name}({x}): {got:e}, off by {error:e}"
                    );
                }
            }
        },
    );
}

#[rustfmt::skip]
const KNOWN: [(f64, [f64; 6]); 4] = [
    (0.0009765625, [1.0009770394924165, -6.931471805599453, -0.6926590185192302, -0.6936355810192302, 0.5002441406055974, 0.49975585939440254]),
    (0.75, [2.117000016612675, -0.2876820724517809, -0.38687100611489994, -1.1368710061148999, 0.679178699175393, 0.320821300824607]),
    (20.125, [549764190.6604683, 3.001962823304627, -1.818961685898735e-09, -20.12500000181896, 0.9999999981810384, 1.8189616842444243e-09]),
    (700.5, [1.6721859620674984e+304, 6.551794365777062, -5.980196118639791e-305, -700.5, 1.0, 5.980196118639791e-305]),
];
