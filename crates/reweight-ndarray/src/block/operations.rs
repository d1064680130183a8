//! The loops: one for each operation of a schedule.

use reweight::{Instruction, Operation, Schedule, Table};

use super::regions::region_weights;
use super::{BLOCK, Formula, Memory};
use crate::element::PickLanes;
use crate::lanes::{Lanes, Tail};
use crate::registers::each_whole;

/// Runs all instructions over the first `len` numbers of their slots, a whole number of registers.
#[inline(always)]
pub(super) fn run<A: PickLanes, L: Lanes<Scalar = A>>(memory: &mut Memory<A>, formula: Formula<'_>, len: usize) {
    // Known to be inside, so that the loops need not ask.
    let len = len.min(BLOCK);
    for &Instruction { operation, to } in formula.schedule.instructions() {
        // The operations with several results.
        match operation {
            Operation::Probabilities(..) => {
                logistic::<A, L, 2>(memory, to, len);
                continue;
            }
            Operation::ProbabilitiesAndLoss(..) => {
                logistic::<A, L, 3>(memory, to, len);
                continue;
            }
            Operation::Logistic(..) => {
                logistic::<A, L, 4>(memory, to, len);
                continue;
            }
            _ => {}
        }
        let (to, others) = memory.apart(to);
        let to = &mut to[..len];
        let slot = |at: u16| &others.slot(at)[..len];
        macro_rules! one {
            ($a:expr, $of:expr) => {
                each_1::<A, L>(to, slot($a), $of)
            };
        }
        macro_rules! two {
            ($a:expr, $b:expr, $of:expr) => {
                each_2::<A, L>(to, slot($a), slot($b), $of)
            };
        }
        macro_rules! three {
            ($a:expr, $b:expr, $c:expr, $of:expr) => {
                each_3::<A, L>(to, slot($a), slot($b), slot($c), $of)
            };
        }
        match operation {
            // −log σ(s) = ln(1 + e^−|s|) − min(s, 0).
            Operation::MinusLogP(s, e) => two!(
                s,
                e,
                #[inline(always)]
                |s, e| e.ln_1p() - L::splat(0.0).min(s)
            ),
            // log σ(−s) = min(−s, 0) − ln(1 + e^−|s|).
            Operation::LogQ(s, e) => two!(
                s,
                e,
                #[inline(always)]
                |s, e| L::splat(0.0).min(-s) - e.ln_1p()
            ),
            Operation::Neg(a) => one!(
                a,
                #[inline(always)]
                |a| -a
            ),
            Operation::Exp(a) => one!(
                a,
                #[inline(always)]
                |a| a.exp()
            ),
            Operation::Ln(a) => one!(
                a,
                #[inline(always)]
                |a| a.ln()
            ),
            Operation::ExpM1(a) => one!(
                a,
                #[inline(always)]
                |a| a.exp_m1()
            ),
            Operation::Ln1P(a) => one!(
                a,
                #[inline(always)]
                |a| a.ln_1p_any()
            ),
            Operation::Sqrt(a) => one!(
                a,
                #[inline(always)]
                |a| a.sqrt()
            ),
            Operation::Abs(a) => one!(
                a,
                #[inline(always)]
                |a| a.abs()
            ),
            Operation::LogSigmoid(a) => one!(
                a,
                #[inline(always)]
                |a| a.logistic().log_p
            ),
            Operation::Sigmoid(a) => one!(
                a,
                #[inline(always)]
                |a| a.logistic().p
            ),
            Operation::Add(a, b) => two!(
                a,
                b,
                #[inline(always)]
                |a, b| a + b
            ),
            Operation::Sub(a, b) => two!(
                a,
                b,
                #[inline(always)]
                |a, b| a - b
            ),
            Operation::Mul(a, b) => two!(
                a,
                b,
                #[inline(always)]
                |a, b| a * b
            ),
            Operation::Div(a, b) => two!(
                a,
                b,
                #[inline(always)]
                |a, b| a / b
            ),
            // A tie takes the first, as the floats do; NaN on either side is `other`, and comes out as NaN with it.
            Operation::Max(a, b) => two!(
                a,
                b,
                #[inline(always)]
                |a, b| a.max(b)
            ),
            Operation::Min(a, b) => two!(
                a,
                b,
                #[inline(always)]
                |a, b| a.min(b)
            ),
            Operation::MulAdd(a, b, c) => three!(
                a,
                b,
                c,
                #[inline(always)]
                |a, b, c| a.mul_add(b, c)
            ),
            Operation::MulSub(a, b, c) => three!(
                a,
                b,
                c,
                #[inline(always)]
                |a, b, c| a.mul_add(b, -c)
            ),
            Operation::NegMulAdd(a, b, c) => three!(
                a,
                b,
                c,
                #[inline(always)]
                |a, b, c| (-a).mul_add(b, c)
            ),
            Operation::Product(a, b, c) => three!(
                a,
                b,
                c,
                #[inline(always)]
                |a, b, c| a * b * c
            ),
            // t·c + (1 − t)·b.
            Operation::Mix(t, b, c) => three!(
                t,
                b,
                c,
                #[inline(always)]
                |t, b, c| t.mul_add(c, (L::splat(1.0) - t) * b)
            ),
            Operation::SelectLe(a, b, c, d) => each_4::<A, L>(
                to,
                [a, b, c, d].map(slot),
                #[inline(always)]
                |a, b, c, d| L::select(a.le(b), c, d),
            ),
            Operation::PerClass(index, table) | Operation::PerColumn(index, table) => {
                gather(to, slot(index), formula.tables.get(table as usize));
            }
            Operation::Region(key, table) => match formula.tables.get(table as usize) {
                Some(Table::Regions(table)) => region_weights::<A, L>(to, slot(key), table, formula.axis),
                _ => to.fill(A::from_f64(f64::NAN)),
            },
            // The operations may grow; NaN is seen at once where a guess would not be.
            _ => to.fill(A::from_f64(f64::NAN)),
        }
    }
}

