//! Files as numpy writes them, byte by byte, and broken ones.

use ndarray::{Array2, ArrayD, IxDyn, ShapeBuilder, array};
use ndarray_npy::NpzReader;
use proptest::prelude::*;
use std::path::Path;

use super::*;

/// A .npy file of version 1 as the format's description lays it out.
fn file(descriptor: &str, fortran: bool, shape: &str, data: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let mut header = format!("{{'descr': {descriptor}, 'fortran_order': {order}, 'shape': {shape}, }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

fn open(bytes: &[u8]) -> Result<NpyFile, NpyError> {
    NpyFile::from_stream("a.npy", bytes)
}

fn parse(descriptor: &str, fortran: bool, shape: &str, data: &[u8]) -> Result<NpyFile, NpyError> {
    open(&file(descriptor, fortran, shape, data))
}

/// All elements as f64.
fn numbers(mut file: NpyFile) -> ArrayD<f64> {
    file.read(|_, element| Ok::<_, NpyError>(element.to_f64())).unwrap()
}

#[test]
fn every_type_in_both_byte_orders() {
    let expected = array![1.0, 2.0].into_dyn();
    macro_rules! check {
        ($type:ty, $code:literal) => {
            let little: Vec<u8> = [1 as $type, 2 as $type].iter().flat_map(|x| x.to_le_bytes()).collect();
            let big: Vec<u8> = [1 as $type, 2 as $type].iter().flat_map(|x| x.to_be_bytes()).collect();
            for (order, data) in [("<", little), (">", big)] {
                let order = if size_of::<$type>() == 1 { "|" } else { order };
                let file = parse(&format!("'{order}{}'", $code), false, "(2,)", &data).unwrap();
                assert_eq!(file.is_float(), $code.starts_with('f'));
                assert_eq!(numbers(file), expected, "{order}{}", $code);
            }
        };
    }
    check!(i8, "i1");
    check!(i16, "i2");
    check!(i32, "i4");
    check!(i64, "i8");
    check!(u8, "u1");
    check!(u16, "u2");
    check!(u32, "u4");
    check!(u64, "u8");
    check!(f32, "f4");
    check!(f64, "f8");
    assert_eq!(numbers(parse("'|b1'", false, "(2,)", &[1, 0]).unwrap()), array![1.0, 0.0].into_dyn());
    // 1.0 and −0.5 in half precision.
    for (code, data) in [("'<f2'", [0x00, 0x3C, 0x00, 0xB8]), ("'>f2'", [0x3C, 0x00, 0xB8, 0x00])] {
        assert_eq!(numbers(parse(code, false, "(2,)", &data).unwrap()), array![1.0, -0.5].into_dyn());
    }
}

#[test]
fn bfloat16_is_told_by_its_byte_order_or_said() {
    // 1.0 and −0.5; ml_dtypes says '<V2'.
    for (code, data) in [("'<V2'", [0x80, 0x3F, 0x00, 0xBF]), ("'>V2'", [0x3F, 0x80, 0xBF, 0x00])] {
        let file = parse(code, false, "(2,)", &data).unwrap();
        assert!(file.is_float());
        assert_eq!(numbers(file), array![1.0, -0.5].into_dyn());
    }
    // What NumPy makes of it on the way through.
    let untold = || parse("'|V2'", false, "(2,)", &[0x80, 0x3F, 0x00, 0xBF]).unwrap();
    let error = untold().read(|_, element| Ok::<_, NpyError>(element)).unwrap_err();
    assert!(matches!(error, NpyError::Untold { .. }) && error.to_string().contains("--dtype bf16"), "{error}");
    assert_eq!(numbers(untold().assuming_bf16()), array![1.0, -0.5].into_dyn());
    // Of other types nothing is assumed.
    let half = parse("'<f2'", false, "(1,)", &[0x00, 0x3C]).unwrap().assuming_bf16();
    assert_eq!(numbers(half), array![1.0].into_dyn());
}

#[test]
fn shapes_and_orders() {
    let rows = [1_u8, 2, 3, 4, 5, 6];
    let expected = |array: Array2<f64>| array.into_dyn();
    let read = |fortran, shape| numbers(parse("'|u1'", fortran, shape, &rows).unwrap());
    assert_eq!(read(false, "(2, 3)"), expected(array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]));
    assert_eq!(read(true, "(2, 3)"), expected(array![[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]]));
    let half = [0x00, 0x3C, 0x00, 0x40, 0x00, 0x42, 0x00, 0x44];
    assert_eq!(numbers(parse("'<f2'", true, "(2, 2)", &half).unwrap()), array![[1.0, 3.0], [2.0, 4.0]].into_dyn());
    assert_eq!(numbers(parse("'|u1'", false, "()", &[7]).unwrap()).shape(), [0_usize; 0]);
    assert_eq!(numbers(parse("'|u1'", false, "(0, 3)", &[]).unwrap()).shape(), [0, 3]);
    assert_eq!(read(false, "(1, 2, 1, 3)").shape(), [1, 2, 1, 3]);
}

#[test]
fn positions_are_those_of_c_whatever_the_order() {
    for (fortran, shape) in [(false, "(2, 3, 4)"), (true, "(2, 3, 4)"), (true, "(24,)"), (true, "(3, 1, 8)")] {
        let mut file = parse("'|u1'", fortran, shape, &[0; 24]).unwrap();
        let positions = file.read(|index, _| Ok::<_, NpyError>(index)).unwrap();
        assert!(positions.iter().copied().eq(0..24), "{fortran} {shape}: {positions}");
    }
}

#[test]
fn files_are_read_as_streams_are_and_more_than_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npy");
    // More than one piece.
    let count = 100_000;
    let data: Vec<u8> = (0..count).flat_map(|number| (number as f32).to_le_bytes()).collect();
    std::fs::write(&path, file("'<f4'", false, "(100000,)", &data)).unwrap();
    let mut file = NpyFile::open(&path).unwrap();
    for _ in 0..2 {
        let read = file.read(|_, element| Ok::<_, NpyError>(element.to_f32())).unwrap();
        assert!(read.iter().copied().eq((0..count).map(|number| number as f32)));
    }
    assert!(matches!(NpyFile::open(Path::new("no/such.npy")), Err(NpyError::NotFound { .. })));
}

