//! Ours and a peer in turns, on the same inputs, after both have given the same results.

use std::path::Path;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::cases::{Case, JOINED, Rival};
use super::machine::Machine;
use super::own::Own;
use super::process::Process;

/// How long is measured.
#[derive(Debug)]
pub(super) struct Effort {
    /// Turns of ours and theirs.
    pub(super) rounds: usize,
    /// Steps a turn of a large batch.
    pub(super) steps: usize,
    /// Measurements a turn of a small one.
    pub(super) small: usize,
    /// Whether peers without a ratio asked for are measured too.
    pub(super) all: bool,
}

impl Effort {
    pub(super) const FULL: Self = Self { rounds: 5, steps: 5, small: 60, all: false };
    pub(super) const QUICK: Self = Self { rounds: 2, steps: 3, small: 20, all: false };

    /// Measurements a turn of a step on `size` logits.
    pub(super) fn reps(&self, size: usize) -> usize {
        if size < 100_000 { self.small } else { self.steps }
    }
}

/// Times in milliseconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Times(Vec<f64>);

impl Times {
    pub(super) fn new(mut times: Vec<f64>) -> Self {
        times.sort_by(f64::total_cmp);
        Self(times)
    }

    /// The median; NaN of none.
    pub(super) fn median(&self) -> f64 {
        let n = self.0.len();
        match (self.0.get(n.saturating_sub(1) / 2), self.0.get(n / 2)) {
            (Some(lower), Some(upper)) => f64::midpoint(*lower, *upper),
            _ => f64::NAN,
        }
    }

    pub(super) fn least(&self) -> f64 {
        self.0.first().copied().unwrap_or(f64::NAN)
    }

    pub(super) fn most(&self) -> f64 {
        self.0.last().copied().unwrap_or(f64::NAN)
    }
}

/// A peer's part of a row.
#[derive(Clone, Debug)]
pub(super) struct Theirs {
    pub(super) name: String,
    /// Which form of the loss was its fastest.
    pub(super) form: String,
    pub(super) times: Times,
}

/// A case's times.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) title: String,
    pub(super) ours: Times,
    pub(super) theirs: Vec<Theirs>,
    pub(super) least: Vec<(Rival, f64)>,
    /// What a step must read and write.
    pub(super) bytes: u64,
    /// A copy that reads and writes as much in all.
    pub(super) copy: Times,
    /// Peers that failed, or whose results are not ours: they are not timed.
    pub(super) faults: Vec<String>,
}

impl Row {
    /// The peer that a rival stands for.
    pub(super) fn rival(&self, rival: Rival) -> Option<&Theirs> {
        match rival {
            Rival::Peer(name) => self.theirs.iter().find(|theirs| theirs.name == name),
            Rival::Best => {
                let layers = self.theirs.iter().filter(|theirs| theirs.name != JOINED);
                layers.min_by(|a, b| a.times.median().total_cmp(&b.times.median()))
            }
        }
    }

    /// How many times as long the peer takes.
    pub(super) fn ratio(&self, theirs: &Theirs) -> f64 {
        theirs.times.median() / self.ours.median()
    }
}

/// All of a run.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) rows: Vec<Row>,
    pub(super) own: Vec<Own>,
    pub(super) versions: Option<Value>,
    pub(super) machine: Machine,
}

impl Measured {
    /// What kept peers from being timed.
    pub(super) fn faults(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().flat_map(|row| &row.faults).map(String::as_str)
    }
}

/// Gradients agree where none is further off than this part of the largest: the peers' own rounding in float32, which
/// reaches 1e-6 in torch's and optax's forms. float64 is compared as strictly as it is promised (docs/numerics.md).
fn tolerance(case: &Case) -> f64 {
    if case.wide { 1e-10 } else { 2e-5 }
}

/// A mean of 8 M losses in float32, as some compiled forms take it, is off by 1e-5.
const LOSS_TOLERANCE: f64 = 1e-4;

