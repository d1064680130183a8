//! The laws of re-weighted losses, as a suite that any backend and any weighter runs in one line.
//!
//! The tests of a weighter, a base or an adjustment, in the crate that has it:
//!
//! ```
//! # use reweight::{Focal, LogitAdjustment, Poly1};
//! # fn main() -> Result<(), reweight::ParameterError> {
//! reweight_testkit::check_weighter(&Focal::new(1.5)?, 2);
//! reweight_testkit::check_base(&Poly1::new(1.0)?, 2);
//! reweight_testkit::check_adjustment(&LogitAdjustment::from_counts(&[90, 10], 1.0)?, 2);
//! # Ok(())
//! # }
//! ```
//!
//! The same parts on a backend: [`check_weighter_on`] and its like. With the feature `ndarray` on the CPU engine, in both
//! precisions and without an adapter of one's own: `check_weighter_on_engine(&weighter, 2)`.
//!
//! A backend's tests, after it implements [`Backend`] (an adapter of some thirty lines), one `#[test]` for each law:
//!
//! ```
//! mod reference {
//!     reweight_testkit::backend_laws!(reweight_testkit::Reference);
//! }
//! ```
//!
//! Batches are made of fixed seeds, so that a failure comes again. Its message names the law, the case (backend,
//! problem, weighter, reduction), the element, and both values.
#![forbid(unsafe_code)]

mod adjustment;
mod backend;
mod base;
mod batch;
mod compare;
pub mod custom;
#[cfg(feature = "ndarray")]
mod engine;
mod formula;
pub mod laws;
mod on_backend;
pub mod parts;
mod problem;
mod weighter;
mod weighters;

pub use adjustment::check_adjustment;
pub use backend::{Backend, Observed, Reference};
pub use base::check_base;
pub use batch::{Batch, Layout, Loss, Precision, Targets, Tensor, wrong_objective};
pub use compare::{Check, Tolerance};
#[cfg(feature = "ndarray")]
pub use engine::{Element, Ndarray, check_adjustment_on_engine, check_base_on_engine, check_weighter_on_engine};
pub use on_backend::{check_adjustment_on, check_base_on, check_weighter_on};
pub use problem::{Kind, Labels, Numbers, Problem, ProblemParts};
pub use weighter::check_weighter;
pub use weighters::{
    GAMMAS, Visitor, chain, class_weights, each_smooth_weighter, each_weighter, ghm_settings, modified_chain,
};

/// Hands the list of all laws, as `module::function`, to another macro.
#[doc(hidden)]
#[macro_export]
macro_rules! for_each_law {
    ($then:ident ! ($($arguments:tt)*)) => {
        $crate::$then! { ($($arguments)*)
            agreement::with_the_reference,
            agreement::on_large_batches,
            agreement::on_rows_of_every_width,
            identity::gamma_zero_is_plain,
            identity::alpha_half_halves,
            identity::scaling_multiplies,
            identity::one_bin_is_the_mean,
            identity::two_classes_are_binary,
            product::weights_multiply,
            product::every_form_is_the_same,
            product::constant_weights_multiply_the_gradient,
            gradient::is_the_derivative,
            order::permutes_the_result,
            order::ignores_the_layout,
            extremes::are_finite,
            extremes::vanishing_weights_are_finite,
            ignored::are_as_if_not_there,
            ignored::alone_change_nothing,
            ignored::a_weight_of_zero_counts,
            reduction::names_its_denominator,
            reduction::sample_weights_multiply,
            state::gathered_in_parts_is_single,
            state::restored_goes_on,
            state::evaluation_changes_nothing,
            state::a_buffer_holds_the_same,
            state::a_step_is_deterministic,
            refusal::changes_nothing,
            refusal::results_that_are_no_numbers,
            parts::agree_with_the_reference,
            parts::have_the_references_hessian,
            parts::hessian_is_the_gradients_derivative,
            parts::are_finite_at_large_logits,
            chains::of_each_part_hold,
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! laws_as_tests {
    (($backend:expr) $($module:ident :: $law:ident,)*) => {
        $(
            #[test]
            fn $law() {
                $crate::laws::$module::$law(&$backend);
            }
        )*
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! laws_as_list {
    (() $($module:ident :: $law:ident,)*) => {
        vec![$( (concat!(stringify!($module), "::", stringify!($law)), $crate::laws::$module::$law as fn(&_)), )*]
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! laws_as_calls {
    (($backend:expr) $($module:ident :: $law:ident,)*) => {
        $( $crate::laws::$module::$law($backend); )*
    };
}

/// Every law on a backend, each as a `#[test]` of its own: `backend_laws!(MyBackend::new())`.
///
/// Put each backend in a module of its own.
#[macro_export]
macro_rules! backend_laws {
    ($backend:expr) => {
        $crate::for_each_law!(laws_as_tests!($backend));
    };
}

/// A law's name, and the law.
pub type Law<B> = (&'static str, fn(&B));

/// Every law with its name, for a program that runs them where there is no `cargo test`. A law that does not hold panics.
pub fn laws<B: Backend>() -> Vec<Law<B>> {
    for_each_law!(laws_as_list!())
}

/// Checks every law on a backend, one after the other.
///
/// # Panics
///
/// Where a law does not hold.
pub fn check_backend(backend: &impl Backend) {
    for_each_law!(laws_as_calls!(backend));
}
