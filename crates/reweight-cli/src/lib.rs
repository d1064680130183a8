//! reweight-cli
