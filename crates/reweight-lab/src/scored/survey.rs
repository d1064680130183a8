//! The first pass over the margins: counts, and who owns the gradient of plain cross entropy.

use rayon::prelude::*;
use reweight::{BatchStatistics, Objective, RegionAxis, Sample, Statistics};

use super::rows::{Block, Rows};
use crate::seen::Seen;

/// Below this gradient norm a sample is taken for easy, p_t > 0.9.
pub const EASY: f64 = 0.1;

/// From this gradient norm on a sample is taken for contradicted, p_t ≤ 0.1.
pub const HARD: f64 = 0.9;

/// What the first pass finds.
#[derive(Debug, Clone)]
pub struct Survey {
    /// What the weighters asked for.
    pub statistics: BatchStatistics,
    /// Samples of each class whose class has the largest score, the first of equals: of one score, the positive class from
    /// above ½ on.
    pub right: Vec<u64>,
    /// Samples of each class with g ≥ 0.9.
    pub hard: Vec<u64>,
    /// Σ g.
    pub gradient: f64,
    /// Σ g of samples with g < 0.1.
    pub easy_gradient: f64,
    /// Σ g of samples with g ≥ 0.9.
    pub hard_gradient: f64,
}

impl Survey {
    /// Surveys all rows, counting what `request` asks for.
    pub fn take(rows: &Rows, objective: Objective, request: &Statistics) -> Self {
        let classes = rows.labels.len();
        let parts: Vec<Self> =
            rows.blocks.par_iter().map(|block| Self::of(block, classes, objective, request)).collect();
        // In the blocks' order, so that the sums do not depend on the threads.
        parts.into_iter().fold(Self::empty(classes, request), Self::merge)
    }

    fn empty(classes: usize, request: &Statistics) -> Self {
        let statistics = BatchStatistics::zero(request, classes);
        let zeros = vec![0; classes];
        let (right, hard) = (zeros.clone(), zeros);
        Self { statistics, right, hard, gradient: 0.0, easy_gradient: 0.0, hard_gradient: 0.0 }
    }

    fn of(block: &Block, classes: usize, objective: Objective, request: &Statistics) -> Self {
        let mut survey = Self::empty(classes, request);
        for (index, (&class, &margin)) in block.classes.iter().zip(&block.margins).enumerate() {
            let own = usize::from(class);
            let norm = sample(objective, margin, class).gradient_norm();
            let right = block.predicted.get(index).map_or_else(|| says_own(margin, class), |&said| said == class);
            survey.right[own] += u64::from(right);
            survey.gradient += norm;
            if norm < EASY {
                survey.easy_gradient += norm;
            }
            if norm >= HARD {
                survey.hard[own] += 1;
                survey.hard_gradient += norm;
            }
            let counts = &mut survey.statistics;
            counts.valid += 1;
            counts.positives += u64::from(class != 0);
            if let Some(count) = counts.class_counts.get_mut(own) {
                *count += 1;
            }
            for histogram in &mut counts.gradient_norm {
                let (regions, counts) = histogram.parts_mut();
                let edges = regions.thresholds_f64(RegionAxis::Margin);
                counts[edges.partition_point(|&edge| margin <= edge)] += 1;
            }
        }
        survey
    }

    fn merge(mut self, other: Self) -> Self {
        // Of one request, so that merging cannot be refused.
        let merged = self.statistics.merge(&other.statistics);
        debug_assert!(merged.is_ok());
        self.right.iter_mut().zip(other.right).for_each(|(own, more)| *own += more);
        self.hard.iter_mut().zip(other.hard).for_each(|(own, more)| *own += more);
        self.gradient += other.gradient;
        self.easy_gradient += other.easy_gradient;
        self.hard_gradient += other.hard_gradient;
        self
    }
}

/// What a loss asks for, counted of the samples as its adjustments show them.
pub fn seen_statistics(rows: &Rows, request: &Statistics, seen: &Seen<'_>) -> BatchStatistics {
    let classes = rows.labels.len();
    let mut counts = BatchStatistics::zero(request, classes);
    for (&class, &margin) in rows.blocks.iter().flat_map(|block| block.classes.iter().zip(&block.margins)) {
        let own = usize::from(class);
        counts.valid += 1;
        counts.positives += u64::from(class != 0);
        if let Some(count) = counts.class_counts.get_mut(own) {
            *count += 1;
        }
        let key = seen.key(margin, own);
        for histogram in &mut counts.gradient_norm {
            let (regions, counts) = histogram.parts_mut();
            counts[regions.region_of(key, RegionAxis::Margin)] += 1;
        }
    }
    counts
}

