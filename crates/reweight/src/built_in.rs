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
    use super::*;

    /// Laws run over examples: without any, they prove nothing.
    struct Examples;

    impl Examples {
        fn check<T>()
        where
            T: BuiltIn + TryFrom<T::Config, Error = crate::ParameterError>,
        {
            let json = |part: &T| serde_json::to_value(part.config()).expect("settings are numbers and names");
            let examples = T::examples(2, 3);
            assert!(!examples.is_empty(), "{}", T::KIND);
            for example in examples {
                let part = T::try_from(example).unwrap_or_else(|error| panic!("{}: {error}", T::KIND));
                let again = T::try_from(part.config()).unwrap_or_else(|error| panic!("{}: {error}", T::KIND));
                assert_eq!(json(&again), json(&part), "{}", T::KIND);
            }
        }
    }

    macro_rules! checked {
        ($($Visitor:ident: $base:path;)*) => {$(
            impl $Visitor for Examples {
                fn visit<T>(&mut self)
                where
                    T: BuiltIn + $base + TryFrom<<T as BuiltIn>::Config, Error = crate::ParameterError>,
                {
                    Self::check::<T>();
                }
            }
        )*};
    }

    checked! {
        WeighterVisitor: crate::SampleWeighter;
        BaseVisitor: crate::BaseLoss;
        AdjustmentVisitor: crate::Adjustment;
    }

    #[test]
    fn each_kind_has_examples_and_gives_its_settings_back() {
        each_weighter(&mut Examples);
        each_base(&mut Examples);
        each_adjustment(&mut Examples);
    }

    #[test]
    fn each_kind_is_listed_under_its_own_name() {
        for (listed, own) in [WEIGHTERS, BASES, ADJUSTMENTS].concat() {
            assert_eq!(listed, own);
        }
    }
}
