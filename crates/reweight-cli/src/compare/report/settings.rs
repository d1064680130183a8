//! Everything that the figures depend on, and the command that repeats them.

use crate::compare::comparison::Comparison;
use crate::compare::data::DataSummary;
use crate::compare::settings::TrainingSettings;
use crate::report::{Cell, Page, Section, Table};
use crate::versions::Versions;

pub(super) fn add(page: &mut Page, comparison: &Comparison) {
    let (data, training) = (&comparison.data, &comparison.settings.training);
    let section = page.section("Data, settings and versions");
    section.paragraph(if training.device.repeats_to_the_bit() {
        "This command repeats the comparison, to the bit where versions and processor are the same:"
    } else {
        "This command repeats the comparison; networks that are trained on a CUDA device may differ in their last bits:"
    });
    section.code(&comparison.command);

    self::data(section, data);
    self::training(section, training);
    if let Some(sentence) = comparison.settings.protocol.sentence(data.positive.is_some()) {
        section.paragraph(sentence);
    }
    let losses = comparison.settings.strategies.iter();
    let losses =
        losses.map(|strategy| (strategy.name.as_str(), serde_json::to_string(&strategy.loss).unwrap_or_default()));
    section.table(pairs("Losses", losses));
    versions(section, &comparison.versions);
}

/// What the data is, and how it was read.
pub(crate) fn data(section: &mut Section, data: &DataSummary) {
    let features: Vec<String> = data.features.iter().map(|feature| feature.name.clone()).collect();
    let labels: Vec<String> = data.labels.iter().map(|(label, rows)| format!("{label} ({rows})")).collect();
    let positive = data.positive.as_ref().map_or("all labels are told apart", String::as_str);
    section.table(pairs(
        "Data",
        [
            ("name", data.name.clone()),
            ("SHA-256", data.sha256.clone()),
            ("rows with a label", data.rows.to_string()),
            ("feature columns", format!("{}: {}", features.len(), features.join(", "))),
            ("target", data.target.clone()),
            ("labels (rows)", labels.join(", ")),
            ("positive label", positive.to_owned()),
        ],
    ));
    if !data.guesses.is_empty() {
        section.paragraph("How the file was read, and the option that changes it:");
        section.list(data.guesses.iter().map(ToString::to_string));
    }
}

/// How models were trained and judged.
pub(crate) fn training(section: &mut Section, training: &TrainingSettings) {
    let seeds: Vec<String> = training.seeds.iter().map(u64::to_string).collect();
    section.table(pairs(
        "Training and judging",
        [
            ("folds", training.folds.to_string()),
            ("seeds", seeds.join(", ")),
            ("epochs", training.epochs.to_string()),
            ("batch size", training.batch_size.to_string()),
            ("hidden layers", training.hidden_text()),
            ("optimiser", "Adam with decoupled weight decay".to_owned()),
            ("learning rate", training.learning_rate.to_string()),
            ("weight decay", training.weight_decay.to_string()),
            ("device", training.device.name().to_owned()),
        ],
    ));
}

/// What it was computed with.
pub(crate) fn versions(section: &mut Section, versions: &Versions) {
    let libraries = versions.libraries.iter().map(|(name, version)| (*name, version.clone()));
    let program = [("reweight", versions.reweight.to_owned())];
    let machine = [("platform", versions.platform.clone()), ("instructions", versions.instructions.to_owned())];
    section.table(pairs("Versions", program.into_iter().chain(libraries).chain(machine)));
}

/// A table of names and values.
pub(crate) fn pairs<'a>(caption: &str, rows: impl IntoIterator<Item = (&'a str, String)>) -> Table {
    let mut table = Table::new(caption, [""; 0]);
    rows.into_iter().for_each(|(name, value)| table.row([Cell::text(name), Cell::text(value)]));
    table
}
