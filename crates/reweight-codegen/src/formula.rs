//! A loss's formula with its numbers lifted out: the text stays, the numbers become arguments.

mod emit;

use reweight::{Leaf, Node, Program, Quantities, Real, SampleKind, SampleWeighter, Table, Weighting};

use crate::error::CodegenError;
use crate::shape::Precision;

/// What is computed of one sample, ready to be written as C: weight, base and their derivatives, or what regions are read
/// from. Adjustments of the probability are part of it; affine ones are arguments of the kernels.
///
/// All its numbers but −1, 0 and 1 are lifted into [`constants`](Self::constants), as are the tables; so losses that
/// differ in their numbers alone share a [`key`](Self::key) and a kernel.
#[derive(Clone, Debug)]
pub struct Formula<'a> {
    kind: SampleKind,
    program: &'a Program,
    tables: Tables<'a>,
    /// The lifted numbers in the order of their nodes.
    literals: Vec<f64>,
    key: String,
}

/// The tables that a program reads, behind its lifted numbers: where each begins among the constants.
#[derive(Clone, Debug)]
struct Tables<'a> {
    all: &'a [Table],
    /// The tables' numbers with their first constants.
    used: Vec<(u32, usize)>,
    /// Those with one value a class.
    per_class: Vec<u32>,
}

impl<'a> Formula<'a> {
    /// Weight, base and their slopes, of a loss on samples of that kind.
    ///
    /// # Errors
    ///
    /// Where the loss's formula cannot be recorded, or has an operation that there is no C for.
    pub fn of<W: SampleWeighter>(weighting: &'a Weighting<W>, kind: SampleKind) -> Result<Self, CodegenError> {
        Self::record(weighting, kind, Quantities::Step)
    }

    /// What the unit regions of a loss's samples of that kind are read from.
    ///
    /// # Errors
    ///
    /// As [`of`](Self::of).
    pub fn of_key<W: SampleWeighter>(weighting: &'a Weighting<W>, kind: SampleKind) -> Result<Self, CodegenError> {
        Self::record(weighting, kind, Quantities::Key)
    }

    fn record<W: SampleWeighter>(
        weighting: &'a Weighting<W>,
        kind: SampleKind,
        wanted: Quantities,
    ) -> Result<Self, CodegenError> {
        let program = weighting.program(kind, wanted)?;
        if let Some(node) = program.nodes().iter().find(|&&node| !emit::is_known(node)) {
            return Err(CodegenError::Unsupported { what: format!("{node:?}") });
        }
        let literals: Vec<f64> = program.nodes().iter().filter_map(|&node| lifted(node)).collect();
        let tables = Tables::of(program, weighting.formula(kind)?.tables(), literals.len());
        let key = emit::key(program, &tables);
        Ok(Self { kind, program, tables, literals, key })
    }

    /// The formula's shape as text: the same for the same C.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The samples that it is for.
    pub fn kind(&self) -> SampleKind {
        self.kind
    }

    /// The numbers that the kernels read at `constants`: lifted numbers, then each table in turn (one value a class or
    /// column; M − 1 thresholds and M weights; M weights alone where a region is found by arithmetic).
    ///
    /// The numbers are exact in `precision`, rounded as the CPU rounds them.
    pub fn constants(&self, precision: Precision) -> Vec<f64> {
        let axis = self.kind.axis();
        let round = |&value: &f64| match precision {
            Precision::F32 => f64::from(f32::lit(value)),
            Precision::F64 => value,
        };
        let mut constants: Vec<f64> = self.literals.iter().map(round).collect();
        for (table, _) in self.tables.iter() {
            match (table, precision) {
                (Table::Values(values), _) => constants.extend(values.iter().map(round)),
                (Table::Regions(table), Precision::F32) => {
                    let edges: &[f32] = thresholds(table.regions(), |regions| regions.thresholds_f32(axis));
                    constants.extend(edges.iter().chain(table.weights_f32()).copied().map(f64::from));
                }
                (Table::Regions(table), Precision::F64) => {
                    let edges: &[f64] = thresholds(table.regions(), |regions| regions.thresholds_f64(axis));
                    constants.extend(edges.iter().chain(table.weights()));
                }
            }
        }
        constants
    }

