//! The gradient between forward and backward pass.

use dfdx::prelude::CpuError;
use ndarray::{ArrayD, ArrayViewD, ArrayViewMutD, Axis, CowArray, IxDyn, ShapeBuilder, Zip};

use super::host::Layout;
use crate::device::Element;

/// dL/dx as the engine computed it, and where it belongs.
#[derive(Clone, Debug)]
pub struct CpuGradient<E> {
    grad: ArrayD<E>,
    layout: Layout,
    /// The output's sizes, with 1 along the axes that the loss has summed over.
    output: Vec<usize>,
}

impl<E: Element> CpuGradient<E> {
    /// Of a scalar loss.
    pub(super) fn of_scalar(grad: ArrayD<E>, layout: &Layout) -> Self {
        Self { output: vec![1; grad.ndim()], grad, layout: layout.clone() }
    }

    /// Of the sum of per-sample losses, whose output has sizes `output`: the logits' own, or 1 along the classes.
    pub(super) fn of_each(grad: ArrayD<E>, layout: &Layout, output: Vec<usize>) -> Self {
        Self { grad, layout: layout.clone(), output }
    }

    pub(super) fn accumulate(&self, incoming: &[E], into: &mut [E]) -> Result<(), CpuError> {
        let mut sizes = self.layout.sizes.clone();
        for axis in (0..sizes.len()).filter(|&axis| self.layout.repeats(axis)) {
            sizes[axis] = 1;
        }
        let into_shape = IxDyn(&sizes).strides(IxDyn(&self.layout.strides));
        let mut into = ArrayViewMutD::from_shape(into_shape, into).map_err(|_| CpuError::WrongNumElements)?;
        if let [factor] = *incoming {
            let grad = self.folded(CowArray::from(self.grad.view()));
            Zip::from(&mut into).and(&grad).for_each(|into, &grad| *into += factor * grad);
        } else {
            let incoming =
                ArrayViewD::from_shape(IxDyn(&self.output), incoming).map_err(|_| CpuError::WrongNumElements)?;
            let incoming = incoming.broadcast(self.grad.raw_dim()).ok_or(CpuError::WrongNumElements)?;
            let scaled = Zip::from(&self.grad).and(&incoming).map_collect(|&grad, &factor| factor * grad);
            let grad = self.folded(CowArray::from(scaled));
            Zip::from(&mut into).and(&grad).for_each(|into, &grad| *into += grad);
        }
        Ok(())
    }

    /// Logits that were broadcast share memory: their gradients add up.
    fn folded<'g>(&self, mut grad: CowArray<'g, E, IxDyn>) -> CowArray<'g, E, IxDyn> {
        for axis in (0..grad.ndim()).filter(|&axis| self.layout.repeats(axis)) {
            let sum = grad.fold_axis(Axis(axis), E::default(), |&sum, &slope| sum + slope);
            grad = CowArray::from(sum.insert_axis(Axis(axis)));
        }
        grad
    }
}
