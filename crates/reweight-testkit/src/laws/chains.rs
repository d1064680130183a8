//! Two losses by name, with one of each part, and all that a backend can be asked of them.

use reweight::{ConfiguredLoss, LossConfig, State};

use super::parts::curved;
use super::{batch, compare, stated};
use crate::backend::{Backend, Reference};
use crate::batch::Loss;
use crate::compare::Check;
use crate::parts::chains;
use crate::problem::Kind;

/// One of each part: `logit-adjustment`, `focal`·`ghm` and `poly-1` over softmax with ignored rows and smoothing, and
/// `probability-shift`, `focal` by sign and `pos-weight` by column over BCE. Over three steps loss, gradient, weights, losses and
/// state are the reference's, an evaluation before the step gives its loss and changes nothing, every step can go on from a saved
/// state to the bit, what a buffer is given is what is returned, and second derivatives are the reference's.
///
/// # Panics
///
/// Where the law does not hold.
pub fn of_each_part_hold(backend: &impl Backend) {
    for (problem, config) in chains() {
        let check = Check::new("a chain of one of each part holds", format!("{}, {}", backend.name(), problem.name));
        if problem.kind == Kind::Hard && !backend.keeps_shapes() {
            continue;
        }
        let made = || match check.unwrap(check.unwrap(LossConfig::from_toml(config)).build()) {
            ConfiguredLoss::Bce(loss) => Loss::Bce(loss),
            ConfiguredLoss::Softmax(loss) => Loss::Softmax(loss),
        };
        let loss = made();
        let own = loss.reduction();
        let reduction = if backend.reduces_by(own) { own } else { super::any_reduction(backend) };
        let mut ours = check.unwrap(loss.with_reduction(reduction));
        let mut theirs = ours.clone();
        for seed in 1..4 {
            let check = check.with(&format!("step {seed}"));
            let Some(batch) = batch(backend, &problem, seed) else { return };
            let tolerance = stated(backend, &problem);
            curved(&check, backend, &ours, &batch, tolerance);
            let value = check.unwrap(backend.value(&ours, &batch));
            let text = check.unwrap(serde_json::to_string(&ours.state()));
            let state: State = check.unwrap(serde_json::from_str(&text));
            let mut resumed = check.unwrap(made().with_reduction(reduction));
            check.unwrap(resumed.restore(&state));
            let mut written = ours.clone();
            let mut buffer = batch.logits.clone();
            let into = backend.step_into(&mut written, &batch, &mut buffer).map(|result| check.unwrap(result));

            let own = check.unwrap(backend.step(&mut ours, &batch));
            let other = check.unwrap(Reference.step(&mut theirs, &batch));
            compare(&check, &own, &other, tolerance);
            check.equal("the state", &ours.state(), &theirs.state());
            check.close_number("the value for evaluation", value, own.loss, tolerance);
            let again = check.unwrap(backend.step(&mut resumed, &batch));
            check.same("the gradient from a saved state", &again.grad, &own.grad);
            check.equal("the state from a saved one", &resumed.state(), &ours.state());
            if into.is_some() {
                check.same("the gradient in a buffer", &buffer.data, &own.grad);
            }
        }
    }
}
