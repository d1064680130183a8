//! The kernels that stand for all: what snapshots hold and what a toolkit's compiler is tried on.

use std::error::Error;

use reweight::{AlphaBalance, Focal, Ghm, SampleWeighter};
use reweight_codegen::{
    BceShape, Element, Formula, KernelSource, Labels, Precision, SoftmaxShape, finish, fold, gather,
};

/// The main kernels with a short name each, fit for a file: plain, α·focal, a broken γ and GHM, over every kind of label,
/// every way of keeping a row, and both precisions.
pub(crate) fn catalogue() -> Result<Vec<(String, KernelSource)>, Box<dyn Error>> {
    let alpha_focal = (AlphaBalance::binary(0.25)?, Focal::new(2.0)?);
    let focal = Focal::new(1.5)?;
    let ghm = Ghm::new(30, 0.75)?;
    let request = ghm.statistics();
    let formulas = [
        ("plain", Formula::of(&())?),
        ("alpha-focal", Formula::of(&alpha_focal)?),
        ("focal-1.5", Formula::of(&focal)?),
        ("ghm", Formula::of(&ghm)?),
        ("alpha-focal-ghm", Formula::of(&(alpha_focal, ghm))?),
    ];
    let mut kernels = Vec::new();
    for precision in [Precision::F32, Precision::F64] {
        let soft = if precision == Precision::F32 { Element::F32 } else { Element::F64 };
        let wide = precision.name();
        for (labels, targets) in [(Labels::Hard, Element::U8), (Labels::Soft, soft)] {
            let shape = BceShape::new(precision, targets, labels)?;
            let kind = format!("{labels:?}").to_lowercase();
            for (name, formula) in &formulas {
                kernels.push((format!("bce-{kind}-{wide}-{name}"), shape.loss(formula)?));
            }
            kernels.push((format!("bce-{kind}-{wide}-statistics"), shape.statistics(&request)));
        }
        // Rows in the registers of few and of all lanes, in shared memory, and streamed.
        for classes in [10, 100, 1000, 4000, 32_000] {
            let shape = SoftmaxShape::new(precision, Element::I64, classes)?;
            for (name, formula) in &formulas {
                kernels.push((format!("softmax-{classes}-{wide}-{name}"), shape.loss(formula)?));
            }
            kernels.push((format!("softmax-{classes}-{wide}-statistics"), shape.statistics(&request)));
        }
        kernels.push((format!("finish-{wide}"), finish(precision)));
        kernels.push((format!("fold-{wide}"), fold(precision)));
    }
    kernels.extend([1, 2, 4, 8].map(|bytes| (format!("gather-{bytes}"), gather(bytes))));
    Ok(kernels)
}
