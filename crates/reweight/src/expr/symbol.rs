//! The number that records what is done to it.

use std::cell::RefCell;
use std::ops::{Add, Div, Mul, Neg, Sub};

use super::graph::{Graph, Node};
use super::program::{Calls, Leaf, Table};
use crate::dual::Dual;
use crate::erased::Erased;
use crate::real::{Logistic, Real};
use crate::regions::{RegionAxis, RegionTable};
use crate::sample::Sample;

thread_local! {
    /// The recordings under way on this thread, innermost last.
    static RECORDINGS: RefCell<Vec<Recording>> = const { RefCell::new(Vec::new()) };
}

#[derive(Debug, Default)]
pub(super) struct Recording {
    pub(super) graph: Graph,
    id: u64,
    /// Which table each reading of one read, in the order of the readings.
    pub(super) calls: Vec<u32>,
    /// The same of an earlier recording of the formula: its readings keep their tables, whatever those hold by now.
    known: Option<Vec<u32>>,
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
pub(super) fn record<T>(known: Option<Calls>, body: impl FnOnce() -> T) -> (T, Recording) {
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
    let mut recording = Recording { id, ..Recording::default() };
    if let Some(Calls { calls, tables }) = known {
        recording.known = Some(calls);
        recording.graph.tables = tables;
    }
    RECORDINGS.with_borrow_mut(|all| all.push(recording));
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
        let node = match tables.pop() {
            Some(table) => current.read(node, table),
            None => node,
        };
        Expr { recording: id, node: current.graph.add(node) }
    })
}

impl Recording {
    /// A node that reads `table`, and the call noted: tables change while formulas stay, and are found again by their order.
    fn read(&mut self, node: Node, table: Table) -> Node {
        let known = self.known.as_ref().and_then(|known| known.get(self.calls.len()).copied());
        let slot = known.unwrap_or_else(|| self.graph.table(table));
        self.calls.push(slot);
        match node {
            Node::PerClass(index) if self.graph.nodes.get(index as usize) == Some(&Node::Leaf(Leaf::Column)) => {
                Node::PerColumn(slot)
            }
            Node::PerClass(_) => Node::PerClass(slot),
            Node::Region(key, _) => Node::Region(key, slot),
            other => other,
        }
    }
}

impl Expr {
    /// A quantity of the sample.
    pub(crate) fn leaf(leaf: Leaf) -> Self {
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
    fn erased(formula: &dyn Erased, sample: &Sample<Self>) -> [Self; 4] {
        formula.on_expr(sample)
    }
    fn erased_dual(formula: &dyn Erased, sample: &Sample<Dual<Self>>) -> [Dual<Self>; 4] {
        formula.on_dual_expr(sample)
    }
    fn erased_second(formula: &dyn Erased, sample: &Sample<Dual<Dual<Self>>>) -> [Dual<Dual<Self>>; 4] {
        formula.on_second_expr(sample)
    }
    fn exp_m1(self) -> Self {
        add(|at, _| Node::ExpM1(at(self)))
    }
    fn ln_1p(self) -> Self {
        add(|at, _| Node::Ln1P(at(self)))
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
        // Only a sample's class or column is ever gathered by, and that is what the two nodes mean.
        add(|at, tables| {
            tables.push(Table::Values(values.into()));
            Node::PerClass(at(self))
        })
    }
    fn region(self, table: &RegionTable, _: RegionAxis) -> Self {
        add(|at, tables| {
            tables.push(Table::Regions(Box::new(table.clone())));
            Node::Region(at(self), 0)
        })
    }
}
