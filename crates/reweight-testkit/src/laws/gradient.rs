//! The gradient is the derivative of the backend's own value.

use reweight::{Reduction, SampleWeighter};

use super::batch;
use crate::backend::Backend;
use crate::batch::Precision;
use crate::compare::Check;
use crate::problem::Problem;
use crate::weighters::{Visitor, each_smooth_weighter};

/// The step: truncation (h²) and rounding (1e-16·L/h) then both stay near 1e-9.
const STEP: f64 = 1e-5;

struct Differences<'a, B> {
    backend: &'a B,
    problem: &'a Problem,
}

impl<B: Backend> Visitor for Differences<'_, B> {
    fn visit<W: SampleWeighter + 'static>(&mut self, name: &str, weighter: W) {
        let (backend, problem) = (self.backend, self.problem);
        let Some(mut batch) = batch(backend, problem, 31) else { return };
        let case = format!("backend {}, {}, weighter {name}", backend.name(), problem.name);
        let check = Check::new("the gradient is the value's derivative", case);
        let mut loss = problem.loss(weighter, Reduction::Sum);
        let grad = check.unwrap(backend.step(&mut loss, &batch)).grad;
        let valid: Vec<usize> =
            (0..batch.samples()).filter(|&i| problem.is_valid(&batch, i)).flat_map(|i| batch.logits_of(i)).collect();
        for at in valid {
            let x = batch.logits.data[at];
            let mut value = |shifted: f64| {
                batch.logits.data[at] = shifted;
                check.unwrap(backend.value(&loss, &batch)).unwrap_or(f64::NAN)
            };
            let difference = (value(x + STEP) - value(x - STEP)) / (2.0 * STEP);
            batch.logits.data[at] = x;
            // 100 times the error expected of the differences themselves, and 1000 times less than a slope of interest.
            let allowed = 1e-7 * (1.0 + grad[at].abs());
            check.holds((grad[at] - difference).abs() <= allowed, || {
                let slope = grad[at];
                format!("element {at} at x = {x}: gradient {slope:e}, central difference {difference:e}, {allowed:e} allowed")
            });
        }
    }
}

/// Central differences of the backend's own `value` give its gradient, for every weighter that is smooth; in `f64`,
/// since differences in `f32` have two right digits.
///
/// # Panics
///
/// Where the law does not hold.
pub fn is_the_derivative(backend: &impl Backend) {
    if backend.precision() == Precision::F32 || !backend.reduces_by(Reduction::Sum) {
        return;
    }
    for problem in Problem::moderate() {
        each_smooth_weighter(problem.classes(), &mut Differences { backend, problem: &problem });
    }
}
