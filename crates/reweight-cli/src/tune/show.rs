//! The search on standard output: what is searched, the front, the outer folds, the verdict.

use std::io::{self, Write};

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};
use reweight_lab::table::guess;
use reweight_lab::text::{counted, wrapped};

use super::outcome::{Choice, Row, Tuned};
use super::settings::TuneSettings;
use super::verdict::{difference, verdict};
use crate::compare::data::DataSummary;
use crate::compare::show::{empty, task};
use crate::compare::verdict::amount_of;
use crate::strategy::BASELINE;
use crate::terminal::{heading, width};

/// What is about to be searched.
pub(super) fn head(
    out: &mut dyn Write,
    data: &DataSummary,
    settings: &TuneSettings,
    (trials, budget): (usize, &str),
) -> io::Result<()> {
    let training = &settings.training;
    let lines = [
        format!(
            "{}: {}, {}, {}",
            data.name,
            counted(data.rows as u64, "row"),
            counted(data.features.len() as u64, "feature column"),
            task(data)
        ),
        format!(
            "searching for {}: up to {} within each of {} × {} outer folds and once over all rows, by {} inner folds (hidden layers {}, {} in \
             batches of {}, Adam at {}); budget {budget}",
            settings.goal.name(),
            counted(trials as u64, "trial"),
            counted(training.seeds.len() as u64, "seed"),
            training.folds,
            settings.inner_folds,
            training.hidden_text(),
            counted(training.epochs.into(), "epoch"),
            training.batch_size,
            training.learning_rate,
        ),
    ];
    for line in lines {
        writeln!(out, "{}", wrapped(&line, width()))?;
    }
    guess::show(out, &data.guesses, width())?;
    writeln!(out)
}

/// The tables and the verdict, and unless `quiet` what they mean.
pub(super) fn show(out: &mut dyn Write, tuned: &Tuned, quiet: bool) -> io::Result<()> {
    let width = width();
    if tuned.partial {
        writeln!(out, "{}\n", wrapped(&partial(tuned), width))?;
    }
    writeln!(out, "{}\n{}\n", heading("On rows that no search saw"), judged(tuned, width))?;
    writeln!(out, "{}\n{}", heading("The front, of the search over all rows"), front(tuned, width))?;
    if !quiet {
        for line in legend(tuned) {
            writeln!(out, "{}", wrapped(&line, width))?;
        }
    }
    writeln!(out)?;
    for sentence in verdict(tuned) {
        writeln!(out, "{}", wrapped(&sentence, width))?;
    }
    if !quiet {
        writeln!(out, "\nRepeat it with:\n  {}", tuned.command)?;
    }
    Ok(())
}

/// How far a search came that did not come to its end.
pub(super) fn partial(tuned: &Tuned) -> String {
    let [done, all] = tuned.outer_done;
    format!(
        "Ended early: {} a search, and {done} of {all} outer folds; what follows is of these.",
        counted(tuned.trials_done as u64, "trial")
    )
}

fn judged(tuned: &Tuned, width: usize) -> Table {
    let mut table = fitting(width);
    let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
    let heads = ["plain CE", "the search's choice", "difference"];
    table.set_header(std::iter::once(Cell::new("")).chain(heads.map(|head| right(head.to_owned()))));
    for row in &tuned.judged {
        let arrow = if row.higher_is_better { '↑' } else { '↓' };
        let change = format!("{} {}", difference(row.paired.mean, row.is_share), mark(row));
        table.add_row([
            Cell::new(format!("{} {arrow}", row.title)),
            right(amount_of(row.plain.mean, row.is_share)),
            right(amount_of(row.chosen.mean, row.is_share)),
            right(change),
        ]);
    }
    table
}

/// Whether a difference is more than noise: `*` for better, `!` for worse.
pub(super) fn mark(row: &Row) -> &'static str {
    match row.paired.is_beyond_noise() {
        true if (row.paired.mean > 0.0) == row.higher_is_better => "*",
        true => "!",
        false => " ",
    }
}

fn front(tuned: &Tuned, width: usize) -> Table {
    let mut table = fitting(width);
    let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
    let [gain, lift, cost] = heads(tuned);
    let heads = [gain, lift, cost, "Brier, calibrated ↓"].map(|head| right(head.to_owned()));
    table.set_header(std::iter::once(Cell::new("loss")).chain(heads));
    for choice in with_plain(tuned) {
        let share = |value: f64| right(difference(value, true));
        let main = tuned.judged.first().is_some_and(|row| row.is_share);
        table.add_row([
            Cell::new(&choice.name),
            right(difference(choice.gain, main)),
            share(choice.lift),
            share(choice.cost),
            right(format!("{:.4}", choice.calibrated)),
        ]);
    }
    table
}

/// What gain, lift and cost are called.
pub(super) fn heads(tuned: &Tuned) -> [&'static str; 3] {
    if tuned.data.positive.is_some() {
        ["goal's gain ↑", "hardest positives' lift ↑", "negatives' cost ↓"]
    } else {
        ["goal's gain ↑", "rare classes' lift ↑", "common classes' cost ↓"]
    }
}

/// The front, with plain cross entropy behind it where that is not on it.
pub(super) fn with_plain(tuned: &Tuned) -> impl Iterator<Item = &Choice> {
    let is_on = tuned.front.iter().any(|choice| choice.name == BASELINE);
    tuned.front.iter().chain((!is_on).then_some(&tuned.plain))
}

fn fitting(width: usize) -> Table {
    let mut table = empty();
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
    table
}

/// What the tables' marks and figures mean, a paragraph each.
pub(super) fn legend(tuned: &Tuned) -> Vec<String> {
    let lift = if tuned.data.positive.is_some() {
        "Lift: by how much fewer negatives score above the tenth of the positives that scores lowest. Cost: how many more of the positives the top \
         hundredth of the negatives stands above."
    } else {
        "Lift: what the mean recall of the rare classes gains, those with less than their share of the rows. Cost: what that of the others loses."
    };
    vec![
        format!(
            "Means over the outer folds: the search within each fold's training rows chose, and both losses were trained on all of these; * better, \
             ! worse, beyond the noise (95\u{a0}%, corrected resampled t-test). {BASELINE} has its threshold tuned as every loss has."
        ),
        format!("{lift} Both, and the gain, over {BASELINE} on the inner folds: promises, not results."),
    ]
}
