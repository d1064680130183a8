//! What is learnt from a table, two classes or many: its folds, its network's outputs, and the figures it is judged by.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::folds::{self, Fold, FoldError};
use crate::metrics::calibration::calibrated_brier;
use crate::metrics::{Confusion, MetricError, Ranking, brier};
use crate::random::{Purpose, Random};
use crate::table::error::labels_listing;
use crate::table::{Binary, Table, TableError, Target};
use crate::text::counted;

/// A figure that a trained network is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// [`Ranking::average_precision`].
    AveragePrecision,
    /// [`Ranking::roc_auc`].
    RocAuc,
    /// [`Ranking::recall_at_false_positive_rate`] of 1 %.
    RecallAtOnePercent,
    /// [`brier`].
    Brier,
    /// [`Ranking::hardest_positives_rank`].
    HardestPositivesRank,
    /// [`Ranking::negatives_quantile`] of 0.99, of the probabilities.
    NegativesTop,
    /// [`Confusion::macro_f1`].
    MacroF1,
    /// [`Confusion::balanced_accuracy`].
    BalancedAccuracy,
    /// [`Confusion::worst_recall`].
    WorstRecall,
    /// The mean of the two classes' recalls, rows of a probability of at least ½ called positive.
    BalancedAtHalf,
    /// Brier score after a temperature and a constant a class, for each half of the rows fitted to the other.
    CalibratedBrier,
}

impl Figure {
    /// The figures of a two-class problem, those of the table in its order first.
    pub const BINARY: [Self; 8] = [
        Self::AveragePrecision,
        Self::RocAuc,
        Self::RecallAtOnePercent,
        Self::Brier,
        Self::HardestPositivesRank,
        Self::NegativesTop,
        Self::BalancedAtHalf,
        Self::CalibratedBrier,
    ];

    /// The figures of a problem with more classes, those of the table in its order first.
    pub const MULTICLASS: [Self; 4] = [Self::MacroF1, Self::BalancedAccuracy, Self::WorstRecall, Self::CalibratedBrier];

    /// Whether the terminal's table shows it: all have no place on a screen. Report and JSON have them.
    #[must_use]
    pub fn is_in_table(self) -> bool {
        !matches!(self, Self::BalancedAtHalf | Self::CalibratedBrier)
    }

    /// What a table's head says.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::AveragePrecision => "average precision",
            Self::RocAuc => "ROC AUC",
            Self::RecallAtOnePercent => "recall at 1 % false positives",
            Self::Brier => "Brier score",
            Self::HardestPositivesRank => "negatives above the hardest positives",
            Self::NegativesTop => "negatives' 99th percentile",
            Self::MacroF1 => "macro F1",
            Self::BalancedAccuracy => "balanced accuracy",
            Self::WorstRecall => "worst class's recall",
            Self::BalancedAtHalf => "balanced accuracy at ½",
            Self::CalibratedBrier => "Brier score after calibration",
        }
    }

    /// A shorter title, for the head of a column.
    #[must_use]
    pub fn heading(self) -> &'static str {
        match self {
            Self::RecallAtOnePercent => "recall at 1 % FPR",
            Self::HardestPositivesRank => "negatives above hardest positives",
            _ => self.title(),
        }
    }

    /// Whether more of it is better.
    #[must_use]
    pub fn higher_is_better(self) -> bool {
        !matches!(self, Self::Brier | Self::HardestPositivesRank | Self::NegativesTop | Self::CalibratedBrier)
    }
}

/// What becomes of classes that have fewer rows than there are folds, where all are told apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RareClasses {
    /// They are an error that names them.
    #[default]
    Refuse,
    /// They are taken for one class.
    Merge,
    /// Their rows are left out.
    Drop,
}

/// What classes that were taken together are called.
const MERGED: &str = "(rare)";

/// A table and what is to be told apart in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// The table.
    pub table: Table,
    /// The positive label and its rows; `None` if all labels are told apart.
    pub binary: Option<Binary>,
}

impl Problem {
    /// One label against all others: `positive`, or the rarest.
    ///
    /// # Errors
    ///
    /// [`TableError`] when no row, or fewer rows than `folds`, have the label.
    pub fn binary(table: Table, positive: Option<&str>, folds: usize) -> Result<Self, TableError> {
        let binary = table.target.binary(&table.name, positive, folds)?;
        Ok(Self { table, binary: Some(binary) })
    }

