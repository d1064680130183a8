//! The losses on dfdx's tape, against the plain reference, finite differences and identities of the tape.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod errors;
mod evaluation;
mod layouts;
mod network;
mod support;
mod tape;
