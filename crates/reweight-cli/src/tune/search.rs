//! One search: rounds of losses, halved from rung to rung, and its winner judged on rows that the search never saw.
//!
//! ```text
//! a round:  16 losses, a quarter of the epochs, the first inner fold
//!            → 8 losses, all epochs, the same fold
//!            → 4 losses, all epochs, the other inner folds
//!           the best of all rounds so far, or plain cross entropy
//!            → all training rows, and the outer fold's test rows
//! ```
//!
//! A search is a machine that says what it needs next and takes in what came of it. It sees no clock and no other search, so that
//! its course follows from the seed alone. Plain cross entropy goes through all rungs and is never halved away.

use reweight::Objective;
use reweight_lab::folds::Fold;
use reweight_lab::problem::Problem;
use reweight_lab::random::{Purpose, Random};

use super::TuneError;
use super::goal::Figures;
use super::sampler::{self, Drawn, ROUND, Told};
use super::space::Point;
use crate::arguments::Goal;
use crate::strategy::{Strategy, presets};

/// What all searches have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms<'a> {
    pub(super) problem: &'a Problem,
    pub(super) objective: Objective,
    pub(super) goal: Goal,
    /// Losses of each search, beside plain cross entropy.
    pub(super) trials: usize,
}

/// A model that a search asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Job {
    /// Plain cross entropy is 0, the search's trials follow.
    pub(super) candidate: usize,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// The first inner fold with a quarter of the epochs.
    Quarter,
    /// An inner fold.
    Inner(usize),
    /// The outer fold, with a decision that was tuned on the inner ones.
    Outer(f64),
}

/// How a model came out; a loss that could not be trained with says why.
pub(super) type Outcome = Result<Figures, String>;

/// A loss on its way.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) strategy: Strategy,
    point: Option<Point>,
    pub(super) round: usize,
    /// The last rung that it was let to, from 0.
    pub(super) rung: usize,
    quarter: Option<Outcome>,
    inner: Vec<Option<Outcome>>,
    /// With the decision.
    outer: Vec<(f64, Outcome)>,
}

/// The winner of all rounds so far, and how it did where the search never looked.
#[derive(Debug, Clone)]
pub(super) struct Judged {
    pub(super) winner: usize,
    /// Mean figures on the inner folds, of plain cross entropy and of the winner.
    pub(super) inner: [Figures; 2],
    /// Figures on the outer fold, of the same; none for the search over all rows.
    pub(super) outer: Option<[Figures; 2]>,
}

/// A search over the training rows of an outer fold, or over all rows.
#[derive(Debug)]
pub(super) struct Search {
    pub(super) seed: u64,
    /// The outer fold; none for the search over all rows.
    pub(super) outer: Option<usize>,
    pub(super) fold: Fold,
    pub(super) inner: Vec<Fold>,
    /// Number of the outer fold in streams of random numbers and batches; that of folds for the search over all rows.
    pub(super) number: u32,
    pub(super) candidates: Vec<Candidate>,
    /// The round under way, and its rung; 3 is judging.
    pub(super) round: usize,
    rung: usize,
    /// One a finished round.
    pub(super) judged: Vec<Judged>,
    asked: Vec<Job>,
    is_done: bool,
}

impl Search {
    /// A search before its first round.
    pub(super) fn new(
        terms: &Terms<'_>,
        (seed, outer, folds): (u64, Option<usize>, usize),
        fold: Fold,
        inner_folds: usize,
    ) -> Result<Self, TuneError> {
        let number = u32::try_from(outer.unwrap_or(folds)).unwrap_or(u32::MAX);
        let random = Random::new(seed, Purpose::InnerFolds { fold: number });
        let inner = terms.problem.folds_within(&fold.train, inner_folds, random)?;
        let (plain, _) = presets::all(terms.objective);
        let mut search = Self {
            seed,
            outer,
            fold,
            inner,
            number,
            candidates: vec![Candidate::new(Drawn { strategy: plain, point: None }, 0, inner_folds)],
            round: 0,
            rung: 0,
            judged: Vec::new(),
            asked: Vec::new(),
            is_done: false,
        };
        search.begin(terms)?;
        Ok(search)
    }

