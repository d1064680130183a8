//! One process of the side-by-side benchmark: JSON lines in, JSON lines out. Started by `cargo xtask peers`, which drives a
//! Python process with other libraries in the same way.
//!
//! ```text
//! {"load": "case", "params": {"family": "bce" | "ghm" | "softmax", …}, "shape": [8388608], "dtype": "f32",
//!  "dir": DIR, "ways": true}                    → {"ok": true, "peers": […], "bytes": 75497472}; writes the inputs to DIR,
//!                                                   and with `ways` steps in other ways are made ready
//! {"compare": FILE.npy, "loss": 0.1, "quantile": 1.0} → {"ok": true, "gradient": 1e-7, "loss": 1e-8}: how far another's
//!                                                   results for a first batch are from ours, relative to the largest
//! {"time": VARIANT, "reps": 5}                  → {"ok": true, "ms": […]}; one training step each
//! {"copy": 75497472, "reps": 5}                 → {"ok": true, "ms": […]}; so many bytes read or written by a plain copy
//! {"versions": true}                            → {"ok": true, "set": "avx2", "threads": 2}
//! ```
//!
//! The input's end ends it. What goes wrong is {"ok": false, "error": "…"}. `REWEIGHT_ISA` and `RAYON_NUM_THREADS` apply.

#![forbid(unsafe_code)]

mod data;
mod npy;
mod variants;

use std::hint::black_box;
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use rayon::prelude::*;
use reweight_ndarray::InstructionSet;
use serde_json::{Value, json};

use data::Case;
use variants::{Prepared, Step};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut loaded = None;
    let mut replies = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let reply = match serde_json::from_str(&line?).map_err(Failure::from).and_then(|ask| answer(&ask, &mut loaded))
        {
            Ok(mut reply) => {
                reply["ok"] = true.into();
                reply
            }
            Err(error) => json!({ "ok": false, "error": error.to_string() }),
        };
        writeln!(replies, "{reply}")?;
        replies.flush()?;
    }
    Ok(())
}

fn answer(ask: &Value, loaded: &mut Option<Prepared>) -> Result<Value, Failure> {
    if ask.get("load").is_some() {
        // The last case's arrays go first, so that two never lie side by side.
        *loaded = None;
        let prepared = variants::prepare(&Case::read(ask)?, ask["dir"].as_str().map(Path::new))?;
        let names: Vec<&str> = prepared.steps.iter().map(|(name, _)| *name).collect();
        let reply = json!({ "peers": names, "bytes": prepared.bytes });
        *loaded = Some(prepared);
        return Ok(reply);
    }
    if ask.get("versions").is_some() {
        let set = InstructionSet::active()?.name();
        return Ok(json!({ "set": set, "threads": rayon::current_num_threads() }));
    }
    let reps = ask["reps"].as_u64().unwrap_or(5) as usize;
    if let Some(bytes) = ask["copy"].as_u64() {
        return Ok(json!({ "ms": copies(bytes as usize, reps) }));
    }
    let prepared = loaded.as_mut().ok_or("no case is loaded")?;
    if let Some(file) = ask["compare"].as_str() {
        let (loss, grad) = (prepared.first)()?;
        let other = npy::read(Path::new(file))?;
        let quantile = ask["quantile"].as_f64().unwrap_or(1.0);
        let other_loss = ask["loss"].as_f64().ok_or("`loss` is missing")?;
        return Ok(json!({ "gradient": distance(&grad, &other, quantile)?, "loss": (other_loss / loss - 1.0).abs() }));
    }
    let wanted = ask["time"].as_str().ok_or("neither load, compare, time, copy nor versions")?;
    let step = prepared.steps.iter_mut().find(|(name, _)| *name == wanted);
    let (_, step) = step.ok_or_else(|| format!("this case has no `{wanted}`"))?;
    Ok(json!({ "ms": times(step, reps)? }))
}

/// The `quantile` of |a − b|, relative to the largest |a|.
fn distance(a: &[f64], b: &[f64], quantile: f64) -> Result<f64, Failure> {
    if a.len() != b.len() {
        return Err(format!("{} slopes where ours has {}", b.len(), a.len()).into());
    }
    let largest = a.iter().fold(0.0_f64, |largest, slope| largest.max(slope.abs()));
    let mut off: Vec<f64> = a.iter().zip(b).map(|(a, b)| (a - b).abs()).collect();
    if let Some(strange) = off.iter().find(|off| !off.is_finite()) {
        return Err(format!("a slope differs by {strange}").into());
    }
    let at = ((off.len() as f64 * quantile) as usize).min(off.len().saturating_sub(1));
    let (_, off, _) = off.select_nth_unstable_by(at, f64::total_cmp);
    Ok(*off / largest)
}

/// Steps shorter than this are timed several at a time, so that the clock's own 20 ns do not count.
const SHORTEST: Duration = Duration::from_micros(50);

/// Milliseconds a step, of `reps` measurements after one call that warms up.
fn times(step: &mut Step, reps: usize) -> Result<Vec<f64>, Failure> {
    step()?;
    let started = Instant::now();
    step()?;
    let calls = (SHORTEST.as_nanos() / started.elapsed().as_nanos().max(1)) as usize + 1;
    let mut taken = Vec::with_capacity(reps);
    for _ in 0..reps {
        let started = Instant::now();
        for _ in 0..calls {
            black_box(step()?);
        }
        taken.push(started.elapsed().as_secs_f64() * 1e3 / calls as f64);
    }
    Ok(taken)
}

/// Milliseconds of copies that read `bytes`/2 and write as many, each thread its share.
fn copies(bytes: usize, reps: usize) -> Vec<f64> {
    let half = (bytes / 2).max(1);
    let (from, mut to) = (vec![1_u8; half], vec![2_u8; half]);
    let share = half.div_ceil(rayon::current_num_threads());
    let mut copy = || {
        to.par_chunks_mut(share)
            .zip(black_box(&from).par_chunks(share))
            .for_each(|(to, from)| to.copy_from_slice(from));
        black_box(&mut to);
    };
    copy();
    let mut taken = Vec::with_capacity(reps);
    for _ in 0..reps {
        let started = Instant::now();
        copy();
        taken.push(started.elapsed().as_secs_f64() * 1e3);
    }
    taken
}
