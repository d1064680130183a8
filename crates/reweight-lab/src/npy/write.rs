//! Results in one .npz file, for `numpy.load`.

use std::io::{self, BufWriter, Seek, SeekFrom, Write};

use half::{bf16, f16};
use ndarray::ArrayD;
use ndarray_npy::npy::header::{Header, Layout};
use ndarray_npy::{WriteNpyError, WriteNpyExt};
use py_literal::Value;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::NpyArray;

/// Beyond this an entry of an archive needs the longer form.
const LONG: usize = 1 << 31;

/// A .npz file that is being written, as `numpy.savez` does: uncompressed, since the floats of a gradient hardly become smaller, and
/// trying takes many times as long as computing them. An array that was added is not needed any more.
pub struct NpzWriter<W: Write + Seek>(ZipWriter<UntilFault<W>>);

impl<W: Write + Seek> NpzWriter<W> {
    /// An archive without arrays.
    pub fn new(to: W) -> Self {
        Self(ZipWriter::new(UntilFault::new(to)))
    }

    /// Writes an array under its name.
    ///
    /// # Errors
    ///
    /// When the archive cannot be written to.
    pub fn add(&mut self, name: &str, array: &NpyArray) -> io::Result<()> {
        let bytes = match array {
            NpyArray::F16(array) => array.len().saturating_mul(2),
            NpyArray::Bf16(array) => array.len().saturating_mul(2),
            NpyArray::F32(array) => array.len().saturating_mul(4),
            NpyArray::F64(array) => array.len().saturating_mul(8),
        };
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        self.0.start_file(format!("{name}.npy"), options.large_file(bytes >= LONG))?;
        let mut buffered = BufWriter::new(&mut self.0);
        let written = match array {
            NpyArray::F16(array) => write_halves("<f2", array, f16::to_le_bytes, &mut buffered),
            // As ml_dtypes says it.
            NpyArray::Bf16(array) => write_halves("<V2", array, bf16::to_le_bytes, &mut buffered),
            NpyArray::F32(array) => array.write_npy(&mut buffered),
            NpyArray::F64(array) => array.write_npy(&mut buffered),
        };
        written.map_err(|error| match error {
            WriteNpyError::Io(error) => error,
            other => io::Error::other(other),
        })?;
        buffered.flush()
    }

    /// Ends the archive.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    pub fn finish(self) -> io::Result<()> {
        self.0.finish()?.flush()
    }
}

impl<W: Write + Seek> std::fmt::Debug for NpzWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NpzWriter").finish_non_exhaustive()
    }
}

/// Numbers of 16 bits, least byte first, in the order that they lie in.
fn write_halves<H: Copy>(
    descriptor: &str,
    array: &ArrayD<H>,
    bytes: fn(H) -> [u8; 2],
    to: &mut impl Write,
) -> Result<(), WriteNpyError> {
    let columns_first = !array.is_standard_layout() && array.t().is_standard_layout();
    let (layout, in_order) =
        if columns_first { (Layout::Fortran, array.t()) } else { (Layout::Standard, array.view()) };
    let type_descriptor = Value::String(descriptor.to_owned());
    Header { type_descriptor, layout, shape: array.shape().to_vec() }.write(&mut *to)?;
    in_order.iter().try_for_each(|&number| to.write_all(&bytes(number)))?;
    Ok(())
}

/// A writer that takes everything once it has failed, to nowhere: the archive tries again to end itself when it is dropped, and
/// would complain on standard error, beside the error that tells it all.
struct UntilFault<W> {
    to: W,
    failed: bool,
    /// Behind all that was written: where the archive is told to be after a fault.
    end: u64,
}

impl<W> UntilFault<W> {
    fn new(to: W) -> Self {
        Self { to, failed: false, end: 0 }
    }

    fn attempt<T>(&mut self, otherwise: T, attempt: impl FnOnce(&mut W) -> io::Result<T>) -> io::Result<T> {
        if self.failed {
            return Ok(otherwise);
        }
        attempt(&mut self.to).inspect_err(|_| self.failed = true)
    }
}

impl<W: Write> Write for UntilFault<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Never too small, which is all that matters.
        self.end += bytes.len() as u64;
        self.attempt(bytes.len(), |to| to.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.attempt((), Write::flush)
    }
}

impl<W: Seek> Seek for UntilFault<W> {
    fn seek(&mut self, place: SeekFrom) -> io::Result<u64> {
        self.attempt(self.end, |to| to.seek(place))
    }
}
