//! The pass that weighs: loss, gradient, weights, two registers at a time.

use reweight::SampleWeighter;

use super::labels::Labels;
use crate::dispatch::Kernel;
use crate::element::PickLanes;
use crate::lanes::{Lanes, Pair};
use crate::part::Slices;
use crate::registers::{Running, load, store, valid_lanes};
use crate::step::Sums;

/// Weighs a stretch.
pub(super) struct Weigh<'a, 'b, A: PickLanes, K: Labels<A>, W> {
    pub(super) weighter: &'b W,
    pub(super) part: Slices<'a, A, K::Target>,
    /// What the gradient is multiplied by: 1 over the reduction's denominator.
    pub(super) factor: f64,
}

impl<A: PickLanes, K: Labels<A>, W: SampleWeighter> Kernel for Weigh<'_, '_, A, K, W> {
    type Output = Sums;

    #[inline(always)]
    fn run<F32: Lanes<Scalar = f32>, F64: Lanes<Scalar = f64>>(self) -> Sums {
        weigh::<A, K, W, Pair<A::Of<F32, F64>>>(self)
    }
}

/// The formula stands in this loop once: whatever is wanted, and whole or ragged, the same code weighs.
#[inline(always)]
fn weigh<A, K, W, L>(kernel: Weigh<'_, '_, A, K, W>) -> Sums
where
    A: PickLanes,
    K: Labels<A>,
    W: SampleWeighter,
    L: Lanes<Scalar = A>,
{
    let Weigh { weighter, part, factor } = kernel;
    let Slices { inputs, mut outputs } = part;
    let factor = L::splat(factor);
    let zero = L::splat(0.0);
    let (mut loss_sum, mut weight_sum) = (Running::<L>::new(), Running::<L>::new());
    // What nearly every step is: all elements count, and the gradient alone is wanted.
    let plain = inputs.valid.is_none() && inputs.sample_weight.is_none() && outputs.weights.is_none();
    let n = inputs.logits.len();
    let mut start = 0;
    while start < n {
        let end = n.min(start + L::COUNT);
        let whole = end - start == L::COUNT;
        let logits = load::<L>(&inputs.logits[start..end], whole);
        let targets = K::load::<L>(&inputs.targets[start..end], whole);
        let (sample, direction) = K::samples(logits, targets);
        let weight = weighter.weight(&sample);
        let loss = weight * sample.cross_entropy();
        let (mut weight, mut slope, mut loss) = (weight.value.0, loss.slope.0, loss.value.0);
        if let Some(direction) = direction {
            slope = slope * direction;
        }
        if !(plain && whole) {
            if let Some(sample_weight) = inputs.sample_weight {
                let times = load::<L>(&sample_weight[start..end], whole);
                (weight, slope, loss) = (weight * times, slope * times, loss * times);
            }
            // Lanes past the end hold a logit and a target of 0, whose loss is none of the batch's.
            let valid = inputs.valid.map(|valid| &valid[start..end]);
            if let Some(lanes) = valid_lanes::<L>(valid, end - start, whole) {
                (weight, slope, loss) =
                    (L::select(lanes, weight, zero), L::select(lanes, slope, zero), L::select(lanes, loss, zero));
            }
            for (to, value) in [(&mut outputs.weights, weight), (&mut outputs.losses, loss)] {
                if let Some(to) = to {
                    store(value, &mut to[start..end], whole);
                }
            }
        }
        loss_sum.add(loss);
        weight_sum.add(weight);
        if let Some(grad) = &mut outputs.grad {
            store(slope * factor, &mut grad[start..end], whole);
        }
        start = end;
    }
    Sums { loss: loss_sum.total(), weight: weight_sum.total() }
}
