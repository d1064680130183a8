//! Arrays in NumPy's own format, version 1.0, little-endian and in rows: what the processes hand each other.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::Failure;

/// An element that a file can hold.
pub(crate) trait Element: Copy {
    /// NumPy's name of the type.
    const KIND: &'static str;
    /// Its bytes.
    fn write(self, to: &mut impl Write) -> std::io::Result<()>;
}

macro_rules! element {
    ($($kind:ident $name:literal)*) => {$(
        impl Element for $kind {
            const KIND: &'static str = $name;
            fn write(self, to: &mut impl Write) -> std::io::Result<()> {
                to.write_all(&self.to_le_bytes())
            }
        }
    )*};
}
element!(u8 "|u1" i64 "<i8" f32 "<f4" f64 "<f8");

/// Writes an array of `shape`.
pub(crate) fn write<T: Element>(path: &Path, shape: &[usize], values: impl Iterator<Item = T>) -> Result<(), Failure> {
    let sizes: String = shape.iter().map(|size| format!("{size},")).collect();
    let mut header = format!("{{'descr': '{}', 'fortran_order': False, 'shape': ({sizes}), }}", T::KIND);
    // Magic word, version and length take 10 bytes; all of it is filled up to a multiple of 64 and ends in a new line.
    let length = (10 + header.len() + 1).next_multiple_of(64) - 10;
    header.extend(std::iter::repeat_n(' ', length - 1 - header.len()));
    header.push('\n');
    let mut file = BufWriter::new(File::create(path)?);
    file.write_all(b"\x93NUMPY\x01\x00")?;
    file.write_all(&u16::try_from(length)?.to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    for value in values {
        value.write(&mut file)?;
    }
    Ok(file.flush()?)
}

/// The floats of a file, whatever their precision, in the order of rows.
pub(crate) fn read(path: &Path) -> Result<Vec<f64>, Failure> {
    let bytes = std::fs::read(path)?;
    let length = bytes.get(8..10).ok_or("no header")?;
    let (header, values) =
        bytes.split_at_checked(10 + usize::from(u16::from_le_bytes([length[0], length[1]]))).ok_or("no header")?;
    let header = String::from_utf8_lossy(header);
    if !bytes.starts_with(b"\x93NUMPY\x01") || !header.contains("'fortran_order': False") {
        return Err(format!("{} is not laid out as expected: {header}", path.display()).into());
    }
    if header.contains(f32::KIND) {
        Ok(values.as_chunks().0.iter().map(|&value| f32::from_le_bytes(value).into()).collect())
    } else if header.contains(f64::KIND) {
        Ok(values.as_chunks().0.iter().map(|&value| f64::from_le_bytes(value)).collect())
    } else {
        Err(format!("{} holds no floats: {header}", path.display()).into())
    }
}
