//! What the tests share: batches, comparison, and a tape that tells what was recorded.

use std::cell::Cell;

use dfdx::prelude::*;
use reweight_dfdx::reweight::Ghm;

/// Numbers spread over [low, high] without pattern: a golden-ratio sequence.
pub(crate) fn spread(count: usize, low: f64, high: f64) -> Vec<f64> {
    (1..=count).map(|i| low + (high - low) * (i as f64 * 0.618_033_988_749_895).fract()).collect()
}

/// A third of positives.
pub(crate) fn thirds(count: usize) -> Vec<u8> {
    (0..count).map(|i| u8::from(i % 3 == 0)).collect()
}

/// GHM with momentum, whose state every training step changes.
pub(crate) fn ghm() -> Ghm {
    Ghm::new(5, 0.75).unwrap()
}

#[track_caller]
pub(crate) fn assert_close(found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() <= tolerance * expected.abs().max(1.0),
        "found {found}, expected {expected}, tolerance {tolerance}"
    );
}

#[track_caller]
pub(crate) fn assert_all_close<E: Into<f64> + Copy>(found: &[E], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (&found, &expected) in found.iter().zip(expected) {
        assert_close(found.into(), expected, tolerance);
    }
}

thread_local! {
    static RECORDED: Cell<usize> = const { Cell::new(0) };
}

/// A tape that only counts, for this thread, how many steps were recorded.
#[derive(Clone, Debug, Default)]
pub(crate) struct CountingTape;

impl CountingTape {
    pub(crate) fn recorded() -> usize {
        RECORDED.get()
    }
}

impl<E, D: Storage<E>> Tape<E, D> for CountingTape {
    const OWNS_TAPE: bool = true;
    fn add_backward_op<F>(&mut self, _: F)
    where
        F: 'static + FnOnce(&mut Gradients<E, D>) -> Result<(), D::Err>,
    {
        RECORDED.set(RECORDED.get() + 1);
    }
}

impl Merge<Self> for CountingTape {
    fn merge(self, _: Self) -> Self {
        self
    }
}

impl Merge<NoneTape> for CountingTape {
    fn merge(self, _: NoneTape) -> Self {
        self
    }
}
