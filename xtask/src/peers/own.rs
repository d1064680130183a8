//! What the engine promises of itself: shares of the memory's speed, flatness, threads, weighters, layouts, levels.

use anyhow::Context;
use serde_json::json;

use super::Stage;
use super::cases::{Case, LARGE, Rule};
use super::measure::{Effort, Times};
use super::process::Process;

/// One promise, and what was seen.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) what: String,
    pub(super) seen: f64,
    /// What is asked for.
    pub(super) bound: Bound,
    /// The times that the number comes from, the one in question first.
    pub(super) times: Vec<Times>,
}

/// What is asked of a number.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bound {
    AtLeast(f64),
    AtMost(f64),
    /// Shown for the reader.
    None,
}

impl Bound {
    /// Whether `seen` keeps to it; `None` where nothing is asked.
    pub(super) fn holds(self, seen: f64) -> Option<bool> {
        match self {
            Self::AtLeast(bound) => Some(seen >= bound),
            Self::AtMost(bound) => Some(seen <= bound),
            Self::None => None,
        }
    }
}

/// What `--only` looks at.
pub(super) const NAMES: [&str; 7] =
    ["own-bandwidth", "own-flatness", "own-threads", "own-ways", "own-regions", "own-halves", "own-levels"];

/// Measures those of the promises whose name is wanted.
pub(super) fn measure(stage: &Stage, effort: &Effort, wanted: &impl Fn(&str) -> bool) -> anyhow::Result<Vec<Own>> {
    let [bandwidth, flatness, threads, ways, regions, halves, levels] = NAMES;
    let mut all = Vec::new();
    let mut part = |name: &str, measure: fn(&Stage, &Effort) -> anyhow::Result<Vec<Own>>| {
        if wanted(name) {
            println!("── {name}");
            all.extend(measure(stage, effort).with_context(|| name.to_owned())?);
        }
        anyhow::Ok(())
    };
    part(bandwidth, measure_bandwidth)?;
    part(flatness, measure_flatness)?;
    part(threads, measure_threads)?;
    part(ways, measure_ways)?;
    part(regions, measure_regions)?;
    part(halves, measure_halves)?;
    part(levels, measure_levels)?;
    Ok(all)
}

fn load(process: &mut Process, rule: Rule, shape: &[usize], ways: bool) -> anyhow::Result<()> {
    let case = Case { name: "own", title: "", rule, shape: &[], wide: false, least: &[] };
    let params = case.params();
    process.ask(&json!({ "load": case.name, "params": params, "shape": shape, "dtype": "f32", "ways": ways }))?;
    Ok(())
}

/// `step` of each process in turns, all loaded already.
fn in_turns<const N: usize>(
    mut processes: [(&mut Process, &str); N],
    effort: &Effort,
    size: usize,
) -> anyhow::Result<[Times; N]> {
    let mut taken: [Vec<f64>; N] = std::array::from_fn(|_| Vec::new());
    for _ in 0..effort.rounds {
        for ((process, step), taken) in processes.iter_mut().zip(&mut taken) {
            taken.extend(process.time(step, effort.reps(size))?.0);
        }
    }
    Ok(taken.map(Times::new))
}

fn measure_bandwidth(stage: &Stage, effort: &Effort) -> anyhow::Result<Vec<Own>> {
    let mut all = Vec::new();
    let passes = [
        ("α·focal, 8 M: share of the copy's bandwidth", Rule::Focal(2.0), "into", 9, 0.4),
        ("GHM's counting pass, M=10, 8 M: share of the copy's bandwidth", Rule::Ghm(10), "counting", 5, 0.6),
    ];
    for (what, rule, step, bytes_an_element, least) in passes {
        let mut ours = stage.ours(stage.threads, None)?;
        load(&mut ours, rule, &[LARGE], false)?;
        let bytes = (LARGE * bytes_an_element) as u64;
        let (mut taken, mut copies) = (Vec::new(), Vec::new());
        for _ in 0..effort.rounds {
            taken.extend(ours.time(step, effort.steps)?.0);
            copies.extend(ours.copy(bytes, effort.steps)?);
        }
        let (taken, copies) = (Times::new(taken), Times::new(copies));
        let seen = copies.median() / taken.median();
        all.push(Own { what: what.to_owned(), seen, bound: Bound::AtLeast(least), times: vec![taken, copies] });
    }
    Ok(all)
}

/// Sizes by which the time an element must not change: 1 M to 256 M.
const SIZES: [usize; 5] = [1 << 20, 1 << 22, 1 << 24, 1 << 26, 1 << 28];

fn measure_flatness(stage: &Stage, effort: &Effort) -> anyhow::Result<Vec<Own>> {
    let mut ours = stage.ours(stage.threads, None)?;
    let mut times = Vec::new();
    for size in SIZES {
        load(&mut ours, Rule::Focal(2.0), &[size], false)?;
        let mut taken = Vec::new();
        for _ in 0..effort.rounds {
            taken.extend(ours.time("into", if size > LARGE { 2 } else { 4 * effort.steps })?.0);
        }
        times.push(Times::new(taken.into_iter().map(|ms| ms * 1e6 / size as f64).collect()));
    }
    let medians: Vec<f64> = times.iter().map(Times::median).collect();
    let list: Vec<String> = medians.iter().map(|ns| format!("{ns:.3}")).collect();
    let what = format!("α·focal, ns an element at 1, 4, 16, 64 and 256 M ({}): furthest from the mean", list.join(", "));
    let mean = medians.iter().sum::<f64>() / medians.len() as f64;
    let seen = medians.iter().map(|ns| (ns / mean - 1.0).abs()).fold(0.0, f64::max);
    Ok(vec![Own { what, seen, bound: Bound::AtMost(0.15), times: Vec::new() }])
}

