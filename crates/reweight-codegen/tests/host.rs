//! The generated kernels, compiled for the host and compared with the reference.
#![allow(clippy::unwrap_used, reason = "a test's helpers may fail as the test itself may")]

#[path = "host/bce.rs"]
mod bce;
#[path = "host/chains.rs"]
mod chains;
#[path = "host/check.rs"]
mod check;
#[path = "host/faults.rs"]
mod faults;
#[path = "host/finite.rs"]
mod finite;
#[path = "host/layout.rs"]
mod layout;
#[path = "host/parts.rs"]
mod parts;
#[path = "host/session.rs"]
mod session;
#[path = "host/softmax.rs"]
mod softmax;
#[path = "host/step.rs"]
mod step;
#[path = "host/weighters.rs"]
mod weighters;
