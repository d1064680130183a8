//! The gradient between forward and backward pass: nothing but the batch, the sums and a kernel still to be run.

use std::fmt::Debug;
use std::marker::PhantomData;

use cudarc::driver::{CudaSlice, DeviceSlice, DriverError};
use dfdx::tensor::CudaError;
use reweight_codegen::{FoldArguments, Precision, fold};

use super::call::{Call, FACTOR, Outputs, Weighed};
use super::failure::CudaFailure;
use super::gpu::{Buffer, Gpu, Kernel, Span};
use super::modules;
use super::tensor::{Located, plain_strides};
use crate::device::Element;

/// dL/dx, to be computed where it belongs: in the backward pass, from the batch that is kept until then.
#[derive(Debug)]
pub struct CudaGradient<E> {
    call: Call,
    weighed: Weighed,
    destination: Destination,
    element: PhantomData<E>,
}

/// Where the logits' gradient lies.
#[derive(Debug)]
pub(super) enum Destination {
    /// As the kernel writes it.
    Plain,
    /// Elsewhere, or shared by several logits: from a gradient in the plain layout, by one more kernel.
    Folded(Box<Folding>),
}

#[derive(Debug)]
pub(super) struct Folding {
    kernel: Kernel,
    layout: Buffer,
    layout_bytes: usize,
    /// Places in the gradient, axes on which they differ, logits that share one, axes on which those differ.
    places: usize,
    kept_rank: usize,
    copies: usize,
    repeated_rank: usize,
    /// Elements of the logits' memory.
    reach: usize,
}

impl Destination {
    /// Of logits that lie as `located` says, whose axes the kernels take in `order`.
    pub(super) fn of(gpu: &Gpu, located: &Located, order: &[usize], precision: Precision) -> Result<Self, CudaFailure> {
        if located.is_plain(order) {
            return Ok(Self::Plain);
        }
        let sizes: Vec<usize> = order.iter().map(|&axis| located.sizes[axis]).collect();
        let plain = plain_strides(&sizes);
        let all = sizes.iter().zip(plain).zip(order).map(|((&size, from), &axis)| [size, from, located.strides[axis]]);
        let (repeated, kept): (Vec<_>, Vec<_>) = all.filter(|&[size, ..]| size > 1).partition(|&[_, _, to]| to == 0);
        let column = |axes: &[[usize; 3]], at: usize| axes.iter().map(|axis| axis[at] as u64).collect::<Vec<_>>();
        let layout =
            [column(&kept, 0), column(&kept, 1), column(&kept, 2), column(&repeated, 0), column(&repeated, 1)].concat();
        let key = match precision {
            Precision::F32 => "fold;f32",
            Precision::F64 => "fold;f64",
        };
        let source = modules::source(key, || Ok(fold(precision)))?;
        Ok(Self::Folded(Box::new(Folding {
            kernel: modules::kernel(gpu, &source, "reweight_fold")?,
            layout_bytes: 8 * layout.len(),
            layout: gpu.upload(layout)?,
            places: kept.iter().map(|axis| axis[0]).product(),
            kept_rank: kept.len(),
            copies: repeated.iter().map(|axis| axis[0]).product(),
            repeated_rank: repeated.len(),
            reach: 1 + kept.iter().map(|[size, _, to]| (size - 1) * to).sum::<usize>(),
        })))
    }
}

impl<E: Element> CudaGradient<E> {
    pub(super) fn new(call: Call, weighed: Weighed, destination: Destination) -> Self {
        Self { call, weighed, destination, element: PhantomData }
    }

    /// Adds the gradient × `incoming`, one number or one a sample, to `into`.
    pub(super) fn accumulate(&self, incoming: &CudaSlice<E>, into: &mut CudaSlice<E>) -> Result<(), CudaError> {
        if self.call.count == 0 {
            return Ok(());
        }
        let each = incoming.len() > 1;
        // Sizes that do not fit are no tensors of this batch; dfdx has no other name for it.
        let wrong = |_| CudaError::Cpu(dfdx::tensor::CpuError::WrongNumElements);
        let arriving = if each { self.call.samples } else { 1 } * size_of::<E>();
        let header = Span::of(&self.weighed.header);
        let outputs = Outputs {
            constants: header.past(1).holding(8).unwrap_or(0),
            fault: header.holding(8).map_err(wrong)?,
            factor: Span::of(&self.weighed.sums).past(FACTOR).holding(8).map_err(wrong)?,
            upstream: Span::of(incoming).holding(arriving).map_err(wrong)?,
            upstream_each: each.into(),
            ..Outputs::default()
        };
        let bytes = self.call.count * size_of::<E>();
        match &self.destination {
            Destination::Plain => {
                let gradient = Span::of(into).holding(bytes).map_err(wrong)?;
                self.launch(&Outputs { gradient, accumulate: 1, ..outputs })?;
            }
            Destination::Folded(folding) => {
                let whole = self.call.gpu.zeroed(bytes.div_ceil(8))?;
                let from = Span::of(&whole).holding(bytes).map_err(wrong)?;
                self.launch(&Outputs { gradient: from, ..outputs })?;
                let arguments = FoldArguments {
                    from,
                    to: Span::of(into).holding(folding.reach * size_of::<E>()).map_err(wrong)?,
                    count: folding.places as i64,
                    kept_rank: folding.kept_rank as i64,
                    copies: folding.copies as i64,
                    repeated_rank: folding.repeated_rank as i64,
                    layout: Span::of(&folding.layout).holding(folding.layout_bytes).map_err(wrong)?,
                };
                self.call.gpu.launch(&folding.kernel, folding.places, &arguments.words())?;
            }
        }
        Ok(())
    }

    fn launch(&self, outputs: &Outputs) -> Result<(), DriverError> {
        self.call.gpu.launch(&self.weighed.fused, self.call.samples, &self.call.objective.words(outputs))
    }
}