/// A sample as weighters see it.
pub fn sample<R: reweight::Real>(objective: Objective, margin: R, class: u16) -> Sample<R> {
    let class = R::lit(f64::from(class));
    match objective {
        Objective::Bce => Sample::binary(margin, class),
        Objective::SoftmaxCe => Sample::class_of(margin, class),
    }
}

/// Whether one score says the class of a sample with this margin. At ½ it says the negative one, as the first of two equal scores.
pub fn says_own(margin: f64, class: u16) -> bool {
    margin > 0.0 || margin == 0.0 && class == 0
}

/// The samples of the largest gradient norm, largest first, earlier rows first among equals: each one's index, class, class of
/// the largest score, and margin.
pub fn top(rows: &Rows, most: usize) -> Vec<(u64, u16, Option<u16>, f64)> {
    // The gradient norm σ(−s) falls with the margin, and the margin still tells samples apart where σ is 1 to the last digit.
    let mut heap = std::collections::BinaryHeap::with_capacity(most.saturating_add(1).min(1 << 20));
    let mut index = 0_u64;
    for (at, block) in rows.blocks.iter().enumerate() {
        for (within, &margin) in block.margins.iter().enumerate() {
            let entry = (ordered(margin), index, at, within);
            index += 1;
            if heap.len() < most {
                heap.push(entry);
            } else if heap.peek().is_some_and(|largest| entry < *largest) {
                heap.pop();
                heap.push(entry);
            }
        }
    }
    let entry = |(_, index, at, within): (i64, u64, usize, usize)| {
        let block: &Block = &rows.blocks[at];
        (index, block.classes[within], block.predicted.get(within).copied(), block.margins[within])
    };
    heap.into_sorted_vec().into_iter().map(entry).collect()
}

/// A whole number in a float's place: of two floats the smaller has the smaller one.
fn ordered(value: f64) -> i64 {
    let bits = value.to_bits().cast_signed();
    bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed()
}

/// The area under the ROC curve of two classes, `positive` against the other: how often its logit is the larger, a tie counting
/// half.
pub fn area_under_roc(rows: &Rows, positive: u16) -> Option<f64> {
    let count = |class: usize| rows.counts[class];
    let (own, other) = (count(usize::from(positive)), count(usize::from(1 - positive)));
    if own == 0 || other == 0 {
        return None;
    }
    // The smaller class is sorted, and the larger one looked up in it.
    let few = if own <= other { positive } else { 1 - positive };
    let logits = |block: &Block, wanted: bool| -> Vec<f64> {
        let rows = block.classes.iter().zip(&block.margins).filter(|(class, _)| (**class == few) == wanted);
        // Added to 0, −0 is 0.
        rows.map(|(&class, &margin)| if class == positive { margin + 0.0 } else { 0.0 - margin }).collect()
    };
    let mut sorted: Vec<f64> = rows.blocks.par_iter().flat_map_iter(|block| logits(block, true)).collect();
    sorted.par_sort_unstable_by(f64::total_cmp);
    // Twice the number of pairs in which the larger class is above: whole numbers, so that no order of adding matters.
    let above = |block: &Block| -> u128 {
        let twice = |logit: f64| {
            let below = sorted.partition_point(|other| *other < logit);
            // Hardly any two are equal.
            let is_tied = sorted.get(below).is_some_and(|other| *other == logit);
            let up_to = if is_tied { below + sorted[below..].partition_point(|other| *other <= logit) } else { below };
            (below + up_to) as u128
        };
        logits(block, false).into_iter().map(twice).sum()
    };
    let above: u128 = rows.blocks.par_iter().map(above).sum();
    let area = above as f64 / (2.0 * own as f64 * other as f64);
    Some(if few == positive { 1.0 - area } else { area })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_keep_the_order_of_floats() {
        let floats = [f64::MIN, -1.5, -1.0, -0.0, 0.0, 1e-300, 1.0, f64::MAX];
        assert!(floats.map(ordered).is_sorted());
    }
}
