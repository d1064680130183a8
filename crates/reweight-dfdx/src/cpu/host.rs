//! Reading a tensor's elements: dfdx 0.13 has no accessor for them.

use dfdx::prelude::{Cpu, CpuError, Gradients, HasShape, Shape, Storage, Tensor, Unit};
use ndarray::{ArrayD, ArrayViewD, IxDyn, ShapeBuilder};

/// A copy of a tensor's memory, with the tensor's shape and layout.
///
/// One `memcpy` is the least that dfdx's public interface allows. (`as_vec` walks the elements one by one through their
/// indices, which takes several times as long, and says nothing of the layout that the gradient must have.)
pub(super) struct Host<E: Unit> {
    memory: <Cpu as Storage<E>>::Vec,
    layout: Layout,
}

/// Sizes and strides, in elements, of a tensor.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) sizes: Vec<usize>,
    /// 0 along an axis that the tensor was broadcast along.
    pub(super) strides: Vec<usize>,
}

impl<E: Unit> Host<E> {
    pub(super) fn of<S: Shape, T>(tensor: &Tensor<S, E, Cpu, T>) -> Result<Self, CpuError> {
        // A gradient's buffer has the length of the tensor's memory, which nothing else tells; it comes from the
        // device's cache and goes back there.
        let mut buffers = Gradients::leaky();
        let buffer = buffers.get_or_alloc_mut(tensor)?;
        tensor.copy_into(buffer);
        let empty = tensor.device().try_alloc_len(0)?;
        Ok(Self { memory: std::mem::replace(buffer, empty), layout: Layout::of(tensor) })
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(super) fn view(&self) -> Result<ArrayViewD<'_, E>, CpuError> {
        let shape = IxDyn(&self.layout.sizes).strides(IxDyn(&self.layout.strides));
        ArrayViewD::from_shape(shape, &self.memory).map_err(|_| CpuError::WrongNumElements)
    }
}

impl Layout {
    /// The layout, from where the elements lie: the strides themselves are private.
    fn of<S: Shape, E: Unit, T>(tensor: &Tensor<S, E, Cpu, T>) -> Self {
        let shape = tensor.shape();
        let mut strides: Vec<usize> = shape.strides().into();
        let sizes: Vec<usize> = shape.concrete().into();
        if shape.num_elements() > 0 {
            let address = |index| std::ptr::from_ref(&tensor[index]).addr();
            let origin = address(S::Concrete::default());
            // Along an axis of one element any stride will do.
            for axis in (0..sizes.len()).filter(|&axis| sizes[axis] > 1) {
                let mut next = S::Concrete::default();
                next[axis] = 1;
                strides[axis] = (address(next) - origin) / size_of::<E>();
            }
        } else {
            // Other strides would reach beyond the memory, of which there is none.
            strides.fill(0);
        }
        Self { sizes, strides }
    }

    /// Two arrays of these sizes, row by row.
    pub(super) fn zeros<E: Clone + Default>(&self) -> [ArrayD<E>; 2] {
        [(); 2].map(|()| ArrayD::from_elem(&self.sizes[..], E::default()))
    }

    /// Whether some axis was broadcast along.
    pub(super) fn repeats(&self, axis: usize) -> bool {
        self.strides[axis] == 0 && self.sizes[axis] > 1
    }
}
