//! What an adjustment does to a row's logits, class by class. Where there is one, the adjusted logits are written down once and
//! everything else works on them, so that the loops are the same with it and without.

use reweight::Affine;

use crate::element::PickLanes;
use crate::lanes::Lanes;

/// δ_j·x_j + ι_j, and Δ of the label, in the logits' precision.
#[derive(Clone, Debug)]
pub(crate) struct ClassMap<A> {
    /// δ; none where all are 1.
    scale: Option<Vec<A>>,
    offset: Vec<A>,
    margin: Vec<A>,
}

/// Adjusted logits may be beyond the floats without a fault of the batch's, so it is the raw ones that are looked at.
impl<A: PickLanes> ClassMap<A> {
    pub(crate) fn of(affine: &Affine, classes: usize) -> Self {
        let list = |of: &dyn Fn(usize) -> f64| (0..classes).map(|at| A::from_f64(of(at))).collect();
        let scaled = affine.scale.iter().any(|&scale| scale != 1.0);
        Self {
            scale: scaled.then(|| list(&|at| affine.scale_of(at))),
            offset: list(&|at| affine.offset_of(at)),
            margin: list(&|at| affine.margin_of(at)),
        }
    }

    /// Δ of a label.
    #[inline(always)]
    pub(super) fn margin(&self, label: usize) -> A {
        self.margin[label]
    }

    /// δ, by which slopes go back to the raw logits; none where all are 1.
    #[inline(always)]
    pub(super) fn scale(&self) -> Option<&[A]> {
        self.scale.as_deref()
    }

    /// Registers of one class each, where they lie; `finite` as it was where those of the rows that count are finite.
    #[inline(always)]
    pub(super) fn classes<L: Lanes<Scalar = A>>(&self, logits: &mut [A], valid: L::Mask, mut finite: L) -> L {
        let zero = L::splat(0.0);
        for (class, logits) in logits.chunks_exact_mut(L::COUNT).enumerate() {
            // What does not count may hold anything.
            let raw = L::select(valid, L::load(logits), zero);
            finite = raw.mul_add(zero, finite);
            let (scale, offset) = (self.scale.as_ref().map(|all| all[class]), self.offset[class]);
            raw.mul_add(L::splat_scalar(scale.unwrap_or(A::ONE)), L::splat_scalar(offset)).store(logits);
        }
        finite
    }

    /// A row of at least a register's number of logits: the largest, and `finite` as it was where the raw ones are finite.
    #[inline(always)]
    pub(super) fn row<L: Lanes<Scalar = A>>(&self, logits: &[A], to: &mut [A], mut finite: L) -> (A, L) {
        let (zero, last) = (L::splat(0.0), logits.len() - L::COUNT);
        let mut largest = L::splat(f64::NEG_INFINITY);
        let mut at = 0;
        // The last register ends with the row, and does some of the one before again.
        loop {
            let lanes = at..at + L::COUNT;
            let raw = L::load(&logits[lanes.clone()]);
            finite = raw.mul_add(zero, finite);
            let offset = L::load(&self.offset[lanes.clone()]);
            let adjusted = match &self.scale {
                Some(scale) => raw.mul_add(L::load(&scale[lanes.clone()]), offset),
                None => raw + offset,
            };
            largest = adjusted.max(largest);
            adjusted.store(&mut to[lanes]);
            if at == last {
                return (largest.largest(), finite);
            }
            at = last.min(at + L::COUNT);
        }
    }
}

/// An adjustment, and room for the adjusted logits of a register of rows.
pub(crate) struct Adjusted<'a, A> {
    pub(crate) map: &'a ClassMap<A>,
    pub(crate) rows: &'a mut [A],
}
