//! What a training step of either objective needs on the device beside its batch.

use reweight::{Fit, Reduction, SampleKind};
use reweight_codegen::{FinishArguments, MapTables, Precision, finish, reduction_code};

use crate::check::reals;
use crate::session::Session;

/// Where the affine adjustments lie; null where they change nothing.
pub(crate) struct Map {
    pub(crate) scale: u64,
    pub(crate) offset: u64,
    pub(crate) margin: u64,
}

/// Uploads a loss's affine adjustments.
pub(crate) fn map(session: &mut Session, precision: Precision, fit: &Fit, kind: SampleKind, classes: usize) -> Map {
    let tables = MapTables::of(fit, kind, classes);
    let base = reals(session, precision, &tables.numbers);
    let at = |first: Option<usize>| first.map_or(0, |first| Session::offset(base, (first * precision.bytes()) as u64));
    Map { scale: at(tables.scale), offset: at(tables.offset), margin: at(tables.margin) }
}

/// Queues the kernel that sums up a launch's partial sums; where the totals will be.
pub(crate) fn finished(
    session: &mut Session,
    precision: Precision,
    partials: u64,
    blocks: u32,
    reduction: Reduction,
    fault: u64,
) -> u64 {
    let (reduction, divisor) = reduction_code(reduction);
    let totals = session.buffer(&[0.0_f64; 7]);
    let blocks = blocks.into();
    let words = FinishArguments { partials, blocks, reduction, divisor, fault, totals, loss: 0 }.words();
    let kernel = session.kernel(&finish(precision), "reweight_finish");
    session.launch(kernel, 1, words);
    totals
}
