//! scratch
use ndarray::Array1;
use reweight::*;
use reweight_ndarray::BceBatch;
use std::time::Instant;
fn time(name: &str, mut f: impl FnMut()) {
    for _ in 0..3 { f(); }
    let mut t: Vec<f64> = (0..15).map(|_| { let s = Instant::now(); f(); s.elapsed().as_secs_f64() * 1e3 }).collect();
    t.sort_by(f64::total_cmp);
    println!("{name:30} median {:.3} min {:.3}", t[7], t[0]);
}
fn main() {
    let n = 8 << 20;
    let mut st = 1u64;
    let mut next = || { st = st.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407); (st >> 40) as f32 / 16777216.0 };
    let x: Array1<f32> = (0..n).map(|_| next() * 12.0 - 8.0).collect();
    let y: Array1<u8> = (0..n).map(|_| u8::from(next() < 0.05)).collect();
    let mut g = Array1::<f32>::zeros(n);
    let mut loss = BceLoss::new((AlphaBalance::binary(0.25).unwrap(), Focal::new(2.0).unwrap()));
    time("alpha focal 2", || { BceBatch::new(&x, &y).value_and_grad_into(&mut loss, &mut g).unwrap(); });
    time("  survey", || { BceBatch::new(&x, &y).statistics(&loss).unwrap(); });
    time("  owned", || { BceBatch::new(&x, &y).value_and_grad(&mut loss).unwrap(); });
    let mut loss = BceLoss::new((AlphaBalance::binary(0.25).unwrap(), Focal::new(1.5).unwrap()));
    time("alpha focal 1.5", || { BceBatch::new(&x, &y).value_and_grad_into(&mut loss, &mut g).unwrap(); });
    let mut loss = BceLoss::new(());
    time("plain", || { BceBatch::new(&x, &y).value_and_grad_into(&mut loss, &mut g).unwrap(); });
    for m in [10, 30] {
    let mut loss = BceLoss::new(Ghm::new(m, 0.75).unwrap());
    time("ghm", || { BceBatch::new(&x, &y).value_and_grad_into(&mut loss, &mut g).unwrap(); });
    time("  stats", || { BceBatch::new(&x, &y).statistics(&loss).unwrap(); });
    }
    let mk = || vec![BoxedWeighter::new(AlphaBalance::binary(0.25).unwrap()).unwrap(), BoxedWeighter::new(Focal::new(2.0).unwrap()).unwrap()];
    let mut loss = BceLoss::new(Chain::from(mk()));
    time("chain", || { BceBatch::new(&x, &y).value_and_grad_into(&mut loss, &mut g).unwrap(); });
    let mut loss = BceLoss::new(BoxedWeighter::interpreted((AlphaBalance::binary(0.25).unwrap(), Focal::new(2.0).unwrap())).unwrap());
    time("interpreted", || { BceBatch::new(&x, &y).value_and_grad_into(&mut loss, &mut g).unwrap(); });
    let src = x.clone();
    time("copy 2x36MB", || { g.as_slice_mut().unwrap().copy_from_slice(src.as_slice().unwrap()); });
}