    /// All labels apart, in folds that each need rows of every class.
    ///
    /// # Errors
    ///
    /// [`TableError::RareClasses`] when classes have fewer rows than `folds` and `rare` refuses them;
    /// [`TableError::RareTogether`] and [`TableError::OneLargeClass`] when what it asks for does not help.
    pub fn multiclass(table: Table, folds: usize, rare: RareClasses) -> Result<Self, TableError> {
        let target = &table.target;
        let is_rare: Vec<bool> = target.counts.iter().map(|&count| count < folds).collect();
        if !is_rare.contains(&true) {
            return Ok(Self { table, binary: None });
        }
        let listed = |which: bool| -> Vec<(String, u64)> {
            let classes = (0..is_rare.len()).filter(|&class| is_rare[class] == which);
            classes.map(|class| (target.labels[class].clone(), target.counts[class] as u64)).collect()
        };
        let (small, name) = (listed(true), table.name.clone());
        let few = small.iter().map(|(_, rows)| *rows as usize);
        let (fewest, together) = (few.clone().min().unwrap_or(0), few.sum::<usize>());
        let listed_rare = labels_listing(&small, 20);
        let large = is_rare.len() - small.len();
        let too_few = |classes: usize| {
            let mut counts = target.counts.clone();
            counts.sort_unstable();
            let most = counts.iter().rev().nth(1).copied().unwrap_or(0);
            let known = target.listing();
            (classes < 2).then(|| TableError::OneLargeClass { name: name.clone(), folds, known, most })
        };
        match rare {
            RareClasses::Refuse => {
                Err(TableError::RareClasses { name, classes: small.len(), fewest, folds, rare: listed_rare })
            }
            RareClasses::Merge if together < folds => {
                Err(TableError::RareTogether { name, folds, rare: listed_rare, rows: together })
            }
            RareClasses::Merge => match too_few(large + 1) {
                Some(error) => Err(error),
                None => Ok(Self::merged(table, &is_rare, &listed_rare)),
            },
            RareClasses::Drop => match too_few(large) {
                Some(error) => Err(error),
                None => Ok(Self::without(table, &is_rare, &listed_rare)),
            },
        }
    }

    /// The classes that are rare taken for one.
    fn merged(mut table: Table, is_rare: &[bool], listed: &str) -> Self {
        let target = &table.target;
        let label = |&class: &usize| if is_rare[class] { MERGED } else { target.labels[class].as_str() };
        let labels: Vec<&str> = target.classes.iter().map(label).collect();
        let merged = Target::from_labels(&target.name, &labels);
        table.target = merged;
        table.guesses.fact("rare classes", format!("taken together as `{MERGED}`: {listed}"));
        Self { table, binary: None }
    }

    /// The rows of the classes that are rare left out.
    fn without(table: Table, is_rare: &[bool], listed: &str) -> Self {
        let target = &table.target;
        let rows: Vec<usize> = (0..target.classes.len()).filter(|&row| !is_rare[target.classes[row]]).collect();
        let left = counted((target.classes.len() - rows.len()) as u64, "row");
        let labels: Vec<&str> = rows.iter().map(|&row| target.labels[target.classes[row]].as_str()).collect();
        let smaller = Target::from_labels(&target.name, &labels);
        let mut table = table.select(&rows, smaller);
        table.guesses.fact("rare classes", format!("{left} left out, of {listed}"));
        Self { table, binary: None }
    }

    /// Logits a row: one for two classes, else one a class.
    #[must_use]
    pub fn outputs(&self) -> usize {
        if self.binary.is_some() { 1 } else { self.table.target.labels.len() }
    }

