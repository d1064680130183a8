//! Where a tensor's elements lie: dfdx 0.13 has no accessor for them, but its tensors say it where they are printed.
//!
//! `Tensor` derives `Debug`, and so do the storage and cudarc's `CudaSlice` in it, whose first two fields are address and
//! length, and behind which shape and strides follow. A writer that reads along, and stops the printing as soon as it
//! knows enough, costs no pass over the data and works for elements of every type. The form of derived text is no
//! promise, so both crates' versions are pinned, and before the first use in a process tensors of known contents are
//! looked up, read at the address that was found, and compared.

use std::any::Any;
use std::fmt::{self, Debug, Write};
use std::sync::OnceLock;

use dfdx::prelude::{Cuda, Gradients, HasShape, Shape, Storage, Tensor, TensorFromVec, Unit};
use dfdx::shapes::Rank2;
use dfdx::tensor_ops::PermuteTo;
use reweight_codegen::{GatherArguments, gather};

use super::failure::CudaFailure;
use super::gpu::{Buffer, Gpu, Span};
use super::modules;

/// A tensor's memory, sizes, and strides in elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Located {
    pub(super) span: Span,
    pub(super) sizes: Vec<usize>,
    /// 0 along an axis that the tensor was broadcast along.
    pub(super) strides: Vec<usize>,
}

/// What a printed tensor has said so far.
#[derive(Debug, Default)]
struct Listener {
    /// What has been printed and not yet understood.
    text: String,
    address: Option<u64>,
    length: Option<usize>,
    strides: Option<Vec<usize>>,
    /// Whether the tensor was copied from the host: then all elements are printed before the strides.
    holds_host_copy: Option<bool>,
    /// Whether the strides are wanted.
    whole: bool,
}

/// What is printed before the elements that a tensor was copied from.
const COPY_BEGINS: &str = "host_buf: Some";
/// Longer than any name that is looked for.
const TAIL: usize = 32;
/// Bytes between two looks for the strides: before them the device prints every kernel that it has loaded.
const LOOK: usize = 1024;

impl Listener {
    /// What stands between `before` and `after`, once both have been printed; all up to it is forgotten.
    fn between(&mut self, before: &str, after: impl Fn(char) -> bool) -> Option<String> {
        let Some(start) = self.text.find(before).map(|at| at + before.len()) else {
            let mut cut = self.text.len().saturating_sub(TAIL);
            while !self.text.is_char_boundary(cut) {
                cut -= 1;
            }
            self.text.drain(..cut);
            return None;
        };
        let end = start + self.text[start..].find(after)?;
        let found = self.text[start..end].to_owned();
        self.text.drain(..end);
        Some(found)
    }

    /// Takes in what it can; whether there is nothing left to learn.
    fn is_done(&mut self) -> bool {
        let no_digit = |c: char| !c.is_ascii_digit();
        if self.address.is_none() {
            self.address = self.between("cu_device_ptr: ", no_digit).and_then(|text| text.parse().ok());
        }
        if self.address.is_some() && self.length.is_none() {
            self.length = self.between("len: ", no_digit).and_then(|text| text.parse().ok());
        }
        if self.length.is_none() || !self.whole {
            return self.length.is_some();
        }
        if self.holds_host_copy.is_none() {
            if self.text.ends_with(COPY_BEGINS) {
                self.holds_host_copy = Some(true);
                return true;
            }
            let no_letter = |c: char| !c.is_ascii_alphabetic();
            self.holds_host_copy = self.between("host_buf: ", no_letter).map(|text| text != "None");
        }
        match self.holds_host_copy {
            None => return false,
            Some(true) => return true,
            Some(false) => {}
        }
        if let Some(text) = self.between("strides: [", |c| c == ']') {
            self.strides =
                text.split(", ").filter(|number| !number.is_empty()).map(|number| number.parse().ok()).collect();
            return true;
        }
        false
    }
}

impl Write for Listener {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        self.text.push_str(piece);
        // A copy of the elements is told by the word before them: a list that has begun goes over all of them, even when nothing
        // is printed any more.
        let copy_begins = piece.ends_with("Some") && self.text.ends_with(COPY_BEGINS);
        let waits = self.length.is_some() && self.text.len() < LOOK && !copy_begins;
        // An error ends the printing.
        if !waits && self.is_done() { Err(fmt::Error) } else { Ok(()) }
    }
}

fn listen(tensor: &impl Debug, whole: bool) -> Listener {
    let mut listener = Listener { whole, ..Listener::default() };
    // It ends with an error where all has been said, which is no failure.
    let _ = write!(listener, "{tensor:?}");
    listener.is_done();
    listener
}

impl Located {
    /// Looks up a tensor.
    pub(super) fn of<S: Shape, E: Unit>(tensor: &Tensor<S, E, Cuda>) -> Result<Self, CudaFailure> {
        checked(tensor.device())?;
        Self::unchecked(tensor)
    }

