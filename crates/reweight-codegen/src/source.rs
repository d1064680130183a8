//! A generated source with what is needed to launch it.

use crate::arguments::{Argument, FinishArguments};
use crate::shape::Precision;
use crate::template;

/// CUDA C with its entry points.
#[derive(Clone, Debug, PartialEq)]
pub struct KernelSource {
    /// The same for the same source: what compiled kernels are cached by. Numbers that may change from step to step
    /// (α, γ, tables, sizes) are arguments and not in it.
    pub key: String,
    /// The text, for NVRTC or nvcc; it includes nothing.
    pub source: String,
    /// The kernels in it.
    pub entries: Vec<Entry>,
}

impl KernelSource {
    /// The entry point of this name.
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }
}

/// One kernel.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The function's name.
    pub name: &'static str,
    /// The type of its one parameter, a struct passed by value.
    pub arguments: &'static str,
    /// That struct's fields.
    pub fields: &'static [Argument],
    /// Threads a block.
    pub block: u32,
    /// Elements (BCE) or rows (softmax) that one block takes at a time.
    pub per_block: u64,
    /// The most blocks: beyond, each block takes several portions.
    pub most_blocks: u32,
}

impl Entry {
    /// The number of blocks for `work` elements or rows.
    ///
    /// It depends on the work alone, not on the device: so does the order of the sums, and every GPU gives the same bits.
    pub fn grid(&self, work: u64) -> u32 {
        let portions = work.div_ceil(self.per_block).clamp(1, u64::from(self.most_blocks));
        u32::try_from(portions).unwrap_or(self.most_blocks)
    }
}

/// Threads of a block in every kernel but the one for long rows.
pub(crate) const BLOCK: u32 = 256;

/// Enough blocks to fill the largest GPUs several times over, few enough that their partial sums are summed in no time.
pub(crate) const MOST_BLOCKS: u32 = 2048;

/// The kernel that sums the blocks' partial sums and derives the reduction's factor: launched with one block.
pub fn finish(precision: Precision) -> KernelSource {
    let arguments = template::arguments("FinishArguments", FinishArguments::FIELDS);
    let source = template::join(&[
        "// Sums of a batch, and the reduction's factor.",
        &template::prelude(precision),
        &template::reduce(BLOCK),
        &arguments,
        include_str!("cuda/finish.cu"),
    ]);
    KernelSource {
        key: format!("finish;{}", precision.name()),
        source,
        entries: vec![Entry {
            name: "reweight_finish",
            arguments: "FinishArguments",
            fields: FinishArguments::FIELDS,
            block: BLOCK,
            per_block: u64::MAX,
            most_blocks: 1,
        }],
    }
}
