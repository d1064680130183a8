//! The form of a batch, as the parts of a loss are asked whether they fit it.

use std::cell::Cell;

use crate::config::Objective;
use crate::error::WeightError;

/// What a loss is about to be computed on: the objective, the classes, the kind of labels, the logits' shape.
///
/// A backend makes one a batch and hands it to [`Weighting::fit`](crate::Weighting::fit); weighters and adjustments that read
/// tables look here whether theirs have the right length.
#[derive(Clone, Debug)]
pub struct BatchForm<'a> {
    objective: Objective,
    classes: usize,
    soft: bool,
    shape: &'a [usize],
    /// The axis whose entries are columns, once somebody has asked for one.
    columns: Cell<Option<usize>>,
}

impl<'a> BatchForm<'a> {
    /// Logits of `shape` under binary cross entropy, with labels that are `soft` or all 0 and 1.
    pub fn binary(shape: &'a [usize], soft: bool) -> Self {
        Self { objective: Objective::Bce, classes: 2, soft, shape, columns: Cell::new(None) }
    }

    /// Logits of `shape` under softmax cross entropy over `classes` classes.
    pub fn softmax(shape: &'a [usize], classes: usize) -> Self {
        Self { objective: Objective::SoftmaxCe, classes, soft: false, shape, columns: Cell::new(None) }
    }

    /// The objective.
    pub fn objective(&self) -> Objective {
        self.objective
    }

    /// Classes: 2 for BCE.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Whether a label lies between 0 and 1.
    pub fn has_soft_labels(&self) -> bool {
        self.soft
    }

    /// The logits' shape.
    pub fn shape(&self) -> &[usize] {
        self.shape
    }

    /// Asks for columns along `axis` (negative: counted from the last), for a table of `given` values, one a column.
    ///
    /// # Errors
    ///
    /// [`WeightError::Columns`] where the axis has another length or does not exist, [`WeightError::Axes`] where another part
    /// of the loss reads columns along another axis, [`WeightError::Objective`] under softmax.
    pub fn ask_columns(&self, part: &str, axis: i64, given: usize) -> Result<(), WeightError> {
        self.ask_binary(part, "one value a column")?;
        let dimensions = self.shape.len();
        let at = if axis < 0 { axis + dimensions as i64 } else { axis };
        let found = usize::try_from(at).ok().and_then(|at| self.shape.get(at).map(|&columns| (at, columns)));
        let Some((at, columns)) = found else {
            let shape = self.shape.to_vec();
            return Err(WeightError::NoAxis { part: part.to_owned(), axis, shape });
        };
        if columns != given {
            return Err(WeightError::Columns { part: part.to_owned(), given, axis, columns });
        }
        match self.columns.replace(Some(at)) {
            Some(other) if other != at => Err(WeightError::Axes { part: part.to_owned(), axis: at, other }),
            _ => Ok(()),
        }
    }

    /// Asks for binary cross entropy; `because` ends the sentence "… has …".
    ///
    /// # Errors
    ///
    /// [`WeightError::Objective`] under softmax.
    pub fn ask_binary(&self, part: &str, because: &'static str) -> Result<(), WeightError> {
        match self.objective {
            Objective::Bce => Ok(()),
            Objective::SoftmaxCe => Err(WeightError::Objective { part: part.to_owned(), because }),
        }
    }

    /// Asks for labels that are all 0 or 1.
    ///
    /// # Errors
    ///
    /// [`WeightError::SoftLabels`] where one lies between.
    pub fn ask_hard_labels(&self, part: &str) -> Result<(), WeightError> {
        if self.soft { Err(WeightError::SoftLabels { part: part.to_owned() }) } else { Ok(()) }
    }

    /// Asks for `given` classes.
    ///
    /// # Errors
    ///
    /// [`WeightError::ClassCount`] where the batch has another number.
    pub fn ask_classes(&self, part: &str, given: usize) -> Result<(), WeightError> {
        if given == self.classes {
            Ok(())
        } else {
            Err(WeightError::ClassCount { weighter: part.to_owned(), given, classes: self.classes })
        }
    }

    /// How a logit's column follows from its place, counted row by row: (place / `inner`) mod `columns`; one column where nobody
    /// asked for more.
    pub fn columns(&self) -> Columns {
        match self.columns.get() {
            None => Columns { inner: 1, count: 1 },
            Some(axis) => Columns { inner: self.shape[axis + 1..].iter().product(), count: self.shape[axis] },
        }
    }
}

/// Which column a logit of a binary batch stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Columns {
    /// Logits that share a column before the next one begins.
    pub inner: usize,
    /// Columns.
    pub count: usize,
}

impl Columns {
    /// The column of the logit at `place`, counted row by row.
    pub fn of(self, place: usize) -> usize {
        (place / self.inner.max(1)) % self.count.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_length_names_axis_and_both_lengths() {
        let form = BatchForm::binary(&[4, 3, 2], false);
        let message = form.ask_columns("pos-weight", -2, 5).map_err(|error| error.to_string());
        let expected = "`pos-weight` holds 5 values, one a column, but axis -2 of the batch has 3 columns: give it 3 values, or \
                        name another `axis`";
        assert_eq!(message, Err(expected.to_owned()));
        assert!(matches!(form.ask_columns("pos-weight", 3, 2), Err(WeightError::NoAxis { axis: 3, .. })));
    }

    #[test]
    fn one_loss_has_one_axis_of_columns_however_it_is_named() {
        let form = BatchForm::binary(&[4, 3, 3], false);
        assert_eq!(form.ask_columns("pos-weight", -1, 3), Ok(()));
        assert_eq!(form.ask_columns("logit-adjustment", 2, 3), Ok(()));
        assert!(matches!(form.ask_columns("alpha-balance", 1, 3), Err(WeightError::Axes { axis: 1, other: 2, .. })));
    }

    #[test]
    fn a_form_says_what_it_is_made_of() {
        let (binary, softmax) = (BatchForm::binary(&[4, 3], true), BatchForm::softmax(&[5, 7], 7));
        assert_eq!((binary.objective(), softmax.objective()), (Objective::Bce, Objective::SoftmaxCe));
        assert_eq!((binary.classes(), softmax.classes()), (2, 7));
        assert_eq!((binary.shape(), softmax.shape()), (&[4, 3][..], &[5, 7][..]));
        assert_eq!((binary.has_soft_labels(), softmax.has_soft_labels()), (true, false));
    }

    #[test]
    fn columns_follow_from_the_place() {
        let form = BatchForm::binary(&[2, 3, 2], false);
        assert_eq!(form.ask_columns("pos-weight", 1, 3), Ok(()));
        let columns: Vec<usize> = (0..12).map(|place| form.columns().of(place)).collect();
        assert_eq!(columns, [0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2]);
    }
}
