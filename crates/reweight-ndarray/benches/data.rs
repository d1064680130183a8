//! The batches that are measured.

/// Logits as a trained network gives them to a long tail: most of them well below 0, 2 % positives.
#[derive(Debug)]
pub(crate) struct Data {
    state: u64,
}

impl Data {
    pub(crate) fn new() -> Self {
        Self { state: 0x5eed }
    }

    /// Evenly spread in [0, 1): the upper bits of a linear congruential generator (Knuth's constants).
    pub(crate) fn next(&mut self) -> f64 {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn logits(&mut self, n: usize) -> Vec<f64> {
        (0..n).map(|_| 12.0 * self.next() - 8.0).collect()
    }

    pub(crate) fn targets(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| u8::from(self.next() < 0.02)).collect()
    }
}
