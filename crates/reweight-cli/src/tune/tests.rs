//! The searches' laws, without any training: outcomes are made up.

use std::collections::HashSet;

use reweight_lab::device::DeviceChoice;
use reweight_lab::wine::{self, WineTask};

use super::goal::Figures;
use super::search::{Job, Kind};
use super::*;
use crate::arguments::Goal;
use crate::compare::settings::TrainingSettings;

fn problem() -> Problem {
    Problem::binary(wine::table(WineTask::Binary), None, 5).unwrap()
}

fn settings() -> TuneSettings {
    let training = TrainingSettings {
        folds: 4,
        seeds: vec![3, 4],
        epochs: 8,
        batch_size: 64,
        hidden: Vec::new(),
        learning_rate: 0.01,
        weight_decay: 0.0,
        device: DeviceChoice::Cpu,
    };
    TuneSettings { data: DataSettings::default(), training, goal: Goal::Ap, inner_folds: INNER_FOLDS }
}

fn terms(problem: &Problem, trials: usize) -> Terms<'_> {
    Terms { problem, objective: objective(problem), goal: Goal::Ap, trials }
}

/// Figures whose average precision is this.
fn figures(ap: f64) -> Figures {
    Figures {
        judged: vec![ap, 0.9, 0.5, 0.05, 0.2, 0.3, 0.7, 0.04],
        decision: 0.0,
        balanced: 0.7,
        untuned: 0.6,
        rare: 0.5,
        common: 0.9,
    }
}

#[test]
fn no_search_sees_a_row_of_its_outer_fold() {
    let problem = problem();
    let searches = searches(&terms(&problem, 16), &settings()).unwrap();
    assert_eq!(searches.len(), 1 + 2 * 4);
    let rows = |rows: &[usize]| rows.iter().copied().collect::<HashSet<usize>>();
    let all: HashSet<usize> = (0..problem.table.rows()).collect();
    for search in &searches {
        let (train, test) = (rows(&search.fold.train), rows(&search.fold.test));
        assert!(train.is_disjoint(&test) && train.len() + test.len() == all.len());
        assert_eq!(search.outer.is_none(), test.is_empty(), "one search alone is over all rows");
        let mut judged = Vec::new();
        for (index, inner) in search.inner.iter().enumerate() {
            let (learnt, asked) = (rows(&inner.train), rows(&inner.test));
            assert!(learnt.is_disjoint(&asked) && learnt.is_disjoint(&test) && asked.is_disjoint(&test));
            assert!(learnt.union(&asked).copied().collect::<HashSet<_>>() == train);
            assert_eq!(search.lesson(Kind::Inner(index)).0, inner);
            judged.extend(asked);
        }
        assert!(judged.len() == train.len() && rows(&judged) == train, "each row is in one inner test part");
        assert_eq!(search.lesson(Kind::Quarter).0, &search.inner[0]);
        assert_eq!(search.lesson(Kind::Outer(0.0)).0, &search.fold);
    }
    let outer: Vec<&Search> = searches.iter().filter(|search| search.seed == 3 && search.outer.is_some()).collect();
    let tests: Vec<usize> = outer.iter().flat_map(|search| search.fold.test.to_vec()).collect();
    assert!(tests.len() == all.len() && rows(&tests) == all, "the outer test parts are all rows, once");
    let places: HashSet<u32> =
        searches.iter().flat_map(|search| [search.lesson(Kind::Inner(0)).1, search.number]).collect();
    assert_eq!(places.len(), 2 * (4 + 1), "inner and outer folds have batches of their own");
}

/// Runs a search on made-up outcomes; each candidate is as good as `value` says of its index. The jobs it asked for.
fn play(search: &mut Search, terms: &Terms<'_>, value: impl Fn(usize) -> Result<f64, String>) -> Vec<Job> {
    let mut jobs = Vec::new();
    while let Some(job) = search.ask(terms) {
        jobs.push(job);
        search.accept(terms, job, value(job.candidate).map(figures)).unwrap();
        assert!(jobs.len() < 10_000);
    }
    jobs
}

#[test]
fn a_round_is_halved_twice_and_plain_cross_entropy_stays() {
    let problem = problem();
    let terms = terms(&problem, 16);
    let mut search = searches(&terms, &settings()).unwrap().remove(1);
    // Candidate 7 is best; 3 cannot be trained with.
    let jobs = play(&mut search, &terms, |index| match index {
        0 => Ok(0.5),
        3 => Err("the loss became inf".to_owned()),
        _ => Ok(0.6 - 0.01 * (index as f64 - 7.0).abs()),
    });
    let count = |kind: &dyn Fn(Kind) -> bool| jobs.iter().filter(|job| kind(job.kind)).count();
    assert_eq!(count(&|kind| kind == Kind::Quarter), 17);
    assert_eq!(count(&|kind| kind == Kind::Inner(0)), 9);
    assert_eq!(count(&|kind| matches!(kind, Kind::Inner(1..))), 2 * 5);
    let outer: Vec<usize> =
        jobs.iter().filter(|job| matches!(job.kind, Kind::Outer(_))).map(|job| job.candidate).collect();
    assert_eq!(outer, [0, 7]);
    assert_eq!((search.judged.len(), search.judged[0].winner), (1, 7));
    assert!(search.is_exhausted() && search.candidates[3].rung == 0);
}

#[test]
fn rounds_follow_until_the_trials_are_used_up_and_nothing_is_trained_twice() {
    let problem = problem();
    let terms = terms(&problem, 40);
    let mut search = searches(&terms, &settings()).unwrap().remove(2);
    let jobs = play(&mut search, &terms, |index| Ok(0.5 + 0.001 * index as f64));
    assert_eq!(search.candidates.len(), 41);
    assert_eq!(search.judged.len(), 3);

    assert!(jobs.iter().enumerate().all(|(place, job)| !jobs[..place].contains(job)));
    // The same again, and another seed's other losses.
    let names = |search: &Search| search.candidates.iter().map(|one| one.strategy.name.clone()).collect::<Vec<_>>();
    let mut again = searches(&terms, &settings()).unwrap().remove(2);
    assert_eq!(jobs, play(&mut again, &terms, |index| Ok(0.5 + 0.001 * index as f64)));
    assert_eq!(names(&search), names(&again));
    let mut other = searches(&terms, &settings()).unwrap().remove(6);
    play(&mut other, &terms, |index| Ok(0.5 + 0.001 * index as f64));
    assert_ne!(names(&search), names(&other));
}

#[test]
fn where_nothing_is_better_plain_cross_entropy_is_chosen() {
    let problem = problem();
    let terms = terms(&problem, 16);
    let mut search = searches(&terms, &settings()).unwrap().remove(1);
    let jobs = play(&mut search, &terms, |index| Ok(if index == 0 { 0.5 } else { 0.5 - 0.001 * index as f64 }));
    assert_eq!(search.judged[0].winner, 0);
    assert_eq!(
        jobs.iter().filter(|job| matches!(job.kind, Kind::Outer(_))).count(),
        1,
        "trained once, not against itself"
    );
    let [plain, own] = search.judged[0].outer.clone().unwrap();
    assert_eq!(plain, own);
}
