//! The strategies that the program brings: those that are compared by default, and those that are asked for by name.

use reweight::{LossConfig, Objective, PartConfig, WeighterConfig};
use serde_json::{Map, Value, json};

use super::{BASELINE, Strategy};

/// A strategy of the program's own: its name as the table has it, as a shell has it, what it does, its parts.
pub(super) struct Preset {
    pub(super) name: &'static str,
    pub(super) plain: &'static str,
    pub(super) what: &'static str,
    parts: fn() -> Parts,
}

/// What a preset's loss is made of.
#[derive(Default)]
struct Parts {
    adjustment: Vec<PartConfig>,
    base: Option<PartConfig>,
    weighter: Vec<WeighterConfig>,
}

// Why these values:
//
// - α by the inverse class frequency of the training rows: every class weighs the same in sum. The focal paper's own
//   α = 0.25 favours the negatives; it was searched for on top of γ = 2 and of anchors at 1 : 1000, and harms alone.
// - γ = 2 is the focal paper's best, and what nearly everybody runs.
// - α·focal takes the square root of the inverse frequency: γ = 2 has already taken most of the easy majority's share, so
//   that the full inverse would overshoot. The paper found the same: the larger γ is, the smaller the best α.
// - GHM with the values that its authors published for detection and that mmdetection brings: 30 unit regions, momentum
//   0.75, in mmdetection's form. On the tables tried (red wines, mammography) it did as well as or better than 5 and 10
//   regions, longer memories, and the other two forms.
// - focal·GHM is the plain product of those two.
//
// The strategies' losses are of different sizes, α-balance's about twice plain cross entropy's, focal's a tenth. Adam divides
// by the gradient's own size, so that a factor on the loss changes nothing, and one learning rate is fair to all.
pub(super) const DEFAULTS: [Preset; 6] = [
    Preset { name: BASELINE, plain: "plain-ce", what: "cross entropy as it is", parts: Parts::default },
    Preset {
        name: "α-balance",
        plain: "alpha-balance",
        what: "classes weighed by the inverse of their frequency in the training rows",
        parts: || weighed(vec![balance("inverse-frequency")]),
    },
    Preset { name: "focal", plain: "focal", what: "(1 − p_t)^γ with γ = 2", parts: || weighed(vec![focal()]) },
    Preset {
        name: "α·focal",
        plain: "alpha-focal",
        what: "classes weighed by the square root of the inverse frequency, times focal with γ = 2",
        parts: || weighed(vec![balance("inverse-sqrt"), focal()]),
    },
    Preset {
        name: "GHM",
        plain: "ghm",
        what: "inverse gradient density over 30 unit regions, momentum 0.75, preset `mmdet`",
        parts: || weighed(vec![ghm()]),
    },
    Preset {
        name: "focal·GHM",
        plain: "focal-ghm",
        what: "the product of those two",
        parts: || weighed(vec![focal(), ghm()]),
    },
];

