//! The scores of a comparison's plain networks, as `reweight inspect` reads them.

use std::path::Path;

use super::CompareError;
use super::comparison::Comparison;
use crate::files::{WriteError, write_whole};
use crate::problem::Problem;

/// Writes each row's label and its logits under plain cross entropy, as given by networks that were not trained on it: the mean
/// over the repeats. Rows that no finished network has scored are left out.
pub(super) fn write(path: &Path, problem: &Problem, comparison: &Comparison) -> Result<(), CompareError> {
    let refuse = |source: csv::Error| WriteError::new(path, source.into());
    let target = &problem.table.target;
    let outputs = problem.outputs();
    let mut sums = vec![vec![0.0_f64; outputs]; problem.table.rows()];
    let mut counts = vec![0_u32; problem.table.rows()];
    // The baseline is always the first.
    for run in comparison.runs.iter().filter(|run| run.strategy == 0) {
        for (&row, logits) in run.test.iter().zip(run.logits.chunks_exact(outputs)) {
            counts[row] += 1;
            sums[row].iter_mut().zip(logits).for_each(|(sum, &logit)| *sum += f64::from(logit));
        }
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    let label = |class: usize| target.labels[class].clone();
    // Named after the labels that they speak for, so that whoever reads them need not guess.
    let heads: Vec<String> = match &problem.binary {
        Some(binary) => vec![format!("logit_{}", binary.positive)],
        None => (0..outputs).map(|class| format!("logit_{}", label(class))).collect(),
    };
    writer.write_record(["label".to_owned()].into_iter().chain(heads)).map_err(refuse)?;
    for (row, sums) in sums.iter().enumerate().filter(|(row, _)| counts[*row] > 0) {
        let logits = sums.iter().map(|sum| format!("{:.6}", sum / f64::from(counts[row])));
        writer.write_record([label(target.classes[row])].into_iter().chain(logits)).map_err(refuse)?;
    }
    let bytes = writer.into_inner().map_err(|error| refuse(error.into_error().into()))?;
    Ok(write_whole(path, &bytes)?)
}
