//! The CPU engine in `f32`: every law, fixtures, properties.

use reweight_conformance::{Ndarray, fixtures, properties};

const ENGINE: Ndarray<f32> = Ndarray::<f32>::new();

reweight_testkit::backend_laws!(ENGINE);

#[test]
fn foreign_code_agrees() {
    assert!(fixtures::check(&ENGINE) > 8, "most fixtures have a config");
}

#[test]
fn random_batches_agree() {
    properties::agree_with_the_reference(&ENGINE);
}

#[test]
fn counts_merge() {
    properties::counts_merge(&ENGINE);
}

#[test]
fn bad_logits_are_found() {
    properties::bad_logits_are_found(&ENGINE);
}

#[test]
fn symmetries_hold() {
    properties::symmetries_hold(&ENGINE);
}

#[test]
fn random_losses_of_all_parts_agree() {
    properties::all_parts_agree(&ENGINE);
}
