//! A program as straight-line code over slots of memory: what an engine runs a block of samples through.
//!
//! Each instruction is one loop over a block. Signs are carried along and not computed, products go into the sums that they are
//! the only part of, and a slot is taken again once nobody reads it: a block's memory stays in the first cache.

use std::sync::atomic::{AtomicU64, Ordering};

use super::graph::Node;
use super::program::{Leaf, Program};

/// What an instruction does, with the slots it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// σ(s) and σ(−s) of margin and e^−|s|; the second goes to the slot after.
    Probabilities(u16, u16),
    /// Those, and −log σ(s) in the third.
    ProbabilitiesAndLoss(u16, u16),
    /// Those, and log σ(−s) in the fourth.
    Logistic(u16, u16),
    /// −log σ(s) of margin and e^−|s|.
    MinusLogP(u16, u16),
    /// log σ(−s) of margin and e^−|s|.
    LogQ(u16, u16),
    /// −a.
    Neg(u16),
    /// eᵃ.
    Exp(u16),
    /// ln a.
    Ln(u16),
    /// eᵃ − 1.
    ExpM1(u16),
    /// ln(1 + a).
    Ln1P(u16),
    /// √a.
    Sqrt(u16),
    /// |a|.
    Abs(u16),
    /// log σ(a).
    LogSigmoid(u16),
    /// σ(a).
    Sigmoid(u16),
    /// a + b.
    Add(u16, u16),
    /// a − b.
    Sub(u16, u16),
    /// a·b.
    Mul(u16, u16),
    /// a / b.
    Div(u16, u16),
    /// The larger.
    Max(u16, u16),
    /// The smaller.
    Min(u16, u16),
    /// a·b + c.
    MulAdd(u16, u16, u16),
    /// a·b − c.
    MulSub(u16, u16, u16),
    /// c − a·b.
    NegMulAdd(u16, u16, u16),
    /// a·b·c, from the left.
    Product(u16, u16, u16),
    /// a·c + (1 − a)·b: b mixed with c by the target a.
    Mix(u16, u16, u16),
    /// c where a ≤ b, else d.
    SelectLe(u16, u16, u16, u16),
    /// The entry of the table by the class.
    PerClass(u16, u32),
    /// The entry of the table by the column.
    PerColumn(u16, u32),
    /// The weight of the region of the table that the key lies in.
    Region(u16, u32),
}

/// One loop over a block: an operation and the slot of its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// What is done.
    pub operation: Operation,
    /// Where its result goes.
    pub to: u16,
}

/// A program's instructions in order, and its memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    instructions: Vec<Instruction>,
    constants: Vec<(u16, f64)>,
    outputs: Vec<Output>,
    slots: usize,
    reads_column: bool,
    reads_exp: bool,
    id: u64,
}

/// A result: its slot, and whether the slot holds its negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Output {
    /// Where it is.
    pub slot: u16,
    /// Whether its sign is to be changed.
    pub negative: bool,
}

/// The slots that a backend fills before the first instruction: the margin (or the logit of soft labels), the target, the class,
/// the column, and an exponential.
impl Schedule {
    /// The slot of the margin.
    pub const MARGIN: u16 = 0;
    /// The slot of the target: 0, 1 or between.
    pub const TARGET: u16 = 1;
    /// The slot of the class.
    pub const CLASS: u16 = 2;
    /// The slot of the column.
    pub const COLUMN: u16 = 3;
    /// The slot of e^−|s|, s being what the margin's slot holds.
    pub const EXP: u16 = 4;
    /// The first slot of the schedule's own.
    const FIRST: u16 = 5;

    /// Puts a program in order.
    pub fn of(program: &Program) -> Self {
        Lowering::new(program).finish()
    }

    /// The instructions in the order of evaluation.
    pub fn instructions(&self) -> &[Instruction] {
        &self.instructions
    }

    /// Slots that hold one number throughout.
    pub fn constants(&self) -> &[(u16, f64)] {
        &self.constants
    }

    /// The results.
    pub fn outputs(&self) -> &[Output] {
        &self.outputs
    }

    /// How many slots there are.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Whether the column's slot is read.
    pub fn reads_column(&self) -> bool {
        self.reads_column
    }

    /// Whether the exponential's slot is read.
    pub fn reads_exp(&self) -> bool {
        self.reads_exp
    }

    /// A number that no other schedule of this process has, but copies: what is prepared for one need not be prepared again.
    pub fn id(&self) -> u64 {
        self.id
    }
}

impl Default for Schedule {
    /// No instructions: what a backend fills, and nothing else.
    fn default() -> Self {
        let slots = usize::from(Self::FIRST);
        Self {
            instructions: Vec::new(),
            constants: Vec::new(),
            outputs: Vec::new(),
            slots,
            reads_column: false,
            reads_exp: false,
            id: 0,
        }
    }
}

/// A value as the instructions know it: a virtual slot, and whether its negative is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Signed {
    at: u16,
    negative: bool,
}

impl Signed {
    fn flipped(self, flip: bool) -> Self {
        Self { negative: self.negative != flip, ..self }
    }
}

