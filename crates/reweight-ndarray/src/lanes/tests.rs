//! The lanes' operations, on every instruction set that this processor has.

use std::fmt::Debug;

use super::{F32s, F64s, Lanes, Pair, Portable};
use crate::dispatch::{Available, InstructionSet, Kernel, dispatch};

mod accuracy;
mod half;

/// Runs a kernel on every instruction set that there is here.
pub(super) fn on_each<K: Kernel>(mut kernel: impl FnMut() -> K, mut check: impl FnMut(InstructionSet, K::Output)) {
    for set in InstructionSet::available() {
        let available = Available::require(set).expect("it is in the list of the available");
        check(set, dispatch(available, kernel()));
    }
    // What other targets have as their baseline runs here, too.
    check(InstructionSet::Baseline, kernel().run::<F32s<Portable>, F64s<Portable>>());
}

/// Checks both element types of one instruction set.
struct Operations;

impl Kernel for Operations {
    type Output = ();
    #[inline(always)]
    fn run<F32: Lanes<Scalar = f32>, F64: Lanes<Scalar = f64>>(self) {
        check_all::<F32>(|x| x as f32);
        check_all::<F64>(|x| x);
        check_all::<Pair<F32>>(|x| x as f32);
        check_all::<Pair<F64>>(|x| x);
    }
}

#[test]
fn every_operation_acts_lane_by_lane() {
    on_each(|| Operations, |_, ()| ());
}

fn check_all<L: Lanes>(scalar: fn(f64) -> L::Scalar) {
    let special = [0.0, -0.0, 1.5, -2.25, 1e-40, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 3e38, -7.0, 0.1];
    let lanes = |offset: usize| -> Vec<L::Scalar> {
        (0..L::COUNT).map(|lane| scalar(special[(lane + offset) % special.len()])).collect()
    };
    // Each pair of special values meets in some lane.
    for (first, second) in (0..11).flat_map(|i| (0..11).map(move |j| (i, j))) {
        check_pair::<L>(&lanes(first), &lanes(second), scalar);
    }
    check_memory::<L>(scalar);
    check_sums::<L>(scalar);
    check_transpose::<L>(scalar);
}

/// A square out of longer rows into longer rows; what lies before and between the rows written stays.
fn check_transpose<L: Lanes>(scalar: fn(f64) -> L::Scalar) {
    let n = L::COUNT;
    let (from_step, to_step) = (n + 3, n + 1);
    let from: Vec<L::Scalar> = (0..n * from_step).map(|at| scalar(at as f64)).collect();
    let mut to = vec![scalar(-1.0); n * to_step];
    L::transpose(&from, from_step, &mut to, to_step);
    for (j, row) in to.chunks(to_step).enumerate() {
        let got: Vec<f64> = row.iter().map(|&x| x.into()).collect();
        let column = (0..n).map(|i| (i * from_step + j) as f64);
        let expected: Vec<f64> = column.chain([-1.0]).collect();
        assert_eq!(got, expected, "column {j}");
    }
}

fn assert_lanes<L: Lanes>(got: L, expected: impl Iterator<Item = f64>, scalar: fn(f64) -> L::Scalar, what: impl Debug) {
    let expected: Vec<L::Scalar> = expected.map(scalar).collect();
    for (lane, (got, expected)) in values(got, scalar).iter().zip(expected).enumerate() {
        let (got, expected): (f64, f64) = ((*got).into(), expected.into());
        let same = got.to_bits() == expected.to_bits() || got.is_nan() && expected.is_nan();
        assert!(same, "{what:?}, lane {lane}: {got:e} instead of {expected:e}");
    }
}

fn values<L: Lanes>(x: L, scalar: fn(f64) -> L::Scalar) -> Vec<L::Scalar> {
    let mut values = vec![scalar(-1.0); L::COUNT];
    x.store(&mut values);
    values
}

/// What a comparison is of two numbers.
type Truth = fn(f64, f64) -> bool;

