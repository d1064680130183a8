//! Loss and gradient into the caller's buffer, one training step an iteration.
//!
//! Ids are backend/objective/weighter/element types/size. `cargo bench -p reweight-ndarray -- 8388608` runs the large
//! ones; `REWEIGHT_ISA` chooses the instruction set and `RAYON_NUM_THREADS` the number of threads. As a test (`cargo test
//! --bench losses`) each runs once and the large ones on little.

mod data;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use data::Data;
use half::{bf16, f16};
use ndarray::{Array1, Array2};
use reweight_ndarray::prelude::*;
use reweight_ndarray::reweight::{
    AlphaBalance, BoxedWeighter, Chain, Focal, Ghm, LossError, ParameterError, TraceError,
};
use reweight_ndarray::{BceTarget, Float};

/// Whether cargo asks for measurements, not only that every benchmark runs.
fn measuring() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

/// 8 M elements, or few where nothing is measured.
fn large() -> usize {
    if measuring() { 8 << 20 } else { 1_000 }
}

fn bce<W: SampleWeighter, A: Float, T: BceTarget>(
    c: &mut Criterion,
    id: &str,
    weighter: W,
    logits: &Array1<A>,
    targets: &Array1<T>,
    zero: A,
) {
    let n = logits.len();
    let mut group = c.benchmark_group("ndarray/bce");
    group.throughput(Throughput::Elements(n as u64)).sample_size(20);
    let mut loss = BceLoss::new(weighter);
    let mut grad = Array1::from_elem(n, zero);
    group.bench_function(format!("{id}/{n}"), |b| {
        b.iter(|| -> Result<_, LossError> {
            BceBatch::new(black_box(logits), black_box(targets)).value_and_grad_into(&mut loss, &mut grad)
        });
    });
    group.finish();
}

fn alpha_focal(gamma: f64) -> Result<(AlphaBalance, Focal), ParameterError> {
    Ok((AlphaBalance::binary(0.25)?, Focal::new(gamma)?))
}

fn binary(c: &mut Criterion) -> Result<(), Box<dyn std::error::Error>> {
    let boxed = || -> Result<Chain, Box<dyn std::error::Error>> {
        let (alpha, focal) = alpha_focal(2.0)?;
        let links: Result<Vec<_>, TraceError> =
            [BoxedWeighter::new(alpha), BoxedWeighter::new(focal)].into_iter().collect();
        Ok(Chain::from(links?))
    };
    for n in [256, 65_536, large()] {
        let mut data = Data::new();
        let wide = Array1::from(data.logits(n));
        let logits = wide.mapv(|x| x as f32);
        let targets = Array1::from(data.targets(n));
        bce(c, "plain/f32-u8", (), &logits, &targets, 0.0);
        bce(c, "alpha-focal-2/f32-u8", alpha_focal(2.0)?, &logits, &targets, 0.0);
        bce(c, "alpha-focal-1.5/f32-u8", alpha_focal(1.5)?, &logits, &targets, 0.0);
        bce(c, "alpha-focal-2-chain/f32-u8", boxed()?, &logits, &targets, 0.0);
        bce(c, "ghm-10/f32-u8", Ghm::new(10, 0.75)?, &logits, &targets, 0.0);
        bce(c, "ghm-30/f32-u8", Ghm::new(30, 0.75)?, &logits, &targets, 0.0);
        bce(c, "alpha-focal-2/f32-f32", alpha_focal(2.0)?, &logits, &targets.mapv(f32::from), 0.0);
        bce(c, "alpha-focal-2/f32-bool", alpha_focal(2.0)?, &logits, &targets.mapv(|target| target == 1), 0.0);
        bce(c, "alpha-focal-2/f64-u8", alpha_focal(2.0)?, &wide, &targets, 0.0);
        let (halves, brains) = (logits.mapv(f16::from_f32), logits.mapv(bf16::from_f32));
        bce(c, "alpha-focal-2/f16-u8", alpha_focal(2.0)?, &halves, &targets, f16::ZERO);
        bce(c, "alpha-focal-2/bf16-u8", alpha_focal(2.0)?, &brains, &targets, bf16::ZERO);
        bce(c, "ghm-10/f64-u8", Ghm::new(10, 0.75)?, &wide, &targets, 0.0);
    }
    Ok(())
}

fn softmax(c: &mut Criterion) -> Result<(), Box<dyn std::error::Error>> {
    let rows_of = |rows: usize| if measuring() { rows } else { 40 };
    for (rows, classes) in [(256, 10), (rows_of(65_536), 100), (rows_of(8_192), 1_000), (rows_of(1 << 20), 5)] {
        let mut data = Data::new();
        let logits = Array2::from_shape_vec((rows, classes), data.logits(rows * classes))?.mapv(|x| x as f32);
        let targets: Array1<i64> = (0..rows).map(|_| (data.next() * classes as f64) as i64).collect();
        let mut loss = SoftmaxLoss::new(Focal::new(2.0)?);
        let mut grad = Array2::zeros((rows, classes));
        let mut group = c.benchmark_group("ndarray/softmax");
        group.throughput(Throughput::Elements((rows * classes) as u64)).sample_size(20);
        group.bench_function(format!("focal-2/f32-i64/{rows}x{classes}"), |b| {
            b.iter(|| -> Result<_, LossError> {
                SoftmaxBatch::new(black_box(&logits), black_box(&targets)).value_and_grad_into(&mut loss, &mut grad)
            });
        });
        group.finish();
    }
    Ok(())
}

/// The machine's own speed: the bytes of a step (a logit and a target read, a gradient written), copied.
fn copy(c: &mut Criterion) {
    let n = large();
    let (from, mut to) = (vec![1_u8; n * 9 / 2], vec![0_u8; n * 9 / 2]);
    let mut group = c.benchmark_group("memory");
    group.throughput(Throughput::Elements(n as u64)).sample_size(20);
    group.bench_function(format!("copy/f32-u8/{n}"), |b| b.iter(|| to.copy_from_slice(black_box(&from))));
    group.finish();
}

fn all(c: &mut Criterion) {
    if let Err(error) = binary(c).and_then(|()| softmax(c)) {
        eprintln!("the benchmark's own settings are refused: {error}");
        std::process::exit(1);
    }
    copy(c);
}

criterion_group!(benches, all);
criterion_main!(benches);