#[test]
fn broken_files_are_named() {
    let error = |result: Result<NpyFile, NpyError>| result.unwrap_err();
    assert!(matches!(error(open(b"")), NpyError::NotNpy { hint: "", .. }));
    assert!(error(open(b"PK\x03\x04....")).to_string().contains(".npz or .zip"));
    for cut in [&b"\x93NUMPY\x01"[..], b"\x93NUMPY\x01\x00\x76", b"\x93NUMPY\x01\x00\x76\x00{'descr'"] {
        assert!(error(open(cut)).to_string().contains("cut off"));
    }
    assert!(matches!(error(parse("'<f4'", false, "(", &[])), NpyError::BadHeader { .. }));
    for descriptor in ["'|O'", "'<c8'", "'<U3'", "'<M8[ns]'", "[('x', '<f4')]", "'|V4'"] {
        let error = error(parse(descriptor, false, "(1,)", &[0; 4]));
        assert!(matches!(error, NpyError::UnsupportedType { .. }), "{descriptor}: {error}");
    }
    assert_eq!(
        error(parse("'<f4'", false, "(2, 3)", &[0; 20])).to_string(),
        "a.npy: shape [2, 3] of 4-byte elements takes 24 bytes, the file has 20; it was cut off: copy or write it again"
    );
    assert!(error(parse("'<f4'", false, "(1,)", &[0; 5])).to_string().contains("behind the array"));
    let truth = parse("'|b1'", false, "(1,)", &[7]).unwrap().read(|_, element| Ok::<_, NpyError>(element));
    assert!(matches!(truth, Err(NpyError::NotABool { index: 0, byte: 7, .. })));
    let deep = "(".repeat(20_000);
    assert!(error(parse("'<f4'", false, &deep, &[])).to_string().contains("brackets"));
}

#[test]
fn nothing_is_allocated_or_multiplied_by_a_headers_word() {
    let error = |result: Result<NpyFile, NpyError>| result.unwrap_err();
    // The product of the axes overflows, also where one of them is 0.
    for shape in ["(4294967296, 4294967296)", "(0, 18446744073709551615)", "(0, 4611686018427387904)"] {
        assert!(matches!(error(parse("'<f4'", false, shape, &[])), NpyError::TooLarge { .. }), "{shape}");
    }
    // Within what an address can be, and not there.
    assert!(matches!(error(parse("'<f8'", false, "(1000000000000000,)", &[0; 8])), NpyError::WrongSize { .. }));
    // A header of version 2 that says that it is as long as its length can say.
    let long = b"\x93NUMPY\x02\x00\xFF\xFF\xFF\xFF{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n";
    assert!(error(open(long)).to_string().contains("4294967295 bytes long"));
    let axes = format!("({})", "1, ".repeat(65));
    assert!(error(parse("'<f4'", false, &axes, &[0; 4])).to_string().contains("65 axes"));
    // A stream that goes on beyond its header's word is not read to its end.
    let endless = io::repeat(0);
    let stream = io::Read::chain(io::Cursor::new(file("'<f4'", false, "(2,)", &[])), endless);
    assert!(matches!(error(NpyFile::from_stream("a.npy", stream)), NpyError::WrongSize { .. }));
    // What a message quotes has an end.
    let wide = format!("'{}'", "x".repeat(50_000));
    assert!(error(parse(&wide, false, "(1,)", &[0; 4])).to_string().len() < 400);
}

