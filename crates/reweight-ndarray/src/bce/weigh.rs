//! The pass that weighs: loss, gradient, weights, one register at a time.

use reweight::{Dual, Sample, SampleWeighter};

use crate::dispatch::Kernel;
use crate::element::{FloatLanes, PickLanes, Target};
use crate::lanes::{Lanes, Pair};
use crate::number::Number;
use crate::part::{Inputs, Outputs, Slices};
use crate::registers::{Running, each_register, load, load_targets, store, valid_lanes};
use crate::step::Sums;

/// Weighs a stretch.
pub(super) struct Weigh<'a, 'b, A, T, W> {
    pub(super) weighter: &'b W,
    pub(super) part: Slices<'a, A, T>,
    /// What the gradient is multiplied by: 1 over the reduction's denominator.
    pub(super) factor: f64,
    /// Whether some target lies between 0 and 1.
    pub(super) soft: bool,
}

impl<A: PickLanes, T: Target, W: SampleWeighter> Kernel for Weigh<'_, '_, A, T, W> {
    type Output = Sums;

    #[inline(always)]
    fn run<F32: Lanes<Scalar = f32>, F64: Lanes<Scalar = f64>>(self) -> Sums {
        if T::SOFT && self.soft {
            weigh::<A, T, W, Pair<A::Of<F32, F64>>, SoftLabels>(self)
        } else {
            weigh::<A, T, W, Pair<A::Of<F32, F64>>, HardLabels>(self)
        }
    }
}

/// How a register of logits and targets becomes samples.
trait Labels {
    fn samples<L: Lanes>(logits: L, targets: L) -> (Sample<Dual<Number<L>>>, Option<L>)
    where
        L::Scalar: FloatLanes;
}

struct HardLabels;
struct SoftLabels;

impl Labels for HardLabels {
    /// Differentiated in the margin s = (2y − 1)·x; the sign is ∂s/∂x.
    #[inline(always)]
    fn samples<L: Lanes>(logits: L, targets: L) -> (Sample<Dual<Number<L>>>, Option<L>)
    where
        L::Scalar: FloatLanes,
    {
        let sign = targets + targets - L::splat(1.0);
        let margin = Dual::variable(Number(sign * logits));
        (Sample::binary(margin, Dual::constant(Number(targets))), Some(sign))
    }
}

impl Labels for SoftLabels {
    #[inline(always)]
    fn samples<L: Lanes>(logits: L, targets: L) -> (Sample<Dual<Number<L>>>, Option<L>)
    where
        L::Scalar: FloatLanes,
    {
        (Sample::soft(Dual::variable(Number(logits)), Dual::constant(Number(targets))), None)
    }
}

/// Weight, loss and slope in the logit of a register of samples.
#[inline(always)]
fn weigh_register<W, L, K>(weighter: &W, logits: L, targets: L) -> (L, L, L)
where
    W: SampleWeighter,
    L: Lanes,
    L::Scalar: FloatLanes,
    K: Labels,
{
    let (sample, direction) = K::samples(logits, targets);
    let weight = weighter.weight(&sample);
    let loss = weight * sample.cross_entropy();
    let slope = match direction {
        Some(direction) => loss.slope.0 * direction,
        None => loss.slope.0,
    };
    (weight.value.0, loss.value.0, slope)
}

#[inline(always)]
fn weigh<A, T, W, L, K>(kernel: Weigh<'_, '_, A, T, W>) -> Sums
where
    A: PickLanes,
    T: Target,
    W: SampleWeighter,
    L: Lanes<Scalar = A>,
    K: Labels,
{
    let Weigh { weighter, part, factor, .. } = kernel;
    let Slices { inputs, outputs } = part;
    let mut sums = (Running::<L>::new(), Running::<L>::new());
    match (inputs, outputs) {
        // What nearly every step is: all elements count, and the gradient alone is wanted. Without a question in it the
        // loop is a fifth shorter.
        (
            Inputs { logits, targets, valid: None, sample_weight: None, .. },
            Outputs { grad: Some(grad), weights: None, losses: None },
        ) => {
            let whole = logits.len() / L::COUNT * L::COUNT;
            let (logits, last_logits) = logits.split_at(whole);
            let (targets, last_targets) = targets.split_at(whole);
            let (grad, last_grad) = grad.split_at_mut(whole);
            let scale = L::splat(factor);
            let inputs = logits.chunks_exact(L::COUNT).zip(targets.chunks_exact(L::COUNT));
            for ((logits, targets), grad) in inputs.zip(grad.chunks_exact_mut(L::COUNT)) {
                let targets = load_targets::<T, L>(targets, true);
                let (weight, loss, slope) = weigh_register::<W, L, K>(weighter, L::load(logits), targets);
                sums.0.add(loss);
                sums.1.add(weight);
                (slope * scale).store(grad);
            }
            let inputs =
                Inputs { row: 1, logits: last_logits, targets: last_targets, valid: None, sample_weight: None };
            let outputs = Outputs { grad: Some(last_grad), weights: None, losses: None };
            weigh_any::<A, T, W, L, K>(weighter, inputs, outputs, factor, &mut sums);
        }
        (inputs, outputs) => weigh_any::<A, T, W, L, K>(weighter, inputs, outputs, factor, &mut sums),
    }
    Sums { loss: sums.0.total(), weight: sums.1.total() }
}

/// With masks, sample weights, any outputs, and a ragged end.
#[inline(always)]
fn weigh_any<A, T, W, L, K>(
    weighter: &W,
    inputs: Inputs<'_, A, T>,
    mut outputs: Outputs<'_, A>,
    factor: f64,
    sums: &mut (Running<L>, Running<L>),
) where
    A: PickLanes,
    T: Target,
    W: SampleWeighter,
    L: Lanes<Scalar = A>,
    K: Labels,
{
    let factor = L::splat(factor);
    let zero = L::splat(0.0);
    each_register::<L>(
        inputs.logits.len(),
        #[inline(always)]
        |range, whole| {
            let logits = load::<L>(&inputs.logits[range.clone()], whole);
            let targets = load_targets::<T, L>(&inputs.targets[range.clone()], whole);
            let (mut weight, mut loss, mut slope) = weigh_register::<W, L, K>(weighter, logits, targets);
            if let Some(sample_weight) = inputs.sample_weight {
                let times = load::<L>(&sample_weight[range.clone()], whole);
                (weight, slope, loss) = (weight * times, slope * times, loss * times);
            }
            // Lanes past the end hold a logit and a target of 0, whose loss is none of the batch's.
            if let Some(lanes) = valid_lanes::<L>(inputs.valid.map(|valid| &valid[range.clone()]), range.len(), whole) {
                (weight, slope, loss) =
                    (L::select(lanes, weight, zero), L::select(lanes, slope, zero), L::select(lanes, loss, zero));
            }
            sums.0.add(loss);
            sums.1.add(weight);
            for (to, value) in
                [(&mut outputs.grad, slope * factor), (&mut outputs.weights, weight), (&mut outputs.losses, loss)]
            {
                if let Some(to) = to {
                    store(value, &mut to[range.clone()], whole);
                }
            }
        },
    );
}
