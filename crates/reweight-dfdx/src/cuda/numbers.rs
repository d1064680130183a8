//! Numbers on their way to the device: in the logits' precision, and the tables of a batch's adjustments.

use reweight_codegen::{MapTables, Precision};

use super::failure::CudaFailure;
use super::gpu::{Buffer, Gpu, Span};

/// Numbers in the logits' precision, as words.
pub(super) fn packed(precision: Precision, numbers: &[f64]) -> Vec<u64> {
    match precision {
        Precision::F64 => numbers.iter().map(|number| number.to_bits()).collect(),
        Precision::F32 => {
            let bits = |number: Option<&f64>| u64::from(number.map_or(0, |&number| (number as f32).to_bits()));
            let word = |pair: &[f64]| {
                let (first, second) = (bits(pair.first()), bits(pair.get(1)));
                if cfg!(target_endian = "big") { first << 32 | second } else { second << 32 | first }
            };
            numbers.chunks(2).map(word).collect()
        }
    }
}

/// The adjustments of a batch on the device; null where they change nothing.
#[derive(Debug, Default)]
pub(super) struct Map {
    pub(super) scale: u64,
    pub(super) offset: u64,
    pub(super) margin: u64,
    pub(super) buffer: Option<Buffer>,
}

impl Map {
    pub(super) fn upload(gpu: &Gpu, precision: Precision, tables: &MapTables) -> Result<Self, CudaFailure> {
        if tables.numbers.is_empty() {
            return Ok(Self::default());
        }
        let buffer = gpu.upload(packed(precision, &tables.numbers))?;
        let first = Span::of(&buffer).holding(tables.numbers.len() * precision.bytes())?;
        let at = |table: Option<usize>| table.map_or(0, |at| first + (at * precision.bytes()) as u64);
        let (scale, offset, margin) = (at(tables.scale), at(tables.offset), at(tables.margin));
        Ok(Self { scale, offset, margin, buffer: Some(buffer) })
    }
}