/// Compares a peer's loss and gradient of a first batch with ours.
fn agree(case: &Case, name: &str, ours: &mut Process, theirs: &mut Process, grad: &Path) -> anyhow::Result<()> {
    let reply = theirs.ask(&json!({ "check": name, "grad": grad }))?;
    let off = ours.ask(&json!({ "compare": grad, "loss": reply["loss"], "quantile": case.quantile() }))?;
    let (gradient, loss) = (off["gradient"].as_f64(), off["loss"].as_f64());
    if !gradient.is_some_and(|off| off <= tolerance(case)) || !loss.is_some_and(|off| off <= LOSS_TOLERANCE) {
        bail!("its results are not ours, they are off by {off}");
    }
    Ok(())
}

/// Measures one case with all its peers.
pub(super) fn side_by_side(
    case: &Case,
    ours: &mut Process,
    theirs: &mut Process,
    folder: &Path,
    effort: &Effort,
) -> anyhow::Result<Row> {
    let loading =
        json!({ "load": case.name, "params": case.params(), "shape": case.shape, "dtype": case.dtype(), "dir": folder });
    // Ours makes the inputs and writes them, theirs reads them.
    let bytes = ours.ask(&loading)?["bytes"].as_u64().context("ours does not say how many bytes a step moves")?;
    let peers: Vec<String> = serde_json::from_value(theirs.ask(&loading)?["peers"].clone())?;
    let asked = |name: &str| {
        case.least.iter().any(|(rival, _)| match rival {
            Rival::Peer(peer) => *peer == name,
            Rival::Best => name != JOINED,
        })
    };
    let (mut rows, mut faults) = (Vec::new(), Vec::new());
    let grad = folder.join("grad.npy");
    for name in peers.into_iter().filter(|name| effort.all || asked(name)) {
        if let Err(fault) = agree(case, &name, ours, theirs, &grad) {
            println!("   {fault:#}");
            faults.push(format!("{}, {name}: {fault:#}", case.title));
            continue;
        }
        rows.push(Theirs { name, form: String::new(), times: Times::default() });
    }
    let reps = effort.reps(case.size());
    let (mut own, mut copies) = (Vec::new(), Vec::new());
    let mut all = vec![Vec::new(); rows.len()];
    for _ in 0..effort.rounds {
        for (row, times) in rows.iter_mut().zip(&mut all) {
            own.extend(ours.time("into", reps)?.0);
            // A peer that takes half a second a step is known well enough by fewer.
            let slow = times.iter().copied().fold(0.0, f64::max) > 300.0;
            let (taken, form) = theirs.time(&row.name, if slow { 1 } else { reps })?;
            times.extend(taken);
            row.form = form.unwrap_or_default();
        }
        copies.extend(ours.copy(bytes, reps)?);
    }
    for (row, times) in rows.iter_mut().zip(all) {
        row.times = Times::new(times);
        println!("   {:<16} {:>10.4} ms, ours {:>10.4} ms", row.name, row.times.median(), Times::new(own.clone()).median());
    }
    let title = case.title.to_owned();
    Ok(Row { title, ours: Times::new(own), theirs: rows, least: case.least.to_vec(), bytes, copy: Times::new(copies), faults })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_ends() {
        let times = Times::new(vec![4.0, 1.0, 2.0, 3.0]);
        assert_eq!((times.median(), times.least(), times.most()), (2.5, 1.0, 4.0));
        assert_eq!(Times::new(vec![3.0, 1.0, 2.0]).median(), 2.0);
        assert!(Times::default().median().is_nan());
    }

    #[test]
    fn the_best_is_a_layer() {
        let theirs = |name: &str, ms: f64| Theirs { name: name.to_owned(), form: String::new(), times: Times::new(vec![ms]) };
        let row = Row {
            title: String::new(),
            ours: Times::new(vec![2.0]),
            theirs: vec![theirs("torch", 9.0), theirs(JOINED, 3.0), theirs("jax", 5.0)],
            least: Vec::new(),
            bytes: 0,
            copy: Times::default(),
            faults: Vec::new(),
        };
        let best = row.rival(Rival::Best).expect("there are peers");
        assert_eq!((best.name.as_str(), row.ratio(best)), ("jax", 2.5));
        assert!(row.rival(Rival::Peer("optax")).is_none());
    }
}
