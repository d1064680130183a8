//! Every setting that a search's figures depend on, and the command line that says the same.

use reweight_lab::problem::Problem;
use serde::Serialize;

use crate::arguments::{Goal, TuneArguments};
use crate::compare::data::DataSettings;
use crate::compare::settings::{TrainingSettings, Words};

use super::TuneError;

/// Inner folds of each search.
pub(super) const INNER_FOLDS: usize = 3;

/// All that decides a search but how far it goes. Threads and the budget do not.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TuneSettings {
    /// The data.
    pub data: DataSettings,
    /// How models are trained, and the outer cross-validation.
    pub training: TrainingSettings,
    /// What a loss is to improve.
    pub goal: Goal,
    /// Folds of each search, within the training rows of an outer fold.
    pub inner_folds: usize,
}

impl TuneSettings {
    /// What the command line says, for data that was read.
    pub(super) fn new(arguments: &TuneArguments, data: DataSettings, problem: &Problem) -> Result<Self, TuneError> {
        let is_binary = problem.binary.is_some();
        let usual = if is_binary { Goal::Hardest } else { Goal::BalancedAccuracy };
        let goal = arguments.search.goal.unwrap_or(usual);
        if !is_binary && goal != Goal::BalancedAccuracy {
            return Err(TuneError::Goal { goal: goal.name() });
        }
        Ok(Self { data, training: TrainingSettings::new(&arguments.training)?, goal, inner_folds: INNER_FOLDS })
    }

    /// That each class has rows in every inner fold of every outer fold.
    pub(super) fn check(&self, problem: &Problem) -> Result<(), TuneError> {
        let all: Vec<usize> = (0..problem.table.rows()).collect();
        let folds = self.training.folds;
        let left = |count: usize| count - count.div_ceil(folds);
        let short = |&(_, count): &(usize, usize)| count > 0 && left(count) < self.inner_folds;
        let Some((class, count)) = problem.counts(&all).into_iter().enumerate().find(short) else { return Ok(()) };
        let needed = (count..).find(|&count| left(count) >= self.inner_folds).unwrap_or(count);
        let fewer = (2..folds).any(|folds| count - count.div_ceil(folds) >= self.inner_folds);
        let class = problem.class_names()[class].clone();
        Err(TuneError::TooFewRows { class, count, folds, needed, fewer })
    }

    /// The command line that repeats the search as far as `trials`, for a POSIX shell, with every default said out.
    pub(super) fn command(&self, trials: usize) -> String {
        let mut words = Words::new("tune", &self.data);
        words.say("--goal", self.goal.name());
        words.say("--budget", "none");
        words.say("--trials", &trials.to_string());
        words.training(&self.training);
        words.flags(&self.data);
        words.line()
    }
}
