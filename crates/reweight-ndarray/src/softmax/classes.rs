//! What an adjustment does to a row's logits, class by class; nothing where there is none, at no cost.

use reweight::Affine;

use crate::element::PickLanes;
use crate::lanes::Lanes;

/// δ_j·x_j + ι_j, and the margin of the label.
pub(crate) trait Classes<A: PickLanes>: Copy {
    /// A register of one class's logits.
    fn class<L: Lanes<Scalar = A>>(self, logits: L, class: usize) -> L;
    /// A register of a row's logits, from class `at` on.
    fn along<L: Lanes<Scalar = A>>(self, logits: L, at: usize) -> L;
    /// One logit.
    fn one(self, logit: A, class: usize) -> A;
    /// Δ of a label.
    fn margin(self, label: usize) -> A;
    /// A register of one class's slopes, by the raw logits.
    fn slope<L: Lanes<Scalar = A>>(self, slopes: L, class: usize) -> L;
    /// A register of a row's slopes, from class `at` on.
    fn slopes_along<L: Lanes<Scalar = A>>(self, slopes: L, at: usize) -> L;
    /// δ of a class.
    fn scale(self, class: usize) -> A;
}

/// No adjustment.
#[derive(Clone, Copy)]
pub(crate) struct Raw;

impl<A: PickLanes> Classes<A> for Raw {
    #[inline(always)]
    fn class<L: Lanes<Scalar = A>>(self, logits: L, _: usize) -> L {
        logits
    }
    #[inline(always)]
    fn along<L: Lanes<Scalar = A>>(self, logits: L, _: usize) -> L {
        logits
    }
    #[inline(always)]
    fn one(self, logit: A, _: usize) -> A {
        logit
    }
    #[inline(always)]
    fn margin(self, _: usize) -> A {
        A::ZERO
    }
    #[inline(always)]
    fn slope<L: Lanes<Scalar = A>>(self, slopes: L, _: usize) -> L {
        slopes
    }
    #[inline(always)]
    fn slopes_along<L: Lanes<Scalar = A>>(self, slopes: L, _: usize) -> L {
        slopes
    }
    #[inline(always)]
    fn scale(self, _: usize) -> A {
        A::ONE
    }
}

/// One δ, ι and Δ a class, in the logits' precision.
#[derive(Clone, Debug)]
pub(crate) struct ClassMap<A> {
    scale: Vec<A>,
    offset: Vec<A>,
    margin: Vec<A>,
}

impl<A: PickLanes> ClassMap<A> {
    pub(crate) fn of(affine: &Affine, classes: usize) -> Self {
        let list = |of: &dyn Fn(usize) -> f64| (0..classes).map(|at| A::from_f64(of(at))).collect();
        Self {
            scale: list(&|at| affine.scale_of(at)),
            offset: list(&|at| affine.offset_of(at)),
            margin: list(&|at| affine.margin_of(at)),
        }
    }
}

impl<A: PickLanes> Classes<A> for &ClassMap<A> {
    #[inline(always)]
    fn class<L: Lanes<Scalar = A>>(self, logits: L, class: usize) -> L {
        logits.mul_add(L::splat_scalar(self.scale[class]), L::splat_scalar(self.offset[class]))
    }
    #[inline(always)]
    fn along<L: Lanes<Scalar = A>>(self, logits: L, at: usize) -> L {
        let lanes = at..at + L::COUNT;
        logits.mul_add(L::load(&self.scale[lanes.clone()]), L::load(&self.offset[lanes]))
    }
    #[inline(always)]
    fn one(self, logit: A, class: usize) -> A {
        // By the same instructions as along the row: the label's logit is compared with the row's largest.
        let (logit, scale, offset): (f64, f64, f64) =
            (logit.into(), self.scale[class].into(), self.offset[class].into());
        A::from_f64(logit.mul_add(scale, offset))
    }
    #[inline(always)]
    fn margin(self, label: usize) -> A {
        self.margin[label]
    }
    #[inline(always)]
    fn slope<L: Lanes<Scalar = A>>(self, slopes: L, class: usize) -> L {
        slopes * L::splat_scalar(self.scale[class])
    }
    #[inline(always)]
    fn slopes_along<L: Lanes<Scalar = A>>(self, slopes: L, at: usize) -> L {
        slopes * L::load(&self.scale[at..at + L::COUNT])
    }
    #[inline(always)]
    fn scale(self, class: usize) -> A {
        self.scale[class]
    }
}
