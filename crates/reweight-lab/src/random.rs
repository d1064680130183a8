//! Random numbers that a seed fixes for good: one ChaCha8 stream for each purpose of a run.
//!
//! The bare ChaCha stream is used, not rand's `shuffle` and distributions, because rand may change the values that
//! those give in any release, while ChaCha's words are a specification. A run that was written down can so be
//! repeated after every upgrade. No transcendental function is used either, so that every platform agrees.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What a stream of random numbers is for; streams of different purposes are independent under the same seed.
///
/// The numbers are part of what repeats a run: never reuse or renumber one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Dealing the rows to the folds.
    Folds,
    /// The initial weights of a network.
    Weights,
    /// The order of the rows in the batches of one epoch of one fold.
    Batches {
        /// Fold, from 0.
        fold: u32,
        /// Epoch, from 0.
        epoch: u32,
    },
    /// Dealing the training rows of a fold of `tune` to its inner folds.
    InnerFolds {
        /// The outer fold, from 0; the number of folds for the search over all rows.
        fold: u32,
    },
    /// The losses that a round of a search of `tune` tries.
    Trials {
        /// The outer fold, as above.
        fold: u32,
        /// Round, from 0.
        round: u32,
    },
    /// Which training rows of a fold a long tail keeps.
    Tail {
        /// Fold, from 0.
        fold: u32,
    },
    /// Which training rows of a fold are labelled wrong, and how.
    Labels {
        /// Fold, from 0.
        fold: u32,
    },
}

impl Purpose {
    fn stream(self) -> u64 {
        match self {
            Self::Folds => 0,
            Self::Weights => 1,
            Self::InnerFolds { fold } => (1 << 60) | u64::from(fold),
            Self::Tail { fold } => (1 << 59) | u64::from(fold),
            Self::Labels { fold } => (1 << 58) | u64::from(fold),
            Self::Trials { fold, round } => (1 << 61) | (u64::from(fold) << 24) | u64::from(round),
            // 2^62 and above, away from the small numbers of the other purposes.
            Self::Batches { fold, epoch } => (1 << 62) | (u64::from(fold) << 31) | u64::from(epoch),
        }
    }
}

/// A deterministic stream of random numbers.
#[derive(Debug, Clone)]
pub struct Random {
    words: ChaCha8Rng,
}

impl Random {
    /// The stream of `purpose` under `seed`.
    #[must_use]
    pub fn new(seed: u64, purpose: Purpose) -> Self {
        // The key is written out here because `seed_from_u64` expands a seed by a rule of the crate's own.
        let mut key = [0_u8; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut words = ChaCha8Rng::from_seed(key);
        words.set_stream(purpose.stream());
        Self { words }
    }

    /// The words themselves, for who draws by a rule of its own.
    pub fn words(&mut self) -> &mut ChaCha8Rng {
        &mut self.words
    }

    /// A number uniform in 0..`bound`, without bias; 0 if `bound` is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = bound as u64;
        if bound == 0 {
            return 0;
        }
        // Words above the last whole multiple of `bound` would favour the small remainders.
        let limit = u64::MAX - (u64::MAX % bound);
        loop {
            let word = self.words.next_u64();
            if word < limit {
                return (word % bound) as usize;
            }
        }
    }

    /// A number uniform in [0, 1), a multiple of 2⁻⁵³.
    pub fn unit(&mut self) -> f64 {
        (self.words.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Puts `items` into a uniformly random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last + 1);
            items.swap(last, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_never_change() {
        // Written down once: if this fails, recorded runs can no longer be repeated.
        let mut random = Random::new(7, Purpose::Folds);
        let drawn: Vec<usize> = (0..6).map(|_| random.below(1000)).collect();
        assert_eq!(drawn, EXPECTED);
    }

    const EXPECTED: [usize; 6] = [99, 117, 310, 144, 515, 116];

    #[test]
    fn purposes_and_seeds_are_independent() {
        let first = |seed, purpose| Random::new(seed, purpose).below(usize::MAX);
        let all = [
            first(1, Purpose::Folds),
            first(2, Purpose::Folds),
            first(1, Purpose::Weights),
            first(1, Purpose::Batches { fold: 0, epoch: 0 }),
            first(1, Purpose::Batches { fold: 0, epoch: 1 }),
            first(1, Purpose::Batches { fold: 1, epoch: 0 }),
            first(1, Purpose::InnerFolds { fold: 0 }),
            first(1, Purpose::Trials { fold: 0, round: 0 }),
            first(1, Purpose::Trials { fold: 1, round: 0 }),
        ];
        for (i, a) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|b| a != b));
        }
    }

    #[test]
    fn shuffling_gives_every_order_equally_often() {
        let mut random = Random::new(3, Purpose::Weights);
        let mut counts = std::collections::BTreeMap::new();
        for _ in 0..6000 {
            let mut items = [0, 1, 2];
            random.shuffle(&mut items);
            *counts.entry(items).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 6);
        // 1000 expected each; five standard deviations are 5 √(6000 · 1/6 · 5/6) = 144.
        assert!(counts.values().all(|&count: &i32| (count - 1000).abs() < 144));
    }

    #[test]
    fn unit_stays_in_its_interval() {
        let mut random = Random::new(0, Purpose::Weights);
        let drawn: Vec<f64> = (0..10_000).map(|_| random.unit()).collect();
        assert!(drawn.iter().all(|x| (0.0..1.0).contains(x)));
        // The mean's standard deviation is 1/√(12 · 10,000) = 0.0029; five of them.
        assert!((drawn.iter().sum::<f64>() / 10_000.0 - 0.5).abs() < 0.0145);
    }
}
