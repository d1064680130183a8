//! Losses of all parts, drawn as the suite draws them: every adjustment, weighter and base in the kernels.

use reweight::reference::Outcome;
use reweight::{BceLoss, Chain, ConfiguredLoss, LossConfig, LossError, Reduction, SampleWeighter, SoftmaxLoss};
use reweight_codegen::{Element, Fault, Labels, Precision};
use reweight_testkit::{Batch, Check, Kind, Loss, Numbers, Problem, Targets, Tolerance, parts};

use crate::check::{REDUCTIONS, check_counts, read_reals};
use crate::session::{Results, Session};
use crate::{bce, softmax};

/// Losses a problem; each is compiled.
const LOSSES: usize = 6;

/// A queued step of either objective.
enum Step {
    Bce(bce::Step),
    Softmax(softmax::Step),
}

/// The suite's batch in the reference's form, rows of classes one after the other.
fn elements(batch: &Batch) -> bce::Batch {
    let (hard, soft) = match &batch.targets {
        Targets::Hard(targets) => (targets.data.clone(), Vec::new()),
        Targets::Soft(targets) => (Vec::new(), targets.data.clone()),
        Targets::Classes(_) => panic!("a batch of rows"),
    };
    bce::Batch {
        logits: batch.logits.data.clone(),
        shape: batch.logits.shape.clone(),
        hard,
        soft,
        valid: batch.valid.as_ref().map(|all| all.data.clone()),
        sample_weight: batch.sample_weight.as_ref().map(|all| all.data.clone()),
    }
}

fn rows<W: SampleWeighter>(batch: &Batch, loss: &SoftmaxLoss<W>) -> softmax::Batch {
    let Targets::Classes(targets) = &batch.targets else { panic!("a batch of elements") };
    softmax::Batch {
        logits: (0..batch.samples()).flat_map(|i| batch.logits_of(i)).map(|at| batch.logits.data[at]).collect(),
        classes: batch.classes(),
        labels: targets.data.clone(),
        valid: batch.valid.as_ref().map(|all| all.data.clone()),
        sample_weight: batch.sample_weight.as_ref().map(|all| all.data.clone()),
        ignore_index: loss.ignore_index(),
        smoothing: loss.label_smoothing(),
    }
}

fn element(precision: Precision) -> Element {
    if precision == Precision::F32 { Element::F32 } else { Element::F64 }
}

/// Queues one step, which `loss` takes, unless the reference refuses it.
fn queue<W: SampleWeighter>(
    session: &mut Session,
    what: &str,
    loss: &mut Loss<W>,
    batch: &Batch,
    precision: Precision,
) -> Option<Step> {
    match loss {
        Loss::Bce(loss) => {
            let labels = if matches!(batch.targets, Targets::Soft(_)) { Labels::Soft } else { Labels::Hard };
            let own = elements(batch);
            own.reference(labels).value_and_grad(&mut loss.clone()).ok()?;
            let targets = if labels == Labels::Soft { element(precision) } else { Element::U8 };
            let uploaded = bce::upload(session, &own, precision, targets, labels);
            Some(Step::Bce(bce::step(session, what, loss, &own, uploaded)))
        }
        Loss::Softmax(loss) => {
            let own = rows(batch, loss);
            own.reference().value_and_grad(&mut loss.clone()).ok()?;
            let uploaded = softmax::upload(session, &own, precision, Element::I64);
            Some(Step::Softmax(softmax::step(session, what, loss, &own, uploaded)))
        }
    }
}

/// The stated accuracy for a problem, and that of weights and losses.
fn tolerances(precision: Precision, problem: &Problem, by_differences: bool) -> [Tolerance; 2] {
    let stated = Tolerance::stated(match precision {
        Precision::F32 => reweight_testkit::Precision::F32,
        Precision::F64 => reweight_testkit::Precision::F64,
    });
    let of = |differs| if differs { stated.of_differences() } else { stated };
    [of(problem.has_differences()), of(by_differences)]
}

