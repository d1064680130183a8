//! What a classifier did for the rare class: ranking figures, calibration, classification figures, and paired differences.

pub mod calibration;
pub mod classification;
pub mod paired;
pub mod ranking;

pub use classification::Confusion;
pub use paired::{Paired, Summary};
pub use ranking::{Ranking, brier};

/// Why a figure does not exist.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MetricError {
    /// One score or prediction a label is needed.
    #[error("there are {scores} scores for {labels} labels")]
    Lengths {
        /// Scores or predictions given.
        scores: usize,
        /// Labels given.
        labels: usize,
    },
    /// A score that cannot be ranked.
    #[error("score {index} is {value}; only finite scores can be ranked")]
    NotFinite {
        /// Position, from 0.
        index: usize,
        /// The score.
        value: f64,
    },
    /// Ranking positives among negatives needs both.
    #[error("there are {positives} positives among {rows} rows; the figures need both classes")]
    OneClass {
        /// Positive labels.
        positives: usize,
        /// Labels.
        rows: usize,
    },
    /// A class outside 0..classes.
    #[error("row {row} is of class {class}, there are only {classes}")]
    UnknownClass {
        /// Row, from 0.
        row: usize,
        /// Its class, true or predicted.
        class: usize,
        /// Number of classes.
        classes: usize,
    },
}

#[cfg(test)]
mod tests;
