//! The formula as data: what a GPU kernel is generated from, and what a boxed weighter carries.

mod graph;
mod program;
mod symbol;

pub use graph::Node;
pub use program::{Leaf, Program, Table, TraceError};
pub use symbol::Expr;

#[cfg(test)]
mod tests;