    /// The figures of [`Problem::judge`], in its order.
    #[must_use]
    pub fn figures(&self) -> &'static [Figure] {
        if self.binary.is_some() { &Figure::BINARY } else { &Figure::MULTICLASS }
    }

    /// The class of each row, as a loss takes it: 1 for positive and 0 for not, or an index into the labels.
    #[must_use]
    pub fn classes(&self) -> Vec<usize> {
        match &self.binary {
            Some(binary) => binary.is_positive.iter().map(|&positive| usize::from(positive)).collect(),
            None => self.table.target.classes.clone(),
        }
    }

    /// Rows of each class among `rows`.
    #[must_use]
    pub fn counts(&self, rows: &[usize]) -> Vec<usize> {
        self.counts_of(&self.classes(), rows)
    }

    /// The same where `classes` are the rows' classes.
    pub fn counts_of(&self, classes: &[usize], rows: &[usize]) -> Vec<usize> {
        let mut counts = vec![0; self.outputs().max(2)];
        rows.iter().for_each(|&row| counts[classes[row]] += 1);
        counts
    }

    /// The folds of `seed`.
    ///
    /// # Errors
    ///
    /// [`FoldError`] when a class has fewer rows than there are folds.
    pub fn folds(&self, folds: usize, seed: u64) -> Result<Vec<Fold>, FoldError> {
        folds::stratified(&self.classes(), &self.class_names(), folds, seed)
    }

    /// The rows that each of these folds is judged on.
    ///
    /// # Errors
    ///
    /// As [`folds`](Self::folds).
    pub fn tests(&self, folds: usize, seed: u64) -> Result<Vec<Arc<[usize]>>, FoldError> {
        folds::dealt(&self.classes(), &self.class_names(), folds, Random::new(seed, Purpose::Folds))
    }

    /// The folds within the rows `rows`, in an order that `random` decides.
    ///
    /// # Errors
    ///
    /// [`FoldError`] when a class has fewer of these rows than there are folds.
    pub fn folds_within(&self, rows: &[usize], folds: usize, random: Random) -> Result<Vec<Fold>, FoldError> {
        let all = self.classes();
        let classes: Vec<usize> = rows.iter().map(|&row| all[row]).collect();
        let own = |places: &[usize]| places.iter().map(|&place| rows[place]).collect::<Vec<_>>();
        let within = |test| {
            let Fold { train, test } = Fold::of_test(test, rows.len());
            Fold { train: own(&train), test: own(&test).into() }
        };
        Ok(folds::dealt(&classes, &self.class_names(), folds, random)?.into_iter().map(within).collect())
    }

    /// What the classes are called, as a loss takes them.
    pub fn class_names(&self) -> Vec<String> {
        match &self.binary {
            Some(binary) => vec![format!("not {}", binary.positive), binary.positive.clone()],
            None => self.table.target.labels.clone(),
        }
    }

    /// Output biases that make an untrained network predict the share of each class by its `counts`: log odds of the
    /// positives, or the classes' log shares. Every count is raised by one, so that none is 0.
    #[must_use]
    pub fn prior_bias(&self, counts: &[usize]) -> Vec<f32> {
        let counts: Vec<f64> = counts.iter().map(|&count| count as f64 + 1.0).collect();
        let total: f64 = counts.iter().sum();
        match (&self.binary, counts.as_slice()) {
            (Some(_), [negatives, positives]) => vec![(positives / negatives).ln() as f32],
            _ => counts.iter().map(|count| (count / total).ln() as f32).collect(),
        }
    }

    /// The figures of `logits`, row after row as [`crate::model::Mlp::predict`] gives them, for the rows `test`.
    ///
    /// Rankings are made of the logits, because far ones round to the same probability; the Brier score and the negatives'
    /// percentile are of the probabilities.
    ///
    /// # Errors
    ///
    /// [`MetricError`] when there are not as many logits as rows and outputs, one is not finite, or the rows are of
    /// one class.
    pub fn judge(&self, logits: &[f32], test: &[usize]) -> Result<Vec<f64>, MetricError> {
        let outputs = self.outputs();
        if logits.len() != test.len() * outputs {
            return Err(MetricError::Lengths { scores: logits.len(), labels: test.len() * outputs });
        }
        if let Some(index) = logits.iter().position(|logit| !logit.is_finite()) {
            return Err(MetricError::NotFinite { index, value: f64::from(logits[index]) });
        }
        let Some(binary) = &self.binary else {
            let truth: Vec<usize> = test.iter().map(|&row| self.table.target.classes[row]).collect();
            let called: Vec<usize> = logits.chunks_exact(outputs).map(largest).collect();
            let confusion = Confusion::new(&truth, &called, outputs)?;
            let logits: Vec<f64> = logits.iter().map(|&logit| f64::from(logit)).collect();
            let calibrated = calibrated_brier(&logits, &truth, outputs);
            return Ok(vec![confusion.macro_f1(), confusion.balanced_accuracy(), confusion.worst_recall(), calibrated]);
        };
        let is_positive: Vec<bool> = test.iter().map(|&row| binary.is_positive[row]).collect();
        let scores: Vec<f64> = logits.iter().map(|&logit| f64::from(logit)).collect();
        let probabilities: Vec<f64> = scores.iter().map(|score| 1.0 / (1.0 + (-score).exp())).collect();
        let ranking = Ranking::new(&scores, &is_positive)?;
        let pairs: Vec<f64> = scores.iter().flat_map(|&score| [0.0, score]).collect();
        let classes: Vec<usize> = is_positive.iter().map(|&positive| usize::from(positive)).collect();
        let [recall, specificity] = ranking.recalls_at(0.0);
        Ok(vec![
            ranking.average_precision(),
            ranking.roc_auc(),
            ranking.recall_at_false_positive_rate(0.01),
            brier(&probabilities, &is_positive)?,
            ranking.hardest_positives_rank(),
            Ranking::new(&probabilities, &is_positive)?.negatives_quantile(0.99),
            0.5 * (recall + specificity),
            calibrated_brier(&pairs, &classes, 2),
        ])
    }
}

