//! Schedules: the same values as the program, in few slots.

use super::{Instruction, Operation, Output, Schedule};
use crate::dual::Dual;
use crate::expr::{Expr, Program, Table};
use crate::formula::Quantities;
use crate::loss::{BceLoss, SoftmaxLoss, Weighting};
use crate::real::Real;
use crate::sample::{Sample, SampleKind};
use crate::weighter::SampleWeighter;
use crate::weighters::{AlphaBalance, Focal, Ghm, PosWeight};
use crate::{Poly1, ProbabilityShift, Recorded, RecordedConfig, Step};

#[test]
fn the_usual_loss_is_half_a_dozen_loops() {
    let weighter = (AlphaBalance::binary(0.25).expect("valid"), Focal::new(2.0).expect("valid"));
    let loss = BceLoss::new(weighter);
    let schedule = loss.weighting().schedule(SampleKind::Binary, Quantities::Step).expect("recordable");
    assert!(schedule.instructions().len() <= 6, "{:#?}", schedule.instructions());
    assert!(schedule.slots() <= 16, "{}", schedule.slots());
    let mixed = |operation: &Operation| matches!(operation, Operation::Mix(..));
    assert!(schedule.instructions().iter().any(|instruction| mixed(&instruction.operation)));
}

#[test]
fn a_result_lies_apart_from_what_it_is_made_of() {
    for gamma in [0.0, 0.5, 1.0, 2.0, 5.0] {
        let loss = BceLoss::new((AlphaBalance::binary(0.25).expect("valid"), Focal::new(gamma).expect("valid")));
        for kind in [SampleKind::Binary, SampleKind::SoftBinary] {
            for wanted in [Quantities::Step, Quantities::Second, Quantities::GaussNewton, Quantities::Key] {
                let schedule = loss.weighting().schedule(kind, wanted).expect("recordable");
                let constants: Vec<u16> = schedule.constants().iter().map(|&(at, _)| at).collect();
                for instruction in schedule.instructions() {
                    instruction.operation.reads(|slot| {
                        assert_ne!(slot, instruction.to);
                        assert!(usize::from(slot) < schedule.slots());
                    });
                    assert!(instruction.to > Schedule::EXP && !constants.contains(&instruction.to));
                    assert!(usize::from(instruction.to) < schedule.slots());
                }
            }
        }
    }
}

/// A hundred results in turn, each read by the next one alone.
#[test]
fn a_slot_is_taken_again_once_nobody_reads_it() {
    let mut steps = vec![Step::Q];
    (0..100).for_each(|at| steps.push(if at % 2 == 0 { Step::Sqrt(at) } else { Step::ExpM1(at) }));
    let config = RecordedConfig { name: "long".into(), steps, ..RecordedConfig::default() };
    let loss = BceLoss::new(Recorded::try_from(config).expect("in order").detached());
    let schedule = loss.weighting().schedule(SampleKind::Binary, Quantities::Step).expect("recordable");
    assert!(schedule.instructions().len() > 100 && schedule.slots() <= 16, "{}", schedule.slots());
    // σ(s) comes with σ(−s), whose slot is free at once.
    let alone = Schedule::of(&Program::record(|sample| vec![sample.p().sqrt().exp().sqrt()]).expect("recordable"));
    assert_eq!(alone.slots(), usize::from(Schedule::FIRST) + 2);
}

#[test]
fn a_schedule_is_told_from_every_other_but_its_copies() {
    let of = |gamma| {
        let loss = BceLoss::new(Focal::new(gamma).expect("valid"));
        loss.weighting().schedule(SampleKind::Binary, Quantities::Step).expect("recordable").clone()
    };
    let (first, second) = (of(2.0), of(2.0));
    assert_eq!(first.id(), first.clone().id());
    assert!(first.id() != second.id() && first.id() != Schedule::default().id());
}

