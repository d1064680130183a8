//! One case in every way that it is measured: into a buffer or a fresh array, with other targets, layouts and weighters, in 16 bits.

use std::path::Path;
use std::rc::Rc;

use half::{bf16, f16};
use ndarray::{Array1, Array2, Axis, Slice};
use reweight_ndarray::prelude::*;
use reweight_ndarray::reweight::{
    AlphaBalance, BoxedWeighter, Chain, Focal, Ghm, LossError, Real, Sample, SampleWeighter, TraceError,
};
use reweight_ndarray::{BceTarget, Float};

use crate::Failure;
use crate::data::{Case, Rule, Spread};
use crate::npy::{self, Element};

/// One training step; returns the loss.
pub(crate) type Step = Box<dyn FnMut() -> Result<Option<f64>, LossError>>;

/// Loss and gradient of a first batch.
type First = Box<dyn Fn() -> Result<(f64, Vec<f64>), Failure>>;

/// A case, ready to run.
pub(crate) struct Prepared {
    pub(crate) steps: Vec<(&'static str, Step)>,
    pub(crate) first: First,
    /// Read and written in a step if everything is touched once: logits, targets and gradient.
    pub(crate) bytes: usize,
}

/// Makes the inputs, writes them to `folder` if there is one, and puts together the steps.
pub(crate) fn prepare(case: &Case, folder: Option<&Path>) -> Result<Prepared, Failure> {
    match (case.rule, case.wide) {
        (Rule::Softmax { gamma }, false) => {
            let mut prepared = softmax::<f32>(case, Focal::new(gamma)?, folder, |x| x as f32)?;
            if case.ways {
                prepared.steps.push(("f16", softmax_halves(case, gamma, f16::from_f32)?));
                prepared.steps.push(("bf16", softmax_halves(case, gamma, bf16::from_f32)?));
            }
            Ok(prepared)
        }
        (Rule::Softmax { gamma }, true) => softmax::<f64>(case, Focal::new(gamma)?, folder, |x| x),
        (_, false) => {
            let batch = Binary::make(case, folder, |x| x as f32)?;
            let mut prepared = batch.prepare(case.rule)?;
            if case.ways {
                batch.more(case.rule, &mut prepared.steps)?;
                prepared.steps.push(("f16", batch.halves(f16::from_f64).step(case.rule)?));
                prepared.steps.push(("bf16", batch.halves(bf16::from_f64).step(case.rule)?));
            }
            Ok(prepared)
        }
        (_, true) => Binary::make(case, folder, |x| x)?.prepare(case.rule),
    }
}

/// A batch of BCE.
struct Binary<A> {
    logits: Rc<Array1<A>>,
    targets: Rc<Array1<u8>>,
    from: fn(f64) -> A,
}

impl<A: Float + Element + Into<f64>> Binary<A> {
    fn make(case: &Case, folder: Option<&Path>, from: fn(f64) -> A) -> Result<Self, Failure> {
        let mut spread = Spread::new();
        let logits: Array1<A> = spread.logits(case.size()).map(from).collect();
        let targets: Array1<u8> = spread.targets(case.size()).collect();
        if let Some(folder) = folder {
            npy::write(&folder.join("logits.npy"), &case.shape, logits.iter().copied())?;
            npy::write(&folder.join("targets.npy"), &case.shape, targets.iter().copied())?;
        }
        Ok(Self { logits: Rc::new(logits), targets: Rc::new(targets), from })
    }

    fn prepare(&self, rule: Rule) -> Result<Prepared, Failure> {
        match rule {
            Rule::Plain => Ok(self.with(())),
            Rule::Ghm { bins, momentum } => Ok(self.with(Ghm::new(bins, momentum)?)),
            Rule::Focal { alpha, gamma } => Ok(self.with((AlphaBalance::binary(alpha)?, Focal::new(gamma)?))),
            Rule::Softmax { .. } => Err("softmax is not binary".into()),
        }
    }