fn check_pair<L: Lanes>(a: &[L::Scalar], b: &[L::Scalar], scalar: fn(f64) -> L::Scalar) {
    let (x, y) = (L::load(a), L::load(b));
    let pairs = || a.iter().zip(b).map(|(&a, &b)| -> (f64, f64) { (a.into(), b.into()) });
    let each = |f: fn(f64, f64) -> f64| pairs().map(move |(a, b)| f(a, b));
    // A single operation in f64, rounded to f32, is the operation in f32: f64 has more than twice the digits.
    assert_lanes(x + y, each(|a, b| a + b), scalar, "+");
    assert_lanes(x - y, each(|a, b| a - b), scalar, "-");
    assert_lanes(x * y, each(|a, b| a * b), scalar, "*");
    assert_lanes(x / y, each(|a, b| a / b), scalar, "/");
    assert_lanes(-x, each(|a, _| -a), scalar, "neg");
    assert_lanes(x.abs(), each(|a, _| a.abs()), scalar, "abs");
    assert_lanes(x.sqrt(), each(|a, _| a.sqrt()), scalar, "sqrt");
    assert_lanes(x.min(y), each(|a, b| if a < b { a } else { b }), scalar, "min");
    assert_lanes(x.max(y), each(|a, b| if a > b { a } else { b }), scalar, "max");

    let masks: [(&str, L::Mask, Truth); 6] = [
        ("le", x.le(y), |a, b| a <= b),
        ("lt", x.lt(y), |a, b| a < b),
        ("eq", x.eq(y), |a, b| a == b),
        ("and", L::mask_and(x.le(y), y.le(x)), |a, b| a <= b && b <= a),
        ("or", L::mask_or(x.lt(y), y.lt(x)), |a, b| a < b || b < a),
        ("not", L::mask_not(x.le(y)), |a, b| !matches!(a.partial_cmp(&b), Some(order) if order.is_le())),
    ];
    for (name, mask, truth) in masks {
        let count = pairs().filter(|&(a, b)| truth(a, b)).count();
        assert_eq!(L::mask_count(mask) as usize, count, "{name}");
        assert_eq!(L::mask_any(mask), count > 0, "{name}");
        let counter = L::count_add(L::count_add(L::counter_zero(), mask), mask);
        assert_eq!(L::counter_sum(counter), 2 * count as u64, "{name}");
        let chosen = pairs().map(|(a, b)| if truth(a, b) { a } else { b });
        assert_lanes(L::select(mask, x, y), chosen, scalar, name);
    }
}

fn check_memory<L: Lanes>(scalar: fn(f64) -> L::Scalar) {
    let count = |lane: usize| lane as f64 + 0.5;
    let source: Vec<L::Scalar> = (0..L::COUNT).map(|lane| scalar(count(lane))).collect();
    assert_lanes(L::splat(0.1), (0..L::COUNT).map(|_| 0.1), scalar, "splat");
    assert_lanes(L::splat_scalar(scalar(0.1)), (0..L::COUNT).map(|_| 0.1), scalar, "splat_scalar");
    for length in 0..=L::COUNT {
        let partial = |lane: usize| if lane < length { count(lane) } else { 0.0 };
        let loaded = L::load_partial(&source[..length]);
        assert_lanes(loaded, (0..L::COUNT).map(partial), scalar, "load_partial");

        let mut target = vec![scalar(-1.0); L::COUNT];
        L::load(&source).store_partial(&mut target[..length]);
        let expected = (0..L::COUNT).map(|lane| if lane < length { count(lane) } else { -1.0 });
        assert_lanes(L::load(&target), expected, scalar, "store_partial");

        let bytes: Vec<u8> = (0..length).map(|lane| 255 - lane as u8).collect();
        let expected = (0..L::COUNT).map(|lane| bytes.get(lane).map_or(0.0, |&byte| f64::from(byte)));
        assert_lanes(L::from_u8_partial(&bytes), expected.clone(), scalar, "from_u8_partial");
        if length == L::COUNT {
            assert_lanes(L::from_u8(&bytes), expected, scalar, "from_u8");
        }
    }
}

fn check_sums<L: Lanes>(scalar: fn(f64) -> L::Scalar) {
    // Integers add without rounding, so the order does not matter to the expected value.
    let source: Vec<L::Scalar> = (0..L::COUNT).map(|lane| scalar((lane * lane) as f64)).collect();
    let expected: f64 = source.iter().map(|&x| -> f64 { x.into() }).sum();
    let x = L::load(&source);
    assert_eq!(x.largest().into(), ((L::COUNT - 1) * (L::COUNT - 1)) as f64);

    // 1 + 2⁻³⁰ is no f32, but both parts are: the sums must be f64.
    let part = L::splat(0.5f64.powi(30));
    let wide = L::wide_add(L::wide_add(L::wide_add(L::wide_zero(), x), L::splat(1.0)), part);
    let lanes = L::COUNT as f64;
    assert_eq!(L::wide_sum(wide), expected + lanes * (1.0 + 0.5f64.powi(30)));

    // Exact either way, so it does not tell a fused from a plain one.
    let product = L::splat(3.0).mul_add(L::splat(-2.0), L::splat(10.0));
    assert_lanes(product, (0..L::COUNT).map(|_| 4.0), scalar, "mul_add");
}
