//! The kernels of binary cross entropy.

use reweight::{RegionAxis, Statistics};

use crate::arguments::BceArguments;
use crate::error::CodegenError;
use crate::formula::Formula;
use crate::shape::{Element, Labels, Precision};
use crate::source::{BLOCK, Entry, KernelSource, MOST_BLOCKS};
use crate::{statistics, template};

/// Elements that a thread of the loss kernels takes at a time; `ITEMS` of the template.
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

    /// What unit regions are read from.
    pub fn axis(&self) -> RegionAxis {
        match self.labels {
            Labels::Hard => RegionAxis::Margin,
            Labels::Soft => RegionAxis::NegatedNorm,
        }
    }

    /// The loss kernels `reweight_bce_value` and `reweight_bce_fused`, both with [`BceArguments`].
    ///
    /// # Errors
    ///
    /// Where the formula reads a table with one value a class that does not have two.
    pub fn loss(&self, formula: &Formula) -> Result<KernelSource, CodegenError> {
        let weigh = formula.emit(2, self.labels == Labels::Soft)?;
        let source = template::join(&[
            "// Binary cross entropy on logits, re-weighted: loss and gradient.",
            &template::prelude(self.precision),
            template::reduce(),
            &self.targets(),
            &weigh,
            &template::arguments("BceArguments", BceArguments::FIELDS),
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
    pub fn loss_key(&self, formula: &Formula) -> String {
        format!("bce;{};{}", self.key(), formula.key())
    }

    /// The key of [`statistics`](Self::statistics).
    pub fn statistics_key(&self, request: &Statistics) -> String {
        statistics::key(&format!("statistics;bce;{}", self.key()), request, 2)
    }

    /// The kernel `reweight_bce_statistics`, with [`StatisticsArguments`](crate::StatisticsArguments): it validates and
    /// counts what `request` asks for, in the order of [`BatchStatistics::as_counts`](reweight::BatchStatistics::as_counts).
    pub fn statistics(&self, request: &Statistics) -> KernelSource {
        let entry = "reweight_bce_statistics";
        let key = format!("statistics;bce;{}", self.key());
        statistics::kernel(&statistics::Target {
            precision: self.precision,
            request,
            classes: 2,
            key,
            preamble: self.targets(),
            body: include_str!("cuda/statistics_bce.cu"),
            entry,
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
            Labels::Hard => include_str!("cuda/bce_hard.cu").to_owned(),
            Labels::Soft => [include_str!("cuda/soft_sample.cu"), include_str!("cuda/bce_soft.cu")].join("\n"),
        };
        format!("typedef {} target_t;\n{sample}", self.targets.c_type())
    }
}
