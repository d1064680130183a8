//! The dfdx losses on `Cpu` in `f32`: every law, fixtures, properties.

use reweight_conformance::{DfdxCpu, fixtures, properties};

const LOSSES: DfdxCpu<f32> = DfdxCpu::<f32>::new();

reweight_testkit::backend_laws!(LOSSES);

#[test]
fn foreign_code_agrees() {
    assert!(fixtures::check(&LOSSES) > 8, "most fixtures have a config");
}

#[test]
fn random_batches_agree() {
    properties::agree_with_the_reference(&LOSSES);
}

#[test]
fn counts_merge() {
    properties::counts_merge(&LOSSES);
}

#[test]
fn bad_logits_are_found() {
    properties::bad_logits_are_found(&LOSSES);
}

#[test]
fn symmetries_hold() {
    properties::symmetries_hold(&LOSSES);
}

#[test]
fn random_losses_of_all_parts_agree() {
    properties::all_parts_agree(&LOSSES);
}
