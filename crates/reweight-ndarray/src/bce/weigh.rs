//! The pass that weighs: loss, gradient, weights, one register at a time.

use reweight::{Dual, Sample, SampleWeighter};

use crate::dispatch::Kernel;
use crate::element::{FloatLanes, PickLanes, Target};
use crate::lanes::Lanes;
use crate::number::Number;
use crate::part::Slices;
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
            weigh::<A, T, W, A::Of<F32, F64>, SoftLabels>(self)
        } else {
            weigh::<A, T, W, A::Of<F32, F64>, HardLabels>(self)
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
    let Slices { inputs, mut outputs } = part;
    let factor = L::splat(factor);
    let zero = L::splat(0.0);
    let (mut loss_sum, mut weight_sum) = (Running::<L>::new(), Running::<L>::new());
    each_register::<L>(
        inputs.logits.len(),
        #[inline(always)]
        |range, whole| {
            let logits = load::<L>(&inputs.logits[range.clone()], whole);
            let targets = load_targets::<T, L>(&inputs.targets[range.clone()], whole);
            let (sample, direction) = K::samples(logits, targets);
            let weight = weighter.weight(&sample);
            let loss = weight * sample.cross_entropy();
            let (mut weight, mut slope, mut loss) = (weight.value.0, loss.slope.0, loss.value.0);
            if let Some(direction) = direction {
                slope = slope * direction;
            }
            if let Some(sample_weight) = inputs.sample_weight {
                let times = load::<L>(&sample_weight[range.clone()], whole);
                (weight, slope, loss) = (weight * times, slope * times, loss * times);
            }
            // Lanes past the end hold a logit and a target of 0, whose loss is none of the batch's.
            if let Some(lanes) = valid_lanes::<L>(inputs.valid.map(|valid| &valid[range.clone()]), range.len(), whole) {
                (weight, slope, loss) =
                    (L::select(lanes, weight, zero), L::select(lanes, slope, zero), L::select(lanes, loss, zero));
            }
            loss_sum.add(loss);
            weight_sum.add(weight);
            for (to, value) in
                [(&mut outputs.grad, slope * factor), (&mut outputs.weights, weight), (&mut outputs.losses, loss)]
            {
                if let Some(to) = to {
                    store(value, &mut to[range.clone()], whole);
                }
            }
        },
    );
    Sums { loss: loss_sum.total(), weight: weight_sum.total() }
}