/// A sample as it lies in the first slots.
#[derive(Clone, Copy, Debug)]
struct Place {
    kind: SampleKind,
    margin: f64,
    target: f64,
    class: f64,
    column: f64,
}

impl Place {
    /// What weighters see of it, differentiated in the margin or, for soft labels, in the logit.
    fn sample<R: Real>(&self, variable: R) -> Sample<R> {
        let lit = R::lit;
        match self.kind {
            SampleKind::Binary => Sample::binary(variable, lit(self.target)).in_column(lit(self.column)),
            SampleKind::SoftBinary => Sample::soft(variable, lit(self.target)).in_column(lit(self.column)),
            SampleKind::Class => Sample::class_of(variable, lit(self.class)),
        }
    }
}

/// What the instructions give, one after another, in slots that hold nothing at first.
fn run(schedule: &Schedule, tables: &[Table], place: Place) -> Vec<f64> {
    let mut slots = vec![f64::NAN; schedule.slots()];
    slots[usize::from(Schedule::MARGIN)] = place.margin;
    slots[usize::from(Schedule::TARGET)] = place.target;
    slots[usize::from(Schedule::CLASS)] = place.class;
    if schedule.reads_column() {
        slots[usize::from(Schedule::COLUMN)] = place.column;
    }
    if schedule.reads_exp() {
        slots[usize::from(Schedule::EXP)] = (-place.margin.abs()).exp();
    }
    for &(at, value) in schedule.constants() {
        slots[usize::from(at)] = value;
    }
    let axis = place.sample(place.margin).axis();
    for &Instruction { operation, to } in schedule.instructions() {
        let at = |slot: u16| slots[usize::from(slot)];
        let logistic = |margin: u16, exp: u16| {
            assert_eq!(at(exp), (-at(margin).abs()).exp(), "the exponential is the margin's");
            at(margin).logistic()
        };
        let one = |value: f64| [value, 0.0, 0.0, 0.0];
        let values = |table: u32| match &tables[table as usize] {
            Table::Values(values) => values,
            Table::Regions(_) => panic!("no table of values"),
        };
        let results = match operation {
            Operation::Probabilities(s, e) | Operation::ProbabilitiesAndLoss(s, e) | Operation::Logistic(s, e) => {
                let found = logistic(s, e);
                [found.p, found.q, -found.log_p, found.log_q]
            }
            Operation::MinusLogP(s, e) => one(-logistic(s, e).log_p),
            Operation::LogQ(s, e) => one(logistic(s, e).log_q),
            Operation::Neg(a) => one(-at(a)),
            Operation::Exp(a) => one(at(a).exp()),
            Operation::Ln(a) => one(at(a).ln()),
            Operation::ExpM1(a) => one(at(a).exp_m1()),
            Operation::Ln1P(a) => one(at(a).ln_1p()),
            Operation::Sqrt(a) => one(at(a).sqrt()),
            Operation::Abs(a) => one(at(a).abs()),
            Operation::LogSigmoid(a) => one(at(a).logistic().log_p),
            Operation::Sigmoid(a) => one(at(a).logistic().p),
            Operation::Add(a, b) => one(at(a) + at(b)),
            Operation::Sub(a, b) => one(at(a) - at(b)),
            Operation::Mul(a, b) => one(at(a) * at(b)),
            Operation::Div(a, b) => one(at(a) / at(b)),
            Operation::Max(a, b) => one(at(a).max(at(b))),
            Operation::Min(a, b) => one(at(a).min(at(b))),
            Operation::MulAdd(a, b, c) => one(at(a) * at(b) + at(c)),
            Operation::MulSub(a, b, c) => one(at(a) * at(b) - at(c)),
            Operation::NegMulAdd(a, b, c) => one(at(c) - at(a) * at(b)),
            Operation::Product(a, b, c) => one(at(a) * at(b) * at(c)),
            Operation::Mix(a, b, c) => one(at(a) * at(c) + (1.0 - at(a)) * at(b)),
            Operation::SelectLe(a, b, c, d) => one(if at(a) <= at(b) { at(c) } else { at(d) }),
            Operation::PerClass(a, table) | Operation::PerColumn(a, table) => one(at(a).gather(values(table))),
            Operation::Region(a, table) => match &tables[table as usize] {
                Table::Regions(table) => one(at(a).region(table, axis)),
                Table::Values(_) => panic!("no table of regions"),
            },
        };
        for (offset, &result) in results[..usize::from(operation.results())].iter().enumerate() {
            slots[usize::from(to) + offset] = result;
        }
    }
    let signed = |&Output { slot, negative }: &Output| {
        let value = slots[usize::from(slot)];
        if negative { -value } else { value }
    };
    schedule.outputs().iter().map(signed).collect()
}

