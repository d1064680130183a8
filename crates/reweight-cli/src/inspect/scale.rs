//! From scores to margins: s = log p_t − log(1 − p_t), of probabilities and of logits.

/// The logit that stands for a probability of exactly 1, log(1 − 2⁻²⁵) − log 2⁻²⁵: nearer to 1 the floats of 32 bits, in which
/// most models compute, know nothing but 1 itself. A probability of 0 is its negative.
pub(super) const FARTHEST: f64 = 17.328_679_484_196_31;

/// logit(p) for p in [0, 1], finite at both ends.
pub(super) fn logit(p: f64) -> f64 {
    if p <= 0.0 {
        -FARTHEST
    } else if p >= 1.0 {
        FARTHEST
    } else {
        p.ln() - (-p).ln_1p()
    }
}

/// The margin of class `label` in a row of logits: x_y − logsumexp over the others.
pub(super) fn margin(logits: &[f64], label: usize) -> f64 {
    let others = || logits.iter().enumerate().filter(|(class, _)| *class != label).map(|(_, &logit)| logit);
    let largest = others().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = others().map(|logit| (logit - largest).exp()).sum();
    // Finite: a row of finite logits has another class, and differences beyond the floats are held within them.
    (logits[label] - largest - sum.ln()).clamp(f64::MIN, f64::MAX)
}

/// The margin of class `label` in a row of probabilities (or of anything proportional to them), finite at both ends.
pub(super) fn odds(probabilities: &[f64], label: usize) -> f64 {
    let own = probabilities[label];
    let others: f64 = probabilities.iter().enumerate().filter(|(class, _)| *class != label).map(|(_, &p)| p).sum();
    if own <= 0.0 {
        -FARTHEST
    } else if others <= 0.0 {
        FARTHEST
    } else {
        own.ln() - others.ln()
    }
}

/// The class of the largest score; the first of equals.
pub(super) fn largest(scores: &[f64]) -> usize {
    (1..scores.len()).fold(0, |best, class| if scores[class] > scores[best] { class } else { best })
}

/// Whether a row's probabilities sum to 1, but for the rounding of a few digits in print.
pub(super) fn is_about_one(sum: f64) -> bool {
    (sum - 1.0).abs() <= 0.05
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logits_and_probabilities_of_a_row_have_one_margin() {
        let logits = [0.3, -1.7, 2.5, 0.0];
        let sum: f64 = logits.iter().map(|logit: &f64| logit.exp()).sum();
        let p = logits.map(|logit| logit.exp() / sum);
        for label in 0..4 {
            assert!((margin(&logits, label) - odds(&p, label)).abs() < 1e-14, "{label}");
            assert!((margin(&logits, label) - logit(p[label])).abs() < 1e-14, "{label}");
        }
    }

    #[test]
    fn margins_are_finite_for_all_finite_scores() {
        assert_eq!(margin(&[f64::MAX, f64::MIN], 1), f64::MIN);
        assert_eq!(margin(&[1e4, -1e4, 0.0], 0), 1e4);
        assert_eq!((logit(0.0), logit(1.0)), (-FARTHEST, FARTHEST));
        assert_eq!((odds(&[0.0, 1.0], 0), odds(&[0.0, 1.0], 1)), (-FARTHEST, FARTHEST));
        assert_eq!(logit(1e-300), 1e-300_f64.ln());
    }

    #[test]
    fn the_farthest_logit_is_that_of_the_float_before_one() {
        let last = f64::from(1.0_f32.next_down());
        // Half of the spacing there is what rounds to 1.
        assert_eq!(logit(1.0 - (1.0 - last) / 2.0), FARTHEST);
    }
}
