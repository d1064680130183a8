//! reweight
