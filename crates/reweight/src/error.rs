//! The core's typed errors: one enum a concern, the values in the variant, and what would mend it in the text.

use thiserror::Error;

use crate::expr::TraceError;

/// A number with its power of ten where it would have more digits than anybody reads.
pub(crate) fn short(value: f64) -> String {
    let size = value.abs();
    let long = size.is_finite() && (size >= 1e16 || size > 0.0 && size < 1e-6);
    if long { format!("{value:e}") } else { value.to_string() }
}

/// A weighter's or loss's parameter outside its domain.
#[derive(Clone, Debug, PartialEq, Error)]
#[error("{}", said(.name, *.value, .expected))]
pub struct ParameterError {
    /// The parameter's name, as in a config file; the symbol of one that several settings can give, such as γ.
    pub name: String,
    /// The value that was given; of a symbol, how many settings give it.
    pub value: f64,
    /// What is accepted.
    pub expected: String,
}

/// A config file's names are ASCII, and the symbols are not.
fn said(name: &str, value: f64, expected: &str) -> String {
    match (name.is_ascii(), value) {
        (true, _) => format!("`{name}` is {}, but must be {expected}", short(value)),
        (false, 0.0) => format!("{name} is not given; give {expected}"),
        (false, _) => format!("{name} is given by {}; give {expected}", counted(value, "setting")),
    }
}

fn counted(count: f64, noun: &str) -> String {
    if count == 1.0 { format!("1 {noun} only") } else { format!("{count} {noun}s") }
}

impl ParameterError {
    /// An error for parameter `name`.
    pub fn new(name: impl Into<String>, value: f64, expected: impl Into<String>) -> Self {
        Self { name: name.into(), value, expected: expected.into() }
    }

    /// `value` where `accept`, else the error.
    pub(crate) fn check(name: &str, value: f64, accept: bool, expected: &str) -> Result<f64, Self> {
        if accept { Ok(value) } else { Err(Self::new(name, value, expected)) }
    }
}

/// A weighter that does not fit the batch or its statistics.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum WeightError {
    /// A table with one value a class has another length than the batch has classes.
    #[error(
        "the weighter `{weighter}` holds {given} values, one a class, but the batch has {classes} classes: give it {classes} values"
    )]
    ClassCount {
        /// The weighter's kind.
        weighter: String,
        /// How many values it holds.
        given: usize,
        /// How many classes the batch has (2 for BCE).
        classes: usize,
    },
    /// A table with one value a column has another length than the batch has columns.
    #[error(
        "`{part}` holds {given} values, one a column, but axis {axis} of the batch has {columns} columns: give it {columns} values, or name another `axis`"
    )]
    Columns {
        /// The weighter's or adjustment's kind.
        part: String,
        /// How many values it holds.
        given: usize,
        /// The axis, as it was given.
        axis: i64,
        /// How many columns the batch has along it.
        columns: usize,
    },
    /// The axis that columns are to be read along does not exist.
    #[error(
        "`{part}` reads columns along axis {axis}, which logits of shape {shape:?} do not have: name another `axis`"
    )]
    NoAxis {
        /// The weighter's or adjustment's kind.
        part: String,
        /// The axis, as it was given.
        axis: i64,
        /// The logits' shape.
        shape: Vec<usize>,
    },
    /// Two parts of one loss read columns along different axes.
    #[error(
        "`{part}` reads columns along axis {axis}, another part of the loss along axis {other}: give both the same `axis`"
    )]
    Axes {
        /// The weighter's or adjustment's kind.
        part: String,
        /// Its axis, from 0.
        axis: usize,
        /// The other's, from 0.
        other: usize,
    },
    /// A part of binary cross entropy in a softmax loss.
    #[error("`{part}` has {because}, which softmax cross entropy has not: leave it out, or use objective \"bce\"")]
    Objective {
        /// The weighter's, base's or adjustment's kind.
        part: String,
        /// What only binary cross entropy has.
        because: &'static str,
    },
    /// Labels between 0 and 1 where a part needs hard ones.
    #[error("`{part}` needs labels of 0 and 1, but a label lies between: leave it out, or round the labels")]
    SoftLabels {
        /// The weighter's or adjustment's kind.
        part: String,
    },
    /// An adjustment of the probability that is not the last one.
    #[error("adjustment {position} maps probabilities, so none can follow it: put it last")]
    NotLast {
        /// Its place in the list, from 1.
        position: usize,
    },
    /// A formula that cannot be recorded.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// The statistics do not hold what the weighter asked for.
    #[error(
        "the weighter needs a count over {wanted}, but the statistics hold {found}: gather them with the loss that observes them"
    )]
    MissingStatistics {
        /// What was asked for.
        wanted: String,
        /// What was found.
        found: String,
    },
    /// Two parts of a step were gathered for different requests.
    #[error(
        "statistics over {own} cannot take in statistics over {other}: gather both with the same loss and number of classes"
    )]
    StatisticsMismatch {
        /// The layout of the one merged into.
        own: String,
        /// The layout of the other.
        other: String,
    },
    /// A weight that a weighter of somebody's own computed from statistics is not usable.
    #[error("{0}")]
    Custom(String),
}