    fn with<W: SampleWeighter + 'static>(&self, weighter: W) -> Prepared {
        let (logits, targets) = (Rc::clone(&self.logits), Rc::clone(&self.targets));
        let mut steps = vec![("into", self.buffered(weighter.clone(), Rc::clone(&self.targets)))];
        let mut loss = BceLoss::new(weighter.clone());
        if !loss.weighting().request().is_empty() {
            let (loss, logits, targets) = (loss.clone(), Rc::clone(&logits), Rc::clone(&targets));
            let count =
                move || BceBatch::new(&*logits, &*targets).statistics(&loss).map(|counts| Some(counts.valid as f64));
            steps.push(("counting", Box::new(count)));
        }
        let fresh = move || loss.value_and_grad(&*logits, &*targets).map(|step| step.loss());
        steps.push(("fresh", Box::new(fresh)));
        let (logits, targets) = (Rc::clone(&self.logits), Rc::clone(&self.targets));
        let first = move || {
            let step = BceLoss::new(weighter.clone()).value_and_grad(&*logits, &*targets)?;
            let grad = step.grad.iter().map(|&slope| slope.into()).collect();
            Ok((step.loss().ok_or("no loss")?, grad))
        };
        let bytes = self.logits.len() * (2 * size_of::<A>() + 1);
        Prepared { steps, first: Box::new(first), bytes }
    }
}

impl<A: Float> Binary<A> {
    fn step(&self, rule: Rule) -> Result<Step, Failure> {
        let targets = Rc::clone(&self.targets);
        match rule {
            Rule::Plain => Ok(self.buffered((), targets)),
            Rule::Ghm { bins, momentum } => Ok(self.buffered(Ghm::new(bins, momentum)?, targets)),
            Rule::Focal { alpha, gamma } => {
                Ok(self.buffered((AlphaBalance::binary(alpha)?, Focal::new(gamma)?), targets))
            }
            Rule::Softmax { .. } => Err("softmax is not binary".into()),
        }
    }

    /// The usual step: the caller keeps the gradient's memory.
    fn buffered<W: SampleWeighter + 'static, T: BceTarget>(&self, weighter: W, targets: Rc<Array1<T>>) -> Step {
        let mut loss = BceLoss::new(weighter);
        let logits = Rc::clone(&self.logits);
        let mut grad = Array1::from_elem(logits.len(), (self.from)(0.0));
        Box::new(move || loss.value_and_grad_into(&*logits, &*targets, &mut grad).map(|summary| summary.loss))
    }
}

impl Binary<f32> {
    /// The same batch in 16 bits.
    fn halves<H>(&self, to: fn(f64) -> H) -> Binary<H> {
        let logits = self.logits.mapv(|logit| to(logit.into()));
        Binary { logits: Rc::new(logits), targets: Rc::clone(&self.targets), from: to }
    }

