//! The elements of a .npy file, turned into what is wanted as they come by: in memory there is nothing but the result.

use std::fmt;
use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::Path;

use half::{bf16, f16};
use ndarray::{ArrayD, IxDyn, ShapeBuilder};

use super::header::{ElementType, NpyHeader, shape_text, unreadable};
use super::{NpyError, Scalar};

/// Bytes that are read at a time, whole elements of any type.
const PIECE: usize = 1 << 16;

/// A .npy file whose header was understood, and whose length is what the header says.
pub struct NpyFile {
    name: String,
    header: NpyHeader,
    source: Box<dyn Source>,
}

/// What can be read more than once.
trait Source: Read + Seek + Send {}
impl<S: Read + Seek + Send> Source for S {}

impl fmt::Debug for NpyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NpyFile").field("name", &self.name).field("header", &self.header).finish_non_exhaustive()
    }
}

impl NpyFile {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    ///
    /// [`NpyError`]: no such file, not a .npy file, elements that are not numbers, cut off.
    pub fn open(path: &Path) -> Result<Self, NpyError> {
        let name = path.display().to_string();
        let fault = |source| unreadable(&name, source);
        let mut file = File::open(path).map_err(fault)?;
        let metadata = file.metadata().map_err(fault)?;
        if metadata.is_file() {
            let header = NpyHeader::read(&name, &mut file)?;
            return Self::new(name, header, Box::new(file), metadata.len());
        }
        Self::from_stream(&name, file)
    }

    /// Takes all of a stream that can be read once only, such as a pipe, into memory; `name` is what messages call it.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn from_stream(name: &str, mut stream: impl Read) -> Result<Self, NpyError> {
        let mut header = NpyHeader::read(name, &mut stream)?;
        header.length = 0;
        let mut bytes = Vec::new();
        // One more than is right, to see whether there is more. What is not there takes no memory, whatever the header says.
        let most = header.size().saturating_add(1);
        stream.take(most).read_to_end(&mut bytes).map_err(|source| unreadable(name, source))?;
        let length = bytes.len() as u64;
        Self::new(name.to_owned(), header, Box::new(Cursor::new(bytes)), length)
    }

    /// `length` is that of header and elements together.
    fn new(name: String, header: NpyHeader, source: Box<dyn Source>, length: u64) -> Result<Self, NpyError> {
        let (expected, actual) = (header.size(), length.saturating_sub(header.length));
        if actual != expected {
            let (shape, item_size) = (shape_text(&header.shape), header.element.size());
            return Err(NpyError::WrongSize { name, shape, item_size, expected, actual: actual.to_string() });
        }
        Ok(Self { name, header, source })
    }

    /// Sizes of the axes.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.header.shape
    }

    /// What messages call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Takes elements of two bytes that the file does not say the meaning of for bfloat16.
    #[must_use]
    pub fn assuming_bf16(mut self) -> Self {
        if self.header.element == ElementType::Untold {
            self.header.element = ElementType::Bf16;
        }
        self
    }

    /// Whether the elements are floats, or may be.
    #[must_use]
    pub fn is_float(&self) -> bool {
        use ElementType::{Bf16, F16, F32, F64, Untold};
        matches!(self.header.element, F16 | Bf16 | F32 | F64 | Untold)
    }

    /// Every element as `convert` makes it of its position, counted in C order, and value. The array has the file's order.
    ///
    /// # Errors
    ///
    /// [`NpyError`] when the file cannot be read or does not say what its elements are, or those of `convert`.
    pub fn read<T, X: From<NpyError>>(
        &mut self,
        mut convert: impl FnMut(usize, Scalar) -> Result<T, X>,
    ) -> Result<ArrayD<T>, X> {
        self.source.seek(SeekFrom::Start(self.header.length)).map_err(|source| unreadable(&self.name, source))?;
        let (shape, columns_first, count) = (self.header.shape.clone(), self.header.columns_first, self.header.count);
        let mut order = Order::new(&shape, columns_first);
        let mut all: Vec<T> = Vec::new();
        // The file is as long as its header says, or all of it is in memory already.
        let no_memory = |_| NpyError::NoMemory { name: self.name.clone(), elements: count };
        all.try_reserve_exact(count).map_err(no_memory)?;
        let mut piece = Piece::default();
        loop {
            self.next_piece(all.len(), &mut piece)?;
            for &value in &piece.values {
                all.push(convert(order.next(), value)?);
            }
            if let Some(error) = piece.fault.take() {
                return Err(self.not_a_bool(order.next(), error).into());
            }
            // Asked last: elements of which nothing is known are refused also where there are none.
            if all.len() >= count {
                break;
            }
        }
        let shape = IxDyn(&shape).set_f(columns_first);
        // There are as many elements as the shape's product, which was checked; so this cannot come.
        let misfit = |error: ndarray::ShapeError| unreadable(&self.name, io::Error::other(error));
        Ok(ArrayD::from_shape_vec(shape, all).map_err(misfit)?)
    }

    fn not_a_bool(&self, index: usize, byte: u8) -> NpyError {
        NpyError::NotABool { name: self.name.clone(), index, byte }
    }

    /// Reads the elements after the first `done`, as many as a piece holds.
    fn next_piece(&mut self, done: usize, piece: &mut Piece) -> Result<(), NpyError> {
        let count = (self.header.count - done).min(PIECE / self.header.element.size());
        piece.bytes.resize(count * self.header.element.size(), 0);
        self.source.read_exact(&mut piece.bytes).map_err(|source| unreadable(&self.name, source))?;
        macro_rules! numbers {
            ($type:ty, $scalar:ident) => {
                if self.header.big_endian {
                    piece.decode(|bytes| Scalar::$scalar(<$type>::from_be_bytes(bytes).into()))
                } else {
                    piece.decode(|bytes| Scalar::$scalar(<$type>::from_le_bytes(bytes).into()))
                }
            };
        }
        match self.header.element {
            ElementType::Bool => {
                let truths = piece.bytes.iter().position(|byte| *byte > 1).unwrap_or(count);
                piece.fault = piece.bytes.get(truths).copied();
                piece.bytes.truncate(truths);
                piece.decode(|[byte]: [u8; 1]| Scalar::Signed(byte.into()));
            }
            ElementType::I8 => numbers!(i8, Signed),
            ElementType::I16 => numbers!(i16, Signed),
            ElementType::I32 => numbers!(i32, Signed),
            ElementType::I64 => numbers!(i64, Signed),
            ElementType::U8 => numbers!(u8, Unsigned),
            ElementType::U16 => numbers!(u16, Unsigned),
            ElementType::U32 => numbers!(u32, Unsigned),
            ElementType::U64 => numbers!(u64, Unsigned),
            ElementType::F16 => numbers!(f16, Single),
            ElementType::Bf16 => numbers!(bf16, Single),
            ElementType::F32 => numbers!(f32, Single),
            ElementType::F64 => numbers!(f64, Double),
            ElementType::Untold => return Err(NpyError::Untold { name: self.name.clone() }),
        }
        Ok(())
    }
}

