//! The recorder: a graph without duplicates, with constants folded as they come.

use std::collections::HashMap;

use super::program::{Leaf, Table};

/// One operation of a recorded formula; operands are indices of earlier nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Node {
    /// A constant, as the bits of an `f64` (so that nodes compare and hash).
    Literal(u64),
    /// A quantity of the sample.
    Leaf(Leaf),
    /// The sample's entry, by its class, of the `Values` table with this index.
    PerClass(u32),
    /// The sample's entry, by its column, of the `Values` table with this index.
    PerColumn(u32),
    /// The weight of the region that the key a lies in, of the `Regions` table with the index b.
    Region(u32, u32),
    /// −a.
    Neg(u32),
    /// eᵃ.
    Exp(u32),
    /// ln a.
    Ln(u32),
    /// eᵃ − 1.
    ExpM1(u32),
    /// ln(1 + a).
    Ln1P(u32),
    /// √a.
    Sqrt(u32),
    /// |a|.
    Abs(u32),
    /// log σ(a).
    LogSigmoid(u32),
    /// σ(a).
    Sigmoid(u32),
    /// a as a constant.
    Detach(u32),
    /// a + b.
    Add(u32, u32),
    /// a − b.
    Sub(u32, u32),
    /// a·b.
    Mul(u32, u32),
    /// a / b.
    Div(u32, u32),
    /// The larger.
    Max(u32, u32),
    /// The smaller.
    Min(u32, u32),
    /// c where a ≤ b, else d.
    SelectLe(u32, u32, u32, u32),
}

impl Node {
    /// The constant's value, where the node is one.
    pub fn literal(self) -> Option<f64> {
        match self {
            Self::Literal(bits) => Some(f64::from_bits(bits)),
            _ => None,
        }
    }

    /// The operands' indices.
    pub fn operands(self) -> impl Iterator<Item = u32> {
        let (count, all) = match self {
            Self::Literal(_) | Self::Leaf(_) | Self::PerClass(_) | Self::PerColumn(_) => (0, [0; 4]),
            Self::Region(a, _)
            | Self::Neg(a)
            | Self::Exp(a)
            | Self::Ln(a)
            | Self::ExpM1(a)
            | Self::Ln1P(a)
            | Self::Sqrt(a)
            | Self::Abs(a)
            | Self::LogSigmoid(a)
            | Self::Sigmoid(a)
            | Self::Detach(a) => (1, [a, 0, 0, 0]),
            Self::Add(a, b)
            | Self::Sub(a, b)
            | Self::Mul(a, b)
            | Self::Div(a, b)
            | Self::Max(a, b)
            | Self::Min(a, b) => (2, [a, b, 0, 0]),
            Self::SelectLe(a, b, c, d) => (4, [a, b, c, d]),
        };
        all.into_iter().take(count)
    }

    /// The same operation on other operands.
    #[must_use]
    pub fn map(self, mut to: impl FnMut(u32) -> u32) -> Self {
        match self {
            Self::Literal(_) | Self::Leaf(_) | Self::PerClass(_) | Self::PerColumn(_) => self,
            Self::Region(a, table) => Self::Region(to(a), table),
            Self::Neg(a) => Self::Neg(to(a)),
            Self::Exp(a) => Self::Exp(to(a)),
            Self::Ln(a) => Self::Ln(to(a)),
            Self::ExpM1(a) => Self::ExpM1(to(a)),
            Self::Ln1P(a) => Self::Ln1P(to(a)),
            Self::Sqrt(a) => Self::Sqrt(to(a)),
            Self::Abs(a) => Self::Abs(to(a)),
            Self::LogSigmoid(a) => Self::LogSigmoid(to(a)),
            Self::Sigmoid(a) => Self::Sigmoid(to(a)),
            Self::Detach(a) => Self::Detach(to(a)),
            Self::Add(a, b) => Self::Add(to(a), to(b)),
            Self::Sub(a, b) => Self::Sub(to(a), to(b)),
            Self::Mul(a, b) => Self::Mul(to(a), to(b)),
            Self::Div(a, b) => Self::Div(to(a), to(b)),
            Self::Max(a, b) => Self::Max(to(a), to(b)),
            Self::Min(a, b) => Self::Min(to(a), to(b)),
            Self::SelectLe(a, b, c, d) => Self::SelectLe(to(a), to(b), to(c), to(d)),
        }
    }
}

/// The nodes recorded so far.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) tables: Vec<Table>,
    index: HashMap<Node, u32>,
}

impl Graph {
    pub(super) fn literal(&mut self, value: f64) -> u32 {
        self.intern(Node::Literal(value.to_bits()))
    }

