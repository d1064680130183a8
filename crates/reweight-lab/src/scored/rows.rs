//! What is kept of the rows: a class and a margin each, in blocks that threads share out.

use std::collections::TryReserveError;

use super::scale::{BEYOND, FARTHEST, logit, logit_of_log};
use crate::table::names::ScoreKind;

/// Most rows of a file, also of one that does not end: some 0.7 GB of memory, and a minute or two.
pub const MOST_ROWS: u64 = 1 << 26;

/// Rows a block.
const ROWS: usize = 1 << 16;

/// What one row leaves.
#[derive(Debug, Clone, Copy)]
pub struct Kept {
    /// Its class.
    pub class: u16,
    /// The class of the largest score, where there are several.
    pub predicted: Option<u16>,
    /// With one score a row, the score; with several, the margin if they are logits.
    pub first: f64,
    /// With several, the margin if they are probabilities; none where they cannot be.
    pub second: Option<f64>,
}

/// Rows that lie together in memory: 10 bytes each for two classes, 20 for more (12 once it is known what the scores are).
#[derive(Debug, Default)]
pub struct Block {
    /// The class of each.
    pub classes: Vec<u16>,
    /// Empty for two classes.
    pub predicted: Vec<u16>,
    /// The margin of each.
    pub margins: Vec<f64>,
    odds: Vec<f64>,
}

impl Block {
    /// A block with room for rows as `first` is.
    fn with_room(first: Kept) -> Result<Self, TryReserveError> {
        let mut block = Self::default();
        block.classes.try_reserve_exact(ROWS)?;
        block.margins.try_reserve_exact(ROWS)?;
        if first.predicted.is_some() {
            block.predicted.try_reserve_exact(ROWS)?;
        }
        if first.second.is_some() {
            block.odds.try_reserve_exact(ROWS)?;
        }
        Ok(block)
    }
}

/// Scores that lie beyond a range.
#[derive(Debug, Default, Clone, Copy)]
pub struct Beyond {
    /// How many.
    pub scores: u64,
    /// The line of the first, and its value.
    pub first: Option<(u64, f64)>,
}

impl Beyond {
    /// Takes in one that stood on `line`.
    pub fn add(&mut self, line: u64, score: f64) {
        self.scores += 1;
        self.first.get_or_insert((line, score));
    }

    /// Whether they are so few of `all` that they may be mistakes.
    pub fn are_few(&self, all: u64) -> bool {
        self.scores > 0 && all >= 10 && (self.scores == 1 || 50 * self.scores <= all)
    }
}

/// All rows of a file.
#[derive(Debug)]
pub struct Rows {
    /// The rows themselves, in the file's order.
    pub blocks: Vec<Block>,
    /// The label of each class.
    pub labels: Vec<String>,
    /// Rows of each class.
    pub counts: Vec<u64>,
    /// Rows read, also those without a label.
    pub read: u64,
    /// Rows without a label.
    pub without_label: u64,
    /// The line of the first of them.
    pub first_without_label: Option<u64>,
    /// Whether every score lies in [0, 1], but for rounding.
    pub all_in_unit: bool,
    /// Whether every score lies in [0, 100].
    pub all_in_hundred: bool,
    /// Those that do not lie in [0, 1].
    pub beyond_unit: Beyond,
    /// Those that do not lie in [0, 100].
    pub beyond_hundred: Beyond,
    /// Whether no score lies above 0.
    pub all_at_most_zero: bool,
    /// Scores that lie farther from 0 than logits do.
    pub far: u64,
    /// Scores that lie a rounding error beyond [0, 1].
    pub rounded: u64,
    /// The first row whose scores do not sum to 1: its line, and the sum.
    pub not_one: Option<(u64, f64)>,
    /// Margins that stand for a probability of exactly 0 or 1.
    pub saturated: u64,
    /// The margin that stands for them.
    pub farthest: f64,
    /// Number of rows with a label.
    pub kept: u64,
    places: Vec<Place>,
}

/// Where a kept row stood in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its index among the kept rows.
    pub index: u64,
    /// Its number among the data rows, from 1.
    pub row: u64,
    /// Its line, from 1.
    pub line: u64,
}