impl Step {
    fn check(&self, results: &Results, check: &Check, [of_gradient, of_losses]: [Tolerance; 2]) {
        let (precision, expected, counts, words, totals) = match self {
            Self::Bce(step) => {
                let a = step.arguments();
                let words = [a.fault, a.weights, a.losses, a.gradient];
                (step.precision(), step.expected(), step.counts(), words, step.totals())
            }
            Self::Softmax(step) => {
                let a = step.arguments();
                let words = [a.fault, a.weights, a.losses, a.gradient];
                (step.precision(), step.expected(), step.counts(), words, step.totals())
            }
        };
        let [fault, weights, losses, gradient] = words;
        check.equal("the fault", &results.read::<u64>(fault), &vec![Fault::NONE]);
        if let Some((address, expected)) = counts {
            check_counts("counts", &results.read(*address), expected);
        }
        let Outcome { summary, grad, weights: own_weights, losses: own_losses } = expected;
        let read = |address| read_reals(results, precision, address);
        check.close("weights", &read(weights), own_weights, of_losses);
        check.close("losses", &read(losses), own_losses, of_losses);
        check.close("gradient", &read(gradient), grad, of_gradient);
        let totals: Vec<f64> = results.read(totals);
        check.close("weight sum", &[totals[1]], &[summary.weight_sum], of_losses);
        if let Some(loss) = summary.loss {
            check.close("loss", &[totals[5]], &[loss], of_losses);
        }
    }
}

/// Two steps of each loss that the suite draws for every problem, in one program.
fn drawn(name: &str, precision: Precision) {
    let (mut session, mut steps) = (Session::default(), Vec::new());
    let suite =
        if precision == Precision::F32 { reweight_testkit::Precision::F32 } else { reweight_testkit::Precision::F64 };
    for problem in parts::problems() {
        let draws = (0_u64..).map(|seed| {
            let mut numbers = Numbers::new(1_000 + seed);
            let reduction = REDUCTIONS[numbers.below(REDUCTIONS.len())];
            (seed, parts::draw(&problem, &mut numbers, reduction))
        });
        for (seed, drawn) in draws.filter(|(_, drawn)| drawn.is_comparable(suite)).take(LOSSES) {
            let mut loss = drawn.loss.clone();
            for step in [seed, 77] {
                let case = format!("{name}, {}, batch {step}, {}", problem.name, drawn.config);
                let batch = problem.batch(step).rounded(suite);
                let Some(queued) = queue(&mut session, &case, &mut loss, &batch, precision) else { break };
                let check = Check::new("a loss of all parts agrees with the reference", case);
                steps.push((queued, check, tolerances(precision, &problem, drawn.weighs_by_differences)));
            }
        }
    }
    assert!(steps.len() > 60, "only {} steps", steps.len());
    let results = session.run(name);
    steps.iter().for_each(|(step, check, tolerances)| step.check(&results, check, *tolerances));
}

#[test]
fn single_precision() {
    drawn("parts-f32", Precision::F32);
}

#[test]
fn double_precision() {
    drawn("parts-f64", Precision::F64);
}

fn built(config: &str) -> Loss<Chain> {
    match LossConfig::from_toml(config).unwrap().build().unwrap() {
        ConfiguredLoss::Bce(loss) => Loss::Bce(loss),
        ConfiguredLoss::Softmax(loss) => Loss::Softmax(loss),
    }
}

