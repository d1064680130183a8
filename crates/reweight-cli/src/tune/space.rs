//! The losses that a search chooses from: adjustments, class balance, focus and bases, each with its own settings.
//!
//! A point has one number a dimension; those that its choices leave without a meaning are NaN. Settings that act by ratios are drawn
//! on a logarithmic scale. Values are rounded to three significant digits, so that the TOML is short and holds the loss that was
//! trained.

use reweight::{LossConfig, Objective, WeighterConfig};
use serde_json::json;

use crate::strategy::Strategy;
use crate::strategy::presets::{part, weighter};

/// What a dimension is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// One of so many; 0 is nothing at all.
    Choice(usize),
    /// Any number of an interval.
    Linear(f64, f64),
    /// Any number of an interval, its logarithm evenly.
    Log(f64, f64),
}

pub(super) const DIMENSIONS: [Kind; 15] = [
    Kind::Choice(4),          // ADJUSTMENT
    Kind::Choice(4),          // BALANCE
    Kind::Choice(6),          // FOCUS
    Kind::Choice(3),          // BASE
    Kind::Log(0.25, 2.0),     // TAU
    Kind::Log(0.05, 2.0),     // MARGIN
    Kind::Log(0.01, 0.3),     // SHIFT
    Kind::Log(1e-5, 0.1),     // REST, 1 − β
    Kind::Log(0.25, 5.0),     // GAMMA
    Kind::Linear(0.0, 2.0),   // GAMMA_POS
    Kind::Log(3.0, 60.0),     // BINS
    Kind::Linear(0.0, 0.95),  // MOMENTUM
    Kind::Log(0.05, 0.8),     // KEEP
    Kind::Linear(-1.0, 4.0),  // EPSILON
    Kind::Linear(0.05, 0.95), // EXPONENT
];

const ADJUSTMENT: usize = 0;
const BALANCE: usize = 1;
const FOCUS: usize = 2;
const BASE: usize = 3;
const TAU: usize = 4;
const MARGIN: usize = 5;
const SHIFT: usize = 6;
const REST: usize = 7;
const GAMMA: usize = 8;
const GAMMA_POS: usize = 9;
const BINS: usize = 10;
const MOMENTUM: usize = 11;
const KEEP: usize = 12;
const EPSILON: usize = 13;
const EXPONENT: usize = 14;

/// A point of the space.
pub(super) type Point = [f64; DIMENSIONS.len()];

/// The choices, of which a point has one each.
const CHOICES: [usize; 4] = [ADJUSTMENT, BALANCE, FOCUS, BASE];

/// A point of which every dimension is drawn; `None` where it says nothing that plain cross entropy does not, or what this
/// objective has not.
pub(super) fn conditioned(mut point: Point, objective: Objective) -> Option<Point> {
    CHOICES.iter().for_each(|&choice| point[choice] = point[choice].floor());
    let is_binary = objective == Objective::Bce;
    // Both count the classes' sizes: one of the two is enough.
    if point[ADJUSTMENT] == 1.0 {
        point[BALANCE] = 0.0;
    }
    // The probability's shift, and focal by target, are rules of two labels.
    if !is_binary && (point[ADJUSTMENT] == 3.0 || point[FOCUS] == 2.0) {
        return None;
    }
    if CHOICES.iter().all(|&choice| point[choice] == 0.0) {
        return None;
    }
    let chosen = |choice: usize, value: f64| point[choice] == value;
    let active = [
        (TAU, chosen(ADJUSTMENT, 1.0)),
        (MARGIN, chosen(ADJUSTMENT, 2.0)),
        (SHIFT, chosen(ADJUSTMENT, 3.0)),
        (REST, chosen(BALANCE, 3.0)),
        (GAMMA, chosen(FOCUS, 1.0) || chosen(FOCUS, 2.0)),
        (GAMMA_POS, chosen(FOCUS, 2.0)),
        (BINS, chosen(FOCUS, 3.0)),
        (MOMENTUM, chosen(FOCUS, 3.0)),
        (KEEP, chosen(FOCUS, 4.0) || chosen(FOCUS, 5.0)),
        (EPSILON, chosen(BASE, 1.0)),
        (EXPONENT, chosen(BASE, 2.0)),
    ];
    for (dimension, is_active) in active {
        point[dimension] = if is_active { round(point[dimension]) } else { f64::NAN };
    }
    if !point[BINS].is_nan() {
        point[BINS] = point[BINS].round();
    }
    Some(point)
}

/// Three significant digits.
fn round(value: f64) -> f64 {
    format!("{value:.2e}").parse().unwrap_or(value)
}

