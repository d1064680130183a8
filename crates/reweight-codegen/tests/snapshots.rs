//! The generated source of the main cases, so that a change of it is seen and meant.

#[path = "../examples/kernels/catalogue.rs"]
mod catalogue;

use catalogue::catalogue;

/// Few enough to be read in a review, and every template is in one of them.
const HELD: [&str; 12] = [
    "bce-hard-f32-alpha-focal",
    "bce-soft-f32-focal-1.5",
    "bce-hard-f32-shifted",
    "bce-hard-f32-statistics-hard-examples",
    "softmax-10-f32-alpha-focal-ghm",
    "softmax-4000-f32-plain",
    "softmax-100-f64-poly-1",
    "softmax-32000-f64-alpha-focal",
    "softmax-1000-f32-statistics-ghm",
    "finish-f64",
    "gather-4",
    "fold-f32",
];

#[test]
fn generated_source() {
    let catalogue = catalogue().unwrap();
    for name in HELD {
        let (_, kernels) = catalogue.iter().find(|(own, _)| own == name).unwrap();
        let entries: Vec<_> = kernels.entries.iter().map(|entry| (entry.name, entry.arguments, entry.block)).collect();
        insta::assert_snapshot!(name, format!("// {}\n// {entries:?}\n{}", kernels.key, kernels.source));
    }
}

#[test]
fn keys_and_sources_belong_together() {
    let catalogue = catalogue().unwrap();
    for (at, (name, kernels)) in catalogue.iter().enumerate() {
        for (other_name, other) in &catalogue[..at] {
            assert_eq!(kernels.key == other.key, kernels.source == other.source, "{name} and {other_name}");
        }
        // NVRTC has no headers of its own, and a template's place left open would be a comment or no C.
        assert!(!kernels.source.contains('@') && !kernels.source.contains("#include"), "{name}");
    }
}
