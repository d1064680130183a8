//! Faulty batches: the kernels report what the reference reports, and touch neither gradient nor outputs.

use reweight::{BceLoss, BoxedWeighter, Focal, Ghm, LossError, Reduction, SampleWeighter, SoftmaxLoss};
use reweight_codegen::{BceArguments, Element, Fault, Formula, Labels, Precision, StatisticsArguments, edges};

use crate::check::{read_reals, reals};
use crate::session::Session;
use crate::{bce, softmax};

/// The reference's error as the kernels report it.
fn expected_fault(error: &LossError) -> Fault {
    match *error {
        LossError::SampleWeight { index, .. } => Fault::SampleWeight { index: index as u64 },
        LossError::NonFiniteLogit { index, .. } => Fault::Logit { index: index as u64 },
        LossError::Label { index, .. } | LossError::Target { index, .. } => Fault::Target { index: index as u64 },
        ref other => panic!("{other}"),
    }
}

#[test]
fn bce_faults() {
    const COUNT: usize = 1500;
    type Damage = fn(&mut bce::Batch);
    let damages: [(&str, Labels, Damage); 10] = [
        ("a NaN logit", Labels::Hard, |b| b.logits[1400] = f64::NAN),
        ("an infinite logit, then another", Labels::Soft, |b| (b.logits[77], b.logits[3]) = (1.0 / 0.0, f64::NAN)),
        ("a label of 2", Labels::Hard, |b| b.hard[1100] = 2),
        ("a negative label", Labels::Hard, |b| b.hard[1] = -1),
        ("a soft target above 1", Labels::Soft, |b| b.soft[700] = 1.0 + 1e-6),
        ("a soft target that is no number", Labels::Soft, |b| b.soft[0] = f64::NAN),
        ("a logit and its label", Labels::Hard, |b| (b.logits[9], b.hard[9]) = (f64::NAN, 7)),
        ("a negative sample weight behind a NaN", Labels::Hard, |b| {
            b.logits[2] = f64::NAN;
            b.sample_weight = Some(vec![1.0; COUNT]);
            b.sample_weight.as_mut().unwrap()[1234] = -1e-30;
        }),
        ("a sample weight before a NaN", Labels::Soft, |b| {
            b.logits[1235] = f64::NAN;
            b.sample_weight = Some(vec![1.0; COUNT]);
            b.sample_weight.as_mut().unwrap()[1234] = f64::INFINITY;
        }),
        ("a sample weight behind one that counts for nothing", Labels::Hard, |b| {
            b.valid = Some((0..COUNT).map(|at| at > 3).collect());
            b.sample_weight = Some(vec![f64::NAN; COUNT]);
        }),
    ];
    let mut session = Session::default();
    let mut checks = Vec::new();
    for (what, labels, damage) in damages {
        let mut batch = bce::Batch::new(COUNT, 5, false);
        damage(&mut batch);
        let targets = if labels == Labels::Hard { Element::I32 } else { Element::F32 };
        let uploaded = bce::upload(&mut session, &batch, Precision::F32, targets, labels);
        let mut loss = BceLoss::new((Focal::new(2.0).unwrap(), Ghm::new(10, 0.5).unwrap()));
        let expected = expected_fault(&batch.reference(labels).value_and_grad(&mut loss).unwrap_err());
        checks.push((what, expected, bce_launches(&mut session, uploaded, &loss, COUNT as u64)));
    }
    let results = session.run("bce-faults");
    for (what, expected, (by_value, by_statistics, outputs)) in checks {
        for fault in [by_value, by_statistics] {
            assert_eq!(Fault::of_bce(results.read(fault)[0]), Some(expected), "{what}");
        }
        for output in outputs {
            let untouched = read_reals(&results, Precision::F32, output).into_iter().all(|value| value == 7.0);
            assert!(untouched, "{what}: something was written");
        }
    }
}

/// Validation by both kernels that do it, then the gradient; where the faults are, and the outputs, which held sevens.
fn bce_launches<W: SampleWeighter>(
    session: &mut Session,
    uploaded: bce::Uploaded,
    loss: &BceLoss<W>,
    count: u64,
) -> (u64, u64, [u64; 3]) {
    let bce::Uploaded { mut arguments, shape, .. } = uploaded;
    let request = loss.weighter().statistics();
    let key = Formula::of_key(loss.weighting(), shape.kind()).unwrap();
    let by_statistics = session.buffer(&[Fault::NONE]);
    let statistics = StatisticsArguments {
        logits: arguments.logits,
        targets: arguments.targets,
        valid: arguments.valid,
        sample_weight: arguments.sample_weight,
        constants: reals(session, Precision::F32, &key.constants(Precision::F32)),
        edges: reals(session, Precision::F32, &edges(&request, Precision::F32, shape.kind().axis())),
        rows: count as i64,
        counts: session.buffer(&[0_u64; 12]),
        fault: by_statistics,
        ..Default::default()
    };
    let kernel = session.kernel(&shape.statistics(&key, &request).unwrap(), "reweight_bce_statistics");
    session.launch(kernel, count, statistics.words());

    let formula = Formula::of(loss.weighting(), shape.kind()).unwrap();
    let source = shape.loss(&formula).unwrap();
    arguments.constants = reals(session, Precision::F32, &formula.constants(Precision::F32));
    arguments.fault = session.buffer(&[Fault::NONE]);
    arguments.partials = session.buffer(&[0.0_f64; 8]);
    let value = session.kernel(&source, "reweight_bce_value");
    session.launch(value, count, arguments.words());
    let outputs = [0; 3].map(|_| reals(session, Precision::F32, &vec![7.0; count as usize]));
    let [losses, weights, gradient] = outputs;
    let factor = session.buffer(&[1.0_f64]);
    let arguments = BceArguments { losses, weights, gradient, factor, partials: 0, ..arguments };
    let fused = session.kernel(&source, "reweight_bce_fused");
    session.launch(fused, count, arguments.words());
    (arguments.fault, by_statistics, outputs)
}