/// The position of the largest value, the first of equals.
pub fn largest<T: PartialOrd>(values: &[T]) -> usize {
    let better = |best: usize, index: usize| {
        if values[index] > values[best] { index } else { best }
    };
    (0..values.len()).fold(0, better)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wine::{self, WineTask};

    #[test]
    fn two_classes_of_wine() {
        let problem = Problem::binary(wine::table(WineTask::Binary), None, 5).unwrap();
        assert_eq!((problem.outputs(), problem.figures().len()), (1, 8));
        let folds = problem.folds(5, 0).unwrap();
        assert!(folds.iter().all(|fold| (12..=13).contains(&problem.counts(&fold.test)[1])));
        let test = &folds[0].test;
        let classes = problem.classes();
        let perfect: Vec<f32> = test.iter().map(|&row| if classes[row] == 1 { 50.0 } else { -50.0 }).collect();
        let figures = problem.judge(&perfect, test).unwrap();
        assert_eq!(figures[..3], [1.0, 1.0, 1.0]);
        // σ(−50) = 2e-22, so these are 0 but for that.
        assert!(figures[3..6].iter().all(|figure| figure.abs() < 1e-20), "{figures:?}");
        assert_eq!(figures[6], 1.0);
        // Platt's targets are not sure: of some 6 positives in each half of the rows 1/8 stay in doubt.
        assert!((1e-6..1e-2).contains(&figures[7]), "{figures:?}");
        assert!(problem.judge(&perfect[1..], test).is_err());
        let all: Vec<usize> = (0..1599).collect();
        assert!(
            (f64::from(problem.prior_bias(&problem.counts(&all))[0]) - (64.0_f64 / 1537.0).ln()).abs() < 1e-6,
            "f32 rounding"
        );
    }

    #[test]
    fn six_classes_of_wine() {
        let problem = Problem::multiclass(wine::table(WineTask::Multiclass), 5, RareClasses::Refuse).unwrap();
        assert_eq!((problem.outputs(), problem.figures().len()), (6, 4));
        let test = &problem.folds(5, 0).unwrap()[0].test;
        let classes = problem.classes();
        let perfect = test.iter().flat_map(|&row| (0..6).map(move |c| (row, c)));
        let perfect: Vec<f32> = perfect.map(|(row, c)| f32::from(u8::from(classes[row] == c))).collect();
        assert_eq!(problem.judge(&perfect, test).unwrap()[..3], [1.0, 1.0, 1.0]);
        let constant = problem.judge(&vec![0.0; test.len() * 6], test).unwrap();
        // Always class 0: its recall is 1, the others' 0.
        assert!((constant[1] - 1.0 / 6.0).abs() < 1e-12 && constant[2] == 0.0);
        let shares: f32 = problem.prior_bias(&problem.counts(test)).iter().map(|bias| bias.exp()).sum();
        // Six f32 exponentials.
        assert!((shares - 1.0).abs() < 1e-6);
        assert!(matches!(problem.folds(11, 0), Err(FoldError::TooFewRows { count: 10, folds: 11, .. })));
    }

    #[test]
    fn rare_classes_are_named_and_taken_together_or_left_out() {
        let wines = || wine::table(WineTask::Multiclass);
        let error = Problem::multiclass(wines(), 20, RareClasses::Refuse).unwrap_err().to_string();
        assert!(error.contains("2 classes have fewer rows than the 20 folds: `3` (10 rows), `8` (18 rows)"), "{error}");
        let merged = Problem::multiclass(wines(), 20, RareClasses::Merge).unwrap();
        assert_eq!(merged.table.target.labels, ["4", "5", "6", "7", MERGED]);
        assert_eq!(merged.table.target.counts, [53, 681, 638, 199, 28]);
        let dropped = Problem::multiclass(wines(), 20, RareClasses::Drop).unwrap();
        assert_eq!(dropped.table.target.labels, ["4", "5", "6", "7"]);
        let rows = dropped.table.rows();
        assert!(
            rows == 1599 - 28
                && dropped.table.columns.iter().all(|column| match column {
                    crate::table::Column::Numeric { values, .. } => values.len() == rows,
                    crate::table::Column::Categorical { codes, .. } => codes.len() == rows,
                })
        );
        assert!(matches!(
            Problem::multiclass(wines(), 30, RareClasses::Merge),
            Err(TableError::RareTogether { rows: 28, folds: 30, .. })
        ));
        assert!(matches!(
            Problem::multiclass(wines(), 660, RareClasses::Drop),
            Err(TableError::OneLargeClass { most: 638, .. })
        ));
    }
}
