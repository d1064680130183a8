//! Tolerances, deterministic data, and numbers in either precision.

use reweight::{BatchStatistics, LossSummary, Reduction};
use reweight_codegen::{Element, Precision};

use crate::session::{Results, Session};

/// All reductions.
pub(crate) const REDUCTIONS: [Reduction; 6] = [
    Reduction::Mean,
    Reduction::Sum,
    Reduction::None,
    Reduction::WeightedMean,
    Reduction::Positives,
    Reduction::Divisor(37.5),
];

/// Numbers without order, the same in every run (SplitMix64).
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In [0, 1), exact in `f32`.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.bits() >> 40) as f64 / f64::from(1_u32 << 24)
    }

    /// A logit, exact in `f32`: mostly of everyday size, some huge, some tiny.
    pub(crate) fn logit(&mut self) -> f64 {
        let size = match self.bits() % 16 {
            0 => 1e4,
            1 => 120.0,
            2 => 1e-6,
            _ => 6.0,
        };
        f64::from(((2.0 * self.unit() - 1.0) * size) as f32)
    }
}

/// A buffer of the logits' number type.
pub(crate) fn reals(session: &mut Session, precision: Precision, values: &[f64]) -> u64 {
    match precision {
        Precision::F32 => session.buffer(&values.iter().map(|&value| value as f32).collect::<Vec<_>>()),
        Precision::F64 => session.buffer(values),
    }
}

/// A buffer of whole numbers of any type; what does not fit wraps around.
pub(crate) fn labels(session: &mut Session, element: Element, values: &[i64]) -> u64 {
    macro_rules! narrowed {
        ($type:ty) => {
            session.buffer(&values.iter().map(|&value| value as $type).collect::<Vec<_>>())
        };
    }
    match element {
        Element::U8 => narrowed!(u8),
        Element::I8 => narrowed!(i8),
        Element::U16 => narrowed!(u16),
        Element::I16 => narrowed!(i16),
        Element::U32 => narrowed!(u32),
        Element::I32 => narrowed!(i32),
        Element::U64 => narrowed!(u64),
        Element::I64 => narrowed!(i64),
        Element::F32 => narrowed!(f32),
        Element::F64 => narrowed!(f64),
    }
}

pub(crate) fn read_reals(results: &Results, precision: Precision, address: u64) -> Vec<f64> {
    match precision {
        Precision::F32 => results.read::<f32>(address).into_iter().map(f64::from).collect(),
        Precision::F64 => results.read(address),
    }
}

/// Relative error: 2e-6 covers some 30 roundings of `f32`. A weight e^a carries a's rounding |a| times over, so it
/// grows with |ln w|. In `f64` it is the reference that rounds more: it adds up a row's 9000 logits one by one.
fn relative(precision: Precision, weight: f64) -> f64 {
    let grown = 1.0 + if weight > 0.0 { weight.ln().abs() } else { 0.0 };
    match precision {
        Precision::F32 => 2e-6 * grown,
        Precision::F64 => 1e-13 * grown,
    }
}

/// Below the smallest normal number, relative errors mean nothing.
fn floor(precision: Precision) -> f64 {
    match precision {
        Precision::F32 => 1e-36,
        Precision::F64 => 1e-306,
    }
}

/// Compares value by value; `scale` is the size of the terms that the value is a sum of, `weight` the sample's weight.
pub(crate) fn close(
    what: &str,
    precision: Precision,
    found: &[f64],
    expected: &[f64],
    scale: impl Fn(usize) -> f64,
    weight: impl Fn(usize) -> f64,
) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (at, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        let tolerance = relative(precision, weight(at)) * (expected.abs() + scale(at)) + floor(precision);
        assert!(
            (found - expected).abs() <= tolerance,
            "{what}: [{at}] is {found:e}, but the reference has {expected:e} (tolerance {tolerance:e})"
        );
    }
}

/// Compares what `reweight_finish` wrote with the reference's summary. Every addend is at least 0, so the sums are as
/// accurate as their addends, the least accurate of which weigh least.
pub(crate) fn check_totals(
    what: &str,
    precision: Precision,
    totals: &[f64],
    summary: &LossSummary,
    reduction: Reduction,
) {
    let tolerance = match precision {
        Precision::F32 => 1e-5,
        Precision::F64 => 1e-13,
    };
    let near = |name: &str, found: f64, expected: f64| {
        let error = (found - expected).abs();
        assert!(
            error <= tolerance * expected.abs() + floor(precision),
            "{what}: {name} is {found:e}, not {expected:e}"
        );
    };
    near("weight sum", totals[1], summary.weight_sum);
    assert_eq!(totals[2], summary.valid as f64, "{what}: valid");
    assert_eq!(totals[3], summary.positives as f64, "{what}: positives");
    let sums = reweight::Totals {
        loss_sum: totals[0],
        weight_sum: totals[1],
        valid: summary.valid,
        positives: summary.positives,
    };
    assert_eq!(totals[4], reduction.factor(&sums), "{what}: factor");
    if let Some(loss) = summary.loss {
        near("loss", totals[5], loss);
    }
}

/// The counts must be the reference's, each of them.
pub(crate) fn check_counts(what: &str, found: &[u64], expected: &BatchStatistics) {
    assert_eq!(found, expected.as_counts(), "{what}: counts");
}
