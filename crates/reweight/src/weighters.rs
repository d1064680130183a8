//! The built-in weighters, one file each.

mod alpha_balance;
mod counts;
mod focal;
mod ghm;

pub use alpha_balance::{AlphaBalance, AlphaBalanceConfig};
pub use counts::CountScheme;
pub use focal::{Focal, FocalConfig};
pub use ghm::{Decay, Ghm, GhmConfig, GhmPreset, GhmUnit, Normaliser};
