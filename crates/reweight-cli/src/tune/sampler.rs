//! Which losses a round of a search tries: the published ones first, then draws, and from the second round on those that tree-structured
//! Parzen estimators take for promising (Bergstra et al., Algorithms for hyper-parameter optimization, NeurIPS 2011).
//!
//! A round's losses follow from the seed, the search and what its own earlier rounds found: not from other searches, threads or
//! clocks.

use std::collections::HashSet;

use reweight::Objective;
use reweight_lab::random::Random;
use tpe::{TpeOptimizer, categorical_range, histogram_estimator, parzen_estimator, range};

use super::TuneError;
use super::space::{self, DIMENSIONS, Kind, Point};
use crate::strategy::{Strategy, presets};

/// Losses of a round.
pub(super) const ROUND: usize = 16;

/// How often a choice is "nothing": most published rules change one part of a loss.
const NOTHING: f64 = 0.5;

/// Of the losses of a later round, how many are drawn without regard to what was found: one in so many.
const EXPLORED: usize = 4;

/// Draws after which a round is left shorter than asked for: what can be drawn has been tried.
const MOST_DRAWS: usize = 1000;

/// A loss that was tried, where it lies in the space, and how it did: its place within its round, 0 for best, 1 for worst.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) point: Option<Point>,
    pub(super) place: f64,
}

/// A loss to try; the published ones lie nowhere in the space.
#[derive(Debug, Clone)]
pub(super) struct Drawn {
    pub(super) strategy: Strategy,
    pub(super) point: Option<Point>,
}

/// At most `count` losses for a round; none is one of `tried`, or twice among them.
pub(super) fn round(
    count: usize,
    (objective, counts): (Objective, &[usize]),
    tried: &[Strategy],
    told: &[Told],
    mut random: Random,
) -> Result<Vec<Drawn>, TuneError> {
    let key = |strategy: &Strategy| serde_json::to_string(&strategy.loss).unwrap_or_default();
    let mut seen: HashSet<String> = tried.iter().map(key).collect();
    let mut drawn = Vec::new();
    if tried.is_empty() {
        let (_, all) = presets::all(objective);
        let fitting = all.into_iter().filter(|strategy| strategy.check(objective, counts).is_ok());
        drawn.extend(fitting.map(|strategy| Drawn { strategy, point: None }).take(count));
        seen.extend(drawn.iter().map(|one| key(&one.strategy)));
    }
    let mut estimators = if told.iter().any(|one| one.point.is_some()) { Some(Estimators::new(told)?) } else { None };
    for _ in 0..MOST_DRAWS {
        if drawn.len() >= count {
            break;
        }
        let explores = drawn.len() % EXPLORED == EXPLORED - 1;
        let point = match &mut estimators {
            Some(estimators) if !explores => estimators.ask(&mut random)?,
            _ => at_random(&mut random),
        };
        let Some(point) = space::conditioned(point, objective) else { continue };
        let strategy = space::strategy(&point, objective);
        if seen.insert(key(&strategy)) {
            drawn.push(Drawn { strategy, point: Some(point) });
        }
    }
    Ok(drawn)
}

/// Every dimension by itself, whether or not it has a meaning then.
fn at_random(random: &mut Random) -> Point {
    DIMENSIONS.map(|kind| match kind {
        Kind::Choice(count) if random.unit() >= NOTHING => (1 + random.below(count - 1)) as f64,
        Kind::Choice(_) => 0.0,
        Kind::Linear(low, high) => low + (high - low) * random.unit(),
        Kind::Log(low, high) => (low.ln() + (high.ln() - low.ln()) * random.unit()).exp(),
    })
}

/// One estimator a dimension, told of the trials in which it had a meaning.
struct Estimators(Vec<TpeOptimizer>);

