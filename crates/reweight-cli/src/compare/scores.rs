//! The scores of a comparison's networks, each row's by networks that were not trained on it: what `reweight inspect` reads, and
//! what it prints of them.

use std::collections::HashSet;
use std::path::Path;

use reweight_lab::metrics::Ranking;
use reweight_lab::problem::Problem;
use reweight_lab::table::Missing;
use reweight_lab::table::label::key;
use reweight_lab::table::names::EXACT_LABEL;
use serde::Serialize;

use super::CompareError;
use super::comparison::Comparison;
use super::run::Run;
use crate::files::{WriteError, write_whole};

/// Digits behind the point that a score is written with, and counted with.
const DIGITS: usize = 6;

/// The logits of the rows that one strategy's networks have scored: the mean over the repeats.
#[derive(Debug)]
struct Scores {
    /// The rows, ascending.
    rows: Vec<usize>,
    /// Row after row, one a class or one in all.
    logits: Vec<f64>,
    /// Logits a row.
    outputs: usize,
}

/// A logit as a file of scores holds it.
fn text(logit: &f64) -> String {
    format!("{logit:.DIGITS$}")
}

impl Scores {
    fn of<'a>(problem: &Problem, runs: impl Iterator<Item = &'a Run>) -> Self {
        let outputs = problem.outputs();
        let mut logits = vec![0.0_f64; outputs * problem.table.rows()];
        let mut counts = vec![0_u32; problem.table.rows()];
        for run in runs {
            for (&row, scored) in run.test.iter().zip(run.logits.chunks_exact(outputs)) {
                counts[row] += 1;
                let sums = &mut logits[row * outputs..][..outputs];
                sums.iter_mut().zip(scored).for_each(|(sum, &logit)| *sum += f64::from(logit));
            }
        }
        let rows: Vec<usize> = (0..counts.len()).filter(|&row| counts[row] > 0).collect();
        // Moved to the front: no row that is not scored lies behind its place.
        for (place, &row) in rows.iter().enumerate() {
            for output in 0..outputs {
                logits[place * outputs + output] = logits[row * outputs + output] / f64::from(counts[row]);
            }
        }
        logits.truncate(rows.len() * outputs);
        Self { rows, logits, outputs }
    }
}

/// Figures of all rows at once, where a comparison's own are means over folds: networks of several folds need not agree on what a
/// score of 0 means, so that the two differ.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Pooled {
    /// Rows that were scored.
    pub rows: usize,
    /// The area under the ROC curve: what `reweight inspect` prints of the scores in the file of `--scores`.
    pub roc_auc: f64,
    /// The average precision.
    pub average_precision: f64,
}

/// The pooled figures of each strategy; none where there are more than two classes, or rows of one class alone.
pub(super) fn pooled(problem: &Problem, runs: &[Run], strategies: usize) -> Vec<Option<Pooled>> {
    let of = |strategy: usize| {
        let binary = problem.binary.as_ref()?;
        let scores = Scores::of(problem, runs.iter().filter(|run| run.strategy == strategy));
        let is_positive: Vec<bool> = scores.rows.iter().map(|&row| binary.is_positive[row]).collect();
        // As they are read again.
        let logits: Option<Vec<f64>> = scores.logits.iter().map(|logit| text(logit).parse().ok()).collect();
        let ranking = Ranking::new(&logits?, &is_positive).ok()?;
        let (roc_auc, average_precision) = (ranking.roc_auc(), ranking.average_precision());
        Some(Pooled { rows: is_positive.len(), roc_auc, average_precision })
    };
    (0..strategies).map(of).collect()
}

/// Writes each row's label and its logits under plain cross entropy. Rows that no finished network has scored are left out.
pub(super) fn write(path: &Path, problem: &Problem, comparison: &Comparison) -> Result<(), CompareError> {
    let refuse = |source: csv::Error| WriteError::new(path, source.into());
    let target = &problem.table.target;
    // The baseline is always the first.
    let scores = Scores::of(problem, comparison.runs.iter().filter(|run| run.strategy == 0));
    let mut writer = csv::Writer::from_writer(Vec::new());
    let label = |class: usize| target.labels[class].clone();
    // Named after the labels that they speak for, so that whoever reads them need not guess.
    let heads: Vec<String> = match &problem.binary {
        Some(binary) => vec![format!("logit_{}", binary.positive)],
        None => (0..problem.outputs()).map(|class| format!("logit_{}", label(class))).collect(),
    };
    let own = if are_plain(&target.labels) { "label" } else { EXACT_LABEL };
    writer.write_record([own.to_owned()].into_iter().chain(heads)).map_err(refuse)?;
    for (&row, logits) in scores.rows.iter().zip(scores.logits.chunks_exact(scores.outputs)) {
        let record = [label(target.classes[row])].into_iter().chain(logits.iter().map(text));
        writer.write_record(record).map_err(refuse)?;
    }
    let bytes = writer.into_inner().map_err(|error| refuse(error.into_error().into()))?;
    Ok(write_whole(path, &bytes)?)
}

/// Whether labels are read again as they are without being told: none in another's spelling, none as a missing one.
fn are_plain(labels: &[String]) -> bool {
    let (mut keys, missing) = (HashSet::new(), Missing::default());
    labels.iter().all(|label| keys.insert(key(label)) && !missing.is(label))
}
