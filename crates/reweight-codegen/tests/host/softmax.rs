//! Softmax kernels against the reference: every weighter and reduction, and every way of keeping a row.

use reweight::reference::{Outcome, SoftmaxBatch};
use reweight::{BatchForm, BatchStatistics, BoxedWeighter, Reduction, SampleWeighter, SoftmaxLoss};
use reweight_codegen::{
    Element, Fault, Formula, Precision, RowStrategy, SoftmaxArguments, SoftmaxShape, StatisticsArguments, edges,
};

use crate::check::{self, Noise, REDUCTIONS, check_counts, check_totals, close, read_reals, reals};
use crate::session::{Results, Session};
use crate::step::{Map, finished, map};
use crate::weighters;

/// A batch in the reference's form, with what the loss adds to it.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub(crate) logits: Vec<f64>,
    pub(crate) classes: usize,
    pub(crate) labels: Vec<i64>,
    pub(crate) valid: Option<Vec<bool>>,
    pub(crate) sample_weight: Option<Vec<f64>>,
    pub(crate) ignore_index: Option<i64>,
    pub(crate) smoothing: f64,
}

impl Batch {
    pub(crate) fn new(rows: usize, classes: usize, seed: u64, extras: bool) -> Self {
        let mut noise = Noise(seed);
        let logits = (0..rows * classes).map(|_| noise.logit() / 4.0).collect();
        let mut labels: Vec<i64> = (0..rows).map(|_| (noise.bits() % classes as u64) as i64).collect();
        if extras {
            labels.iter_mut().step_by(9).for_each(|label| *label = -100);
        }
        let valid = extras.then(|| (0..rows).map(|_| !noise.bits().is_multiple_of(8)).collect());
        let sample_weight = extras.then(|| (0..rows).map(|_| 2.0 * noise.unit()).collect());
        let ignore_index = extras.then_some(-100);
        Self { logits, classes, labels, valid, sample_weight, ignore_index, smoothing: 0.0 }
    }

    /// A loss of nothing but a weighter, with what the batch says of rows and labels.
    pub(crate) fn weighed(&self, weighter: BoxedWeighter, reduction: Reduction) -> SoftmaxLoss<BoxedWeighter> {
        let loss = SoftmaxLoss::new(weighter).with_reduction(reduction).unwrap();
        let loss = loss.with_label_smoothing(self.smoothing).unwrap();
        match self.ignore_index {
            Some(label) => loss.with_ignore_index(label),
            None => loss,
        }
    }

    pub(crate) fn reference(&self) -> SoftmaxBatch<'_> {
        let mut batch = SoftmaxBatch::new(&self.logits, self.classes, &self.labels);
        batch.valid = self.valid.as_deref();
        batch.sample_weight = self.sample_weight.as_deref();
        batch
    }
}

/// A batch on the device.
#[derive(Clone, Copy)]
pub(crate) struct Uploaded {
    pub(crate) arguments: SoftmaxArguments,
    pub(crate) shape: SoftmaxShape,
    precision: Precision,
}

pub(crate) fn upload(session: &mut Session, batch: &Batch, precision: Precision, targets: Element) -> Uploaded {
    let labels = check::labels(session, targets, &batch.labels);
    let valid = batch.valid.as_ref().map_or(0, |v| session.buffer(&v.iter().map(|&v| u8::from(v)).collect::<Vec<_>>()));
    let arguments = SoftmaxArguments {
        logits: reals(session, precision, &batch.logits),
        targets: labels,
        valid,
        sample_weight: batch.sample_weight.as_ref().map_or(0, |w| reals(session, precision, w)),
        rows: batch.labels.len() as i64,
        classes: batch.classes as i64,
        ignore_index: batch.ignore_index.unwrap_or_default(),
        ignores: batch.ignore_index.is_some().into(),
        smoothing: batch.smoothing,
        ..Default::default()
    };
    Uploaded { arguments, shape: SoftmaxShape::new(precision, targets, batch.classes).unwrap(), precision }
}

/// One loss on one batch: what to compare after the run.
pub(crate) struct Step {
    what: String,
    precision: Precision,
    reduction: Reduction,
    expected: Outcome,
    classes: usize,
    arguments: SoftmaxArguments,
    totals: u64,
    fused_totals: u64,
    counts: Option<(u64, BatchStatistics)>,
}

