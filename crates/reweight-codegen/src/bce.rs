//! The kernels of binary cross entropy.

use reweight::{SampleKind, Statistics};

use crate::arguments::BceArguments;
use crate::error::CodegenError;
use crate::formula::Formula;
use crate::shape::{Element, Labels, Precision};
use crate::source::{BLOCK, Entry, KernelSource, MOST_BLOCKS};
use crate::{statistics, template};

/// Elements that a thread has in flight at once, so that the memory is kept busy.
const ITEMS: u64 = 4;

/// The types that a BCE kernel is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BceShape {
    precision: Precision,
    targets: Element,
    labels: Labels,
}

impl BceShape {
    /// Logits of `precision` and targets of type `targets` that are `labels`.
    ///
    /// # Errors
    ///
    /// Where soft labels are to be integers.
    pub fn new(precision: Precision, targets: Element, labels: Labels) -> Result<Self, CodegenError> {
        Ok(Self { precision, targets, labels: labels.check(targets)? })
    }

    /// What its formulas must be for.
    pub fn kind(&self) -> SampleKind {
        match self.labels {
            Labels::Hard => SampleKind::Binary,
            Labels::Soft => SampleKind::SoftBinary,
        }
    }

    /// The loss kernels `reweight_bce_value` and `reweight_bce_fused`, both with [`BceArguments`].
    ///
    /// # Errors
    ///
    /// Where the formula is for other samples, or reads a table with one value a class that does not have two.
    pub fn loss(&self, formula: &Formula<'_>) -> Result<KernelSource, CodegenError> {
        let weigh = formula.weigh(self.kind(), 2)?;
        let source = template::join(&[
            "// Binary cross entropy on logits, re-weighted: loss and gradient.",
            &template::prelude(self.precision),
            &template::reduce(BLOCK),
            &self.targets(),
            &weigh,
            &template::arguments("BceArguments", BceArguments::FIELDS),
            include_str!("cuda/results.cu"),
            include_str!("cuda/bce.cu"),
        ]);
        let entry = |name| Entry {
            name,
            arguments: "BceArguments",
            fields: BceArguments::FIELDS,
            block: BLOCK,
            per_block: u64::from(BLOCK) * ITEMS,
            most_blocks: MOST_BLOCKS,
        };
        Ok(KernelSource {
            key: self.loss_key(formula),
            source,
            entries: vec![entry("reweight_bce_value"), entry("reweight_bce_fused")],
        })
    }

    /// The key of [`loss`](Self::loss), which takes less time to make than the text: what has been compiled is found by
    /// it. Ask [`Formula::check`] whether the formula fits 2 classes.
    pub fn loss_key(&self, formula: &Formula<'_>) -> String {
        format!("bce;{};{}", self.key(), formula.key())
    }

    /// The key of [`statistics`](Self::statistics).
    pub fn statistics_key(&self, formula: &Formula<'_>, request: &Statistics) -> String {
        statistics::key(&format!("bce;{}", self.key()), formula, request, 2)
    }

    /// The kernel `reweight_bce_statistics`, with [`StatisticsArguments`](crate::StatisticsArguments): it validates and
    /// counts what `request` asks for, in the order of [`BatchStatistics::as_counts`](reweight::BatchStatistics::as_counts).
    /// `formula` is what regions are read from.
    ///
    /// # Errors
    ///
    /// As [`loss`](Self::loss).
    pub fn statistics(&self, formula: &Formula<'_>, request: &Statistics) -> Result<KernelSource, CodegenError> {
        statistics::kernel(&statistics::Target {
            precision: self.precision,
            request,
            formula,
            kind: self.kind(),
            classes: 2,
            key: format!("bce;{}", self.key()),
            preamble: self.targets(),
            body: include_str!("cuda/statistics_bce.cu"),
            entry: "reweight_bce_statistics",
            block: BLOCK,
            per_block: u64::from(BLOCK) * ITEMS,
        })
    }

    fn key(&self) -> String {
        format!("{};{};{:?}", self.precision.name(), self.targets, self.labels)
    }

    /// The targets' type, and a sample from logit and target.
    fn targets(&self) -> String {
        let sample = match self.labels {
            Labels::Hard => include_str!("cuda/bce_hard.cu"),
            Labels::Soft => include_str!("cuda/bce_soft.cu"),
        };
        let (targets, map) = (self.targets.c_type(), include_str!("cuda/map.cu"));
        // Elements of a thread and of a block.
        let tile = format!("#define ITEMS {ITEMS}\n#define TILE (ITEMS * BLOCK)");
        format!("typedef {targets} target_t;\n{tile}\n{map}\n{sample}")
    }
}
