//! The number that records what is done to it.

use std::cell::RefCell;
use std::ops::{Add, Div, Mul, Neg, Sub};

use super::graph::{Graph, Node};
use super::program::{Leaf, Table};
use crate::real::{Logistic, Real};
use crate::regions::{RegionAxis, RegionTable};

thread_local! {
    /// The recordings under way on this thread, innermost last.
    static RECORDINGS: RefCell<Vec<Recording>> = const { RefCell::new(Vec::new()) };
}

#[derive(Debug, Default)]
pub(super) struct Recording {
    pub(super) graph: Graph,
    id: u64,
    /// A symbol of another recording was used: the formula is not one of this sample alone.
    pub(super) foreign: bool,
}

/// A symbol: a node of the formula being recorded by [`Program::record`](super::Program::record).
///
/// Outside a recording, or carried from one into another, a symbol stands for nothing; a recording that meets such a
/// symbol ends in [`TraceError::Foreign`](super::TraceError::Foreign).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expr {
    recording: u64,
    node: u32,
}

/// Runs `body` with a fresh recording and returns it with the body's result.
pub(super) fn record<T>(body: impl FnOnce() -> T) -> (T, Recording) {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);

    /// Takes the recording off the stack also where the body panics.
    struct Open;
    impl Drop for Open {
        fn drop(&mut self) {
            RECORDINGS.with_borrow_mut(|all| all.pop());
        }
    }

    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    RECORDINGS.with_borrow_mut(|all| all.push(Recording { id, ..Recording::default() }));
    let open = Open;
    let result = body();
    std::mem::forget(open);
    let recording = RECORDINGS.with_borrow_mut(Vec::pop);
    (result, recording.unwrap_or_default())
}

/// Adds what `make` gives to the current recording; operands are resolved by the function that `make` is handed.
fn add(make: impl FnOnce(&mut dyn FnMut(Expr) -> u32, &mut Vec<Table>) -> Node) -> Expr {
    RECORDINGS.with_borrow_mut(|all| {
        let Some(current) = all.last_mut() else {
            return Expr { recording: 0, node: 0 };
        };
        let (id, zero) = (current.id, current.graph.literal(0.0));
        let mut foreign = false;
        let mut tables = Vec::new();
        let node = make(
            &mut |operand| {
                if operand.recording == id {
                    operand.node
                } else {
                    foreign = true;
                    zero
                }
            },
            &mut tables,
        );
        current.foreign |= foreign;
        let node = match (node, tables.pop()) {
            (Node::PerClass(_), Some(table)) => Node::PerClass(current.graph.table(table)),
            (Node::Region(_), Some(table)) => Node::Region(current.graph.table(table)),
            (node, _) => node,
        };
        Expr { recording: id, node: current.graph.add(node) }
    })
}

impl Expr {
    /// A quantity of the sample.
    pub(super) fn leaf(leaf: Leaf) -> Self {
        add(|_, _| Node::Leaf(leaf))
    }

    pub(super) fn resolve(self, recording: &mut Recording) -> u32 {
        if self.recording != recording.id {
            recording.foreign = true;
            return recording.graph.literal(0.0);
        }
        self.node
    }
}

macro_rules! operators {
    ($($op:ident $method:ident)*) => {$(
        impl $op for Expr {
            type Output = Self;
            fn $method(self, other: Self) -> Self {
                add(|at, _| Node::$op(at(self), at(other)))
            }
        }
    )*};
}
operators!(Add add Sub sub Mul mul Div div);

impl Neg for Expr {
    type Output = Self;
    fn neg(self) -> Self {
        add(|at, _| Node::Neg(at(self)))
    }
}

impl Real for Expr {
    fn lit(value: f64) -> Self {
        add(|_, _| Node::Literal(value.to_bits()))
    }
    fn exp(self) -> Self {
        add(|at, _| Node::Exp(at(self)))
    }
    fn ln(self) -> Self {
        add(|at, _| Node::Ln(at(self)))
    }
    fn sqrt(self) -> Self {
        add(|at, _| Node::Sqrt(at(self)))
    }
    fn abs(self) -> Self {
        add(|at, _| Node::Abs(at(self)))
    }
    fn max(self, other: Self) -> Self {
        add(|at, _| Node::Max(at(self), at(other)))
    }
    fn min(self, other: Self) -> Self {
        add(|at, _| Node::Min(at(self), at(other)))
    }
    fn select_le(self, bound: Self, then: Self, otherwise: Self) -> Self {
        add(|at, _| Node::SelectLe(at(self), at(bound), at(then), at(otherwise)))
    }
    fn detach(self) -> Self {
        add(|at, _| Node::Detach(at(self)))
    }
    fn logistic(self) -> Logistic<Self> {
        let other = -self;
        Logistic {
            log_p: add(|at, _| Node::LogSigmoid(at(self))),
            log_q: add(|at, _| Node::LogSigmoid(at(other))),
            p: add(|at, _| Node::Sigmoid(at(self))),
            q: add(|at, _| Node::Sigmoid(at(other))),
        }
    }
    fn gather(self, values: &[f64]) -> Self {
        // Only a sample's class is ever gathered by, and that is what the node means.
        add(|_, tables| {
            tables.push(Table::Values(values.into()));
            Node::PerClass(0)
        })
    }
    fn region(self, table: &RegionTable, _: RegionAxis) -> Self {
        add(|_, tables| {
            tables.push(Table::Regions(std::sync::Arc::new(table.clone())));
            Node::Region(0)
        })
    }
}
