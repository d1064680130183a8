//! What can go wrong: a formula without a kernel, and a batch that the device found at fault.

use reweight::TraceError;
use thiserror::Error;

use crate::shape::Element;

/// A formula or shape that no kernel can be made for.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum CodegenError {
    /// The weighter's formula cannot be recorded.
    #[error(transparent)]
    Trace(#[from] TraceError),
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
}

impl Fault {
    /// What both error slots hold before a launch.
    pub const NONE: u64 = u64::MAX;

    /// Reads the two error slots of a BCE kernel.
    pub fn of_bce(errors: [u64; 2]) -> Option<Self> {
        Self::read(errors, |place| match place % 2 {
            0 => Self::Logit { index: place / 2 },
            _ => Self::Target { index: place / 2 },
        })
    }

    /// Reads the two error slots of a softmax kernel over `classes` classes.
    pub fn of_softmax(errors: [u64; 2], classes: u64) -> Option<Self> {
        let row = classes + 1;
        Self::read(errors, |place| match place % row {
            class if class == classes => Self::Target { index: place / row },
            class => Self::Logit { index: place / row * classes + class },
        })
    }

    /// Sample weights are checked before all else, as on the CPU.
    fn read([weight, sample]: [u64; 2], other: impl FnOnce(u64) -> Self) -> Option<Self> {
        match (weight, sample) {
            (Self::NONE, Self::NONE) => None,
            (Self::NONE, place) => Some(other(place)),
            (index, _) => Some(Self::SampleWeight { index }),
        }
    }
}
