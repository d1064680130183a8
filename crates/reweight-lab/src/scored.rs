//! Rows that a model has scored: their margins, who owns the gradient, and what a rule would do about it.

pub mod measure;
pub mod rows;
pub mod scale;
pub mod survey;
