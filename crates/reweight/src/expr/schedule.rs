//! A program as straight-line code over slots of memory: what an engine runs a block of samples through.
//!
//! Each instruction is one loop over a block. Signs are carried along and not computed, products go into the sums that they are
//! the only part of, and a slot is taken again once nobody reads it: a block's memory stays in the first cache.

mod lowering;
mod slots;

use super::program::Program;
use lowering::Lowering;

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

#[cfg(test)]
mod tests;