    /// Draws the losses of the next round.
    fn begin(&mut self, terms: &Terms<'_>) -> Result<(), TuneError> {
        let left = (terms.trials + 1).saturating_sub(self.candidates.len()).min(ROUND);
        let tried: Vec<Strategy> = self.candidates[1..].iter().map(|one| one.strategy.clone()).collect();
        let told = self.told(terms);
        let round = u32::try_from(self.round).unwrap_or(u32::MAX);
        let random = Random::new(self.seed, Purpose::Trials { fold: self.number, round });
        let counts = terms.problem.counts(&self.fold.train);
        let drawn = sampler::round(left, (terms.objective, &counts), &tried, &told, random)?;
        self.is_done = drawn.is_empty();
        let inner = self.inner.len();
        let round = self.round;
        self.candidates.extend(drawn.into_iter().map(|one| Candidate::new(one, round, inner)));
        self.rung = 0;
        self.asked.clear();
        Ok(())
    }

    /// What the sampler is told: of each round, places from the best to the worst.
    fn told(&self, terms: &Terms<'_>) -> Vec<Told> {
        let mut told = Vec::new();
        for round in 0..self.round {
            let mut all: Vec<usize> = self.of_round(round).collect();
            all.sort_by(|&a, &b| {
                let rung = |index: usize| self.candidates[index].rung;
                let value = |index: usize| self.value(terms.goal, index, rung(index));
                rung(b).cmp(&rung(a)).then(value(b).total_cmp(&value(a))).then(a.cmp(&b))
            });
            let last = all.len().saturating_sub(1).max(1) as f64;
            told.extend(
                all.iter()
                    .enumerate()
                    .map(|(place, &index)| Told { point: self.candidates[index].point, place: place as f64 / last }),
            );
        }
        told
    }

    fn of_round(&self, round: usize) -> impl Iterator<Item = usize> {
        (1..self.candidates.len()).filter(move |&index| self.candidates[index].round == round)
    }

    /// What a candidate gained at a rung; −∞ where it could not be trained.
    pub(super) fn value(&self, goal: Goal, index: usize, rung: usize) -> f64 {
        let figures = |index: usize| self.candidates[index].figures(rung);
        match (figures(index), figures(0)) {
            (Some(own), Some(plain)) => Some(goal.gain(&own, &plain)).filter(|gain| gain.is_finite()),
            _ => None,
        }
        .unwrap_or(f64::NEG_INFINITY)
    }

    /// Whether nothing is left to be tried.
    pub(super) fn is_exhausted(&self) -> bool {
        self.is_done
    }

    /// A model that is needed and was not given out yet.
    pub(super) fn ask(&mut self, terms: &Terms<'_>) -> Option<Job> {
        let job = self.needed(terms).into_iter().find(|job| !self.asked.contains(job))?;
        self.asked.push(job);
        Some(job)
    }

    /// What the present rung lacks.
    fn needed(&self, terms: &Terms<'_>) -> Vec<Job> {
        if self.is_done {
            return Vec::new();
        }
        let alive: Vec<usize> = std::iter::once(0)
            .chain(self.of_round(self.round).filter(|&i| self.candidates[i].rung >= self.rung))
            .collect();
        let kinds: Vec<Kind> = match self.rung {
            0 => vec![Kind::Quarter],
            1 => vec![Kind::Inner(0)],
            2 => (1..self.inner.len()).map(Kind::Inner).collect(),
            _ => return self.judging(terms),
        };
        let jobs = kinds.iter().flat_map(|&kind| alive.iter().map(move |&candidate| Job { candidate, kind }));
        jobs.filter(|job| !self.candidates[job.candidate].has(job.kind)).collect()
    }

    fn judging(&self, terms: &Terms<'_>) -> Vec<Job> {
        if self.outer.is_none() {
            return Vec::new();
        }
        let pair = [0, self.best(terms)];
        let job = |candidate: usize| {
            let decision = self.candidates[candidate].figures(2).map_or(0.0, |figures| figures.decision);
            Job { candidate, kind: Kind::Outer(decision) }
        };
        let jobs: Vec<Job> = pair.into_iter().map(job).collect();
        let mut jobs: Vec<Job> = jobs.into_iter().filter(|job| !self.candidates[job.candidate].has(job.kind)).collect();
        jobs.dedup();
        jobs
    }

