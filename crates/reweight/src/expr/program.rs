//! A recorded formula, ready to be evaluated over any number type or turned into another language.

use thiserror::Error;

use super::graph::Node;
use super::symbol::{self, Expr};
use crate::real::Real;
use crate::regions::RegionTable;
use crate::sample::{Sample, SampleKind};
use crate::weighter::SampleWeighter;

/// A quantity of the sample.
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
    /// |σ(x) − t|: q for hard labels.
    Residual,
    /// Its logarithm.
    LogResidual,
    /// log σ(x) of the logit, whatever the label.
    LogPositive,
    /// log σ(−x).
    LogNegative,
    /// The target.
    Target,
    /// The class, as a number.
    Class,
    /// The column, as a number.
    Column,
    /// What regions are read from.
    RegionKey,
}

/// A table that a formula reads; its contents may change from step to step while the formula stays.
#[derive(Clone, Debug, PartialEq)]
pub enum Table {
    /// One value a class or column.
    Values(ValueTable),
    /// One weight a region.
    Regions(Box<RegionTable>),
}

/// One value a class or column, in both precisions.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueTable {
    wide: Vec<f64>,
    narrow: Vec<f32>,
}

impl ValueTable {
    /// The values as `f32`; the largest float for what is finite and beyond it.
    pub fn narrow(&self) -> &[f32] {
        &self.narrow
    }

    /// Other values in the same memory; whether they are as many.
    pub(crate) fn replace(&mut self, values: &[f64]) -> bool {
        let fits = self.wide.len() == values.len();
        if fits {
            self.wide.copy_from_slice(values);
            self.narrow.iter_mut().zip(values).for_each(|(narrow, &wide)| *narrow = f32::lit(wide));
        }
        fits
    }
}

impl From<&[f64]> for ValueTable {
    fn from(values: &[f64]) -> Self {
        Self { wide: values.to_vec(), narrow: values.iter().map(|&value| f32::lit(value)).collect() }
    }
}

impl std::ops::Deref for ValueTable {
    type Target = [f64];
    fn deref(&self) -> &[f64] {
        &self.wide
    }
}

/// Which table each reading of a recording read, and the tables.
#[derive(Clone, Debug, Default)]
pub(crate) struct Calls {
    pub(crate) calls: Vec<u32>,
    pub(crate) tables: Vec<Table>,
}

/// A formula that cannot be recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TraceError {
    /// It uses symbols of another recording.
    #[error(
        "the formula uses a symbol that was kept from another recording: build it from its sample and constants alone"
    )]
    Foreign,
    /// It has more operations than are kept.
    #[error("the formula has {found} operations with its derivatives, more than the {most} that are kept: shorten it")]
    Long {
        /// How many it has.
        found: usize,
        /// How many are kept.
        most: usize,
    },
}

