//! BCE kernels against the reference: every weighter, reduction, label kind and precision.

use reweight::reference::{BceBatch, BceTargets, Outcome};
use reweight::{BatchForm, BatchStatistics, BceLoss, BoxedWeighter, Reduction, SampleWeighter};
use reweight_codegen::{
    BceArguments, BceShape, Element, Fault, Formula, Labels, Precision, StatisticsArguments, edges,
};

use crate::check::{self, Noise, REDUCTIONS, check_counts, check_totals, close, read_reals, reals};
use crate::session::{Results, Session};
use crate::step::{Map, finished, map};
use crate::weighters;

/// A batch in the reference's form.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub(crate) logits: Vec<f64>,
    /// The logits' shape, by whose axes parts tell columns apart.
    pub(crate) shape: Vec<usize>,
    pub(crate) hard: Vec<i64>,
    pub(crate) soft: Vec<f64>,
    pub(crate) valid: Option<Vec<bool>>,
    pub(crate) sample_weight: Option<Vec<f64>>,
}

impl Batch {
    pub(crate) fn new(count: usize, seed: u64, extras: bool) -> Self {
        let mut noise = Noise(seed);
        let logits = (0..count).map(|_| noise.logit()).collect();
        let hard = (0..count).map(|_| i64::from(noise.bits().is_multiple_of(4))).collect();
        let soft = (0..count)
            .map(|_| match noise.bits() % 8 {
                0 => 0.0,
                1 => 1.0,
                _ => noise.unit(),
            })
            .collect();
        let valid = extras.then(|| (0..count).map(|_| !noise.bits().is_multiple_of(8)).collect());
        let sample_weight = extras.then(|| (0..count).map(|_| 2.0 * noise.unit()).collect());
        Self { logits, shape: vec![count], hard, soft, valid, sample_weight }
    }

    pub(crate) fn reference(&self, labels: Labels) -> BceBatch<'_> {
        let targets = match labels {
            Labels::Hard => BceTargets::Hard(&self.hard),
            Labels::Soft => BceTargets::Soft(&self.soft),
        };
        let mut batch = BceBatch::new(&self.logits, targets);
        batch.shape = Some(&self.shape);
        batch.valid = self.valid.as_deref();
        batch.sample_weight = self.sample_weight.as_deref();
        batch
    }
}

/// A batch on the device.
#[derive(Clone, Copy)]
pub(crate) struct Uploaded {
    pub(crate) arguments: BceArguments,
    pub(crate) shape: BceShape,
    labels: Labels,
    precision: Precision,
}

pub(crate) fn upload(
    session: &mut Session,
    batch: &Batch,
    precision: Precision,
    targets: Element,
    labels: Labels,
) -> Uploaded {
    let logits = reals(session, precision, &batch.logits);
    let target_buffer = match (labels, targets) {
        (Labels::Hard, _) => check::labels(session, targets, &batch.hard),
        (Labels::Soft, Element::F64) => session.buffer(&batch.soft),
        (Labels::Soft, _) => reals(session, Precision::F32, &batch.soft),
    };
    let valid = batch.valid.as_ref().map_or(0, |v| session.buffer(&v.iter().map(|&v| u8::from(v)).collect::<Vec<_>>()));
    let sample_weight = batch.sample_weight.as_ref().map_or(0, |w| reals(session, precision, w));
    let arguments = BceArguments {
        logits,
        targets: target_buffer,
        valid,
        sample_weight,
        count: batch.logits.len() as i64,
        ..Default::default()
    };
    Uploaded { arguments, shape: BceShape::new(precision, targets, labels).unwrap(), labels, precision }
}

/// One loss on one batch: what to compare after the run.
pub(crate) struct Step {
    what: String,
    precision: Precision,
    reduction: Reduction,
    expected: Outcome,
    arguments: BceArguments,
    totals: u64,
    fused_totals: u64,
    counts: Option<(u64, BatchStatistics)>,
}

/// A loss of nothing but a weighter.
pub(crate) fn weighed(weighter: BoxedWeighter, reduction: Reduction) -> BceLoss<BoxedWeighter> {
    BceLoss::new(weighter).with_reduction(reduction).unwrap()
}