fn measure_threads(stage: &Stage, effort: &Effort) -> anyhow::Result<Vec<Own>> {
    let mut all = Vec::new();
    for (what, rule) in [("α·focal", Rule::Focal(2.0)), ("GHM M=10", Rule::Ghm(10))] {
        let (mut one, mut two) = (stage.ours(1, None)?, stage.ours(2, None)?);
        load(&mut one, rule, &[LARGE], false)?;
        load(&mut two, rule, &[LARGE], false)?;
        let [two, one] = in_turns([(&mut two, "into"), (&mut one, "into")], effort, LARGE)?;
        let what = format!("{what}, 8 M: one thread's time over two threads'");
        all.push(Own { what, seen: one.median() / two.median(), bound: Bound::AtLeast(1.8), times: vec![two, one] });
    }
    Ok(all)
}

fn measure_ways(stage: &Stage, effort: &Effort) -> anyhow::Result<Vec<Own>> {
    let ways = [
        ("own", "a weighter written outside the workspace", Bound::AtMost(1.15)),
        ("boxed", "a chain from a config", Bound::AtMost(1.3)),
        ("bool", "targets as bool", Bound::AtMost(2.0)),
        ("f32", "targets as f32", Bound::AtMost(1.3)),
        ("spaced", "every second logit of a longer array", Bound::AtMost(2.0)),
        ("turned", "logits by columns, targets by rows", Bound::AtMost(2.0)),
        ("fresh", "the gradient in a fresh array", Bound::None),
    ];
    let mut all = Vec::new();
    let mut ours = stage.ours(stage.threads, None)?;
    load(&mut ours, Rule::Focal(2.0), &[LARGE], true)?;
    for (step, what, bound) in ways {
        let (mut taken, mut plain) = (Vec::new(), Vec::new());
        for _ in 0..effort.rounds {
            taken.extend(ours.time(step, effort.steps)?.0);
            plain.extend(ours.time("into", effort.steps)?.0);
        }
        let (taken, plain) = (Times::new(taken), Times::new(plain));
        let seen = taken.median() / plain.median();
        let what = format!("α·focal, 8 M: {what}, over u8 targets in types and in one row");
        all.push(Own { what, seen, bound, times: vec![taken, plain] });
    }
    Ok(all)
}

/// More regions must hardly cost more.
fn measure_regions(stage: &Stage, effort: &Effort) -> anyhow::Result<Vec<Own>> {
    let (mut many, mut few) = (stage.ours(stage.threads, None)?, stage.ours(stage.threads, None)?);
    load(&mut many, Rule::Ghm(30), &[LARGE], false)?;
    load(&mut few, Rule::Ghm(10), &[LARGE], false)?;
    let [many, few] = in_turns([(&mut many, "into"), (&mut few, "into")], effort, LARGE)?;
    let what = "GHM, 8 M: 30 regions over 10".to_owned();
    Ok(vec![Own { what, seen: many.median() / few.median(), bound: Bound::AtMost(1.15), times: vec![many, few] }])
}

/// Halves take half of the bytes, so that they must not take longer.
fn measure_halves(stage: &Stage, effort: &Effort) -> anyhow::Result<Vec<Own>> {
    let cases: [(_, _, &[usize]); 4] = [
        ("α·focal, 8 M", Rule::Focal(2.0), &[LARGE]),
        ("GHM M=10, 8 M", Rule::Ghm(10), &[LARGE]),
        ("softmax focal, 65,536 × 100", Rule::Softmax, &[65_536, 100]),
        ("softmax focal, 1,048,576 × 5", Rule::Softmax, &[1 << 20, 5]),
    ];
    let mut all = Vec::new();
    let mut ours = stage.ours(stage.threads, None)?;
    for (what, rule, shape) in cases {
        load(&mut ours, rule, shape, true)?;
        for half in ["f16", "bf16"] {
            let (mut taken, mut wide) = (Vec::new(), Vec::new());
            for _ in 0..effort.rounds {
                taken.extend(ours.time(half, effort.steps)?.0);
                wide.extend(ours.time("into", effort.steps)?.0);
            }
            let (taken, wide) = (Times::new(taken), Times::new(wide));
            let seen = taken.median() / wide.median();
            let what = format!("{what}: {half} logits and gradient over f32");
            all.push(Own { what, seen, bound: Bound::AtMost(1.0), times: vec![taken, wide] });
        }
    }
    Ok(all)
}

fn measure_levels(stage: &Stage, effort: &Effort) -> anyhow::Result<Vec<Own>> {
    let mut all = Vec::new();
    for set in ["avx512", "avx2", "baseline"] {
        let (mut forced, mut best) = (stage.ours(stage.threads, Some(set))?, stage.ours(stage.threads, None)?);
        if forced.ask(&json!({ "versions": true })).is_err() {
            // This processor lacks it.
            continue;
        }
        load(&mut best, Rule::Focal(2.0), &[LARGE], false)?;
        load(&mut forced, Rule::Focal(2.0), &[LARGE], false)?;
        let [forced, best] = in_turns([(&mut forced, "into"), (&mut best, "into")], effort, LARGE)?;
        let what = format!("α·focal, 8 M: the level {set} over the best");
        all.push(Own { what, seen: forced.median() / best.median(), bound: Bound::None, times: vec![forced, best] });
    }
    Ok(all)
}
