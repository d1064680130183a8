//! What a search found, and how it did on rows that it never saw. The verdict, the JSON file, loss.toml and a report are all made
//! of this.
//!
//! It holds no time and no thread count: two searches that came as far write the same bytes.

use reweight::LossConfig;
use reweight_lab::metrics::{Paired, Summary};
use reweight_lab::problem::{Figure, Problem};
use serde::Serialize;

use super::goal::{Figures, cost, lift};
use super::search::{Judged, Search, Terms};
use super::settings::TuneSettings;
use crate::arguments::Goal;
use crate::compare::data::DataSummary;
use crate::versions::Versions;

/// Losses that are shown of the front, plain cross entropy among them.
const MOST_SHOWN: usize = 7;

/// A finished search.
#[derive(Debug, Clone, Serialize)]
pub struct Tuned {
    /// `reweight-tune`.
    pub format: &'static str,
    /// Version of this form.
    pub format_version: u32,
    /// What it was computed with.
    pub versions: Versions,
    /// The command that repeats it, however fast the machine is.
    pub command: String,
    /// Whether Ctrl-C or the budget ended it before all trials were done.
    pub partial: bool,
    /// All that decides the figures, but the number of trials.
    pub settings: TuneSettings,
    /// What was found in the data.
    pub data: DataSummary,
    /// Losses that each search tried to the end, beside plain cross entropy.
    pub trials_done: usize,
    /// Outer folds that were judged, of so many.
    pub outer_done: [usize; 2],
    /// Whether the search's choice is better than plain cross entropy, beyond noise, on the outer folds.
    pub is_better: bool,
    /// Plain cross entropy in the search over all rows.
    pub plain: Choice,
    /// What the search over all rows chose; it may be plain cross entropy.
    pub chosen: Choice,
    /// The losses that no other beats in gain, cost and calibration at once, of the search over all rows; best gain first.
    pub front: Vec<Choice>,
    /// The outer folds: plain cross entropy, and whatever the search within each fold's training rows chose. The goal's figure first.
    pub judged: Vec<Row>,
    /// Of each outer fold, what was chosen, promised and kept.
    pub outer: Vec<OuterFold>,
    /// The goal's mean gain on the inner folds and on the outer ones; their difference is what the search flattered itself by.
    pub gain_inner_outer: [f64; 2],
    /// Plain cross entropy's balanced accuracy on the outer folds: with the threshold left as it is, and tuned on the inner folds.
    pub threshold: [f64; 2],
    /// The trials of the search over all rows, in the order in which they were drawn.
    pub trials: Vec<Trial>,
}

/// A loss and its mean figures on the inner folds of the search over all rows.
#[derive(Debug, Clone, Serialize)]
pub struct Choice {
    /// What it is called.
    pub name: String,
    /// The loss, with the counts of the whole table.
    pub loss: LossConfig,
    /// The goal's gain over plain cross entropy.
    pub gain: f64,
    /// How the rare end rises: see [`lift`].
    pub lift: f64,
    /// What the common side pays: see [`cost`].
    pub cost: f64,
    /// Brier score after calibration.
    pub calibrated: f64,
    /// All figures.
    pub figures: Figures,
}

/// A figure over the outer folds.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Its title.
    pub title: &'static str,
    /// Whether more is better.
    pub higher_is_better: bool,
    /// Whether it is told as per cent.
    pub is_share: bool,
    /// Plain cross entropy.
    pub plain: Summary,
    /// What the searches chose.
    pub chosen: Summary,
    /// The difference, in the same folds.
    pub paired: Paired,
}

/// An outer fold.
#[derive(Debug, Clone, Serialize)]
pub struct OuterFold {
    /// The seed.
    pub seed: u64,
    /// The fold, from 0.
    pub fold: usize,
    /// What the search within its training rows chose.
    pub chosen: String,
    /// That loss; counts come from the training rows.
    pub loss: LossConfig,
    /// The goal's gain on the inner folds, and on this one.
    pub gains: [f64; 2],
}

/// A trial.
#[derive(Debug, Clone, Serialize)]
pub struct Trial {
    /// Its round, from 0.
    pub round: usize,
    /// What it is called.
    pub name: String,
    /// The loss; counts come from the training rows.
    pub loss: LossConfig,
    /// The last rung that it was let to: 0, 1 or 2.
    pub rung: usize,
    /// The goal's gain there; none where it could not be trained with.
    pub gain: Option<f64>,
}

