//! A recorded formula, ready to be evaluated over any number type or turned into another language.

use std::sync::Arc;

use thiserror::Error;

use super::graph::Node;
use super::symbol::{self, Expr};
use crate::dual::Dual;
use crate::real::Real;
use crate::regions::RegionTable;
use crate::sample::{Sample, SampleKind};
use crate::weighter::SampleWeighter;

/// A quantity of the sample, or its derivative with respect to the margin (hard labels) or the logit (soft labels).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Leaf {
    /// The margin s.
    Margin,
    /// p_t.
    P,
    /// 1 − p_t.
    Q,
    /// log p_t.
    LogP,
    /// log(1 − p_t).
    LogQ,
    /// The unweighted cross entropy.
    CrossEntropy,
    /// The gradient norm.
    GradientNorm,
    /// The target.
    Target,
    /// ds: 1 for hard labels.
    MarginSlope,
    /// dp_t (that of q is its negative).
    PSlope,
    /// d log p_t.
    LogPSlope,
    /// d log(1 − p_t).
    LogQSlope,
    /// The cross entropy's derivative: −q for hard labels, σ − t for soft ones.
    CrossEntropySlope,
}

/// A table that a formula reads; its contents may change from step to step while the formula stays.
#[derive(Clone, Debug, PartialEq)]
pub enum Table {
    /// One value a class.
    Values(Arc<[f64]>),
    /// One weight a unit region.
    Regions(Arc<RegionTable>),
}

/// A formula that cannot be recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TraceError {
    /// It uses symbols of another recording.
    #[error(
        "the formula uses a symbol that was kept from another recording: build it from its sample and constants alone"
    )]
    Foreign,
}

/// A recorded formula: nodes in the order of evaluation, and which of them are the results.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    nodes: Vec<Node>,
    outputs: Vec<u32>,
    tables: Vec<Table>,
}

impl Program {
    /// Records a weighter's formula; the one output is the weight.
    ///
    /// # Errors
    ///
    /// Where the formula uses symbols that are not its sample's.
    pub fn of(weighter: &impl SampleWeighter) -> Result<Self, TraceError> {
        Self::record(|sample| vec![weighter.weight(sample)])
    }

    /// Records a weighter's formula and its derivative; the outputs are the weight and its slope.
    ///
    /// # Errors
    ///
    /// Where the formula uses symbols that are not its sample's.
    pub fn with_slope(weighter: &impl SampleWeighter) -> Result<Self, TraceError> {
        Self::record_with_slopes(|sample| {
            let weight = weighter.weight(sample);
            vec![weight.value, weight.slope]
        })
    }

    /// Records what `formula` makes of a symbolic sample.
    ///
    /// # Errors
    ///
    /// Where the results are not made of the sample and constants alone.
    pub fn record(formula: impl FnOnce(&Sample<Expr>) -> Vec<Expr>) -> Result<Self, TraceError> {
        Self::finish(symbol::record(|| {
            let leaf = Expr::leaf;
            formula(&Sample {
                // The kind decides how tables are read; symbols of tables stand for "the sample's entry" whatever it is.
                kind: SampleKind::Class,
                margin: leaf(Leaf::Margin),
                p: leaf(Leaf::P),
                q: leaf(Leaf::Q),
                log_p: leaf(Leaf::LogP),
                log_q: leaf(Leaf::LogQ),
                cross_entropy: leaf(Leaf::CrossEntropy),
                gradient_norm: leaf(Leaf::GradientNorm),
                target: leaf(Leaf::Target),
                class: leaf(Leaf::Target),
                region_key: leaf(Leaf::Margin),
            })
        }))
    }

    /// Records what `formula` makes of a symbolic sample that carries its derivatives, which are leaves of their own.
    ///
    /// # Errors
    ///
    /// Where the results are not made of the sample and constants alone.
    pub fn record_with_slopes(formula: impl FnOnce(&Sample<Dual<Expr>>) -> Vec<Expr>) -> Result<Self, TraceError> {
        Self::finish(symbol::record(|| {
            let with = |value: Leaf, slope: Leaf| Dual { value: Expr::leaf(value), slope: Expr::leaf(slope) };
            let constant = |value: Leaf| Dual::constant(Expr::leaf(value));
            formula(&Sample {
                kind: SampleKind::Class,
                margin: with(Leaf::Margin, Leaf::MarginSlope),
                p: with(Leaf::P, Leaf::PSlope),
                q: Dual { value: Expr::leaf(Leaf::Q), slope: -Expr::leaf(Leaf::PSlope) },
                log_p: with(Leaf::LogP, Leaf::LogPSlope),
                log_q: with(Leaf::LogQ, Leaf::LogQSlope),
                cross_entropy: with(Leaf::CrossEntropy, Leaf::CrossEntropySlope),
                gradient_norm: constant(Leaf::GradientNorm),
                target: constant(Leaf::Target),
                class: constant(Leaf::Target),
                region_key: constant(Leaf::Margin),
            })
        }))
    }

    fn finish((results, mut recording): (Vec<Expr>, symbol::Recording)) -> Result<Self, TraceError> {
        let outputs: Vec<u32> = results.into_iter().map(|result| result.resolve(&mut recording)).collect();
        if recording.foreign {
            return Err(TraceError::Foreign);
        }
        Ok(Self::pruned(&recording.graph.nodes, &outputs, &recording.graph.tables))
    }

