//! The CPU engine on `f16`: every law of what it computes in `f32`, and what it writes is that, rounded once.

use half::f16;
use reweight_conformance::{Halves, properties};

const ENGINE: Halves<f16> = Halves::<f16>::new();

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