/// A figure's title, whether more is better, whether it is a share, and how it is read off.
type Reading = (&'static str, bool, bool, Box<dyn Fn(&Figures) -> f64>);

fn readings(goal: Goal, is_binary: bool) -> Vec<Reading> {
    let judged = |figure: Figure, is_share: bool| -> Reading {
        (figure.title(), figure.higher_is_better(), is_share, Box::new(move |one| one.figure(figure)))
    };
    let balanced: Reading = ("balanced accuracy, tuned threshold", true, true, Box::new(|one| one.balanced));
    let calibrated = judged(Figure::CalibratedBrier, false);
    if !is_binary {
        let rare: Reading = ("recall of the rare classes", true, true, Box::new(|one| one.rare));
        let common: Reading = ("recall of the other classes", true, true, Box::new(|one| one.common));
        return vec![balanced, rare, common, calibrated];
    }
    let mut all = vec![
        judged(Figure::HardestPositivesRank, true),
        judged(Figure::RecallAtOnePercent, true),
        judged(Figure::AveragePrecision, false),
        balanced,
        calibrated,
    ];
    let first = match goal {
        Goal::Hardest => 0,
        Goal::Recall => 1,
        Goal::Ap => 2,
        Goal::BalancedAccuracy => 3,
    };
    all[..=first].rotate_right(1);
    all
}

/// How far the searches came: the rounds that count, and those outer searches that finished them. None where too little is done to be
/// judged.
pub(super) fn reached(searches: &[Search]) -> Option<(usize, Vec<&Search>)> {
    let (all, outer) = searches.split_first()?;
    let rounds = searches.iter().map(|search| search.judged.len()).min()?;
    if rounds > 0 {
        return Some((rounds, outer.iter().collect()));
    }
    let done: Vec<&Search> = outer.iter().filter(|search| !search.judged.is_empty()).collect();
    (!all.judged.is_empty() && done.len() > 1).then_some((1, done))
}

impl Tuned {
    /// Sums up the searches, the one over all rows first; `None` where too little is done to be judged.
    pub(super) fn new(
        terms: &Terms<'_>,
        settings: TuneSettings,
        data: DataSummary,
        searches: &[Search],
    ) -> Option<Self> {
        let (rounds, outer) = reached(searches)?;
        let all = &searches[0];
        let goal = terms.goal;
        let of_round = |search: &Search| -> Option<Judged> { search.judged.get(rounds - 1).cloned() };
        let rows: Vec<usize> = (0..terms.problem.table.rows()).collect();
        let counts = terms.problem.counts(&rows);
        let plain_figures = all.candidates[0].figures(2)?;
        let choice = |index: usize| -> Option<Choice> {
            let (strategy, figures) = (&all.candidates[index].strategy, all.candidates[index].figures(2)?);
            Some(Choice {
                name: strategy.name.clone(),
                loss: strategy.with_counts(&counts),
                gain: goal.gain(&figures, &plain_figures),
                lift: lift(&figures, &plain_figures),
                cost: cost(&figures, &plain_figures),
                calibrated: figures.figure(Figure::CalibratedBrier),
                figures,
            })
        };
        let tried: Vec<usize> =
            (1..all.candidates.len()).filter(|&index| all.candidates[index].round < rounds).collect();
        let finished = tried.iter().copied().filter(|&index| all.candidates[index].rung == 2);
        let choices: Vec<Choice> = std::iter::once(0).chain(finished).filter_map(choice).collect();
        let judged: Vec<(&Search, Judged)> =
            outer.iter().filter_map(|search| Some((*search, of_round(search)?))).collect();
        let pairs: Vec<[Figures; 2]> = judged.iter().filter_map(|(_, judged)| judged.outer.clone()).collect();
        let folds = settings.training.folds;
        let row = |(title, higher_is_better, is_share, read): Reading| {
            let [plain, chosen] = [0, 1].map(|which| pairs.iter().map(|pair| read(&pair[which])).collect::<Vec<f64>>());
            Some(Row {
                title,
                higher_is_better,
                is_share,
                plain: Summary::of(&plain)?,
                chosen: Summary::of(&chosen)?,
                paired: Paired::of(&chosen, &plain, folds)?,
            })
        };
        let is_binary = terms.problem.binary.is_some();
        let rows: Vec<Row> = readings(goal, is_binary).into_iter().filter_map(row).collect();
        let outer_folds: Vec<OuterFold> =
            judged.iter().filter_map(|(search, judged)| of_fold(goal, search, judged)).collect();
        let mean = |values: &dyn Fn(&OuterFold) -> f64| {
            outer_folds.iter().map(values).sum::<f64>() / outer_folds.len().max(1) as f64
        };
        let over =
            |read: fn(&Figures) -> f64| pairs.iter().map(|pair| read(&pair[0])).sum::<f64>() / pairs.len() as f64;
        let trials_done = tried.len();
        let winner = of_round(all)?.winner;
        let trial = |&index: &usize| {
            let candidate = &all.candidates[index];
            let gain = Some(all.value(goal, index, candidate.rung)).filter(|gain| gain.is_finite());
            let strategy = &candidate.strategy;
            Trial {
                round: candidate.round,
                name: strategy.name.clone(),
                loss: strategy.loss.clone(),
                rung: candidate.rung,
                gain,
            }
        };
        let planned = settings.training.seeds.len() * folds;
        Some(Self {
            format: "reweight-tune",
            format_version: 1,
            versions: Versions::current(),
            command: settings.command(trials_done),
            partial: pairs.len() < planned || trials_done < terms.trials && !all.is_exhausted(),
            is_better: winner != 0 && is_better(goal, &rows),
            plain: choice(0)?,
            chosen: choice(winner)?,
            front: front(choices),
            trials: tried.iter().map(trial).collect(),
            outer_done: [pairs.len(), planned],
            gain_inner_outer: [mean(&|fold| fold.gains[0]), mean(&|fold| fold.gains[1])],
            threshold: [over(|figures| figures.untuned), over(|figures| figures.balanced)],
            judged: rows,
            outer: outer_folds,
            trials_done,
            settings,
            data,
        })
    }

    /// The loss that the verdict recommends.
    #[must_use]
    pub fn recommended(&self) -> &Choice {
        if self.is_better { &self.chosen } else { &self.plain }
    }
}

fn of_fold(goal: Goal, search: &Search, judged: &Judged) -> Option<OuterFold> {
    let [plain, own] = judged.outer.as_ref()?;
    let strategy = &search.candidates[judged.winner].strategy;
    Some(OuterFold {
        seed: search.seed,
        fold: search.outer?,
        chosen: strategy.name.clone(),
        loss: strategy.loss.clone(),
        gains: [goal.of(&judged.inner[1]) - goal.of(&judged.inner[0]), goal.of(own) - goal.of(plain)],
    })
}

/// Whether the goal's figure is better beyond noise; under `hardest` the recall must not be worse beyond noise.
fn is_better(goal: Goal, rows: &[Row]) -> bool {
    let improves = |row: &Row| (row.paired.mean > 0.0) == row.higher_is_better && row.paired.mean != 0.0;
    let Some(main) = rows.first() else { return false };
    let pays = rows.get(1).is_some_and(|recall| recall.paired.is_beyond_noise() && !improves(recall));
    improves(main) && main.paired.is_beyond_noise() && !(goal == Goal::Hardest && pays)
}

/// Those that no other beats in gain, cost and calibration at once.
fn front(mut choices: Vec<Choice>) -> Vec<Choice> {
    let beats = |a: &Choice, b: &Choice| {
        let no_worse = a.gain >= b.gain && a.cost <= b.cost && a.calibrated <= b.calibrated;
        no_worse && (a.gain > b.gain || a.cost < b.cost || a.calibrated < b.calibrated)
    };
    choices.sort_by(|a, b| b.gain.total_cmp(&a.gain));
    let on = |one: &&Choice| !choices.iter().any(|other| beats(other, one));
    choices.iter().filter(on).take(MOST_SHOWN).cloned().collect()
}

/// The rows that a problem has of each label, as `loss.toml` orders them.
pub(super) fn classes(problem: &Problem) -> Vec<String> {
    problem.class_names()
}
