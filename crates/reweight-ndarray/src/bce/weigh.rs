//! The pass that weighs: loss, gradient, weights, a block of samples at a time.

use std::ops::Range;

use reweight::SampleWeighter;

use super::labels::Labels;
use crate::dispatch::Kernel;
use crate::element::PickLanes;
use crate::lanes::{Lanes, Pair};
use crate::margins::{BLOCK, Margins};
use crate::part::{Inputs, Outputs, Slices};
use crate::registers::{CACHE_LINE, Running, each_register, load, store, valid_lanes};
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

/// What lies between the steps of a block's way from logits to slopes.
struct Block<A> {
    targets: [A; BLOCK],
    margins: Margins<A>,
    weights: [A; BLOCK],
    losses: [A; BLOCK],
    /// ∂(weight · loss)/∂logit.
    slopes: [A; BLOCK],
}

/// Block by block: in, weighed, masked, out. The formula stands here once, and its loop knows nothing of what is wanted or
/// of ragged ends: it runs over whole registers of a block's own memory.
#[inline(always)]
fn weigh<A, K, W, L>(kernel: Weigh<'_, '_, A, K, W>) -> Sums
where
    A: PickLanes,
    K: Labels<A>,
    W: SampleWeighter,
    L: Lanes<Scalar = A>,
{
    let Weigh { weighter, part: Slices { inputs, mut outputs }, factor } = kernel;
    let zeros = [A::ZERO; BLOCK];
    let mut block = Block { targets: zeros, margins: Margins::new(), weights: zeros, losses: zeros, slopes: zeros };
    let (mut loss_sum, mut weight_sum) = (Running::<L>::new(), Running::<L>::new());
    let n = inputs.logits.len();
    let mut first = 0;
    while first < n {
        let span = first..n.min(first + BLOCK);
        let len = span.len();
        block.read::<K, L>(&inputs, first, len);
        prefetch::<L, _, _>(&inputs, &outputs, span.end..n.min(span.end + BLOCK));
        block.weigh::<K, W, L>(weighter, len);
        block.mask::<L, _>(&inputs, first, len);
        loss_sum.add_all(&block.losses[..len.next_multiple_of(L::COUNT)]);
        weight_sum.add_all(&block.weights[..len.next_multiple_of(L::COUNT)]);
        for (to, from) in [(&mut outputs.weights, &block.weights), (&mut outputs.losses, &block.losses)] {
            if let Some(to) = to {
                to[span.clone()].copy_from_slice(&from[..len]);
            }
        }
        if let Some(grad) = &mut outputs.grad {
            scale_into::<L>(&block.slopes[..len], factor, &mut grad[span]);
        }
        first += len;
    }
    Sums { loss: loss_sum.total(), weight: weight_sum.total() }
}

/// Asks for the next block's memory: a block is worked on for longer than the processor's own foresight reaches.
#[inline(always)]
fn prefetch<L: Lanes, A: PickLanes, T>(inputs: &Inputs<'_, A, T>, outputs: &Outputs<'_, A>, next: Range<usize>) {
    let each_line = |element: usize| next.clone().step_by((CACHE_LINE / element).max(1));
    for at in each_line(size_of::<A>()) {
        L::prefetch(&inputs.logits[at]);
        if let Some(grad) = &outputs.grad {
            L::prefetch(&grad[at]);
        }
    }
    for at in each_line(size_of::<T>()) {
        L::prefetch(&inputs.targets[at]);
    }
}

impl<A: PickLanes> Block<A> {
    /// Takes in `len` samples from `first` on; to the end of the last register, logits and targets are 0.
    #[inline(always)]
    fn read<K: Labels<A>, L: Lanes<Scalar = A>>(
        &mut self,
        inputs: &Inputs<'_, A, K::Target>,
        first: usize,
        len: usize,
    ) {
        let (logits, targets) = (&inputs.logits[first..first + len], &inputs.targets[first..first + len]);
        each_register::<L>(
            len,
            #[inline(always)]
            |range, whole| {
                let at = range.start;
                let (logits, targets) = (load(&logits[range.clone()], whole), K::load::<L>(&targets[range], whole));
                targets.store(&mut self.targets[at..at + L::COUNT]);
                K::prepare::<L>(logits, targets, &mut self.margins, at);
            },
        );
    }

    /// Weights, losses and slopes of the first `len`, and of what fills the last register up.
    #[inline(always)]
    fn weigh<K: Labels<A>, W: SampleWeighter, L: Lanes<Scalar = A>>(&mut self, weighter: &W, len: usize) {
        K::work_out::<L>(&mut self.margins, len);
        let mut at = 0;
        while at < len {
            let lanes = at..at + L::COUNT;
            let targets = L::load(&self.targets[lanes.clone()]);
            let (sample, direction) = K::samples::<L>(targets, &self.margins, at);
            let weight = weighter.weight(&sample);
            let loss = weight * sample.cross_entropy();
            let slope = match direction {
                Some(direction) => loss.slope.0 * direction,
                None => loss.slope.0,
            };
            weight.value.0.store(&mut self.weights[lanes.clone()]);
            loss.value.0.store(&mut self.losses[lanes.clone()]);
            slope.store(&mut self.slopes[lanes]);
            at += L::COUNT;
        }
    }

    /// Applies sample weights and mask, and takes out what fills the last register up.
    #[inline(always)]
    fn mask<L: Lanes<Scalar = A>, T>(&mut self, inputs: &Inputs<'_, A, T>, first: usize, len: usize) {
        if inputs.valid.is_some() || inputs.sample_weight.is_some() {
            let zero = L::splat(0.0);
            for values in [&mut self.weights, &mut self.losses, &mut self.slopes] {
                each_register::<L>(
                    len,
                    #[inline(always)]
                    |range, whole| {
                        let mut value = load::<L>(&values[range.clone()], whole);
                        let place = first + range.start..first + range.end;
                        if let Some(sample_weight) = inputs.sample_weight {
                            value = value * load::<L>(&sample_weight[place.clone()], whole);
                        }
                        let valid = inputs.valid.map(|valid| &valid[place]);
                        // Selected, not only multiplied: what does not count may hold anything.
                        if let Some(lanes) = valid_lanes::<L>(valid, range.len(), whole) {
                            value = L::select(lanes, value, zero);
                        }
                        store(value, &mut values[range], whole);
                    },
                );
            }
        }
        let filled = len..len.next_multiple_of(L::COUNT);
        self.weights[filled.clone()].fill(A::ZERO);
        self.losses[filled].fill(A::ZERO);
    }
}

#[inline(always)]
fn scale_into<L: Lanes>(values: &[L::Scalar], factor: f64, to: &mut [L::Scalar]) {
    let factor = L::splat(factor);
    each_register::<L>(
        values.len(),
        #[inline(always)]
        |range, whole| {
            store(load::<L>(&values[range.clone()], whole) * factor, &mut to[range], whole);
        },
    );
}
