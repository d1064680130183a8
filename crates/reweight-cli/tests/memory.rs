//! What `reweight eval` takes of memory: little more than its files, and not what their headers say. Alone in its process, which
//! counts the largest child.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a helper of tests fails as the tests do")]

#[path = "batch/batch.rs"]
mod batch;

use batch::Batch;
use ndarray::Array1;
use nix::sys::resource::{UsageWho, getrusage};

/// The most that a child has had so far, in bytes.
fn most() -> i64 {
    getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss() * 1024
}

#[test]
fn a_batch_takes_little_more_than_its_files() {
    let focal = "objective = \"bce\"\n[[weighter]]\nkind = \"focal\"\ngamma = 2.0\n";
    let batch = |count: usize| {
        let logits = Array1::from_shape_fn(count, |index| (index % 1013) as f32 / 100.0 - 5.0);
        Batch::new(focal).with("logits", &logits).with("targets", &logits.mapv(|logit| u8::from(logit > 2.0)))
    };
    batch(10).object(&["--out", "out.npz", "--backend", "dfdx-cpu"]);
    let program = most();
    let count = 1 << 21;
    let (large, files) = (batch(count), count as i64 * 5);
    // In this order, since what is measured is the largest child.
    let out = ["--out", "out.npz"];
    for (options, times) in [
        (&[][..], 3),
        (&out, 4),
        // What is computed in has twice the digits, and one array of results is in memory at a time.
        (&["--out", "out.npz", "--dtype", "f64"], 4),
        (&["--out", "out.npz", "--backend", "dfdx-cpu"], 7),
    ] {
        large.object(options);
        let taken = most() - program;
        assert!(taken <= times * files, "{options:?}: {taken} bytes for {files}");
    }
    // Something was measured.
    assert!(most() - program > files);
}