/// The loss of a conditioned point.
pub(super) fn strategy(point: &Point, objective: Objective) -> Strategy {
    let (mut loss, mut words) = (LossConfig::new(objective), Vec::new());
    match point[ADJUSTMENT] as usize {
        1 => {
            words.push(format!("logit adjustment τ = {}", point[TAU]));
            loss.adjustment.push(part("logit-adjustment", json!({ "tau": point[TAU] })));
        }
        2 => {
            words.push(format!("LDAM margin {}", point[MARGIN]));
            loss.adjustment.push(part("ldam", json!({ "max_margin": point[MARGIN], "scale": 1.0 })));
        }
        3 => {
            words.push(format!("probability shift {}", point[SHIFT]));
            loss.adjustment.push(part("probability-shift", json!({ "margin": point[SHIFT] })));
        }
        _ => {}
    }
    if let Some((weighter, name)) = balance(point) {
        words.push(name);
        loss.weighter.push(weighter);
    }
    if let Some((weighter, name)) = focus(point) {
        words.push(name);
        loss.weighter.push(weighter);
    }
    match point[BASE] as usize {
        1 => {
            words.push(format!("Poly-1 ε = {}", point[EPSILON]));
            loss.base = Some(part("poly-1", json!({ "epsilon": point[EPSILON] })));
        }
        2 => {
            words.push(format!("GCE k = {}", point[EXPONENT]));
            loss.base = Some(part("generalized-cross-entropy", json!({ "exponent": point[EXPONENT] })));
        }
        _ => {}
    }
    Strategy { name: words.join(" · "), what: "drawn by the search".to_owned(), file: None, loss }
}

fn balance(point: &Point) -> Option<(WeighterConfig, String)> {
    let (settings, name) = match point[BALANCE] as usize {
        1 => (json!({ "scheme": "inverse-frequency" }), "α-balance".to_owned()),
        2 => (json!({ "scheme": "inverse-sqrt" }), "root α-balance".to_owned()),
        3 => {
            // Without the digits that the difference makes up.
            let beta: f64 = format!("{:.8}", 1.0 - point[REST]).parse().unwrap_or(0.999);
            (json!({ "scheme": "effective-number", "beta": beta }), format!("effective number 1 − β = {}", point[REST]))
        }
        _ => return None,
    };
    Some((weighter("alpha-balance", settings), name))
}

fn focus(point: &Point) -> Option<(WeighterConfig, String)> {
    Some(match point[FOCUS] as usize {
        1 => (weighter("focal", json!({ "gamma": point[GAMMA] })), format!("focal γ = {}", point[GAMMA])),
        2 => (
            weighter("focal", json!({ "gamma_pos": point[GAMMA_POS], "gamma_neg": point[GAMMA] })),
            format!("focal γ⁺ = {}, γ⁻ = {}", point[GAMMA_POS], point[GAMMA]),
        ),
        3 => (
            weighter("ghm", json!({ "bins": point[BINS] as u64, "momentum": point[MOMENTUM], "preset": "mmdet" })),
            format!("GHM {} regions, momentum {}", point[BINS], point[MOMENTUM]),
        ),
        4 => (weighter("hard-examples", json!({ "keep": point[KEEP] })), format!("hardest {}", point[KEEP])),
        // The threshold is a loss: that of p_t = 0.05 … 0.8.
        5 => {
            let threshold = round(-point[KEEP].ln());
            (
                weighter("self-paced", json!({ "threshold": threshold, "form": "linear" })),
                format!("self-paced λ = {threshold}"),
            )
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use reweight_lab::random::{Purpose, Random};

    use super::*;

    /// A point drawn evenly, without regard to what suits the objective.
    fn drawn(random: &mut Random) -> Point {
        DIMENSIONS.map(|kind| match kind {
            Kind::Choice(count) => random.unit() * count as f64,
            Kind::Linear(low, high) => low + (high - low) * random.unit(),
            Kind::Log(low, high) => low * (high / low).powf(random.unit()),
        })
    }

    #[test]
    fn every_loss_of_the_space_can_be_trained_with_and_written() {
        for (objective, counts) in [(Objective::Bce, vec![950, 50]), (Objective::SoftmaxCe, vec![900, 80, 20])] {
            let mut random = Random::new(1, Purpose::Trials { fold: 0, round: 0 });
            let points: Vec<Point> = (0..400).filter_map(|_| conditioned(drawn(&mut random), objective)).collect();
            assert!(points.len() > 150, "{}", points.len());
            for point in points {
                let strategy = strategy(&point, objective);
                strategy.check(objective, &counts).unwrap_or_else(|error| panic!("{}: {error}", strategy.name));
                let loss = strategy.with_counts(&counts);
                let text = loss.to_toml().unwrap();
                assert_eq!(LossConfig::from_toml(&text).unwrap(), loss, "{text}");
            }
        }
    }

    #[test]
    fn what_has_no_meaning_is_not_a_number() {
        let mut point = [0.5; DIMENSIONS.len()];
        assert_eq!(conditioned(point, Objective::Bce), None, "plain cross entropy");
        point[FOCUS] = 1.5;
        let point = conditioned(point, Objective::Bce).unwrap();
        let numbers: Vec<usize> = (4..DIMENSIONS.len()).filter(|&dimension| !point[dimension].is_nan()).collect();
        assert_eq!(numbers, [GAMMA]);
        assert_eq!(strategy(&point, Objective::Bce).name, "focal γ = 0.5");
    }
}