#[test]
fn class_indices() {
    let whole = |element: Scalar| element.to_i64();
    assert_eq!(whole(Scalar::Single(-100.0)), Some(-100));
    assert_eq!(whole(Scalar::Double(2.5)), None);
    assert_eq!(whole(Scalar::Double(f64::NAN)), None);
    assert_eq!(whole(Scalar::Double(1e300)), None);
    assert_eq!(whole(Scalar::Signed(i64::MIN)), Some(i64::MIN));
    assert_eq!(whole(Scalar::Unsigned(u64::MAX)), None);
}

fn write_all(to: impl io::Write + io::Seek, arrays: &[(&str, &NpyArray)]) -> io::Result<()> {
    let mut archive = NpzWriter::new(to);
    arrays.iter().try_for_each(|(name, array)| archive.add(name, array))?;
    archive.finish()
}

#[test]
fn what_is_written_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.npz");
    let gradient = array![[0.5_f32, -1.0], [f32::MIN_POSITIVE, 3.0]].into_dyn();
    let loss = array![1.0_f64, f64::MAX].into_dyn();
    let arrays = [("grad", &NpyArray::F32(gradient.clone())), ("loss", &NpyArray::F64(loss.clone()))];
    write_all(std::fs::File::create(&path).unwrap(), &arrays).unwrap();
    let mut archive = NpzReader::new(std::fs::File::open(&path).unwrap()).unwrap();
    assert_eq!(archive.by_name::<ndarray::OwnedRepr<f32>, IxDyn>("grad").unwrap(), gradient);
    assert_eq!(archive.by_name::<ndarray::OwnedRepr<f64>, IxDyn>("loss").unwrap(), loss);
}

#[test]
fn halves_are_written_as_numpy_and_ml_dtypes_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.npz");
    let grad = array![[0.5, -1.0, 65504.0], [6e-8, 3.0, 0.0]].into_dyn();
    let (halves, brains) = (grad.mapv(f16::from_f64), grad.mapv(bf16::from_f64));
    let mut columns = ArrayD::from_elem(IxDyn(&[2, 3]).f(), f16::ZERO);
    columns.assign(&halves);
    let arrays = [
        ("rows", &NpyArray::F16(halves.clone())),
        ("columns", &NpyArray::F16(columns)),
        ("brains", &NpyArray::Bf16(brains.clone())),
    ];
    write_all(std::fs::File::create(&path).unwrap(), &arrays).unwrap();
    let mut archive = zip::ZipArchive::new(std::fs::File::open(&path).unwrap()).unwrap();
    let mut entry = |name: &str| {
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut archive.by_name(name).unwrap(), &mut bytes).unwrap();
        bytes
    };
    for (name, descriptor, order, expected) in [
        ("rows.npy", "'descr': '<f2'", "False", halves.mapv(f64::from)),
        ("columns.npy", "'descr': '<f2'", "True", halves.mapv(f64::from)),
        ("brains.npy", "'descr': '<V2'", "False", brains.mapv(f64::from)),
    ] {
        let bytes = entry(name);
        let header = String::from_utf8_lossy(&bytes[..128]).into_owned();
        assert!(header.contains(descriptor) && header.contains(&format!("'fortran_order': {order}")), "{header}");
        assert_eq!(numbers(open(&bytes).unwrap()), expected, "{name}");
    }
}

#[test]
fn a_fault_while_writing_is_the_error_and_the_only_one() {
    /// Takes so many bytes.
    struct Small(io::Cursor<Vec<u8>>, usize);
    impl io::Write for Small {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0.get_ref().len() + bytes.len() > self.1 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.0.write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    impl io::Seek for Small {
        fn seek(&mut self, place: io::SeekFrom) -> io::Result<u64> {
            self.0.seek(place)
        }
    }
    let array = NpyArray::F32(ArrayD::zeros(IxDyn(&[100])));
    let write = |room| write_all(Small(io::Cursor::default(), room), &[("grad", &array), ("loss", &array)]);
    assert!(write(10_000).is_ok());
    for room in (0..1200).step_by(7) {
        assert_eq!(write(room).unwrap_err().kind(), io::ErrorKind::StorageFull, "{room}");
    }
}

proptest! {
    #[test]
    fn never_panics(descriptor in "'[<>|=]?[a-zA-Z?][0-9]{0,2}'", shape in "\\([0-9, ]{0,12}\\)", data: Vec<u8>, cut: u8) {
        if let Ok(mut file) = parse(&descriptor, cut % 2 == 0, &shape, &data) {
            let _ = file.read(|_, element| Ok::<_, NpyError>(element));
        }
        let mut bytes = file("'<f4'", false, "(2,)", &data);
        bytes.truncate(usize::from(cut));
        let _ = open(&bytes);
    }
}
