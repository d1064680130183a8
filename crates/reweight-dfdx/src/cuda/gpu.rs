//! The device as the losses see it: memory, copies, launches, versions. All unsafe code of this crate is here.
//!
//! What makes a launch sound: every address that a kernel is given comes out of [`Span::holding`], which compares the
//! memory's size with what the kernel touches of it, and is either of a tensor that the caller keeps or of a [`Buffer`]
//! that it owns. dfdx and cudarc use one stream, the default one, and memory is freed in its order: what is dropped
//! after a launch is freed after the kernel has run.
#![expect(unsafe_code, reason = "launches, copies from an address, events and the versions are unsafe in cudarc")]

use std::ffi::c_int;
use std::sync::Arc;

use cudarc::driver::{
    CudaDevice, CudaFunction, CudaSlice, DevicePtr, DeviceRepr, DeviceSlice, DriverError, LaunchAsync, LaunchConfig,
    result, sys,
};
use cudarc::nvrtc;
use dfdx::prelude::{Cuda, Storage};
use reweight_codegen::Entry;

use super::failure::CudaFailure;

/// Words of our own on the device.
pub(super) type Buffer = CudaSlice<u64>;

/// Memory on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    address: u64,
    bytes: usize,
}

impl Span {
    /// `bytes` bytes at `address`; the caller vouches for them.
    pub(super) fn new(address: u64, bytes: usize) -> Self {
        Self { address, bytes }
    }

    /// Of a slice of cudarc's, or of dfdx's, which are the same.
    pub(super) fn of<T>(slice: &CudaSlice<T>) -> Self {
        Self { address: *slice.device_ptr(), bytes: slice.num_bytes() }
    }

    /// What lies past the first words.
    pub(super) fn past(self, first: usize) -> Self {
        let skipped = (8 * first).min(self.bytes);
        Self { address: self.address + skipped as u64, bytes: self.bytes - skipped }
    }

    /// The address, where at least `bytes` bytes lie; null for none.
    pub(super) fn holding(self, bytes: usize) -> Result<u64, CudaFailure> {
        match bytes {
            0 => Ok(0),
            _ if bytes <= self.bytes => Ok(self.address),
            _ => Err(CudaFailure::Tensor),
        }
    }
}

/// A compiled kernel.
#[derive(Clone, Debug)]
pub(super) struct Kernel {
    pub(super) function: CudaFunction,
    pub(super) entry: Entry,
}

impl Kernel {
    /// The number of blocks for `work` elements or rows.
    pub(super) fn grid(&self, work: usize) -> u32 {
        self.entry.grid(work as u64)
    }
}

/// The most fields of a kernel's struct.
const MOST_FIELDS: usize = 24;

/// A kernel's one parameter; of its fields, the kernel reads as many as it has.
#[repr(transparent)]
struct Parameter([u64; MOST_FIELDS]);

// SAFETY: plain words, which the default method hands over by address, as the driver wants a struct that is passed by value.
unsafe impl DeviceRepr for Parameter {}

/// A device, by way of cudarc.
#[derive(Clone, Debug)]
pub(super) struct Gpu {
    pub(super) device: Arc<CudaDevice>,
}

impl Gpu {
    /// The device that is behind dfdx's, which lends it by way of a buffer.
    pub(super) fn of(device: &Cuda) -> Result<Self, CudaFailure> {
        let buffer = Storage::<u8>::try_alloc_len(device, 1)?;
        Ok(Self { device: buffer.device() })
    }

    /// Words in memory of our own.
    pub(super) fn upload(&self, mut words: Vec<u64>) -> Result<Buffer, DriverError> {
        if words.is_empty() {
            words.push(0);
        }
        self.device.htod_copy(words)
    }

    /// Words whose contents are whatever lay there: for what is written before it is read.
    pub(super) fn unset(&self, words: usize) -> Result<Buffer, DriverError> {
        // SAFETY: any bits are words.
        unsafe { self.device.alloc(words.max(1)) }
    }

    /// Zeros.
    pub(super) fn zeroed(&self, words: usize) -> Result<Buffer, DriverError> {
        self.device.alloc_zeros(words.max(1))
    }

    /// The first words of a buffer, after all that was launched before.
    pub(super) fn download(&self, buffer: &Buffer, words: usize) -> Result<Vec<u64>, DriverError> {
        let mut copy = vec![0; words.min(buffer.len())];
        self.device.dtoh_sync_copy_into(&buffer.slice(..copy.len()), &mut copy)?;
        Ok(copy)
    }

    /// Element `index` of memory whose elements have `size` bytes, at most 8: its bytes, then zeros.
    pub(super) fn element(&self, span: Span, index: usize, size: usize) -> Result<[u8; 8], CudaFailure> {
        let first = index.saturating_mul(size);
        let address = span.holding(first.saturating_add(size))? + first as u64;
        let mut bytes = [0; 8];
        self.device.bind_to_thread()?;
        self.device.synchronize()?;
        // SAFETY: `holding` has compared the memory's size, and any bits are bytes.
        unsafe { result::memcpy_dtoh_sync(&mut bytes[..size.min(8)], address) }?;
        Ok(bytes)
    }