/// Elements as they lie in the file and as numbers. The numbers stand between, so that what wants them is compiled once for all types
/// that a file can have.
#[derive(Default)]
struct Piece {
    bytes: Vec<u8>,
    values: Vec<Scalar>,
    /// The byte after the values, where it is neither true nor false.
    fault: Option<u8>,
}

impl Piece {
    fn decode<const SIZE: usize>(&mut self, element: impl Fn([u8; SIZE]) -> Scalar) {
        self.values.clear();
        self.values.extend(self.bytes.as_chunks::<SIZE>().0.iter().map(|&bytes| element(bytes)));
    }
}

/// Positions in C order, in the order in which a file holds the elements.
enum Order {
    /// That of C itself.
    Rows(usize),
    /// The first axis fastest.
    Columns { shape: Vec<usize>, steps: Vec<usize>, at: Vec<usize>, index: usize },
}

impl Order {
    fn new(shape: &[usize], columns_first: bool) -> Self {
        if !columns_first {
            return Self::Rows(0);
        }
        let mut steps = vec![1_usize; shape.len()];
        for axis in (1..shape.len()).rev() {
            // Within the shape's product, but where there are no elements to be counted.
            steps[axis - 1] = steps[axis].saturating_mul(shape[axis]);
        }
        Self::Columns { shape: shape.to_vec(), steps, at: vec![0; shape.len()], index: 0 }
    }

    fn next(&mut self) -> usize {
        match self {
            Self::Rows(next) => {
                *next += 1;
                *next - 1
            }
            Self::Columns { shape, steps, at, index } => {
                let current = *index;
                for axis in 0..shape.len() {
                    at[axis] += 1;
                    *index += steps[axis];
                    if at[axis] < shape[axis] {
                        break;
                    }
                    *index -= steps[axis] * shape[axis];
                    at[axis] = 0;
                }
                current
            }
        }
    }
}
