//! The kernels that stand for all: what snapshots hold and what a toolkit's compiler is tried on.

use std::error::Error;

use reweight::{
    AlphaBalance, BceLoss, BoxedWeighter, Chain, Focal, GeneralizedCrossEntropy, Ghm, HardExamples, Poly1, PosWeight,
    ProbabilityShift, SampleWeighter, SoftmaxLoss,
};
use reweight_codegen::{
    BceShape, Element, Formula, KernelSource, Labels, Precision, SoftmaxShape, finish, fold, gather,
};

/// Losses or weighters with a short name each.
type Named<L> = Vec<(&'static str, L)>;

/// Plain, α·focal, a broken γ, GHM, and the hardest examples.
fn weighters() -> Result<Named<BoxedWeighter>, Box<dyn Error>> {
    let alpha_focal = (AlphaBalance::binary(0.25)?, Focal::new(2.0)?);
    let ghm = Ghm::new(30, 0.75)?;
    Ok(vec![
        ("plain", BoxedWeighter::new(Chain::default())?),
        ("alpha-focal", BoxedWeighter::new(alpha_focal.clone())?),
        ("focal-1.5", BoxedWeighter::new(Focal::new(1.5)?)?),
        ("ghm", BoxedWeighter::new(ghm.clone())?),
        ("alpha-focal-ghm", BoxedWeighter::new((alpha_focal, ghm))?),
        ("hard-examples", BoxedWeighter::new(HardExamples::new(0.25)?)?),
    ])
}

/// Those, and the asymmetric loss with positive weights by column.
fn bce_losses() -> Result<Named<BceLoss<BoxedWeighter>>, Box<dyn Error>> {
    let mut losses: Named<_> = weighters()?.into_iter().map(|(name, own)| (name, BceLoss::new(own))).collect();
    let by_sign = (Focal::by_target(0.0, 4.0)?, PosWeight::new(vec![4.0, 9.0, 1.5])?);
    losses.push(("shifted", BceLoss::new(BoxedWeighter::new(by_sign)?).adjusted(ProbabilityShift::new(0.05)?)));
    Ok(losses)
}

/// Those, and focal·GHM on other bases.
fn softmax_losses() -> Result<Named<SoftmaxLoss<BoxedWeighter>>, Box<dyn Error>> {
    let mut losses: Named<_> = weighters()?.into_iter().map(|(name, own)| (name, SoftmaxLoss::new(own))).collect();
    let robust = BoxedWeighter::new((Focal::new(1.5)?, Ghm::new(30, 0.75)?))?;
    losses.push(("poly-1", SoftmaxLoss::new(robust.clone()).with_base(Poly1::new(1.0)?)));
    losses.push(("gce", SoftmaxLoss::new(robust).with_base(GeneralizedCrossEntropy::new(0.7)?)));
    Ok(losses)
}

/// The main kernels with a short name each, fit for a file, over every kind of label, every way of keeping a row, and both
/// precisions. Statistics are those of GHM and of the hardest examples.
pub(crate) fn catalogue() -> Result<Vec<(String, KernelSource)>, Box<dyn Error>> {
    let (bce, softmax) = (bce_losses()?, softmax_losses()?);
    let mut kernels = Vec::new();
    for precision in [Precision::F32, Precision::F64] {
        let soft = if precision == Precision::F32 { Element::F32 } else { Element::F64 };
        let wide = precision.name();
        for (labels, targets) in [(Labels::Hard, Element::U8), (Labels::Soft, soft)] {
            let shape = BceShape::new(precision, targets, labels)?;
            let kind = format!("{labels:?}").to_lowercase();
            for (name, loss) in &bce {
                // What a shift needs are hard labels.
                if labels == Labels::Soft && *name == "shifted" {
                    continue;
                }
                let formula = Formula::of(loss.weighting(), shape.kind())?;
                kernels.push((format!("bce-{kind}-{wide}-{name}"), shape.loss(&formula)?));
                if ["ghm", "hard-examples"].contains(name) {
                    let key = Formula::of_key(loss.weighting(), shape.kind())?;
                    let statistics = shape.statistics(&key, &loss.weighter().statistics())?;
                    kernels.push((format!("bce-{kind}-{wide}-statistics-{name}"), statistics));
                }
            }
        }
        // Rows in the registers of few and of all lanes, in shared memory, and streamed.
        for classes in [10, 100, 1000, 4000, 32_000] {
            let shape = SoftmaxShape::new(precision, Element::I64, classes)?;
            for (name, loss) in &softmax {
                let formula = Formula::of(loss.weighting(), shape.kind())?;
                kernels.push((format!("softmax-{classes}-{wide}-{name}"), shape.loss(&formula)?));
                if *name == "ghm" {
                    let key = Formula::of_key(loss.weighting(), shape.kind())?;
                    let statistics = shape.statistics(&key, &loss.weighter().statistics())?;
                    kernels.push((format!("softmax-{classes}-{wide}-statistics-{name}"), statistics));
                }
            }
        }
        kernels.push((format!("finish-{wide}"), finish(precision)));
        kernels.push((format!("fold-{wide}"), fold(precision)));
    }
    kernels.extend([1, 2, 4, 8].map(|bytes| (format!("gather-{bytes}"), gather(bytes))));
    Ok(kernels)
}