/// A saved state that does not belong to the weighter it was given to.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum StateError {
    /// Saved by another kind of weighter.
    #[error(
        "the state was saved by `{found}`, but this weighter is `{expected}`: load it into the loss that it was saved from"
    )]
    Kind {
        /// This weighter's kind.
        expected: String,
        /// The kind in the state.
        found: String,
    },
    /// Saved in a format that this version does not read.
    #[error(
        "the state of `{kind}` has format version {found}, but this version reads {expected}: load it with the version that saved it, or start from an empty state"
    )]
    Version {
        /// The weighter's kind.
        kind: String,
        /// What is read.
        expected: u32,
        /// What was found.
        found: u32,
    },
    /// Saved under other settings.
    #[error(
        "the state of `{kind}` was saved with `{name}` = {found}, but the weighter has {expected}: use the same settings, or start from an empty state"
    )]
    Settings {
        /// The weighter's kind.
        kind: String,
        /// The setting that differs.
        name: String,
        /// This weighter's value.
        expected: String,
        /// The state's value.
        found: String,
    },
    /// The number of weighters in a chain differs.
    #[error(
        "the state holds {found} weighters, but the chain has {expected}: load it into the chain that it was saved from"
    )]
    Length {
        /// The chain's length.
        expected: usize,
        /// The state's length.
        found: usize,
    },
    /// The contents are damaged.
    #[error("the state of `{kind}` is damaged: {reason}; take another checkpoint, or start from an empty state")]
    Damaged {
        /// The weighter's kind.
        kind: String,
        /// What is wrong.
        reason: String,
    },
}