#[test]
fn softmax_faults() {
    type Damage = fn(&mut softmax::Batch);
    let damages: [(&str, Damage); 7] = [
        ("a NaN logit in the last class", |b| *b.logits.last_mut().unwrap() = f64::NAN),
        ("two infinite logits", |b| {
            let last = b.logits.len() - 1;
            b.logits[last] = f64::INFINITY;
            b.logits[1] = f64::NEG_INFINITY;
        }),
        ("a label past the end", |b| b.labels[4] = b.classes as i64),
        ("a negative label", |b| b.labels[5] = -1),
        ("a label behind a logit of its row", |b| {
            b.labels[3] = 1 << 40;
            b.logits[3 * b.classes + 1] = f64::NAN;
        }),
        ("a sample weight behind a label of its row", |b| {
            b.sample_weight = Some(vec![f64::NAN; b.labels.len()]);
            b.valid = Some((0..b.labels.len()).map(|row| row > 1).collect());
            b.labels[2] = -7;
        }),
        ("a sample weight before a logit", |b| {
            b.sample_weight = Some(vec![1.0; b.labels.len()]);
            b.sample_weight.as_mut().unwrap()[4] = -1.0;
            b.logits[5 * b.classes] = f64::NAN;
        }),
    ];
    let mut session = Session::default();
    let mut checks = Vec::new();
    // One number of classes for each way of keeping a row.
    for classes in [7, 40, 1100, 8500] {
        for (what, damage) in damages {
            let mut batch = softmax::Batch::new(7, classes, 6, false);
            damage(&mut batch);
            let softmax::Uploaded { mut arguments, shape, .. } =
                softmax::upload(&mut session, &batch, Precision::F32, Element::I64);
            let mut loss = SoftmaxLoss::new(Focal::new(2.0).unwrap());
            let expected = expected_fault(&batch.reference().value_and_grad(&mut loss).unwrap_err());
            let formula = Formula::of(loss.weighting(), shape.kind()).unwrap();
            let source = shape.loss(&formula).unwrap();
            arguments.constants = reals(&mut session, Precision::F32, &formula.constants(Precision::F32));
            arguments.fault = session.buffer(&[Fault::NONE]);
            arguments.partials = session.buffer(&[0.0_f64; 28]);
            let value = session.kernel(&source, "reweight_softmax_value");
            session.launch(value, 7, arguments.words());
            arguments.gradient = reals(&mut session, Precision::F32, &vec![7.0; batch.logits.len()]);
            arguments.factor = session.buffer(&[1.0_f64]);
            let fused = session.kernel(&source, "reweight_softmax_fused");
            session.launch(fused, 7, arguments.words());
            checks.push((what, expected, classes, arguments));
        }
    }
    let results = session.run("softmax-faults");
    for (what, expected, classes, arguments) in checks {
        let fault = results.read(arguments.fault)[0];
        assert_eq!(Fault::of_softmax(fault, classes as u64), Some(expected), "{what} of {classes} classes");
        let gradient = read_reals(&results, Precision::F32, arguments.gradient);
        assert!(gradient.into_iter().all(|value| value == 7.0), "{what} of {classes} classes: a gradient was written");
    }
}

/// What is left out may hold anything, sample weights included: nothing of it is reported or reaches a sum.
#[test]
fn ignored_samples_may_hold_anything() {
    let mut session = Session::default();
    // In `f32` a soft label's norm may round across a region's edge.
    let weighter = || BoxedWeighter::new((Focal::new(2.0).unwrap(), Ghm::new(10, 0.5).unwrap())).unwrap();
    let mut elements = bce::Batch::new(1500, 7, true);
    for (at, valid) in elements.valid.as_mut().unwrap().iter_mut().enumerate() {
        if at % 3 == 0 {
            *valid = false;
            (elements.logits[at], elements.hard[at], elements.soft[at]) = (f64::NAN, 9, f64::INFINITY);
            elements.sample_weight.as_mut().unwrap()[at] = [-1.0, f64::NAN, f64::INFINITY][at / 3 % 3];
        }
    }
    let of_bce = [(Element::I32, Labels::Hard), (Element::F64, Labels::Soft)].map(|(targets, labels)| {
        let uploaded = bce::upload(&mut session, &elements, Precision::F64, targets, labels);
        let mut loss = bce::weighed(weighter(), Reduction::WeightedMean);
        bce::step(&mut session, "elements", &mut loss, &elements, uploaded)
    });
    // One number of classes for each way of keeping a row.
    let of_softmax = [7, 40, 1100, 8500].map(|classes| {
        let mut rows = softmax::Batch::new(7, classes, 8, true);
        rows.valid.as_mut().unwrap()[..3].fill(false);
        rows.logits[..3 * classes].fill(f64::NEG_INFINITY);
        rows.labels[..3].fill(classes as i64);
        rows.sample_weight.as_mut().unwrap()[..3].copy_from_slice(&[-1.0, f64::NAN, f64::INFINITY]);
        let uploaded = softmax::upload(&mut session, &rows, Precision::F64, Element::I64);
        let mut loss = rows.weighed(weighter(), Reduction::WeightedMean);
        softmax::step(&mut session, "rows", &mut loss, &rows, uploaded)
    });
    let results = session.run("ignored");
    of_bce.iter().for_each(|step| step.check(&results));
    of_softmax.iter().for_each(|step| step.check(&results));
}
