//! The losses on dfdx's tape, against the plain reference, finite differences and identities of the tape.

mod errors;
mod evaluation;
mod layouts;
mod network;
mod support;
mod tape;