    fn unchecked<S: Shape, E: Unit>(tensor: &Tensor<S, E, Cuda>) -> Result<Self, CudaFailure> {
        let sizes: Vec<usize> = tensor.shape().concrete().into();
        let plain = plain_strides(&sizes);
        let count: usize = sizes.iter().product();
        if count == 0 {
            return Ok(Self { span: Span::new(0, 0), sizes, strides: plain });
        }
        let first = listen(tensor, false);
        let (Some(address), Some(length)) = (first.address, first.length) else { return Err(CudaFailure::Tensor) };
        // A single axis with a place for each element has no other stride than 1.
        let strides = if length == count && sizes.iter().filter(|&&size| size > 1).count() < 2 {
            plain
        } else {
            strides_of(tensor)?
        };
        let reach = 1 + sizes.iter().zip(&strides).map(|(size, stride)| (size - 1) * stride).sum::<usize>();
        if strides.len() != sizes.len() || reach > length {
            return Err(CudaFailure::Tensor);
        }
        Ok(Self { span: Span::new(address, length * size_of::<E>()), sizes, strides })
    }

    /// Whether the elements lie one after the other, the axes taken in `order`.
    pub(super) fn is_plain(&self, order: &[usize]) -> bool {
        let sizes: Vec<usize> = order.iter().map(|&axis| self.sizes[axis]).collect();
        let plain = plain_strides(&sizes);
        // Where there are no elements, none lies elsewhere.
        sizes.contains(&0)
            || order.iter().zip(plain).all(|(&axis, stride)| self.sizes[axis] <= 1 || self.strides[axis] == stride)
    }
}

/// The strides of elements that lie one after the other.
pub(super) fn plain_strides(sizes: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; sizes.len()];
    for axis in (1..sizes.len()).rev() {
        strides[axis - 1] = strides[axis] * sizes[axis];
    }
    strides
}

fn strides_of<S: Shape, E: Unit>(tensor: &Tensor<S, E, Cuda>) -> Result<Vec<usize>, CudaFailure> {
    let listener = listen(tensor, true);
    if let Some(strides) = listener.strides {
        return Ok(strides);
    }
    // A tensor that was copied from the host still holds that copy, and would print every element of it. A gradient of
    // its shape and strides does not. Its buffer is replaced by an empty one: reading a gradient copies the buffer, and
    // that panics where no memory is left.
    let mut buffers = Gradients::<E, Cuda>::leaky();
    *buffers.get_or_alloc_mut(tensor)? = Storage::<E>::try_alloc_len(tensor.device(), 0)?;
    let bare: Tensor<S, E, Cuda> = buffers.get(tensor);
    listen(&bare, true).strides.ok_or(CudaFailure::Tensor)
}

/// Whether what tensors print is understood, which is asked once.
fn checked(device: &Cuda) -> Result<(), CudaFailure> {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    if let Some(&understood) = ANSWER.get() {
        return if understood { Ok(()) } else { Err(CudaFailure::Tensor) };
    }
    let understood = try_out(device)?;
    if *ANSWER.get_or_init(|| understood) { Ok(()) } else { Err(CudaFailure::Tensor) }
}

/// Looks up tensors of known contents. A device that fails is an error, and says nothing of what tensors print.
fn try_out(device: &Cuda) -> Result<bool, CudaFailure> {
    let gpu = Gpu::of(device)?;
    let words = [2_u32, 3, 5, 7, 11, 13];
    let tensor: Tensor<Rank2<2, 3>, u32, Cuda> = device.try_tensor_from_vec(words.to_vec(), Default::default())?;
    let turned: Tensor<Rank2<3, 2>, u32, Cuda> = tensor.clone().try_permute()?;
    let both = Located::unchecked(&tensor).and_then(|plain| Ok((plain, Located::unchecked(&turned)?)));
    let (plain, turned) = match both {
        Err(CudaFailure::Tensor) => return Ok(false),
        other => other?,
    };
    let mut same = plain.span == turned.span && plain.strides == [3, 1] && turned.strides == [1, 3];
    for (index, word) in words.into_iter().enumerate() {
        // The address may be anything, but it was printed as one of this device's memory.
        same = same && gpu.element(plain.span, index, 4)?[..4] == word.to_ne_bytes();
    }
    let mut buffers = Gradients::<u32, Cuda>::leaky();
    let own = Span::of(buffers.get_or_alloc_mut(&tensor)?);
    Ok(same && own.holding(24).is_ok())
}

/// A tensor whose elements lie one after the other, itself or a copy.
#[derive(Debug)]
pub(super) struct Plain {
    pub(super) span: Span,
    /// How the tensor itself lies.
    pub(super) located: Located,
    /// What keeps the memory.
    pub(super) keep: Vec<Kept>,
}

/// A tensor or buffer of any type, kept for its memory's sake.
pub(super) struct Kept(#[expect(dead_code, reason = "it is dropped, which is all that is asked of it")] Box<dyn Any>);

impl Kept {
    pub(super) fn new(owner: impl Any) -> Self {
        Self(Box::new(owner))
    }
}

impl Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept")
    }
}