/// The suite's two chains of one of each part, in both precisions and every way of keeping a row.
#[test]
fn chains_of_one_of_each_part() {
    let (mut session, mut steps) = (Session::default(), Vec::new());
    for (precision, suite) in
        [(Precision::F32, reweight_testkit::Precision::F32), (Precision::F64, reweight_testkit::Precision::F64)]
    {
        for (problem, config) in parts::chains() {
            let mut loss = built(config);
            for seed in 1..4 {
                let case = format!("{}, {precision:?}, step {seed}", problem.name);
                let batch = problem.batch(seed).rounded(suite);
                let queued = queue(&mut session, &case, &mut loss, &batch, precision).unwrap();
                let check = Check::new("a chain of one of each part holds", case);
                steps.push((queued, check, tolerances(precision, &problem, false)));
            }
        }
        // More classes: in more lanes, in shared memory, streamed; both kinds of map, and a bounded base.
        for classes in [40, 1100, 9000] {
            let counts: Vec<String> = (0..classes).map(|class| (1 + 5000 / (1 + class)).to_string()).collect();
            let counts = counts.join(", ");
            let config = format!(
                "objective = \"softmax-ce\"\nlabel_smoothing = 0.1\nbase = {{ kind = \"generalized-cross-entropy\", exponent = 0.7 }}\n\
                 weighter = [{{ kind = \"focal\", gamma = 1.5 }}]\n\
                 adjustment = [{{ kind = \"logit-adjustment\", counts = [{counts}], tau = 0.5 }}, {{ kind = \"ldam\", counts = [{counts}], scale = 2.0 }}]"
            );
            let problem = Problem { label_smoothing: 0.1, ..Problem::new("wide rows", Kind::Classes, &[5, classes]) };
            let batch = problem.batch(9).rounded(suite);
            let case = format!("{classes} classes, {precision:?}");
            let queued = queue(&mut session, &case, &mut built(&config), &batch, precision).unwrap();
            steps.push((queued, Check::new("wide rows hold", case), tolerances(precision, &problem, false)));
        }
    }
    let results = session.run("one-of-each");
    steps.iter().for_each(|(step, check, tolerances)| step.check(&results, check, *tolerances));
}

/// A weight, loss or slope that is no finite number is found with its sample, value and margin, and nothing is written.
#[test]
fn results_that_are_no_numbers() {
    use reweight::{Real, Sample};
    use reweight_codegen::Formula;

    use crate::check::reals;

    /// No number from a margin of 20 on: 1/(1 − p) where 1 − p is 0, in `f32` alone.
    #[derive(Clone, Debug)]
    struct Careless;
    impl SampleWeighter for Careless {
        fn weight<R: Real>(&self, s: &Sample<R>) -> R {
            R::lit(1e-30) / (R::lit(1.0) - s.p())
        }
    }

    let mut session = Session::default();
    let mut batch = bce::Batch::new(1500, 3, false);
    batch.logits.iter_mut().for_each(|x| *x = x.clamp(-4.0, 4.0));
    (batch.logits[1200], batch.hard[1200]) = (50.0, 1);
    (batch.logits[77], batch.hard[77]) = (-30.0, 0);
    let loss = BceLoss::new(Careless).with_reduction(Reduction::Sum).unwrap();
    let uploaded = bce::upload(&mut session, &batch, Precision::F32, Element::U8, Labels::Hard);
    let formula = Formula::of(loss.weighting(), uploaded.shape.kind()).unwrap();
    let source = uploaded.shape.loss(&formula).unwrap();
    let mut arguments = uploaded.arguments;
    arguments.constants = reals(&mut session, Precision::F32, &formula.constants(Precision::F32));
    arguments.columns = 1;
    arguments.fault = session.buffer(&[Fault::NONE]);
    arguments.partials = session.buffer(&[0.0_f64; 8]);
    let value = session.kernel(&source, "reweight_bce_value");
    session.launch(value, 1500, arguments.words());
    arguments.found = session.buffer(&[7.0_f64; 2]);
    session.launch(value, 1500, arguments.words());
    arguments.gradient = reals(&mut session, Precision::F32, &[7.0; 1500]);
    arguments.factor = session.buffer(&[1.0_f64]);
    let fused = session.kernel(&source, "reweight_bce_fused");
    session.launch(fused, 1500, arguments.words());
    let results = session.run("careless");
    let fault = Fault::of_bce(results.read(arguments.fault)[0]);
    assert_eq!(fault, Some(Fault::Result { index: 77, quantity: 0 }));
    let found: Vec<f64> = results.read(arguments.found);
    assert!(!found[0].is_finite() && found[1] == 30.0, "{found:?}");
    let untouched = read_reals(&results, Precision::F32, arguments.gradient).into_iter().all(|value| value == 7.0);
    assert!(untouched, "a gradient was written");
    // What the engine says of the same batch names the same sample.
    let said = loss.weighting().not_finite(0, 77, found[0], found[1]);
    assert!(matches!(said, LossError::NotFinite { index: 77, quantity: "weight", .. }), "{said}");
}
