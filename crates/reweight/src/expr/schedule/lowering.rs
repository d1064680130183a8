//! From a program's nodes to instructions: signs carried along, products taken into sums, logistic quantities together.

use super::slots::assign;
use super::{Instruction, Operation, Schedule};
use crate::expr::graph::Node;
use crate::expr::program::{Leaf, Program};

/// A value as the instructions know it: a virtual slot, and whether its negative is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Signed {
    pub(super) at: u16,
    pub(super) negative: bool,
}

impl Signed {
    fn flipped(self, flip: bool) -> Self {
        Self { negative: self.negative != flip, ..self }
    }
}

/// Virtual slots are given out without end here, and become few in the end.
pub(super) struct Lowering<'a> {
    program: &'a Program,
    values: Vec<Option<Signed>>,
    /// How many nodes and outputs read each node.
    uses: Vec<u32>,
    code: Vec<Instruction>,
    constants: Vec<(u16, f64)>,
    next: u16,
    /// Where p, q, −log p and log q are, as far as they are wanted.
    logistic: Option<[Option<u16>; 4]>,
    negated: Vec<(u16, u16)>,
    reads_column: bool,
}

impl<'a> Lowering<'a> {
    pub(super) fn new(program: &'a Program) -> Self {
        let nodes = program.nodes();
        let mut uses = vec![0; nodes.len()];
        nodes.iter().flat_map(|node| node.operands()).for_each(|operand| uses[operand as usize] += 1);
        program.outputs().iter().for_each(|&output| uses[output as usize] += 1);
        Self {
            program,
            values: vec![None; nodes.len()],
            uses,
            code: Vec::new(),
            constants: Vec::new(),
            next: Schedule::FIRST,
            logistic: None,
            negated: Vec::new(),
            reads_column: false,
        }
    }

    pub(super) fn finish(mut self) -> Schedule {
        let outputs: Vec<Signed> = self.program.outputs().iter().map(|&output| self.value(output)).collect();
        assign(self.code, self.constants, outputs, self.reads_column)
    }

    fn emit(&mut self, operation: Operation) -> u16 {
        let to = self.next;
        // Several results of one operation lie side by side.
        self.next += operation.results();
        self.code.push(Instruction { operation, to });
        to
    }

    fn constant(&mut self, value: f64) -> u16 {
        let same = |&&(_, known): &&(u16, f64)| known.to_bits() == value.to_bits();
        if let Some(&(at, _)) = self.constants.iter().find(same) {
            return at;
        }
        let at = self.next;
        self.next += 1;
        self.constants.push((at, value));
        at
    }

    /// The value of a node, computed when it is first asked for.
    fn value(&mut self, node: u32) -> Signed {
        if let Some(known) = self.values[node as usize] {
            return known;
        }
        let value = self.lower(node);
        self.values[node as usize] = Some(value);
        value
    }

    /// A slot that holds the value itself.
    fn positive(&mut self, node: u32) -> u16 {
        let Signed { at, negative } = self.value(node);
        if !negative {
            return at;
        }
        if let Some(&(_, known)) = self.negated.iter().find(|&&(of, _)| of == at) {
            return known;
        }
        let to = match self.constants.iter().find(|&&(slot, _)| slot == at) {
            Some(&(_, value)) => self.constant(-value),
            None => self.emit(Operation::Neg(at)),
        };
        self.negated.push((at, to));
        to
    }