/// What the formula itself gives.
fn expected<W: SampleWeighter>(weighting: &Weighting<W>, wanted: Quantities, place: Place) -> Vec<f64> {
    let sample = weighting.map(place.sample(Dual::variable(Dual::variable(place.margin))));
    let (weight, base) = (weighting.weighter().weight(&sample), weighting.base_loss(&sample));
    let (w, w_1, w_2) = (weight.value.value, weight.value.slope, weight.slope.slope);
    let (b, b_1, b_2) = (base.value.value, base.value.slope, base.slope.slope);
    match wanted {
        Quantities::Step => vec![w, b, w_1, b_1],
        Quantities::Second => vec![w, b, w_1, b_1, w_2, b_2],
        Quantities::GaussNewton => {
            let at = place.margin.logistic();
            let newton =
                if place.kind == SampleKind::SoftBinary { w * at.p * at.q } else { -w * b_1 * sample.p().value.value };
            vec![w, b, w_1, b_1, newton, -w * b_1]
        }
        Quantities::Key => vec![sample.region_key().value.value],
    }
}

#[track_caller]
fn agrees<W: SampleWeighter>(weighting: &Weighting<W>, kinds: &[SampleKind]) {
    for &kind in kinds {
        let targets: &[f64] = if kind == SampleKind::SoftBinary { &[0.0, 0.3, 1.0] } else { &[0.0, 1.0] };
        for wanted in [Quantities::Step, Quantities::Second, Quantities::GaussNewton, Quantities::Key] {
            let schedule = weighting.schedule(kind, wanted).expect("recordable");
            let tables = weighting.formula(kind).expect("recordable").tables();
            for margin in [-5.0, -0.6, 0.0, 0.3, 2.0, 30.0] {
                for (at, &target) in targets.iter().enumerate() {
                    let class = if kind == SampleKind::Class { (at + 1) as f64 } else { target };
                    let place = Place { kind, margin, target, class, column: (at % 2) as f64 };
                    let (own, direct) = (run(schedule, tables, place), expected(weighting, wanted, place));
                    assert_eq!(own.len(), direct.len());
                    let largest = direct.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
                    for (own, direct) in own.iter().zip(&direct) {
                        // Sums in another order: a few roundings of the largest part, which the derivatives bound.
                        let same = own == direct || own.is_nan() && direct.is_nan();
                        assert!(
                            same || (own - direct).abs() <= 1e-12 * (direct.abs() + 1e-3 * largest),
                            "{own} for {direct}, {wanted:?} at {place:?}:\n{schedule:#?}"
                        );
                    }
                }
            }
        }
    }
}

const BINARY: [SampleKind; 2] = [SampleKind::Binary, SampleKind::SoftBinary];

