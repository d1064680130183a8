//! The diagonal of the second derivatives, row by row in `f64`, from the exponentials that the gradient is made of.

use reweight::HessianForm;

use super::classes::ClassMap;
use super::rows::{Group, lanes};
use super::weigh::{Results, uniform};
use crate::element::PickLanes;
use crate::lanes::Lanes;

/// What is computed, and how the exponentials lie.
pub(super) struct Curvature {
    pub(super) form: HessianForm,
    /// ε of label smoothing.
    pub(super) epsilon: f64,
    pub(super) factor: f64,
    /// Whether the exponentials lie class by class, a register of rows each; else row after row.
    pub(super) narrow: bool,
    pub(super) count: usize,
    pub(super) classes: usize,
}

/// One row's numbers.
struct Row {
    /// The formula's results, in their order.
    results: [f64; 6],
    p: f64,
    q: f64,
    /// −(1/C)·Σ_j log p_j.
    uniform: f64,
    /// Σ over the others of e_j.
    sum: f64,
    /// The same without one of those that are 1: no difference, so that 1 − π_j of the largest keeps its digits.
    rest: f64,
}

/// Writes `count` rows of second derivatives by the raw logits; whether one is not finite.
#[inline(always)]
pub(super) fn write_hessian<A: PickLanes, L: Lanes<Scalar = A>>(
    curvature: &Curvature,
    map: Option<&ClassMap<A>>,
    results: &Results<'_, A>,
    group: &Group<L>,
    times: L,
    exponentials: &[A],
    hessian: &mut [A],
) -> bool {
    let at = results.margin::<L>().logistic();
    let smoothed =
        if curvature.epsilon > 0.0 { uniform(at.log_p, at.log_q, group, curvature.classes) } else { L::splat(0.0) };
    let all = [0, 1, 2, 3, 4, 5].map(
        #[inline(always)]
        |number| lanes(results.get::<L>(number)),
    );
    let (p, q, uniform, times, labels) = (lanes(at.p), lanes(at.q), lanes(smoothed), lanes(times), lanes(group.labels));
    let valid = lanes(L::select(group.valid, L::splat(1.0), L::splat(0.0)));
    let mut faulty = false;
    let (classes, scale) = (curvature.classes, map.and_then(ClassMap::scale));
    for (row, hessian) in hessian.chunks_exact_mut(classes).enumerate().take(curvature.count) {
        if valid[row] == A::ZERO {
            hessian.fill(A::ZERO);
            continue;
        }
        let label: f64 = labels[row].into();
        let label = label as usize;
        let exponential = |class: usize| -> f64 {
            let at = if curvature.narrow { class * L::COUNT + row } else { row * classes + class };
            exponentials[at].into()
        };
        let (mut below, mut ones) = (0.0, 0.0);
        for class in (0..classes).filter(|&class| class != label) {
            let e = exponential(class);
            if e < 1.0 { below += e } else { ones += 1.0 }
        }
        let one = Row {
            results: all.map(|lanes| lanes[row].into()),
            p: p[row].into(),
            q: q[row].into(),
            uniform: uniform[row].into(),
            sum: (below + ones).max(1.0),
            rest: below + (ones - 1.0_f64).max(0.0),
        };
        let factor: f64 = curvature.factor * times[row].into();
        for (class, to) in hessian.iter_mut().enumerate() {
            let delta: f64 = scale.map_or(1.0, |scale| scale[class].into());
            let e = if class == label { None } else { Some(exponential(class)) };
            let value = one.second(curvature, e) * factor * delta * delta;
            let value = if curvature.form == HessianForm::Clamped { value.max(0.0) } else { value };
            faulty |= !value.is_finite();
            *to = A::from_f64(value);
        }
    }
    faulty
}

impl Row {
    /// d²L/dz_j² of the label (no exponential) or of another class.
    fn second(&self, curvature: &Curvature, exponential: Option<f64>) -> f64 {
        let epsilon = curvature.epsilon;
        // π_j and 1 − π_j; the latter of all but the largest is at least ½, so that the difference is exact.
        let (share, not_share) = match exponential {
            None => (0.0, 1.0),
            Some(e) if e < 1.0 => (e / self.sum, 1.0 - e / self.sum),
            Some(_) => (1.0 / self.sum, self.rest / self.sum),
        };
        let own = exponential.is_none();
        let (p_j, not_p_j) = if own { (self.p, self.q) } else { (self.q * share, self.p + self.q * not_share) };
        let (s_1, s_2) = if own { (1.0, 0.0) } else { (-share, -share * not_share) };
        let uniform = epsilon * p_j * not_p_j;
        let newton = curvature.form == HessianForm::GaussNewton;
        let [w, b, w_1, b_1, fifth, sixth] = self.results;
        if newton {
            let hard = if own { fifth } else { sixth * share * not_p_j };
            return (1.0 - epsilon) * hard + w * uniform;
        }
        let value = (1.0 - epsilon) * b + epsilon * self.uniform;
        // Without smoothing no difference: b′·s′ alone keeps its digits.
        let beside = if epsilon > 0.0 { epsilon * p_j - epsilon / curvature.classes as f64 } else { 0.0 };
        let slope = (1.0 - epsilon) * b_1 * s_1 + beside;
        let bend = (1.0 - epsilon) * (sixth * s_1 * s_1 + b_1 * s_2) + uniform;
        fifth * s_1 * s_1 * value + w_1 * s_2 * value + 2.0 * w_1 * s_1 * slope + w * bend
    }
}
