//! The jobs of a comparison: one network a seed, fold and strategy, in the order in which they are begun.

use super::settings::Settings;
use super::{CompareError, objective};
use crate::folds::Fold;
use crate::problem::{Figure, Problem};

/// A checked comparison: nothing but the training itself can fail any more.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    pub(super) problem: &'a Problem,
    pub(super) settings: &'a Settings,
    /// `folds[s][f]` is fold `f` of seed `s`.
    pub(super) folds: Vec<Vec<Fold>>,
    /// The class of each row, as it is judged.
    pub(super) classes: Vec<usize>,
}

/// One network: indices into the settings' seeds, the folds and the strategies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) seed: usize,
    pub(super) fold: usize,
    pub(super) strategy: usize,
}

impl<'a> Plan<'a> {
    pub(super) fn new(problem: &'a Problem, settings: &'a Settings) -> Result<Self, CompareError> {
        let training = &settings.training;
        let (classes, width) = (problem.classes(), problem.outputs().max(2));
        let folds = |&seed: &u64| -> Result<Vec<Fold>, CompareError> {
            let mut folds = problem.folds(training.folds, seed)?;
            for (index, fold) in (0..).zip(&mut folds) {
                settings.protocol.thin(fold, &classes, width, (seed, index));
            }
            Ok(folds)
        };
        let folds = training.seeds.iter().map(folds).collect::<Result<Vec<_>, _>>()?;
        let objective = objective(problem);
        if let Some(fold) = folds.first().and_then(|folds| folds.first()) {
            let counts = problem.counts(&fold.train);
            settings.strategies.iter().try_for_each(|strategy| strategy.check(objective, &counts))?;
        }
        Ok(Self { problem, settings, folds, classes })
    }

    /// Number of networks.
    pub(super) fn len(&self) -> usize {
        self.settings.training.seeds.len() * self.settings.training.folds * self.settings.strategies.len()
    }

    /// Job `index` of [`len`](Self::len): all strategies of a fold follow each other, so that an interrupted comparison has
    /// whole folds to compare.
    pub(super) fn job(&self, index: usize) -> Job {
        let strategies = self.settings.strategies.len();
        let folds = self.settings.training.folds;
        Job { seed: index / strategies / folds, fold: index / strategies % folds, strategy: index % strategies }
    }

    /// The figures that networks are judged by.
    pub(super) fn figures(&self) -> &'static [Figure] {
        self.problem.figures()
    }

    /// Training steps of all jobs.
    pub(super) fn steps(&self) -> u64 {
        let training = &self.settings.training;
        let batches = |fold: &Fold| fold.train.len().div_ceil(training.batch_size.max(1)) as u64;
        let batches: u64 = self.folds.iter().flatten().map(batches).sum();
        batches * u64::from(training.epochs) * self.settings.strategies.len() as u64
    }
}