// Those that are trained only where they are asked for, since they change more than the weights:
//
// - LDAM's scale of 30 presumes a cosine head, whose logits lie in [−1, 1]; on a network's own logits it is but a larger learning
//   rate, so it is 1 here.
// - ASL with the margin and the γ of its authors' multi-label runs. Each sample has one logit here, as each label has there.
// - Poly-1 with ε = 1 and generalized cross entropy with k = 0.7 are their papers' choices.
// - A quarter of each batch is the share that online hard example mining keeps in common detectors' heads.
pub(super) const BY_NAME: [Preset; 6] = [
    Preset {
        name: "logit adjustment",
        plain: "logit-adjustment",
        what: "logits shifted by the log of the classes' shares in the training rows while training (Menon et al. 2021)",
        parts: || adjusted(part("logit-adjustment", json!({}))),
    },
    Preset {
        name: "LDAM",
        plain: "ldam",
        what: "margins by the fourth root of the classes' counts in the training rows, up to 0.5, scale 1 (Cao et al. 2019)",
        parts: || adjusted(part("ldam", json!({ "scale": 1.0 }))),
    },
    Preset {
        name: "ASL",
        plain: "asl",
        what: "negatives' probabilities shifted by 0.05, focal with γ = 4 on negatives alone (Ridnik et al. 2021)",
        parts: || Parts {
            weighter: vec![weighter("focal", json!({ "gamma_pos": 0.0, "gamma_neg": 4.0 }))],
            ..adjusted(part("probability-shift", json!({ "margin": 0.05 })))
        },
    },
    Preset {
        name: "Poly-1",
        plain: "poly-1",
        what: "cross entropy + ε·(1 − p_t) with ε = 1 (Leng et al. 2022)",
        parts: || based(part("poly-1", json!({ "epsilon": 1.0 }))),
    },
    Preset {
        name: "GCE",
        plain: "gce",
        what: "generalized cross entropy, (1 − p_t^k)/k with k = 0.7 (Zhang & Sabuncu 2018)",
        parts: || based(part("generalized-cross-entropy", json!({ "exponent": 0.7 }))),
    },
    Preset {
        name: "hard examples",
        plain: "hard-examples",
        what: "the hardest quarter of each batch alone (Shrivastava et al. 2016)",
        parts: || weighed(vec![weighter("hard-examples", json!({ "keep": 0.25 }))]),
    },
];

fn weighed(weighter: Vec<WeighterConfig>) -> Parts {
    Parts { weighter, ..Parts::default() }
}

fn adjusted(adjustment: PartConfig) -> Parts {
    Parts { adjustment: vec![adjustment], ..Parts::default() }
}

fn based(base: PartConfig) -> Parts {
    Parts { base: Some(base), ..Parts::default() }
}

pub(crate) fn part(kind: &str, settings: Value) -> PartConfig {
    let settings = match settings {
        Value::Object(settings) => settings,
        _ => Map::new(),
    };
    PartConfig { kind: kind.to_owned(), settings }
}

pub(crate) fn weighter(kind: &str, settings: Value) -> WeighterConfig {
    let PartConfig { kind, settings } = part(kind, settings);
    WeighterConfig { kind, detached: false, scale: None, clamp: None, settings }
}

fn balance(scheme: &str) -> WeighterConfig {
    weighter("alpha-balance", json!({ "scheme": scheme }))
}

fn focal() -> WeighterConfig {
    weighter("focal", json!({ "gamma": 2.0 }))
}

fn ghm() -> WeighterConfig {
    weighter("ghm", json!({ "bins": 30, "momentum": 0.75, "preset": "mmdet" }))
}

impl Preset {
    /// All of them.
    pub(super) fn all() -> impl Iterator<Item = &'static Self> {
        DEFAULTS.iter().chain(&BY_NAME)
    }

    /// The preset of a name, in either spelling.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        let name = name.to_lowercase();
        Self::all().find(|preset| name == preset.plain || name == preset.name.to_lowercase())
    }

    pub(super) fn strategy(&self, objective: Objective) -> Strategy {
        let Parts { adjustment, base, weighter } = (self.parts)();
        Strategy {
            name: self.name.to_owned(),
            what: self.what.to_owned(),
            file: None,
            loss: LossConfig { adjustment, base, weighter, ..LossConfig::new(objective) },
        }
    }
}

/// All of them but plain cross entropy, which comes first.
pub(crate) fn all(objective: Objective) -> (Strategy, Vec<Strategy>) {
    (DEFAULTS[0].strategy(objective), Preset::all().skip(1).map(|preset| preset.strategy(objective)).collect())
}

/// The names that a shell gives presets by, but plain cross entropy's, which is always compared.
pub(crate) fn names() -> Vec<&'static str> {
    Preset::all().map(|preset| preset.plain).filter(|&plain| plain != DEFAULTS[0].plain).collect()
}

/// Whether a preset has that name.
pub(crate) fn is_name(name: &str) -> bool {
    Preset::named(name).is_some_and(|preset| preset.name != BASELINE)
}
