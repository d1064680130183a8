//! Formulas of any type in a box: what of them a vtable can hold.
//!
//! A formula is generic over its number type, which a vtable cannot be. But the numbers that a formula is evaluated over are few:
//! floats and symbols, their duals, and theirs. A box has one method for each; over any other number it runs its record.

use std::fmt::Debug;

use crate::dual::Dual;
use crate::expr::{Expr, Program};
use crate::formula::Fingerprint;
use crate::real::Real;
use crate::sample::Sample;

/// A formula of up to four results over one sample.
pub(crate) trait Results: Debug + Send + Sync {
    fn results<R: Real>(&self, sample: &Sample<R>) -> [R; 4];
}

macro_rules! erased {
    ($($method:ident: $number:ty,)*) => {
        /// [`Results`] without its type.
        #[doc(hidden)]
        pub trait Erased: Debug + Send + Sync {
            $(#[doc(hidden)]
            fn $method(&self, sample: &Sample<$number>) -> [$number; 4];)*
        }

        impl<T: Results> Erased for T {
            $(fn $method(&self, sample: &Sample<$number>) -> [$number; 4] {
                self.results(sample)
            })*
        }
    };
}

erased! {
    on_f32: f32,
    on_f64: f64,
    on_expr: Expr,
    on_fingerprint: Fingerprint,
    on_dual_f32: Dual<f32>,
    on_dual_f64: Dual<f64>,
    on_dual_expr: Dual<Expr>,
    on_second_f32: Dual<Dual<f32>>,
    on_second_f64: Dual<Dual<f64>>,
    on_second_expr: Dual<Dual<Expr>>,
}

/// Evaluates over a number that the box has no method for: records the formula, and runs the record.
pub(crate) fn interpreted<R: Real>(formula: &dyn Erased, sample: &Sample<R>) -> [R; 4] {
    match Program::record_of_kind(sample.kind(), |symbols| formula.on_expr(symbols).into()) {
        Ok(program) => program.evaluate_all(sample),
        Err(_) => [R::lit(f64::NAN); 4],
    }
}