/// Virtual slots are given out without end here, and become few in the end.
struct Lowering<'a> {
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
    fn new(program: &'a Program) -> Self {
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

    fn finish(mut self) -> Schedule {
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

impl Operation {
    /// How many results it has, in neighbouring slots.
    fn results(self) -> u16 {
        match self {
            Self::Probabilities(..) => 2,
            Self::ProbabilitiesAndLoss(..) => 3,
            Self::Logistic(..) => 4,
            _ => 1,
        }
    }

    /// The slots that it reads, changed by `to`.
    fn map(self, mut to: impl FnMut(u16) -> u16) -> Self {
        match self {
            Self::Probabilities(a, b) => Self::Probabilities(to(a), to(b)),
            Self::ProbabilitiesAndLoss(a, b) => Self::ProbabilitiesAndLoss(to(a), to(b)),
            Self::Logistic(a, b) => Self::Logistic(to(a), to(b)),
            Self::MinusLogP(a, b) => Self::MinusLogP(to(a), to(b)),
            Self::LogQ(a, b) => Self::LogQ(to(a), to(b)),
            Self::Neg(a) => Self::Neg(to(a)),
            Self::Exp(a) => Self::Exp(to(a)),
            Self::Ln(a) => Self::Ln(to(a)),
            Self::ExpM1(a) => Self::ExpM1(to(a)),
            Self::Ln1P(a) => Self::Ln1P(to(a)),
            Self::Sqrt(a) => Self::Sqrt(to(a)),
            Self::Abs(a) => Self::Abs(to(a)),
            Self::LogSigmoid(a) => Self::LogSigmoid(to(a)),
            Self::Sigmoid(a) => Self::Sigmoid(to(a)),
            Self::Add(a, b) => Self::Add(to(a), to(b)),
            Self::Sub(a, b) => Self::Sub(to(a), to(b)),
            Self::Mul(a, b) => Self::Mul(to(a), to(b)),
            Self::Div(a, b) => Self::Div(to(a), to(b)),
            Self::Max(a, b) => Self::Max(to(a), to(b)),
            Self::Min(a, b) => Self::Min(to(a), to(b)),
            Self::MulAdd(a, b, c) => Self::MulAdd(to(a), to(b), to(c)),
            Self::MulSub(a, b, c) => Self::MulSub(to(a), to(b), to(c)),
            Self::NegMulAdd(a, b, c) => Self::NegMulAdd(to(a), to(b), to(c)),
            Self::Product(a, b, c) => Self::Product(to(a), to(b), to(c)),
            Self::Mix(a, b, c) => Self::Mix(to(a), to(b), to(c)),
            Self::SelectLe(a, b, c, d) => Self::SelectLe(to(a), to(b), to(c), to(d)),
            Self::PerClass(a, table) => Self::PerClass(to(a), table),
            Self::PerColumn(a, table) => Self::PerColumn(to(a), table),
            Self::Region(a, table) => Self::Region(to(a), table),
        }
    }

    fn reads(self, mut see: impl FnMut(u16)) {
        let _ = self.map(|slot| {
            see(slot);
            slot
        });
    }
}

/// Gives few slots to many: one is free again after its last reading. Inputs, constants and outputs keep theirs.
fn assign(code: Vec<Instruction>, constants: Vec<(u16, f64)>, outputs: Vec<Signed>, reads_column: bool) -> Schedule {
    let most = code.iter().map(|instruction| instruction.to + instruction.operation.results()).max().unwrap_or(0);
    let most = usize::from(most.max(constants.iter().map(|&(at, _)| at + 1).max().unwrap_or(0)).max(Schedule::FIRST));
    const FOREVER: usize = usize::MAX;
    let mut reads_exp = false;
    code.iter().for_each(|instruction| instruction.operation.reads(|slot| reads_exp |= slot == Schedule::EXP));
    let mut last = vec![0_usize; most];
    for (at, instruction) in code.iter().enumerate() {
        instruction.operation.reads(|slot| last[usize::from(slot)] = at);
    }
    let kept =
        (0..Schedule::FIRST).chain(constants.iter().map(|&(at, _)| at)).chain(outputs.iter().map(|output| output.at));
    kept.for_each(|slot| last[usize::from(slot)] = FOREVER);

    let mut place: Vec<u16> = (0..most as u16).collect();
    let mut next = Schedule::FIRST;
    let constants = constants
        .into_iter()
        .map(|(at, value)| {
            place[usize::from(at)] = next;
            next += 1;
            (next - 1, value)
        })
        .collect();
    let mut free: Vec<u16> = Vec::new();
    let mut placed = Vec::with_capacity(code.len());
    for (at, Instruction { operation, to }) in code.into_iter().enumerate() {
        let read = operation.map(|slot| place[usize::from(slot)]);
        // Its own result lies apart from what it reads; those are given back afterwards.
        if operation.results() > 1 {
            for result in to..to + operation.results() {
                place[usize::from(result)] = next;
                next += 1;
            }
        } else {
            place[usize::from(to)] = free.pop().unwrap_or_else(|| {
                next += 1;
                next - 1
            });
        }
        placed.push(Instruction { operation: read, to: place[usize::from(to)] });
        let mut dead = |slot: u16| {
            if last[usize::from(slot)] == at && !free.contains(&place[usize::from(slot)]) {
                free.push(place[usize::from(slot)]);
            }
        };
        operation.reads(&mut dead);
        // One of several results may be read by nobody.
        for slot in to..to + operation.results() {
            if last[usize::from(slot)] < at {
                dead_result(&mut free, place[usize::from(slot)]);
            }
        }
    }
    let output = |Signed { at, negative }: Signed| Output { slot: place[usize::from(at)], negative };
    let outputs = outputs.into_iter().map(output).collect();
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    Schedule { instructions: placed, constants, outputs, slots: usize::from(next), reads_column, reads_exp, id }
}

fn dead_result(free: &mut Vec<u16>, place: u16) {
    if !free.contains(&place) {
        free.push(place);
    }
}

#[cfg(test)]
mod tests;
