//! The second pass: what a strategy's weights do to these samples.

use rayon::prelude::*;
use reweight::{Dual, Regions};
use serde::Serialize;

use super::rows::{Block, Rows};
use crate::seen::Seen;

/// What a strategy does to a batch. Shares are of 1; none where the whole is 0.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Effect {
    /// The mean weight.
    pub mean_weight: f64,
    /// The largest weight.
    pub largest_weight: f64,
    /// (Σw)²/Σw²: as many samples of equal weight would vary as little in their mean.
    pub effective_samples: f64,
    /// Each class's share of the weight.
    pub class_weight: Vec<Option<f64>>,
    /// Each class's share of the gradient's norm.
    pub class_gradient: Vec<Option<f64>>,
    /// Each unit region's share of the gradient's norm, from the easiest.
    pub region_gradient: Vec<Option<f64>>,
}

/// Sums over some samples.
#[derive(Debug, Clone)]
struct Tally {
    largest: f64,
    /// Σ (w/largest)², which does not overflow where Σ w² does.
    squares: f64,
    class_weight: Vec<f64>,
    class_gradient: Vec<f64>,
    region_gradient: Vec<f64>,
}

/// What each loss does to the rows; those that observe have done so.
pub fn effects(rows: &Rows, regions: &Regions, losses: &[Seen<'_>]) -> Vec<Effect> {
    let classes = rows.labels.len();
    let parts: Vec<Vec<Tally>> = rows.blocks.par_iter().map(|block| tallies(block, classes, regions, losses)).collect();
    let mut whole = vec![Tally::empty(classes, regions); losses.len()];
    // In the blocks' order, so that the sums do not depend on the threads.
    for part in parts {
        whole.iter_mut().zip(part).for_each(|(own, more)| own.merge(&more));
    }
    whole.into_iter().map(|tally| tally.effect(rows.kept)).collect()
}

fn tallies(block: &Block, classes: usize, regions: &Regions, losses: &[Seen<'_>]) -> Vec<Tally> {
    let mut tallies = vec![Tally::empty(classes, regions); losses.len()];
    let edges = regions.thresholds_f64(reweight::RegionAxis::Margin);
    for (&class, &margin) in block.classes.iter().zip(&block.margins) {
        let (variable, class) = (Dual::variable(margin), usize::from(class));
        let region = edges.partition_point(|&edge| margin <= edge);
        for (tally, loss) in tallies.iter_mut().zip(losses) {
            // Half the L1 norm of the logits' gradient; for two classes and one logit, its size.
            let gradient = loss.loss(variable, class, 0).slope.abs();
            tally.add(class, region, loss.weight(margin, class, 0), gradient);
        }
    }
    tallies
}

impl Tally {
    fn empty(classes: usize, regions: &Regions) -> Self {
        Self {
            largest: 0.0,
            squares: 0.0,
            class_weight: vec![0.0; classes],
            class_gradient: vec![0.0; classes],
            region_gradient: vec![0.0; regions.bins() as usize],
        }
    }

    fn add(&mut self, class: usize, region: usize, weight: f64, gradient: f64) {
        self.rescale(weight);
        if self.largest > 0.0 {
            self.squares += (weight / self.largest).powi(2);
        }
        self.class_weight[class] += weight;
        self.class_gradient[class] += gradient;
        self.region_gradient[region] += gradient;
    }

    fn rescale(&mut self, weight: f64) {
        if weight > self.largest {
            self.squares *= (self.largest / weight).powi(2);
            self.largest = weight;
        }
    }

    fn merge(&mut self, other: &Self) {
        self.rescale(other.largest);
        if self.largest > 0.0 {
            self.squares += other.squares * (other.largest / self.largest).powi(2);
        }
        let pairs = [
            (&mut self.class_weight, &other.class_weight),
            (&mut self.class_gradient, &other.class_gradient),
            (&mut self.region_gradient, &other.region_gradient),
        ];
        for (own, more) in pairs {
            own.iter_mut().zip(more).for_each(|(own, more)| *own += more);
        }
    }

    fn effect(self, samples: u64) -> Effect {
        let shares = |parts: Vec<f64>| {
            let whole: f64 = parts.iter().sum();
            let share = |part: f64| (whole > 0.0 && whole.is_finite()).then(|| part / whole);
            parts.into_iter().map(share).collect()
        };
        let sum: f64 = self.class_weight.iter().sum();
        let effective = if self.squares > 0.0 { (sum / self.largest).powi(2) / self.squares } else { 0.0 };
        Effect {
            mean_weight: sum / samples.max(1) as f64,
            largest_weight: self.largest,
            effective_samples: effective,
            class_weight: shares(self.class_weight),
            class_gradient: shares(self.class_gradient),
            region_gradient: shares(self.region_gradient),
        }
    }
}
