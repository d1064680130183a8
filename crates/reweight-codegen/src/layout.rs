//! The kernels that bring tensors of any layout into the plain one, and gradients back.

use crate::arguments::{FoldArguments, GatherArguments};
use crate::shape::Precision;
use crate::source::{BLOCK, Entry, KernelSource, MOST_BLOCKS};
use crate::template;

/// The kernel `reweight_gather`, with [`GatherArguments`]: copies elements of `bytes` bytes (1, 2, 4 or 8) that lie at
/// any strides into a row.
pub fn gather(bytes: usize) -> KernelSource {
    let element = match bytes {
        1 => "unsigned char",
        2 => "unsigned short",
        4 => "unsigned int",
        _ => "unsigned long long",
    };
    let source = template::join(&[
        "// A tensor of any layout in the plain one.",
        &format!("typedef {element} element_t;"),
        &template::arguments("GatherArguments", GatherArguments::FIELDS),
        include_str!("cuda/gather.cu"),
    ]);
    kernel(
        format!("gather;{element}").replace(' ', "_"),
        source,
        "reweight_gather",
        "GatherArguments",
        GatherArguments::FIELDS,
    )
}

/// The kernel `reweight_fold`, with [`FoldArguments`]: adds a gradient in the plain layout to one of any layout.
pub fn fold(precision: Precision) -> KernelSource {
    let source = template::join(&[
        "// A gradient in the plain layout, added to one of any layout.",
        &template::prelude(precision),
        &template::arguments("FoldArguments", FoldArguments::FIELDS),
        include_str!("cuda/fold.cu"),
    ]);
    kernel(format!("fold;{}", precision.name()), source, "reweight_fold", "FoldArguments", FoldArguments::FIELDS)
}

fn kernel(
    key: String,
    source: String,
    name: &'static str,
    arguments: &'static str,
    fields: &'static [crate::Argument],
) -> KernelSource {
    let per_block = u64::from(BLOCK);
    KernelSource {
        key,
        source,
        entries: vec![Entry { name, arguments, fields, block: BLOCK, per_block, most_blocks: MOST_BLOCKS }],
    }
}