    /// Whether the formula is for samples of that kind, and fits a batch of `classes` classes (2 for BCE).
    ///
    /// # Errors
    ///
    /// Where it is for another kind, or a table with one value a class has another length.
    pub fn check(&self, kind: SampleKind, classes: usize) -> Result<(), CodegenError> {
        if self.kind != kind {
            return Err(CodegenError::Kind { formula: self.kind, shape: kind });
        }
        match self.tables.per_class.iter().map(|&at| self.tables.length(at)).find(|&given| given != classes) {
            Some(given) => Err(CodegenError::ClassTable { given, classes }),
            None => Ok(()),
        }
    }

    /// The C of struct `Literals`, of the function that loads it, and of the function `weigh`.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub(crate) fn weigh(&self, kind: SampleKind, classes: usize) -> Result<String, CodegenError> {
        self.check(kind, classes)?;
        Ok(emit::weigh(self))
    }

    /// The same with the function `key_of`.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub(crate) fn key_of(&self, kind: SampleKind, classes: usize) -> Result<String, CodegenError> {
        self.check(kind, classes)?;
        Ok(emit::key_of(self))
    }
}

impl<'a> Tables<'a> {
    fn of(program: &Program, all: &'a [Table], mut first: usize) -> Self {
        let (mut used, mut per_class): (Vec<(u32, usize)>, Vec<u32>) = (Vec::new(), Vec::new());
        for node in program.nodes() {
            let (Node::PerClass(table) | Node::PerColumn(table) | Node::Region(_, table)) = *node else { continue };
            if matches!(node, Node::PerClass(_)) {
                per_class.push(table);
            }
            if used.iter().any(|&(known, _)| known == table) {
                continue;
            }
            used.push((table, first));
            first += match &all[table as usize] {
                Table::Values(values) => values.len(),
                Table::Regions(table) => {
                    thresholds(table.regions(), |regions| regions.thresholds_f64(reweight::RegionAxis::Margin)).len()
                        + table.weights().len()
                }
            };
        }
        Self { all, used, per_class }
    }

    /// Those that are read, with their first constants.
    fn iter(&self) -> impl Iterator<Item = (&'a Table, usize)> {
        self.used.iter().map(|&(table, first)| (&self.all[table as usize], first))
    }

    /// The first constant of a table that is read.
    fn first(&self, table: u32) -> usize {
        self.used.iter().find(|&&(known, _)| known == table).map_or(0, |&(_, first)| first)
    }

    fn length(&self, table: u32) -> usize {
        match &self.all[table as usize] {
            Table::Values(values) => values.len(),
            Table::Regions(table) => table.weights().len(),
        }
    }
}

/// The thresholds that a region is found by; none where it is found by arithmetic.
pub(crate) fn thresholds<T>(regions: &reweight::Regions, of: impl FnOnce(&reweight::Regions) -> &[T]) -> &[T] {
    match regions.spacing() {
        reweight::Spacing::GradientNorm => of(regions),
        reweight::Spacing::Margin => &[],
    }
}

/// The number that a node stands for, where it is lifted out of the text.
fn lifted(node: Node) -> Option<f64> {
    // 0 and ±1 belong to the formula's form: the compiler can use them.
    node.literal().filter(|value| ![-1.0, 0.0, 1.0].contains(value))
}

/// Whether a sample of the kernels has this quantity.
fn is_of_samples(leaf: Leaf) -> bool {
    use Leaf::{Class, Column, LogP, LogQ, Margin, P, Q, Target};
    matches!(leaf, Margin | P | Q | LogP | LogQ | Target | Class | Column)
}
