//! Block by block gives what the program gives, number by number.

use reweight::{BceLoss, Focal, Ghm, Quantities, SampleKind, Schedule};

use super::{BLOCK, Formula, Memory};
use crate::dispatch::{Available, Kernel, dispatch};
use crate::lanes::Lanes;

struct Run<'a> {
    formula: Formula<'a>,
    memory: &'a mut Memory<f64>,
    len: usize,
}

impl Kernel for Run<'_> {
    type Output = ();
    #[inline(always)]
    fn run<F32: Lanes<Scalar = f32>, F64: Lanes<Scalar = f64>>(self) {
        self.memory.run::<F64>(self.formula, self.len);
    }
}

#[test]
fn a_block_holds_what_the_formula_gives() {
    let weighter = (Focal::new(1.5).expect("valid"), Ghm::new(7, 0.5).expect("valid"));
    let loss = BceLoss::new(weighter);
    let weighting = loss.weighting();
    let kind = SampleKind::Binary;
    let schedule = weighting.schedule(kind, Quantities::Step).expect("recordable");
    let tables = weighting.formula(kind).expect("recordable").tables();
    let formula = Formula { schedule, tables, axis: kind.axis() };
    let mut memory = Memory::<f64>::take(formula);
    let margins: Vec<f64> = (0..BLOCK).map(|at| (at as f64 - 128.0) * 0.3).collect();
    memory.slot_mut(Schedule::MARGIN).copy_from_slice(&margins);
    let exps: Vec<f64> = margins.iter().map(|s| (-s.abs()).exp()).collect();
    memory.slot_mut(Schedule::EXP).copy_from_slice(&exps);
    memory.slot_mut(Schedule::TARGET).fill(1.0);
    dispatch(Available::best(), Run { formula, memory: &mut memory, len: BLOCK });
    for (at, &s) in margins.iter().enumerate() {
        let q = 1.0 / (1.0 + s.exp());
        let (weight, ce) = (q.powf(1.5), (-s.abs()).exp().ln_1p() + (-s).max(0.0));
        let expected = [weight, ce];
        for (output, expected) in schedule.outputs().iter().zip(expected) {
            let value = memory.slot(output.slot)[at] * if output.negative { -1.0 } else { 1.0 };
            assert!((value - expected).abs() <= 1e-12 * expected.abs().max(1e-12), "{value} for {expected} at {s}");
        }
    }
    memory.keep();
}
