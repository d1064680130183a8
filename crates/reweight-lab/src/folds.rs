//! Stratified k-fold splits: every class is spread evenly over the folds, and the seed alone decides how.

use std::sync::Arc;

use crate::random::{Purpose, Random};
use crate::text::{counted, excerpt};

/// One split of the rows: what a network is trained on and what it is judged on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    /// Rows to train on, ascending.
    pub train: Vec<usize>,
    /// Rows to judge on, ascending; each row is in exactly one fold's `test`.
    pub test: Arc<[usize]>,
}

impl Fold {
    /// The fold that is judged on the rows `test`, ascending, of `rows` in all, and trained on the others.
    #[must_use]
    pub fn of_test(test: Arc<[usize]>, rows: usize) -> Self {
        let mut train = Vec::with_capacity(rows.saturating_sub(test.len()));
        let mut next = 0;
        for &row in test.iter().chain([&rows]) {
            train.extend(next..row);
            next = row + 1;
        }
        Self { train, test }
    }
}

/// Why rows cannot be dealt to folds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FoldError {
    /// One fold has nothing to train on, none has nothing to judge on.
    #[error("{} cannot both train and judge; ask for 2 or more", counted(*.folds as u64, "fold"))]
    TooFewFolds {
        /// Folds asked for.
        folds: usize,
    },
    /// A fold's test part would lack a class, so its metrics would not exist.
    #[error(
        "class `{}` has {}, fewer than the {folds} folds; {}give the class more rows",
        excerpt(.class),
        counted(*.count as u64, "row"),
        fewer_folds(*.count)
    )]
    TooFewRows {
        /// Name of the class.
        class: String,
        /// Rows of that class.
        count: usize,
        /// Folds asked for.
        folds: usize,
    },
    /// Cross-validation of one class has nothing to tell apart.
    #[error("{} of one class; a classifier needs rows of two", if *.rows == 1 { "the only row is".to_owned() } else { format!("all {rows} rows are") })]
    OneClass {
        /// Rows given.
        rows: usize,
    },
    /// A label without a name.
    #[error("row {row} is of class {class}, but there are only {classes} classes")]
    UnknownClass {
        /// Row, from 0.
        row: usize,
        /// Its class.
        class: usize,
        /// Number of classes.
        classes: usize,
    },
}

/// The advice for a class of `rows` rows, as far as it can be followed: one fold is none.
pub(crate) fn fewer_folds(rows: usize) -> String {
    if rows < 2 { String::new() } else { format!("ask for at most {rows} with --folds, or ") }
}

/// Deals the rows to `folds` folds so that each class's counts, and the folds' sizes, differ by one at most.
///
/// `classes[i]` is the class of row `i`, an index into `names` (which only error messages use). The rows of each class are
/// shuffled and dealt in turn; the next class goes on where the last one stopped, which keeps the folds' sizes even too.
///
/// # Errors
///
/// [`FoldError`] when `folds` < 2, when fewer than two classes occur, or when a class that occurs has fewer rows than there
/// are folds.
pub fn stratified(classes: &[usize], names: &[String], folds: usize, seed: u64) -> Result<Vec<Fold>, FoldError> {
    let tests = dealt(classes, names, folds, Random::new(seed, Purpose::Folds))?;
    Ok(tests.into_iter().map(|test| Fold::of_test(test, classes.len())).collect())
}

/// The rows that each fold of [`stratified`] is judged on, in an order that `random` decides.
pub(crate) fn dealt(
    classes: &[usize],
    names: &[String],
    folds: usize,
    mut random: Random,
) -> Result<Vec<Arc<[usize]>>, FoldError> {
    if folds < 2 {
        return Err(FoldError::TooFewFolds { folds });
    }
    let mut members = vec![Vec::new(); names.len()];
    for (row, &class) in classes.iter().enumerate() {
        let unknown = FoldError::UnknownClass { row, class, classes: names.len() };
        members.get_mut(class).ok_or(unknown)?.push(row);
    }
    if members.iter().filter(|rows| !rows.is_empty()).count() < 2 {
        return Err(FoldError::OneClass { rows: classes.len() });
    }
    let mut fold_of = vec![0_usize; classes.len()];
    let mut next = 0;
    for (rows, name) in members.iter_mut().zip(names) {
        if !rows.is_empty() && rows.len() < folds {
            return Err(FoldError::TooFewRows { class: name.clone(), count: rows.len(), folds });
        }
        random.shuffle(rows);
        for &row in rows.iter() {
            fold_of[row] = next;
            next = (next + 1) % folds;
        }
    }
    let tests = (0..folds).map(|fold| (0..classes.len()).filter(|&row| fold_of[row] == fold).collect());
    Ok(tests.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|class| format!("class {class}")).collect()
    }

    proptest! {
        #[test]
        fn classes_and_sizes_are_even(
            counts in prop::collection::vec(5_usize..40, 2..6), folds in 2_usize..6, seed: u64,
        ) {
            let classes: Vec<usize> = counts.iter().enumerate().flat_map(|(class, &n)| vec![class; n]).collect();
            let split = stratified(&classes, &names(counts.len()), folds, seed).unwrap();
            prop_assert_eq!(split.len(), folds);
            let mut seen = vec![0; classes.len()];
            for fold in &split {
                prop_assert_eq!(fold.train.len() + fold.test.len(), classes.len());
                fold.test.iter().for_each(|&row| seen[row] += 1);
                prop_assert!(fold.train.iter().all(|row| fold.test.binary_search(row).is_err()));
                let smallest = classes.len() / folds;
                prop_assert!((smallest..=smallest + 1).contains(&fold.test.len()));
                for (class, &n) in counts.iter().enumerate() {
                    let here = fold.test.iter().filter(|&&row| classes[row] == class).count();
                    prop_assert!((n / folds..=n / folds + 1).contains(&here));
                }
            }
            prop_assert!(seen.iter().all(|&times| times == 1));
        }
    }

    #[test]
    fn the_seed_decides() {
        let classes: Vec<usize> = (0..50).map(|row| usize::from(row % 5 == 0)).collect();
        let split = |seed| stratified(&classes, &names(2), 5, seed).unwrap();
        assert_eq!(split(1), split(1));
        assert_ne!(split(1), split(2));
    }

    #[test]
    fn advice_can_be_followed() {
        let error = |count| FoldError::TooFewRows { class: "rare".into(), count, folds: 5 }.to_string();
        let text = "class `rare` has 3 rows, fewer than the 5 folds; ask for at most 3 with --folds, or give the class more rows";
        assert_eq!(error(3), text);
        assert!(!error(1).contains("--folds"), "one fold is none");
    }

    #[test]
    fn bad_input_is_named() {
        let classes = [0, 0, 0, 0, 0, 1, 1];
        assert_eq!(
            stratified(&classes, &names(2), 5, 0),
            Err(FoldError::TooFewRows { class: "class 1".into(), count: 2, folds: 5 })
        );
        assert_eq!(stratified(&classes, &names(2), 1, 0), Err(FoldError::TooFewFolds { folds: 1 }));
        assert_eq!(stratified(&[0; 9], &names(2), 3, 0), Err(FoldError::OneClass { rows: 9 }));
        assert_eq!(
            stratified(&classes, &names(1), 2, 0),
            Err(FoldError::UnknownClass { row: 5, class: 1, classes: 1 })
        );
    }
}