    fn lower(&mut self, node: u32) -> Signed {
        let plain = |at| Signed { at, negative: false };
        match self.program.nodes()[node as usize] {
            Node::Literal(bits) => {
                let value = f64::from_bits(bits);
                // The sign is carried along: c and −c share a slot.
                Signed { at: self.constant(value.abs()), negative: value.is_sign_negative() && value != 0.0 }
            }
            Node::Leaf(leaf) => self.leaf(leaf),
            Node::PerClass(table) => plain(self.emit(Operation::PerClass(Schedule::CLASS, table))),
            Node::PerColumn(table) => {
                self.reads_column = true;
                plain(self.emit(Operation::PerColumn(Schedule::COLUMN, table)))
            }
            Node::Region(key, table) => {
                let key = self.positive(key);
                plain(self.emit(Operation::Region(key, table)))
            }
            Node::Neg(a) => self.value(a).flipped(true),
            Node::Detach(a) => self.value(a),
            Node::Exp(a) => self.unary(a, Operation::Exp),
            Node::Ln(a) => self.unary(a, Operation::Ln),
            Node::ExpM1(a) => self.unary(a, Operation::ExpM1),
            Node::Ln1P(a) => self.unary(a, Operation::Ln1P),
            Node::Sqrt(a) => self.unary(a, Operation::Sqrt),
            Node::LogSigmoid(a) => self.unary(a, Operation::LogSigmoid),
            Node::Sigmoid(a) => self.unary(a, Operation::Sigmoid),
            Node::Abs(a) => {
                let Signed { at, .. } = self.value(a);
                plain(self.emit(Operation::Abs(at)))
            }
            Node::Mul(a, b) => self.product(a, b),
            Node::Div(a, b) => {
                let (a, b) = (self.value(a), self.value(b));
                Signed { at: self.emit(Operation::Div(a.at, b.at)), negative: a.negative != b.negative }
            }
            Node::Add(a, b) => self.sum(a, b, false),
            Node::Sub(a, b) => self.sum(a, b, true),
            Node::Max(a, b) => {
                let (a, b) = (self.positive(a), self.positive(b));
                plain(self.emit(Operation::Max(a, b)))
            }
            Node::Min(a, b) => {
                let (a, b) = (self.positive(a), self.positive(b));
                plain(self.emit(Operation::Min(a, b)))
            }
            Node::SelectLe(a, b, c, d) => {
                let (a, b) = (self.positive(a), self.positive(b));
                let (then, otherwise) = (self.value(c), self.value(d));
                if then.negative == otherwise.negative {
                    let at = self.emit(Operation::SelectLe(a, b, then.at, otherwise.at));
                    return Signed { at, negative: then.negative };
                }
                let (c, d) = (self.positive(c), self.positive(d));
                plain(self.emit(Operation::SelectLe(a, b, c, d)))
            }
        }
    }

    fn unary(&mut self, a: u32, operation: fn(u16) -> Operation) -> Signed {
        let a = self.positive(a);
        Signed { at: self.emit(operation(a)), negative: false }
    }

    /// Leaves other than these are none of a whole loss's formula.
    fn leaf(&mut self, leaf: Leaf) -> Signed {
        let plain = |at| Signed { at, negative: false };
        match leaf {
            Leaf::Target => plain(Schedule::TARGET),
            Leaf::Class => plain(Schedule::CLASS),
            Leaf::Column => {
                self.reads_column = true;
                plain(Schedule::COLUMN)
            }
            Leaf::P => plain(self.logistic(0)),
            Leaf::Q => plain(self.logistic(1)),
            Leaf::LogP => Signed { at: self.logistic(2), negative: true },
            Leaf::LogQ => plain(self.logistic(3)),
            Leaf::Margin => plain(Schedule::MARGIN),
            _ => plain(self.constant(f64::NAN)),
        }
    }

    /// The slot of one of p, q, −log p and log q; all that the program reads of them are computed together.
    fn logistic(&mut self, which: usize) -> u16 {
        let (margin, exp) = (Schedule::MARGIN, Schedule::EXP);
        let places = match self.logistic {
            Some(places) => places,
            None => {
                let reads = |leaf| self.program.nodes().contains(&Node::Leaf(leaf));
                let probabilities = reads(Leaf::P) || reads(Leaf::Q);
                let places = match (probabilities, reads(Leaf::LogP), reads(Leaf::LogQ)) {
                    (true, true, true) => {
                        let at = self.emit(Operation::Logistic(margin, exp));
                        [Some(at), Some(at + 1), Some(at + 2), Some(at + 3)]
                    }
                    (true, true, false) => {
                        let at = self.emit(Operation::ProbabilitiesAndLoss(margin, exp));
                        [Some(at), Some(at + 1), Some(at + 2), None]
                    }
                    (true, false, _) => {
                        let at = self.emit(Operation::Probabilities(margin, exp));
                        [Some(at), Some(at + 1), None, None]
                    }
                    _ => [None; 4],
                };
                self.logistic = Some(places);
                places
            }
        };
        if let Some(at) = places[which] {
            return at;
        }
        let operation = if which == 2 { Operation::MinusLogP(margin, exp) } else { Operation::LogQ(margin, exp) };
        let at = self.emit(operation);
        let mut places = places;
        places[which] = Some(at);
        self.logistic = Some(places);
        at
    }

