//! One sample as a weighter sees it: everything that follows from its margin.

use crate::real::{Logistic, Real};
use crate::regions::{RegionAxis, RegionTable};

/// What kind of target a sample has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleKind {
    /// BCE with a target of 0 or 1.
    Binary,
    /// BCE with a target anywhere in [0, 1].
    SoftBinary,
    /// Softmax cross entropy with a class index.
    Class,
}

/// One sample's quantities, all in log space where that matters, for a formula to read.
///
/// With s = logit(p_t) the margin of a hard-labelled sample (BCE: (2y − 1)·x; softmax: x_y − logsumexp over the other
/// classes):
///
/// | method | hard labels | soft label t (BCE) |
/// |---|---|---|
/// | [`p`](Self::p) | p_t = σ(s) | tσ(x) + (1−t)σ(−x) |
/// | [`q`](Self::q) | 1 − p_t = σ(−s) | the same of the other side |
/// | [`log_p`](Self::log_p), [`log_q`](Self::log_q) | −softplus(∓s) | their logarithms |
/// | [`cross_entropy`](Self::cross_entropy) | −log p_t | softplus(x) − t·x |
/// | [`gradient_norm`](Self::gradient_norm), [`residual`](Self::residual) | q | \|σ(x) − t\| |
#[derive(Clone, Copy, Debug)]
pub struct Sample<R> {
    pub(crate) kind: SampleKind,
    pub(crate) margin: R,
    pub(crate) p: R,
    pub(crate) q: R,
    pub(crate) log_p: R,
    pub(crate) log_q: R,
    pub(crate) cross_entropy: R,
    pub(crate) residual: R,
    pub(crate) log_residual: R,
    pub(crate) log_positive: R,
    pub(crate) log_negative: R,
    pub(crate) target: R,
    pub(crate) class: R,
    pub(crate) column: R,
    pub(crate) region_key: R,
}

/// Stands for log 0: far below every logarithm of a probability, and still finite.
pub(crate) const LOG_OF_ZERO: f64 = -1e30;

/// The least residual that has a logarithm of its own: a normal number in `f32` too, so that its inverse is finite.
const LEAST_RESIDUAL: f64 = 1e-37;

impl SampleKind {
    /// What a sample's unit region is read from.
    #[inline(always)]
    pub fn axis(self) -> RegionAxis {
        match self {
            Self::Binary | Self::Class => RegionAxis::Margin,
            Self::SoftBinary => RegionAxis::NegatedNorm,
        }
    }
}

impl<R: Real> Sample<R> {
    /// A hard-labelled BCE sample with margin s = (2y − 1)·x and target y, 0 or 1.
    #[inline(always)]
    pub fn binary(margin: R, target: R) -> Self {
        Self::binary_at(margin, margin.logistic(), target)
    }

    /// The same where [`Real::logistic`] of the margin is at hand: backends compute it for many samples at a time.
    #[inline(always)]
    pub fn binary_at(margin: R, at: Logistic<R>, target: R) -> Self {
        Self::hard(SampleKind::Binary, margin, at, target, target)
    }

    /// A softmax sample with margin s = x_y − logsumexp over j ≠ y and its class index y as a number.
    #[inline(always)]
    pub fn class_of(margin: R, class: R) -> Self {
        Self::class_at(margin, margin.logistic(), class)
    }

    /// The same where [`Real::logistic`] of the margin is at hand.
    #[inline(always)]
    pub fn class_at(margin: R, at: Logistic<R>, class: R) -> Self {
        let target = class.select_le(R::lit(0.5), R::lit(0.0), R::lit(1.0));
        Self::hard(SampleKind::Class, margin, at, target, class)
    }

    #[inline(always)]
    fn hard(kind: SampleKind, margin: R, at: Logistic<R>, target: R, class: R) -> Self {
        let half = R::lit(0.5);
        Self {
            log_positive: target.select_le(half, at.log_q, at.log_p),
            log_negative: target.select_le(half, at.log_p, at.log_q),
            kind,
            margin,
            p: at.p,
            q: at.q,
            log_p: at.log_p,
            log_q: at.log_q,
            cross_entropy: -at.log_p,
            residual: at.q,
            log_residual: at.log_q,
            target: target.detach(),
            class: class.detach(),
            column: R::lit(0.0),
            region_key: margin.detach(),
        }
    }

    /// A soft-labelled BCE sample: the logit x and the target t in [0, 1].
    #[inline(always)]
    pub fn soft(logit: R, target: R) -> Self {
        Self::soft_at(logit.logistic(), target)
    }

    /// The same where [`Real::logistic`] of the logit is at hand.
    #[inline(always)]
    pub fn soft_at(at: Logistic<R>, target: R) -> Self {
        let target = target.detach();
        let rest = R::lit(1.0) - target;
        let zero = R::lit(0.0);
        let log = |weight: R| weight.select_le(zero, R::lit(LOG_OF_ZERO), weight.max(R::lit(f64::MIN_POSITIVE)).ln());
        let (log_target, log_rest) = (log(target), log(rest));
        // log(e^a + e^b) with the larger taken out: its derivative is a mixture of bounded slopes, whatever underflows.
        let log_sum = |a: R, b: R| a.max(b) + (-(a - b).abs()).softplus();
        let log_p = log_sum(log_target + at.log_p, log_rest + at.log_q);
        let log_q = log_sum(log_target + at.log_q, log_rest + at.log_p);
        // σ − t = (1−t)σ − t(1−σ); the difference of the two parts is exact where one of them vanishes.
        let residual = (rest * at.p - target * at.q).abs();
        Self {
            log_positive: at.log_p,
            log_negative: at.log_q,
            kind: SampleKind::SoftBinary,
            margin: log_p - log_q,
            p: target * at.p + rest * at.q,
            q: target * at.q + rest * at.p,
            log_p,
            log_q,
            // softplus(x) − t·x as t·softplus(−x) + (1−t)·softplus(x): no cancellation at either end.
            cross_entropy: -(target * at.log_p + rest * at.log_q),
            residual,
            log_residual: residual.max(R::lit(LEAST_RESIDUAL)).ln(),
            target,
            class: target,
            column: R::lit(0.0),
            region_key: -residual.detach(),
        }
    }

