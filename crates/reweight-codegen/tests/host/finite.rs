//! Every finite logit gives finite results, counts at the thresholds are exact, and gradients accumulate.

use reweight::{BceLoss, BoxedWeighter, Focal, Ghm, Reduction, RegionAxis, Regions, SoftmaxLoss};
use reweight_codegen::{Element, Fault, Formula, Labels, Precision};

use crate::check::{Noise, read_reals, reals};
use crate::session::Session;
use crate::{bce, softmax, weighters};

/// Logits at which other implementations overflow, cancel, or take 0·∞. (Beyond, a loss times a weight has no `f32`.)
const EXTREMES: [f64; 14] = [0.0, -0.0, 1e-38, -1e-45, 17.0, -17.0, 89.0, -104.0, 1e4, -1e4, 1e30, -1e30, 2.5, -2.5];

#[test]
fn extreme_logits() {
    let mut session = Session::default();
    let mut buffers = Vec::new();
    let exact = |x: f64| f64::from(x as f32);
    let count = EXTREMES.len() * 8;
    let mut batch = bce::Batch::new(count, 3, false);
    batch.logits = EXTREMES.iter().copied().map(exact).cycle().take(count).collect();
    batch.hard = (0..count).map(|at| (at / EXTREMES.len() % 2) as i64).collect();
    batch.soft =
        (0..count).map(|at| [0.0, 1.0, 1e-38, 0.25, 0.5, 1.0 - 6e-8, 1e-7, 0.75][at / 14]).map(exact).collect();
    let mut rows = softmax::Batch::new(EXTREMES.len() * 14, 3, 4, false);
    rows.logits = (0..rows.labels.len())
        .flat_map(|row| [EXTREMES[row % 14], EXTREMES[row / 14], EXTREMES[(row * 5 + 3) % 14]])
        .map(exact)
        .collect();
    rows.smoothing = 0.05;
    let gammas = [0.0, 0.1, 0.5, 1.0, 2.0, 7.5, 50.0];
    let all = |classes| {
        let focal = gammas.map(|gamma| BoxedWeighter::new(Focal::new(gamma).unwrap()).unwrap());
        weighters::all(classes).into_iter().map(|(_, weighter)| weighter).chain(focal)
    };
    for (labels, targets) in [(Labels::Hard, Element::U8), (Labels::Soft, Element::F32)] {
        let uploaded = bce::upload(&mut session, &batch, Precision::F32, targets, labels);
        for weighter in all(2) {
            let name = format!("{labels:?} {weighter:?}");
            let mut loss = bce::weighed(weighter, Reduction::Sum);
            let arguments = bce::step(&mut session, &name, &mut loss, &batch, uploaded).arguments();
            buffers.extend([arguments.gradient, arguments.losses, arguments.weights].map(|b| (name.clone(), b)));
        }
    }
    let uploaded = softmax::upload(&mut session, &rows, Precision::F32, Element::U8);
    for weighter in all(3) {
        let name = format!("softmax {weighter:?}");
        let mut loss = rows.weighed(weighter, Reduction::Sum);
        let arguments = softmax::step(&mut session, &name, &mut loss, &rows, uploaded).arguments();
        buffers.extend([arguments.gradient, arguments.losses, arguments.weights].map(|b| (name.clone(), b)));
    }
    let results = session.run("extremes");
    for (name, buffer) in buffers {
        for (at, value) in read_reals(&results, Precision::F32, buffer).into_iter().enumerate() {
            assert!(value.is_finite(), "{name}: [{at}] is {value}");
        }
    }
}

/// Logits on each threshold and the floats next to it lie in the region that exact arithmetic puts them in.
#[test]
fn counts_at_thresholds() {
    let bins = 30;
    let regions = Regions::new(bins).unwrap();
    let mut batch = bce::Batch::new(0, 0, false);
    for &edge in regions.thresholds_f32(RegionAxis::Margin) {
        for logit in [edge.next_down(), edge, edge.next_up()] {
            for label in [0, 1] {
                batch.logits.push(f64::from(if label == 1 { logit } else { -logit }));
                batch.hard.push(label);
                batch.soft.push(0.5);
            }
        }
    }
    batch.shape = vec![batch.logits.len()];
    let mut session = Session::default();
    let uploaded = bce::upload(&mut session, &batch, Precision::F32, Element::U8, Labels::Hard);
    let ghm = BoxedWeighter::new(Ghm::new(bins, 0.0).unwrap()).unwrap();
    let step = bce::step(&mut session, "thresholds", &mut bce::weighed(ghm, Reduction::Mean), &batch, uploaded);
    step.check(&session.run("thresholds"));
}