    /// The factors of a product that nobody else reads and that has not been computed.
    fn factors(&self, node: u32) -> Option<(u32, u32)> {
        match self.program.nodes()[node as usize] {
            Node::Mul(a, b) if self.uses[node as usize] == 1 && self.values[node as usize].is_none() => Some((a, b)),
            _ => None,
        }
    }

    fn product(&mut self, a: u32, b: u32) -> Signed {
        let three = self.factors(a).map(|pair| (pair, b)).or_else(|| self.factors(b).map(|pair| (pair, a)));
        if let Some(((x, y), z)) = three {
            let [x, y, z] = [x, y, z].map(|node| self.value(node));
            let negative = x.negative ^ y.negative ^ z.negative;
            return Signed { at: self.emit(Operation::Product(x.at, y.at, z.at)), negative };
        }
        let (a, b) = (self.value(a), self.value(b));
        Signed { at: self.emit(Operation::Mul(a.at, b.at)), negative: a.negative != b.negative }
    }

    /// a + b, or a − b.
    fn sum(&mut self, a: u32, b: u32, minus: bool) -> Signed {
        if !minus && let Some(mixed) = self.mixed(a, b).or_else(|| self.mixed(b, a)) {
            return mixed;
        }
        if let Some((x, y)) = self.factors(a) {
            let [x, y, other] = [x, y, b].map(|node| self.value(node));
            return self.fused(x, y, other.flipped(minus));
        }
        if let Some((x, y)) = self.factors(b) {
            let [x, y, other] = [x, y, a].map(|node| self.value(node));
            return self.fused(x.flipped(minus), y, other);
        }
        let (a, b) = (self.value(a), self.value(b).flipped(minus));
        match (a.negative, b.negative) {
            (false, false) => Signed { at: self.emit(Operation::Add(a.at, b.at)), negative: false },
            (true, true) => Signed { at: self.emit(Operation::Add(a.at, b.at)), negative: true },
            (false, true) => Signed { at: self.emit(Operation::Sub(a.at, b.at)), negative: false },
            (true, false) => Signed { at: self.emit(Operation::Sub(b.at, a.at)), negative: false },
        }
    }

    /// x·y + other.
    fn fused(&mut self, x: Signed, y: Signed, other: Signed) -> Signed {
        let (operation, negative) = match (x.negative != y.negative, other.negative) {
            (false, false) => (Operation::MulAdd(x.at, y.at, other.at), false),
            (true, true) => (Operation::MulAdd(x.at, y.at, other.at), true),
            (false, true) => (Operation::MulSub(x.at, y.at, other.at), false),
            (true, false) => (Operation::NegMulAdd(x.at, y.at, other.at), false),
        };
        Signed { at: self.emit(operation), negative }
    }

    /// t·c + (1 − t)·d with numbers c and d, as `Sample::by_target` makes it.
    fn mixed(&mut self, positive: u32, negative: u32) -> Option<Signed> {
        let nodes = self.program.nodes();
        let literal = |node: u32| nodes[node as usize].literal();
        let scaled = |node: u32| match nodes[node as usize] {
            Node::Mul(a, b) => literal(b).map(|c| (a, c)).or_else(|| literal(a).map(|c| (b, c))),
            _ => None,
        };
        let target = |node: u32| nodes[node as usize] == Node::Leaf(Leaf::Target);
        // A factor of 1 has vanished from the record.
        let (of, c) = scaled(positive).unwrap_or((positive, 1.0));
        let (rest, d) = scaled(negative).unwrap_or((negative, 1.0));
        let Node::Sub(one, less) = nodes[rest as usize] else { return None };
        if !(target(of) && target(less) && literal(one) == Some(1.0)) {
            return None;
        }
        let (d, c) = (self.constant(d), self.constant(c));
        Some(Signed { at: self.emit(Operation::Mix(Schedule::TARGET, d, c)), negative: false })
    }
}
