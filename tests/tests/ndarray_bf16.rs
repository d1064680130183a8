//! The CPU engine on `bf16`: every law of what it computes in `f32`, and what it writes is that, rounded once.

use half::bf16;
use reweight_conformance::{Halves, properties};

const ENGINE: Halves<bf16> = Halves::<bf16>::new();

reweight_testkit::backend_laws!(ENGINE);

#[test]
fn random_batches_agree() {
    properties::agree_with_the_reference(&ENGINE);
}

#[test]
fn counts_merge() {
    properties::counts_merge(&ENGINE);
}

#[test]
fn symmetries_hold() {
    properties::symmetries_hold(&ENGINE);
}
