//! Which slots the instructions' results lie in: few, each taken again once nobody reads it.

use std::sync::atomic::{AtomicU64, Ordering};

use super::lowering::Signed;
use super::{Instruction, Output, Schedule};

/// Gives few slots to many: one is free again after its last reading. Inputs, constants and outputs keep theirs.
pub(super) fn assign(
    code: Vec<Instruction>,
    constants: Vec<(u16, f64)>,
    outputs: Vec<Signed>,
    reads_column: bool,
) -> Schedule {
    let most = code.iter().map(|instruction| instruction.to + instruction.operation.results()).max().unwrap_or(0);
    let most = usize::from(most.max(constants.iter().map(|&(at, _)| at + 1).max().unwrap_or(0)).max(Schedule::FIRST));
    const FOREVER: usize = usize::MAX;
    let mut reads_exp = false;
    code.iter().for_each(|instruction| instruction.operation.reads(|slot| reads_exp |= slot == Schedule::EXP));
    let mut last = vec![0_usize; most];
    for (at, instruction) in code.iter().enumerate() {
        instruction.operation.reads(|slot| last[usize::from(slot)] = at);
    }
    let kept =
        (0..Schedule::FIRST).chain(constants.iter().map(|&(at, _)| at)).chain(outputs.iter().map(|output| output.at));
    kept.for_each(|slot| last[usize::from(slot)] = FOREVER);

    let mut place: Vec<u16> = (0..most as u16).collect();
    let mut next = Schedule::FIRST;
    let constants = constants
        .into_iter()
        .map(|(at, value)| {
            place[usize::from(at)] = next;
            next += 1;
            (next - 1, value)
        })
        .collect();
    let mut free: Vec<u16> = Vec::new();
    let mut placed = Vec::with_capacity(code.len());
    for (at, Instruction { operation, to }) in code.into_iter().enumerate() {
        let read = operation.map(|slot| place[usize::from(slot)]);
        // Its own result lies apart from what it reads; those are given back afterwards.
        if operation.results() > 1 {
            for result in to..to + operation.results() {
                place[usize::from(result)] = next;
                next += 1;
            }
        } else {
            place[usize::from(to)] = free.pop().unwrap_or_else(|| {
                next += 1;
                next - 1
            });
        }
        placed.push(Instruction { operation: read, to: place[usize::from(to)] });
        let mut dead = |slot: u16| {
            if last[usize::from(slot)] == at && !free.contains(&place[usize::from(slot)]) {
                free.push(place[usize::from(slot)]);
            }
        };
        operation.reads(&mut dead);
        // One of several results may be read by nobody.
        for slot in to..to + operation.results() {
            if last[usize::from(slot)] <= at {
                dead_result(&mut free, place[usize::from(slot)]);
            }
        }
    }
    let output = |Signed { at, negative }: Signed| Output { slot: place[usize::from(at)], negative };
    let outputs = outputs.into_iter().map(output).collect();
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    Schedule { instructions: placed, constants, outputs, slots: usize::from(next), reads_column, reads_exp, id }
}

fn dead_result(free: &mut Vec<u16>, place: u16) {
    if !free.contains(&place) {
        free.push(place);
    }
}
