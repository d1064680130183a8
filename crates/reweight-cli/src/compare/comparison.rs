//! A finished comparison: every setting, every network's figures, and what they say of each strategy. The table, the JSON
//! file and a report are all made of this.

use reweight_lab::metrics::{Paired, Summary};
use reweight_lab::problem::{Figure, Problem};
use serde::Serialize;

use super::data::DataSummary;
use super::run::Run;
use super::scores::{self, Pooled};
use super::settings::Settings;
use super::story::Story;
use crate::versions::Versions;

/// What the JSON file says it is.
pub(super) const FORMAT: &str = "reweight-comparison";
pub(super) const FORMAT_VERSION: u32 = 1;

/// A comparison with all that is needed to repeat it to the bit.
///
/// It holds no time and no thread count, so that a repeated comparison writes the same bytes.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// `reweight-comparison`.
    pub format: &'static str,
    /// Version of this form.
    pub format_version: u32,
    /// What it was computed with.
    pub versions: Versions,
    /// The command that repeats it.
    pub command: String,
    /// Whether it was interrupted; the results are then those of the folds that every strategy finished.
    pub partial: bool,
    /// All that decides the figures.
    pub settings: Settings,
    /// What was found in the data.
    pub data: DataSummary,
    /// The figures, in the order of everything below.
    pub figures: Vec<FigureHead>,
    /// What came of each strategy, in the settings' order; the first is the baseline.
    pub results: Vec<StrategyResult>,
    /// The trained networks: by seed, fold, strategy.
    pub runs: Vec<Run>,
    /// The figures of the report's charts; only where a report was asked for, and a fold was finished.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<Story>,
}

/// A figure's name and direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct FigureHead {
    /// Which figure.
    pub figure: Figure,
    /// Its title.
    pub title: &'static str,
    /// Whether more is better.
    pub higher_is_better: bool,
}

/// What came of a strategy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StrategyResult {
    /// Its name.
    pub name: String,
    /// One a figure; empty if no fold was finished.
    pub figures: Vec<FigureResult>,
    /// Of all rows at once, where `figures` are means over folds; for two classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pooled: Option<Pooled>,
}

/// A figure of a strategy over folds and seeds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct FigureResult {
    /// Which figure.
    pub figure: Figure,
    /// Mean and deviation over folds and seeds.
    pub over_runs: Summary,
    /// The difference to the baseline in the same folds and seeds; none for the baseline.
    pub to_baseline: Option<Paired>,
}

impl Comparison {
    /// Sums up `runs`, which must be in the order of seeds, folds and strategies.
    #[must_use]
    pub fn new(command: String, settings: Settings, data: DataSummary, figures: &[Figure], runs: Vec<Run>) -> Self {
        let strategies = settings.strategies.len();
        // A fold counts when every strategy finished it: else the strategies would be judged on different rows.
        let whole = whole(&runs, strategies);
        let of = |strategy: usize, figure: usize| -> Vec<f64> {
            whole.iter().map(|fold| fold[strategy].figures[figure]).collect()
        };
        let result = |strategy: usize| StrategyResult {
            name: settings.strategies[strategy].name.clone(),
            pooled: None,
            figures: (0..figures.len())
                .filter_map(|index| {
                    let values = of(strategy, index);
                    let paired = || Paired::of(&values, &of(0, index), settings.training.folds);
                    Some(FigureResult {
                        figure: figures[index],
                        over_runs: Summary::of(&values)?,
                        to_baseline: if strategy == 0 { None } else { paired() },
                    })
                })
                .collect(),
        };
        let results = (0..strategies).map(result).collect();
        let head = |&figure: &Figure| FigureHead {
            figure,
            title: figure.title(),
            higher_is_better: figure.higher_is_better(),
        };
        let partial = whole.len() < settings.training.seeds.len() * settings.training.folds;
        Self {
            format: FORMAT,
            format_version: FORMAT_VERSION,
            versions: Versions::current(),
            command,
            partial,
            figures: figures.iter().map(head).collect(),
            data,
            results,
            runs,
            settings,
            report: None,
        }
    }

    /// The same with the figures of all rows at once.
    #[must_use]
    pub fn pooled(mut self, problem: &Problem) -> Self {
        let pooled = scores::pooled(problem, &self.runs, self.results.len());
        self.results.iter_mut().zip(pooled).for_each(|(result, pooled)| result.pooled = pooled);
        self
    }

    /// The figures of the terminal's table, which come first.
    pub fn in_table(&self) -> impl Iterator<Item = &FigureHead> {
        self.figures.iter().filter(|head| head.figure.is_in_table())
    }

    /// The runs of each fold that every strategy finished.
    #[must_use]
    pub fn whole_folds(&self) -> Vec<&[Run]> {
        whole(&self.runs, self.settings.strategies.len())
    }

    /// How many folds, over all seeds, every strategy finished.
    #[must_use]
    pub fn folds_finished(&self) -> usize {
        let runs = |result: &StrategyResult| result.figures.first().map(|figure| figure.over_runs.runs);
        self.results.first().and_then(runs).unwrap_or(0)
    }
}

fn whole(runs: &[Run], strategies: usize) -> Vec<&[Run]> {
    let same = |a: &Run, b: &Run| (a.seed, a.fold) == (b.seed, b.fold);
    runs.chunk_by(same).filter(|fold| fold.len() == strategies).collect()
}