    /// The table's index; equal tables are held once.
    pub(super) fn table(&mut self, table: Table) -> u32 {
        let found = self.tables.iter().position(|own| *own == table);
        found.unwrap_or_else(|| {
            self.tables.push(table);
            self.tables.len() - 1
        }) as u32
    }

    /// Adds a node, after folding: constants are computed, x·1, x+0 and the like vanish, 0·x is 0.
    ///
    /// The last is no IEEE identity, but leaves are finite by the contract of a sample, and a derivative is mostly zeros.
    pub(super) fn add(&mut self, node: Node) -> u32 {
        match self.simplify(node) {
            Ok(existing) => existing,
            Err(node) => self.intern(node),
        }
    }

    fn intern(&mut self, node: Node) -> u32 {
        if let Some(&found) = self.index.get(&node) {
            return found;
        }
        let at = self.nodes.len() as u32;
        self.nodes.push(node);
        self.index.insert(node, at);
        at
    }

    fn value(&self, at: u32) -> Option<f64> {
        self.nodes[at as usize].literal()
    }

    /// An existing node of the same value, or the node to record.
    fn simplify(&mut self, node: Node) -> Result<u32, Node> {
        if let Some(folded) = self.fold(node) {
            return Ok(self.literal(folded));
        }
        let is = |at: u32, value: f64| self.value(at) == Some(value);
        match node {
            Node::Add(a, b) if is(b, 0.0) => Ok(a),
            Node::Add(a, b) if is(a, 0.0) => Ok(b),
            Node::Sub(a, b) if is(b, 0.0) => Ok(a),
            Node::Sub(a, b) if is(a, 0.0) => Ok(self.add(Node::Neg(b))),
            Node::Sub(a, b) if a == b => Ok(self.literal(0.0)),
            Node::Mul(a, b) if is(a, 0.0) || is(b, 0.0) => Ok(self.literal(0.0)),
            Node::Mul(a, b) if is(b, 1.0) => Ok(a),
            Node::Mul(a, b) if is(a, 1.0) => Ok(b),
            Node::Mul(a, b) if is(b, -1.0) => Ok(self.add(Node::Neg(a))),
            Node::Mul(a, b) if is(a, -1.0) => Ok(self.add(Node::Neg(b))),
            Node::Div(a, b) if is(b, 1.0) => Ok(a),
            Node::Div(a, _) if is(a, 0.0) => Ok(a),
            Node::SelectLe(_, _, c, d) if c == d => Ok(c),
            Node::Max(a, b) | Node::Min(a, b) if a == b => Ok(a),
            Node::Neg(a) => match self.nodes[a as usize] {
                Node::Neg(inner) => Ok(inner),
                _ => Err(node),
            },
            Node::Detach(a) => match self.nodes[a as usize] {
                Node::Literal(_) | Node::Detach(_) | Node::PerClass(_) | Node::PerColumn(_) | Node::Region(..) => Ok(a),
                // Labels and places are constants of the sample.
                Node::Leaf(Leaf::Target | Leaf::Class | Leaf::Column | Leaf::RegionKey) => Ok(a),
                _ => Err(node),
            },
            // Exact, and what a product takes in.
            Node::Add(a, b) if a == b => {
                let two = self.literal(2.0);
                Ok(self.add(Node::Mul(a, two)))
            }
            // Operands in order, so that a·b and b·a are one node.
            Node::Add(a, b) if a > b => Err(Node::Add(b, a)),
            Node::Mul(a, b) if a > b => Err(Node::Mul(b, a)),
            _ => Err(node),
        }
    }

    /// The constant that the node is, where all its operands are constants and the result is finite.
    fn fold(&self, node: Node) -> Option<f64> {
        use crate::real::Real;
        let value = |at: u32| self.value(at);
        let folded = match node {
            Node::Neg(a) => -value(a)?,
            Node::Exp(a) => value(a)?.exp(),
            Node::Ln(a) => value(a)?.ln(),
            Node::ExpM1(a) => value(a)?.exp_m1(),
            Node::Ln1P(a) => value(a)?.ln_1p(),
            Node::Sqrt(a) => value(a)?.sqrt(),
            Node::Abs(a) => value(a)?.abs(),
            Node::LogSigmoid(a) => value(a)?.logistic().log_p,
            Node::Sigmoid(a) => value(a)?.logistic().p,
            Node::Add(a, b) => value(a)? + value(b)?,
            Node::Sub(a, b) => value(a)? - value(b)?,
            Node::Mul(a, b) => value(a)? * value(b)?,
            Node::Div(a, b) => value(a)? / value(b)?,
            Node::Max(a, b) => Real::max(value(a)?, value(b)?),
            Node::Min(a, b) => Real::min(value(a)?, value(b)?),
            _ => return None,
        };
        folded.is_finite().then_some(folded)
    }
}
