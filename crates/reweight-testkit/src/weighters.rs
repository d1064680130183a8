//! The weighters that the laws are checked with: every built-in one with every setting, chains, boxes, foreign ones.

use reweight::{
    AlphaBalance, BoxedWeighter, Chain, CountScheme, Decay, Focal, Ghm, GhmConfig, GhmPreset, GhmUnit, LossConfig,
    Normaliser, ParameterError, Registry, SampleWeighter,
};

use crate::custom::{RootNorm, StepBalance};

/// Something that is done with weighters of any type.
pub trait Visitor {
    /// Does it with one.
    fn visit<W: SampleWeighter + 'static>(&mut self, name: &str, weighter: W);
}

/// γ of the laws: none, below 1 (whose power has an infinite slope at 0), 1, between, large.
pub const GAMMAS: [f64; 7] = [0.0, 0.1, 0.5, 1.0, 1.5, 2.0, 5.0];

/// One weight a class, all different.
pub fn class_weights(classes: usize) -> Vec<f64> {
    (0..classes).map(|class| 0.25 + 1.5 * ((class * 7) % 11) as f64 / 11.0).collect()
}

/// GHM's settings that the laws are checked with.
pub fn ghm_settings() -> Vec<(&'static str, GhmConfig)> {
    let preset = |preset, bins, momentum| GhmConfig { preset, ..GhmConfig::new(bins, momentum) };
    vec![
        ("ghm mmdet 10 0.75", preset(GhmPreset::Mmdet, 10, 0.75)),
        ("ghm mmdet 30 0", preset(GhmPreset::Mmdet, 30, 0.0)),
        ("ghm paper 10 0.9", preset(GhmPreset::Paper, 10, 0.9)),
        ("ghm corrected 7 0.5", preset(GhmPreset::Corrected, 7, 0.5)),
        ("ghm one bin", preset(GhmPreset::Corrected, 1, 0.75)),
        (
            "ghm with every flag",
            GhmConfig {
                decay: Some(Decay::All),
                normaliser: Some(Normaliser::All),
                unit: Some(GhmUnit::Fractions),
                bias_correction: Some(true),
                cap: Some(2.0),
                mean_one: true,
                ..GhmConfig::new(12, 0.6)
            },
        ),
    ]
}

/// A chain from a config with every modifier.
pub fn modified_chain() -> Chain {
    chain(
        r#"{"objective": "bce", "weighter": [
            {"kind": "alpha-balance", "alpha": 0.75, "scale": 1.5},
            {"kind": "focal", "gamma": 1.5, "clamp": [0.001, 0.9]},
            {"kind": "focal", "gamma_pos": 0.5, "gamma_neg": 2.5, "detached": true},
            {"kind": "ghm", "bins": 10, "momentum": 0.5, "clamp": [0.0, 4.0]},
            {"kind": "root-norm", "factor": 2.0}
        ]}"#,
    )
}

/// The chain of a config, with the suite's own kinds registered.
///
/// # Panics
///
/// Where the config is not right.
pub fn chain(json: &str) -> Chain {
    let mut registry = Registry::built_in();
    registry.register::<RootNorm>("root-norm").expect("a free name");
    let config = LossConfig::from_json(json).expect("a right config");
    Chain::from_config(&config.weighter, &registry).expect("right settings")
}

/// Boxes a weighter into a chain of one: one type for all, so that the laws are compiled once for them.
pub(crate) fn boxed(weighter: impl SampleWeighter + 'static) -> Chain {
    Chain::from(vec![BoxedWeighter::new(weighter).expect("a formula of its sample alone")])
}

/// Hands every weighter for `classes` classes (2 for BCE) to `visitor`.
///
/// Few types with many settings: `()`, [`Focal`], a foreign formula, a product of all built-in ones, one changed by
/// every adapter; all else in boxes, where built-in weighters run as themselves.
///
/// # Panics
///
/// Never, but where a constructor refuses a valid setting.
pub fn each_weighter(classes: usize, visitor: &mut impl Visitor) {
    visit_all(classes, visitor).expect("valid settings");
}

/// Those whose weight is smooth in the logits, without detached or counted parts: finite differences hold for them.
///
/// # Panics
///
/// Never, but where a constructor refuses a valid setting.
pub fn each_smooth_weighter(classes: usize, visitor: &mut impl Visitor) {
    visit_smooth(classes, visitor).expect("valid settings");
}

fn visit_smooth(classes: usize, visitor: &mut impl Visitor) -> Result<(), ParameterError> {
    visitor.visit("unweighted", ());
    visitor.visit("root norm of a third party", RootNorm { factor: 1.5 });
    for gamma in GAMMAS {
        visitor.visit(&format!("focal {gamma}"), Focal::new(gamma)?);
    }
    let gammas: Vec<f64> = (0..classes).map(|class| 0.5 * class as f64).collect();
    visitor.visit("focal by target", Focal::by_target(0.5, 2.5)?);
    visitor.visit("focal per class", Focal::per_class(&gammas)?);
    visitor.visit("boxed alpha 0.25", boxed(AlphaBalance::binary(0.25)?));
    visitor.visit("boxed class weights", boxed(AlphaBalance::per_class(&class_weights(classes))?));
    let counts: Vec<u64> = (0..classes as u64).map(|class| 3 + 50 * class * class).collect();
    visitor.visit("boxed inverse root", boxed(AlphaBalance::from_counts(&counts, CountScheme::InverseSqrt)?));
    visitor.visit("boxed effective number", boxed(AlphaBalance::effective_number(&counts, 0.99)?));
    visitor.visit("boxed focal per class", boxed(Focal::per_class(&gammas)?));
    visitor.visit("boxed focal 1.5", boxed(Focal::new(1.5)?));
    let product = (RootNorm { factor: 0.5 }, AlphaBalance::per_class(&class_weights(classes))?);
    visitor.visit("boxed product of a third party", boxed(product));
    visitor.visit("empty chain", Chain::default());
    Ok(())
}

fn visit_all(classes: usize, visitor: &mut impl Visitor) -> Result<(), ParameterError> {
    visit_smooth(classes, visitor)?;
    for (name, settings) in ghm_settings() {
        visitor.visit(name, boxed(Ghm::try_from(settings)?));
    }
    let ghm = Ghm::new(10, 0.75)?;
    visitor.visit("alpha·focal·ghm", (AlphaBalance::binary(0.75)?, Focal::new(1.0)?, ghm));
    visitor.visit("changed focal", Focal::new(1.5)?.detached().scaled(2.0)?.clamped(0.01, 1.5)?);
    visitor.visit("boxed balance of the step", boxed(StepBalance::new()));
    let both = [BoxedWeighter::new(Ghm::new(5, 0.5)?), BoxedWeighter::new(StepBalance::new())];
    let both = both.map(|link| link.expect("a formula of its sample alone"));
    visitor.visit("two that observe", Chain::from(Vec::from(both)));
    visitor.visit("chain with modifiers", modified_chain());
    Ok(())
}
