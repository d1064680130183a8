//! The pass that weighs: loss, gradient, weights, a block of samples at a time.

use reweight::SampleWeighter;

use super::labels::Labels;
use crate::dispatch::Kernel;
use crate::element::PickLanes;
use crate::lanes::{Lanes, Pair};
use crate::margins::{BLOCK, Margins};
use crate::part::{Inputs, Slices};
use crate::registers::{Running, each_register, load, store, valid_lanes};
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
    let mut margins = Margins::new();
    // Sums run over these afterwards: kept in registers they would crowd out the formula's numbers.
    let (mut losses, mut weights) = ([A::ZERO; BLOCK], [A::ZERO; BLOCK]);
    let mut first = 0;
    while first < n {
        let len = BLOCK.min(n - first);
        prepare::<A, K, L>(&inputs, first, len, &mut margins);
        let mut at = 0;
        while at < len {
            let (start, end) = (first + at, first + len.min(at + L::COUNT));
            let whole = end - start == L::COUNT;
            let logits = load::<L>(&inputs.logits[start..end], whole);
            let targets = K::load::<L>(&inputs.targets[start..end], whole);
            let (sample, direction) = K::samples(logits, targets, &margins, at);
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
            loss.store(&mut losses[at..at + L::COUNT]);
            weight.store(&mut weights[at..at + L::COUNT]);
            if let Some(grad) = &mut outputs.grad {
                store(slope * factor, &mut grad[start..end], whole);
            }
            at += L::COUNT;
        }
        loss_sum.add_all(&losses[..at]);
        weight_sum.add_all(&weights[..at]);
        first += len;
    }
    Sums { loss: loss_sum.total(), weight: weight_sum.total() }
}

/// Works out the margins of `len` samples from `first` on, to the end of the last pair of registers.
#[inline(always)]
fn prepare<A: PickLanes, K: Labels<A>, L: Lanes<Scalar = A>>(
    inputs: &Inputs<'_, A, K::Target>,
    first: usize,
    len: usize,
    margins: &mut Margins<A>,
) {
    if K::SOFT {
        return;
    }
    let (logits, targets) = (&inputs.logits[first..first + len], &inputs.targets[first..first + len]);
    each_register::<L>(
        len,
        #[inline(always)]
        |range, whole| {
            let at = range.start;
            let (logits, targets) = (load(&logits[range.clone()], whole), K::load(&targets[range], whole));
            K::prepare::<L>(logits, targets, margins, at);
        },
    );
    margins.work_out::<L>(len);
}