#[test]
fn a_schedule_gives_what_the_formula_gives() {
    for gamma in [0.0, 0.5, 1.0, 1.5, 2.0, 5.0] {
        let focal = || Focal::new(gamma).expect("valid");
        agrees(BceLoss::new(focal()).weighting(), &BINARY);
        agrees(BceLoss::new(focal().detached()).weighting(), &BINARY);
        agrees(BceLoss::new((AlphaBalance::binary(0.25).expect("valid"), focal())).weighting(), &BINARY);
        agrees(BceLoss::new(focal()).with_base(Poly1::new(-0.5).expect("valid")).weighting(), &BINARY);
        agrees(SoftmaxLoss::new(focal()).weighting(), &[SampleKind::Class]);
    }
    agrees(BceLoss::new(()).weighting(), &BINARY);
    agrees(BceLoss::new(PosWeight::new([3.0, 0.2]).expect("valid")).weighting(), &BINARY);
    let shifted = BceLoss::new(Focal::new(1.5).expect("valid")).adjusted(ProbabilityShift::new(0.1).expect("valid"));
    agrees(shifted.weighting(), &[SampleKind::Binary]);
    let per_class = AlphaBalance::per_class(&[1.0, 0.5, 4.0]).expect("valid");
    agrees(SoftmaxLoss::new((per_class, Focal::new(2.0).expect("valid"))).weighting(), &[SampleKind::Class]);
    let mut ghm = BceLoss::new(Ghm::new(4, 0.5).expect("valid"));
    let mut counts = crate::BatchStatistics::zero(ghm.weighting().request(), 2);
    counts.valid = 10;
    counts.gradient_norm[0].counts_mut().copy_from_slice(&[7, 1, 0, 2]);
    ghm.observe(&counts).expect("as asked for");
    agrees(ghm.weighting(), &BINARY);
}

/// A product goes into what reads it where nobody else does, and is not computed again where somebody does.
#[test]
fn a_product_is_taken_apart_for_its_only_reader() {
    let of = |last: Vec<Step>| {
        let steps = [vec![Step::P, Step::CrossEntropy, Step::Mul(0, 1)], last].concat();
        let config = RecordedConfig { name: "products".into(), steps, ..RecordedConfig::default() };
        let loss = BceLoss::new(Recorded::try_from(config).expect("in order").detached());
        agrees(loss.weighting(), &BINARY);
        let program = Program::record(|sample| vec![loss.weighter().weight(sample)]).expect("recordable");
        let counts = |wanted: fn(&Operation) -> bool| {
            let schedule = Schedule::of(&program);
            schedule.instructions().iter().filter(|instruction| wanted(&instruction.operation)).count()
        };
        let fused = |operation: &Operation| {
            use Operation::{MulAdd, MulSub, NegMulAdd, Product};
            matches!(operation, MulAdd(..) | MulSub(..) | NegMulAdd(..) | Product(..))
        };
        (counts(fused), counts(|operation| matches!(operation, Operation::Mul(..))))
    };
    assert_eq!(of(vec![Step::Q, Step::Add(2, 3)]), (1, 0));
    assert_eq!(of(vec![Step::Sqrt(1), Step::Mul(2, 3)]), (1, 0));
    // Read twice: computed once, and then added to or multiplied with.
    assert_eq!(of(vec![Step::Exp(2), Step::Add(2, 3)]), (0, 1));
    assert_eq!(of(vec![Step::Exp(2), Step::Mul(2, 3)]), (0, 2));
}

