//! The jobs of a comparison: one network a seed, fold and strategy, in the order in which they are begun.

use std::sync::Arc;

use reweight_lab::folds::Fold;
use reweight_lab::problem::{Figure, Problem};

use super::settings::Settings;
use super::{CompareError, objective, room};

/// A checked comparison: nothing but the training itself can fail any more.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    pub(super) problem: &'a Problem,
    pub(super) settings: &'a Settings,
    /// `tests[s][f]` are the rows that fold `f` of seed `s` is judged on. The others are found again where a network is trained:
    /// kept for all, they would take more memory than the table.
    tests: Vec<Vec<Arc<[usize]>>>,
    /// Training steps of all jobs.
    pub(super) steps: u64,
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
    pub(super) fn new(
        problem: &'a Problem,
        settings: &'a Settings,
        threads: Option<usize>,
    ) -> Result<Self, CompareError> {
        let training = &settings.training;
        room::check(problem, settings, threads)?;
        let tests = training.seeds.iter().map(|&seed| problem.tests(training.folds, seed)).collect::<Result<_, _>>()?;
        let mut plan = Self { problem, settings, tests, steps: 0, classes: problem.classes() };
        let counts = problem.counts(&plan.fold(0, 0).train);
        let objective = objective(problem);
        settings.strategies.iter().try_for_each(|strategy| strategy.check(objective, &counts))?;
        let folds = (0..training.seeds.len()).flat_map(|seed| (0..training.folds).map(move |fold| (seed, fold)));
        let batches = |(seed, fold)| plan.fold(seed, fold).train.len().div_ceil(training.batch_size.max(1)) as u64;
        let batches: u64 = folds.map(batches).sum();
        plan.steps = batches * u64::from(training.epochs) * settings.strategies.len() as u64;
        Ok(plan)
    }

    /// A fold of a seed, both by their indices.
    pub(super) fn fold(&self, seed: usize, fold: usize) -> Fold {
        let mut split = Fold::of_test(Arc::clone(&self.tests[seed][fold]), self.classes.len());
        let (width, index) = (self.problem.outputs().max(2), u32::try_from(fold).unwrap_or(u32::MAX));
        self.settings.protocol.thin(&mut split, &self.classes, width, (self.settings.training.seeds[seed], index));
        split
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
}
