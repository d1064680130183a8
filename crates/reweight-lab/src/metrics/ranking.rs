//! Figures of a two-class ranking, from scores (higher means more likely positive) and labels, in O(n log n).
//!
//! Rows of equal score are one threshold: nothing here depends on the order in which equals happen to stand.

use super::MetricError;

/// Share of the positives, those scored lowest, that count as the hardest.
const HARDEST: usize = 10;

/// Scores and labels, sorted once; every figure is read off this.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranking {
    /// Distinct scores, descending, with the positives and negatives that have each.
    thresholds: Vec<Threshold>,
    positives: usize,
    negatives: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Threshold {
    score: f64,
    positives: usize,
    negatives: usize,
}

impl Ranking {
    /// Ranks rows by their scores.
    ///
    /// # Errors
    ///
    /// [`MetricError`] when the lengths differ, a score is not finite, or only one class occurs.
    pub fn new(scores: &[f64], is_positive: &[bool]) -> Result<Self, MetricError> {
        check_scores(scores, is_positive)?;
        let positives = is_positive.iter().filter(|&&positive| positive).count();
        let negatives = is_positive.len() - positives;
        if positives == 0 || negatives == 0 {
            return Err(MetricError::OneClass { positives, rows: is_positive.len() });
        }
        let mut rows: Vec<(f64, bool)> = scores.iter().copied().zip(is_positive.iter().copied()).collect();
        rows.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        // Compared with ==, which takes 0 and −0, neighbours in the total order, for one score.
        let thresholds = rows
            .chunk_by(|a, b| a.0 == b.0)
            .map(|rows| {
                let positives = rows.iter().filter(|row| row.1).count();
                Threshold { score: rows[0].0, positives, negatives: rows.len() - positives }
            })
            .collect();
        Ok(Self { thresholds, positives, negatives })
    }

    /// Average precision: Σ (Rₙ − Rₙ₋₁) Pₙ over the thresholds in falling order, with precision Pₙ and recall Rₙ at each;
    /// no interpolation, as scikit-learn defines it. In (0, 1]; a random ranking has the share of positives.
    #[must_use]
    pub fn average_precision(&self) -> f64 {
        let (mut found, mut taken, mut sum) = (0, 0, 0.0);
        for threshold in &self.thresholds {
            found += threshold.positives;
            taken += threshold.positives + threshold.negatives;
            sum += threshold.positives as f64 * (found as f64 / taken as f64);
        }
        sum / self.positives as f64
    }

    /// Area under the ROC curve: how often a positive is scored above a negative, a tie counting half. In [0, 1].
    #[must_use]
    pub fn roc_auc(&self) -> f64 {
        let above: f64 = self.negatives_above().map(|(threshold, above)| threshold.positives as f64 * above).sum();
        1.0 - above / (self.positives as f64 * self.negatives as f64)
    }

    /// The largest recall of any threshold that lets at most `rate` of the negatives through. In [0, 1].
    ///
    /// No line is drawn between two thresholds: what is reported can be had.
    #[must_use]
    pub fn recall_at_false_positive_rate(&self, rate: f64) -> f64 {
        let allowed = rate * self.negatives as f64;
        let (mut found, mut let_through) = (0, 0);
        for threshold in &self.thresholds {
            let_through += threshold.negatives;
            if let_through as f64 > allowed {
                break;
            }
            found += threshold.positives;
        }
        found as f64 / self.positives as f64
    }

    /// The score from which on rows are called positive where that gives the largest balanced accuracy, the mean of the recall
    /// and of the share of negatives that stay below; and that accuracy. The lowest of equals. A rising map of all scores changes
    /// the threshold likewise, and the accuracy not at all.
    #[must_use]
    pub fn best_threshold(&self) -> (f64, f64) {
        // In whole numbers, so that equals are equal: the accuracy times twice both counts. Nothing called positive has ½.
        let (mut found, mut passed) = (0, 0);
        let (mut score, mut most) = (f64::INFINITY, self.positives * self.negatives);
        for threshold in &self.thresholds {
            found += threshold.positives;
            passed += threshold.negatives;
            let both = found * self.negatives + (self.negatives - passed) * self.positives;
            if both >= most {
                (score, most) = (threshold.score, both);
            }
        }
        (score, 0.5 * most as f64 / (self.positives * self.negatives) as f64)
    }

    /// The recall, and the share of negatives that stay below, where rows of at least `threshold` are called positive.
    #[must_use]
    pub fn recalls_at(&self, threshold: f64) -> [f64; 2] {
        let called = self.thresholds.iter().take_while(|one| one.score >= threshold);
        let (found, passed) =
            called.fold((0, 0), |(found, passed), one| (found + one.positives, passed + one.negatives));
        [found as f64 / self.positives as f64, 1.0 - passed as f64 / self.negatives as f64]
    }

