//! Files as numpy writes them, byte by byte, and broken ones.

use super::*;
use ndarray::{Array2, array};
use ndarray_npy::NpzReader;
use proptest::prelude::*;

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

fn parse(descriptor: &str, fortran: bool, shape: &str, data: &[u8]) -> Result<NpyArray, NpyError> {
    parse_npy("a.npy", &file(descriptor, fortran, shape, data))
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
                let array = parse(&format!("'{order}{}'", $code), false, "(2,)", &data).unwrap();
                assert_eq!(array.to_f64(), expected, "{order}{}", $code);
                assert_eq!(array.type_name(), stringify!($type));
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
    assert_eq!(parse("'|b1'", false, "(2,)", &[1, 0]).unwrap(), NpyArray::Bool(array![true, false].into_dyn()));
    // 1.0 and −0.5 in half precision.
    for (code, data) in [("'<f2'", [0x00, 0x3C, 0x00, 0xB8]), ("'>f2'", [0x3C, 0x00, 0xB8, 0x00])] {
        assert_eq!(parse(code, false, "(2,)", &data).unwrap(), NpyArray::F32(array![1.0, -0.5].into_dyn()));
    }
}

#[test]
fn shapes_and_orders() {
    let rows = [1_u8, 2, 3, 4, 5, 6];
    let expected = |array: Array2<u8>| NpyArray::U8(array.into_dyn());
    assert_eq!(parse("'|u1'", false, "(2, 3)", &rows).unwrap(), expected(array![[1, 2, 3], [4, 5, 6]]));
    assert_eq!(parse("'|u1'", true, "(2, 3)", &rows).unwrap(), expected(array![[1, 3, 5], [2, 4, 6]]));
    let half = [0x00, 0x3C, 0x00, 0x40, 0x00, 0x42, 0x00, 0x44];
    assert_eq!(parse("'<f2'", true, "(2, 2)", &half).unwrap().to_f64(), array![[1.0, 3.0], [2.0, 4.0]].into_dyn());
    assert_eq!(parse("'|u1'", false, "()", &[7]).unwrap().shape(), [0_usize; 0]);
    assert_eq!(parse("'|u1'", false, "(0, 3)", &[]).unwrap().shape(), [0, 3]);
    assert_eq!(parse("'|u1'", false, "(1, 2, 1, 3)", &rows).unwrap().shape(), [1, 2, 1, 3]);
}

#[test]
fn broken_files_are_named() {
    let error = |result: Result<NpyArray, NpyError>| result.unwrap_err();
    assert!(matches!(error(parse_npy("a", b"")), NpyError::NotNpy { hint: "", .. }));
    assert!(error(parse_npy("a.npz", b"PK\x03\x04")).to_string().contains(".npz or .zip"));
    assert!(matches!(error(parse_npy("a", b"\x93NUMPY\x01")), NpyError::BadHeader { .. }));
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
    assert!(matches!(error(parse("'<f8'", false, "(4294967296, 4294967296)", &[])), NpyError::TooLarge { .. }));
    assert!(matches!(
        error(parse("'<f8'", false, "(1152921504606846975,)", &[])),
        NpyError::WrongSize { .. } | NpyError::TooLarge { .. }
    ));
    assert!(matches!(error(parse("'|b1'", false, "(1,)", &[7])), NpyError::BadData { .. }));
    let deep = "(".repeat(20_000);
    assert!(matches!(error(parse("'<f4'", false, &deep, &[])), NpyError::BadHeader { source: None, .. }));
    assert!(matches!(error(read_npy(Path::new("no/such.npy"))), NpyError::NotFound { .. }));
}

#[test]
fn class_indices() {
    let classes = |array: NpyArray| array.to_i64();
    assert_eq!(classes(NpyArray::F32(array![-100.0, 3.0].into_dyn())), Ok(array![-100, 3].into_dyn()));
    assert_eq!(classes(NpyArray::F64(array![1.0, 2.5].into_dyn())), Err((1, 2.5)));
    assert!(classes(NpyArray::F64(array![f64::NAN].into_dyn())).is_err());
    assert_eq!(classes(NpyArray::I64(array![i64::MAX].into_dyn())), Ok(array![i64::MAX].into_dyn()));
    assert!(classes(NpyArray::U64(array![0, u64::MAX].into_dyn())).is_err_and(|(index, _)| index == 1));
}

#[test]
fn what_is_written_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.npz");
    let gradient = array![[0.5_f32, -1.0], [f32::MIN_POSITIVE, 3.0]].into_dyn();
    let loss = array![1.0_f64, f64::MAX].into_dyn();
    write_npz(&path, &[("grad", NpyArray::F32(gradient.clone())), ("loss", NpyArray::F64(loss.clone()))]).unwrap();
    let mut archive = NpzReader::new(std::fs::File::open(&path).unwrap()).unwrap();
    assert_eq!(archive.by_name::<ndarray::OwnedRepr<f32>, IxDyn>("grad").unwrap(), gradient);
    assert_eq!(archive.by_name::<ndarray::OwnedRepr<f64>, IxDyn>("loss").unwrap(), loss);
    let nowhere = write_npz(&folder.path().join("no/out.npz"), &[]).unwrap_err();
    assert!(matches!(nowhere, NpyError::Unwritable { .. }));
}

proptest! {
    #[test]
    fn never_panics(descriptor in "'[<>|=]?[a-zA-Z?][0-9]{0,2}'", shape in "\\([0-9, ]{0,12}\\)", data: Vec<u8>, cut: u8) {
        let _ = parse(&descriptor, cut % 2 == 0, &shape, &data);
        let mut bytes = file("'<f4'", false, "(2,)", &data);
        bytes.truncate(usize::from(cut));
        let _ = parse_npy("a", &bytes);
    }
}
