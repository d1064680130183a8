//! Hot cases whose instructions are counted (`cargo xtask instructions`): a training step each, into the caller's buffer, on the
//! caller's thread.
//!
//! With `--list` the cases' names and their logits, one case a line; with a name one step of that case after one that makes all
//! that stays; as a test (`cargo test --bench instructions`) every case once.

mod data;

use std::error::Error;

use data::Data;
use half::bf16;
use ndarray::{Array1, Array2};
use reweight_ndarray::prelude::*;
use reweight_ndarray::reweight::{AlphaBalance, Focal, Ghm};
use reweight_ndarray::{BceTarget, Float};

/// Logits of a case, or a little fewer where rows must be whole: few enough for one thread.
const LOGITS: usize = 1 << 14;

/// A step that can be repeated.
type Step = Box<dyn FnMut() -> Result<(), Box<dyn Error>>>;

/// A case: name, logits, and what makes the step.
type Case = (&'static str, usize, fn() -> Result<Step, Box<dyn Error>>);

const CASES: [Case; 10] = [
    ("bce, plain, f32", LOGITS, || bce::<_, f32>((), 0.0)),
    ("bce, alpha·focal 2, f32", LOGITS, || bce::<_, f32>(alpha_focal(2.0)?, 0.0)),
    ("bce, alpha·focal 1.5, f32", LOGITS, || bce::<_, f32>(alpha_focal(1.5)?, 0.0)),
    ("bce, alpha·focal 2, f64", LOGITS, || bce::<_, f64>(alpha_focal(2.0)?, 0.0)),
    ("bce, alpha·focal 2, bf16", LOGITS, || bce::<_, bf16>(alpha_focal(2.0)?, bf16::ZERO)),
    ("bce, ghm of 10 regions, f32", LOGITS, || bce::<_, f32>(Ghm::new(10, 0.75)?, 0.0)),
    ("bce, ghm of 30 regions, f32", LOGITS, || bce::<_, f32>(Ghm::new(30, 0.75)?, 0.0)),
    ("softmax of 5, focal 2, f32", LOGITS / 5 * 5, || softmax::<5>()),
    ("softmax of 100, focal 2, f32", LOGITS / 100 * 100, || softmax::<100>()),
    ("softmax of 1000, focal 2, f32", LOGITS / 1_000 * 1_000, || softmax::<1_000>()),
];

fn alpha_focal(gamma: f64) -> Result<(AlphaBalance, Focal), Box<dyn Error>> {
    Ok((AlphaBalance::binary(0.25)?, Focal::new(gamma)?))
}

/// A number type that the batches' logits can be rounded to.
trait Rounded: Float {
    fn rounded(x: f64) -> Self;
}

impl Rounded for f32 {
    fn rounded(x: f64) -> Self {
        x as Self
    }
}

impl Rounded for f64 {
    fn rounded(x: f64) -> Self {
        x
    }
}

impl Rounded for bf16 {
    fn rounded(x: f64) -> Self {
        Self::from_f64(x)
    }
}

fn bce<W: SampleWeighter + 'static, A: Rounded + 'static>(weighter: W, zero: A) -> Result<Step, Box<dyn Error>>
where
    u8: BceTarget,
{
    let mut data = Data::new();
    let logits: Array1<A> = data.logits(LOGITS).into_iter().map(A::rounded).collect();
    let targets = Array1::from(data.targets(LOGITS));
    let mut loss = BceLoss::new(weighter);
    let mut grad = Array1::from_elem(LOGITS, zero);
    Ok(Box::new(move || {
        BceBatch::new(&logits, &targets).value_and_grad_into(&mut loss, &mut grad)?;
        Ok(())
    }))
}

fn softmax<const CLASSES: usize>() -> Result<Step, Box<dyn Error>> {
    let rows = LOGITS / CLASSES;
    let mut data = Data::new();
    let logits = Array2::from_shape_vec((rows, CLASSES), data.logits(rows * CLASSES))?.mapv(|x| x as f32);
    let targets: Array1<i64> = (0..rows).map(|_| (data.next() * CLASSES as f64) as i64).collect();
    let mut loss = SoftmaxLoss::new(Focal::new(2.0)?);
    let mut grad = Array2::zeros((rows, CLASSES));
    Ok(Box::new(move || {
        SoftmaxBatch::new(&logits, &targets).value_and_grad_into(&mut loss, &mut grad)?;
        Ok(())
    }))
}

/// The one function whose instructions are collected, with all that it calls.
#[inline(never)]
fn collected(step: &mut Step) -> Result<(), Box<dyn Error>> {
    step()
}

fn run(case: &Case) -> Result<(), Box<dyn Error>> {
    let mut step = case.2()?;
    step()?;
    collected(&mut step)
}

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo's own options come along where it starts this.
    let wanted = std::env::args().skip(1).find(|argument| argument == "--list" || !argument.starts_with("--"));
    match wanted.as_deref() {
        Some("--list") => CASES.iter().for_each(|(name, logits, _)| println!("{logits}\t{name}")),
        Some(name) => run(CASES.iter().find(|case| case.0 == name).ok_or_else(|| format!("no case `{name}`"))?)?,
        None => CASES.iter().try_for_each(run)?,
    }
    Ok(())
}