    /// The further ways that α-balanced focal is measured in.
    fn more(&self, rule: Rule, steps: &mut Vec<(&'static str, Step)>) -> Result<(), Failure> {
        let Rule::Focal { alpha, gamma } = rule else { return Ok(()) };
        let weighter = (AlphaBalance::binary(alpha)?, Focal::new(gamma)?);
        let links: Result<Vec<_>, TraceError> =
            [BoxedWeighter::new(weighter.0.clone()), BoxedWeighter::new(weighter.1.clone())].into_iter().collect();
        steps.push(("boxed", self.buffered(Chain::from(links?), Rc::clone(&self.targets))));
        steps.push(("own", self.buffered(BalancedSquare { alpha }, Rc::clone(&self.targets))));
        steps.push(("bool", self.buffered(weighter.clone(), Rc::new(self.targets.mapv(|target| target == 1)))));
        steps.push(("f32", self.buffered(weighter.clone(), Rc::new(self.targets.mapv(f32::from)))));
        let n = self.logits.len();
        if let Some((rows, columns)) = [(n / 1024, 1024), (n / 16, 16)].into_iter().find(|&(a, b)| a * b == n && a > 1)
        {
            steps.push(("spaced", self.spaced(weighter.clone())));
            steps.push(("turned", self.turned(weighter, rows, columns)?));
        }
        Ok(())
    }

    /// Every second logit of a longer array.
    fn spaced(&self, weighter: impl SampleWeighter + 'static) -> Step {
        let mut loss = BceLoss::new(weighter);
        let (longer, targets) =
            (Array1::from_iter(self.logits.iter().flat_map(|&x| [x, 0.0])), Rc::clone(&self.targets));
        let mut grad = Array1::zeros(targets.len());
        Box::new(move || {
            let logits = longer.slice_axis(Axis(0), Slice::new(0, None, 2));
            loss.value_and_grad_into(logits, &*targets, &mut grad).map(|summary| summary.loss)
        })
    }

    /// Logits that lie column by column where targets and gradient lie row by row.
    fn turned(&self, weighter: impl SampleWeighter + 'static, rows: usize, columns: usize) -> Result<Step, Failure> {
        let mut loss = BceLoss::new(weighter);
        let logits = Array2::from_shape_vec((columns, rows), self.logits.to_vec())?;
        let targets = Array2::from_shape_vec((rows, columns), self.targets.to_vec())?;
        let mut grad = Array2::zeros((rows, columns));
        Ok(Box::new(move || loss.value_and_grad_into(logits.t(), &targets, &mut grad).map(|summary| summary.loss)))
    }
}

/// α-balanced focal with γ = 2, as a user of the crate would write it.
#[derive(Clone, Debug)]
struct BalancedSquare {
    alpha: f64,
}

impl SampleWeighter for BalancedSquare {
    #[inline(always)]
    fn weight<R: Real>(&self, sample: &Sample<R>) -> R {
        sample.by_target(1.0 - self.alpha, self.alpha) * sample.q() * sample.q()
    }
}

/// A softmax step in 16 bits.
fn softmax_halves<H: Float>(case: &Case, gamma: f64, to: fn(f32) -> H) -> Result<Step, Failure> {
    let (rows, classes) = (case.shape[0], case.shape[1]);
    let mut spread = Spread::new();
    let logits = spread.logits(case.size()).map(|logit| to(logit as f32)).collect();
    let logits = Array2::from_shape_vec((rows, classes), logits)?;
    let labels: Array1<i64> = spread.labels(rows, classes).collect();
    let mut grad = Array2::from_elem((rows, classes), to(0.0));
    let mut loss = SoftmaxLoss::new(Focal::new(gamma)?);
    Ok(Box::new(move || loss.value_and_grad_into(&logits, &labels, &mut grad).map(|summary| summary.loss)))
}

fn softmax<A: Float + Element + Into<f64>>(
    case: &Case,
    weighter: Focal,
    folder: Option<&Path>,
    from: fn(f64) -> A,
) -> Result<Prepared, Failure> {
    let (rows, classes) = (case.shape[0], case.shape[1]);
    let mut spread = Spread::new();
    let logits = Array2::from_shape_vec((rows, classes), spread.logits(case.size()).map(from).collect())?;
    let labels: Array1<i64> = spread.labels(rows, classes).collect();
    if let Some(folder) = folder {
        npy::write(&folder.join("logits.npy"), &case.shape, logits.iter().copied())?;
        npy::write(&folder.join("targets.npy"), &[rows], labels.iter().copied())?;
    }
    let bytes = 2 * logits.len() * size_of::<A>() + 8 * rows;
    let (logits, labels) = (Rc::new(logits), Rc::new(labels));
    let mut grad = Array2::from_elem((rows, classes), from(0.0));
    let (x, y) = (Rc::clone(&logits), Rc::clone(&labels));
    let mut loss = SoftmaxLoss::new(weighter.clone());
    let into = move || loss.value_and_grad_into(&*x, &*y, &mut grad).map(|summary| summary.loss);
    let (x, y) = (Rc::clone(&logits), Rc::clone(&labels));
    let mut loss = SoftmaxLoss::new(weighter.clone());
    let fresh = move || loss.value_and_grad(&*x, &*y).map(|step| step.loss());
    let first = move || {
        let step = SoftmaxLoss::new(weighter.clone()).value_and_grad(&*logits, &*labels)?;
        let grad = step.grad.iter().map(|&slope| slope.into()).collect();
        Ok((step.loss().ok_or("no loss")?, grad))
    };
    let steps: Vec<(&'static str, Step)> = vec![("into", Box::new(into)), ("fresh", Box::new(fresh))];
    Ok(Prepared { steps, first: Box::new(first), bytes })
}
