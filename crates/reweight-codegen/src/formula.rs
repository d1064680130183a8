//! A weighter's formula with its numbers lifted out: the text stays, the numbers become arguments.

mod emit;

use reweight::{Leaf, Node, Program, RegionAxis, SampleKind, SampleWeighter, Spacing, Table, Weighting};

use crate::error::CodegenError;
use crate::shape::Precision;

/// A weighter's weight and its derivative, ready to be written as C.
///
/// All its numbers but −1, 0 and 1 are lifted into [`constants`](Self::constants), as are the tables; so weighters that
/// differ in their numbers alone share a [`key`](Self::key) and a kernel.
#[derive(Clone, Debug, PartialEq)]
pub struct Formula {
    program: Program,
    /// The lifted numbers in the order of their nodes.
    literals: Vec<f64>,
    key: String,
}

impl Formula {
    /// Records `weighter`'s formula and its derivative.
    ///
    /// # Errors
    ///
    /// Where the formula uses symbols that are not its sample's.
    pub fn of(weighter: &impl SampleWeighter) -> Result<Self, CodegenError> {
        Self::of_kind(weighter, SampleKind::Class)
    }

    /// Records the formula of a loss's weighter for samples of that kind.
    ///
    /// # Errors
    ///
    /// Where the loss has a base or adjustments, or its weighter reads what the kernels' samples do not have: they are computed
    /// on the CPU alone.
    pub fn of_loss<W: SampleWeighter>(weighting: &Weighting<W>, kind: SampleKind) -> Result<Self, CodegenError> {
        if weighting.base().is_some() {
            return Err(CodegenError::Unsupported { what: "a base other than cross entropy" });
        }
        if !weighting.adjustments().is_empty() {
            return Err(CodegenError::Unsupported { what: "adjustments" });
        }
        Self::of_kind(weighting.weighter(), kind)
    }

    fn of_kind(weighter: &impl SampleWeighter, kind: SampleKind) -> Result<Self, CodegenError> {
        let program = Program::with_slope_of_kind(weighter, kind)?;
        for node in program.nodes() {
            let what = match node {
                Node::Leaf(Leaf::LogResidual | Leaf::LogPositive | Leaf::LogNegative) => {
                    "logarithms of σ(±x) and of |σ − t|"
                }
                Node::Leaf(Leaf::Column) | Node::PerColumn(_) => "columns",
                Node::ExpM1(_) | Node::Ln1P(_) => "expm1 and log1p",
                _ => continue,
            };
            return Err(CodegenError::Unsupported { what });
        }
        let grid =
            |table: &Table| matches!(table, Table::Regions(table) if table.regions().spacing() == Spacing::Margin);
        if program.tables().iter().any(grid) {
            return Err(CodegenError::Unsupported { what: "regions of margins" });
        }
        let literals = program.nodes().iter().filter_map(|&node| lifted(node)).collect();
        let key = emit::key(&program);
        Ok(Self { program, literals, key })
    }

    /// The formula's shape as text: the same for the same C.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The numbers that the kernels read at `constants`: lifted numbers, then each table in turn (one value a class, or
    /// M − 1 thresholds and M weights). `axis` is what regions are read from: the margin for hard labels, the negated
    /// norm for soft ones.
    ///
    /// The numbers are exact in `precision`, rounded as the CPU rounds them.
    pub fn constants(&self, precision: Precision, axis: RegionAxis) -> Vec<f64> {
        let round = |value: f64| match precision {
            Precision::F32 => f64::from(value as f32),
            Precision::F64 => value,
        };
        let mut constants: Vec<f64> = self.literals.iter().copied().map(round).collect();
        for table in self.program.tables() {
            match (table, precision) {
                (Table::Values(values), _) => constants.extend(values.iter().copied().map(round)),
                (Table::Regions(table), Precision::F32) => {
                    constants.extend(table.regions().thresholds_f32(axis).iter().copied().map(f64::from));
                    constants.extend(table.weights_f32().iter().copied().map(f64::from));
                }
                (Table::Regions(table), Precision::F64) => {
                    constants.extend_from_slice(table.regions().thresholds_f64(axis));
                    constants.extend_from_slice(table.weights());
                }
            }
        }
        constants
    }

    /// Whether the formula fits a batch of `classes` classes (2 for BCE).
    ///
    /// # Errors
    ///
    /// Where a table with one value a class has another length.
    pub fn check(&self, classes: usize) -> Result<(), CodegenError> {
        for table in self.program.tables() {
            if let Table::Values(values) = table
                && values.len() != classes
            {
                return Err(CodegenError::ClassTable { given: values.len(), classes });
            }
        }
        Ok(())
    }

    /// The C of struct `Literals`, of the function that loads it, and of the function `weigh`.
    ///
    /// # Errors
    ///
    /// Where a table with one value a class does not have `classes` values.
    pub(crate) fn emit(&self, classes: usize, soft: bool) -> Result<String, CodegenError> {
        self.check(classes)?;
        Ok(emit::functions(&self.program, self.literals.len(), soft))
    }
}

/// The number that a node stands for, where it is lifted out of the text.
fn lifted(node: Node) -> Option<f64> {
    // 0 and ±1 belong to the formula's form: the compiler can use them.
    node.literal().filter(|value| ![-1.0, 0.0, 1.0].contains(value))
}