    /// Where the hardest positives stand: the mean, over the lowest-scored tenth of the positives (rounded up), of the share
    /// of the negatives scored above each, a tie counting half. In [0, 1]; 0 is best, 0.5 no better than chance.
    #[must_use]
    pub fn hardest_positives_rank(&self) -> f64 {
        let hardest = self.positives.div_ceil(HARDEST);
        let (mut skip, mut sum) = (self.positives - hardest, 0.0);
        for (threshold, above) in self.negatives_above() {
            // The positives of one threshold stand alike, so it does not matter which of them are counted.
            let skipped = threshold.positives.min(skip);
            skip -= skipped;
            sum += (threshold.positives - skipped) as f64 * above;
        }
        sum / (hardest as f64 * self.negatives as f64)
    }

    /// The score that a share `quantile` of the negatives stays below, linear between neighbours (numpy's default).
    ///
    /// `quantile` 0.99 of probabilities is how high the negatives' top was pulled; outside [0, 1] it is clamped.
    #[must_use]
    pub fn negatives_quantile(&self, quantile: f64) -> f64 {
        let position = quantile.clamp(0.0, 1.0) * (self.negatives - 1) as f64;
        let below = position.floor();
        let lower = self.negative_at(below as usize);
        let upper = self.negative_at(position.ceil() as usize);
        lower + (upper - lower) * (position - below)
    }

    /// The precision at the highest threshold that finds at least a share `recall` of the positives, for each of `recalls`
    /// in rising order; no interpolation, so that [`average_precision`](Self::average_precision) is the mean over all recalls.
    #[must_use]
    pub fn precisions_at(&self, recalls: &[f64]) -> Vec<f64> {
        let mut thresholds = self.thresholds.iter();
        let (mut found, mut taken) = (0, 0);
        let precision = |&recall: &f64| {
            // A recall of k/n, computed, may be an ulp above the k/n computed here.
            while (found as f64) < recall * self.positives as f64 - 1e-9 || taken == 0 {
                let Some(threshold) = thresholds.next() else { break };
                found += threshold.positives;
                taken += threshold.positives + threshold.negatives;
            }
            found as f64 / taken as f64
        };
        recalls.iter().map(precision).collect()
    }

    /// For each positive, highest score first, the share of the negatives that score above it, a tie counting half.
    #[must_use]
    pub fn negatives_above_positives(&self) -> Vec<f64> {
        let share = |(threshold, above): (Threshold, f64)| (threshold.positives, above / self.negatives as f64);
        self.negatives_above().map(share).flat_map(|(positives, share)| std::iter::repeat_n(share, positives)).collect()
    }

    /// Each threshold with the number of negatives above it, half of its own included.
    fn negatives_above(&self) -> impl Iterator<Item = (Threshold, f64)> {
        self.thresholds.iter().scan(0, |above, &threshold| {
            let here = *above as f64 + 0.5 * threshold.negatives as f64;
            *above += threshold.negatives;
            Some((threshold, here))
        })
    }

    /// The negatives' score number `index` in rising order, from 0.
    fn negative_at(&self, index: usize) -> f64 {
        let mut below = 0;
        let found = self.thresholds.iter().rev().find(|threshold| {
            below += threshold.negatives;
            below > index
        });
        // Ranking::new refuses to rank without negatives, and every caller stays below their number.
        found.map_or(f64::NAN, |threshold| threshold.score)
    }
}

/// Brier score: the mean of (p − y)² over the rows, p a probability. In [0, 1]; 0 is best.
///
/// # Errors
///
/// [`MetricError`] when the lengths differ, there are no rows, or a probability is not finite.
pub fn brier(probabilities: &[f64], is_positive: &[bool]) -> Result<f64, MetricError> {
    check_scores(probabilities, is_positive)?;
    if probabilities.is_empty() {
        return Err(MetricError::OneClass { positives: 0, rows: 0 });
    }
    let squares = probabilities.iter().zip(is_positive).map(|(p, &y)| (p - f64::from(u8::from(y))).powi(2));
    Ok(squares.sum::<f64>() / probabilities.len() as f64)
}

fn check_scores(scores: &[f64], is_positive: &[bool]) -> Result<(), MetricError> {
    if scores.len() != is_positive.len() {
        return Err(MetricError::Lengths { scores: scores.len(), labels: is_positive.len() });
    }
    match scores.iter().position(|score| !score.is_finite()) {
        Some(index) => Err(MetricError::NotFinite { index, value: scores[index] }),
        None => Ok(()),
    }
}
