//! The weighters that the kernels are proved with: all built-in ones, products, and a stranger's.

use reweight::{
    AlphaBalance, BatchStatistics, BoxedWeighter, Chain, CountScheme, Focal, Ghm, GhmConfig, GhmPreset, Real, Sample,
    SampleWeighter, Statistics, WeightError,
};

/// A stranger's weighter that uses every operation and every quantity, all of them smooth where samples lie.
#[derive(Clone, Debug)]
pub(crate) struct Everything;

impl SampleWeighter for Everything {
    fn weight<R: Real>(&self, s: &Sample<R>) -> R {
        let one = R::lit(1.0);
        let tame = s.margin().max(R::lit(-7.5)).min(R::lit(7.25)).abs();
        let rooted = (one + s.q()).sqrt() / (one + s.cross_entropy());
        let logs = (one + s.p()).ln() + tame.scale(0.3).sigmoid() + tame.scale(0.5).softplus() / (one + tame);
        let chosen = s.margin().select_le(R::lit(0.37), rooted, logs);
        let modulated = chosen * (s.log_p().scale(0.1).exp() + s.log_q().scale(0.2).exp());
        modulated + s.gradient_norm() * s.by_target(0.5, 1.5) - (-s.q().powi(3)).scale(0.125)
    }
}

/// A stranger's weighter with class counts of its own.
#[derive(Clone, Debug)]
pub(crate) struct Frequency(pub(crate) Vec<f64>);

impl SampleWeighter for Frequency {
    fn weight<R: Real>(&self, s: &Sample<R>) -> R {
        s.per_class(&self.0)
    }
    fn statistics(&self) -> Statistics {
        Statistics::class_counts()
    }
    fn observe(&mut self, batch: &BatchStatistics) -> Result<(), WeightError> {
        self.0 = batch.class_counts.iter().map(|&count| 1.0 / (1.0 + count as f64)).collect();
        Ok(())
    }
}

fn boxed(weighter: impl SampleWeighter + 'static) -> BoxedWeighter {
    BoxedWeighter::new(weighter).unwrap()
}

fn ghm(bins: u32, preset: GhmPreset) -> Ghm {
    GhmConfig { preset, ..GhmConfig::new(bins, 0.75) }.try_into().unwrap()
}

/// All of them for batches of `classes` classes.
pub(crate) fn all(classes: usize) -> Vec<(&'static str, BoxedWeighter)> {
    let counts: Vec<u64> = (0..classes as u64).map(|class| 1 + 1000 / (class + 1)).collect();
    let gammas: Vec<f64> = (0..classes).map(|class| class as f64 * 0.5 / classes as f64 + 0.25).collect();
    let per_class = |scheme| AlphaBalance::from_counts(&counts, scheme).unwrap();
    vec![
        ("none", boxed(Chain::default())),
        ("alpha", boxed(AlphaBalance::binary(0.25).unwrap())),
        ("inverse frequency", boxed(per_class(CountScheme::InverseFrequency))),
        ("effective number", boxed(per_class(CountScheme::EffectiveNumber))),
        ("focal 0", boxed(Focal::new(0.0).unwrap())),
        ("focal 0.5", boxed(Focal::new(0.5).unwrap())),
        ("focal 2", boxed(Focal::new(2.0).unwrap())),
        ("focal 5", boxed(Focal::new(5.0).unwrap())),
        ("focal by target", boxed(Focal::by_target(1.0, 2.5).unwrap())),
        ("focal by class", boxed(Focal::per_class(&gammas).unwrap())),
        ("ghm mmdet", boxed(ghm(10, GhmPreset::Mmdet))),
        ("ghm paper", boxed(ghm(30, GhmPreset::Paper))),
        ("ghm corrected", boxed(ghm(7, GhmPreset::Corrected))),
        ("one bin", boxed(ghm(1, GhmPreset::Mmdet))),
        (
            "a chain of all",
            boxed((
                per_class(CountScheme::InverseSqrt),
                Focal::new(1.5).unwrap(),
                ghm(12, GhmPreset::Corrected),
                Frequency(vec![1.0; classes]),
            )),
        ),
        ("detached", boxed(Focal::new(2.0).unwrap().detached())),
        ("clamped", boxed(Focal::new(1.0).unwrap().clamped(0.2, 0.6).unwrap().scaled(3.0).unwrap())),
        ("everything", boxed(Everything)),
    ]
}
