//! The kernels of softmax cross entropy.

use reweight::{SampleKind, Statistics};

use crate::arguments::SoftmaxArguments;
use crate::error::CodegenError;
use crate::formula::Formula;
use crate::shape::{Element, Precision};
use crate::source::{BLOCK, Entry, KernelSource, MOST_BLOCKS};
use crate::{statistics, template};

/// Where a row is kept while its maximum, its sum and its gradient are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RowStrategy {
    /// In the registers of `group` lanes (a power of two up to 32), `values` logits a lane.
    Registers {
        /// Lanes a row.
        group: u32,
        /// Logits a lane.
        values: u32,
    },
    /// In a block's shared memory, up to `most` classes.
    Shared {
        /// The most classes.
        most: u32,
    },
    /// Nowhere: maximum and sum are found in one pass, and the gradient reads the row again.
    Streamed,
}

impl RowStrategy {
    /// The strategy for rows of `classes` logits.
    ///
    /// At most 128 bytes of registers a lane hold a row, beyond at most 32 KB of shared memory: both leave room for
    /// several blocks on a multiprocessor.
    pub fn for_classes(classes: usize, precision: Precision) -> Self {
        let wide = precision.bytes() / 4;
        let classes = classes.max(2);
        if classes <= 1024 / wide {
            // Some 8 logits a lane: what is computed once a row, each of its lanes computes, and a warp has the more rows.
            let group = classes.div_ceil(8).next_power_of_two().min(32);
            let values = classes.div_ceil(group);
            // Up to 8 values exactly; beyond, classes of shapes: the compiled kernels stay few.
            let values = if values <= 8 { values } else { values.next_multiple_of(if values <= 16 { 4 } else { 8 }) };
            Self::Registers { group: group as u32, values: values as u32 }
        } else if classes <= 8192 / wide {
            Self::Shared { most: classes.next_power_of_two() as u32 }
        } else {
            Self::Streamed
        }
    }
}

/// The types and the class of sizes that a softmax kernel is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SoftmaxShape {
    precision: Precision,
    targets: Element,
    classes: usize,
    rows: RowStrategy,
}

impl SoftmaxShape {
    /// Rows of `classes` logits of `precision`, and class indices of type `targets`.
    ///
    /// # Errors
    ///
    /// Where the class indices are to be floats, or there are fewer than two classes.
    pub fn new(precision: Precision, targets: Element, classes: usize) -> Result<Self, CodegenError> {
        if classes < 2 {
            return Err(CodegenError::Classes { found: classes });
        }
        let rows = RowStrategy::for_classes(classes, precision);
        Ok(Self { precision, targets: targets.class_index()?, classes, rows })
    }

    /// Where rows are kept.
    pub fn rows(&self) -> RowStrategy {
        self.rows
    }

    /// What its formulas must be for: samples of a class.
    pub fn kind(&self) -> SampleKind {
        SampleKind::Class
    }

    /// The loss kernels `reweight_softmax_value` and `reweight_softmax_fused`, both with [`SoftmaxArguments`].
    ///
    /// # Errors
    ///
    /// Where the formula is for other samples, or reads a table with one value a class of another number of classes.
    pub fn loss(&self, formula: &Formula<'_>) -> Result<KernelSource, CodegenError> {
        let weigh = formula.weigh(self.kind(), self.classes)?;
        let source = template::join(&[
            "// Softmax cross entropy on logits, re-weighted: loss and gradient.",
            &template::prelude(self.precision),
            &template::reduce(self.block()),
            &self.row(),
            &weigh,
            &template::arguments("SoftmaxArguments", SoftmaxArguments::FIELDS),
            include_str!("cuda/results.cu"),
            include_str!("cuda/softmax.cu"),
        ]);
        let entry = |name| Entry {
            name,
            arguments: "SoftmaxArguments",
            fields: SoftmaxArguments::FIELDS,
            block: self.block(),
            per_block: self.rows_per_block(),
            most_blocks: MOST_BLOCKS,
        };
        Ok(KernelSource {
            key: self.loss_key(formula),
            source,
            entries: vec![entry("reweight_softmax_value"), entry("reweight_softmax_fused")],
        })
    }

    /// The key of [`loss`](Self::loss), which takes less time to make than the text: what has been compiled is found by
    /// it. Ask [`Formula::check`] whether the formula fits the classes.
    pub fn loss_key(&self, formula: &Formula<'_>) -> String {
        format!("softmax;{};{}", self.key(), formula.key())
    }

    /// The key of [`statistics`](Self::statistics).
    pub fn statistics_key(&self, formula: &Formula<'_>, request: &Statistics) -> String {
        statistics::key(&format!("softmax;{}", self.key()), formula, request, self.classes)
    }

    /// The kernel `reweight_softmax_statistics`, with [`StatisticsArguments`](crate::StatisticsArguments): it validates
    /// and counts what `request` asks for, in the order of
    /// [`BatchStatistics::as_counts`](reweight::BatchStatistics::as_counts). `formula` is what regions are read from.
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
            classes: self.classes,
            key: format!("softmax;{}", self.key()),
            preamble: self.row(),
            body: include_str!("cuda/statistics_softmax.cu"),
            entry: "reweight_softmax_statistics",
            block: self.block(),
            per_block: self.rows_per_block(),
        })
    }

    fn key(&self) -> String {
        let rows = match self.rows {
            RowStrategy::Registers { group, values } => format!("registers{group}x{values}"),
            RowStrategy::Shared { most } => format!("shared{most}"),
            RowStrategy::Streamed => "streamed".to_owned(),
        };
        format!("{};{};{rows}", self.precision.name(), self.targets)
    }

    /// Threads of a block.
    fn block(&self) -> u32 {
        // A long row is read by one block alone: more threads keep more of it in flight.
        if self.rows == RowStrategy::Streamed { 2 * BLOCK } else { BLOCK }
    }

    fn rows_per_block(&self) -> u64 {
        match self.rows {
            RowStrategy::Registers { group, .. } => u64::from(BLOCK / group),
            RowStrategy::Shared { .. } | RowStrategy::Streamed => 1,
        }
    }

    /// The targets' type, and how a row is read and written.
    fn row(&self) -> String {
        let keep = match self.rows {
            RowStrategy::Registers { group, values } => template::fill(
                include_str!("cuda/row_warp.cu"),
                &[
                    ("group", &group.to_string()),
                    ("values", &values.to_string()),
                    ("most", &(group * values).to_string()),
                ],
            ),
            RowStrategy::Shared { most } => {
                let most = most.to_string();
                [
                    include_str!("cuda/block_max.cu"),
                    &template::fill(include_str!("cuda/row_block.cu"), &[("most", &most)]),
                ]
                .join("\n")
            }
            RowStrategy::Streamed => [include_str!("cuda/block_max.cu"), include_str!("cuda/row_stream.cu")].join("\n"),
        };
        let targets = self.targets.c_type();
        let (map, row) = (include_str!("cuda/map.cu"), include_str!("cuda/row.cu"));
        format!("typedef {targets} target_t;\n{map}\n{row}\n{keep}")
    }
}
