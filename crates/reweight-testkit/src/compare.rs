//! Comparing, with messages that name the law, the case, the element and both values.

use crate::batch::Precision;

/// How far two numbers may lie apart: |ours − theirs| ≤ `relative` · max(|theirs|, `floor` · max |theirs|).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// The relative error allowed.
    pub relative: f64,
    /// The share of the largest value below which a value counts as that large.
    pub floor: f64,
}

impl Tolerance {
    /// The project's stated accuracy against the `f64` reference: 4e-6 for `f32`, 1e-11 for `f64`, with a floor of 1e-6
    /// of the largest value.
    pub fn stated(precision: Precision) -> Self {
        let relative = match precision {
            Precision::F32 => 4e-6,
            Precision::F64 => 1e-11,
        };
        Self { relative, floor: 1e-6 }
    }

    /// The same where a value is a difference of terms that may cancel (soft or smoothed labels: p_j − target_j): its
    /// error is relative to the terms, which are about as large as the largest value.
    #[must_use]
    pub fn of_differences(self) -> Self {
        Self { floor: 0.1, ..self }
    }

    /// The same for two results that each may be off by it.
    #[must_use]
    pub fn doubled(self) -> Self {
        Self { relative: 2.0 * self.relative, ..self }
    }

    /// What is allowed next to `theirs`, where `largest` is the largest of them all.
    pub fn allowed(self, theirs: f64, largest: f64) -> f64 {
        self.relative * theirs.abs().max(self.floor * largest)
    }
}

/// A law being checked on one case; failed checks panic with both named.
#[derive(Clone, Debug)]
pub struct Check {
    law: &'static str,
    case: String,
}

impl Check {
    /// A law on a case.
    pub fn new(law: &'static str, case: impl Into<String>) -> Self {
        Self { law, case: case.into() }
    }

    /// The same law on a closer description of the case.
    #[must_use]
    pub fn with(&self, detail: &str) -> Self {
        Self { law: self.law, case: format!("{}, {detail}", self.case) }
    }

    /// Fails.
    ///
    /// # Panics
    ///
    /// Always: that is how a test fails.
    #[track_caller]
    pub fn fail(&self, what: &str) -> ! {
        panic!("law \"{}\" does not hold\n  case: {}\n  {what}", self.law, self.case)
    }

    /// Fails unless `holds`.
    ///
    /// # Panics
    ///
    /// Unless `holds`.
    #[track_caller]
    pub fn holds(&self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.fail(&what());
        }
    }

    /// The value, or a failure that shows the error.
    ///
    /// # Panics
    ///
    /// Where it is an error.
    #[track_caller]
    pub fn unwrap<T, E: std::fmt::Display>(&self, result: Result<T, E>) -> T {
        match result {
            Ok(value) => value,
            Err(error) => self.fail(&format!("unexpected error: {error}")),
        }
    }

    /// Both rows agree, element by element.
    ///
    /// # Panics
    ///
    /// Where they do not.
    #[track_caller]
    pub fn close(&self, what: &str, ours: &[f64], theirs: &[f64], tolerance: Tolerance) {
        self.holds(ours.len() == theirs.len(), || format!("{what}: {} values, not {}", ours.len(), theirs.len()));
        let largest = theirs.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
        for (i, (&own, &other)) in ours.iter().zip(theirs).enumerate() {
            let allowed = tolerance.allowed(other, largest);
            let apart = (own - other).abs();
            self.holds(apart <= allowed, || {
                format!(
                    "{what}, element {i}: {own:e} against {other:e}, {apart:.3e} apart, {allowed:.3e} allowed (relative {:.1e}, floor {:.0e} of {largest:e})",
                    tolerance.relative, tolerance.floor
                )
            });
        }
    }

    /// Both numbers agree; `None` only equals `None`.
    ///
    /// # Panics
    ///
    /// Where they do not.
    #[track_caller]
    pub fn close_number(&self, what: &str, ours: Option<f64>, theirs: Option<f64>, tolerance: Tolerance) {
        match (ours, theirs) {
            (Some(own), Some(other)) => self.close(what, &[own], &[other], tolerance),
            (None, None) => {}
            _ => self.fail(&format!("{what}: {ours:?} against {theirs:?}")),
        }
    }

    /// Both rows are the same bits, but that −0 is 0.
    ///
    /// # Panics
    ///
    /// Where they are not.
    #[track_caller]
    pub fn same(&self, what: &str, ours: &[f64], theirs: &[f64]) {
        self.holds(ours.len() == theirs.len(), || format!("{what}: {} values, not {}", ours.len(), theirs.len()));
        for (i, (&own, &other)) in ours.iter().zip(theirs).enumerate() {
            self.holds(own == other || own.to_bits() == other.to_bits(), || {
                format!("{what}, element {i}: {own:e} against {other:e}, which should be the same bits")
            });
        }
    }

    /// Every value is finite.
    ///
    /// # Panics
    ///
    /// Where one is not.
    #[track_caller]
    pub fn finite(&self, what: &str, values: &[f64], describe: impl Fn(usize) -> String) {
        for (i, value) in values.iter().enumerate() {
            self.holds(value.is_finite(), || format!("{what}, element {i} is {value}: {}", describe(i)));
        }
    }

    /// Both are equal.
    ///
    /// # Panics
    ///
    /// Where they are not.
    #[track_caller]
    pub fn equal<T: PartialEq + std::fmt::Debug>(&self, what: &str, ours: &T, theirs: &T) {
        self.holds(ours == theirs, || format!("{what}: {ours:?} against {theirs:?}"));
    }
}