/// t·c + (1 − t)·d is one operation, and what only looks like it is not.
#[test]
fn a_mixture_is_told_from_its_likes() {
    let leaves = || vec![Step::Target, Step::P, Step::Literal(1.0), Step::Literal(2.0), Step::Literal(3.0)];
    let (target, p, one, two, three) = (0, 1, 2, 3, 4);
    for (of, whole, less, mixes) in [
        (target, one, target, true),
        (p, one, target, false),
        (target, one, p, false),
        (target, two, target, false),
        (p, one, p, false),
    ] {
        for (first, second) in [((two, of), (6, three)), ((of, two), (three, 6)), ((of, one), (6, two))] {
            let mut steps = leaves();
            steps.extend([Step::Neg(p), Step::Sub(whole, less), Step::Mul(first.0, first.1)]);
            steps.extend([Step::Mul(second.0, second.1), Step::Add(7, 8), Step::Add(8, 7), Step::Mul(9, 10)]);
            let config = RecordedConfig { name: "mixture".into(), steps, ..RecordedConfig::default() };
            let loss = BceLoss::new(Recorded::try_from(config).expect("in order").detached());
            agrees(loss.weighting(), &BINARY);
            let schedule = loss.weighting().schedule(SampleKind::Binary, Quantities::Step).expect("recordable");
            let mixed = |instruction: &Instruction| matches!(instruction.operation, Operation::Mix(..));
            assert_eq!(schedule.instructions().iter().any(mixed), mixes, "{schedule:#?}");
        }
    }
}

/// Formulas that nobody wrote: every operation on whatever came before.
#[test]
fn a_schedule_gives_what_any_formula_gives() {
    for seed in 0..60 {
        let mut state = seed + 1_u64;
        let mut below = |bound: u32| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as u32 % bound
        };
        let mut steps = vec![
            Step::P,
            Step::Q,
            Step::LogP,
            Step::LogQ,
            Step::Margin,
            Step::Target,
            Step::CrossEntropy,
            Step::Residual,
            Step::LogResidual,
            Step::Literal(-1.5),
            Step::Literal(0.75),
            Step::PerClass(vec![0.5, 3.0]),
            Step::PerColumn(vec![2.0, 0.25]),
        ];
        // Each seed leaves out some of them, so that every choice of logarithms and probabilities is met.
        steps.retain(|_| below(3) > 0);
        steps.push(Step::Literal(1.25));
        for _ in 0..8 {
            let before = steps.len() as u32;
            let (a, b, c, d) = (below(before), below(before), below(before), below(before));
            steps.push(match below(18) {
                0 => Step::Neg(a),
                // Of a sigmoid: in (0, 1), so that no exponential is too large and no logarithm of a negative number.
                1 | 2 => Step::Sigmoid(a),
                3 => Step::LogSigmoid(a),
                4 => Step::Abs(a),
                5 => Step::Detach(a),
                6 | 7 => Step::Add(a, b),
                8 | 9 => Step::Sub(a, b),
                10..=13 => Step::Mul(a, b),
                14 => Step::Max(a, b),
                15 => Step::Min(a, b),
                _ => Step::SelectLe(a, b, c, d),
            });
        }
        let last = steps.len() as u32;
        // And what has a domain: of σ, or of a number above 0.25.
        steps.extend([Step::Sigmoid(last - 1), Step::Literal(0.25), Step::Add(last, last + 1)]);
        let domain = last + 2;
        steps.extend([Step::Ln(domain), Step::Sqrt(domain), Step::Exp(last), Step::ExpM1(last), Step::Ln1P(last)]);
        steps.push(Step::Div(domain + 1 + below(5), domain));
        let config = RecordedConfig { name: format!("formula {seed}"), steps, ..RecordedConfig::default() };
        let formula = Recorded::try_from(config).expect("in order");
        agrees(BceLoss::new(formula.clone()).weighting(), &BINARY);
        agrees(BceLoss::new(Focal::new(1.0).expect("valid")).with_base(formula).weighting(), &BINARY);
    }
}

#[test]
fn a_schedule_knows_what_it_reads() {
    let reads = |formula: fn(&Sample<Expr>) -> Expr| {
        let schedule = Schedule::of(&Program::record(|sample| vec![formula(sample)]).expect("recordable"));
        (schedule.reads_exp(), schedule.reads_column())
    };
    assert_eq!(reads(|sample| sample.target() + sample.margin()), (false, false));
    assert_eq!(reads(|sample| sample.q()), (true, false));
    assert_eq!(reads(|sample| sample.per_column(&[1.0, 2.0])), (false, true));
}