    /// The best of those that went through all rungs, plain cross entropy among them and first among equals.
    fn best(&self, terms: &Terms<'_>) -> usize {
        let finished = (1..self.candidates.len()).filter(|&index| self.candidates[index].rung == 2);
        finished
            .fold((0, 0.0), |(best, most), index| {
                let value = self.value(terms.goal, index, 2);
                if value > most { (index, value) } else { (best, most) }
            })
            .0
    }

    /// Takes in how a model came out, and goes on where a rung is complete.
    pub(super) fn accept(&mut self, terms: &Terms<'_>, job: Job, outcome: Outcome) -> Result<(), TuneError> {
        let candidate = &mut self.candidates[job.candidate];
        match job.kind {
            Kind::Quarter => candidate.quarter = Some(outcome),
            Kind::Inner(fold) => candidate.inner[fold] = Some(outcome),
            Kind::Outer(decision) => candidate.outer.push((decision, outcome)),
        }
        while !self.is_done && self.needed(terms).is_empty() {
            self.advance(terms)?;
        }
        Ok(())
    }

    fn advance(&mut self, terms: &Terms<'_>) -> Result<(), TuneError> {
        if self.rung < 2 {
            let mut alive: Vec<usize> =
                self.of_round(self.round).filter(|&i| self.candidates[i].rung == self.rung).collect();
            let keep = alive.len().div_ceil(2);
            let value = |index: usize| self.value(terms.goal, index, self.rung);
            alive.sort_by(|&a, &b| value(b).total_cmp(&value(a)).then(a.cmp(&b)));
            alive.retain(|&index| value(index) > f64::NEG_INFINITY);
            alive.truncate(keep);
            self.rung += 1;
            alive.into_iter().for_each(|index| self.candidates[index].rung = self.rung);
            return Ok(());
        }
        if self.rung == 2 {
            self.rung = 3;
            return Ok(());
        }
        let winner = self.best(terms);
        let both = |of: &dyn Fn(usize) -> Option<Figures>| Some([of(0)?, of(winner)?]);
        let inner = both(&|index| self.candidates[index].figures(2));
        // A winner that cannot be trained on the larger part is not used; plain cross entropy that cannot is an error elsewhere.
        let outer_of = |index: usize| self.candidates[index].outer.last().and_then(|(_, outcome)| outcome.clone().ok());
        let outer = both(&|index| outer_of(index).or_else(|| outer_of(0)));
        if let Some(inner) = inner {
            self.judged.push(Judged { winner, inner, outer });
        }
        self.round += 1;
        self.begin(terms)
    }

    /// The fold, the number of it for the batches, and the share of the epochs that a job is trained with.
    pub(super) fn lesson(&self, kind: Kind) -> (&Fold, u32, bool) {
        // Away from the outer folds' own numbers, of which there are at most a thousand.
        let inner = |fold: usize| (self.number + 1) * 1024 + u32::try_from(fold).unwrap_or(0);
        match kind {
            Kind::Quarter => (&self.inner[0], inner(0), true),
            Kind::Inner(fold) => (&self.inner[fold], inner(fold), false),
            // As `compare` trains them: plain cross entropy's models are the same.
            Kind::Outer(_) => (&self.fold, self.number, false),
        }
    }
}

impl Candidate {
    fn new(drawn: Drawn, round: usize, inner: usize) -> Self {
        let Drawn { strategy, point } = drawn;
        Self { strategy, point, round, rung: 0, quarter: None, inner: vec![None; inner], outer: Vec::new() }
    }

    fn has(&self, kind: Kind) -> bool {
        match kind {
            Kind::Quarter => self.quarter.is_some(),
            Kind::Inner(fold) => self.inner[fold].is_some(),
            Kind::Outer(decision) => self.outer.iter().any(|(had, _)| *had == decision),
        }
    }

    /// What the halving after a rung looks at; none where a model is missing or could not be trained.
    pub(super) fn figures(&self, rung: usize) -> Option<Figures> {
        let good = |outcome: &Option<Outcome>| outcome.as_ref().and_then(|outcome| outcome.as_ref().ok()).cloned();
        match rung {
            0 => good(&self.quarter),
            1 => good(&self.inner[0]),
            _ => {
                let all: Option<Vec<Figures>> = self.inner.iter().map(good).collect();
                Figures::mean(&all?)
            }
        }
    }
}
