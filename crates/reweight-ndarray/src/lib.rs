//! reweight-ndarray