/// Queues one training step as a backend would do it; `loss` takes it.
pub(crate) fn step<W: SampleWeighter>(
    session: &mut Session,
    what: &str,
    loss: &mut BceLoss<W>,
    batch: &Batch,
    uploaded: Uploaded,
) -> Step {
    let Uploaded { mut arguments, shape, labels, precision } = uploaded;
    let reference = batch.reference(labels);
    let counts = reference.statistics(loss).unwrap();
    let n = batch.logits.len() as u64;
    arguments.fault = session.buffer(&[Fault::NONE]);
    let fit = loss.weighting().fit(&BatchForm::binary(&batch.shape, labels == Labels::Soft)).unwrap();
    let Map { scale, offset, margin } = map(session, precision, &fit, shape.kind(), 2);
    (arguments.scale, arguments.offset, arguments.margin) = (scale, offset, margin);
    (arguments.inner, arguments.columns) = (fit.columns.inner as i64, fit.columns.count as i64);

    let request = loss.weighting().request().clone();
    let counted = (!request.is_empty()).then(|| {
        let key = Formula::of_key(loss.weighting(), shape.kind()).unwrap();
        let source = shape.statistics(&key, &request).unwrap();
        assert_eq!(source.key, shape.statistics_key(&key, &request));
        let kernel = session.kernel(&source, "reweight_bce_statistics");
        let words = StatisticsArguments {
            logits: arguments.logits,
            targets: arguments.targets,
            valid: arguments.valid,
            sample_weight: arguments.sample_weight,
            constants: reals(session, precision, &key.constants(precision)),
            scale,
            offset,
            margin,
            inner: arguments.inner,
            columns: arguments.columns,
            edges: reals(session, precision, &edges(&request, precision, shape.kind().axis())),
            rows: n as i64,
            counts: session.buffer(&vec![0_u64; counts.as_counts().len()]),
            fault: arguments.fault,
            ..Default::default()
        };
        session.launch(kernel, n, words.words());
        (words.counts, counts)
    });
    let expected = reference.value_and_grad(loss).unwrap();

    let formula = Formula::of(loss.weighting(), shape.kind()).unwrap();
    let source = shape.loss(&formula).unwrap();
    arguments.constants = reals(session, precision, &formula.constants(precision));
    let value = session.kernel(&source, "reweight_bce_value");
    let blocks = session.grid(value, n);
    arguments.partials = session.buffer(&vec![0.0_f64; 4 * blocks as usize]);
    session.launch(value, n, arguments.words());
    let (reduction, fault) = (loss.reduction(), arguments.fault);
    let totals = finished(session, precision, arguments.partials, blocks, reduction, fault);

    arguments.partials = session.buffer(&vec![0.0_f64; 4 * blocks as usize]);
    arguments.losses = reals(session, precision, &vec![7.0; n as usize]);
    arguments.weights = reals(session, precision, &vec![7.0; n as usize]);
    arguments.gradient = reals(session, precision, &vec![7.0; n as usize]);
    arguments.factor = Session::offset(totals, 32);
    let fused = session.kernel(&source, "reweight_bce_fused");
    session.launch(fused, n, arguments.words());
    let fused_totals = finished(session, precision, arguments.partials, blocks, reduction, fault);
    Step { what: what.to_owned(), precision, reduction, expected, arguments, totals, fused_totals, counts: counted }
}

impl Step {
    /// The arguments of the last launch.
    pub(crate) fn arguments(&self) -> BceArguments {
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
        let Self { what, precision, expected, arguments, .. } = self;
        let precision = *precision;
        assert_eq!(results.read::<u64>(arguments.fault), [Fault::NONE], "{what}: fault");
        if let Some((address, expected)) = &self.counts {
            check_counts(what, &results.read(*address), expected);
        }
        let totals: Vec<f64> = results.read(self.totals);
        assert_eq!(totals[6].to_bits(), Fault::NONE, "{what}: the fault among the totals");
        check_totals(what, precision, &totals, &expected.summary, self.reduction);
        check_totals(what, precision, &results.read(self.fused_totals), &expected.summary, self.reduction);
        let weight = |at: usize| expected.weights[at];
        let read = |address| read_reals(results, precision, address);
        close(&format!("{what}: weights"), precision, &read(arguments.weights), &expected.weights, |_| 0.0, weight);
        close(&format!("{what}: losses"), precision, &read(arguments.losses), &expected.losses, |_| 0.0, weight);
        // dL/ds = −w·q + ce·dw/ds: where the terms cancel, each is at most |dL/ds| + 2·w·q, and q ≤ 1 − e^(−ce) ≤ ce.
        let factor = totals[4];
        let terms = |at: usize| 2.0 * factor * expected.losses[at].min(expected.weights[at]);
        close(&format!("{what}: gradient"), precision, &read(arguments.gradient), &expected.grad, terms, weight);
    }
}

fn every_weighter(name: &str, precision: Precision, targets: Element, labels: Labels) {
    let mut session = Session::default();
    let mut steps = Vec::new();
    let batch = Batch::new(700, 1, true);
    let uploaded = upload(&mut session, &batch, precision, targets, labels);
    for (kind, weighter) in weighters::all(2) {
        for reduction in REDUCTIONS {
            let what = format!("{name}: {kind}, {reduction:?}");
            steps.push(step(&mut session, &what, &mut weighed(weighter.clone(), reduction), &batch, uploaded));
        }
    }
    let results = session.run(name);
    steps.iter().for_each(|step| step.check(&results));
}

#[test]
fn hard_labels() {
    every_weighter("bce-hard-f32", Precision::F32, Element::U8, Labels::Hard);
}

#[test]
fn soft_labels() {
    every_weighter("bce-soft-f32", Precision::F32, Element::F32, Labels::Soft);
}

#[test]
fn double_precision() {
    every_weighter("bce-hard-f64", Precision::F64, Element::F64, Labels::Hard);
    every_weighter("bce-soft-f64", Precision::F64, Element::F64, Labels::Soft);
}

/// Batches of every awkward size, over several blocks, without mask and weights, with every type of target.
#[test]
fn sizes_and_types() {
    let mut session = Session::default();
    let mut steps = Vec::new();
    use Element::{F32, F64, I8, I16, I32, I64, U8, U16, U32, U64};
    let types = [U8, I8, U16, I16, U32, I32, U64, I64, F32, F64];
    for (at, count) in [0, 1, 257, 1024, 5000].into_iter().enumerate() {
        let batch = Batch::new(count, 2 + at as u64, count == 1024);
        // Two types a size; the largest batch with all.
        for targets in types.into_iter().cycle().skip(2 * at).take(if count < 5000 { 2 } else { 10 }) {
            let uploaded = upload(&mut session, &batch, Precision::F32, targets, Labels::Hard);
            let (kind, weighter) = weighters::all(2).swap_remove(14);
            let what = format!("{count} × {targets}: {kind}");
            steps.push(step(&mut session, &what, &mut weighed(weighter, Reduction::Mean), &batch, uploaded));
        }
    }
    let results = session.run("bce-sizes");
    steps.iter().for_each(|step| step.check(&results));
}
