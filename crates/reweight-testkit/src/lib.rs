//! reweight-testkit
