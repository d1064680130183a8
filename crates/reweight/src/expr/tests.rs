//! Recorded formulas: folding, sharing, pruning, and what cannot be recorded.

use std::cell::Cell;

use super::{Expr, Leaf, MOST, Node, Program, Table, TraceError, ValueTable};
use crate::dual::Dual;
use crate::real::Real;
use crate::sample::Sample;
use crate::weighter::SampleWeighter;
use crate::weighters::{AlphaBalance, Focal, Ghm};

fn one(formula: impl FnOnce(&Sample<Expr>) -> Expr) -> Program {
    Program::record(|sample| vec![formula(sample)]).expect("recordable")
}

fn literal(program: &Program) -> Option<f64> {
    match program.nodes() {
        [node] => node.literal(),
        _ => None,
    }
}

#[test]
fn constants_are_computed_while_recording() {
    let lit = Expr::lit;
    assert_eq!(literal(&one(|_| lit(2.0) * lit(3.0) + lit(1.0))), Some(7.0));
    assert_eq!(literal(&one(|_| lit(0.0).exp() - lit(4.0).sqrt())), Some(-1.0));
    assert_eq!(literal(&one(|_| lit(-3.0).abs().max(lit(2.0)).min(lit(2.5)))), Some(2.5));
    assert_eq!(literal(&one(|_| lit(0.0).sigmoid())), Some(0.5));
    assert_eq!(literal(&one(|_| lit(4.0).ln() / lit(2.0).ln())), Some(2.0));
    assert_eq!(literal(&one(|_| -lit(0.5).exp_m1() - lit(0.5).ln_1p())), Some(-(0.5_f64.exp_m1()) - 0.5_f64.ln_1p()));
    assert_eq!(literal(&one(|_| lit(0.7).logistic().log_p)), Some(0.7_f64.logistic().log_p));
    // What overflows stays an operation: a constant that is not finite would be no text of any kernel.
    assert_eq!(literal(&one(|_| lit(1e3).exp())), None);
}

#[test]
fn neutral_operations_vanish() {
    let (zero, unit) = (Expr::lit, Expr::lit);
    let only_p = one(|s| s.p());
    for formula in [
        one(|s| s.p() + zero(0.0)),
        one(|s| zero(0.0) + s.p()),
        one(|s| s.p() * unit(1.0)),
        one(|s| unit(1.0) * s.p()),
        one(|s| s.p() / unit(1.0)),
        one(|s| s.p() - zero(0.0)),
        one(|s| -(-s.p())),
        one(|s| s.p().max(s.p())),
        one(|s| s.q().select_le(s.p(), s.p(), s.p())),
    ] {
        assert_eq!(formula, only_p);
    }
    assert_eq!(literal(&one(|s| s.p() * zero(0.0))), Some(0.0));
    assert_eq!(literal(&one(|s| s.p() - s.p())), Some(0.0));
}

#[test]
fn equal_parts_are_recorded_once() {
    let shared = one(|s| (s.p() * s.q()).exp() + (s.q() * s.p()).exp());
    // p, q, p·q, its exponential, and that twice.
    assert_eq!(shared.nodes().len(), 6, "{:?}", shared.nodes());
    assert_eq!(shared.nodes().iter().filter(|node| matches!(node, Node::Exp(_))).count(), 1);
    assert!(shared.nodes().iter().enumerate().all(|(at, node)| node.operands().all(|operand| (operand as usize) < at)));
}

#[test]
fn what_no_result_needs_is_left_out() {
    let program = one(|s| {
        let _unused = s.margin().exp().ln();
        s.q()
    });
    assert_eq!(program.nodes(), [Node::Leaf(Leaf::Q)]);
    assert_eq!(program.outputs(), [0]);
}

#[test]
fn built_in_formulas_are_as_short_as_they_are_written() {
    let focal = Program::of(&Focal::new(2.0).expect("valid")).expect("recordable");
    assert_eq!(focal.nodes(), [Node::Leaf(Leaf::Q), Node::Mul(0, 0)]);
    let ghm = Program::of(&Ghm::new(10, 0.5).expect("valid")).expect("recordable");
    assert_eq!(ghm.nodes(), [Node::Leaf(Leaf::RegionKey), Node::Region(0, 0)]);
    assert!(matches!(ghm.tables(), [Table::Regions(table)] if table.weights().len() == 10));
    let alpha = Program::of(&AlphaBalance::per_class(&[1.0, 2.0, 3.0]).expect("valid")).expect("recordable");
    assert!(matches!(alpha.tables(), [Table::Values(values)] if values[..] == [1.0, 2.0, 3.0]));
    let (first, second) = (AlphaBalance::per_class(&[1.0, 2.0]).expect("valid"), Ghm::new(3, 0.0).expect("valid"));
    let both = Program::of(&(first.clone(), second, first)).expect("recordable");
    assert_eq!(both.tables().len(), 2, "equal tables are held once");
}

#[test]
fn a_table_of_values_is_held_in_both_precisions() {
    let mut table = ValueTable::from(&[1.5, 1e300, -0.1][..]);
    assert_eq!((&table[..], table.narrow()), (&[1.5, 1e300, -0.1][..], &[1.5, f32::MAX, -0.1][..]));
    assert!(table.replace(&[2.0, 0.25, 1e-50]));
    assert_eq!((&table[..], table.narrow()), (&[2.0, 0.25, 1e-50][..], &[2.0, 0.25, 0.0][..]));
    assert!(!table.replace(&[1.0]), "another length");
}

