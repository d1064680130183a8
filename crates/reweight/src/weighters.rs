//! The built-in weighters, one file each.

mod alpha_balance;
mod counts;
mod focal;
mod ghm;
mod hard_examples;
mod pos_weight;
mod quality_focal;
mod self_paced;
mod varifocal;

pub use alpha_balance::{AlphaBalance, AlphaBalanceConfig};
pub use counts::CountScheme;
pub use focal::{Focal, FocalConfig};
pub use ghm::{Decay, Ghm, GhmConfig, GhmPreset, GhmUnit, Normaliser};
pub use hard_examples::{HardExamples, HardExamplesConfig};
pub use pos_weight::{PosWeight, PosWeightConfig};
pub use quality_focal::{QualityFocal, QualityFocalConfig};
pub use self_paced::{SelfPaced, SelfPacedConfig, SelfPacedForm};
pub use varifocal::{Varifocal, VarifocalConfig};