/// A batch that a loss refuses; outputs and state are as they were.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum LossError {
    /// Two arrays that must agree in shape do not.
    #[error("`{name}` has shape {found:?}, but must have shape {expected:?}")]
    Shape {
        /// The array: targets, valid, sample_weight, grad …
        name: &'static str,
        /// The shape that the logits ask for.
        expected: Vec<usize>,
        /// The shape found.
        found: Vec<usize>,
    },
    /// Logits with too few dimensions or classes.
    #[error("softmax needs logits of shape (N, C) or (N, C, d…) with C ≥ 2, not {found:?}")]
    Classes {
        /// The logits' shape.
        found: Vec<usize>,
    },
    /// A class index outside the classes.
    #[error("the label at index {index} is {label}, but must be from 0 to {last}{hint}")]
    Label {
        /// The position in the targets, counted row by row.
        index: usize,
        /// The label found.
        label: i64,
        /// The last class.
        last: i64,
        /// How to mend it.
        hint: &'static str,
    },
    /// A soft target outside [0, 1], or not a number.
    #[error(
        "the target at index {index} is {}, but must lie in [0, 1]: give probabilities, or leave such samples out with a valid mask",
        short(*.target)
    )]
    Target {
        /// The position in the targets, counted row by row.
        index: usize,
        /// The target found.
        target: f64,
    },
    /// A logit that is infinite or not a number.
    #[error("the logit at index {index} is {logit}, but must be finite: look at the layer that produced it")]
    NonFiniteLogit {
        /// The position in the logits, counted row by row.
        index: usize,
        /// The logit found.
        logit: f64,
    },
    /// A per-sample weight that is negative, infinite or not a number.
    #[error(
        "the sample weight at index {index} is {}, but must be finite and at least 0: give 0 to a sample without weight",
        short(*.weight)
    )]
    SampleWeight {
        /// The position in the sample weights, counted row by row.
        index: usize,
        /// The weight found.
        weight: f64,
    },
    /// A weight, loss or slope that is not finite: the formula's fault, or the numbers are too large for their type.
    #[error("the {quantity} of the sample at index {index} is {value} (margin {margin}), under {weighter}: {cure}")]
    NotFinite {
        /// Which of weight, loss, gradient and second derivative.
        quantity: &'static str,
        /// The sample's position, counted row by row.
        index: usize,
        /// The value.
        value: f64,
        /// The sample's margin, after adjustments.
        margin: f64,
        /// The weighter.
        weighter: String,
        /// What would mend it.
        cure: &'static str,
    },
    /// A result that is finite, but beyond the half precision that it was to be written in.
    #[error(
        "the {quantity} of the sample at index {index} is {}, beyond the largest {format}, {}: {cure}",
        short(*.value),
        short(*.largest)
    )]
    Overflow {
        /// Which of weight, loss, gradient and second derivative.
        quantity: &'static str,
        /// The sample's position, counted row by row.
        index: usize,
        /// The value before it was rounded.
        value: f64,
        /// The type of the logits and of what is written.
        format: &'static str,
        /// The type's largest number.
        largest: f64,
        /// What would mend it.
        cure: &'static str,
    },
    /// A sum of losses or weights that is not finite, though each of them is.
    #[error("the sum of the losses or weights is more than a float: give smaller weights, or take `f64`")]
    SumNotFinite,
    /// Second derivatives of a form that the loss has not.
    #[error("{0}")]
    Hessian(&'static str),
    /// The backend itself cannot work, such as where an instruction set was asked for that the processor lacks.
    #[error("{0}")]
    Backend(String),
    /// The weighter does not fit.
    #[error(transparent)]
    Weight(#[from] WeightError),
    /// A parameter does not fit.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
}

impl LossError {
    /// The error for class label `label` at `index` of a batch with `classes` classes.
    pub fn label(index: usize, label: i64, classes: usize) -> Self {
        let hint = if label < 0 {
            "; leave such samples out with a valid mask, or in softmax with `ignore_index`"
        } else if label == i64::from(u8::MAX) {
            // What many segmentation datasets mark what has no class by.
            "; where 255 marks samples without a class, leave them out with a valid mask, or in softmax with `ignore_index = 255`"
        } else {
            "; the classes are as many as the logits of a row (2 for binary cross entropy), counted from 0"
        };
        Self::Label { index, label, last: classes as i64 - 1, hint }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_numbers_are_said_with_their_power_of_ten() {
        let said = [0.0, 1e-6, 9e-7, -9e-7, 1234.5, 9e15, 1e16, -1e300, f64::INFINITY].map(short);
        assert_eq!(said, ["0", "0.000001", "9e-7", "-9e-7", "1234.5", "9000000000000000", "1e16", "-1e300", "inf"]);
    }

    #[test]
    fn a_label_is_told_what_it_may_have_meant() {
        let said = |label| LossError::label(7, label, 21).to_string();
        assert!(said(-1).contains("index 7 is -1, but must be from 0 to 20; leave such samples out"), "{}", said(-1));
        assert!(said(255).contains("`ignore_index = 255`"), "{}", said(255));
        assert!(said(21).contains("counted from 0") && !said(21).contains("ignore_index"), "{}", said(21));
        assert!(said(0).contains("counted from 0"), "{}", said(0));
    }
}
