//! reweight-dfdx
