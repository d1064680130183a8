//! What a model is judged by in a search: figures of ranks, one number that a goal makes of them, and the free rival, a tuned
//! threshold.
//!
//! A threshold costs nothing, so that every loss has its own: of two classes the score from which on rows are called positive, of many
//! the multiple τ of the classes' log shares that is taken off their logits. What it gains is no loss's merit.

use reweight_lab::metrics::{Confusion, MetricError, Ranking};
use reweight_lab::problem::{Figure, Problem, largest};
use serde::{Deserialize, Serialize};

use crate::arguments::Goal;

/// The multiples of the log shares that are tried, nearest to nothing first.
const MULTIPLES: [f64; 11] = [0.0, 0.25, -0.25, 0.5, -0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0];

/// The figures of one model on rows that it was not trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Those of [`Problem::judge`], in its order.
    pub judged: Vec<f64>,
    /// The threshold, or multiple of the log shares: the best for these rows, or the one given.
    pub decision: f64,
    /// Balanced accuracy with that decision.
    pub balanced: f64,
    /// Balanced accuracy with the decision left as it is: ½, or the largest logit.
    pub untuned: f64,
    /// The mean recall of the rare classes with that decision; of two classes of the positives.
    pub rare: f64,
    /// The mean recall of the others.
    pub common: f64,
}

impl Figures {
    /// Judges the logits of the rows `test` of a model that was trained on the rows `train`; without a `decision` by the best one.
    pub(super) fn of(
        problem: &Problem,
        logits: &[f32],
        (train, test): (&[usize], &[usize]),
        decision: Option<f64>,
    ) -> Result<Self, MetricError> {
        let judged = problem.judge(logits, test)?;
        let scores: Vec<f64> = logits.iter().map(|&logit| f64::from(logit)).collect();
        let all = problem.classes();
        let classes: Vec<usize> = test.iter().map(|&row| all[row]).collect();
        if problem.binary.is_some() {
            let ranking = Ranking::new(&scores, &classes.iter().map(|&class| class == 1).collect::<Vec<_>>())?;
            let decision = decision.unwrap_or_else(|| ranking.best_threshold().0);
            let [rare, common] = ranking.recalls_at(decision);
            let mean = |[rare, common]: [f64; 2]| 0.5 * (rare + common);
            let (balanced, untuned) = (mean([rare, common]), mean(ranking.recalls_at(0.0)));
            return Ok(Self { judged, decision, balanced, untuned, rare, common });
        }
        let width = problem.outputs();
        let shares: Vec<f64> = problem.prior_bias(&problem.counts(train)).into_iter().map(f64::from).collect();
        let decided = |multiple: f64| -> Result<Confusion, MetricError> {
            let called = scores.chunks_exact(width).map(|row| {
                largest(&row.iter().zip(&shares).map(|(logit, share)| logit - multiple * share).collect::<Vec<f64>>())
            });
            Confusion::new(&classes, &called.collect::<Vec<_>>(), width)
        };
        let decision = match decision {
            Some(decision) => decision,
            None => {
                let mut best = (0.0, f64::NEG_INFINITY);
                for multiple in MULTIPLES {
                    let accuracy = decided(multiple)?.balanced_accuracy();
                    if accuracy > best.1 {
                        best = (multiple, accuracy);
                    }
                }
                best.0
            }
        };
        let confusion = decided(decision)?;
        let counts = &problem.table.target.counts;
        let is_rare = |class: usize| counts[class] * width < problem.table.rows();
        let recalls = confusion.recalls();
        let mean_of = |which: bool| {
            let of: Vec<f64> = (0..width).filter(|&c| is_rare(c) == which).filter_map(|c| recalls[c]).collect();
            // Of classes of one size there are none that are rare.
            if of.is_empty() { confusion.balanced_accuracy() } else { of.iter().sum::<f64>() / of.len() as f64 }
        };
        Ok(Self {
            judged,
            decision,
            balanced: confusion.balanced_accuracy(),
            untuned: decided(0.0)?.balanced_accuracy(),
            rare: mean_of(true),
            common: mean_of(false),
        })
    }

    /// The mean of each; the decision is the median, the lower of two in the middle, which a rising map of all scores moves along.
    pub(super) fn mean<'a>(all: impl IntoIterator<Item = &'a Self>) -> Option<Self> {
        let all: Vec<&Self> = all.into_iter().collect();
        let count = all.len() as f64;
        let mean = |of: &dyn Fn(&Self) -> f64| all.iter().map(|one| of(one)).sum::<f64>() / count;
        let mut decisions: Vec<f64> = all.iter().map(|one| one.decision).collect();
        decisions.sort_by(f64::total_cmp);
        let decision = *decisions.get(all.len().checked_sub(1)? / 2)?;
        let judged = (0..all[0].judged.len()).map(|index| mean(&|one| one.judged[index])).collect();
        Some(Self {
            judged,
            decision,
            balanced: mean(&|one| one.balanced),
            untuned: mean(&|one| one.untuned),
            rare: mean(&|one| one.rare),
            common: mean(&|one| one.common),
        })
    }

    /// One of the figures of [`Problem::judge`]; NaN where the problem has it not.
    pub(super) fn figure(&self, figure: Figure) -> f64 {
        let all: &[Figure] =
            if self.judged.len() == Figure::BINARY.len() { &Figure::BINARY } else { &Figure::MULTICLASS };
        all.iter().position(|&one| one == figure).map_or(f64::NAN, |place| self.judged[place])
    }
}

impl Goal {
    /// The goal's own figure of a model, signed so that more is better.
    #[must_use]
    pub fn of(self, figures: &Figures) -> f64 {
        match self {
            Self::Hardest => -figures.figure(Figure::HardestPositivesRank),
            Self::Ap => figures.figure(Figure::AveragePrecision),
            Self::Recall => figures.figure(Figure::RecallAtOnePercent),
            Self::BalancedAccuracy => figures.balanced,
        }
    }

    /// What a loss gains over plain cross entropy, of mean figures. `hardest` takes off what the recall at 1 % false positives
    /// falls by: the negatives' top must not rise with the hardest positives.
    #[must_use]
    pub fn gain(self, figures: &Figures, plain: &Figures) -> f64 {
        let gain = self.of(figures) - self.of(plain);
        gain - if self == Self::Hardest { cost(figures, plain).max(0.0) } else { 0.0 }
    }

    /// The goal's figure in words.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Hardest => "negatives above the hardest positives",
            Self::Ap => "average precision",
            Self::Recall => "recall at 1 % false positives",
            Self::BalancedAccuracy => "balanced accuracy",
        }
    }
}

/// By how much the rare end rises: of two classes the share of negatives above the hardest positives that is won, of many
/// the mean recall of the rare classes.
#[must_use]
pub fn lift(figures: &Figures, plain: &Figures) -> f64 {
    let rank = |one: &Figures| one.figure(Figure::HardestPositivesRank);
    if rank(plain).is_nan() { figures.rare - plain.rare } else { rank(plain) - rank(figures) }
}

/// What the common side pays: of two classes the share of positives that the top hundredth of the negatives stands above in addition,
/// of many the mean recall that the common classes lose.
#[must_use]
pub fn cost(figures: &Figures, plain: &Figures) -> f64 {
    let recall = |one: &Figures| one.figure(Figure::RecallAtOnePercent);
    if recall(plain).is_nan() { plain.common - figures.common } else { recall(plain) - recall(figures) }
}

#[cfg(test)]
mod tests;