    /// The same sample in column `column` (BCE on several columns), given as a number.
    #[inline(always)]
    #[must_use]
    pub fn in_column(self, column: R) -> Self {
        Self { column: column.detach(), ..self }
    }

    /// The same hard-labelled sample under other probabilities: what an adjustment makes of it. The margin, the cross
    /// entropy, the residual and the unit region follow from `at`, which must hold p + q = 1 and finite logarithms.
    #[inline(always)]
    #[must_use]
    pub fn seen_as(self, at: Logistic<R>) -> Self {
        let margin = at.log_p - at.log_q;
        Self { column: self.column, ..Self::hard(self.kind, margin, at, self.target, self.class) }
    }

    /// The margin s = log p_t − log(1 − p_t).
    #[inline(always)]
    pub fn margin(&self) -> R {
        self.margin
    }

    /// p_t, the probability given to the target.
    #[inline(always)]
    pub fn p(&self) -> R {
        self.p
    }

    /// q = 1 − p_t, computed without the subtraction: exact down to the smallest float.
    #[inline(always)]
    pub fn q(&self) -> R {
        self.q
    }

    /// ℓ = log p_t.
    #[inline(always)]
    pub fn log_p(&self) -> R {
        self.log_p
    }

    /// log q = log(1 − p_t).
    #[inline(always)]
    pub fn log_q(&self) -> R {
        self.log_q
    }

    /// The unweighted cross entropy in nats, before label smoothing.
    #[inline(always)]
    pub fn cross_entropy(&self) -> R {
        self.cross_entropy
    }

    /// The gradient norm g in [0, 1] as a constant (no gradient flows through it).
    #[inline(always)]
    pub fn gradient_norm(&self) -> R {
        self.residual.detach()
    }

    /// The same |σ(x) − t| with its gradient: q for hard labels.
    #[inline(always)]
    pub fn residual(&self) -> R {
        self.residual
    }

    /// Its logarithm, finite also where a soft label is met exactly: a power of the residual is the exponential of a multiple.
    #[inline(always)]
    pub fn log_residual(&self) -> R {
        self.log_residual
    }

    /// softplus(−x) = −log σ(x) of the logit x: the loss that the label 1 would have.
    #[inline(always)]
    pub fn loss_if_positive(&self) -> R {
        -self.log_positive
    }

    /// softplus(x) = −log σ(−x): the loss that the label 0 would have.
    #[inline(always)]
    pub fn loss_if_negative(&self) -> R {
        -self.log_negative
    }

    /// The target: y or t for BCE; for softmax 0 for class 0 (the background) and 1 for all others.
    #[inline(always)]
    pub fn target(&self) -> R {
        self.target
    }

    /// `negative` and `positive` mixed by the target: (1 − t)·negative + t·positive, exact for hard labels.
    #[inline(always)]
    pub fn by_target(&self, negative: f64, positive: f64) -> R {
        self.target.scale(positive) + (R::lit(1.0) - self.target).scale(negative)
    }

    /// The sample's entry of a table with one value a class; BCE has two classes, and a soft label mixes them.
    #[inline(always)]
    pub fn per_class(&self, values: &[f64]) -> R {
        match (self.kind, values) {
            (SampleKind::Class, _) => self.class.gather(values),
            (SampleKind::Binary | SampleKind::SoftBinary, &[negative, positive]) => self.by_target(negative, positive),
            _ => R::lit(f64::NAN),
        }
    }

    /// The column's entry of a table with one value a column, or its only one; BCE alone has columns.
    #[inline(always)]
    pub fn per_column(&self, values: &[f64]) -> R {
        match values {
            &[value] => R::lit(value),
            _ => self.column.gather(values),
        }
    }

    /// [`by_target`](Self::by_target) with one pair of values a column, or one in all.
    #[inline(always)]
    pub fn by_target_and_column(&self, negative: &[f64], positive: &[f64]) -> R {
        if let (&[negative], &[positive]) = (negative, positive) {
            return self.by_target(negative, positive);
        }
        let (negative, positive) = (self.per_column(negative), self.per_column(positive));
        self.target * positive + (R::lit(1.0) - self.target) * negative
    }

    /// What kind of target it has.
    #[inline(always)]
    pub fn kind(&self) -> SampleKind {
        self.kind
    }

    /// The weight of the unit region that the sample's gradient norm lies in; a constant.
    #[inline(always)]
    pub fn by_gradient_norm(&self, table: &RegionTable) -> R {
        self.region_key.region(table, self.axis())
    }

    /// What its unit region is read from: the margin, or −g for a soft label.
    #[inline(always)]
    pub fn axis(&self) -> RegionAxis {
        self.kind.axis()
    }

    /// The number that its region is found by, along [`axis`](Self::axis); a constant.
    #[inline(always)]
    pub fn region_key(&self) -> R {
        self.region_key
    }
}

#[cfg(test)]
mod tests;