    /// Runs `kernel` over `work` elements or rows, once all that was launched before has run.
    pub(super) fn launch(&self, kernel: &Kernel, work: usize, words: &[u64]) -> Result<(), DriverError> {
        debug_assert_eq!(words.len(), kernel.entry.fields.len());
        let mut parameter = Parameter([0; MOST_FIELDS]);
        parameter.0[..words.len()].copy_from_slice(words);
        let shape = LaunchConfig {
            grid_dim: (kernel.grid(work), 1, 1),
            block_dim: (kernel.entry.block, 1, 1),
            shared_mem_bytes: 0,
        };
        // SAFETY: the struct has the kernel's fields in their order, as one definition makes both; for the addresses
        // see the head of this file.
        unsafe { kernel.function.clone().launch(shape, (parameter,)) }
    }
}

/// A point in the default stream's work, which notes when the device came to it.
#[derive(Debug)]
pub(super) struct Event {
    event: sys::CUevent,
    device: Arc<CudaDevice>,
}

impl Event {
    pub(super) fn new(gpu: &Gpu) -> Result<Self, DriverError> {
        gpu.device.bind_to_thread()?;
        let event = result::event::create(sys::CUevent_flags::CU_EVENT_DEFAULT)?;
        Ok(Self { event, device: gpu.device.clone() })
    }

    /// Sets the point behind all that was asked of the device so far.
    pub(super) fn record(&self) -> Result<(), DriverError> {
        self.device.bind_to_thread()?;
        // SAFETY: `new` has made the event, and only `drop` destroys it.
        unsafe { result::event::record(self.event, *self.device.cu_stream()) }
    }

    /// Milliseconds from `begin` to this point, once the device has reached it.
    pub(super) fn milliseconds_since(&self, begin: &Self) -> Result<f32, DriverError> {
        self.device.bind_to_thread()?;
        // SAFETY: both are events of the one stream, as in `record`; one that was not recorded is an error.
        unsafe {
            sys::cuEventSynchronize(self.event).result()?;
            result::event::elapsed(begin.event, self.event)
        }
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: `new` has made it, and nobody else can name it. Nothing is left to be done where it fails.
        let _ = self.device.bind_to_thread().and_then(|()| unsafe { result::event::destroy(self.event) });
    }
}

/// How many devices there are; cudarc's own constructor panics where there is no driver.
pub(super) fn count() -> Result<usize, CudaFailure> {
    result::init()?;
    Ok(usize::try_from(result::device::get_count()?).unwrap_or(0))
}

/// Lets the device's memory pool keep what is freed. By default it gives it back to the system whenever the host waits for the
/// device, which every step does once, so that the next step's memory would have to be mapped anew: of a step of up to a million logits 3 to 5 %
/// on an H200, of more nothing that was seen.
pub(super) fn keep_freed_memory(ordinal: usize) -> Result<(), DriverError> {
    let device = result::device::get(c_int::try_from(ordinal).unwrap_or(c_int::MAX))?;
    let attribute = sys::CUdevice_attribute::CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED;
    // SAFETY: an attribute of a device that the driver has named.
    if unsafe { result::device::get_attribute(device, attribute) }? == 0 {
        return Ok(());
    }
    let mut pool = std::ptr::null_mut();
    let mut most = u64::MAX;
    let threshold = sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
    // SAFETY: the driver writes the pool of a device that it has named, and reads one 64-bit number for this attribute.
    unsafe {
        sys::cuDeviceGetDefaultMemPool(&raw mut pool, device).result()?;
        sys::cuMemPoolSetAttribute(pool, threshold, (&raw mut most).cast()).result()
    }
}

/// The newest CUDA version that the driver knows.
pub(super) fn driver_version() -> String {
    let mut version: c_int = 0;
    // SAFETY: the driver writes one number.
    let answer = unsafe { sys::cuDriverGetVersion(&raw mut version) };
    match answer.result() {
        Ok(()) => version_text((version / 1000, version % 1000 / 10)),
        Err(_) => "unknown".to_owned(),
    }
}

/// The version of NVRTC, major and minor; zeros where it does not say.
pub(super) fn nvrtc_version() -> (i32, i32) {
    let (mut major, mut minor): (c_int, c_int) = (0, 0);
    // SAFETY: NVRTC writes two numbers.
    let answer = unsafe { nvrtc::sys::nvrtcVersion(&raw mut major, &raw mut minor) };
    if answer.result().is_ok() { (major, minor) } else { (0, 0) }
}

pub(super) fn version_text((major, minor): (i32, i32)) -> String {
    format!("{major}.{minor}")
}
