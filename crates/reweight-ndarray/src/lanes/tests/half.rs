//! Conversions of 16 bits, against the crate `half`, on every instruction set that this processor has.

use half::{bf16, f16};

use crate::dispatch::{Available, InstructionSet, convert};
use crate::lanes::{Convert, Format};

/// Calls `check` with each instruction set's conversions of both formats.
fn on_each(check: impl Fn(InstructionSet, Format, Convert<f32>)) {
    for set in InstructionSet::available() {
        let available = Available::require(set).expect("it is in the list of the available");
        for format in [Format::F16, Format::Bf16] {
            check(set, format, convert(available, format));
        }
    }
}

fn widened(format: Format, bits: u16) -> f32 {
    match format {
        Format::F16 => f16::from_bits(bits).to_f32(),
        Format::Bf16 => bf16::from_bits(bits).to_f32(),
    }
}

fn narrowed(format: Format, value: f32) -> u16 {
    match format {
        Format::F16 => f16::from_f32(value).to_bits(),
        Format::Bf16 => bf16::from_f32(value).to_bits(),
    }
}

#[test]
fn every_half_is_widened_exactly() {
    let all: Vec<u16> = (0..=u16::MAX).collect();
    on_each(|set, format, convert| {
        // All lengths of what is left over behind the registers.
        for skipped in 0..17 {
            let mut wide = vec![1.0; all.len() - skipped];
            (convert.widen)(&all[skipped..], &mut wide);
            for (&bits, &got) in all[skipped..].iter().zip(&wide) {
                let expected = widened(format, bits);
                let same = got.to_bits() == expected.to_bits() || got.is_nan() && expected.is_nan();
                assert!(same, "{set}, {format:?} {bits:#06x}: {got:e} instead of {expected:e}");
            }
        }
    });
}

/// Numbers at every place where rounding changes: each half, the middle to the next, and the floats beside both.
fn turning_points(format: Format) -> Vec<f32> {
    let halves = (0..=u16::MAX).map(|bits| widened(format, bits));
    let mut points: Vec<f32> = halves.collect();
    for bits in (0..u16::MAX).filter(|bits| bits & 0x7fff != 0x7fff) {
        let (here, next) = (widened(format, bits), widened(format, bits + 1));
        let middle = if next.is_infinite() {
            // Where rounding overflows.
            here + (here - widened(format, bits - 1)) / 2.0
        } else {
            (f64::midpoint(here.into(), next.into())) as f32
        };
        points.extend([here, middle].into_iter().flat_map(|at| [at.next_down(), at, at.next_up()]));
    }
    points.extend([f32::MAX, -f32::MAX, f32::MIN_POSITIVE, f32::from_bits(1), 1e-30, 1e30]);
    points
}

#[test]
fn every_number_is_narrowed_to_the_nearest() {
    on_each(|set, format, convert| {
        let points = turning_points(format);
        let mut halves = vec![1; points.len()];
        let fit = (convert.narrow)(&points, 1.0, &mut halves);
        assert!(!fit, "{set}, {format:?}: infinities are not finite");
        for (&value, &got) in points.iter().zip(&halves) {
            let expected = narrowed(format, value);
            let same = got == expected || widened(format, got).is_nan() && value.is_nan();
            assert!(same, "{set}, {format:?} of {value:e}: {got:#06x} instead of {expected:#06x}");
        }
    });
}

#[test]
fn the_factor_comes_before_the_rounding_and_what_is_too_large_is_told() {
    on_each(|set, format, convert| {
        let values: Vec<f32> = (0..45).map(|i| 1.0 + i as f32 * 0.001).collect();
        let mut halves = vec![0; values.len()];
        assert!((convert.narrow)(&values, 1.0 / 3.0, &mut halves), "{set}, {format:?}");
        for (&value, &got) in values.iter().zip(&halves) {
            assert_eq!(got, narrowed(format, value * (1.0 / 3.0)), "{set}, {format:?}");
        }
        // At every place of a register and behind: the largest fits, what is rounded to more does not.
        let largest = format.largest();
        let too_large = largest + (largest - widened(format, narrowed(format, largest) - 1)) / 2.0;
        for at in 0..values.len() {
            for (value, fits) in [(largest, true), (too_large.next_down(), true), (too_large, false), (f32::NAN, false)]
            {
                let mut values = values.clone();
                values[at] = -value;
                assert_eq!((convert.narrow)(&values, 1.0, &mut halves), fits, "{set}, {format:?}: {value:e} at {at}");
                assert_eq!(format.holds(value), fits, "{format:?}: {value:e}");
            }
        }
    });
}