    /// Keeps what the outputs need, in order, with tables numbered by first use.
    fn pruned(nodes: &[Node], outputs: &[u32], tables: &[Table]) -> Self {
        let mut needed = vec![false; nodes.len()];
        for &output in outputs {
            needed[output as usize] = true;
        }
        for at in (0..nodes.len()).rev() {
            if needed[at] {
                nodes[at].operands().for_each(|operand| needed[operand as usize] = true);
            }
        }
        let mut renumbered = vec![0_u32; nodes.len()];
        let mut kept = Vec::new();
        let mut used: Vec<u32> = Vec::new();
        for (at, node) in nodes.iter().enumerate().filter(|&(at, _)| needed[at]) {
            let mut slot = |table: u32| {
                used.iter().position(|&known| known == table).unwrap_or_else(|| {
                    used.push(table);
                    used.len() - 1
                }) as u32
            };
            let node = match *node {
                Node::PerClass(table) => Node::PerClass(slot(table)),
                Node::Region(table) => Node::Region(slot(table)),
                other => other.map(|operand| renumbered[operand as usize]),
            };
            renumbered[at] = kept.len() as u32;
            kept.push(node);
        }
        Self {
            nodes: kept,
            outputs: outputs.iter().map(|&output| renumbered[output as usize]).collect(),
            tables: used.into_iter().map(|table| tables[table as usize].clone()).collect(),
        }
    }

    /// The operations in the order of evaluation.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The results' node indices.
    pub fn outputs(&self) -> &[u32] {
        &self.outputs
    }

    /// The tables that the nodes read.
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// Evaluates the first output over any number type; slopes are read as literal 0 but through `R` itself.
    ///
    /// A program with slope leaves is for code generation and gives NaN here.
    #[inline(always)]
    pub fn evaluate<R: Real>(&self, sample: &Sample<R>) -> R {
        // One call of `run`, whichever memory it works in: inlined once a size, it would be most of an engine's code.
        let (mut few, mut some, mut many);
        let values: &mut [R] = match self.nodes.len() {
            0 => return R::lit(f64::NAN),
            1..=8 => {
                few = [sample.margin; 8];
                &mut few
            }
            9..=32 => {
                some = [sample.margin; 32];
                &mut some
            }
            length => {
                many = vec![sample.margin; length];
                &mut many
            }
        };
        self.run(values, sample)
    }

    #[inline(always)]
    fn run<R: Real>(&self, values: &mut [R], sample: &Sample<R>) -> R {
        for (at, node) in self.nodes.iter().enumerate() {
            // No closure: what is not inlined into an engine's loop is compiled without its vectors.
            macro_rules! value {
                ($operand:expr) => {
                    values[$operand as usize]
                };
            }
            values[at] = match *node {
                Node::Literal(bits) => R::lit(f64::from_bits(bits)),
                Node::Leaf(leaf) => sample.leaf(leaf),
                Node::PerClass(table) => match &self.tables[table as usize] {
                    Table::Values(values) => sample.per_class(values),
                    Table::Regions(_) => R::lit(f64::NAN),
                },
                Node::Region(table) => match &self.tables[table as usize] {
                    Table::Regions(table) => sample.by_gradient_norm(table),
                    Table::Values(_) => R::lit(f64::NAN),
                },
                Node::Neg(a) => -value!(a),
                Node::Exp(a) => value!(a).exp(),
                Node::Ln(a) => value!(a).ln(),
                Node::Sqrt(a) => value!(a).sqrt(),
                Node::Abs(a) => value!(a).abs(),
                Node::LogSigmoid(a) => value!(a).logistic().log_p,
                Node::Sigmoid(a) => value!(a).sigmoid(),
                Node::Detach(a) => value!(a).detach(),
                Node::Add(a, b) => value!(a) + value!(b),
                Node::Sub(a, b) => value!(a) - value!(b),
                Node::Mul(a, b) => value!(a) * value!(b),
                Node::Div(a, b) => value!(a) / value!(b),
                Node::Max(a, b) => value!(a).max(value!(b)),
                Node::Min(a, b) => value!(a).min(value!(b)),
                Node::SelectLe(a, b, c, d) => value!(a).select_le(value!(b), value!(c), value!(d)),
            };
        }
        values[self.outputs.first().copied().unwrap_or(0) as usize]
    }
}

impl<R: Real> Sample<R> {
    /// The quantity that a leaf names.
    #[inline(always)]
    fn leaf(&self, leaf: Leaf) -> R {
        match leaf {
            Leaf::Margin => self.margin,
            Leaf::P => self.p,
            Leaf::Q => self.q,
            Leaf::LogP => self.log_p,
            Leaf::LogQ => self.log_q,
            Leaf::CrossEntropy => self.cross_entropy,
            Leaf::GradientNorm => self.gradient_norm,
            Leaf::Target => self.target,
            Leaf::MarginSlope | Leaf::PSlope | Leaf::LogPSlope | Leaf::LogQSlope | Leaf::CrossEntropySlope => {
                R::lit(f64::NAN)
            }
        }
    }
}
