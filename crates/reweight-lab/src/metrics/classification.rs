//! Figures of a many-class decision, read off the counts of true and predicted classes.

use super::MetricError;

/// Counts of (true class, predicted class).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confusion {
    /// `counts[t][p]` rows are of class `t` and were called `p`.
    counts: Vec<Vec<usize>>,
}

impl Confusion {
    /// Counts the decisions; classes are 0..`classes`.
    ///
    /// # Errors
    ///
    /// [`MetricError`] when the lengths differ, there are no rows, or a class is out of range.
    pub fn new(truth: &[usize], predicted: &[usize], classes: usize) -> Result<Self, MetricError> {
        if truth.len() != predicted.len() {
            return Err(MetricError::Lengths { scores: predicted.len(), labels: truth.len() });
        }
        if truth.is_empty() {
            return Err(MetricError::OneClass { positives: 0, rows: 0 });
        }
        let mut counts = vec![vec![0; classes]; classes];
        for (row, (&is, &called)) in truth.iter().zip(predicted).enumerate() {
            let class = is.max(called);
            if class >= classes {
                return Err(MetricError::UnknownClass { row, class, classes });
            }
            counts[is][called] += 1;
        }
        Ok(Self { counts })
    }

    /// The recall of each class; `None` for one without rows.
    #[must_use]
    pub fn recalls(&self) -> Vec<Option<f64>> {
        let recall = |class: usize| {
            let rows = self.rows_of(class);
            (rows > 0).then(|| self.counts[class][class] as f64 / rows as f64)
        };
        (0..self.counts.len()).map(recall).collect()
    }

    /// The mean recall of the classes that have rows. In [0, 1]; chance is 1 / classes.
    #[must_use]
    pub fn balanced_accuracy(&self) -> f64 {
        mean(self.recalls().into_iter().flatten())
    }

    /// The lowest recall of a class that has rows. In [0, 1].
    #[must_use]
    pub fn worst_recall(&self) -> f64 {
        self.recalls().into_iter().flatten().fold(1.0, f64::min)
    }

    /// The mean of F₁ = 2·hits / (rows of the class + rows called so) over the classes that occur, in truth or
    /// predicted. In [0, 1].
    #[must_use]
    pub fn macro_f1(&self) -> f64 {
        let f1 = |class: usize| {
            let called: usize = self.counts.iter().map(|row| row[class]).sum();
            let either = self.rows_of(class) + called;
            (either > 0).then(|| 2.0 * self.counts[class][class] as f64 / either as f64)
        };
        mean((0..self.counts.len()).filter_map(f1))
    }

    fn rows_of(&self, class: usize) -> usize {
        self.counts[class].iter().sum()
    }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0_usize), |(sum, count), value| (sum + value, count + 1));
    sum / count.max(1) as f64
}