/// Queues one training step as a backend would do it; `loss` takes it.
pub(crate) fn step<W: SampleWeighter>(
    session: &mut Session,
    what: &str,
    loss: &mut SoftmaxLoss<W>,
    batch: &Batch,
    uploaded: Uploaded,
) -> Step {
    let Uploaded { mut arguments, shape, precision } = uploaded;
    let reference = batch.reference();
    let counts = reference.statistics(loss).unwrap();
    let rows = batch.labels.len() as u64;
    arguments.fault = session.buffer(&[Fault::NONE]);
    let form = [batch.labels.len(), batch.classes];
    let fit = loss.weighting().fit(&BatchForm::softmax(&form, batch.classes)).unwrap();
    let Map { scale, offset, margin } = map(session, precision, &fit, shape.kind(), batch.classes);
    (arguments.scale, arguments.offset, arguments.margin) = (scale, offset, margin);

    let request = loss.weighting().request().clone();
    let counted = (!request.is_empty()).then(|| {
        let key = Formula::of_key(loss.weighting(), shape.kind()).unwrap();
        let source = shape.statistics(&key, &request).unwrap();
        assert_eq!(source.key, shape.statistics_key(&key, &request));
        let kernel = session.kernel(&source, "reweight_softmax_statistics");
        let words = StatisticsArguments {
            logits: arguments.logits,
            targets: arguments.targets,
            valid: arguments.valid,
            sample_weight: arguments.sample_weight,
            constants: reals(session, precision, &key.constants(precision)),
            scale,
            offset,
            margin,
            edges: reals(session, precision, &edges(&request, precision, shape.kind().axis())),
            rows: arguments.rows,
            classes: arguments.classes,
            ignore_index: arguments.ignore_index,
            ignores: arguments.ignores,
            counts: session.buffer(&vec![0_u64; counts.as_counts().len()]),
            fault: arguments.fault,
            ..Default::default()
        };
        session.launch(kernel, rows, words.words());
        (words.counts, counts)
    });
    let expected = reference.value_and_grad(loss).unwrap();

    let formula = Formula::of(loss.weighting(), shape.kind()).unwrap();
    let source = shape.loss(&formula).unwrap();
    arguments.constants = reals(session, precision, &formula.constants(precision));
    let value = session.kernel(&source, "reweight_softmax_value");
    let blocks = session.grid(value, rows);
    arguments.partials = session.buffer(&vec![0.0_f64; 4 * blocks as usize]);
    session.launch(value, rows, arguments.words());
    let (reduction, fault) = (loss.reduction(), arguments.fault);
    let totals = finished(session, precision, arguments.partials, blocks, reduction, fault);

    arguments.partials = session.buffer(&vec![0.0_f64; 4 * blocks as usize]);
    arguments.losses = reals(session, precision, &vec![7.0; rows as usize]);
    arguments.weights = reals(session, precision, &vec![7.0; rows as usize]);
    arguments.gradient = reals(session, precision, &vec![7.0; batch.logits.len()]);
    arguments.factor = Session::offset(totals, 32);
    let fused = session.kernel(&source, "reweight_softmax_fused");
    session.launch(fused, rows, arguments.words());
    let fused_totals = finished(session, precision, arguments.partials, blocks, reduction, fault);
    let (what, classes) = (what.to_owned(), batch.classes);
    Step { what, precision, reduction, expected, classes, arguments, totals, fused_totals, counts: counted }
}

impl Step {
    /// The arguments of the last launch.
    pub(crate) fn arguments(&self) -> SoftmaxArguments {
        self.arguments
    }

    pub(crate) fn precision(&self) -> Precision {
        self.precision
    }

    /// What the reference gave.
    pub(crate) fn expected(&self) -> &Outcome {
        &self.expected
    }

    /// Where the counts are, and the reference's.
    pub(crate) fn counts(&self) -> Option<&(u64, BatchStatistics)> {
        self.counts.as_ref()
    }

    /// Where the totals of the value pass are.
    pub(crate) fn totals(&self) -> u64 {
        self.totals
    }

