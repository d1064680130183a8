//! `reweight eval` on numbers of 16 bits: files as NumPy and ml_dtypes write them, results of the same type.
#![allow(clippy::unwrap_used, reason = "a helper of tests fails as the tests do")]

#[path = "batch/batch.rs"]
mod batch;

use std::fs;
use std::io::Read;

use batch::Batch;
use half::{bf16, f16};
use ndarray::{Array1, array};

const FOCAL: &str = "objective = \"bce\"\n[[weighter]]\nkind = \"focal\"\ngamma = 2.0\n";

/// A .npy file of bits under that type.
fn npy(descriptor: &str, bits: &[u16]) -> Vec<u8> {
    let mut header = format!("{{'descr': '{descriptor}', 'fortran_order': False, 'shape': ({},), }}", bits.len());
    header.push_str(&" ".repeat(117_usize.saturating_sub(header.len())));
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(bits.iter().flat_map(|bits| bits.to_le_bytes()));
    bytes
}

/// An entry's type, as its header says it, and its bits.
fn bits(batch: &Batch, name: &str) -> (String, Vec<u16>) {
    let mut archive = zip::ZipArchive::new(fs::File::open(batch.path("out.npz")).unwrap()).unwrap();
    let mut bytes = Vec::new();
    archive.by_name(&format!("{name}.npy")).unwrap().read_to_end(&mut bytes).unwrap();
    let header = String::from_utf8_lossy(&bytes[..128]).into_owned();
    let descriptor = header.split("'descr': '").nth(1).and_then(|rest| rest.split('\'').next()).unwrap();
    let pairs = bytes[128..].as_chunks::<2>().0.iter().map(|&pair| u16::from_le_bytes(pair));
    (descriptor.to_owned(), pairs.collect())
}

const LOGITS: [f32; 5] = [0.3, -2.7, 5.1, 0.0, -7.9];

fn batch(file: Vec<u8>) -> Batch {
    let batch = Batch::new(FOCAL).with("targets", &array![1_u8, 0, 0, 1, 0]);
    fs::write(batch.path("logits.npy"), file).unwrap();
    batch
}

/// The gradient of the numbers that the file holds, in 32 bits.
fn wide_gradient(batch: &Batch, dtype: &[&str]) -> Vec<f64> {
    batch.object(&[dtype, &["--out", "wide.npz"]].concat());
    let archive = ndarray_npy::NpzReader::new(fs::File::open(batch.path("wide.npz")).unwrap());
    let grad: Array1<f32> = archive.unwrap().by_name("grad").unwrap();
    grad.iter().map(|&slope| slope.into()).collect()
}

#[test]
fn halves_come_out_as_they_came_in() {
    let halves = LOGITS.map(|x| f16::from_f32(x).to_bits());
    let batch = batch(npy("<f2", &halves));
    let object = batch.object(&["--dtype", "f16", "--out", "out.npz", "--hessian", "gauss-newton"]);
    assert_eq!(object["dtype"], "f16");
    let expected: Vec<u16> = wide_gradient(&batch, &[]).iter().map(|&x| f16::from_f64(x).to_bits()).collect();
    assert_eq!(bits(&batch, "grad"), ("<f2".to_owned(), expected));
    assert!(["weight", "loss", "hessian"].iter().all(|name| bits(&batch, name).0 == "<f2"));
    // Computed in 32 bits, so that the loss is that of 32 bits.
    assert_eq!(object["loss"], batch.object(&["--dtype", "f32"])["loss"]);
    // A file of 32 bits is rounded.
    let wide =
        Batch::new(FOCAL).with("targets", &array![1_u8, 0, 0, 1, 0]).with("logits", &Array1::from(LOGITS.to_vec()));
    assert_eq!(wide.object(&["--dtype", "f16"])["loss"], object["loss"]);
}

#[test]
fn bfloat16_is_told_or_said() {
    let brains = LOGITS.map(|x| bf16::from_f32(x).to_bits());
    let told = batch(npy("<V2", &brains));
    let object = told.object(&["--dtype", "bf16", "--out", "out.npz"]);
    let expected: Vec<u16> = wide_gradient(&told, &[]).iter().map(|&x| bf16::from_f64(x).to_bits()).collect();
    assert_eq!(bits(&told, "grad"), ("<V2".to_owned(), expected.clone()));
    let untold = batch(npy("|V2", &brains));
    assert_eq!(untold.object(&["--dtype", "bf16", "--out", "out.npz"])["loss"], object["loss"]);
    assert_eq!(bits(&untold, "grad").1, expected);
    let message = untold.refusal(&["--dtype", "f32"]);
    assert!(message.contains("logits.npy") && message.contains("--dtype bf16"), "{message}");
}

#[test]
fn what_16_bits_cannot_do_is_refused() {
    let halves = LOGITS.map(|x| f16::from_f32(x).to_bits());
    let batch = batch(npy("<f2", &halves));
    let message = batch.refusal(&["--dtype", "f16", "--backend", "dfdx-cpu"]);
    assert!(message.contains("--backend ndarray") && message.contains("--dtype f32"), "{message}");
    // 1e5 is no f16, and a weight of 1e6 makes none either.
    let large = Batch::new(FOCAL).with("targets", &array![1_u8]).with("logits", &array![-1e5_f32]);
    let message = large.refusal(&["--dtype", "f16"]);
    assert!(message.contains("index 0 is -1e5, too large for f16; compute with --dtype f32"), "{message}");
    let heavy =
        Batch::new("objective = \"bce\"\nreduction = \"sum\"\nweighter = [{ kind = \"pos-weight\", values = 1e6 }]\n")
            .with("targets", &array![0_u8, 1])
            .with("logits", &array![-3.0_f32, -3.0]);
    assert!(heavy.object(&["--dtype", "f16"])["loss"].as_f64().unwrap() > 1e6);
    let message = heavy.refusal(&["--dtype", "f16", "--out", "out.npz"]);
    assert!(message.contains("the weight of the sample at index 1 is 1000000"), "{message}");
    assert!(message.contains("largest f16, 65504") && message.contains("f32"), "{message}");
    assert!(!heavy.path("out.npz").exists());
    heavy.object(&["--dtype", "bf16", "--out", "out.npz"]);
    heavy.object(&["--dtype", "f32", "--out", "wide.npz"]);
}
