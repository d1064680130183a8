//! Goals on scores that are made up: ranks alone count.

use reweight_lab::problem::RareClasses;
use reweight_lab::table::{Column, Guesses, Table, Target};

use super::*;

const ALL: [Goal; 4] = [Goal::Hardest, Goal::Ap, Goal::Recall, Goal::BalancedAccuracy];

fn table(labels: &[&str]) -> Table {
    let values = (0..labels.len()).map(|row| row as f64).collect();
    Table {
        name: "made up".to_owned(),
        columns: vec![Column::Numeric { name: "x".to_owned(), values }],
        target: Target::from_labels("y", labels),
        guesses: Guesses::default(),
    }
}

/// 20 positives among 180 negatives.
fn binary() -> Problem {
    let labels: Vec<&str> = (0..200).map(|row| if row % 10 == 0 { "yes" } else { "no" }).collect();
    Problem::binary(table(&labels), Some("yes"), 2).unwrap()
}

/// Scores that are in order but for every third positive, which is far down.
fn scores(problem: &Problem) -> Vec<f32> {
    let classes = problem.classes();
    (0..classes.len())
        .map(|row| {
            let noise = ((row * 37) % 101) as f32 / 50.0;
            if classes[row] == 1 && row % 30 != 0 { 1.0 + noise } else { noise - 1.0 }
        })
        .collect()
}

fn figures(problem: &Problem, logits: &[f32], decision: Option<f64>) -> Figures {
    let rows: Vec<usize> = (0..problem.table.rows()).collect();
    Figures::of(problem, logits, (&rows, &rows), decision).unwrap()
}

#[test]
fn a_rising_map_of_all_scores_changes_no_goal() {
    let problem = binary();
    let plain = scores(&problem);
    let before = figures(&problem, &plain, None);
    let maps: [fn(f32) -> f32; 3] = [|x| x + 5.0, |x| 3.0 * x - 1.0, |x| x * x * x + x];
    for map in maps {
        let moved: Vec<f32> = plain.iter().map(|&score| map(score)).collect();
        let after = figures(&problem, &moved, None);
        for goal in ALL {
            assert_eq!(goal.of(&after), goal.of(&before), "{goal:?}");
            assert_eq!(goal.gain(&after, &before), 0.0, "{goal:?}");
        }
        assert_eq!(after.decision, f64::from(map(before.decision as f32)), "the threshold moves along");
        assert_eq!((lift(&after, &before), cost(&after, &before)), (0.0, 0.0));
    }
}

#[test]
fn each_goal_sees_what_it_is_about() {
    let problem = binary();
    let classes = problem.classes();
    let plain = scores(&problem);
    let base = figures(&problem, &plain, None);
    // The positives far down rise a little: the hardest are better, nothing else is worse.
    let lifted: Vec<f32> = plain
        .iter()
        .enumerate()
        .map(|(row, &s)| if classes[row] == 1 && row % 30 == 0 { s + 0.5 } else { s })
        .collect();
    let better = figures(&problem, &lifted, None);
    assert!(Goal::Hardest.gain(&better, &base) > 0.05 && lift(&better, &base) > 0.05);
    assert!(cost(&better, &base) <= 0.0);
    // The same, and as many negatives rise above all: what is won below is lost at the top.
    let mut paid = lifted.clone();
    (0..200).filter(|row| row % 25 == 3).for_each(|row| paid[row] = 9.0);
    let worse = figures(&problem, &paid, None);
    assert!(cost(&worse, &base) > 0.5, "{}", cost(&worse, &base));
    assert!(Goal::Hardest.gain(&worse, &base) < 0.0, "not worth its price");
}

#[test]
fn a_constant_on_every_logit_of_a_row_changes_nothing_and_a_classs_own_is_taken_back() {
    let labels: Vec<&str> = (0..120)
        .map(|row| {
            if row % 12 == 0 {
                "c"
            } else if row % 4 == 0 {
                "b"
            } else {
                "a"
            }
        })
        .collect();
    let problem = Problem::multiclass(table(&labels), 2, RareClasses::Refuse).unwrap();
    let classes = problem.classes();
    let logits: Vec<f32> = (0..120)
        .flat_map(|row| (0..3).map(move |class| (row, class)))
        .map(|(row, class)| {
            let noise = ((row * 31 + class * 17) % 29) as f32 / 29.0;
            if class == classes[row] { 0.6 + noise } else { noise }
        })
        .collect();
    let before = figures(&problem, &logits, None);
    let moved: Vec<f32> = logits.iter().enumerate().map(|(at, x)| x + (at / 3) as f32 / 4.0).collect();
    assert_eq!(figures(&problem, &moved, None).balanced, before.balanced);
    // Logits that carry the classes' log shares once more: the tuned multiple takes them off again.
    let rows: Vec<usize> = (0..120).collect();
    let shares = problem.prior_bias(&problem.counts(&rows));
    let biased: Vec<f32> = logits.iter().enumerate().map(|(at, x)| x + shares[at % 3]).collect();
    let after = figures(&problem, &biased, None);
    assert!(after.untuned < before.untuned, "{} {}", after.untuned, before.untuned);
    assert!((after.balanced - before.balanced).abs() < 1e-9 && after.decision == before.decision + 1.0);
    assert!(Goal::BalancedAccuracy.gain(&after, &before).abs() < 1e-9, "no merit of a loss");
}

#[test]
fn means_keep_the_middle_decision() {
    let problem = binary();
    let one = figures(&problem, &scores(&problem), None);
    let with = |decision: f64, balanced: f64| Figures { decision, balanced, ..one.clone() };
    let mean = Figures::mean(&[with(9.0, 0.5), with(1.0, 0.75), with(2.0, 1.0)]).unwrap();
    assert_eq!((mean.decision, mean.balanced), (2.0, 0.75));
    assert_eq!(Figures::mean([]), None);
}