#[test]
fn operands_are_in_order_and_doubled_once() {
    let (sum, swapped) = (one(|s| s.p() + s.q()), one(|s| s.q() + s.p()));
    assert_eq!(sum.nodes().len(), swapped.nodes().len());
    let doubled = one(|s| s.p() + s.p());
    assert_eq!(doubled.nodes(), one(|s| s.p() * Expr::lit(2.0)).nodes());
    assert_eq!(one(|s| Expr::lit(0.0) - s.p()), one(|s| -s.p()));
    let negated = [one(|s| s.p() * Expr::lit(-1.0)), one(|s| Expr::lit(-1.0) * s.p())];
    assert!(negated.iter().all(|program| *program == one(|s| -s.p())));
    assert_eq!(literal(&one(|s| Expr::lit(0.0) / s.p())), Some(0.0));
    assert_eq!(one(|s| s.p().min(s.p())), one(|s| s.p()));
}

#[test]
fn no_gradient_flows_through_a_detached_weight() {
    use crate::{BceLoss, Quantities, SampleKind};

    let slope = |program: &Program| program.nodes()[program.outputs()[2] as usize].literal();
    let focal = Focal::new(1.5).expect("valid");
    let flowing = BceLoss::new(focal.clone());
    assert_eq!(slope(flowing.weighting().program(SampleKind::Binary, Quantities::Step).expect("recordable")), None);
    let detached = BceLoss::new(focal.detached());
    assert_eq!(
        slope(detached.weighting().program(SampleKind::Binary, Quantities::Step).expect("recordable")),
        Some(0.0)
    );
}

#[test]
fn symbols_of_another_recording_are_refused() {
    let kept = Cell::new(Expr::lit(0.0));
    Program::record(|sample| {
        kept.set(sample.p());
        vec![sample.p()]
    })
    .expect("recordable");
    let foreign = Program::record(|sample| vec![sample.q() * kept.get()]);
    assert_eq!(foreign, Err(TraceError::Foreign));
    let returned = Program::record(|_| vec![kept.get()]);
    assert_eq!(returned, Err(TraceError::Foreign));
    // The failure leaves nothing behind.
    assert_eq!(one(|s| s.p()).nodes(), [Node::Leaf(Leaf::P)]);
    // Nor does a panic: outside of a recording a symbol belongs to none.
    let panics = std::panic::catch_unwind(|| Program::record(|_| panic!("a formula of somebody's own")));
    assert!(panics.is_err());
    assert_eq!(Expr::lit(1.0), Expr::lit(2.0));
}

#[test]
fn a_recording_inside_a_recording_is_its_own() {
    let outer = Program::record(|sample| {
        let inner = one(|s| s.q().exp());
        assert_eq!(inner.nodes().len(), 2);
        vec![sample.p() + Expr::lit(1.0)]
    });
    assert_eq!(outer.expect("recordable").nodes().len(), 3);
}

/// Every operation, in a formula long enough for each size of the evaluation's memory.
fn long<R: Real>(sample: &Sample<R>, repeats: usize) -> R {
    let mut sum = sample.cross_entropy();
    for i in 0..repeats {
        let c = R::lit(1.0 + i as f64);
        let part = (sample.p() * c + sample.log_q()).abs().sqrt() / (c + sample.q());
        let part = part.max(sample.gradient_norm()).min(c).select_le(sample.target(), c, part.ln().exp());
        sum = sum + part.sigmoid() - (sample.margin() - c).softplus().detach();
    }
    sum
}

#[test]
fn evaluation_gives_what_the_formula_gives() {
    for repeats in [0, 1, 2, 8] {
        let program = one(|s| long(s, repeats));
        for margin in [-30.0, -1.0, 0.0, 0.4, 5.0, 800.0] {
            for target in [0.0, 1.0] {
                let sample = Sample::binary(Dual::variable(margin), Dual::<f64>::constant(target));
                let (own, direct) = (program.evaluate(&sample), long(&sample, repeats));
                // Folding and sharing may regroup nothing but exact identities.
                assert_eq!(own.value, direct.value, "{repeats} repeats at {margin}");
                assert!(
                    (own.slope - direct.slope).abs() <= 1e-15 * direct.slope.abs(),
                    "{repeats} repeats at {margin}"
                );
            }
        }
    }
}

/// Each root is an operation of its own, on one leaf.
#[test]
fn the_longest_formula_is_still_recorded() {
    let roots = |count: usize| {
        Program::record_with_calls(None, || vec![(0..count).fold(Expr::leaf(Leaf::P), |root, _| root.sqrt())])
    };
    assert_eq!(roots(MOST - 1).map(|(program, _)| program.nodes().len()).ok(), Some(MOST));
    assert_eq!(roots(MOST).err(), Some(TraceError::Long { found: MOST + 1, most: MOST }));
}

#[test]
fn sums_and_products_of_either_order_are_one() {
    let node = |formula: fn(&Sample<Expr>) -> Expr| one(formula).nodes().len();
    assert_eq!(
        node(|s| (s.p() + s.q()).exp() * (s.q() + s.p()).sqrt()),
        node(|s| (s.p() + s.q()).exp() * (s.p() + s.q()).sqrt())
    );
    assert_eq!(
        node(|s| (s.p() * s.q()).exp() + (s.q() * s.p()).sqrt()),
        node(|s| (s.p() * s.q()).exp() + (s.p() * s.q()).sqrt())
    );
}
