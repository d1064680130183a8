//! What can go wrong: a formula without a kernel, and a batch that the device found at fault.

use reweight::{SampleKind, WeightError};
use thiserror::Error;

use crate::shape::Element;

/// A formula or shape that no kernel can be made for.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum CodegenError {
    /// The loss's formula cannot be recorded.
    #[error(transparent)]
    Formula(#[from] WeightError),
    /// A formula of one kind of samples for kernels of another.
    #[error("the formula is of {formula:?} samples, but the kernels are for {shape:?}: record it of the shape's kind")]
    Kind {
        /// What it was recorded of.
        formula: SampleKind,
        /// What the kernels are for.
        shape: SampleKind,
    },
    /// A table with one value a class has another length than the batch has classes.
    #[error(
        "the formula reads a table of {given} values, one a class, but the batch has {classes} classes: give the weighter {classes} values"
    )]
    ClassTable {
        /// How many values it holds.
        given: usize,
        /// How many classes the batch has (2 for BCE).
        classes: usize,
    },
    /// Targets of a type that cannot hold such labels.
    #[error("targets of type {element} cannot be {role}: use {accepted}")]
    Targets {
        /// The targets' type.
        element: Element,
        /// What they were to be.
        role: &'static str,
        /// What is accepted.
        accepted: &'static str,
    },
    /// An operation of a formula that there is no C for.
    #[error("the kernels do not have the operation {what}: compute this loss on the CPU")]
    Unsupported {
        /// What they do not have.
        what: String,
    },
    /// Softmax over fewer than two classes.
    #[error("softmax needs at least 2 classes, not {found}")]
    Classes {
        /// The number given.
        found: usize,
    },
}

/// The first fault of a batch, as the kernels report it: the one that the CPU would report.
///
/// Indices count row by row. The host reads the value at the index to complete the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A sample weight that is negative, infinite or not a number.
    SampleWeight {
        /// Position in the sample weights.
        index: u64,
    },
    /// A logit that is infinite or not a number.
    Logit {
        /// Position in the logits.
        index: u64,
    },
    /// A label out of range, or a target outside [0, 1].
    Target {
        /// Position in the targets.
        index: u64,
    },
    /// A weight (0), loss (1) or slope (2) of a sample in order that is no finite number: the formula's fault.
    Result {
        /// Position of the sample.
        index: u64,
        /// Which of the three.
        quantity: u64,
    },
}

impl Fault {
    /// What the kernels' `fault` holds before a launch, and after it where the batch is in order.
    pub const NONE: u64 = u64::MAX;

    /// The bit of results: a batch that is not in order is what is reported first.
    const RESULT: u64 = 1 << 63;

    /// Reads the `fault` of a BCE kernel.
    pub fn of_bce(fault: u64) -> Option<Self> {
        Self::of_softmax(fault, 1)
    }

    /// Reads the `fault` of a softmax kernel over `classes` classes.
    ///
    /// A row has `classes` + 2 places: its logits, its label, its sample weight, in the order in which the CPU checks them.
    pub fn of_softmax(fault: u64, classes: u64) -> Option<Self> {
        if fault == Self::NONE {
            return None;
        }
        if fault & Self::RESULT != 0 {
            let place = fault & !Self::RESULT;
            return Some(Self::Result { index: place / 3, quantity: place % 3 });
        }
        let (row, place) = (fault / (classes + 2), fault % (classes + 2));
        Some(if place < classes {
            Self::Logit { index: row * classes + place }
        } else if place == classes {
            Self::Target { index: row }
        } else {
            Self::SampleWeight { index: row }
        })
    }
}
