//! One sample as a weighter sees it: everything that follows from its margin.

use crate::real::{Logistic, Real};
use crate::regions::{RegionAxis, RegionTable};

/// What kind of target a sample has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SampleKind {
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
/// | [`gradient_norm`](Self::gradient_norm) | q | \|σ(x) − t\| |
#[derive(Clone, Copy, Debug)]
pub struct Sample<R> {
    pub(crate) kind: SampleKind,
    pub(crate) margin: R,
    pub(crate) p: R,
    pub(crate) q: R,
    pub(crate) log_p: R,
    pub(crate) log_q: R,
    pub(crate) cross_entropy: R,
    pub(crate) gradient_norm: R,
    pub(crate) target: R,
    pub(crate) class: R,
    pub(crate) region_key: R,
}

/// Stands for log 0 in a sum of probabilities: far below every logarithm of one, and still finite.
const LOG_OF_ZERO: f64 = -1e30;

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
        Self {
            kind,
            margin,
            p: at.p,
            q: at.q,
            log_p: at.log_p,
            log_q: at.log_q,
            cross_entropy: -at.log_p,
            gradient_norm: at.q.detach(),
            target: target.detach(),
            class: class.detach(),
            region_key: margin.detach(),
        }
    }

    /// A soft-labelled BCE sample: the logit x and the target t in [0, 1].
    #[inline(always)]
    pub fn soft(logit: R, target: R) -> Self {
        let target = target.detach();
        let rest = R::lit(1.0) - target;
        let at = logit.logistic();
        let zero = R::lit(0.0);
        let log = |weight: R| weight.select_le(zero, R::lit(LOG_OF_ZERO), weight.max(R::lit(f64::MIN_POSITIVE)).ln());
        let (log_target, log_rest) = (log(target), log(rest));
        // log(e^a + e^b) with the larger taken out: its derivative is a mixture of bounded slopes, whatever underflows.
        let log_sum = |a: R, b: R| a.max(b) + (-(a - b).abs()).softplus();
        let log_p = log_sum(log_target + at.log_p, log_rest + at.log_q);
        let log_q = log_sum(log_target + at.log_q, log_rest + at.log_p);
        // σ − t = (1−t)σ − t(1−σ); the difference of the two parts is exact where one of them vanishes.
        let residual = rest * at.p - target * at.q;
        Self {
            kind: SampleKind::SoftBinary,
            margin: log_p - log_q,
            p: target * at.p + rest * at.q,
            q: target * at.q + rest * at.p,
            log_p,
            log_q,
            // softplus(x) − t·x as t·softplus(−x) + (1−t)·softplus(x): no cancellation at either end.
            cross_entropy: -(target * at.log_p + rest * at.log_q),
            gradient_norm: residual.abs().detach(),
            target,
            class: target,
            region_key: -residual.abs().detach(),
        }
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
        self.gradient_norm
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

    /// The weight of the unit region that the sample's gradient norm lies in; a constant.
    #[inline(always)]
    pub fn by_gradient_norm(&self, table: &RegionTable) -> R {
        let axis = match self.kind {
            SampleKind::Binary | SampleKind::Class => RegionAxis::Margin,
            SampleKind::SoftBinary => RegionAxis::NegatedNorm,
        };
        self.region_key.region(table, axis)
    }
}

#[cfg(test)]
mod tests;