/// σ(s), σ(−s), −log σ(s), log σ(−s): the first N into as many neighbouring slots.
#[inline(always)]
fn logistic<A: PickLanes, L: Lanes<Scalar = A>, const N: usize>(memory: &mut Memory<A>, to: u16, len: usize) {
    // What the backend fills lies before what the formula fills.
    let (inputs, results) = memory.slots.split_at_mut(usize::from(to) * BLOCK);
    let input = |slot: u16| &inputs[usize::from(slot) * BLOCK..][..len];
    let (margins, exps) = (input(Schedule::MARGIN), input(Schedule::EXP));
    let (p, rest) = results.split_at_mut(BLOCK);
    let (q, rest) = rest.split_at_mut(BLOCK);
    let (loss, log_q) = rest.split_at_mut(if N > 2 { BLOCK } else { 0 });
    let (p, q) = (&mut p[..len], &mut q[..len]);
    let loss = if N > 2 { &mut loss[..len] } else { loss };
    let log_q = if N > 3 { &mut log_q[..len] } else { log_q };
    each_whole::<L>(
        len,
        #[inline(always)]
        |at| {
            let (s, e) = (L::load(&margins[at.clone()]), L::load(&exps[at.clone()]));
            let greater = L::splat(1.0) / (L::splat(1.0) + e);
            let ln_1p = if N > 2 { e.ln_1p() } else { s };
            let all = s.logistic_with(Tail { ln_1p, greater, less: e * greater });
            all.p.store(&mut p[at.clone()]);
            all.q.store(&mut q[at.clone()]);
            if N > 2 {
                (-all.log_p).store(&mut loss[at.clone()]);
            }
            if N > 3 {
                all.log_q.store(&mut log_q[at]);
            }
        },
    );
}

#[inline(always)]
fn each_1<A: PickLanes, L: Lanes<Scalar = A>>(to: &mut [A], a: &[A], of: impl Fn(L) -> L) {
    let len = to.len();
    let a = &a[..len];
    each_whole::<L>(
        len,
        #[inline(always)]
        |at| of(L::load(&a[at.clone()])).store(&mut to[at]),
    );
}

#[inline(always)]
fn each_2<A: PickLanes, L: Lanes<Scalar = A>>(to: &mut [A], a: &[A], b: &[A], of: impl Fn(L, L) -> L) {
    let len = to.len();
    let (a, b) = (&a[..len], &b[..len]);
    each_whole::<L>(
        len,
        #[inline(always)]
        |at| of(L::load(&a[at.clone()]), L::load(&b[at.clone()])).store(&mut to[at]),
    );
}

#[inline(always)]
fn each_3<A: PickLanes, L: Lanes<Scalar = A>>(to: &mut [A], a: &[A], b: &[A], c: &[A], of: impl Fn(L, L, L) -> L) {
    let len = to.len();
    let (a, b, c) = (&a[..len], &b[..len], &c[..len]);
    each_whole::<L>(
        len,
        #[inline(always)]
        |at| of(L::load(&a[at.clone()]), L::load(&b[at.clone()]), L::load(&c[at.clone()])).store(&mut to[at]),
    );
}

#[inline(always)]
fn each_4<A: PickLanes, L: Lanes<Scalar = A>>(to: &mut [A], [a, b, c, d]: [&[A]; 4], of: impl Fn(L, L, L, L) -> L) {
    let len = to.len();
    let (a, b, c, d) = (&a[..len], &b[..len], &c[..len], &d[..len]);
    each_whole::<L>(
        len,
        #[inline(always)]
        |at| {
            let (a, b) = (L::load(&a[at.clone()]), L::load(&b[at.clone()]));
            of(a, b, L::load(&c[at.clone()]), L::load(&d[at.clone()])).store(&mut to[at]);
        },
    );
}

/// Entries of a table by indices that are numbers; NaN for what is no index.
#[inline(always)]
fn gather<A: PickLanes>(to: &mut [A], indices: &[A], table: Option<&Table>) {
    let Some(Table::Values(values)) = table else {
        return to.fill(A::from_f64(f64::NAN));
    };
    let values = A::values(values);
    for (to, &index) in to.iter_mut().zip(indices) {
        let index: f64 = index.into();
        // A cast saturates, so a negative index or NaN would read entry 0: send those outside instead.
        let index = if index >= 0.0 { index as usize } else { usize::MAX };
        *to = values.get(index).copied().unwrap_or(A::from_f64(f64::NAN));
    }
}