impl Place {
    /// As far from here as `index` is.
    fn at(self, index: u64) -> Self {
        let further = index - self.index;
        Self { index, row: self.row + further, line: self.line + further }
    }
}

impl Default for Rows {
    fn default() -> Self {
        Self {
            blocks: Vec::new(),
            labels: Vec::new(),
            counts: Vec::new(),
            read: 0,
            without_label: 0,
            first_without_label: None,
            all_in_unit: true,
            all_in_hundred: true,
            beyond_unit: Beyond::default(),
            beyond_hundred: Beyond::default(),
            all_at_most_zero: true,
            far: 0,
            rounded: 0,
            not_one: None,
            saturated: 0,
            farthest: FARTHEST,
            kept: 0,
            places: Vec::new(),
        }
    }
}

impl Rows {
    /// Adds a row that stood on `line` and was the last one read.
    ///
    /// # Errors
    ///
    /// Where there is no memory for it.
    pub fn push(&mut self, kept: Kept, line: u64) -> Result<(), TryReserveError> {
        if self.blocks.last().is_none_or(|block| block.classes.len() == ROWS) {
            self.blocks.try_reserve(1)?;
            self.blocks.push(Block::with_room(kept)?);
        }
        let place = Place { index: self.kept, row: self.read, line };
        // Rows mostly follow each other; only where one does not is it written down.
        if self.places.last().is_none_or(|last| last.at(place.index) != place) {
            self.places.try_reserve(1)?;
            self.places.push(place);
        }
        let Some(block) = self.blocks.last_mut() else { return Ok(()) };
        block.classes.push(kept.class);
        block.margins.push(kept.first);
        block.odds.extend(kept.second);
        block.predicted.extend(kept.predicted);
        self.kept += 1;
        self.counts[usize::from(kept.class)] += 1;
        Ok(())
    }

    /// Where a kept row stood.
    pub fn place(&self, index: u64) -> Option<Place> {
        let after = self.places.partition_point(|place| place.index <= index);
        Some(self.places.get(after.checked_sub(1)?)?.at(index))
    }

    /// Makes margins of one score a row, which speaks for class `positive`; that becomes class 1, all others class 0.
    pub fn resolve_binary(&mut self, kind: ScoreKind, positive: u16, rest: String) {
        for block in &mut self.blocks {
            for (class, margin) in block.classes.iter_mut().zip(&mut block.margins) {
                *class = u16::from(*class == positive);
                let logit = match kind {
                    ScoreKind::Logits => *margin,
                    ScoreKind::LogProbabilities => logit_of_log(*margin),
                    ScoreKind::Probabilities | ScoreKind::Percentages => logit(*margin),
                };
                *margin = if *class == 1 { logit } else { -logit };
            }
        }
        let positive = usize::from(positive);
        let positives = self.counts[positive];
        let all: u64 = self.counts.iter().sum();
        self.labels = vec![rest, self.labels.swap_remove(positive)];
        self.counts = vec![all - positives, positives];
        self.place_saturated();
    }

    /// Takes the margins of several scores a row for what the scores are.
    pub fn resolve_classes(&mut self, kind: ScoreKind) {
        for block in &mut self.blocks {
            let odds = std::mem::take(&mut block.odds);
            // Logarithms of probabilities are logits of a softmax, as they are.
            if matches!(kind, ScoreKind::Probabilities | ScoreKind::Percentages) {
                block.margins = odds;
            }
        }
        self.place_saturated();
    }

    /// Puts what stands for a probability of exactly 0 or 1 beyond all that are finite.
    fn place_saturated(&mut self) {
        let margins = || self.blocks.iter().flat_map(|block| &block.margins).map(|margin| margin.abs());
        self.saturated = margins().filter(|margin| margin.is_infinite()).count() as u64;
        if self.saturated == 0 {
            return;
        }
        let largest = margins().filter(|margin| margin.is_finite()).fold(0.0, f64::max);
        self.farthest = FARTHEST.max(largest + BEYOND);
        let farthest = self.farthest;
        let margins = self.blocks.iter_mut().flat_map(|block| &mut block.margins);
        margins.for_each(|margin| *margin = margin.clamp(-farthest, farthest));
    }
}
