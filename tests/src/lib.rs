//! What the tests in `tests/` share: backends as the suite of `reweight-testkit` runs them, fixtures, properties. The Rust
//! examples of the README and of docs/ are this library's doc tests.
#![forbid(unsafe_code)]

mod dfdx_adapter;
pub mod fixtures;
mod halves_adapter;
pub mod properties;

#[cfg(feature = "cuda")]
pub use dfdx_adapter::DfdxCuda;
pub use dfdx_adapter::{Dfdx, DfdxCpu, Number, Place};
pub use halves_adapter::{Half, Halves};
pub use reweight_testkit::Ndarray;

/// Runs a page's examples as doc tests.
macro_rules! page {
    ($name:ident $path:literal) => {
        #[cfg(doctest)]
        #[doc = include_str!($path)]
        #[derive(Debug)]
        pub struct $name;
    };
}

page!(Readme "../../README.md");
page!(ReadmeOfTheCore "../../crates/reweight/README.md");
page!(ReadmeOfTheEngine "../../crates/reweight-ndarray/README.md");
page!(Architecture "../../docs/architecture.md");
page!(ChoosingAWeighter "../../docs/choosing-a-weighter.md");
page!(Numerics "../../docs/numerics.md");
page!(WritingAWeighter "../../docs/writing-a-weighter.md");
