//! The one list of built-in kinds: a weighter, base or adjustment is its own file and one line here.
//!
//! The config's registry and schema, the entry of a part that was put in by code, the kinds that the laws are checked with, and the
//! README's table follow from it.

use std::any::Any;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::adjustments::{Ldam, LogitAdjustment, ProbabilityShift, VectorScaling};
use crate::bases::{CrossEntropy, GeneralizedCrossEntropy, Poly1};
use crate::recorded::Recorded;
use crate::weighters::{AlphaBalance, Focal, Ghm, HardExamples, PosWeight, QualityFocal, SelfPaced, Varifocal};

/// A kind that configs know by name.
pub trait BuiltIn: Sized + 'static {
    /// The name.
    const KIND: &'static str;
    /// What it is, for a table: the formula in one line.
    const FORMULA: &'static str;
    /// Its settings, for a table.
    const SETTINGS: &'static str;
    /// What a config file holds of it.
    type Config: Serialize + DeserializeOwned;

    /// Its settings.
    fn config(&self) -> Self::Config;

    /// Settings to check laws with, on batches of `classes` classes (2 for BCE) and, where it has columns, `columns` of them.
    fn examples(classes: usize, columns: usize) -> Vec<Self::Config>;
}

macro_rules! list {
    (
        $(#[$about:meta])* $each:ident $visitor:ident, $kinds:ident, $entry:ident, $Schema:ident, $base:path;
        $($kind:literal: $Type:ident;)*
    ) => {
        $(#[$about])*
        pub fn $each(visitor: &mut impl $visitor) {
            $(visitor.visit::<$Type>();)*
        }

        /// What is done with each kind, whose type is the argument.
        pub trait $visitor {
            /// Does it with one.
            fn visit<T>(&mut self)
            where
                T: BuiltIn + $base + TryFrom<<T as BuiltIn>::Config, Error = crate::ParameterError>;
        }

        /// The kinds' names in the order of the list.
        #[cfg(test)]
        pub(crate) const $kinds: &[(&str, &str)] = &[$(($kind, <$Type as BuiltIn>::KIND),)*];

        /// The entry of a value of any type, where it is a built-in one: its kind and its settings.
        pub(crate) fn $entry(part: &dyn Any) -> Option<(&'static str, serde_json::Result<Value>)> {
            $(if let Some(part) = part.downcast_ref::<$Type>() {
                return Some(($kind, serde_json::to_value(BuiltIn::config(part))));
            })*
            None
        }

        #[cfg(feature = "schema")]
        #[derive(Serialize, schemars::JsonSchema)]
        #[serde(tag = "kind")]
        #[expect(dead_code, reason = "only its schema is used")]
        pub(crate) enum $Schema {
            $(#[serde(rename = $kind)]
            $Type(<$Type as BuiltIn>::Config),)*
        }
    };
}

list! {
    /// Calls the visitor once for each built-in weighter.
    each_weighter WeighterVisitor, WEIGHTERS, weighter_entry, WeighterKind, crate::SampleWeighter;
    "alpha-balance": AlphaBalance;
    "focal": Focal;
    "ghm": Ghm;
    "pos-weight": PosWeight;
    "quality-focal": QualityFocal;
    "varifocal": Varifocal;
    "hard-examples": HardExamples;
    "self-paced": SelfPaced;
    "recorded": Recorded;
}

list! {
    /// Calls the visitor once for each built-in base.
    each_base BaseVisitor, BASES, base_entry, BaseKind, crate::BaseLoss;
    "cross-entropy": CrossEntropy;
    "poly-1": Poly1;
    "generalized-cross-entropy": GeneralizedCrossEntropy;
    "recorded": Recorded;
}

list! {
    /// Calls the visitor once for each built-in adjustment.
    each_adjustment AdjustmentVisitor, ADJUSTMENTS, adjustment_entry, AdjustmentKind, crate::Adjustment;
    "logit-adjustment": LogitAdjustment;
    "ldam": Ldam;
    "vector-scaling": VectorScaling;
    "probability-shift": ProbabilityShift;
}

#[cfg(test)]
mod tests {
    #[test]
    fn each_kind_is_listed_under_its_own_name() {
        for (listed, own) in [super::WEIGHTERS, super::BASES, super::ADJUSTMENTS].concat() {
            assert_eq!(listed, own);
        }
    }
}