impl Plain {
    /// The tensor with its axes taken in `order`; copied on the device where it lies otherwise.
    pub(super) fn of<S: Shape, E: Unit>(
        gpu: &Gpu,
        tensor: &Tensor<S, E, Cuda>,
        order: &[usize],
    ) -> Result<Self, CudaFailure> {
        let located = Located::of(tensor)?;
        let keep = vec![Kept::new(tensor.clone())];
        if located.is_plain(order) {
            return Ok(Self { span: located.span, located, keep });
        }
        let count: usize = located.sizes.iter().product();
        let bytes = size_of::<E>();
        let copy: Buffer = gpu.unset((count * bytes).div_ceil(8))?;
        let source = gather(bytes);
        let key = source.key.clone();
        let source = modules::source(&key, || Ok(source))?;
        let kernel = modules::kernel(gpu, &source, "reweight_gather")?;
        let axes = |of: &[usize]| order.iter().map(|&axis| of[axis] as u64).collect::<Vec<_>>();
        let layout = gpu.upload([axes(&located.sizes), axes(&located.strides)].concat())?;
        let arguments = GatherArguments {
            from: located.span.holding(bytes)?,
            to: Span::of(&copy).holding(count * bytes)?,
            count: count as i64,
            rank: order.len() as i64,
            layout: Span::of(&layout).holding(16 * order.len())?,
        };
        gpu.launch(&kernel, count, &arguments.words())?;
        let span = Span::of(&copy);
        Ok(Self { span, located, keep: vec![Kept::new(copy)] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a tensor prints, as derived by dfdx 0.13.0 and cudarc 0.9.15.
    const PRINTED: &str = "Tensor { id: UniqueId(7), data: CachableCudaSlice { data: CudaSlice { cu_device_ptr: 140234, \
        len: 24, device: CudaDevice { cu_device: 0, cu_primary_ctx: 0x5581, stream: 0x0, event: 0x5582, modules: RwLock { \
        data: {\"a\": CudaModule { cu_module: 0x1, functions: {\"a\": 0x2} }}, poisoned: false, .. }, ordinal: 0, \
        is_async: true }, host_buf: None }, cache: TensorCache { allocations: RwLock { data: {}, poisoned: false, .. }, \
        enabled: RwLock { data: false, poisoned: false, .. } } }, shape: (4, 6), strides: [1, 4], device: Cuda { .. } }";

    fn heard(text: &str, whole: bool, piece: usize) -> Listener {
        let mut listener = Listener { whole, ..Listener::default() };
        let pieces = text.as_bytes().chunks(piece).map(|piece| std::str::from_utf8(piece).unwrap());
        for piece in pieces {
            if listener.write_str(piece).is_err() {
                break;
            }
        }
        listener.is_done();
        listener
    }

    #[test]
    fn hears_address_length_and_strides_however_they_are_printed() {
        for piece in [1, 2, 7, 40, 2000] {
            let found = heard(PRINTED, true, piece);
            assert_eq!((found.address, found.length), (Some(140_234), Some(24)));
            assert_eq!(found.strides, Some(vec![1, 4]));
            let found = heard(PRINTED, false, piece);
            assert_eq!((found.length, found.strides), (Some(24), None));
        }
    }

    #[test]
    fn stops_before_a_copy_of_the_elements() {
        let copy = format!("host_buf: Some([{}])", "1, ".repeat(10_000));
        let printed = PRINTED.replace("host_buf: None", &copy);
        let found = heard(&printed, true, 3);
        assert_eq!((found.length, found.holds_host_copy, found.strides), (Some(24), Some(true), None));
        assert!(found.text.len() < 2 * LOOK);
    }

    /// A list that has begun is gone over to its end, printed or not: of a large batch that takes longer than its loss.
    #[test]
    fn never_begins_a_copy_of_the_elements() {
        struct Elements;
        impl Debug for Elements {
            fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
                unreachable!("the elements are asked for")
            }
        }
        #[derive(Debug)]
        #[expect(dead_code, reason = "printed")]
        struct CudaSlice {
            cu_device_ptr: u64,
            len: usize,
            host_buf: Option<Elements>,
            strides: [usize; 2],
        }
        let slice = CudaSlice { cu_device_ptr: 140_234, len: 24, host_buf: Some(Elements), strides: [1, 4] };
        let found = listen(&slice, true);
        assert_eq!((found.address, found.length), (Some(140_234), Some(24)));
        assert_eq!((found.holds_host_copy, found.strides), (Some(true), None));
    }

    #[test]
    fn a_scalar_has_no_strides() {
        let found = heard(&PRINTED.replace("[1, 4]", "[]"), true, 5);
        assert_eq!(found.strides, Some(Vec::new()));
    }

    #[test]
    fn other_text_says_nothing() {
        let found = heard("Tensor { data: [1.0, 2.0], strides: [1] }", true, 4);
        assert_eq!((found.address, found.strides), (None, None));
    }
}
