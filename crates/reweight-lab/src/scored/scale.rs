//! From scores to margins: s = log p_t − log(1 − p_t), of probabilities and of logits.

/// The logit that stands for a probability of exactly 1 where none that is finite lies farther, log(1 − 2⁻²⁵) − log 2⁻²⁵: nearer
/// to 1 the floats of 32 bits, in which most models compute, know nothing but 1 itself. A probability of 0 is its negative.
pub const FARTHEST: f64 = 17.328_679_484_196_31;

/// How far beyond the farthest finite margin such a probability stands: p = 1 never ranks below a p that is less.
pub const BEYOND: f64 = 1.0;

/// How far beyond 0 or 1 a probability may lie by the rounding of sums in 32 bits.
const ROUNDING: f64 = 1e-5;

/// Whether a score is a probability but for rounding.
pub fn is_rounded(score: f64) -> bool {
    (-ROUNDING..=1.0 + ROUNDING).contains(&score)
}

/// logit(p), infinite at both ends of [0, 1] and beyond them.
pub fn logit(p: f64) -> f64 {
    if p <= 0.0 {
        f64::NEG_INFINITY
    } else if p >= 1.0 {
        f64::INFINITY
    } else {
        p.ln() - (-p).ln_1p()
    }
}

/// logit(p) of log p; infinite at both ends.
pub fn logit_of_log(log_p: f64) -> f64 {
    // log(1 − p) by p − 1 where p is near 1, so that no digit is lost.
    if log_p >= 0.0 { f64::INFINITY } else { log_p - (-log_p.exp_m1()).ln() }
}

/// The margin of class `label` in a row of logits: x_y − logsumexp over the others.
pub fn margin(logits: &[f64], label: usize) -> f64 {
    let others = || logits.iter().enumerate().filter(|(class, _)| *class != label).map(|(_, &logit)| logit);
    let largest = others().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = others().map(|logit| (logit - largest).exp()).sum();
    // Finite: a row of finite logits has another class, and differences beyond the floats are held within them.
    (logits[label] - largest - sum.ln()).clamp(f64::MIN, f64::MAX)
}

/// The margin of class `label` in a row of probabilities (or of anything proportional to them), infinite at both ends.
pub fn odds(probabilities: &[f64], label: usize) -> f64 {
    let own = probabilities[label];
    let others = probabilities.iter().enumerate().filter(|(class, _)| *class != label);
    let others: f64 = others.map(|(_, &p)| p.max(0.0)).sum();
    if own <= 0.0 {
        f64::NEG_INFINITY
    } else if others <= 0.0 {
        f64::INFINITY
    } else {
        own.ln() - others.ln()
    }
}

/// The class of the largest score; the first of equals.
pub fn largest(scores: &[f64]) -> usize {
    (1..scores.len()).fold(0, |best, class| if scores[class] > scores[best] { class } else { best })
}

/// Whether a row's probabilities sum to 1, but for the rounding of a few digits in print.
pub fn is_about_one(sum: f64) -> bool {
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
    fn logarithms_of_probabilities_have_the_same_logits() {
        for p in [1e-300_f64, 1e-9, 0.25, 0.5, 0.999] {
            assert!((logit_of_log(p.ln()) - logit(p)).abs() <= 1e-12 * logit(p).abs().max(1.0), "{p}");
        }
        assert_eq!((logit_of_log(0.0), logit_of_log(1e-9)), (f64::INFINITY, f64::INFINITY));
        assert!((logit_of_log(-1e-20) - 46.05).abs() < 0.01);
        assert_eq!(logit_of_log(-1e6), -1e6);
    }

    #[test]
    fn margins_are_finite_but_for_certain_probabilities() {
        assert_eq!(margin(&[f64::MAX, f64::MIN], 1), f64::MIN);
        assert_eq!(margin(&[1e4, -1e4, 0.0], 0), 1e4);
        let ends = (f64::NEG_INFINITY, f64::INFINITY);
        assert_eq!((logit(0.0), logit(1.0)), ends);
        assert_eq!((odds(&[0.0, 1.0], 0), odds(&[0.0, 1.0], 1)), ends);
        assert_eq!(logit(1e-300), 1e-300_f64.ln());
    }

    #[test]
    fn a_rounding_error_beyond_one_is_a_probability() {
        assert!(is_rounded(1.000_000_1) && is_rounded(-1e-7) && !is_rounded(1.001) && !is_rounded(-0.1));
    }

    #[test]
    fn the_farthest_logit_is_that_of_the_float_before_one() {
        let last = f64::from(1.0_f32.next_down());
        // Half of the spacing there is what rounds to 1.
        assert_eq!(logit(1.0 - (1.0 - last) / 2.0), FARTHEST);
    }
}