/// More counters than fit shared memory, in both objectives.
#[test]
fn many_counters() {
    let mut session = Session::default();
    let batch = bce::Batch::new(600, 9, true);
    let uploaded = bce::upload(&mut session, &batch, Precision::F32, Element::U8, Labels::Hard);
    let ghm = BoxedWeighter::new(Ghm::new(20_000, 0.0).unwrap()).unwrap();
    let mut loss = bce::weighed(ghm, Reduction::Mean);
    let fine = bce::step(&mut session, "20000 regions", &mut loss, &batch, uploaded);
    let rows = softmax::Batch::new(3, 9001, 8, false);
    let uploaded = softmax::upload(&mut session, &rows, Precision::F32, Element::I64);
    let frequency = BoxedWeighter::new(weighters::Frequency(vec![1.0; 9001])).unwrap();
    let mut loss = rows.weighed(frequency, Reduction::Mean);
    let wide = softmax::step(&mut session, "9001 classes", &mut loss, &rows, uploaded);
    let results = session.run("many-counters");
    fine.check(&results);
    wide.check(&results);
}

/// `accumulate` adds, and `upstream` multiplies, one number for all samples or one for each.
#[test]
fn accumulation() {
    accumulates("accumulation", true);
}

/// Batches of logits and labels alone, to whose gradient nothing is done but that it is added to, have a path of their own.
#[test]
fn accumulation_of_plain_batches() {
    accumulates("plain-accumulation", false);
}

/// With all that a batch may have, or without.
fn accumulates(name: &str, full: bool) {
    let precision = Precision::F64;
    let mut session = Session::default();
    let focal = Focal::new(2.0).unwrap();
    let half = session.buffer(&[0.5_f64]);
    let each: Vec<f64> = (0..300).map(|at| f64::from(at % 7) / 8.0).collect();
    let upstream = session.buffer(&each);
    let factor = session.buffer(&[1.0_f64]);
    let fault = session.buffer(&[Fault::NONE]);
    let mut noise = Noise(12);

    let batch = bce::Batch::new(300, noise.bits(), full);
    let uploaded = bce::upload(&mut session, &batch, precision, Element::I64, Labels::Hard);
    let mut arguments = uploaded.arguments;
    let loss = BceLoss::new(focal.clone());
    let formula = Formula::of(loss.weighting(), uploaded.shape.kind()).unwrap();
    let source = uploaded.shape.loss(&formula).unwrap();
    arguments.constants = reals(&mut session, precision, &formula.constants(precision));
    (arguments.factor, arguments.fault) = (factor, fault);
    arguments.gradient = reals(&mut session, precision, &[7.0; 300]);
    let fused = session.kernel(&source, "reweight_bce_fused");
    session.launch(fused, 300, arguments.words());
    (arguments.accumulate, arguments.upstream) = (1, half);
    session.launch(fused, 300, arguments.words());
    (arguments.upstream_each, arguments.upstream) = (1, upstream);
    session.launch(fused, 300, arguments.words());

    let rows = softmax::Batch::new(60, 12, noise.bits(), full);
    let uploaded = softmax::upload(&mut session, &rows, precision, Element::I64);
    let mut of_rows = uploaded.arguments;
    let loss = SoftmaxLoss::new(focal.clone());
    let formula = Formula::of(loss.weighting(), uploaded.shape.kind()).unwrap();
    let source = uploaded.shape.loss(&formula).unwrap();
    of_rows.constants = reals(&mut session, precision, &formula.constants(precision));
    (of_rows.factor, of_rows.fault) = (factor, fault);
    of_rows.gradient = reals(&mut session, precision, &[7.0; 720]);
    let fused = session.kernel(&source, "reweight_softmax_fused");
    session.launch(fused, 60, of_rows.words());
    (of_rows.accumulate, of_rows.upstream) = (1, half);
    session.launch(fused, 60, of_rows.words());
    (of_rows.upstream_each, of_rows.upstream) = (1, upstream);
    session.launch(fused, 60, of_rows.words());

    let results = session.run(name);
    let mut loss = BceLoss::new(focal.clone()).with_reduction(Reduction::Sum).unwrap();
    let expected = batch.reference(Labels::Hard).value_and_grad(&mut loss).unwrap().grad;
    let mut loss = SoftmaxLoss::new(focal).with_reduction(Reduction::Sum).unwrap().with_ignore_index(-100);
    let expected_rows = rows.reference().value_and_grad(&mut loss).unwrap().grad;
    let gradients = [(arguments.gradient, expected, 1), (of_rows.gradient, expected_rows, 12)];
    for (found, expected, classes) in gradients {
        for (at, (found, expected)) in results.read::<f64>(found).into_iter().zip(expected).enumerate() {
            let expected = expected * (1.5 + each[at / classes]);
            assert!(
                (found - expected).abs() <= 1e-12 * expected.abs() + 1e-15,
                "[{at}] is {found:e}, not {expected:e}"
            );
        }
    }
}
