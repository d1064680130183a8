//! The reference: every law (it must keep them before anything is compared with it), fixtures, properties.

use reweight_conformance::{fixtures, properties};
use reweight_testkit::Reference;

reweight_testkit::backend_laws!(Reference);

#[test]
fn foreign_code_agrees() {
    assert!(fixtures::check(&Reference) > 80, "most fixtures have a config");
}

#[test]
fn counts_merge() {
    properties::counts_merge(&Reference);
}

#[test]
fn bad_logits_are_found() {
    properties::bad_logits_are_found(&Reference);
}

#[test]
fn symmetries_hold() {
    properties::symmetries_hold(&Reference);
}

#[test]
fn random_losses_of_all_parts_agree() {
    properties::all_parts_agree(&Reference);
}
