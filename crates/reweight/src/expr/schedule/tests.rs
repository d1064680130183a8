//! Schedules: the same values as the program, in few slots.

use super::{Operation, Schedule};
use crate::formula::Quantities;
use crate::loss::BceLoss;
use crate::sample::SampleKind;
use crate::weighters::{AlphaBalance, Focal};

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
