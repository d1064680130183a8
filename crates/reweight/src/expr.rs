//! The formula as data: what a GPU kernel is generated from, and what a boxed weighter carries.

mod graph;
mod program;
mod schedule;
mod symbol;

pub use graph::Node;
pub(crate) use program::{Calls, MOST};
pub use program::{Leaf, Program, Table, TraceError, ValueTable};
pub use schedule::{Instruction, Operation, Output, Schedule};
pub use symbol::Expr;

#[cfg(test)]
mod tests;