    pub(crate) fn check(&self, results: &Results) {
        let Self { what, precision, expected, arguments, classes, .. } = self;
        let precision = *precision;
        assert_eq!(results.read::<u64>(arguments.fault), [Fault::NONE], "{what}: fault");
        if let Some((address, expected)) = &self.counts {
            check_counts(what, &results.read(*address), expected);
        }
        let totals: Vec<f64> = results.read(self.totals);
        assert_eq!(totals[6].to_bits(), Fault::NONE, "{what}: the fault among the totals");
        check_totals(what, precision, &totals, &expected.summary, self.reduction);
        check_totals(what, precision, &results.read(self.fused_totals), &expected.summary, self.reduction);
        let read = |address| read_reals(results, precision, address);
        let weight = |row: usize| expected.weights[row];
        // A margin of everyday size is the difference of logits of up to 2500: it carries their rounding.
        let everyday = |row: usize| expected.weights[row] + expected.losses[row];
        close(&format!("{what}: weights"), precision, &read(arguments.weights), &expected.weights, everyday, weight);
        close(&format!("{what}: losses"), precision, &read(arguments.losses), &expected.losses, everyday, weight);
        let factor = totals[4];
        let terms = |at: usize| 4.0 * factor * everyday(at / classes);
        let weight = |at: usize| expected.weights[at / classes];
        close(&format!("{what}: gradient"), precision, &read(arguments.gradient), &expected.grad, terms, weight);
    }
}

fn every_weighter(name: &str, precision: Precision) {
    let mut session = Session::default();
    let mut steps = Vec::new();
    let plain = Batch::new(40, 11, 20, true);
    let smoothed = Batch { smoothing: 0.1, ..plain.clone() };
    let batches = [plain, smoothed].map(|batch| {
        let uploaded = upload(&mut session, &batch, precision, Element::I64);
        (batch, uploaded)
    });
    for (kind, weighter) in weighters::all(11) {
        for reduction in REDUCTIONS {
            for (batch, uploaded) in &batches {
                let what = format!("{name}: {kind}, {reduction:?}, smoothing {}", batch.smoothing);
                let mut loss = batch.weighed(weighter.clone(), reduction);
                steps.push(step(&mut session, &what, &mut loss, batch, *uploaded));
            }
        }
    }
    let results = session.run(name);
    steps.iter().for_each(|step| step.check(&results));
}

#[test]
fn single_precision() {
    every_weighter("softmax-f32", Precision::F32);
}

#[test]
fn double_precision() {
    every_weighter("softmax-f64", Precision::F64);
}

/// Rows of every length class: registers of 1 to 32 lanes, shared memory, streamed.
#[test]
fn rows_of_all_lengths() {
    let mut session = Session::default();
    let mut steps = Vec::new();
    let mut kinds = Vec::new();
    for (at, classes) in [2, 3, 5, 16, 33, 100, 260, 1000, 1500, 9000].into_iter().enumerate() {
        let rows = if classes < 300 { 70 } else { 3 };
        let mut batch = Batch::new(rows, classes, 40 + at as u64, classes % 2 == 0);
        batch.smoothing = if classes % 3 == 0 { 0.2 } else { 0.0 };
        for precision in [Precision::F32, Precision::F64] {
            // Narrow and unsigned types cannot hold the label to leave out.
            let targets = if batch.ignore_index.is_some() { Element::I16 } else { Element::U32 };
            let uploaded = upload(&mut session, &batch, precision, targets);
            kinds.push(uploaded.shape.rows());
            let (kind, weighter) = weighters::all(classes).swap_remove(14);
            let what = format!("{classes} classes, {precision:?}: {kind}");
            let mut loss = batch.weighed(weighter, Reduction::WeightedMean);
            steps.push(step(&mut session, &what, &mut loss, &batch, uploaded));
        }
    }
    for expected in [RowStrategy::Registers { group: 1, values: 2 }, RowStrategy::Streamed] {
        assert!(kinds.contains(&expected), "{kinds:?}");
    }
    assert!(kinds.iter().any(|kind| matches!(kind, RowStrategy::Shared { .. })), "{kinds:?}");
    let results = session.run("softmax-lengths");
    steps.iter().for_each(|step| step.check(&results));
}