/// The most operations of a formula: beyond any rule, and a bound for what is made of them.
pub(crate) const MOST: usize = 8192;

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

    /// Records what `formula` makes of a symbolic softmax sample.
    ///
    /// # Errors
    ///
    /// Where the results are not made of the sample and constants alone.
    pub fn record(formula: impl FnOnce(&Sample<Expr>) -> Vec<Expr>) -> Result<Self, TraceError> {
        Self::record_of_kind(SampleKind::Class, formula)
    }

    /// Records what `formula` makes of a symbolic sample of that kind: what it is evaluated on must be of the same.
    ///
    /// # Errors
    ///
    /// Where the results are not made of the sample and constants alone.
    pub fn record_of_kind(
        kind: SampleKind,
        formula: impl FnOnce(&Sample<Expr>) -> Vec<Expr>,
    ) -> Result<Self, TraceError> {
        Self::finish(symbol::record(None, || {
            let leaf = Expr::leaf;
            formula(&Sample {
                kind,
                log_positive: leaf(Leaf::LogPositive),
                log_negative: leaf(Leaf::LogNegative),
                margin: leaf(Leaf::Margin),
                p: leaf(Leaf::P),
                q: leaf(Leaf::Q),
                log_p: leaf(Leaf::LogP),
                log_q: leaf(Leaf::LogQ),
                cross_entropy: leaf(Leaf::CrossEntropy),
                residual: leaf(Leaf::Residual),
                log_residual: leaf(Leaf::LogResidual),
                target: leaf(Leaf::Target),
                class: leaf(Leaf::Class),
                column: leaf(Leaf::Column),
                region_key: leaf(Leaf::RegionKey),
            })
        }))
    }

    /// Records what `formula` makes of leaves of its own choice, with tables numbered as in an earlier recording where there was
    /// one. The program holds no tables.
    pub(crate) fn record_with_calls(
        known: Option<Calls>,
        formula: impl FnOnce() -> Vec<Expr>,
    ) -> Result<(Self, Calls), TraceError> {
        let (results, mut recording) = symbol::record(known, formula);
        let outputs: Vec<u32> = results.into_iter().map(|result| result.resolve(&mut recording)).collect();
        if recording.foreign {
            return Err(TraceError::Foreign);
        }
        let tables = std::mem::take(&mut recording.graph.tables);
        let program = Self::pruned(&recording.graph.nodes, &outputs, None);
        let found = program.nodes.len();
        if found > MOST {
            return Err(TraceError::Long { found, most: MOST });
        }
        Ok((program, Calls { calls: recording.calls, tables }))
    }

    fn finish((results, mut recording): (Vec<Expr>, symbol::Recording)) -> Result<Self, TraceError> {
        let outputs: Vec<u32> = results.into_iter().map(|result| result.resolve(&mut recording)).collect();
        if recording.foreign {
            return Err(TraceError::Foreign);
        }
        Ok(Self::pruned(&recording.graph.nodes, &outputs, Some(&recording.graph.tables)))
    }

    /// A formula that was recorded elsewhere; operands are earlier nodes.
    pub(crate) fn of_nodes(nodes: &[Node], output: u32, tables: &[Table]) -> Self {
        Self::pruned(nodes, &[output], Some(tables))
    }

    /// Keeps what the outputs need, in order; `tables` are numbered by first use, or keep their numbers where none are given.
    fn pruned(nodes: &[Node], outputs: &[u32], tables: Option<&[Table]>) -> Self {
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
                if tables.is_none() {
                    return table;
                }
                used.iter().position(|&known| known == table).unwrap_or_else(|| {
                    used.push(table);
                    used.len() - 1
                }) as u32
            };
            let node = match *node {
                Node::PerClass(table) => Node::PerClass(slot(table)),
                Node::PerColumn(table) => Node::PerColumn(slot(table)),
                Node::Region(key, table) => Node::Region(renumbered[key as usize], slot(table)),
                other => other.map(|operand| renumbered[operand as usize]),
            };
            renumbered[at] = kept.len() as u32;
            kept.push(node);
        }
        Self {
            nodes: kept,
            outputs: outputs.iter().map(|&output| renumbered[output as usize]).collect(),
            tables: used.into_iter().filter_map(|table| tables?.get(table as usize).cloned()).collect(),
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

    /// The tables that the nodes read; those of a [`Formula`](crate::Formula)'s programs lie in the formula.
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// Evaluates the first output over any number type; slopes are those of `R` itself.
    #[inline(always)]
    pub fn evaluate<R: Real>(&self, sample: &Sample<R>) -> R {
        let [value] = self.evaluate_all(sample);
        value
    }

    /// Evaluates the first N outputs; NaN for those that there are not.
    pub fn evaluate_all<R: Real, const N: usize>(&self, sample: &Sample<R>) -> [R; N] {
        // One call of `run`, whichever memory it works in.
        let (mut few, mut some, mut many);
        let values: &mut [R] = match self.nodes.len() {
            0..=16 => {
                few = [sample.margin; 16];
                &mut few
            }
            17..=128 => {
                some = [sample.margin; 128];
                &mut some
            }
            length => {
                many = vec![sample.margin; length];
                &mut many
            }
        };
        self.run(values, sample);
        std::array::from_fn(|at| match self.outputs.get(at) {
            Some(&node) => values[node as usize],
            None => R::lit(f64::NAN),
        })
    }

    #[inline(always)]
    fn run<R: Real>(&self, values: &mut [R], sample: &Sample<R>) {
        for (at, node) in self.nodes.iter().enumerate() {
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
                Node::PerColumn(table) => match &self.tables[table as usize] {
                    Table::Values(values) => sample.per_column(values),
                    Table::Regions(_) => R::lit(f64::NAN),
                },
                Node::Region(key, table) => match &self.tables[table as usize] {
                    // Of whatever kind the sample is: its own key, along its own axis.
                    Table::Regions(table) if self.nodes[key as usize] == Node::Leaf(Leaf::RegionKey) => {
                        sample.by_gradient_norm(table)
                    }
                    Table::Regions(table) => value!(key).region(table, sample.axis()),
                    Table::Values(_) => R::lit(f64::NAN),
                },
                Node::Neg(a) => -value!(a),
                Node::Exp(a) => value!(a).exp(),
                Node::Ln(a) => value!(a).ln(),
                Node::ExpM1(a) => value!(a).exp_m1(),
                Node::Ln1P(a) => value!(a).ln_1p(),
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
            Leaf::Residual => self.residual,
            Leaf::LogResidual => self.log_residual,
            Leaf::LogPositive => self.log_positive,
            Leaf::LogNegative => self.log_negative,
            Leaf::Target => self.target,
            Leaf::Class => self.class,
            Leaf::Column => self.column,
            Leaf::RegionKey => self.region_key,
        }
    }
}