impl Estimators {
    fn new(told: &[Told]) -> Result<Self, TuneError> {
        let failed = |error: &dyn std::fmt::Display| TuneError::Sampler(error.to_string());
        let mut all = Vec::new();
        for (dimension, kind) in DIMENSIONS.into_iter().enumerate() {
            let mut one = match kind {
                Kind::Choice(count) => {
                    let range = categorical_range(count).map_err(|error| failed(&error))?;
                    TpeOptimizer::new(histogram_estimator(), range)
                }
                Kind::Linear(low, high) => {
                    TpeOptimizer::new(parzen_estimator(), range(low, high).map_err(|error| failed(&error))?)
                }
                Kind::Log(low, high) => {
                    let range = range(low.ln(), high.ln()).map_err(|error| failed(&error))?;
                    TpeOptimizer::new(parzen_estimator(), range)
                }
            };
            for Told { point, place } in told {
                let Some(point) = point else { continue };
                let value = match kind {
                    Kind::Choice(_) => point[dimension],
                    // Rounded to three digits, an end may lie beyond it; the range's end is left out.
                    Kind::Linear(low, high) => within(point[dimension], low, high),
                    Kind::Log(low, high) => within(point[dimension].ln(), low.ln(), high.ln()),
                };
                one.tell(value, *place).map_err(|error| failed(&error))?;
            }
            all.push(one);
        }
        Ok(Self(all))
    }

    fn ask(&mut self, random: &mut Random) -> Result<Point, TuneError> {
        let mut point = [f64::NAN; DIMENSIONS.len()];
        for ((value, one), kind) in point.iter_mut().zip(&mut self.0).zip(DIMENSIONS) {
            let asked = one.ask(random.words()).map_err(|error| TuneError::Sampler(error.to_string()))?;
            *value = match kind {
                Kind::Log(..) => asked.exp(),
                Kind::Choice(_) | Kind::Linear(..) => asked,
            };
        }
        Ok(point)
    }
}

/// NaN stays what it is.
fn within(value: f64, low: f64, high: f64) -> f64 {
    value.clamp(low, high - (high - low) * 1e-9)
}

#[cfg(test)]
mod tests {
    use reweight_lab::random::Purpose;

    use super::*;

    const COUNTS: [usize; 2] = [900, 100];

    fn draw(count: usize, tried: &[Strategy], told: &[Told], seed: u64) -> Vec<Drawn> {
        let random = Random::new(seed, Purpose::Trials { fold: 0, round: told.len() as u32 });
        round(count, (Objective::Bce, &COUNTS), tried, told, random).unwrap()
    }

    #[test]
    fn the_published_rules_come_first_and_nothing_comes_twice() {
        let first = draw(40, &[], &[], 0);
        assert_eq!(first.len(), 40);
        assert_eq!(first[0].strategy.name, "α-balance");
        assert!(first[..11].iter().all(|one| one.point.is_none()) && first[11..].iter().all(|one| one.point.is_some()));
        let losses: HashSet<String> =
            first.iter().map(|one| serde_json::to_string(&one.strategy.loss).unwrap()).collect();
        assert_eq!(losses.len(), 40);
        let names = |seed| draw(40, &[], &[], seed).into_iter().map(|one| one.strategy.name).collect::<Vec<_>>();
        assert_eq!(names(0), names(0));
        assert_ne!(names(0), names(1));
    }

    #[test]
    fn later_rounds_go_where_it_was_good() {
        // The larger focal's γ, the better; anything else is bad.
        let first = draw(400, &[], &[], 2);
        let gamma = |one: &Drawn| one.point.map_or(f64::NAN, |point| point[8]);
        let told: Vec<Told> = first
            .iter()
            .map(|one| Told { point: one.point, place: if gamma(one).is_nan() { 1.0 } else { 1.0 - gamma(one) / 5.0 } })
            .collect();
        let tried: Vec<Strategy> = first.into_iter().map(|one| one.strategy).collect();
        let large = |drawn: &[Drawn]| drawn.iter().filter(|one| gamma(one) > 2.0).count();
        let (guided, random) = (draw(60, &tried, &told, 3), draw(60, &tried, &[], 3));
        assert!(large(&guided) > 2 * large(&random), "{} and {}", large(&guided), large(&random));
    }
}
